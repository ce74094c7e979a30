//! What nodes were, as bands and curves: processes, roles and terms, leases, the progress of their logs.

use std::collections::BTreeMap;

use conclave::raft::{NodeId, RoleName, Term};
use conclave_checks::{CoreEvent, Timed};
use serde::Serialize;

use super::lanes::Lanes;
use crate::trace::{Event, LeaseChange, MachineEvent, MachineId};

/// A process: its lane, from when to when, and how it ended.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Life(usize, u64, u64, &'static str);

#[derive(Debug, Serialize)]
pub(super) struct Node {
    lane: usize,
    roles: Vec<RoleBand>,
    leases: Vec<(u64, u64)>,
    log: Log,
}

/// A node in a role of a term.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct RoleBand {
    from: u64,
    to: u64,
    role: String,
    term: Term,
    /// Whom it voted for in that term, in the end.
    voted: Option<NodeId>,
}

/// How far a node came: what holds from each of these times on.
#[derive(Debug, Default, Serialize)]
struct Log {
    at: Vec<u64>,
    last: Vec<u64>,
    commit: Vec<u64>,
    applied: Vec<u64>,
}

/// What is on at present.
#[derive(Default)]
struct Present {
    role: Option<RoleBand>,
    /// Last, commit, applied.
    progress: [u64; 3],
}

/// The processes of all machines, until this time.
pub(super) fn lives(story: &[Timed<Event>], lanes: &Lanes, end_ns: u64) -> Vec<Life> {
    let mut lives = Vec::new();
    let mut running = BTreeMap::new();
    for Timed { at_ns, event } in story {
        let Event::Machine { machine, event } = event else { continue };
        let Some(lane) = lanes.machine(*machine) else { continue };
        let ended = match event {
            MachineEvent::Started => {
                running.insert(lane, *at_ns);
                continue;
            }
            MachineEvent::ToldToStop => continue,
            MachineEvent::Killed => "killed",
            MachineEvent::LostPower => "power lost",
            MachineEvent::Ended => "ended",
            MachineEvent::Failed { .. } => "failed",
        };
        if let Some(since) = running.remove(&lane) {
            lives.push(Life(lane, since, *at_ns, ended));
        }
    }
    lives.extend(running.into_iter().map(|(lane, since)| Life(lane, since, end_ns, "")));
    lives.sort_by_key(|Life(lane, since, ..)| (*lane, *since));
    lives
}

pub(super) fn nodes(story: &[Timed<Event>], leases: &[LeaseChange], lanes: &Lanes, end_ns: u64) -> Vec<Node> {
    let mut nodes = BTreeMap::<NodeId, (Node, Present)>::new();
    for Timed { at_ns, event } in story {
        match event {
            Event::Core(event) => {
                let Some(lane) = lanes.node(event.node()) else { continue };
                let new = || {
                    (Node { lane, roles: vec![], leases: vec![], log: Log::default() }, Present::default())
                };
                let (node, present) = nodes.entry(event.node()).or_insert_with(new);
                node.take(present, *at_ns, event);
            }
            Event::Machine { machine: MachineId::Node(id), event } if ends(event) => {
                if let Some((node, present)) = nodes.get_mut(id) {
                    node.end(present, *at_ns);
                }
            }
            _ => {}
        }
    }
    let mut list = Vec::new();
    for (id, (mut node, mut present)) in nodes {
        node.end(&mut present, end_ns);
        node.leases = lease_bands(leases.iter().filter(|change| change.node == id), &node.roles, end_ns);
        list.push(node);
    }
    list
}

fn ends(event: &MachineEvent) -> bool {
    !matches!(event, MachineEvent::Started | MachineEvent::ToldToStop)
}

impl Node {
    fn take(&mut self, present: &mut Present, at_ns: u64, event: &CoreEvent) {
        let mut progress = present.progress;
        match *event {
            CoreEvent::Started { term, candidate, last, .. } => {
                self.enter(present, at_ns, RoleName::Follower, term, candidate);
                progress = [last, 0, progress[2].min(last)];
            }
            CoreEvent::Stepped { role, term, candidate, last, commit, .. } => {
                self.enter(present, at_ns, role, term, candidate);
                progress = [last, commit, progress[2]];
            }
            CoreEvent::Applied { last, .. } | CoreEvent::Installed { last, .. } => progress[2] = last,
            CoreEvent::Persisted { .. } => {}
        }
        if progress != present.progress || self.log.at.is_empty() {
            present.progress = progress;
            let [last, commit, applied] = progress;
            self.log.at.push(at_ns);
            self.log.last.push(last);
            self.log.commit.push(commit);
            self.log.applied.push(applied);
        }
    }

    fn enter(
        &mut self,
        present: &mut Present,
        at_ns: u64,
        role: RoleName,
        term: Term,
        voted: Option<NodeId>,
    ) {
        let role = role.to_string();
        match &mut present.role {
            Some(band) if band.role == role && band.term == term => band.voted = voted,
            _ => {
                self.end(present, at_ns);
                present.role = Some(RoleBand { from: at_ns, to: at_ns, role, term, voted });
            }
        }
    }

    fn end(&mut self, present: &mut Present, at_ns: u64) {
        self.roles.extend(present.role.take().map(|band| RoleBand { to: at_ns, ..band }));
    }
}

/// From when to when a node held a lease: at most as long as it led.
fn lease_bands<'a>(
    changes: impl Iterator<Item = &'a LeaseChange>,
    roles: &[RoleBand],
    end_ns: u64,
) -> Vec<(u64, u64)> {
    let mut bands = Vec::new();
    let mut since = None;
    for change in changes {
        match (change.holds, since) {
            (true, None) => since = Some(change.at_ns),
            (false, Some(from)) => {
                bands.push((from, change.at_ns));
                since = None;
            }
            _ => {}
        }
    }
    bands.extend(since.map(|from| (from, end_ns)));
    for (from, to) in &mut bands {
        let role = roles.iter().find(|band| band.from <= *from && *from < band.to);
        *to = role.map_or(*to, |band| band.to.min(*to));
    }
    bands
}
