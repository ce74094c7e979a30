//! What an oracle is told: one thing that happened at one node, with what follows from it at once.

use conclave::raft::{
    Effects, Entry, Index, NodeId, Persist, Position, Raft, RoleName, Snapshot, StreamId, Term, Vote,
};

use crate::disk::Disk;

/// What a core shows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) role: RoleName,
    pub(crate) vote: Vote,
    pub(crate) compacted: Position,
    pub(crate) last: Position,
    pub(crate) commit: Index,
}

impl View {
    pub(crate) fn of(core: &Raft) -> Self {
        let (role, vote, commit) = (core.role(), core.vote(), core.commit());
        Self { role, vote, compacted: core.compacted(), last: core.last(), commit }
    }

    pub(crate) fn term(&self) -> Term {
        self.vote.term
    }

    /// Leads a term that it did not lead before.
    pub(crate) fn begins_to_lead(&self, before: Option<View>) -> bool {
        let leads = |view: &View| view.role == RoleName::Leader;
        leads(self) && !before.is_some_and(|before| leads(&before) && before.term() == self.term())
    }
}

/// A node came up.
pub(crate) struct Start<'a> {
    pub(crate) core: &'a Raft,
    /// What it found on its disk.
    pub(crate) found: Disk,
    /// Where its state stands, and its hash, if it has one.
    pub(crate) state: Option<(Index, u64)>,
    /// So many of the writes that were under way reached the disk. `None`: what it found there cannot be.
    pub(crate) writes: Option<usize>,
}

/// A core took its inputs; the effects are not carried out yet.
pub(crate) struct Step<'a> {
    pub(crate) core: &'a Raft,
    pub(crate) effects: &'a Effects,
    /// What the core showed after its last step in this life.
    pub(crate) before: Option<View>,
    pub(crate) after: View,
}

impl Step<'_> {
    pub(crate) fn id(&self) -> NodeId {
        self.core.id()
    }

    /// Others can see that something happened.
    pub(crate) fn is_visible(&self) -> bool {
        self.before != Some(self.after)
    }

    /// The term that it led, and leads no more, though it knows of no later one.
    pub(crate) fn steps_down(&self) -> Option<Term> {
        let term = self.before.filter(|before| before.role == RoleName::Leader)?.term();
        (self.after.role != RoleName::Leader && self.after.term() == term).then_some(term)
    }

    /// What this node takes for committed that it did not before, as far as its log holds it.
    pub(crate) fn committed(&self) -> impl Iterator<Item = &Entry> {
        let known: Index = self.before.map_or(0, |before| before.commit);
        let indexes = known.max(self.after.compacted.index) + 1..=self.after.commit;
        indexes.filter_map(|index| self.core.entry(index))
    }
}

/// A log's disk holds a write.
pub(crate) struct Write<'a> {
    pub(crate) node: NodeId,
    pub(crate) write: &'a Persist,
}

/// A state machine applied entries.
pub(crate) struct Apply<'a> {
    pub(crate) node: NodeId,
    pub(crate) entries: &'a [Entry],
    pub(crate) state_hash: u64,
}

/// A snapshot took the place of a state.
pub(crate) struct Install<'a> {
    pub(crate) node: NodeId,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) state_hash: u64,
}

/// A core was told how a stream of its own ended.
pub(crate) struct StreamEnd {
    pub(crate) stream: StreamId,
    /// It learned something of the receiver by that.
    pub(crate) is_believed: bool,
}

/// Time passed at a core by one tick.
pub(crate) struct Tick<'a> {
    pub(crate) core: &'a Raft,
    /// Ticks since anything reached it.
    pub(crate) silent_ticks: u32,
    /// The longest election timeout.
    pub(crate) election_ticks_max: u32,
}
