//! The consensus core.
mod configuration;
mod types;

pub use configuration::Configuration;
pub use types::{Entry, Index, NodeId, Payload, Position, Term, Vote};
