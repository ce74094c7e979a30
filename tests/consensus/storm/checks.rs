//! What a storm itself sees, because the oracle cannot.

use conclave::raft::{NodeId, Payload};

use super::Storm;
use crate::cluster::ELECTION_TICKS_MAX;

impl Storm {
    /// When a disk has written everything it holds the log as the core knows it.
    pub(super) fn check_disk(&self, id: NodeId) {
        let node = &self.nodes[&id];
        let Some(raft) = node.raft.as_ref().filter(|_| node.disk.is_idle()) else { return };
        let (believed, held) = ((raft.compacted(), raft.last()), (node.disk.base(), node.disk.last()));
        if believed != held || raft.durable() != raft.last().index {
            self.oracle.violate(format!(
                "the disk: node {id} believes in {believed:?}, durable up to {}, its disk holds {held:?}",
                raft.durable()
            ));
        }
    }

    /// The configuration in force is the last one in the log, committed or not (section 6); if the log holds none, the
    /// last one before its base.
    pub(super) fn check_configuration(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        let Some(raft) = &node.raft else { return };
        let log = (raft.compacted(), raft.last());
        if std::mem::replace(&mut node.checked, log) == log {
            return;
        }
        let in_log =
            (log.0.index + 1..=log.1.index).rev().find_map(|index| match &raft.entry(index)?.payload {
                Payload::Configuration(configuration) => Some(configuration),
                _ => None,
            });
        let before = || self.configurations.range(..=log.0.index).next_back().map(|(_, last)| last);
        let expected = in_log.or_else(before).unwrap_or(&node.founders);
        if raft.configuration() != expected {
            self.oracle.violate(format!(
                "the configuration: node {id} has {} in force, its log says {expected}",
                raft.configuration()
            ));
        }
    }

    /// Whoever hears nothing follows nobody, and leads only if it needs nobody.
    pub(super) fn check_silence(&self, id: NodeId) {
        let node = &self.nodes[&id];
        let Some(raft) = node.raft.as_ref().filter(|_| node.silent_ticks > 2 * ELECTION_TICKS_MAX) else {
            return;
        };
        let alone = raft.is_leader()
            && raft
                .configuration()
                .members()
                .all(|member| member == id || !raft.configuration().is_voter(member));
        if raft.leader().is_some() && !alone {
            self.oracle.violate(format!("silence: node {id} still is a {} that knows a leader", raft.role()));
        }
    }

    /// A leader that is to stop hands over as long as there is another voter.
    pub(super) fn check_leaving(&self, id: NodeId) {
        let node = &self.nodes[&id];
        let Some(raft) = node.raft.as_ref().filter(|raft| node.leaving && raft.is_leader()) else { return };
        let has_heir = raft.configuration().voters.iter().any(|&voter| voter != id);
        if has_heir && raft.transferring().is_none() {
            self.oracle.violate(format!("leaving: node {id} is to stop, leads, and hands over to nobody"));
        }
    }

    /// Nobody takes leave before it is committed that he left: without him there might be no quorum.
    pub(super) fn check_farewell(&self, id: NodeId) {
        let took_leave = self.nodes[&id].raft.as_ref().is_some_and(|raft| raft.removed_by().is_some());
        if took_leave && !self.oracle.configuration().gone.contains(&id) {
            self.oracle.violate(format!("farewell: node {id} takes leave, and is a member"));
        }
    }
}
