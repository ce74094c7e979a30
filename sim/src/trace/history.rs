//! What clients asked and were told, gathered from the events of a run.

use super::{ClientEvent, Event, LargeEvent, Operation};

/// The operations of all clients.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// By their numbers.
    pub operations: Vec<Operation>,
    /// What clients of large values did and were told.
    pub large: Vec<LargeEvent>,
}

impl History {
    /// An event at this time.
    ///
    /// # Errors
    /// An operation is not called in its turn, or answered before it is called: no run tells that.
    pub fn add(&mut self, at_ns: u64, event: &Event) -> Result<(), String> {
        match event {
            Event::Client { client, operation, event: ClientEvent::Called(call) } => {
                if *operation != self.operations.len() {
                    return Err(format!(
                        "operation {operation} is called, but it is the turn of {}",
                        self.operations.len()
                    ));
                }
                let call = call.clone();
                self.operations.push(Operation { client: *client, called_ns: at_ns, call, answer: None });
            }
            Event::Client { operation, event: ClientEvent::Answered(answer), .. } => {
                let called = self.operations.get_mut(*operation);
                let called = called.ok_or_else(|| format!("operation {operation} was never called"))?;
                if called.answer.replace((at_ns, answer.clone())).is_some() {
                    return Err(format!("operation {operation} is answered twice"));
                }
            }
            Event::Large(event) => self.large.push(event.clone()),
            _ => {}
        }
        Ok(())
    }
}
