//! What a leader knows of one peer, and how much it may send it.

use std::collections::VecDeque;

use super::{Index, NodeId, StreamId};

/// What may be under way to one peer at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Appends.
    pub messages: usize,
    /// Bytes of their entries: more would only queue in front of heartbeats.
    pub bytes: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { messages: 256, bytes: 16 << 20 }
    }
}

/// The longest pause between two snapshots that fail: 64 election timeouts, some seconds.
const PAUSE_DOUBLINGS_MAX: u32 = 6;

/// What a leader knows of another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerView {
    pub id: NodeId,
    /// It holds everything up to here durably.
    pub matched: Index,
    /// It answered lately.
    pub is_active: bool,
    /// The state is on its way there.
    pub receives_snapshot: bool,
    /// Snapshots in a row that it did not take, or that did not get there.
    pub snapshot_failures: u32,
    /// Its priority as a leader, once it said so.
    pub priority: Option<u32>,
}

/// Invariant: `matched < next`.
#[derive(Clone, Debug, Hash)]
pub(super) struct Progress {
    /// The peer's log is known to match, durably, up to here.
    pub(super) matched: Index,
    /// The next entry to send.
    pub(super) next: Index,
    /// The commit index that the peer was last told.
    pub(super) commit_sent: Index,
    /// It answered since the last check of the quorum.
    pub(super) recently_active: bool,
    /// It had answered before the last check.
    was_active: bool,
    /// It was sent a snapshot, and might need another one, if the log were kept no longer than usual.
    pub(super) catches_up: bool,
    /// The latest read round that it confirmed.
    pub(super) round: u64,
    /// Who answers this round, or a later one, is asked whether appends were lost: once for each heartbeat, for the rounds of reads may
    /// follow each other at once.
    pub(super) heartbeat_round: Option<u64>,
    /// The latest round that it answered with a promise as long as the leader relies on.
    pub(super) promised_round: u64,
    /// Its priority as a leader, once it said so.
    pub(super) priority: Option<u32>,
    pub(super) state: ProgressState,
    pub(super) attempts: SnapshotAttempts,
}

/// How a peer is being fed.
#[derive(Clone, Debug, Hash)]
pub(super) enum ProgressState {
    /// Where the logs agree is a guess: one message at a time.
    Probe { waiting: bool },
    /// The logs agree: entries are pipelined within a window.
    Replicate { inflights: Inflights },
    /// The log does not reach back far enough: the state is on its way, and nothing else.
    Snapshot {
        /// The peer needs no snapshot once it holds everything up to here.
        needed: Index,
        /// The one under way.
        stream: StreamId,
    },
}

impl Progress {
    pub(super) fn new(last: Index) -> Self {
        Self {
            matched: 0,
            next: last + 1,
            commit_sent: 0,
            recently_active: true,
            was_active: true,
            catches_up: false,
            round: 0,
            heartbeat_round: None,
            promised_round: 0,
            priority: None,
            state: ProgressState::Probe { waiting: false },
            attempts: SnapshotAttempts::default(),
        }
    }

    /// For those who watch.
    pub(super) fn shown(&self, id: NodeId) -> PeerView {
        let receives_snapshot = matches!(self.state, ProgressState::Snapshot { .. });
        PeerView {
            id,
            matched: self.matched,
            is_active: self.is_active(),
            receives_snapshot,
            snapshot_failures: self.attempts.failures,
            priority: self.priority,
        }
    }

    /// Begins to watch anew whether it answers.
    pub(super) fn check_activity(&mut self) {
        self.was_active = std::mem::take(&mut self.recently_active);
    }

    /// It answers, though perhaps not since the last check, which may just have been.
    pub(super) fn is_active(&self) -> bool {
        self.recently_active || self.was_active
    }

    /// It has answered this leader, and lately: a leader takes everybody for active when it begins.
    pub(super) fn answers(&self) -> bool {
        self.is_active() && self.priority.is_some()
    }

    /// The snapshot that is on its way to the peer.
    pub(super) fn stream(&self) -> Option<StreamId> {
        match self.state {
            ProgressState::Snapshot { stream, .. } => Some(stream),
            ProgressState::Probe { .. } | ProgressState::Replicate { .. } => None,
        }
    }

