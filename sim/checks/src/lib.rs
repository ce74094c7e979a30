//! What must always hold of the consensus, whoever watches: the simulation, random storms, the model checker.
//!
//! ```text
//!   observers ─▶ Oracle ─▶ rules ( facts, what happened ) ─▶ Failure
//!                  ├─────▶ facts: take note of it
//!                  └─────▶ CoreEvent ─▶ the trace of the run
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `oracle.rs` | sees all nodes of a run at once, and their disks across crashes |
//! | `observation.rs` | what it is told |
//! | `fault_budget.rs` | what faults may take away for good |
//! | `disk.rs` | what a log's disk holds, by what was written to it |
//! | `facts/` | what is true of all nodes together; no judging |
//! | `invariants/` | the rules, one file a family |
//! | `rule.rs`, `failure.rs` | the names of the rules; one that broke, as data |
//! | `host/` | carries out what a core asks for, in memory |
//! | `event.rs`, `trace.rs` | what happened in a run, as data; its hash |
//! | `hash.rs`, `draw.rs` | hashes and random draws that are the same everywhere |
//!
//! It needs nothing of Conclave but the core (`conclave::raft`), and builds with and without the simulator.

mod disk;
pub mod draw;
mod event;
mod facts;
mod failure;
mod fault_budget;
mod hash;
pub mod host;
mod invariants;
mod observation;
mod oracle;
mod rule;
mod trace;

pub use event::{CoreEvent, StoredEntries, StoredVote};
pub use failure::Failure;
pub use fault_budget::FaultBudget;
pub use hash::StableHash;
pub use invariants::{is_promise_kept, may_follow, without_quorum};
pub use oracle::Oracle;
pub use rule::Rule;
pub use trace::{Timed, Trace};
