//! Looks for rare states ([`crate::Probe`]) in what an oracle is told. Like the rules, each is a function of the facts as they were
//! before and of what happened at a node; none of them changes anything.
//!
//! | file | about |
//! | --- | --- |
//! | `election.rs` | terms, roles, leaders |
//! | `messages.rs` | what nodes say to each other |
//! | `log.rs` | what a log loses |
//! | `commit.rs` | what is committed, and how |
//! | `durability.rs` | what a restarted node finds |
//! | `snapshot.rs` | compaction and snapshots |
//! | `reads.rs` | linearizable reads |
//! | `transfer.rs` | leadership that is handed over |

mod commit;
mod durability;
mod election;
mod log;
mod messages;
mod reads;
mod snapshot;
mod transfer;

use crate::{
    facts::{Facts, Node},
    observation::{Apply, Install, Start, Step, StreamEnd, Tick, Write},
    probe::Reached,
};

/// Those that look at one kind of observation.
pub(crate) type Probes<T> = [fn(&Facts, &Node, &T, &mut Reached)];

pub(crate) const OF_STARTS: &[fn(&Facts, &Node, &Start<'_>, &mut Reached)] =
    &[durability::starts, durability::writes_under_way];

pub(crate) const OF_STEPS: &[fn(&Facts, &Node, &Step<'_>, &mut Reached)] =
    &[election::stale_leaders, messages::sent, log::written, snapshot::streams, reads::reads, transfer::ends];

/// Of steps that others can see.
pub(crate) const OF_VISIBLE_STEPS: &[fn(&Facts, &Node, &Step<'_>, &mut Reached)] = &[
    election::roles,
    election::candidates,
    election::leaders,
    commit::commits,
    commit::configurations,
    snapshot::compactions,
];

pub(crate) const OF_WRITES: &[fn(&Facts, &Node, &Write<'_>, &mut Reached)] = &[log::figure_8];

pub(crate) const OF_APPLIES: &[fn(&Facts, &Node, &Apply<'_>, &mut Reached)] = &[];

pub(crate) const OF_INSTALLS: &[fn(&Facts, &Node, &Install<'_>, &mut Reached)] = &[snapshot::installs];

pub(crate) const OF_STREAM_ENDS: &[fn(&Facts, &Node, &StreamEnd, &mut Reached)] = &[];

pub(crate) const OF_TICKS: &[fn(&Facts, &Node, &Tick<'_>, &mut Reached)] = &[];
