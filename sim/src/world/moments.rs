//! Faults that wait for a moment, and the moments that have come.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use conclave::raft::{Entry, NodeId, Persist, RoleName, Term};
use conclave_checks::CoreEvent;
use tokio::sync::Notify;

use crate::trace::{Event, MachineId, Moment};

/// What is waited for. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Moments {
    state: Arc<Mutex<State>>,
    has_come: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// By the fault's place in the scenario.
    awaited: BTreeMap<usize, Moment>,
    come: VecDeque<Come>,
    /// The term that each node led last.
    led: BTreeMap<NodeId, Term>,
    /// The nodes that have stored that two configurations must agree, and not what follows.
    joint: BTreeSet<NodeId>,
}

/// A moment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Come {
    pub(crate) fault: usize,
    /// The node that it is about.
    pub(crate) node: Option<NodeId>,
}

impl Moments {
    pub(crate) fn wait_for(&self, fault: usize, moment: Moment) {
        self.state().awaited.insert(fault, moment);
    }

    /// A fault waits no longer. Returns whether it did.
    pub(crate) fn give_up(&self, fault: usize) -> bool {
        self.state().awaited.remove(&fault).is_some()
    }

    pub(crate) fn are_awaited(&self) -> bool {
        let state = self.state();
        !state.awaited.is_empty() || !state.come.is_empty()
    }

    pub(crate) fn is_awaited(&self, moment: Moment) -> bool {
        self.state().awaited.values().any(|awaited| *awaited == moment)
    }

    /// The next one that has come.
    pub(crate) fn take(&self) -> Option<Come> {
        self.state().come.pop_front()
    }

    /// Completes when one has come.
    pub(crate) async fn come(&self) {
        self.has_come.notified().await;
    }

    /// This happens at a node now: faults that wait for it are to strike.
    pub(crate) fn happens(&self, moment: Moment, node: Option<NodeId>) {
        let mut state = self.state();
        let State { awaited, come, .. } = &mut *state;
        let before = come.len();
        awaited.retain(|&fault, awaited| {
            let is_it = *awaited == moment;
            if is_it {
                come.push_back(Come { fault, node });
            }
            !is_it
        });
        if come.len() > before {
            self.has_come.notify_one();
        }
    }

    /// Moments that events tell of.
    pub(super) fn see(&self, event: &Event) {
        match event {
            Event::Core(CoreEvent::Persisted { node, vote: Some(vote), .. })
                if vote.candidate.is_some_and(|candidate| candidate != *node) =>
            {
                self.happens(Moment::VoteGranted, Some(*node));
            }
            Event::Core(CoreEvent::Stepped { node, role: RoleName::Leader, term, .. })
                if self.begins_to_lead(*node, *term) =>
            {
                self.happens(Moment::Elected, Some(*node));
            }
            _ => {}
        }
    }

    /// A node's disk holds a write.
    pub(super) fn persisted(&self, node: NodeId, write: &Persist) {
        for configuration in write.entries.iter().filter_map(Entry::configuration) {
            let was_joint = match configuration.is_joint() {
                true => !self.state().joint.insert(node),
                false => self.state().joint.remove(&node),
            };
            match (was_joint, configuration.is_joint()) {
                (false, true) => self.happens(Moment::MembersStored, Some(node)),
                (true, false) => self.happens(Moment::MembersSettled, Some(node)),
                _ => {}
            }
        }
    }

    /// Moments that the programs tell of.
    pub(super) fn reached(&self, moment: Moment, machine: MachineId) {
        let node = if let MachineId::Node(id) = machine { Some(id) } else { None };
        self.happens(moment, node);
    }

    fn begins_to_lead(&self, node: NodeId, term: Term) -> bool {
        self.state().led.insert(node, term) != Some(term)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

#[cfg(test)]
mod tests {
    use conclave_checks::StoredVote;

    use super::*;

    fn voted(node: NodeId, candidate: NodeId) -> Event {
        let vote = Some(StoredVote { term: 3, candidate: Some(candidate) });
        Event::Core(CoreEvent::Persisted { node, ticket: 1, compacted: None, vote, entries: None })
    }

    #[test]
    fn a_moment_comes_once_and_to_all_who_wait_for_it() {
        let moments = Moments::default();
        moments.see(&voted(1, 2));
        assert_eq!(moments.take(), None, "nobody waited");
        moments.wait_for(4, Moment::VoteGranted);
        moments.wait_for(5, Moment::VoteGranted);
        moments.wait_for(6, Moment::MembersChange);
        moments.see(&voted(3, 3));
        assert_eq!(moments.take(), None, "a vote for itself is granted to nobody");
        moments.see(&voted(1, 2));
        assert_eq!(moments.take(), Some(Come { fault: 4, node: Some(1) }));
        assert_eq!(moments.take(), Some(Come { fault: 5, node: Some(1) }));
        assert_eq!(moments.take(), None);
        assert!(moments.give_up(6) && !moments.give_up(5));
        assert!(!moments.are_awaited());
    }
}
