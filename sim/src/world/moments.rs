//! Faults that wait for a moment, and the moments that have come.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use conclave::raft::NodeId;
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
        let State { awaited, come } = &mut *state;
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
        if let Event::Core(CoreEvent::Persisted { node, vote: Some(vote), .. }) = event
            && vote.candidate.is_some_and(|candidate| candidate != *node)
        {
            self.happens(Moment::VoteGranted, Some(*node));
        }
    }

    /// Moments that the programs tell of.
    pub(super) fn reached(&self, moment: Moment, machine: MachineId) {
        let node = if let MachineId::Node(id) = machine { Some(id) } else { None };
        self.happens(moment, node);
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
