//! How a simulation reaches into what it runs: rare states that are reached, points that it switches on, and knobs that it sets. In
//! production there is none of it.
//!
//! Each simulated world has a thread of its own; so what has hooks is that thread, and nothing has to hand them on. Code that runs
//! without a world, as in unit tests, has none.

use std::time::Duration;
#[cfg(madsim)]
use std::{cell::RefCell, rc::Rc};

use super::{Buggify, Clock, Knob, Rare};

/// Notes that a rare state is reached, if a condition holds: `sometimes!(waiting == MAX, QueueFull)`. In production neither the
/// condition nor the note is compiled.
macro_rules! sometimes {
    ($rare:ident) => {
        sometimes!(true, $rare)
    };
    ($condition:expr, $rare:ident) => {
        if cfg!(madsim) && $condition {
            $crate::env::reached($crate::env::Rare::$rare);
        }
    };
}

pub(crate) use sometimes;

/// Whether a point fires now. In production none ever does.
#[cfg(not(madsim))]
#[inline(always)]
pub(crate) const fn buggify(_: Buggify) -> bool {
    false
}

/// Pauses for some milliseconds if a point fires. In production it is no pause.
#[cfg(not(madsim))]
#[inline(always)]
pub(crate) async fn buggify_pause(_: Buggify, _: &Clock) {}

/// Time passes if a point fires, as while a process waits for a page or for the processor: within whatever it is at, and for all of it.
/// In production it is no pause.
#[cfg(not(madsim))]
#[inline(always)]
pub(crate) fn buggify_stall(_: Buggify) {}

/// A rare state is reached: see [`sometimes`].
#[cfg(not(madsim))]
#[inline(always)]
pub(crate) const fn reached(_: Rare) {}

/// What a knob is set to, or else this. In production it is always this.
#[cfg(not(madsim))]
#[inline(always)]
pub(crate) const fn knob(_: Knob, or_else: usize) -> usize {
    or_else
}

/// What a knob is set to, or else this.
#[cfg(madsim)]
pub(crate) fn knob(knob: Knob, or_else: usize) -> usize {
    with(|hooks| hooks.knob(knob)).flatten().map_or(or_else, |set| set as usize)
}

/// The same for a time.
pub(crate) fn knob_ms(knob: Knob, or_else: Duration) -> Duration {
    match cfg!(madsim) {
        true => Duration::from_millis(self::knob(knob, or_else.as_millis() as usize) as u64),
        false => or_else,
    }
}

/// Whether a point fires now.
#[cfg(madsim)]
pub(crate) fn buggify(point: Buggify) -> bool {
    with(|hooks| hooks.fires(point)).unwrap_or(false)
}

/// Pauses for some milliseconds if a point fires.
#[cfg(madsim)]
pub(crate) async fn buggify_pause(point: Buggify, clock: &Clock) {
    if buggify(point)
        && let Some(pause_us) = with(|hooks| hooks.pause_us(point))
    {
        clock.sleep(Duration::from_micros(pause_us)).await;
    }
}

/// Time passes if a point fires: see the other one.
#[cfg(madsim)]
pub(crate) fn buggify_stall(point: Buggify) {
    if buggify(point) {
        with(|hooks| hooks.stall(point));
    }
}

/// A rare state is reached: see [`sometimes`].
#[cfg(madsim)]
pub(crate) fn reached(rare: Rare) {
    with(|hooks| hooks.reached(rare));
}

/// What a simulation does with them.
#[cfg(madsim)]
pub trait Hooks {
    /// A rare state is reached.
    fn reached(&self, rare: Rare);

    /// Whether a point fires now.
    fn fires(&self, point: Buggify) -> bool;

    /// What a knob is set to, if it is.
    fn knob(&self, knob: Knob) -> Option<u64>;

    /// How long whoever comes to a point that fires pauses there, in microseconds.
    fn pause_us(&self, point: Buggify) -> u64;

    /// Lets time pass for the machine that runs now, which has to stand still for as long.
    fn stall(&self, point: Buggify);
}

#[cfg(madsim)]
thread_local! {
    static HOOKS: RefCell<Option<Rc<dyn Hooks>>> = const { RefCell::new(None) };
}

/// The hooks of a thread, until it is dropped.
#[cfg(madsim)]
#[must_use = "the hooks are gone when this is dropped"]
#[derive(Debug)]
pub struct Hooked(());

/// From now on what runs on this thread reaches these.
#[cfg(madsim)]
pub fn hook(hooks: Rc<dyn Hooks>) -> Hooked {
    HOOKS.with(|present| *present.borrow_mut() = Some(hooks));
    Hooked(())
}

#[cfg(madsim)]
impl Drop for Hooked {
    fn drop(&mut self) {
        HOOKS.with(|present| *present.borrow_mut() = None);
    }
}

/// Acts upon the hooks of this thread. `None`: there are none.
#[cfg(madsim)]
fn with<T>(act: impl FnOnce(&dyn Hooks) -> T) -> Option<T> {
    let hooks = HOOKS.with(|present| present.borrow().clone())?;
    Some(act(&*hooks))
}
