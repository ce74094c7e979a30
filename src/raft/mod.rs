//! The consensus core.
mod configuration;
mod effects;
mod message;
mod types;

pub use configuration::Configuration;
pub use effects::{Effects, Persist, ReadReady};
pub use message::{AppendOutcome, Body, Message};
pub use types::{Entry, Index, NodeId, Payload, Position, Term, Vote};
