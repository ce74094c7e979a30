//! Nodes that a specification is told of. What a history does not lie about goes its lawful way here.

use std::{collections::BTreeMap, sync::Arc};

use conclave::raft::{
    AppendOutcome, Body, Configuration, Effects, Entry, Index, Message, NodeId, Origin, Payload, Persist,
    Position, RoleName, Term, Vote,
};

use crate::{
    Failure,
    invariants::Checked,
    observation::View,
    specification::{Specification, Started, Stepped, log::Log},
};

pub(super) struct Cluster {
    pub(super) specification: Specification,
    /// Leaders hold leases, as they believe.
    pub(super) holds_leases: bool,
    /// What all clocks show.
    pub(super) time_us: u64,
    shown: BTreeMap<NodeId, View>,
    configuration: Arc<Configuration>,
}

/// What is done in a step: what the node shows thereafter, and its effects.
#[derive(Default)]
pub(super) struct Deed {
    pub(super) vote: Option<Vote>,
    pub(super) role: Option<RoleName>,
    pub(super) commit: Option<Index>,
    /// What its log takes.
    pub(super) entries: Vec<Entry>,
    /// What leaves at once, and what waits for the disk.
    pub(super) messages: Vec<Message>,
    pub(super) promises: Vec<Message>,
}

/// Nodes that come up.
impl Cluster {
    /// Nodes 1 to so many, with empty logs.
    pub(super) fn of(size: usize) -> Self {
        Self::found(&vec![(0, &[][..]); size])
    }

    /// Nodes from 1 on, each in a term and with a log of these terms.
    pub(super) fn found(nodes: &[(Term, &[Term])]) -> Self {
        let configuration = Arc::new(Configuration::of(1..=nodes.len() as NodeId));
        let specification = Specification::noting_all();
        let (shown, holds_leases, time_us) = (BTreeMap::new(), false, 0);
        let mut cluster = Self { specification, holds_leases, time_us, shown, configuration };
        for (id, (term, log)) in (1..).zip(nodes) {
            cluster.starts(id, Vote { term: *term, candidate: None }, log);
        }
        cluster
    }

    /// Node 1 leads term 1, elected by node 2 and by node 3 if there are four, with an entry of its own that is durable. All
    /// others were sent a heartbeat.
    pub(super) fn led(size: usize) -> Self {
        let mut cluster = Self::of(size);
        cluster.elects(1, if size > 3 { &[2, 3] } else { &[2] });
        cluster
    }

    /// With a log of these terms.
    pub(super) fn starts(&mut self, node: NodeId, vote: Vote, terms: &[Term]) {
        let mut log = Log::default();
        terms.iter().for_each(|&term| log.push(term));
        let last = log.last();
        let role = RoleName::Follower;
        self.shown.insert(node, View { role, vote, compacted: Position::default(), last, commit: 0 });
        let (configurations, configuration) = (BTreeMap::new(), self.configuration.clone());
        let started = Started { node, vote, log, commit: 0, configurations, configuration };
        self.judge(|specification| specification.start(started));
    }

    fn judge(&mut self, event: impl FnOnce(&mut Specification) -> Checked) {
        event(&mut self.specification).expect("failures are noted, and it goes on");
    }

    /// All that was forbidden, in the order in which it happened.
    pub(super) fn failures(self) -> Vec<Failure> {
        self.specification.all.expect("they are noted")
    }
}

/// Steps.
impl Cluster {
    pub(super) fn view(&self, id: NodeId) -> View {
        self.shown[&id]
    }

    /// A node takes a step with these effects.
    pub(super) fn steps(&mut self, node: NodeId, after: View, effects: &Effects) {
        self.shown.insert(node, after);
        let step = Stepped { node, after, holds_lease: self.holds_leases, time_us: self.time_us, effects };
        self.judge(|specification| specification.step(&step));
    }

    /// A node does this; its write is under way.
    pub(super) fn begins(&mut self, node: NodeId, deed: Deed) -> Option<Persist> {
        let mut after = self.view(node);
        let vote = deed.vote.filter(|&vote| vote != after.vote);
        after.vote = deed.vote.unwrap_or(after.vote);
        after.role = deed.role.unwrap_or(after.role);
        after.commit = deed.commit.unwrap_or(after.commit);
        after.last = deed.entries.last().map_or(after.last, Entry::position);
        let Deed { entries, messages, promises, .. } = deed;
        let stores = vote.is_some() || !entries.is_empty() || !promises.is_empty();
        let persist = stores.then_some(Persist { ticket: 1, compacted: None, vote, entries, promises });
        let effects = Effects { persist, messages, ..Effects::default() };
        self.steps(node, after, &effects);
        effects.persist
    }

    /// And it is on its disk.
    pub(super) fn does(&mut self, node: NodeId, deed: Deed) {
        if let Some(write) = self.begins(node, deed) {
            self.judge(|specification| specification.write(node, &write));
        }
    }

