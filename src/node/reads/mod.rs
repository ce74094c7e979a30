//! Reads of proxies on their way to the state machine: gathered, confirmed together by the core, and served once their
//! index is applied, beside whoever applies.
//!
//! ```text
//!  request ─admit─▶ gathered ─ask─▶ asked ─confirmed─▶ waiting ─applied─▶ lane of the proxy's stream ─▶ answer
//!                       serializable reads need no confirmation ─▲               └─▶ long read ─▶ pieces
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `read.rs` | one read, and whether anybody still waits for it |
//! | `admission.rs` | how many reads may be under way, and how much they may hold |
//! | `lane.rs` | the reads of one stream, many at a time, in their order: those that are short |
//! | `long.rs` | a read that is not short: in slices, over a view that stands still, answered in pieces |
//! | `server.rs` | what all of them share |
//! | `stall.rs` | whether the disk keeps them waiting |

mod admission;
mod lane;
mod long;
mod read;
mod server;
mod stall;

use std::{collections::BTreeMap, sync::Arc};

use self::{admission::Load, lane::Lane, read::Read, server::Tasks, stall::Stalls};
pub(super) use self::{
    read::{Caller, LaneEnd},
    server::ReadServer,
};
use super::config::Timing;
use crate::{
    env::{Buggify, Moment, buggify, sometimes},
    raft::{ClusterId, Index, Raft, ReadReady, Term},
    wire::pb::{etcdserverpb::RangeRequest, v1::refusal::Reason},
};

/// Reads from their admission until they are in the lane of their stream.
pub(super) struct Reads {
    server: Arc<ReadServer>,
    load: Arc<Load>,
    /// Linearizable reads that the core was not asked for yet.
    gathered: Vec<Read>,
    /// Reads that wait to be confirmed, by the name that the core gave them.
    asked: BTreeMap<u64, Vec<Read>>,
    /// Reads that may be served from the state at this index, or a later one.
    waiting: BTreeMap<Index, Vec<Read>>,
    lanes: Tasks,
    stalls: Stalls,
}

/// A leader whose disk has not ended one read, or changed anything of what is to be applied, for so many election timeouts hands over.
const STALL_ELECTION_TIMEOUTS: u32 = 8;

impl Reads {
    pub(super) fn new(server: Arc<ReadServer>) -> Self {
        Self {
            server,
            load: Arc::default(),
            gathered: Vec::new(),
            asked: BTreeMap::new(),
            waiting: BTreeMap::new(),
            lanes: Tasks::default(),
            stalls: Stalls::default(),
        }
    }

    /// Answers name this cluster from now on.
    pub(super) fn belong_to(&self, cluster: ClusterId) {
        self.server.belong_to(cluster);
    }

    /// A proxy's stream is open.
    pub(super) fn open(&mut self, end: LaneEnd) {
        self.lanes.spawn(Lane::new(self.server.clone(), end).run());
    }

    /// Takes a read, unless too many are under way. Nobody waits for its answer after `deadline`.
    pub(super) fn admit(
        &mut self,
        caller: &Caller,
        request: u64,
        range: RangeRequest,
        deadline: Option<Moment>,
    ) {
        match self.load.admit(&range) {
            Ok(permit) => {
                let is_serializable = range.serializable;
                let read = Read::new(caller.clone(), request, range, deadline, permit);
                match is_serializable {
                    true => self.waiting.entry(0).or_default().push(read),
                    false => self.gathered.push(read),
                }
            }
            Err(why) => caller.replies.refuse(request, Reason::Overloaded, why),
        }
    }

    /// A tick has passed, and the state machine stands at `applied`. A leader whose disk keeps reads waiting hands over: it answers nobody,
    /// and where nothing is written the core does not notice. Nor is it to take the lead back meanwhile.
    pub(super) fn tick(&mut self, core: &mut Raft, applied: Index, timing: &Timing) {
        let ticks = timing.ticks(STALL_ELECTION_TIMEOUTS * timing.election_timeout);
        let last = (applied < core.commit()).then_some(applied);
        self.stalls.tick(self.server.oldest_job(), last, self.server.reader.changes(), ticks);
        core.set_stalled(self.stalls.lasts(ticks));
        if self.stalls.is_due(ticks)
            && let Some(successor) = core.hand_over()
        {
            sometimes!(ReadsStandStill);
            tracing::warn!(successor, "the disk keeps reads waiting: hands leadership over");
        }
    }

    /// Asks the core once for all linearizable reads that were gathered. Returns the name that it gave them.
    pub(super) fn ask(&mut self, core: &mut Raft) -> Option<u64> {
        let now = self.server.now();
        self.gathered.retain_mut(|read| read.is_awaited(now));
        if self.gathered.is_empty() {
            return if buggify(Buggify::EarlyReadRound) { core.read() } else { None };
        }
        let reads = std::mem::take(&mut self.gathered);
        let name = core.read();
        match name {
            Some(name) => drop(self.asked.insert(name, reads)),
            None => refuse(reads, Reason::NotLeader, "no leader is known"),
        }
        name
    }

    /// The core confirmed a read.
    pub(super) fn confirmed(&mut self, ready: ReadReady) {
        if let Some(reads) = self.asked.remove(&ready.id) {
            self.waiting.entry(ready.index).or_default().extend(reads);
        }
    }

    /// The core could not confirm a read.
    pub(super) fn failed(&mut self, name: u64) {
        let reads = self.asked.remove(&name).unwrap_or_default();
        refuse(reads, Reason::NotLeader, "leadership changed before the read was confirmed");
    }

    /// The state machine stands at `applied`. Whoever may be served by that goes on to be served; the answers name the
    /// term.
    pub(super) fn serve(&mut self, applied: Index, term: Term) {
        while let Some(next) = self.waiting.first_entry().filter(|next| *next.key() <= applied) {
            let (index, reads) = next.remove_entry();
            reads.into_iter().for_each(|read| read.go(index, term));
        }
        sometimes!(!self.waiting.is_empty(), ReadWaitsForApply);
    }
}

fn refuse(reads: Vec<Read>, reason: Reason, message: &str) {
    for read in reads {
        read.refuse(reason, message);
    }
}
