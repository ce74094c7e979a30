//! What was sent in a term: `messages` of raft.tla, which may be lost, doubled and late, so that nothing ever leaves it. Each kind
//! is kept as what a guard asks of it.

use std::collections::{BTreeMap, BTreeSet};

use conclave::raft::{
    AppendOutcome, Body, Configuration, Incarnation, Index, Message, NodeId, Position, SendSnapshot,
    Term as Number,
};

use super::log::Log;

/// Each term that anything was sent in.
pub(super) type Terms = BTreeMap<Number, Term>;

/// A node with one data directory.
type Directory = (NodeId, Incarnation);

/// Who asks, and whom.
type Question = (NodeId, NodeId);

#[derive(Debug, Default)]
pub(crate) struct Term {
    pub(super) leadership: Option<Leadership>,
    /// Whom a node that is not watched told what a leader tells: it may have been anything.
    pub(super) unwatched: BTreeSet<NodeId>,
    /// Who was sent anything of this term, and may have entered it by that.
    pub(super) addressed: BTreeSet<NodeId>,
    /// Where the log of one that asks for a vote ends, and of one that asks for a pre-vote.
    pub(super) requests: BTreeMap<Question, Position>,
    pub(super) pre_requests: BTreeMap<Question, Position>,
    /// Who gave a vote to whom, durably.
    pub(super) ballots: BTreeMap<NodeId, NodeId>,
    /// The votes, and pre-votes, that were sent, by candidate.
    pub(super) votes: BTreeMap<NodeId, BTreeMap<Directory, ()>>,
    pub(super) pre_votes: BTreeMap<NodeId, BTreeMap<Directory, ()>>,
    pub(super) told: BTreeMap<NodeId, Told>,
    /// How far acknowledgements go.
    pub(super) acks: BTreeMap<Directory, Index>,
    /// The latest heartbeat that was sent, and those that were answered.
    pub(super) round: u64,
    pub(super) rounds: BTreeMap<Directory, Answered>,
    /// When each heartbeat was sent, by the leader's clock.
    sent_us: BTreeMap<u64, u64>,
    /// Who was sent a snapshot, and what it has to reach at least.
    pub(super) streams: BTreeMap<NodeId, Index>,
    /// Who was asked to take over.
    pub(super) successors: BTreeSet<NodeId>,
    /// The leader's commit index.
    pub(super) commit: Index,
    /// Reads that were asked for, of the leader itself and those forwarded to it.
    pub(super) reads: BTreeMap<(NodeId, u64), Asked>,
    /// What followers were told to read at.
    pub(super) read_answers: BTreeSet<(NodeId, u64, Index)>,
}

/// Who leads, and its log: it only grows.
#[derive(Clone, Debug)]
pub(super) struct Leadership {
    pub(super) leader: NodeId,
    pub(super) log: Log,
}

/// What a leader sent a node.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Entries, each stretch after one index and up to another.
    entries: Vec<(Index, Index)>,
    /// What it may commit, if it holds that.
    pub(super) commit: Index,
}

impl Told {
    /// Whether all of the entries after one index and up to another were sent.
    pub(super) fn covers(&self, after: Index, last: Index) -> bool {
        self.entries.iter().any(|&(from, to)| from <= after && last <= to)
    }

    /// Stretches that meet are one.
    fn add(&mut self, mut after: Index, mut last: Index) {
        self.entries.retain(|&(from, to)| {
            let meets = from <= last && after <= to;
            if meets {
                (after, last) = (after.min(from), last.max(to));
            }
            !meets
        });
        self.entries.push((after, last));
    }
}

/// When a read was asked for: after this heartbeat, and when the leader's commit index was this one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) round: u64,
    pub(super) commit: Index,
}

/// The latest heartbeat that a node answered, and until when it promised to let nobody depose the leader: on the leader's clock, when
/// that runs as the node's does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answered {
    pub(super) round: u64,
    promised: Option<Promise>,
}

/// A promise, which holds from when a heartbeat was answered on, and so at least from when that was sent.
#[derive(Clone, Copy, Debug)]
struct Promise {
    sent_us: u64,
    length_us: u64,
}

impl Answered {
    /// Until when the leader may rely on the promise, on its own clock: either clock may run faster or slower than true time by so
    /// many percent (thesis, section 6.4.1).
    pub(super) fn promised_until_us(&self, drift_percent: u32) -> u64 {
        let drift_percent = u64::from(drift_percent);
        self.promised.map_or(0, |Promise { sent_us, length_us }| {
            sent_us + length_us * (100 - drift_percent) / (100 + drift_percent)
        })
    }
}

impl Term {
    pub(super) fn is_led_by(&self, id: NodeId) -> bool {
        self.leadership.as_ref().is_some_and(|leadership| leadership.leader == id)
    }

