//! The consensus core: Raft as a pure state machine.
//!
//! ```text
//!   tick, step, propose, read, persisted          Effects: persist -> send -> apply -> reply
//!        ───────────────────────────────▶  Raft  ───────────────────────────────────────────▶
//! ```
//!
//! A method takes one input; [`Raft::effects`] gives back everything that follows, for the outside to carry out. The
//! core performs none of it: it has no async, clock, disk, socket or global randomness. Time is ticks, randomness is
//! a seed handed in. The same inputs give the same effects, always.
//!
//! | file | idea |
//! | --- | --- |
//! | `raft.rs` | the node: its inputs, the one gate for terms, the one place where roles change |
//! | `election.rs` | pre-vote, vote, check-quorum |
//! | `replication.rs` | append, match, commit |
//! | `read_index.rs` | linearizable reads without the log |
//! | `lease.rs` | linearizable reads without a round, if the clocks may be trusted |
//! | `membership.rs`, `configuration.rs` | joint consensus, learners |
//! | `snapshot.rs` | the state in place of the log that led to it |
//! | `transfer.rs` | handing leadership over; priorities |
//! | `log.rs`, `writes.rs` | the log in memory, and what of it is on disk |
//! | `progress.rs`, `quorum.rs` | the arithmetic of peers and majorities |
//!
//! References to sections are to "In Search of an Understandable Consensus Algorithm" (the Raft paper), or where it
//! says so to Ongaro's thesis.

mod configuration;
mod effects;
mod election;
mod lease;
mod log;
mod membership;
mod message;
mod progress;
mod quorum;
#[allow(clippy::module_inception)]
mod raft;
mod random;
mod read_index;
mod replication;
mod role;
mod snapshot;
mod transfer;
mod types;
mod writes;

pub use configuration::{Configuration, Members};
pub use effects::{Compacted, Effects, Persist, ReadReady, SendSnapshot};
pub use lease::Lease;
pub use membership::ChangeError;
pub use message::{AppendOutcome, Body, Message};
pub use raft::{InitialState, Options, PeerView, ProposeError, Proposed, Raft};
pub use role::RoleName;
pub use types::{Entry, Index, NodeId, Payload, Position, Snapshot, Term, Vote};
