//! The consensus core: Raft as a pure state machine.
//!
//! ```text
//!   tick, step, propose, read, persisted          Effects: persist -> send -> apply -> reply
//!        ───────────────────────────────▶  Raft  ───────────────────────────────────────────▶
//! ```
//!
//! A cluster keeps one log of commands on several nodes, so that it survives the loss of a minority of them. [`Raft`] is one
//! node of it, without anything around it: a method takes one input, [`Raft::effects`] gives back everything that follows,
//! for the outside to carry out. The core has no async, clock, disk, socket or global randomness. Time is ticks, randomness
//! is a seed handed in, and the same inputs give the same effects, always. That is what lets the node in production, the
//! golden scripts, random storms, the model checker and the simulated cluster all run this very code.
//!
//! # The protocol in short
//!
//! **Terms and elections.** Time is divided into terms (§5.1), each with at most one leader. A node remembers the latest
//! term and its vote in it on disk ([`Vote`]): one vote a term, for a candidate whose log is at least as up-to-date as its
//! own ([`Position`] orders logs by term, then by index; §5.4.1). A majority of votes makes a leader. Whoever hears from no
//! leader for an election timeout first asks whether it could win (pre-vote), so that a node that cannot win raises nobody's
//! term; and a voter that hears from a leader helps nobody to depose it. A leader that a majority does not answer within an
//! election timeout steps down (check-quorum).
//!
//! **Replication.** The leader appends commands to its log and sends them on; each append names the entry before it, and a
//! follower takes it only if its own log holds that very entry. So logs that agree in one place agree up to there (§5.3).
//! What conflicts is replaced by what the leader has. The leader tracks each peer by a `Progress`, as etcd's raft does: it
//! *probes* where the logs agree with one message at a time, then *replicates* within a window of inflights, or sends a
//! *snapshot* if its log no longer reaches back far enough.
//!
//! **Commit.** An entry is committed when a majority holds it durably, and it, or one after it, is of the leader's own term
//! (§5.4.2, figure 8). Committed entries are on every later leader's log, never change, and are handed out in order to be
//! applied. A new leader appends an entry of its own at once: with it everything that it inherited commits.
//!
//! **Reads.** To read linearizably the leader notes its commit index, makes sure by a round of heartbeats that it still
//! leads, and allows the read once that index is applied (ReadIndex). With leases it saves the round, as long as the clocks
//! of the cluster run at about the same rate.
//!
//! **Membership.** A [`Configuration`] is an entry of the log, in force as soon as it is appended. A change goes through a
//! joint configuration, in which majorities of the old and of the new voters must both agree (§6). New voters learn the log
//! first, as learners. Ids are never used again.
//!
//! **Snapshots.** The log is compacted up to a position that the state machine holds durably. A peer that needs what is gone
//! is sent the state itself, in a stream that the outside carries out and this core begins, admits and cancels.
//!
//! # The rules of this implementation
//!
//! - **Order.** What [`Effects`] holds is carried out in the order persist, send, apply, reply. A message that promises that
//!   something is durable (a vote, an acknowledged append) is one of the write's [`Persist::promises`] and has no other way
//!   out. Everything else may leave while the disk still works: a leader replicates in parallel to its own write, and counts
//!   its own copy only once that is durable.
//! - **One gate for terms.** [`Raft::step`] compares a message's term with the node's own before anything else looks at it.
//!   What is older is answered with the present term or dropped, what is newer makes the node a follower in that term.
//! - **One place where roles change**, `Raft::transition`. What only a leader, a candidate or a follower needs is data of that
//!   role (`role.rs`) and goes with it.
//! - **Everything gathers until `effects`.** Inputs may be given many at a time. What they lead to shares one write, one
//!   message a peer and one read round.
//! - **Nothing is applied that this node does not hold durably**, so its state never runs ahead of its log.
//! - **The invariants are asserted** where they could break: terms and the commit index only grow, a vote never changes within
//!   its term, committed entries are never truncated, entries are consecutive.
//!
//! # What it does not do
//!
//! - It trusts its peers to follow the protocol: crashes, lost, doubled, late and reordered messages are survived. What no
//!   peer could say is refused and changes nothing; a lie that could be true is believed (Byzantine faults).
//! - It trusts the disk to keep what it said it holds, or to be gone as a whole (`incarnation.rs`).
//! - Leases rest on clocks, and are off unless configured; nothing else does.
//! - The whole log since the last compaction is in memory; a leader has one [`Body::AppendRequest`] for entries, without
//!   witnesses, flexible quorums or batching across groups.
//! - Commands are opaque. Exactly-once, sessions and reads at an index are the state machine's.
//!
//! # The files
//!
//! | file | idea |
//! | --- | --- |
//! | `raft.rs` | the node: its inputs, the one gate for terms, the one place where roles change |
//! | `role.rs` | what each role knows |
//! | `election.rs` | pre-vote, vote, check-quorum |
//! | `replication.rs` | append, match, commit |
//! | `read_index.rs` | linearizable reads without the log |
//! | `lease.rs` | linearizable reads without a round, if the clocks may be trusted |
//! | `membership.rs`, `configuration.rs` | joint consensus, learners |
//! | `snapshot.rs` | the state in place of the log that led to it: compaction, streams |
//! | `transfer.rs` | handing leadership over: by hand, by priority, before a node stops |
//! | `message.rs`, `effects.rs` | the messages between nodes, and what the outside is asked to do |
//! | `types.rs`, `entry.rs` | ids, terms, positions, entries |
//! | `validation.rs`, `refusal.rs` | what a message must be, to be believed; why one is not |
//! | `incarnation.rs` | a node that lost its disk is not the node that it was |
//! | `log.rs`, `writes.rs` | the log in memory, and what of it is on disk |
//! | `progress.rs`, `quorum.rs`, `random.rs` | the arithmetic of peers, majorities and timeouts |
//!
//! [`Raft`] is one type, split by topic, and so are its parts `Shared` (what every role knows) and `Role` with `Leader`: each
//! topic's file has what the topic remembers, and an `impl` of those that act on it. The files of the messages, the log and the
//! arithmetic know nothing of them.
//!
//! # Our words
//!
//! | here | the papers | etcd's raft |
//! | --- | --- | --- |
//! | [`Effects`] | | `Ready` |
//! | [`Persist`], [`Raft::persisted`] | | `Entries` and `HardState` of a `Ready`, `MsgStorageAppendResp` |
//! | [`Persist::promises`] | responses, which are sent after the state is on disk | `MsgStorageAppend`'s `Responses` |
//! | [`Body::AppendRequest`] | AppendEntries RPC | `MsgApp` |
//! | [`Body::VoteRequest`], [`Body::PreVoteRequest`] | RequestVote RPC | `MsgVote`, `MsgPreVote` |
//! | `Inflights`, `Progress` | `nextIndex`, `matchIndex` | `Inflights`, `Progress` |
//! | `outgoing` and `voters` of a joint configuration | C-old and C-new | `VotersOutgoing`, `Voters` |
//! | `wanted` | the new servers while they catch up (thesis, §4.2.1), and with them those that stay | none: who promotes a learner waits |
//! | `gone` | | members that were removed, which etcd's server remembers, not its raft |
//! | [`Incarnation`] | | none: who lost its disk is removed, and added under a new id |
//! | validating a message | | none: a panic, or believed |
//! | compacted, [`Compacted`] | the last index and term that a snapshot includes | `Snapshot.Metadata` |
//!
//! `docs/consensus.md` says for each feature what it promises and which test would notice if it did not. Sections (§) are of
//! "In Search of an Understandable Consensus Algorithm" (the Raft paper), or where it says so of Ongaro's thesis.

mod configuration;
mod effects;
mod election;
mod entry;
mod incarnation;
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
mod refusal;
mod replication;
mod role;
mod snapshot;
mod transfer;
mod types;
mod validation;
mod writes;

pub use configuration::{Configuration, Members};
pub use effects::{Compacted, Effects, Persist, ReadReady, SendSnapshot};
pub use entry::{Entry, Payload, Snapshot};
pub use lease::Lease;
pub use membership::{CAUGHT_UP_ENTRIES, ChangeError};
pub use message::{AppendOutcome, Body, InstallFailure, Message};
pub use progress::{PeerView, Window};
pub use raft::{InitialState, Options, ProposeError, Proposed, Raft};
pub use refusal::{Refusal, Refused};
pub use role::RoleName;
pub use snapshot::{COMPACTION_STEP, PieceRefusal};
pub use types::{ClusterId, Incarnation, Index, NodeId, Origin, Position, StreamId, Term, Vote};
