//! Snapshots and compaction (section 7): the state stands for the entries that led to it, so those may go.
//!
//! The core decides; the state itself never passes through it. A leader whose log no longer reaches back to what a peer
//! needs asks the outside to stream the state there ([`super::Effects::snapshots`]). When all of it has arrived and is
//! staged, the peer's core is told by [`Body::InstallSnapshot`], decides whether to take it
//! ([`super::Effects::install`]), and goes on from there once the state is in place ([`Raft::installed`]).

use super::{
    AppendOutcome, Body, Compacted, Index, InstallFailure, NodeId, Options, Position, Snapshot, StreamId,
    Term,
    progress::Progress,
    raft::{Raft, Shared},
    role::{Follower, Role},
};

/// Entries that one write forgets at most: the disk has to find and free each of them.
pub const COMPACTION_STEP: usize = 1_000;

/// Why a piece of a snapshot is not staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PieceRefusal {
    /// It is not of the receiver's term. Its sender led a term gone by: two leaders' snapshots would take turns at the
    /// receiver. (Nobody is sent a snapshot in a term that it has not entered: it was asked first where its log ends.)
    OtherTerm {
        /// The receiver's term.
        present: Term,
    },
    /// Another node leads the term.
    SecondLeader,
    /// Its sender is no member, as far as the receiver knows, and was not heard as the leader: it would keep out the leader's.
    Stranger,
    /// The receiver's log holds all of it, which the leader is told.
    NotNeeded,
    /// A snapshot that has arrived is being put in place.
    Installing,
    /// A later stream is being received.
    Superseded,
}

/// A snapshot that is being put in place, and the stream that brought it.
#[derive(Clone, Debug, Hash)]
pub(super) struct Installing {
    snapshot: Snapshot,
    stream: StreamId,
}

impl Raft {
    /// The state machine holds everything up to `index` durably: a crash loses nothing of it, so the log may forget it.
    pub fn state_durable(&mut self, index: Index) {
        assert!(index <= self.shared.applying, "only what was handed out is in the state");
        self.shared.state_durable = self.shared.state_durable.max(index);
    }

    /// Forgets the oldest part of a log that is too long ([`super::Options`]), as far as the state machine holds it
    /// durably.
    pub(super) fn compact_if_too_long(&mut self) {
        let Options { log_entries_max, log_bytes_max, catching_up_entries, catching_up_bytes, .. } =
            self.shared.options;
        let (entries_max, bytes_max) = match self.feeds_one_that_catches_up() {
            true => (
                log_entries_max.saturating_add(catching_up_entries),
                log_bytes_max.saturating_add(catching_up_bytes),
            ),
            false => (log_entries_max, log_bytes_max),
        };
        self.forget(entries_max, bytes_max);
    }

    /// Forgets the log as far as the state machine holds it durably, one step at most, however short it is; but nothing while a
    /// peer catches up, which has yet to receive it. Whoever else lags behind is sent a snapshot.
    pub fn compact(&mut self) {
        if !self.feeds_one_that_catches_up() {
            self.forget(0, 0);
        }
    }

    fn forget(&mut self, entries_max: usize, bytes_max: usize) {
        let excess = self.shared.log.excess(entries_max, bytes_max, self.shared.options.compaction_step);
        let index = excess.min(self.shared.state_durable);
        if index > self.shared.log.compacted().index {
            let configuration = self.shared.configuration_at(index).clone();
            self.shared
                .begin_after(Compacted { position: self.shared.log.position_at(index), configuration });
        }
    }

    /// A peer that a snapshot is on its way to, or that has yet to receive what was written meanwhile: without that it
    /// would need one snapshot after another.
    fn feeds_one_that_catches_up(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        leader.peers.values().any(|peer| peer.catches_up && peer.is_active())
    }

    /// A stream that [`super::Effects::snapshots`] asked for reached `to`, and brought the state up to `index`; or
    /// (`None`) it failed, and another one is begun when the peer next answers. The end of one that is not wanted any
    /// more changes nothing. Attempts that fail are made at growing intervals.
    pub fn snapshot_sent(&mut self, to: NodeId, stream: StreamId, index: Option<Index>) {
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(progress) = leader.peers.get_mut(&to) {
            progress.snapshot_sent(stream, index, self.shared.options.election_ticks_min);
        }
    }

    /// A peer did not take what it was sent. The next attempt waits, longer each time.
    pub(super) fn on_snapshot_rejected(&mut self, from: NodeId, number: u64, why: InstallFailure) {
        let stream = StreamId { term: self.term(), number };
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(progress) = leader.peers.get_mut(&from) else { return };
        if progress.snapshot_rejected(stream, self.shared.options.election_ticks_min) {
            self.shared.out.rejected.push((from, why));
        }
    }

