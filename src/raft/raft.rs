//! The node: its inputs, the one gate for terms, the one place where roles change.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use super::{
    AppendOutcome, Body, ClusterId, Configuration, Effects, Entry, Incarnation, Index, Lease, Message,
    NodeId, Origin, Payload, Position, Refused, RoleName, Snapshot, StreamId, Term, Vote,
    log::Log,
    membership::CAUGHT_UP_ENTRIES,
    progress::{PeerView, Window},
    random::Random,
    role::{Follower, Role},
    snapshot::{COMPACTION_STEP, Installing},
    writes::Writes,
};

/// How a node behaves. Spans are in ticks.
#[derive(Clone, Debug, Hash)]
pub struct Options {
    /// This node.
    pub id: NodeId,
    /// A leader says so this often.
    pub heartbeat_ticks: u32,
    /// Silence of the leader that makes a follower campaign: at least this, drawn anew each time.
    pub election_ticks_min: u32,
    /// And at most this.
    pub election_ticks_max: u32,
    /// A node that leads hands over to a voter of higher priority as soon as that one is up to date.
    pub priority: u32,
    /// Entries in one append, by size.
    pub append_bytes_max: usize,
    /// A log of more entries forgets the oldest, once the state machine holds them durably.
    pub log_entries_max: usize,
    /// A heavier log does so too.
    pub log_bytes_max: usize,
    /// While a peer catches up after a snapshot the log may have so many entries more: what is written meanwhile.
    pub catching_up_entries: usize,
    /// Or so many bytes of entries.
    pub catching_up_bytes: usize,
    /// Entries that one write of the log forgets at most.
    pub compaction_step: usize,
    /// What may be under way to one peer.
    pub window: Window,
    /// A learner that lacks no more than this many committed entries may be given a vote.
    pub caught_up_entries: Index,
    /// Reads are served by lease, with rounds where it does not hold. `None`: by rounds alone.
    pub lease: Option<Lease>,
    /// The id of the cluster, should this node be the first leader of it: drawn at random. 0: it gets none, and its nodes
    /// cannot tell it from another.
    pub founding_id: ClusterId,
    /// This node's data directory, as it is told from a later one.
    pub incarnation: Incarnation,
    /// Seed of the timeouts and of the names of reads. Must differ from one start of the node to the next.
    pub seed: u64,
}

impl Options {
    /// A node that does what consensus needs and nothing more: no limit, lease, priority or identity. It holds heartbeats of
    /// 3 ticks against election timeouts of 10 to 19.
    pub fn plain(id: NodeId) -> Self {
        Self {
            id,
            heartbeat_ticks: 3,
            election_ticks_min: 10,
            election_ticks_max: 19,
            priority: 0,
            append_bytes_max: usize::MAX,
            log_entries_max: usize::MAX,
            log_bytes_max: usize::MAX,
            catching_up_entries: 0,
            catching_up_bytes: 0,
            compaction_step: COMPACTION_STEP,
            window: Window::default(),
            caught_up_entries: CAUGHT_UP_ENTRIES,
            lease: None,
            founding_id: 0,
            incarnation: 0,
            seed: id,
        }
    }
}

/// What a node finds on its disk when it starts.
#[derive(Clone, Debug, Default)]
pub struct InitialState {
    /// The stored vote.
    pub vote: Vote,
    /// Up to here the log is compacted; 0@0 for nothing.
    pub compacted: Position,
    /// The configuration as of `compacted`.
    pub configuration: Arc<Configuration>,
    /// The log after `compacted`.
    pub entries: Vec<Entry>,
    /// What the state machine holds.
    pub applied: Snapshot,
    /// For so many ticks an earlier life of this node, which may have ended just now, may have promised to let nobody depose a
    /// leader ([`Lease::ticks_of`]); 0: it never read by lease.
    pub promised_ticks: u32,
}

/// Why a proposal was refused: in each case nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposeError {
    /// Another node leads, or nobody.
    NotLeader {
        /// Who does, if known.
        leader: Option<NodeId>,
    },
    /// Leadership is being handed over.
    Transferring,
}

/// Where proposals went in the log: `first`, `first + 1`, ... all in one term. A proposal took place when the entry
/// applied at its index bears that term; if another term's entry is applied there, it never will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The leader's term.
    pub term: Term,
    /// Index of the first proposal.
    pub first: Index,
}

