//! Watches the events of a run for rare states of the world.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use conclave::raft::{NodeId, RoleName, Term};
use conclave_checks::CoreEvent;

use super::OfWorld;
use crate::trace::{
    Answer, CLIENT_LIVES, Change, ClientEvent, Condition, Event, FaultEvent, MachineEvent, MachineId,
    OperatorEvent,
};

/// Watches a run. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    reached: BTreeSet<OfWorld>,
    /// The family of each fault of the scenario.
    families: Vec<&'static str>,
    /// Faults that struck something, by family, and those that found nothing.
    struck: BTreeMap<&'static str, u64>,
    missed: BTreeMap<&'static str, u64>,
    /// What each fault holds.
    held: BTreeMap<usize, Vec<Condition>>,
    /// Changes of members that were asked for and have not ended.
    changes: u64,
    nodes: BTreeMap<NodeId, Node>,
    leader: Option<(Term, NodeId)>,
    /// Clients that wait for an answer.
    asking: BTreeSet<u64>,
}

/// What was seen of a node that was started.
#[derive(Default)]
struct Node {
    is_up: bool,
    /// It has read its disk.
    has_recovered: bool,
    has_lost_power: bool,
    /// The term that it leads.
    leads: Option<Term>,
    is_paused: bool,
}

impl Watch {
    /// Watches a run of these faults.
    pub(crate) fn new(families: Vec<&'static str>) -> Self {
        Self(Arc::new(Mutex::new(Seen { families, ..Seen::default() })))
    }

    pub(crate) fn see(&self, event: &Event) {
        self.seen().see(event);
    }

    /// The states that were reached so far.
    pub(crate) fn reached(&self) -> BTreeSet<OfWorld> {
        self.seen().reached.clone()
    }

    /// The faults that struck something, by family.
    pub(crate) fn struck(&self) -> BTreeMap<&'static str, u64> {
        self.seen().struck.clone()
    }

    /// The faults that found nothing to strike, by family.
    pub(crate) fn missed(&self) -> BTreeMap<&'static str, u64> {
        self.seen().missed.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("a watch does not panic")
    }
}

impl Seen {
    fn see(&mut self, event: &Event) {
        match event {
            Event::Fault { fault, event } => self.fault(*fault, event),
            Event::Aimed { node: None } => self.reach(true, OfWorld::AimedAtNobody),
            Event::Machine { machine: MachineId::Node(id), event } => self.node(*id, event),
            Event::Machine { machine, event: MachineEvent::Killed } => match machine {
                MachineId::Client(client) => {
                    let waiting = self.asking.len();
                    self.asking.retain(|asking| asking % CLIENT_LIVES != *client);
                    self.reach(self.asking.len() < waiting, OfWorld::ClientDiesAsking);
                }
                MachineId::Proxy(_) => self.reach(!self.asking.is_empty(), OfWorld::ProxyDiesAsked),
                _ => {}
            },
            Event::Core(event) => self.core(event),
            Event::Client { client, event, .. } => self.client(*client, event),
            Event::Operator { change, event } => self.operator(change, event),
            _ => {}
        }
    }

    fn reach(&mut self, is_reached: bool, probe: OfWorld) {
        if is_reached {
            self.reached.insert(probe);
        }
    }

    fn fault(&mut self, fault: usize, event: &FaultEvent) {
        match event {
            FaultEvent::Waits(_) => {}
            FaultEvent::Met { .. } => self.reach(true, OfWorld::MomentMet),
            FaultEvent::Waited => self.reach(true, OfWorld::MomentMissed),
            FaultEvent::Struck => {
                self.reach(self.changes > 0, OfWorld::FaultInChange);
                *self.struck.entry(self.families[fault]).or_default() += 1;
            }
            FaultEvent::Missed => {
                *self.struck.entry(self.families[fault]).or_default() -= 1;
                *self.missed.entry(self.families[fault]).or_default() += 1;
            }
            FaultEvent::Holds(conditions) => {
                let family = |fault: &usize| self.families.get(*fault).copied();
                let is_same_family = self.held.keys().any(|other| family(other) == family(&fault));
                let is_held = |condition| self.held.values().any(|held| held.contains(condition));
                let is_held_twice = conditions.iter().any(is_held);
                self.reach(is_same_family, OfWorld::FaultsOverlap);
                self.reach(is_held_twice, OfWorld::ConditionHeldTwice);
                self.held.insert(fault, conditions.clone());
                self.find_paused();
            }
            FaultEvent::Healed => {
                self.held.remove(&fault);
                self.find_paused();
            }
        }
    }