    /// The log of the leader, if that is another node.
    pub(super) fn log_of_other(&self, id: NodeId) -> Option<&Log> {
        self.leadership
            .as_ref()
            .filter(|leadership| leadership.leader != id)
            .map(|leadership| &leadership.log)
    }

    pub(super) fn ack_of(&self, id: NodeId) -> Index {
        let acks = self.acks.range((id, 0)..=(id, Incarnation::MAX));
        acks.map(|(_, &matched)| matched).max().unwrap_or(0)
    }

    pub(super) fn ask_read(&mut self, from: NodeId, read: u64) {
        self.reads.insert((from, read), Asked { round: self.round, commit: self.commit });
    }

    /// The leader sent what it had to say when its clock showed this.
    pub(super) fn note_time(&mut self, message: &Message, time_us: u64) {
        if let Body::HeartbeatRequest { round, .. } = message.body {
            self.sent_us.entry(round).or_insert(time_us);
        }
    }

    pub(super) fn note_stream(&mut self, stream: &SendSnapshot) {
        self.addressed.insert(stream.to);
        let needed = self.streams.entry(stream.to).or_insert(stream.needed);
        *needed = stream.needed.min(*needed);
    }

    /// A message of a node that is not watched is on its way. Should it lead, it leads another cluster: its own.
    pub(super) fn overhear(&mut self, message: &Message) {
        match message.body {
            Body::AppendRequest { .. } | Body::HeartbeatRequest { .. } | Body::TimeoutNow => {
                self.note_unwatched(message.to);
            }
            _ => self.note(message),
        }
    }

    pub(super) fn note_unwatched(&mut self, to: NodeId) {
        self.addressed.insert(to);
        self.unwatched.insert(to);
    }

    /// A message of this term is on its way.
    pub(super) fn note(&mut self, message: &Message) {
        let (from, to) = (message.from, message.to);
        let directory = (from, message.origin.incarnation);
        // They speak of a term that nobody may have entered.
        let is_question = matches!(
            message.body,
            Body::PreVoteRequest { .. } | Body::PreVoteResponse { granted: true } | Body::Removed { .. }
        );
        if !is_question {
            self.addressed.insert(to);
        }
        match &message.body {
            Body::PreVoteRequest { last } => raise(&mut self.pre_requests, (from, to), *last),
            Body::VoteRequest { last, .. } => raise(&mut self.requests, (from, to), *last),
            Body::PreVoteResponse { granted: true } => {
                self.pre_votes.entry(to).or_default().insert(directory, ());
            }
            Body::VoteResponse { granted: true } => {
                self.votes.entry(to).or_default().insert(directory, ());
            }
            Body::AppendRequest { previous, entries, commit } => {
                let told = self.told.entry(to).or_default();
                let last = previous.index + entries.len() as Index;
                if !entries.is_empty() {
                    told.add(previous.index, last);
                }
                told.commit = told.commit.max(last.min(*commit));
            }
            Body::AppendResponse { outcome: AppendOutcome::Accepted { matched }, .. } => {
                raise(&mut self.acks, directory, *matched);
            }
            Body::HeartbeatRequest { commit, round } => {
                let told = self.told.entry(to).or_default();
                told.commit = told.commit.max(*commit);
                self.round = self.round.max(*round);
            }
            Body::HeartbeatResponse { round, promise_us, .. } => {
                let answered = self.rounds.entry(directory).or_default();
                answered.round = answered.round.max(*round);
                let sent_us = self.sent_us.get(round).filter(|_| *promise_us > 0);
                let promise = sent_us.map(|&sent_us| Promise { sent_us, length_us: *promise_us });
                let end_us = |promise: &Promise| promise.sent_us + promise.length_us;
                answered.promised = answered.promised.into_iter().chain(promise).max_by_key(end_us);
            }
            Body::TimeoutNow => drop(self.successors.insert(to)),
            Body::ReadIndexRequest { id } => {
                self.ask_read(from, *id);
            }
            Body::ReadIndexResponse { id, index: Some(index) } => {
                self.read_answers.insert((to, *id, *index));
            }
            _ => {}
        }
    }
}

fn raise<K: Ord, V: Ord + Default>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    let present = map.entry(key).or_default();
    if *present < value {
        *present = value;
    }
}

/// What a member said that counts: with the data directory on record, or with any as long as there are no records.
pub(super) fn counted<'a, V>(
    said: &'a BTreeMap<Directory, V>,
    configuration: &Configuration,
    id: NodeId,
) -> Option<&'a V> {
    let of_directory = |incarnation| said.get(&(id, incarnation));
    match configuration.incarnations.get(&id) {
        Some(&recorded) => of_directory(recorded).or_else(|| of_directory(0)),
        None if configuration.cluster == 0 || configuration.incarnations.is_empty() => {
            said.range((id, 0)..=(id, Incarnation::MAX)).next_back().map(|(_, said)| said)
        }
        None => of_directory(0),
    }
}
