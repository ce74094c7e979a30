//! What must go on while faults last.

use std::{collections::BTreeMap, time::Duration};

use conclave::raft::{AppendOutcome, Body, Configuration, Message, NodeId, Origin, Raft, RoleName, Term};

use super::{
    Story, Version,
    cluster::{Cluster, append, at, heartbeat},
    node::{change, node},
};
use crate::{Availability, Bounds, Proxy, Surroundings};

const BOUNDS: Bounds = Bounds {
    until_led: Duration::from_millis(100),
    until_caught_up: Duration::from_millis(200),
    until_stepped_down: Duration::from_millis(50),
    until_handed_over: Duration::from_millis(60),
    until_settled: Duration::from_millis(20),
    until_heard: Duration::from_millis(30),
    until_found: Duration::from_millis(80),
    until_dead: Duration::from_millis(10),
    until_told: Duration::from_millis(15),
    until_answered: Duration::from_millis(40),
};
pub(super) const ALL: [NodeId; 3] = [1, 2, 3];

/// Nodes that all have directories on record, with the founding entry committed in term 1, and what is looked at.
pub(super) struct Watched<'a> {
    cluster: &'a Cluster,
    availability: Availability,
    cores: BTreeMap<NodeId, Raft>,
    /// Who was told to stop.
    stopping: Option<NodeId>,
    /// Who was kept from what it was at.
    held_up: Option<NodeId>,
    /// A way on which nothing arrives.
    cut: Option<(NodeId, NodeId)>,
    /// What the others send arrives, and their disks are slow.
    are_late: bool,
    /// Lines carry little.
    are_narrow: bool,
    /// The one that runs undisturbed, if there is one.
    pub(super) proxy: Option<Proxy>,
    /// A node that it does not reach.
    pub(super) unreached: Option<NodeId>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        let incarnations = ALL.map(|id| (id, id)).into();
        let founding = Configuration { incarnations, ..Configuration::of(ALL) };
        let found = |id| node(id).term(1).entries(vec![change(1, 1, founding.clone())]).commit(1);
        // (It is committed once a majority holds it.)
        ALL.iter().for_each(|id| cluster.stores(*id, &found(*id).write()));
        let cores: BTreeMap<NodeId, Raft> = ALL.map(|id| (id, cluster.starts(&found(id)))).into();
        cores.values().for_each(|core| cluster.sees(core));
        Self {
            cluster,
            availability: Availability::new(BOUNDS),
            cores,
            stopping: None,
            held_up: None,
            cut: None,
            are_late: false,
            are_narrow: false,
            proxy: None,
            unreached: None,
        }
    }

    /// Node 1 leads, and hears nobody from time 0 on.
    fn with_unheard_leader(cluster: &'a Cluster) -> Self {
        let mut watched = Self::new(cluster);
        watched.elects(1);
        watched.look(0, &[2, 3]);
        watched
    }

    /// Node 1 leads, and node 3 lacks what node 1 and node 2 have committed.
    fn with_one_that_lags_behind(cluster: &'a Cluster) -> Self {
        let mut watched = Self::new(cluster);
        let term = watched.elects(1);
        watched.commits(1, 2);
        watched.is_told(1, 3, term + 1);
        watched.elects(1);
        watched
    }

    /// Node 1 leads, and has committed what its own disk does not take.
    fn with_stalled_leader(cluster: &'a Cluster) -> Self {
        let mut watched = Self::new(cluster);
        watched.elects(1);
        watched.commits(1, 2);
        watched.commits_without_its_disk();
        watched
    }

    /// A node wins the next term with the votes of the others, who follow it.
    pub(super) fn elects(&mut self, id: NodeId) -> Term {
        let term = self.cores[&id].term() + 1;
        while self.cores[&id].role() == RoleName::Follower {
            self.cores.get_mut(&id).expect("one of them").tick();
        }
        let last = self.cores[&id].last();
        let others = ALL.into_iter().filter(|other| *other != id);
        let message = |from, to, body| Message { from, to, origin: origin(from), term, body };
        for other in others.clone() {
            self.hears(id, message(other, id, Body::PreVoteResponse { granted: true }));
        }
        for other in others.clone() {
            // (They may have heard from a leader just now.)
            self.hears(other, message(id, other, Body::VoteRequest { last, leadership_transfer: true }));
            self.hears(id, message(other, id, Body::VoteResponse { granted: true }));
        }
        assert!(self.cores[&id].is_leader(), "it was elected");
        others.for_each(|other| self.hears(other, heartbeat(id, other, term)));
        term
    }

    /// A node is told by another one that this is its term.
    fn is_told(&mut self, id: NodeId, from: NodeId, term: Term) {
        let body = Body::HeartbeatResponse { round: 0, priority: 0, promise_us: 0 };
        self.hears(id, Message { from, to: id, origin: Origin::default(), term, body });
    }

    /// A leader hears nobody until it leads no more.
    fn hears_nobody(&mut self, leader: NodeId) {
        let core = self.cores.get_mut(&leader).expect("one of them");
        while core.is_leader() {
            core.tick();
            self.cluster.steps(core);
        }
    }

    fn hears(&mut self, id: NodeId, message: Message) {
        let core = self.cores.get_mut(&id).expect("one of them");
        core.step(Message { origin: origin(message.from), ..message });
        let effects = self.cluster.steps(core);
        if let Some(write) = effects.persist {
            self.cluster.stores(id, &write);
            core.persisted(write.ticket);
        }
    }

    /// The leader commits the first entry of its term, which another one holds.
    pub(super) fn commits(&mut self, leader: NodeId, follower: NodeId) {
        let last = self.cores[&leader].last();
        let entry = self.cores[&leader].entry(last.index).expect("its first entry").clone();
        self.cluster.stores_entries(follower, vec![entry]);
        let outcome = AppendOutcome::Accepted { matched: last.index };
        let body = Body::AppendResponse { outcome, priority: 0 };
        let answer = Message { from: follower, to: leader, origin: origin(follower), term: last.term, body };
        self.hears(leader, answer);
    }

    /// A leader begins to hand over.
    pub(super) fn hands_over(&mut self, leader: NodeId, target: NodeId) {
        let core = self.cores.get_mut(&leader).expect("one of them");
        core.transfer(target).expect("it leads");
        self.cluster.steps(core);
    }

    /// Node 1, which leads, commits an entry that the others hold, and its own disk does not take.
    fn commits_without_its_disk(&mut self) {
        let core = self.cores.get_mut(&1).expect("one of them");
        core.propose([[7].into()]).expect("it leads");
        let write = self.cluster.steps(core).persist.expect("an entry to store");
        let outcome = AppendOutcome::Accepted { matched: core.last().index };
        for other in [2, 3] {
            self.cluster.stores_entries(other, write.entries.clone());
            let body = Body::AppendResponse { outcome, priority: 0 };
            core.step(Message { from: other, to: 1, origin: origin(other), term: core.term(), body });
        }
        self.cluster.steps(core);
    }

    /// The others hear that node 1, which leads, belongs to the cluster no more.
    fn removes_leader(&mut self, term: Term) {
        let first = self.cores[&1].entry(2).expect("its first entry").clone();
        let incarnations = [2, 3].map(|id| (id, id)).into();
        let without = Configuration { incarnations, ..Configuration::of([2, 3]) };
        let entries = vec![first, change(3, term, without)];
        for commit in [1, 3] {
            for id in [2, 3] {
                self.hears(id, append(1, id, at(1, 1), entries.clone(), commit));
            }
        }
    }

    /// It is looked at nodes 1 and 3, of which one lacks what is committed, from time 0 until then.
    fn looks_at_some_that_catch_up(&mut self, ms: u64) {
        for at in [0, 150, ms] {
            self.look(at, &[1, 3]);
        }
    }

    /// It is looked at these nodes, which run undisturbed, at a time. Others run, and hear nobody.
    pub(super) fn look(&mut self, ms: u64, undisturbed: &[NodeId]) {
        let is_among = |id: NodeId| undisturbed.contains(&id);
        let is_sound =
            |from: NodeId, to: NodeId| is_among(from) && is_among(to) && self.cut != Some((from, to));
        let around = Surroundings {
            now: Duration::from_millis(ms),
            undisturbed: undisturbed.iter().map(|id| (*id, 0)).collect(),
            is_sound: &is_sound,
            may_arrive: &|from, to| is_sound(from, to) || self.are_late && to == 1,
            answers_late: &|_| self.are_late,
            runs: &|_| true,
            is_stopping: &|id| self.stopping == Some(id),
            is_held_up: &|id| self.held_up == Some(id),
            are_lines_narrow: self.are_narrow,
            is_changing: false,
            proxies: self.proxy.iter().map(|proxy| (0, proxy.clone())).collect(),
            is_reached: &|_, node| self.unreached != Some(node),
        };
        self.availability.look(&self.cluster.oracle, &around);
    }
}

