//! Panics caught, with what they say.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    static IS_CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// Runs it; a panic becomes its message. Nothing is printed, for there may be thousands.
pub(crate) fn caught(run: impl FnOnce()) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_CATCHING.get() {
                loud(panic);
            }
        }));
    });
    IS_CATCHING.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    IS_CATCHING.set(false);
    outcome.map_err(|panic| message(panic.as_ref()))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let fixed = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
    let formatted = || panic.downcast_ref::<String>().cloned();
    fixed.or_else(formatted).unwrap_or_default()
}
