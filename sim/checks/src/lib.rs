//! What must always hold of the consensus, whoever watches: the simulation, random storms, the model checker.
//!
//! ```text
//!   observers ─▶ Oracle ─▶ rules ( facts, what happened ) ─▶ Failure
//!                  ├─────▶ probes ( facts, what happened ) ─▶ Probe
//!                  ├─────▶ facts: take note of it
//!                  └─────▶ CoreEvent ─▶ the trace of the run
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `oracle.rs` | sees all nodes of a run at once, and their disks across crashes |
//! | `observation.rs` | what it is told |
//! | `overhearer.rs` | tells it what processes say that nobody judges |
//! | `standing.rs` | how a node stands, and what keeps it from getting on |
//! | `availability.rs`, `service.rs` | what must go on while faults last: at the voters, and at the proxies |
//! | `surroundings.rs` | what they are told of the world, and how long things may take |
//! | `fault_budget.rs` | what faults may take away for good |
//! | `disk.rs` | what a log's disk holds, by what was written to it |
//! | `facts/` | what is true of all nodes together; no judging |
//! | `invariants/` | the rules, one file a family |
//! | `specification/` | what may happen: Raft as guarded transitions, the second opinion on every step |
//! | `rule.rs`, `failure.rs` | the names of the rules; one that broke, as data |
//! | `probe.rs`, `probes/` | rare states that runs should reach: their names, and what looks for them |
//! | `history/` | what clients were told, judged |
//! | `host/` | carries out what a core asks for, in memory |
//! | `event.rs`, `trace.rs` | what happened in a run, as data; its hash |
//! | `trial.rs` | what rules are tried with, in the tests of this package and of runs |
//! | `hash.rs`, `draw.rs` | hashes and random draws that are the same everywhere |
//!
//! It needs nothing of Conclave but the core (`conclave::raft`), and builds with and without the simulator.

mod availability;
mod disk;
pub mod draw;
mod event;
mod facts;
mod failure;
mod fault_budget;
mod hash;
pub mod history;
pub mod host;
mod invariants;
mod observation;
mod oracle;
mod overhearer;
mod probe;
mod probes;
mod rule;
mod service;
mod specification;
mod standing;
mod surroundings;
mod trace;
pub mod trial;

pub use availability::{Availability, Stretches};
pub use event::{CoreEvent, StoredEntries, StoredVote};
pub use failure::Failure;
pub use fault_budget::FaultBudget;
pub use hash::StableHash;
pub use invariants::{is_promise_kept, may_follow, may_wait, without_quorum};
pub use oracle::{Counts, Oracle};
pub use overhearer::Overhearer;
pub use probe::Probe;
pub use rule::Rule;
pub use standing::Standings;
pub use surroundings::{Bounds, Proxy, Surroundings};
pub use trace::{Timed, Trace};
