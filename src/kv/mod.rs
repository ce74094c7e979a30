//! The replicated state machine: command in, reply out. It is pure: its state lies in the tables of a [`Write`], its
//! clock is the time that leaders stamp into commands.
//!
//! Like etcd, the store has one revision, which each write that changes something raises by one, and keeps every
//! version of every key, so that it can be read as it was, until that past is compacted.
//!
//! ```text
//!  Current: key ─▶ latest version      History: revision ─▶ what was written or deleted, and what was there before
//!                                                ▲ append only; compaction drops its beginning
//!                                      Index: key, revision at which a version ended
//! ```
//!
//! - [`Applier`] applies batches of the log; [`RangeScan`] reads; [`Header`] says where the state stands.
//! - Sessions make a retried write apply once: a command's [`Stamp`] finds the reply of the first attempt.
//! - [`Header::state_hash`] is equal on all replicas at equal applied index; [`recompute_content`] checks a
//!   replica against itself.
//!
//! | file | idea |
//! | --- | --- |
//! | `command.rs`, `reply.rs` | what the log asks, and what it is answered; what is refused |
//! | `apply.rs` | entries in the order of the log, each once: order, stamps, which operation |
//! | `put.rs`, `delete_range.rs`, `compaction.rs`, `alarm.rs` | the operations |
//! | `session.rs` | sessions: the reply of a write that is tried again |
//! | `range.rs`, `range_scan.rs` | reads: what is asked, and the scan that answers, in steps |
//! | `past.rs` | what a key was at a revision |
//! | `span.rs` | the keys that a request means |
//! | `record.rs`, `codec.rs` | the stored forms of versions and events |
//! | `ledger.rs`, `hash.rs` | the store as it is written, and the digest of its contents |
//! | `header.rs` | where the state stands |
//! | `store.rs`, `memory.rs` | the tables that a store must have; a store in memory |
//! | `error.rs` | failures of the store, and scans that find them |
//! | `tests/` | stories, a model, sessions, damage, what a format promises |

mod alarm;
mod apply;
mod codec;
mod command;
mod compaction;
mod delete_range;
mod error;
mod hash;
mod header;
mod ledger;
mod memory;
mod past;
mod put;
mod range;
mod range_scan;
mod record;
mod reply;
mod session;
mod span;
mod store;
#[cfg(test)]
mod tests;

pub use alarm::AlarmRequest;
pub(crate) use apply::replace_members;
pub use apply::{Applier, members};
pub use command::{Command, DeleteRange, KEY_BYTES_MAX, Operation, Put, Stamp, VALUE_BYTES_MAX, validate};
pub(crate) use command::{validate_delete, validate_put, validate_session};
pub use compaction::Pruner;
pub use error::Error;
pub use hash::Digest;
pub use header::Header;
pub use ledger::recompute_content;
pub use memory::MemoryStore;
pub use range::{RangeRejection, RangeRequest, RangeSummary, SORTED_BYTES_MAX, SortOrder, SortTarget};
#[cfg(test)]
pub(crate) use range_scan::{RangeReply, range, range_in_steps};
pub use range_scan::{RangeScan, StepBudget};
pub use reply::{KeyValue, PREV_KVS_BYTES_MAX, Rejection, Reply};
pub use session::SESSION_IDLE_MS_MAX;
pub use store::{KeyRange, Read, Table, Visit, Write};
