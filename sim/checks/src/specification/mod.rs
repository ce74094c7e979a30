//! An executable specification of the consensus: the actions of Ongaro's raft.tla, and of what this system adds, as guarded
//! transitions of a global state. Each step of each node must be explained by actions that the state allows; one that is not
//! fails the run. It is written from the papers, knows nothing of the core but what others see of it, and is a second opinion:
//! the invariants say what must never be, this says what may happen.
//!
//! A step takes many inputs at once. So a guard asks whether some order of actions leads from what the node was to what it is,
//! and where a step does more than can be told apart it asks less, and never more than is true. It goes by what was *sent*: what a
//! node received nobody sees, and of what was sent anything may arrive, late and twice.
//!
//! | action | file | from | guard ([`crate::Rule`]) |
//! | --- | --- | --- | --- |
//! | Restart | `snapshot.rs` | raft.tla, figure 2 | `RestartRemembers` |
//! | UpdateTerm, Timeout | `election.rs` | raft.tla, section 5.1 | `TermIsReached` |
//! | PreVote, Timeout | `election.rs` | thesis 9.6, 3.10 | `CampaignIsAsked` |
//! | RequestVote | `election.rs` | raft.tla, section 5.2 | `RequestIsTrue` |
//! | HandleRequestVoteRequest | `election.rs` | raft.tla, sections 5.2 and 5.4.1 | `VoteIsDue` |
//! | HandleRequestVoteResponse, BecomeLeader | `election.rs` | raft.tla, section 5.2 | `LeaderIsElected` |
//! | ClientRequest | `replication.rs` | raft.tla, section 5.3 | `LeaderAppends` |
//! | AppendEntries | `replication.rs` | raft.tla, section 5.3 | `AppendIsOfLog` |
//! | HandleAppendEntriesRequest | `replication.rs`, `commit.rs` | raft.tla, section 5.3 | `FollowerAppends`, `RejectionIsTrue`, `FollowerCommits` |
//! | persistence before promises | `replication.rs` | figure 2 | `PromiseIsTrue` |
//! | HandleAppendEntriesResponse, AdvanceCommitIndex | `commit.rs` | raft.tla, sections 5.3 and 5.4.2 | `LeaderCommits` |
//! | heartbeats | `commit.rs`, `reads.rs` | section 5.2 | `HeartbeatIsSafe`, `HeartbeatWasSent` |
//! | ReadIndex, leases | `reads.rs` | thesis 6.4 | `ReadIsConfirmed` |
//! | compaction | `snapshot.rs` | section 7 | `CompactionIsOfLog` |
//! | InstallSnapshot | `snapshot.rs` | section 7 | `SnapshotIsSent` |
//! | joint configurations, learners | `membership.rs` | section 6, thesis 4.1, the correction of 2015 | `ChangeIsSettled` |
//! | leadership transfer | `membership.rs` | thesis 3.10 | `HandOverIsReady` |
//!
//! Loss, duplication and delay (DropMessage, DuplicateMessage) have no guard. That entries of one index and term are the same is a
//! rule of its own (`invariants/log.rs`), so that an entry here is an index and a term.
//!
//! | file | idea |
//! | --- | --- |
//! | `events.rs`, `transition.rs` | what it is told; a step between two states |
//! | `node.rs`, `log.rs` | the state of a node |
//! | `committed.rs` | what is committed, whoever knows it |
//! | `term.rs` | what was sent, by term |
//! | `tests/` | each guard with a history that it forbids, and the nearest one that it allows |

mod commit;
mod committed;
mod election;
mod events;
mod log;
mod membership;
mod node;
mod reads;
mod replication;
mod snapshot;
mod term;
#[cfg(test)]
mod tests;
mod transition;

use std::collections::{BTreeMap, BTreeSet};

use conclave::raft::{Message, NodeId, Persist, RoleName, SendSnapshot, Vote};

pub(crate) use self::events::{Started, Stepped};
use self::{
    committed::Committed,
    node::Node,
    term::{Leadership, Terms},
    transition::Transition,
};
use crate::{facts::votes, invariants::Checked};