    fn find_paused(&mut self) {
        let held: Vec<&Condition> = self.held.values().flatten().collect();
        for (id, node) in &mut self.nodes {
            node.is_paused = held.contains(&&Condition::Paused(MachineId::Node(*id)));
        }
    }

    fn node(&mut self, id: NodeId, event: &MachineEvent) {
        let node = self.nodes.entry(id).or_default();
        match event {
            MachineEvent::Started => {
                (node.is_up, node.has_recovered) = (true, false);
                return;
            }
            MachineEvent::ToldToStop => return,
            MachineEvent::Failed { .. } => drop(self.reached.insert(OfWorld::NodeFails)),
            MachineEvent::LostPower => node.has_lost_power = true,
            MachineEvent::Killed | MachineEvent::Ended => {}
        }
        let (was_up, had_recovered) = (node.is_up, node.has_recovered);
        let led = node.leads.take().filter(|term| self.leader == Some((*term, id))).is_some();
        node.is_up = false;
        let is_kill = matches!(event, MachineEvent::Killed | MachineEvent::LostPower);
        self.reach(is_kill && was_up && !had_recovered, OfWorld::DiesWhileStarting);
        self.reach(is_kill && led, OfWorld::LeaderDies);
        self.reach(*event == MachineEvent::LostPower && led, OfWorld::LeaderLosesPower);
        let (down, all) = (self.nodes.values().filter(|node| !node.is_up).count(), self.nodes.len());
        self.reach(2 * down > all, OfWorld::MajorityDown);
        self.reach(down == all, OfWorld::AllDown);
    }

    fn core(&mut self, event: &CoreEvent) {
        match *event {
            CoreEvent::Started { node: id, .. } => {
                let node = self.nodes.entry(id).or_default();
                node.has_recovered = true;
                let had_lost_power = std::mem::take(&mut node.has_lost_power);
                self.reach(had_lost_power, OfWorld::UpAfterPowerLoss);
            }
            CoreEvent::Stepped { node, role, term, .. } => {
                let leads = (role == RoleName::Leader).then_some(term);
                self.nodes.entry(node).or_default().leads = leads;
                if leads > self.leader.map(|(term, _)| term) {
                    let paused = |(_, before)| self.nodes.get(&before).is_some_and(|node| node.is_paused);
                    let was_paused = self.leader.filter(|(_, before)| *before != node).is_some_and(paused);
                    self.reach(was_paused, OfWorld::DeposedWhilePaused);
                    self.leader = Some((term, node));
                }
            }
            _ => {}
        }
    }

    fn client(&mut self, client: u64, event: &ClientEvent) {
        match event {
            ClientEvent::Called(_) => drop(self.asking.insert(client)),
            ClientEvent::Answered(answer) => {
                self.asking.remove(&client);
                self.reach(matches!(answer, Answer::Unknown(_)), OfWorld::OutcomeUnknown);
            }
        }
    }

