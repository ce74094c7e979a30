//! The replicated state machine.
mod store;

pub use store::{KeyRange, Read, Table, Visit, Write};