/// What a step must be, after leaders are known and logs have grown.
const OF_STEPS: &[fn(&Terms, &Transition<'_>) -> Checked] = &[
    commit::commit_is_allowed,
    reads::reads_are_confirmed,
    replication::appends_are_of_log,
    replication::rejections_are_true,
    commit::heartbeats_are_safe,
    reads::heartbeats_were_sent,
    membership::hand_over_is_ready,
    snapshot::compaction_is_of_log,
];

/// And before.
const OF_ELECTIONS: &[fn(&Terms, &Transition<'_>) -> Checked] = &[
    election::term_is_reached,
    election::campaign_is_asked,
    election::requests_are_true,
    election::votes_are_due,
];

/// And of what it writes.
const OF_LOGS: &[fn(&Terms, &Transition<'_>) -> Checked] =
    &[replication::leader_appends, replication::follower_appends, membership::change_is_settled];

/// The state of all nodes together.
#[derive(Default)]
pub(crate) struct Specification {
    nodes: BTreeMap<NodeId, Node>,
    terms: Terms,
    committed: Committed,
    /// By so many percent clocks may run faster or slower than true time.
    drift_percent: u32,
    /// Something was not allowed: what follows from it is not judged.
    is_over: bool,
    /// Every failure, if it is to note them all.
    #[cfg(test)]
    all: Option<Vec<crate::Failure>>,
}

impl Specification {
    /// One that goes on after a failure, and notes all of them.
    #[cfg(test)]
    fn noting_all() -> Self {
        Self { all: Some(Vec::new()), ..Self::default() }
    }

    /// Whoever reads by lease was told that clocks may run faster or slower than true time by so many percent.
    pub(crate) fn state_drift(&mut self, percent: u32) {
        self.drift_percent = percent;
    }

    /// A node comes up.
    pub(crate) fn start(&mut self, started: Started) -> Checked {
        if self.is_over {
            return Ok(());
        }
        let checked =
            self.nodes.get(&started.node).map_or(Ok(()), |node| snapshot::restart_remembers(node, &started));
        let mut node = Node::of(started);
        node.remember_beginning(&self.committed, self.nodes.get(&node.id));
        self.committed.begin_after(node.log.floor());
        self.note_votes(node.id, [node.vote]);
        self.nodes.insert(node.id, node);
        self.judged(checked)
    }

    /// A node takes a step.
    pub(crate) fn step(&mut self, step: &Stepped<'_>) -> Checked {
        if self.is_over {
            return Ok(());
        }
        // What never came up is not watched.
        let Some(before) = self.nodes.remove(&step.node) else { return Ok(()) };
        let write = step.effects.persist.as_ref();
        let changed = write.filter(|write| write.compacted.is_some() || !write.entries.is_empty());
        let log = changed.map(|write| before.log_after(write));
        let configurations = changed.and_then(|write| before.configurations_after(write, &self.committed));
        let latest = configurations.as_ref().and_then(|after| after.values().next_back());
        let configuration = latest.unwrap_or(&before.configuration).clone();
        let mut transition = Transition {
            before: &before,
            step,
            log: log.as_ref().unwrap_or(&before.log),
            configuration,
            begun: BTreeSet::new(),
            drift_percent: self.drift_percent,
        };
        let checked = self.check(&mut transition);
        self.note(step);
        let configuration = transition.configuration;
        let mut node = Node { configuration, ..before };
        node.log = log.unwrap_or(node.log);
        node.configurations = configurations.unwrap_or(node.configurations);
        self.advance(node, step);
        self.judged(checked)
    }

    /// A node's disk holds a write, whose promises leave.
    pub(crate) fn write(&mut self, node: NodeId, write: &Persist) -> Checked {
        let Some(known) = self.nodes.get_mut(&node).filter(|_| !self.is_over) else { return Ok(()) };
        known.durable.write(write);
        let durable = &known.durable;
        let terms = &self.terms;
        let checked = write
            .promises
            .iter()
            .try_for_each(|message| replication::promise_is_kept(terms, durable, message));
        self.note_votes(node, votes(write));
        write.promises.iter().for_each(|message| self.send(message));
        self.judged(checked)
    }

    /// A node was asked for a read, and gave it this name.
    pub(crate) fn ask_read(&mut self, node: NodeId, read: u64) {
        let Some(known) = self.nodes.get(&node) else { return };
        if let (RoleName::Leader, Some(term)) = (known.role, self.terms.get_mut(&known.vote.term)) {
            term.ask_read(node, read);
        }
    }

    /// A message is on its way, whoever sent it.
    pub(crate) fn send(&mut self, message: &Message) {
        self.terms.entry(message.term).or_default().note(message);
    }

    /// A node that is not watched takes a step, or its write is done: anything that it sends may be true.
    pub(crate) fn overhear(&mut self, messages: &[Message], streams: &[SendSnapshot]) {
        for message in messages {
            self.terms.entry(message.term).or_default().overhear(message);
        }
        for SendSnapshot { to, stream, .. } in streams {
            self.terms.entry(stream.term).or_default().note_unwatched(*to);
        }
    }

    fn judged(&mut self, checked: Checked) -> Checked {
        let checked = self.decides(checked);
        self.is_over |= checked.is_err();
        checked
    }

    /// What a guard says: it decides, unless all failures are noted.
    fn decides(&mut self, checked: Checked) -> Checked {
        #[cfg(test)]
        if let Some(all) = &mut self.all {
            all.extend(checked.err());
            return Ok(());
        }
        checked
    }

    fn check(&mut self, transition: &mut Transition<'_>) -> Checked {
        for guard in OF_ELECTIONS {
            self.decides(guard(&self.terms, transition))?;
        }
        transition.begun = election::begun_terms(&self.terms, transition);
        let transition = &*transition;
        for &number in &transition.begun {
            self.decides(election::leader_is_elected(&self.terms, transition, number))?;
            let (leader, log) = (transition.id(), transition.log.up_to_term(number));
            self.terms.entry(number).or_default().leadership = Some(Leadership { leader, log });
        }
        if !transition.keeps_log() {
            for guard in OF_LOGS {
                self.decides(guard(&self.terms, transition))?;
            }
            self.grow_leaders_log(transition);
        }
        for guard in OF_STEPS {
            self.decides(guard(&self.terms, transition))?;
        }
        for message in &transition.step.effects.messages {
            self.decides(replication::promise_is_kept(&self.terms, &transition.before.durable, message))?;
        }
        self.decides(snapshot::snapshot_is_sent(&self.terms, &self.committed, transition))
    }

    /// A leader may have sent what it appended and stepped down since.
    fn grow_leaders_log(&mut self, transition: &Transition<'_>) {
        let log = transition.log;
        for (&number, term) in self.terms.range_mut(transition.terms()) {
            let own = term.leadership.as_mut().filter(|_| transition.leads(number));
            if let Some(leadership) = own.filter(|leadership| log.holds(leadership.log.last())) {
                leadership.log.extend_from(&log.up_to_term(number));
            }
        }
    }

    /// What a step sends is on its way.
    fn note(&mut self, step: &Stepped<'_>) {
        for message in &step.effects.messages {
            self.send(message);
            self.terms.entry(message.term).or_default().note_time(message, step.time_us);
        }
        for stream in &step.effects.snapshots {
            self.terms.entry(stream.stream.term).or_default().note_stream(stream);
        }
    }

    /// A disk holds a vote, or held it until a later one took its place in the same write.
    fn note_votes(&mut self, node: NodeId, votes: impl IntoIterator<Item = Vote>) {
        for Vote { term, candidate } in votes {
            let ballots = &mut self.terms.entry(term).or_default().ballots;
            ballots.extend(candidate.map(|candidate| (node, candidate)));
        }
    }

    /// The node is what it shows from now on.
    fn advance(&mut self, mut node: Node, step: &Stepped<'_>) {
        let after = step.after;
        (node.vote, node.role, node.commit) = (after.vote, after.role, after.commit);
        node.installing.extend(step.effects.install.iter().map(|snapshot| snapshot.last));
        self.committed.note(node.commit, &node.log, &node.configurations);
        if let (RoleName::Leader, Some(term)) = (node.role, self.terms.get_mut(&node.vote.term)) {
            term.commit = node.commit;
        }
        self.nodes.insert(node.id, node);
    }
}
