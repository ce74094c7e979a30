//! The proxy's session with the cluster: sequence numbers that make a retry apply once (thesis, section 6.3; RIFL).

use std::collections::BTreeSet;

use crate::wire::pb::v1;

/// One session. Invariant: a sequence number belongs to one write for ever, however often it is sent.
#[derive(Debug)]
pub(super) struct Session {
    id: u64,
    last_sequence: u64,
    unanswered: BTreeSet<u64>,
}

impl Session {
    pub(super) fn new(id: u64) -> Self {
        Self { id, last_sequence: 0, unanswered: BTreeSet::new() }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Numbers a new write.
    pub(super) fn number(&mut self) -> u64 {
        self.last_sequence += 1;
        self.unanswered.insert(self.last_sequence);
        self.last_sequence
    }

    /// The stamp to send a write with: it also tells which cached answers the cluster may forget.
    pub(super) fn stamp(&self, sequence: u64) -> v1::Stamp {
        let oldest = self.unanswered.first().copied();
        v1::Stamp { session: self.id, sequence, acknowledged_below: oldest.unwrap_or(self.last_sequence + 1) }
    }

    /// The write has its answer (or its client gave up on it): it will not be sent again.
    pub(super) fn answered(&mut self, sequence: u64) {
        self.unanswered.remove(&sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_keeps_every_answer_that_may_still_be_asked_for() {
        let mut session = Session::new(7);
        let first = session.number();
        let second = session.number();
        session.answered(second);
        assert_eq!(session.stamp(first).acknowledged_below, first);
        session.answered(first);
        let third = session.number();
        assert_eq!(
            session.stamp(third),
            v1::Stamp { session: 7, sequence: third, acknowledged_below: third }
        );
    }
}
