//! Is there an order of the operations, each at some instant between its call and its return, that one copy of the
//! data would have answered the same way (Herlihy and Wing 1990)?
//!
//! - `search.rs` looks for such an order: Wing and Gong's search with Lowe's memory of configurations.
//! - `model.rs` says what one copy of the data would answer.

mod model;
mod search;
#[cfg(test)]
mod tests;

pub use model::{
    AppendCall, AppendMap, KeyAnswer, KeyCall, KeyModel, KeyReturn, KeyState, Model, Register, RegisterCall,
    RegisterReturn,
};
pub use search::{Operation, Verdict, check};