    fn operator(&mut self, change: &Change, event: &OperatorEvent) {
        self.reach(*event == OperatorEvent::GivenUp, OfWorld::OperatorGivesUp);
        if matches!(change, Change::Members { .. }) {
            match event {
                OperatorEvent::Asked => self.changes += 1,
                _ => self.changes = self.changes.saturating_sub(1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use conclave_checks::history::Call;

    use super::*;

    const NODE: MachineId = MachineId::Node(1);

    /// What is reached by the last of these events, and not before.
    fn reached_last(families: &[&'static str], events: Vec<Event>) -> Vec<OfWorld> {
        let watch = Watch::new(families.to_vec());
        let (last, before) = events.split_last().expect("some events");
        before.iter().for_each(|event| watch.see(event));
        let earlier = watch.reached();
        watch.see(last);
        watch.reached().difference(&earlier).copied().collect()
    }

    fn machine(machine: MachineId, event: MachineEvent) -> Event {
        Event::Machine { machine, event }
    }

    fn holds(fault: usize, condition: Condition) -> Event {
        Event::Fault { fault, event: FaultEvent::Holds(vec![condition]) }
    }

    fn healed(fault: usize) -> Event {
        Event::Fault { fault, event: FaultEvent::Healed }
    }

    fn started(node: NodeId) -> Event {
        Event::Core(CoreEvent::Started { node, term: 1, candidate: None, compacted: 0, last: 0 })
    }

    fn leads(node: NodeId, term: Term) -> Event {
        let role = RoleName::Leader;
        Event::Core(CoreEvent::Stepped {
            node,
            role,
            term,
            candidate: None,
            compacted: 0,
            last: 0,
            commit: 0,
        })
    }

    fn called(client: u64) -> Event {
        let call = Call::Get { key: "k".to_owned() };
        Event::Client { client, operation: 0, event: ClientEvent::Called(call) }
    }

    #[test]
    fn faults_overlap_as_long_as_they_hold() {
        let (down, paused) = (Condition::Down(NODE), Condition::Paused(NODE));
        let families = ["crash", "crash", "pause"];
        let overlap = |events| reached_last(&families, events);
        assert_eq!(overlap(vec![holds(0, down), holds(1, paused)]), [OfWorld::FaultsOverlap]);
        assert_eq!(overlap(vec![holds(0, down), holds(2, down)]), [OfWorld::ConditionHeldTwice]);
        assert_eq!(overlap(vec![holds(0, down), healed(0), holds(1, down)]), []);
    }

    #[test]
    fn a_node_dies_as_what_it_was() {
        let up =
            || [machine(NODE, MachineEvent::Started), machine(MachineId::Node(2), MachineEvent::Started)];
        let dies = |between: &[Event], how| {
            let events = up().into_iter().chain(between.iter().cloned()).chain([machine(NODE, how)]);
            reached_last(&[], events.collect())
        };
        assert_eq!(dies(&[], MachineEvent::Killed), [OfWorld::DiesWhileStarting]);
        assert_eq!(dies(&[started(1)], MachineEvent::Killed), []);
        assert_eq!(dies(&[started(1), leads(1, 3)], MachineEvent::Killed), [OfWorld::LeaderDies]);
        assert_eq!(dies(&[started(1), leads(1, 3), leads(2, 4)], MachineEvent::Killed), []);
        assert_eq!(dies(&[started(1), leads(1, 3)], MachineEvent::ToldToStop), []);
    }

    #[test]
    fn who_was_without_power_comes_up_once() {
        let power = [machine(NODE, MachineEvent::Started), machine(NODE, MachineEvent::LostPower)];
        let again = [machine(NODE, MachineEvent::Started), started(1)];
        let events: Vec<Event> = power.into_iter().chain(again).collect();
        assert_eq!(reached_last(&[], events), [OfWorld::UpAfterPowerLoss]);
    }

    #[test]
    fn a_leader_that_stands_still_is_deposed() {
        let paused = |condition| {
            let events = vec![started(1), leads(1, 3), holds(0, condition), leads(2, 4)];
            reached_last(&["pause"], events)
        };
        assert_eq!(paused(Condition::Paused(NODE)), [OfWorld::DeposedWhilePaused]);
        assert_eq!(paused(Condition::Paused(MachineId::Node(2))), []);
    }

    #[test]
    fn a_client_that_took_a_dead_ones_place_dies_asking_too() {
        let dies = machine(MachineId::Client(2), MachineEvent::Killed);
        let later_life = 2 + CLIENT_LIVES;
        assert_eq!(reached_last(&[], vec![called(later_life), dies.clone()]), [OfWorld::ClientDiesAsking]);
        assert_eq!(reached_last(&[], vec![called(3), dies]), []);
    }
}