/// One node of the consensus. See the module's documentation for its use.
///
/// Invariants, each asserted where it could break: terms and the commit index only grow; committed entries are never
/// truncated; `applied <= commit <= last`; nothing is applied that is not durable here.
#[derive(Clone, Debug, Hash)]
pub struct Raft {
    pub(super) shared: Shared,
    pub(super) role: Role,
}

/// What every role needs.
#[derive(Clone, Debug, Hash)]
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) random: Random,
    pub(super) vote: Vote,
    pub(super) log: Log,
    pub(super) writes: Writes,
    /// The configurations in the log by index, oldest first: the latest one is in force (section 6).
    pub(super) configurations: Vec<(Index, Arc<Configuration>)>,
    pub(super) commit: Index,
    /// The last entry handed out to be applied.
    pub(super) applying: Index,
    /// The state machine holds everything up to here durably.
    pub(super) state_durable: Index,
    /// The snapshot that is being put in place; till then nothing is appended or applied.
    pub(super) installing: Option<Installing>,
    /// The data directories of members, as they were heard in this life.
    pub(super) heard: BTreeMap<NodeId, Incarnation>,
    /// The leader that was followed last in this life.
    pub(super) last_leader: Option<NodeId>,
    /// This node was told that it was removed: the configuration without it.
    pub(super) removed_by: Option<Arc<Configuration>>,
    /// What this node's clock shows.
    pub(super) now_us: u64,
    /// Ticks for which this node has promised to let nobody depose the leader.
    pub(super) lease_promise_ticks: u32,
    /// Ticks since a leader was heard, a campaign began or (of a leader) a heartbeat was sent.
    pub(super) elapsed_ticks: u32,
    /// The present draw of the election timeout.
    pub(super) election_ticks: u32,
    pub(super) next_read: u64,
    /// Number of the last snapshot that this node began to send.
    pub(super) last_stream: u64,
    /// The snapshot that is being received.
    pub(super) receiving: Option<StreamId>,
    /// The node wants to stop, and hands leadership over first.
    pub(super) is_leaving: bool,
    /// Its disk stands still.
    pub(super) is_stalled: bool,
    pub(super) out: Effects,
}

impl Raft {
    /// A node as it comes up: a follower in the term it remembers.
    pub fn new(options: Options, recovered: InitialState) -> Self {
        assert!(options.heartbeat_ticks < options.election_ticks_min, "heartbeats come before elections");
        let mut random = Random::new(options.seed);
        let log = Log::new(recovered.compacted, recovered.entries);
        let InitialState { vote, compacted, configuration, applied, promised_ticks, .. } = recovered;
        assert!(applied.last.index >= compacted.index, "the log is never compacted beyond the durable state");
        let mut shared = Shared {
            vote,
            writes: Writes::new(log.last().index),
            configurations: vec![(compacted.index, configuration)],
            commit: compacted.index,
            applying: compacted.index,
            state_durable: compacted.index,
            installing: None,
            heard: BTreeMap::new(),
            last_leader: None,
            removed_by: None,
            last_stream: 0,
            receiving: None,
            is_leaving: false,
            is_stalled: false,
            now_us: 0,
            lease_promise_ticks: promised_ticks,
            elapsed_ticks: 0,
            election_ticks: 0,
            next_read: random.next() >> 1,
            random,
            log,
            options,
            out: Effects::default(),
        };
        shared.note_configurations(compacted.index + 1);
        match shared.log.matches(applied.last) {
            true => {
                shared.commit = applied.last.index;
                shared.applying = applied.last.index;
                shared.state_durable = applied.last.index;
            }
            // It died between putting a snapshot in place and telling its log.
            false => shared.restore(applied),
        }
        shared.redraw_election_timeout();
        shared.give_lease_promise();
        Self { shared, role: Role::Follower(Follower::default()) }
    }

    /// Time passes by one tick.
    pub fn tick(&mut self) {
        self.shared.elapsed_ticks += 1;
        self.shared.lease_promise_ticks = self.shared.lease_promise_ticks.saturating_sub(1);
        match &mut self.role {
            Role::Leader(_) => self.tick_leader(),
            Role::Follower(_) => {
                self.expire_forwarded_reads();
                self.campaign_if_overdue();
            }
            Role::PreCandidate(_) | Role::Candidate(_) => self.campaign_if_overdue(),
        }
    }