    /// The logs agree, and the peer is sent what it lacks.
    pub(super) fn is_replicating(&self) -> bool {
        matches!(self.state, ProgressState::Replicate { .. })
    }

    /// Whether another append may be sent now.
    pub(super) fn may_send(&self, window: Window) -> bool {
        match &self.state {
            ProgressState::Probe { waiting } => !waiting,
            ProgressState::Replicate { inflights } => !inflights.fill(window),
            ProgressState::Snapshot { .. } => false,
        }
    }

    /// Notes that entries up to `last` (none when it is below `next`) left for the peer.
    pub(super) fn sent(&mut self, last: Index, bytes: usize, commit: Index) {
        self.commit_sent = self.commit_sent.max(commit);
        match &mut self.state {
            ProgressState::Probe { waiting } => *waiting = true,
            ProgressState::Replicate { inflights } if last >= self.next => {
                inflights.add(last, bytes);
                self.next = last + 1;
            }
            ProgressState::Replicate { .. } | ProgressState::Snapshot { .. } => {}
        }
    }

    /// The peer's log matches up to `matched`. Late answers move nothing back.
    pub(super) fn accepted(&mut self, matched: Index) {
        if matched < self.matched {
            return;
        }
        self.matched = matched;
        self.next = self.next.max(matched + 1);
        match &mut self.state {
            ProgressState::Snapshot { needed, .. } if matched < *needed => {}
            ProgressState::Probe { .. } | ProgressState::Snapshot { .. } => {
                self.state = ProgressState::Replicate { inflights: Inflights::default() };
                self.attempts = SnapshotAttempts::default();
            }
            ProgressState::Replicate { inflights } => inflights.free_up_to(matched),
        }
    }

    /// The peer refused an append after `previous_index`; the logs may agree at `agreement`. Late refusals, which
    /// an acceptance has overtaken, change nothing.
    pub(super) fn rejected(&mut self, previous_index: Index, agreement: Index) {
        let fresh = match self.state {
            ProgressState::Probe { .. } => previous_index == self.next - 1,
            ProgressState::Replicate { .. } => previous_index > self.matched,
            ProgressState::Snapshot { .. } => false,
        };
        if fresh {
            self.next = agreement.min(previous_index.saturating_sub(1)).max(self.matched) + 1;
            self.state = ProgressState::Probe { waiting: false };
        }
    }

    /// A stream ended. Its snapshot stands at the peer, up to an index; or (`None`) it did not get there. A later one, or
    /// none, may be under way by now: then this changes nothing.
    pub(super) fn snapshot_sent(&mut self, stream: StreamId, index: Option<Index>, election_ticks: u32) {
        if self.stream() != Some(stream) {
            return;
        }
        self.state = ProgressState::Probe { waiting: true };
        match index {
            Some(index) => {
                self.next = self.next.max(index + 1);
                self.attempts.arrived = Some(stream);
            }
            None => self.attempts.failed(election_ticks),
        }
    }

    /// The peer did not take the snapshot of a stream. True: it is the last one that was sent there.
    pub(super) fn snapshot_rejected(&mut self, stream: StreamId, election_ticks: u32) -> bool {
        self.recently_active = true;
        let is_last = self.stream() == Some(stream) || self.attempts.arrived == Some(stream);
        if is_last {
            self.state = ProgressState::Probe { waiting: true };
            self.attempts.failed(election_ticks);
        }
        is_last
    }

    /// Whether a snapshot may be begun now. If the last one arrived and another is needed, it was not taken.
    pub(super) fn may_begin_snapshot(&mut self, election_ticks: u32) -> bool {
        if self.attempts.arrived.is_some() {
            self.attempts.failed(election_ticks);
        }
        self.attempts.pause_ticks == 0
    }

    /// A sign of life: a probe that may have been lost is worth another.
    pub(super) fn resume(&mut self) {
        if let ProgressState::Probe { waiting } = &mut self.state {
            *waiting = false;
        }
    }
}

