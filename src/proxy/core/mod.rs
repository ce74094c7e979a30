//! The proxy's core: it decides where each call goes, when it is sent again, and what its caller is told. Like the
//! consensus core it is pure: no task, clock, socket or randomness. Inputs go in, time among them; effects come out,
//! and the edge carries them out.
//!
//! ```text
//!  a call · a caller that left ──▶ ┌────────┐ ──▶ send (link, request)    answer (call, outcome or error)
//!  link up · leadership ·          │ Router │ ──▶ dial (link, address)    hang up (link)
//!  replies · link down · time ───▶ └────────┘ ──▶ wake at (the next deadline or retry)
//! ```
//!
//! # The rules
//!
//! 1. **Every call gets exactly one answer**, by its deadline, however the cluster changes meanwhile; none if its
//!    caller left.
//! 2. **Writes and linearizable reads go to the leader**, serializable reads to any node. The leader is whoever the
//!    latest term that any node *on an open link* speaks of says it is (`links.rs`).
//! 3. **A lost link, or a new leader, is no answer.** What was under way there is sent again, writes under the same
//!    number, so that they apply once (`exactly_once.rs`). What was refused for the moment is sent again after a pause
//!    that doubles, or as soon as there is another leader.
//! 4. **What is not known is not guessed.** Only an attempt that was refused certainly did nothing; one that was sent
//!    and not refused may have worked. `outcome.rs` says for each end of a call what its caller is told.
//! 5. **A caller who left is not waited for.** What was never sent is never sent. A write that is under way is not sent
//!    again, but its number is not settled before it is answered, or its deadline comes. A read that nobody waits for is
//!    cancelled at its node.
//! 6. **Everything is bounded** (`limits.rs`): calls by count and, if large, by bytes; what is under way on a link by
//!    bytes, the rest waits here. Small calls have a queue and room of their own, so that large ones do not stop them.
//! 7. **A large answer comes in pieces** (`assembly.rs`), all of one attempt: what came of another is worth nothing. All of
//!    them together hold no more than a proxy may hold; an answer beyond that is refused, and cancelled.
//!
//! # The life of a call
//!
//! ```text
//!            ┌────────────────────────── refused for the moment: BackingOff ◀─┐
//!            ▼                                                                │
//!  call ──▶ Waiting(Leader | AnyNode) ──▶ Sent(link) ──▶ answered             │
//!            │ ▲          ▲                 │  └────────────────────────────▶─┘
//!            ▼ │          └─────────────────┘ the link is lost, or another node leads
//!      Waiting(Session)
//! ```
//!
//! A call is in one place at a time, and each place is an ordered index (`calls.rs`): so a lost link, a new leader, a
//! deadline or a session touch their own calls and no others. Deadlines are one more index beside it.
//!
//! # Honest limits
//!
//! - A session lives in the proxy's memory. When the proxy dies its clients do not know what became of their writes,
//!   and the library does not send them again.
//! - When a session expires (an hour without a write reaches the cluster), a write that was sent before may have been
//!   applied by an earlier attempt: its outcome is unknown.
//! - Bytes are counted until a call has its answer or its deadline. What an expired call has left behind in the buffers
//!   of a stream that stands still is bounded by the silence that ends the link.
//! - A proxy that was not given a cluster's id decides by its addresses which cluster is meant, and cannot while fewer
//!   than half of them lead to one (`links.rs`).
//!
//! | file | idea |
//! | --- | --- |
//! | `router.rs` | the core: its inputs, the links it wants, and which of them calls go through |
//! | `delivery.rs` | each call is sent until it has its one answer |
//! | `call.rs` | one call: what is asked, and where it is |
//! | `calls.rs` | all calls, with an index for every question asked of them |
//! | `timers.rs` | the index by time: deadlines and retries |
//! | `in_flight.rs` | the index by link: what is under way, and its bytes |
//! | `links.rs` | the nodes, and what they say: who leads, who is a member |
//! | `assembly.rs` | answers that arrive in pieces, and what they hold |
//! | `exactly_once.rs` | sessions, numbers, attempts: what makes a retry apply once |
//! | `outcome.rs` | what a caller is told, and what is unknown |
//! | `waits.rs` | what a call waited for |
//! | `effects.rs` | what the edge carries out |
//! | `limits.rs` | every limit, with its reason |
//! | `tests/` | golden stories, and random inputs |

mod assembly;
mod call;
mod calls;
mod delivery;
mod effects;
mod exactly_once;
#[cfg(all(not(madsim), any(test, feature = "fuzzing")))]
pub(super) mod fuzzing;
mod in_flight;
mod limits;
mod links;
mod outcome;
mod router;
#[cfg(test)]
mod tests;
mod timers;
mod waits;

pub(super) use assembly::Pieces;
pub(super) use call::{Call, CallId, Operation};
pub(super) use effects::{Answer, Answered, Effects};
pub(super) use limits::{ANSWERS_BYTES_MAX, SMALL_CALL_BYTES_MAX};
pub(super) use links::{DownReason, KnownNode, LinkId};
pub(super) use router::Router;
pub(super) use waits::Waits;