    /// A message arrives. One that cannot be true changes nothing ([`Effects::refused`]).
    pub fn step(&mut self, message: Message) {
        if let Err(why) = self.validate(&message) {
            let Message { from, term, .. } = message;
            self.shared.out.refused.push(Refused { from, term, why });
            return;
        }
        self.shared.note_incarnation(&message);
        if self.listens_to(&message) && self.admits(&message) {
            self.dispatch(message);
        }
    }

    /// Appends commands to the log of the leader. They are replicated together at the next [`Raft::effects`].
    ///
    /// # Errors
    /// This node does not lead, or is handing over.
    pub fn propose(
        &mut self,
        commands: impl IntoIterator<Item = Arc<[u8]>>,
    ) -> Result<Proposed, ProposeError> {
        self.check_proposals()?;
        let proposed = Proposed { term: self.term(), first: self.shared.log.last().index + 1 };
        for command in commands {
            self.shared.append_own(Payload::Command(command));
        }
        Ok(proposed)
    }

    /// Whether commands can be proposed now.
    ///
    /// # Errors
    /// As of [`Raft::propose`].
    pub fn check_proposals(&self) -> Result<(), ProposeError> {
        match &self.role {
            Role::Leader(leader) if leader.transfer.is_none() => Ok(()),
            Role::Leader(_) => Err(ProposeError::Transferring),
            _ => Err(ProposeError::NotLeader { leader: self.leader() }),
        }
    }

    /// The write of this ticket, and every earlier one, is durable.
    pub fn persisted(&mut self, ticket: u64) {
        self.shared.writes.done(ticket);
        self.count_own_vote();
    }

    /// Everything that follows from the inputs since the last call.
    pub fn effects(&mut self) -> Effects {
        if self.is_leader() {
            self.record_incarnations();
            self.advance_commit();
            self.prolong_lease();
            self.continue_change();
            self.continue_leaving();
            self.start_read_round();
            self.replicate();
            self.release_reads();
            self.retire_if_removed();
        }
        self.shared.hand_out_committed();
        if self.shared.writes.stores_entries() {
            self.compact_if_too_long();
        }
        let mut effects = std::mem::take(&mut self.shared.out);
        effects.persist = self.shared.writes.take(&mut effects.messages);
        effects
    }

    /// The one gate for terms: what passes it is of this node's own term, or a pre-vote, or true in every term.
    fn admits(&mut self, message: &Message) -> bool {
        match message.term.cmp(&self.term()) {
            _ if matches!(message.body, Body::Removed { .. }) => true,
            Ordering::Greater => self.enter_term(message),
            Ordering::Equal => true,
            Ordering::Less => {
                self.answer_stale(message);
                false
            }
        }
    }

    /// Deals with a message of a later term. False: the message is to be ignored.
    fn enter_term(&mut self, message: &Message) -> bool {
        match message.body {
            // A pre-vote and its grant speak of a term that nobody has entered yet.
            Body::PreVoteRequest { .. } | Body::PreVoteResponse { granted: true } => return true,
            Body::VoteRequest { leadership_transfer: false, .. } if self.protects_leader() => return false,
            _ => {}
        }
        let leader = match message.body {
            Body::AppendRequest { .. } | Body::HeartbeatRequest { .. } | Body::InstallSnapshot { .. } => {
                Some(message.from)
            }
            _ => None,
        };
        self.become_follower(message.term, leader);
        true
    }

    /// A sender of an earlier term learns the present one, or that it was removed; its answers are worth nothing any more.
    fn answer_stale(&mut self, message: &Message) {
        let body = match message.body {
            Body::PreVoteRequest { last } => {
                return self.on_pre_vote_request(message.from, message.term, last);
            }
            Body::VoteRequest { .. } => Body::VoteResponse { granted: false },
            Body::AppendRequest { .. } | Body::HeartbeatRequest { .. } | Body::InstallSnapshot { .. } => {
                let priority = self.shared.priority();
                Body::HeartbeatResponse { round: 0, priority, promise_us: 0 }
            }
            _ => return,
        };
        self.shared.send(message.from, body);
    }