    /// A node says something.
    pub(super) fn says(&mut self, from: NodeId, to: NodeId, body: Body) {
        let messages = vec![message(from, to, self.view(from).term(), body)];
        self.does(from, Deed { messages, ..Deed::default() });
    }

    /// A node grants a pre-vote for its next term.
    pub(super) fn grants_pre_vote(&mut self, from: NodeId, to: NodeId) {
        let (last, term) = (self.view(to).last, self.view(to).term() + 1);
        let ask = message(to, from, term, Body::PreVoteRequest { last });
        self.does(to, Deed { messages: vec![ask], ..Deed::default() });
        let answer = message(from, to, term, Body::PreVoteResponse { granted: true });
        self.does(from, Deed { messages: vec![answer], ..Deed::default() });
    }

    /// A node campaigns in its next term, and says that its log ends there.
    pub(super) fn campaigns(&mut self, id: NodeId, last: Position) {
        let vote = Vote { term: self.view(id).term() + 1, candidate: Some(id) };
        let body = Body::VoteRequest { last, leadership_transfer: false };
        let others = self.configuration.voters.iter().copied().filter(|&other| other != id);
        let promises = others.map(|other| message(id, other, vote.term, body.clone())).collect();
        let role = Some(RoleName::Candidate);
        self.does(id, Deed { vote: Some(vote), role, promises, ..Deed::default() });
    }

    pub(super) fn votes(&mut self, id: NodeId, candidate: NodeId) {
        let vote = Vote { term: self.view(candidate).term(), candidate: Some(candidate) };
        let promises = vec![message(id, candidate, vote.term, Body::VoteResponse { granted: true })];
        self.does(id, Deed { vote: Some(vote), promises, ..Deed::default() });
    }

    /// A node leads its term, and appends an entry of its own.
    pub(super) fn leads(&mut self, id: NodeId) {
        let term = self.view(id).term();
        let others = self.configuration.voters.iter().copied().filter(|&other| other != id);
        let heartbeat = Body::HeartbeatRequest { commit: 0, round: 1 };
        let messages = others.map(|other| message(id, other, term, heartbeat.clone())).collect();
        let entries = vec![entry(self.view(id).last.index + 1, term)];
        self.does(id, Deed { role: Some(RoleName::Leader), entries, messages, ..Deed::default() });
    }

    pub(super) fn elects(&mut self, id: NodeId, voters: &[NodeId]) {
        voters.iter().for_each(|&voter| self.grants_pre_vote(voter, id));
        self.campaigns(id, self.view(id).last);
        voters.iter().for_each(|&voter| self.votes(voter, id));
        self.leads(id);
    }

    /// A leader sends its entries after one of these terms, and its commit index.
    pub(super) fn sends(&mut self, from: NodeId, to: NodeId, previous: Position, terms: &[Term]) {
        let entries = entries(previous.index + 1, terms);
        self.says(from, to, Body::AppendRequest { previous, entries, commit: self.view(from).commit });
    }

    /// A follower takes entries from an index on, and acknowledges that much.
    pub(super) fn takes(
        &mut self,
        id: NodeId,
        from: NodeId,
        (first, terms): (Index, &[Term]),
        matched: Index,
    ) {
        let term = self.view(from).term();
        let vote = self.view(id).vote;
        let vote = if vote.term < term { Vote { term, candidate: None } } else { vote };
        let promises = vec![message(id, from, term, accepted(matched))];
        self.does(id, Deed { vote: Some(vote), entries: entries(first, terms), promises, ..Deed::default() });
    }

    /// Node 2 holds the first entry of leader 1, and has said so.
    pub(super) fn replicates(&mut self) {
        self.sends(1, 2, at(0, 0), &[1]);
        self.takes(2, 1, (1, &[1]), 1);
    }

    /// A follower takes what it lacks of the log of leader 1, which is of term 1, and says so.
    pub(super) fn catches_up(&mut self, id: NodeId) {
        let (last, end) = (self.view(id).last, self.view(1).last.index);
        let terms = vec![1; (end - last.index) as usize];
        self.sends(1, id, last, &terms);
        self.takes(id, 1, (last.index + 1, &terms), end);
    }

    pub(super) fn commits(&mut self, id: NodeId, commit: Index) {
        self.does(id, Deed { commit: Some(commit), ..Deed::default() });
    }
}

pub(super) fn message(from: NodeId, to: NodeId, term: Term, body: Body) -> Message {
    Message { from, to, origin: Origin::default(), term, body }
}

pub(super) fn accepted(matched: Index) -> Body {
    Body::AppendResponse { outcome: AppendOutcome::Accepted { matched }, priority: 0 }
}

pub(super) fn at(index: Index, term: Term) -> Position {
    Position { term, index }
}

pub(super) fn entry(index: Index, term: Term) -> Entry {
    Entry { term, index, payload: Payload::Noop }
}

pub(super) fn entries(first: Index, terms: &[Term]) -> Vec<Entry> {
    (first..).zip(terms).map(|(index, &term)| entry(index, term)).collect()
}