/// A leader is not heard for longer than may be, and this excuses it.
fn excused_by(cluster: &Cluster, version: Version, excuse: fn(&mut Watched<'_>)) {
    let mut watched = Watched::with_unheard_leader(cluster);
    if !version.is_broken() {
        excuse(&mut watched);
    }
    watched.look(51, &[2, 3]);
}

/// A leader is elected in time, and does not commit its first entry, or does.
fn led_by_one_that_commits_nothing(mut watched: Watched<'_>, version: Version) {
    watched.look(0, &ALL);
    watched.elects(1);
    if !version.is_broken() {
        watched.commits(1, 2);
    }
    watched.look(90, &ALL);
    watched.look(120, &ALL);
}

fn origin(id: NodeId) -> Origin {
    Origin { cluster: 0, is_certain: false, incarnation: id }
}

pub(super) const QUORUM_IS_LED: &[Story] = &[
    Story {
        nodes: &ALL,
        term: 0,
        history: |cluster, version| {
            // Nobody is elected for longer than may be, or just as long.
            let mut watched = Watched::new(cluster);
            watched.look(0, &ALL);
            watched.look(version.of(101, 100), &ALL);
        },
    },
    Story {
        nodes: &ALL,
        term: 0,
        history: |cluster, version| {
            // Nobody looked for longer than that: nothing is known of what was between.
            let mut watched = Watched::new(cluster);
            watched.look(0, &ALL);
            watched.look(version.of(250, 251), &ALL);
        },
    },
    Story {
        nodes: &[1, 2],
        term: 0,
        history: |cluster, version| {
            // Two of three are enough; what they are disturbed by in between counts.
            let mut watched = Watched::new(cluster);
            watched.look(0, &[1, 2]);
            watched.look(60, if version.is_broken() { &ALL } else { &[1] });
            watched.look(120, &[1, 2]);
        },
    },
    Story {
        nodes: &ALL,
        term: 2,
        // A leader that commits nothing is none.
        history: |cluster, version| led_by_one_that_commits_nothing(Watched::new(cluster), version),
    },
    Story {
        nodes: &ALL,
        term: 2,
        history: |cluster, version| {
            // So it is over narrow lines, as long as nobody lags behind.
            let mut watched = Watched::new(cluster);
            watched.are_narrow = true;
            led_by_one_that_commits_nothing(watched, version);
        },
    },
    Story {
        nodes: &[1, 3],
        term: 4,
        history: |cluster, version| {
            // What it lacks may take any time to cross a narrow line.
            let mut watched = Watched::with_one_that_lags_behind(cluster);
            watched.are_narrow = !version.is_broken();
            watched.looks_at_some_that_catch_up(301);
        },
    },
    Story {
        nodes: &[1, 3],
        term: 4,
        history: |cluster, version| {
            // Over wide lines it takes no longer than a snapshot.
            let mut watched = Watched::with_one_that_lags_behind(cluster);
            watched.looks_at_some_that_catch_up(version.of(301, 300));
        },
    },
];

pub(super) const LEADER_HAS_FOLLOWERS: &[Story] = &[
    Story {
        nodes: &[1],
        term: 2,
        history: |cluster, version| {
            let mut watched = Watched::with_unheard_leader(cluster);
            watched.look(30, if version.is_broken() { &[2, 3] } else { &[1, 3] });
            watched.look(51, &[2, 3]);
        },
    },
    Story {
        nodes: &[1],
        term: 2,
        history: |cluster, version| {
            // What they were asked before they heard it no more they may answer late.
            excused_by(cluster, version, |watched| watched.are_late = true);
        },
    },
    Story {
        nodes: &[1],
        term: 2,
        history: |cluster, version| {
            // Who was told to stop decides nothing any more, however long its disk takes.
            excused_by(cluster, version, |watched| watched.stopping = Some(1));
        },
    },
    Story {
        nodes: &[1],
        term: 2,
        history: |cluster, version| {
            // Who was just kept from what it was at looks later whether it was answered.
            excused_by(cluster, version, |watched| watched.held_up = Some(1));
        },
    },
    Story {
        nodes: &[1],
        term: 2,
        history: |cluster, version| {
            // It died, and the next process of the same node reads its disk for a long time.
            excused_by(cluster, version, |watched| watched.cluster.oracle.begins(1));
        },
    },
];

pub(super) const STALLED_LEADER_HANDS_OVER: &[Story] = &[
    Story {
        nodes: &[1],
        term: 2,
        history: |cluster, version| {
            let mut watched = Watched::with_stalled_leader(cluster);
            watched.look(0, &ALL);
            watched.look(version.of(61, 60), &ALL);
        },
    },
    Story {
        nodes: &[1],
        term: 2,
        history: |cluster, version| {
            // Who is told to stop hands over anyway.
            let mut watched = Watched::with_stalled_leader(cluster);
            watched.stopping = (!version.is_broken()).then_some(1);
            watched.look(0, &ALL);
            watched.look(61, &ALL);
        },
    },
];

pub(super) const UNDISTURBED_LEADER_STAYS: &[Story] = &[
    Story {
        nodes: &[1, 2],
        term: 2,
        history: |cluster, version| {
            // A third node comes with a later term: too early to wonder, or not.
            let mut watched = Watched::new(cluster);
            let term = watched.elects(1);
            watched.look(0, &[1, 2]);
            watched.is_told(1, 3, term + 1);
            watched.look(version.of(21, 20), &[1, 2]);
        },
    },
    Story {
        nodes: &[1, 2],
        term: 2,
        history: |cluster, version| {
            // That node had entered the later term before.
            let mut watched = Watched::new(cluster);
            let term = watched.elects(1);
            if !version.is_broken() {
                let origin = Origin::default();
                let body = Body::VoteResponse { granted: false };
                watched.hears(3, Message { from: 2, to: 3, origin, term: term + 1, body });
            }
            watched.look(0, &[1, 2]);
            watched.is_told(1, 3, term + 1);
            watched.look(21, &[1, 2]);
        },
    },
    Story {
        nodes: &[1, 2],
        term: 2,
        history: |cluster, version| {
            // It was removed from the cluster between two looks.
            let mut watched = Watched::new(cluster);
            let term = watched.elects(1);
            watched.look(0, &[1, 2]);
            if !version.is_broken() {
                watched.removes_leader(term);
            }
            watched.is_told(1, 3, term + 1);
            watched.look(21, &[1, 2]);
        },
    },
    Story {
        nodes: &[1, 2],
        term: 2,
        history: |cluster, version| {
            // It has asked another one to take over, which may do so late.
            let mut watched = Watched::new(cluster);
            let term = watched.elects(1);
            watched.commits(1, 2);
            watched.look(0, &[1, 2]);
            if !version.is_broken() {
                watched.hands_over(1, 2);
            }
            watched.is_told(1, 3, term + 1);
            watched.look(21, &[1, 2]);
        },
    },
    Story {
        nodes: &[1, 2],
        term: 2,
        history: |cluster, version| {
            // It steps down by itself: perhaps those that follow it have no link to it yet.
            let mut watched = Watched::new(cluster);
            watched.elects(1);
            watched.look(0, &[1, 2]);
            watched.hears_nobody(1);
            watched.look(version.of(31, 30), &[1, 2]);
        },
    },
    Story {
        nodes: &[2, 3],
        term: 2,
        history: |cluster, version| {
            // A way from it is cut: to follow it with the other one is what the two of them are looked at for.
            let mut watched = Watched::new(cluster);
            let term = watched.elects(3);
            watched.look(0, &ALL);
            watched.cut = Some((3, 1));
            watched.look(10, &ALL);
            watched.is_told(3, 1, term + 1);
            watched.look(version.of(21, 20), &ALL);
        },
    },
];
