//! What clients asked and were told, gathered from the events of a run.

use conclave_checks::history::{History, Operation};

use super::{ClientEvent, Event};

/// A history goes on with an event at this time.
///
/// # Errors
/// An operation is not called in its turn, or answered before it is called: no run tells that.
pub(crate) fn take(history: &mut History, at_ns: u64, event: &Event) -> Result<(), String> {
    let operations = &mut history.operations;
    match event {
        Event::Client { client, operation, event: ClientEvent::Called(call) } => {
            let turn = operations.len();
            if *operation != turn {
                return Err(format!("operation {operation} is called, but it is the turn of {turn}"));
            }
            let call = call.clone();
            operations.push(Operation { client: *client, called_ns: at_ns, call, answer: None });
        }
        Event::Client { operation, event: ClientEvent::Answered(answer), .. } => {
            let called = operations.get_mut(*operation);
            let called = called.ok_or_else(|| format!("operation {operation} was never called"))?;
            if called.answer.replace((at_ns, answer.clone())).is_some() {
                return Err(format!("operation {operation} is answered twice"));
            }
        }
        Event::Large(event) => history.large.push(event.clone()),
        _ => {}
    }
    Ok(())
}