    /// Whether a piece of a snapshot may be staged: the leader `from` sends the state up to `last`. One snapshot is
    /// received at a time: that of the latest stream.
    ///
    /// # Errors
    /// See [`PieceRefusal`]: nothing of the piece may be used.
    pub fn admit_piece(
        &mut self,
        from: NodeId,
        stream: StreamId,
        last: Position,
    ) -> Result<(), PieceRefusal> {
        if stream.term != self.term() {
            return Err(PieceRefusal::OtherTerm { present: self.term() });
        }
        if self.contradicts_leader(from) {
            return Err(PieceRefusal::SecondLeader);
        }
        if self.is_stranger(from) {
            return Err(PieceRefusal::Stranger);
        }
        if last.index <= self.shared.commit {
            self.shared.accept(from, self.shared.commit);
            return Err(PieceRefusal::NotNeeded);
        }
        if self.shared.installing.is_some() {
            return Err(PieceRefusal::Installing);
        }
        if self.shared.receiving.is_some_and(|receiving| receiving > stream) {
            return Err(PieceRefusal::Superseded);
        }
        self.shared.receiving = Some(stream);
        Ok(())
    }

    /// Everything of a snapshot has arrived and is staged: take it, unless the log holds it all already.
    pub(super) fn on_install_snapshot(&mut self, from: NodeId, snapshot: Snapshot, number: u64) {
        self.follow(from);
        if snapshot.last.index <= self.shared.commit {
            self.shared.accept(from, self.shared.commit);
        } else if self.shared.installing.is_none() {
            let stream = StreamId { term: self.term(), number };
            self.shared.installing = Some(Installing { snapshot: snapshot.clone(), stream });
            self.shared.out.install = Some(snapshot);
        }
    }

    /// The snapshot of [`super::Effects::install`] was not put in place. Its sender is told why, if it still leads.
    pub fn install_failed(&mut self, why: InstallFailure) {
        self.shared.receiving = None;
        let Some(Installing { stream, .. }) = self.shared.installing.take() else { return };
        if let (Role::Follower(Follower { leader: Some(leader), .. }), true) =
            (&self.role, stream.term == self.term())
        {
            self.shared.send(*leader, Body::SnapshotRejected { stream: stream.number, why });
        }
    }

    /// The snapshot of [`super::Effects::install`] is in place, durably: the state machine stands at its end.
    pub fn installed(&mut self) {
        let Installing { snapshot, .. } =
            self.shared.installing.take().expect("a snapshot was to be installed");
        self.shared.receiving = None;
        self.shared.restore(snapshot);
        if let Role::Follower(Follower { leader: Some(leader), .. }) = self.role {
            self.shared.accept(leader, self.shared.log.compacted().index);
        }
    }
}

impl Shared {
    /// A snapshot is being put in place that this log does not lead to: nothing of it stays.
    pub(super) fn log_is_replaced(&self) -> bool {
        self.installing.as_ref().is_some_and(|installing| !self.log.matches(installing.snapshot.last))
    }

    /// A node that leads no more sends no snapshots.
    pub(super) fn cancel_streams_of(&mut self, left: &Role) {
        if let Role::Leader(leader) = left {
            self.out.cancelled.extend(leader.peers.values().filter_map(Progress::stream));
        }
    }

    /// The log begins after the snapshot. What it holds beyond that stays if it holds the snapshot's last entry: then
    /// it follows from it (section 7); else none of it is worth anything.
    pub(super) fn restore(&mut self, snapshot: Snapshot) {
        let Snapshot { last, configuration } = snapshot;
        assert!(last.index > self.applying, "a snapshot never turns the state back");
        self.commit = self.commit.max(last.index);
        self.applying = last.index;
        self.state_durable = last.index;
        self.begin_after(Compacted { position: last, configuration });
    }

    fn begin_after(&mut self, compacted: Compacted) {
        let index = compacted.position.index;
        let kept = self.log.compact(compacted.position);
        self.configurations.retain(|&(at, _)| kept && at > index);
        self.configurations.insert(0, (index, compacted.configuration.clone()));
        self.writes.begin_after(compacted, kept);
    }

    fn accept(&mut self, leader: NodeId, matched: Index) {
        let outcome = AppendOutcome::Accepted { matched };
        let priority = self.priority();
        self.promise(leader, Body::AppendResponse { outcome, priority });
    }
}
