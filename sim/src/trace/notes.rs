//! Notes beside a trace, for who reads its story: the messages between nodes, who could read by lease, when a rule broke. No
//! judge knows of them, and the hash of the trace is the same whether they are taken or not.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

use conclave::raft::{Effects, Message, NodeId, Raft, Term};
use conclave_checks::StableHash;

use super::message::Sent;

/// The notes of a run.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// In the order in which they left; copies when they arrived.
    pub messages: Vec<Sent>,
    pub leases: Vec<LeaseChange>,
    /// When a rule was first seen to be broken, if one was.
    pub broke_at_ns: Option<u64>,
    /// By what they say: those that have not arrived, and the last one that has.
    under_way: BTreeMap<Content, Vec<usize>>,
    arrived: BTreeMap<Content, usize>,
    holds_lease: BTreeMap<NodeId, bool>,
}

/// From whom, to whom, and a hash of the rest.
type Content = (NodeId, NodeId, u64);

/// A node may read by lease from now on, or may not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseChange {
    pub at_ns: u64,
    pub node: NodeId,
    pub holds: bool,
}

impl Notes {
    pub(super) fn stepped(&mut self, now_ns: u64, core: &Raft, effects: &Effects) {
        self.left(now_ns, &effects.messages);
        for snapshot in &effects.snapshots {
            let content = stream(core.id(), snapshot.to, snapshot.stream.term, snapshot.stream.number);
            self.leave(content, Sent::of_snapshot(core.id(), snapshot, now_ns));
        }
        let (node, holds) = (core.id(), core.holds_lease());
        if self.holds_lease.insert(node, holds).unwrap_or(false) != holds {
            self.leases.push(LeaseChange { at_ns: now_ns, node, holds });
        }
    }

    /// These messages leave.
    pub(super) fn left(&mut self, now_ns: u64, messages: &[Message]) {
        for message in messages {
            self.leave(content(message), Sent::of(message, now_ns));
        }
    }

    pub(super) fn arrived(&mut self, now_ns: u64, message: &Message) {
        self.arrive(now_ns, content(message));
    }

    /// The last piece of a snapshot arrived.
    pub(super) fn snapshot_arrived(
        &mut self,
        now_ns: u64,
        (from, to): (NodeId, NodeId),
        term: Term,
        number: u64,
    ) {
        self.arrive(now_ns, stream(from, to, term, number));
    }

    fn leave(&mut self, content: Content, sent: Sent) {
        self.under_way.entry(content).or_default().push(self.messages.len());
        self.messages.push(sent);
    }

    /// Of several that say the same it is the latest: who repeats a message has most often lost the ones before. What nobody
    /// sent (a node of another cluster did) is left out.
    fn arrive(&mut self, now_ns: u64, content: Content) {
        if let Some(number) = self.under_way.get_mut(&content).and_then(Vec::pop) {
            self.messages[number].arrived_ns = Some(now_ns);
            self.arrived.insert(content, number);
        } else if let Some(&number) = self.arrived.get(&content) {
            let original = self.messages[number].clone();
            self.messages.push(Sent { arrived_ns: Some(now_ns), is_copy: true, ..original });
        }
    }
}

fn content(message: &Message) -> Content {
    let mut hash = StableHash::default();
    message.hash(&mut hash);
    (message.from, message.to, hash.finish())
}

/// What a stream of a snapshot is known by.
fn stream(from: NodeId, to: NodeId, term: Term, number: u64) -> Content {
    let mut hash = StableHash::default();
    ("snapshot", term, number).hash(&mut hash);
    (from, to, hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use conclave::raft::{Body, Origin};

    fn heartbeat(round: u64) -> Message {
        let body = Body::HeartbeatRequest { commit: 1, round };
        Message { from: 1, to: 2, origin: Origin::default(), term: 3, body }
    }

    fn arrivals(notes: &Notes) -> Vec<(u64, Option<u64>, bool)> {
        notes.messages.iter().map(|it| (it.sent_ns, it.arrived_ns, it.is_copy)).collect()
    }

    #[test]
    fn a_message_arrives_is_lost_or_arrives_twice() {
        let mut notes = Notes::default();
        notes.left(10, &[heartbeat(1), heartbeat(2)]);
        notes.arrived(20, &heartbeat(2));
        notes.arrived(30, &heartbeat(2));
        notes.arrived(40, &heartbeat(9));
        assert_eq!(arrivals(&notes), [(10, None, false), (10, Some(20), false), (10, Some(30), true)]);
        assert_eq!(notes.messages[0].words, "I lead, commit 1, round 1");
    }

    #[test]
    fn of_messages_that_say_the_same_the_latest_arrives() {
        let mut notes = Notes::default();
        notes.left(10, &[heartbeat(1)]);
        notes.left(500, &[heartbeat(1)]);
        notes.arrived(501, &heartbeat(1));
        assert_eq!(arrivals(&notes), [(10, None, false), (500, Some(501), false)]);
    }
}