    fn dispatch(&mut self, message: Message) {
        let from = message.from;
        match message.body {
            Body::PreVoteRequest { last } => self.on_pre_vote_request(from, message.term, last),
            Body::PreVoteResponse { granted } => self.on_pre_vote_response(from, message.term, granted),
            Body::VoteRequest { last, leadership_transfer } => {
                self.on_vote_request(from, last, leadership_transfer);
            }
            Body::VoteResponse { granted } => self.on_vote_response(from, granted),
            Body::AppendRequest { previous, entries, commit } => {
                self.on_append_request(from, previous, entries, commit);
            }
            Body::AppendResponse { outcome, priority } => match outcome {
                AppendOutcome::Accepted { matched } => self.on_append_accepted(from, matched, priority),
                AppendOutcome::Rejected { previous_index, hint } => {
                    self.on_append_rejected(from, previous_index, hint, priority);
                }
            },
            Body::HeartbeatRequest { commit, round } => self.on_heartbeat_request(from, commit, round),
            Body::HeartbeatResponse { round, priority, promise_us } => {
                self.on_heartbeat_response(from, round, priority, promise_us);
            }
            Body::TimeoutNow => self.on_timeout_now(),
            Body::InstallSnapshot { snapshot, stream } => self.on_install_snapshot(from, snapshot, stream),
            Body::SnapshotRejected { stream, why } => self.on_snapshot_rejected(from, stream, why),
            Body::Removed { configuration } => self.on_removed(configuration),
            Body::ReadIndexRequest { id } => self.on_read_index_request(from, id),
            Body::ReadIndexResponse { id, index } => self.on_read_index_response(id, index),
        }
    }

    /// The only place where a role changes.
    pub(super) fn transition(&mut self, role: Role) {
        use RoleName::{Candidate, Follower, Leader, PreCandidate};
        let legal = match (self.role.name(), role.name()) {
            (_, Follower) | (Follower, PreCandidate | Candidate) => true,
            (PreCandidate | Candidate, PreCandidate | Candidate) => true,
            (from, Leader) => from == Candidate,
            (Leader, PreCandidate | Candidate) => false,
        };
        assert!(legal, "no way from {} to {}", self.role.name(), role.name());
        let left = std::mem::replace(&mut self.role, role);
        self.shared.cancel_streams_of(&left);
        self.shared.fail_reads_of(left);
        self.shared.elapsed_ticks = 0;
        self.shared.redraw_election_timeout();
    }

    /// Follows `leader` (or waits for one) in `term`, which is never an earlier one.
    pub(super) fn become_follower(&mut self, term: Term, leader: Option<NodeId>) {
        self.shared.enter_term(term);
        self.transition(Role::Follower(Follower { leader, ..Follower::default() }));
    }
}

/// What others may see.
impl Raft {
    /// This node.
    pub fn id(&self) -> NodeId {
        self.shared.options.id
    }

    /// The present term.
    pub fn term(&self) -> Term {
        self.shared.vote.term
    }

    /// The present vote.
    pub fn vote(&self) -> Vote {
        self.shared.vote
    }

    /// The role being played.
    pub fn role(&self) -> RoleName {
        self.role.name()
    }

    /// Whether this node leads its term.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Who leads, as far as this node knows.
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::Leader(_) => Some(self.shared.options.id),
            Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// The commit index.
    pub fn commit(&self) -> Index {
        self.shared.commit
    }

    /// End of the log.
    pub fn last(&self) -> Position {
        self.shared.log.last()
    }

    /// Entries up to here are on this node's disk.
    pub fn durable(&self) -> Index {
        self.shared.writes.durable()
    }

    /// The entry at an index, unless it is compacted or beyond the end.
    pub fn entry(&self, index: Index) -> Option<&Entry> {
        self.shared.log.get(index)
    }

    /// The position up to which the log is compacted.
    pub fn compacted(&self) -> Position {
        self.shared.log.compacted()
    }

    /// The configuration in force.
    pub fn configuration(&self) -> &Arc<Configuration> {
        self.shared.configuration()
    }

    /// The log index as of which that configuration is in force: of two nodes' configurations, that of the higher index is the later
    /// one, once both are committed.
    pub fn configuration_index(&self) -> Index {
        self.shared.configuration_index()
    }

