//! What guides a campaign: a node changes its role while a fault holds and its log stands so. How many such combinations a run meets
//! says more of where it has been than the rare states that somebody thought of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use conclave::raft::{Index, NodeId, RoleName};
use conclave_checks::CoreEvent;

use crate::trace::{Event, FaultEvent, MachineEvent, MachineId};

/// A change of a node's role, with a fault that held then, and how the node's log stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Combination {
    from: Role,
    to: Role,
    /// The family of the fault; none held: `None`.
    fault: Option<&'static str>,
    log: Log,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Role {
    /// It does not run.
    #[default]
    Down,
    Follower,
    PreCandidate,
    Candidate,
    Leader,
}

/// A log, beside what was committed anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Log {
    #[default]
    Empty,
    /// It lacks something that is committed.
    Behind,
    /// It ends with what is committed.
    Even,
    /// It goes on beyond that.
    Ahead,
}

/// Watches a run. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Combinations(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    met: BTreeSet<Combination>,
    /// The family of each fault of the scenario.
    families: Vec<&'static str>,
    held: BTreeSet<usize>,
    nodes: BTreeMap<NodeId, Node>,
    committed: Index,
}

#[derive(Clone, Copy, Default)]
struct Node {
    role: Role,
    last: Index,
}

impl Combinations {
    /// Watches a run of these faults.
    pub(crate) fn new(families: Vec<&'static str>) -> Self {
        Self(Arc::new(Mutex::new(Seen { families, ..Seen::default() })))
    }

    pub(crate) fn see(&self, event: &Event) {
        self.0.lock().expect("a watch does not panic").see(event);
    }

    /// Those that the run met so far.
    pub(crate) fn met(&self) -> BTreeSet<Combination> {
        self.0.lock().expect("a watch does not panic").met.clone()
    }
}

impl Seen {
    fn see(&mut self, event: &Event) {
        match event {
            Event::Fault { fault, event: FaultEvent::Struck | FaultEvent::Holds(_) } => {
                self.held.insert(*fault);
            }
            Event::Fault { fault, event: FaultEvent::Healed | FaultEvent::Missed } => {
                self.held.remove(fault);
            }
            Event::Machine {
                machine: MachineId::Node(node),
                event:
                    MachineEvent::Killed
                    | MachineEvent::LostPower
                    | MachineEvent::Ended
                    | MachineEvent::Failed { .. },
            } => {
                let last = self.nodes.get(node).map_or(0, |node| node.last);
                self.changes(*node, Role::Down, last);
            }
            Event::Core(CoreEvent::Started { node, last, .. }) => self.changes(*node, Role::Follower, *last),
            Event::Core(CoreEvent::Stepped { node, role, last, commit, .. }) => {
                self.committed = self.committed.max(*commit);
                self.changes(*node, Role::of(*role), *last);
            }
            _ => {}
        }
    }

    fn changes(&mut self, id: NodeId, to: Role, last: Index) {
        let from = self.nodes.insert(id, Node { role: to, last }).unwrap_or_default().role;
        if from == to {
            return;
        }
        let log = match last {
            0 => Log::Empty,
            last if last < self.committed => Log::Behind,
            last if last == self.committed => Log::Even,
            _ => Log::Ahead,
        };
        let faults = self.held.iter().filter_map(|fault| self.families.get(*fault).copied());
        let faults: Vec<Option<&'static str>> = faults.map(Some).collect();
        let faults = if faults.is_empty() { vec![None] } else { faults };
        self.met.extend(faults.into_iter().map(|fault| Combination { from, to, fault, log }));
    }
}

impl Role {
    fn of(role: RoleName) -> Self {
        match role {
            RoleName::Follower => Self::Follower,
            RoleName::PreCandidate => Self::PreCandidate,
            RoleName::Candidate => Self::Candidate,
            RoleName::Leader => Self::Leader,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stepped(node: NodeId, role: RoleName, last: Index, commit: Index) -> Event {
        Event::Core(CoreEvent::Stepped { node, role, term: 1, candidate: None, compacted: 0, last, commit })
    }

    #[test]
    fn a_change_of_role_meets_each_fault_that_holds() {
        let watch = Combinations::new(vec!["pause", "rot"]);
        watch.see(&stepped(1, RoleName::Follower, 3, 3));
        watch.see(&stepped(1, RoleName::Follower, 4, 3));
        let first = Combination { from: Role::Down, to: Role::Follower, fault: None, log: Log::Even };
        assert_eq!(watch.met(), BTreeSet::from([first]));
        for fault in [0, 1] {
            watch.see(&Event::Fault { fault, event: FaultEvent::Struck });
        }
        watch.see(&stepped(2, RoleName::Candidate, 2, 2));
        let met = |fault| Combination {
            from: Role::Down,
            to: Role::Candidate,
            fault: Some(fault),
            log: Log::Behind,
        };
        assert_eq!(watch.met(), BTreeSet::from([first, met("pause"), met("rot")]));
        for fault in [0, 1] {
            watch.see(&Event::Fault { fault, event: FaultEvent::Healed });
        }
        watch.see(&Event::Machine { machine: MachineId::Node(1), event: MachineEvent::Killed });
        let died = Combination { from: Role::Follower, to: Role::Down, fault: None, log: Log::Ahead };
        assert!(watch.met().contains(&died), "{:?}", watch.met());
    }
}