/// How the snapshots fared that were sent to a peer since it last took one.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct SnapshotAttempts {
    /// The one that arrived, as long as the peer has not said what became of it.
    arrived: Option<StreamId>,
    /// Failures in a row.
    failures: u32,
    /// Until the next attempt.
    pause_ticks: u32,
}

impl SnapshotAttempts {
    /// The first failure may be bad luck. After more of them, each pause is twice as long as the one before: whatever is
    /// wrong, to send the state again and again makes it no better.
    fn failed(&mut self, election_ticks: u32) {
        self.arrived = None;
        self.failures = self.failures.saturating_add(1);
        if let Some(doublings) = self.failures.checked_sub(2) {
            self.pause_ticks = election_ticks.saturating_mul(1 << doublings.min(PAUSE_DOUBLINGS_MAX));
        }
    }

    pub(super) fn tick(&mut self) {
        self.pause_ticks = self.pause_ticks.saturating_sub(1);
    }
}

/// The appends under way to one peer, oldest first: the last index of each and its bytes.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Inflights {
    appends: VecDeque<(Index, usize)>,
    bytes: usize,
}

impl Inflights {
    fn fill(&self, window: Window) -> bool {
        self.appends.len() >= window.messages || self.bytes >= window.bytes
    }

    fn add(&mut self, last: Index, bytes: usize) {
        self.appends.push_back((last, bytes));
        self.bytes += bytes;
    }

    fn free_up_to(&mut self, matched: Index) {
        while let Some(&(last, bytes)) = self.appends.front() {
            if last > matched {
                break;
            }
            self.appends.pop_front();
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW_MESSAGES: Window = Window { messages: 3, bytes: usize::MAX };
    const FEW_BYTES: Window = Window { messages: usize::MAX, bytes: 100 };

    /// A peer that holds everything up to 5, and has been sent nothing else.
    fn replicating() -> Progress {
        let mut progress = Progress::new(5);
        progress.accepted(5);
        progress
    }

    #[test]
    fn a_probe_waits_for_its_answer() {
        let mut progress = Progress::new(5);
        assert!(progress.may_send(FEW_MESSAGES));
        progress.sent(5, 0, 0);
        assert!(!progress.may_send(FEW_MESSAGES));
        progress.resume();
        assert!(progress.may_send(FEW_MESSAGES));
        progress.accepted(0);
        assert!(progress.is_replicating(), "the empty log of a new peer agrees too");
    }

    #[test]
    fn a_window_is_full_of_messages_until_they_are_accepted() {
        let mut progress = replicating();
        for last in 6..=8 {
            assert!(progress.may_send(FEW_MESSAGES));
            progress.sent(last, 10, 0);
        }
        assert!(!progress.may_send(FEW_MESSAGES));
        progress.accepted(6);
        assert!(progress.may_send(FEW_MESSAGES));
        progress.sent(9, 10, 0);
        assert!(!progress.may_send(FEW_MESSAGES));
    }

    #[test]
    fn a_window_is_full_of_bytes_until_they_are_accepted() {
        let mut progress = replicating();
        progress.sent(6, 60, 0);
        assert!(progress.may_send(FEW_BYTES));
        progress.sent(7, 40, 0);
        assert!(!progress.may_send(FEW_BYTES));
        progress.accepted(6);
        progress.sent(8, 59, 0);
        assert!(progress.may_send(FEW_BYTES), "99 are under way");
        progress.sent(9, 1, 0);
        assert!(!progress.may_send(FEW_BYTES));
    }

    #[test]
    fn late_answers_move_nothing_back() {
        let mut progress = replicating();
        progress.sent(7, 20, 0);
        progress.accepted(4);
        assert_eq!((progress.matched, progress.next), (5, 8));
        progress.rejected(5, 3);
        assert_eq!((progress.next, progress.is_replicating()), (8, true), "it holds 5 meanwhile");
        progress.rejected(7, 6);
        assert_eq!((progress.next, progress.is_replicating()), (7, false));
        progress.rejected(4, 3);
        assert_eq!(progress.next, 7, "not the probe that is under way");
        progress.rejected(6, 1);
        assert_eq!(progress.next, 6, "never before what it holds");
    }
}
