//! What availability is judged by: the world as it is at a moment, and how long things may take.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use conclave::raft::{NodeId, Term};

/// How long each thing may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Until undisturbed voters that are a quorum have a leader which has committed an entry of its term.
    pub until_led: Duration,
    /// And so much longer if too few of them hold all that is committed: a snapshot may have to cross first.
    pub until_caught_up: Duration,
    /// Until a leader that hears no quorum leads no more.
    pub until_stepped_down: Duration,
    /// Until a leader whose own disk stands still, and whom others would be served by, has handed over.
    pub until_handed_over: Duration,
    /// Until it is sure that undisturbed voters that follow a leader hear it, too: nobody unseats it from then on.
    pub until_settled: Duration,
    /// Until a leader hears the answers of undisturbed voters that follow it: it does not step down by itself from then on.
    pub until_heard: Duration,
    /// Until a proxy that reaches a leader, and those that follow it, sends its calls there.
    pub until_found: Duration,
    /// Until a link on which nothing arrived, for its line was cut, works again or is found dead.
    pub until_dead: Duration,
    /// Until a proxy that has a link to a leader sends its calls there.
    pub until_told: Duration,
    /// Until a call is answered that is about one small key, and was sent there.
    pub until_answered: Duration,
}

/// The world as it is at a moment.
pub struct Surroundings<'a> {
    /// Time since the run began.
    pub now: Duration,
    /// The nodes that run undisturbed, each with a number that is another one after each disturbance, however short.
    pub undisturbed: BTreeMap<NodeId, u64>,
    /// Whether what a node sends to another one arrives, and in time.
    pub is_sound: &'a dyn Fn(NodeId, NodeId) -> bool,
    /// Whether anything that a node sends to another one may arrive, ever so late.
    pub may_arrive: &'a dyn Fn(NodeId, NodeId) -> bool,
    /// Whether a node's disk takes its time: what it was asked long ago it may answer now.
    pub answers_late: &'a dyn Fn(NodeId) -> bool,
    /// Whether a node runs, and its clock with it.
    pub runs: &'a dyn Fn(NodeId) -> bool,
    /// Whether a node is about to stop: it was told to, or its disk fails. It decides nothing any more when it has handed over, or tried;
    /// its disk may take longer.
    pub is_stopping: &'a dyn Fn(NodeId) -> bool,
    /// Whether a node was just kept from what it was at, by itself: whatever it does may be late.
    pub is_held_up: &'a dyn Fn(NodeId) -> bool,
    /// Lines carry so little that whoever lags behind may take any time to catch up.
    pub are_lines_narrow: bool,
    /// Who belongs to the cluster is about to change.
    pub is_changing: bool,
    /// The proxies that run undisturbed.
    pub proxies: BTreeMap<u64, Proxy>,
    /// Whether what a proxy and a node send to each other arrives, and in time.
    pub is_reached: &'a dyn Fn(u64, NodeId) -> bool,
}

impl Surroundings<'_> {
    /// Whether what two nodes send to each other arrives, and in time.
    pub(crate) fn are_sound(&self, one: NodeId, other: NodeId) -> bool {
        (self.is_sound)(one, other) && (self.is_sound)(other, one)
    }
}

/// A proxy that runs undisturbed, at a moment.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Another one after each disturbance, however short.
    pub number: u64,
    /// Whom it sends its calls to, as the leader of which term.
    pub leader: Option<(Term, NodeId)>,
    /// The nodes that it has open links to.
    pub linked: BTreeSet<NodeId>,
    /// When the first of the calls came that are about one small key, and wait for the leader's answer.
    pub asked: Option<Duration>,
}
