//! Is a concurrent history linearizable? That is: is there an order of its operations, each at some instant between
//! its call and its return, in which one copy of the data would have given the same answers (Herlihy and Wing 1990)?
//!
//! | file | idea |
//! | --- | --- |
//! | `model.rs` | what one copy of the data would answer: the [`Model`] that a user of this crate writes |
//! | `history.rs` | what was asked, what was answered, and when: an [`Operation`] |
//! | `search.rs`, `timeline.rs` | the search for an order (Wing and Gong 1993), with a memory of configurations (Lowe 2017) |
//! | `configurations.rs`, `states.rs` | that memory |
//! | `witness/` | no search: answers that carry revisions tell the order, which is verified across all keys |
//! | `kv.rs` | a model whose answers do: a store with put, delete, get and range |
//! | `recorded/` | formats and models of histories that other systems left |
//! | `picture.rs` | operations as a reader sees them |
//! | `exhaustive.rs` | the definition carried out literally, for tests of a model |
//!
//! # Example
//!
//! A register that can be written and read:
//!
//! ```
//! use linearizability::{Model, Operation, Verdict, check};
//!
//! struct Register;
//!
//! #[derive(PartialEq)]
//! enum Call {
//!     Write(u32),
//!     Read,
//! }
//!
//! impl Model for Register {
//!     type State = u32;
//!     type Call = Call;
//!     /// What a read returned; a write returns nothing.
//!     type Return = Option<u32>;
//!
//!     fn initial() -> u32 {
//!         0
//!     }
//!
//!     fn step(state: &u32, call: &Call, returned: Option<&Option<u32>>) -> Option<u32> {
//!         match (call, returned) {
//!             (Call::Write(value), _) => Some(*value),
//!             (Call::Read, Some(Some(read))) => (read == state).then_some(*state),
//!             (Call::Read, _) => Some(*state),
//!         }
//!     }
//! }
//!
//! let write = Operation { called: 0, returned: Some((9, None)), call: Call::Write(1) };
//! let early = Operation { called: 1, returned: Some((2, Some(1))), call: Call::Read };
//! let late = Operation { called: 3, returned: Some((4, Some(0))), call: Call::Read };
//!
//! // The write overlaps both reads. But whoever reads after the first read sees what it saw.
//! let Verdict::NotLinearizable(evidence) = check::<Register>(&[write, early, late], 1_000) else {
//!     panic!("a value came back from the past")
//! };
//! assert_eq!(evidence.explained, [0, 1]);
//! assert_eq!(evidence.stuck, [2]);
//! ```
//!
//! # Cost
//!
//! The problem is NP-complete: the search is bounded in steps, and says so when it was cut short. What helps most is to
//! split a history into parts that do not concern each other ([`Model::partition`]), and to tell the search what the
//! answers themselves say of the order ([`Model::revision`]).

mod configurations;
pub mod exhaustive;
mod history;
pub mod kv;
mod model;
mod picture;
pub mod recorded;
mod search;
mod states;
mod timeline;
mod witness;

pub use history::{Operation, partition_by_key};
pub use model::Model;
pub use picture::{Drawn, picture};
pub use search::{Effort, Evidence, Verdict, check, check_while};
pub use witness::{
    Claim, Contradiction, Later, Outlook, Reason, Testimony, Witnessed, check_witnessed,
    check_witnessed_while,
};