    /// Which cluster this node belongs to, as far as it knows.
    pub fn origin(&self) -> Origin {
        self.shared.origin()
    }

    /// Whether the configuration in force is committed.
    pub fn is_configuration_committed(&self) -> bool {
        self.shared.is_configuration_committed()
    }

    /// What a leader knows of the others, in order; of any other role nothing.
    pub fn peers(&self) -> Vec<PeerView> {
        let Role::Leader(leader) = &self.role else { return Vec::new() };
        leader.peers.iter().map(|(&id, progress)| progress.shown(id)).collect()
    }
}

impl Shared {
    pub(super) fn configuration(&self) -> &Arc<Configuration> {
        &self.configurations.last().expect("there is always a configuration").1
    }

    /// How much this node is preferred as a leader: not at all if it wants to stop, or its disk stands still.
    pub(super) fn priority(&self) -> u32 {
        if self.is_leaving || self.is_stalled { 0 } else { self.options.priority }
    }

    /// Everybody but this node, in order.
    pub(super) fn peers(&self) -> Vec<NodeId> {
        self.configuration().members().filter(|&id| id != self.options.id).collect()
    }

    /// Enters a term, if it is a new one, with no vote cast in it.
    pub(super) fn enter_term(&mut self, term: Term) {
        assert!(term >= self.vote.term, "terms only grow");
        if term > self.vote.term {
            self.set_vote(Vote { term, candidate: None });
        }
    }

    pub(super) fn set_vote(&mut self, vote: Vote) {
        let same_term = vote.term == self.vote.term;
        let is_lawful =
            vote.term > self.vote.term || same_term && (self.vote.candidate.is_none() || self.vote == vote);
        assert!(is_lawful, "a vote never changes within a term");
        self.vote = vote;
        self.writes.vote(vote);
    }

    /// A message that promises nothing.
    pub(super) fn send(&mut self, to: NodeId, body: Body) {
        let message = self.message(to, body);
        self.out.messages.push(message);
    }

    /// A message that promises what this node has to make durable first.
    pub(super) fn promise(&mut self, to: NodeId, body: Body) {
        let message = self.message(to, body);
        self.writes.promise(message);
    }

    fn message(&self, to: NodeId, body: Body) -> Message {
        Message { from: self.options.id, to, origin: self.origin(), term: self.vote.term, body }
    }

    /// Appends an entry of the present term.
    pub(super) fn append_own(&mut self, payload: Payload) {
        let entry = Entry { term: self.vote.term, index: self.log.last().index + 1, payload };
        self.append(entry);
    }

    pub(super) fn append(&mut self, entry: Entry) {
        if let Some(configuration) = entry.configuration() {
            self.configurations.push((entry.index, configuration.clone()));
        }
        self.writes.append(entry.clone());
        self.log.push(entry);
    }

    pub(super) fn truncate(&mut self, index: Index) {
        assert!(index > self.commit, "committed entries are never truncated");
        self.log.truncate(index);
        self.writes.truncate(index);
        while self.configurations.last().is_some_and(|&(at, _)| at >= index) {
            self.configurations.pop();
        }
    }

    /// Puts the configurations that the log holds from an index on in force, as at a restart: committed or not.
    fn note_configurations(&mut self, from: Index) {
        for entry in self.log.range(from, self.log.last().index) {
            if let Some(configuration) = entry.configuration() {
                self.configurations.push((entry.index, configuration.clone()));
            }
        }
    }

    /// Moves the commit index forward, never back.
    pub(super) fn commit_to(&mut self, index: Index) {
        assert!(index <= self.log.last().index, "only what the log holds can be committed");
        self.commit = self.commit.max(index);
    }

    /// Hands out what may be applied: committed, and durable on this very node, so that its state machine never
    /// runs ahead of its own log.
    fn hand_out_committed(&mut self) {
        let ready = self.commit.min(self.writes.durable());
        if ready > self.applying && self.installing.is_none() {
            self.out.committed.extend(self.log.range(self.applying + 1, ready).cloned());
            self.applying = ready;
        }
    }

    pub(super) fn redraw_election_timeout(&mut self) {
        let Options { election_ticks_min, election_ticks_max, .. } = self.options;
        self.election_ticks = self.random.between(election_ticks_min, election_ticks_max);
    }
}
