//! Messages of any kind, with any numbers in them, at nodes in every role.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use proptest::{collection, prelude::*, sample};

mod strangers;

use super::*;
use crate::raft::{
    ClusterId, Effects, Index, InitialState, InstallFailure, Members, Options, Payload, Refused, RoleName,
    SendSnapshot, StreamId, Vote,
};

/// The node on trial.
const NODE: NodeId = 2;
/// Its cluster.
const CLUSTER: ClusterId = 7;
const ORIGIN: Origin = Origin { cluster: CLUSTER, is_certain: true, incarnation: 0 };

fn of(voters: impl IntoIterator<Item = NodeId>) -> Configuration {
    Configuration { cluster: CLUSTER, ..Configuration::of(voters) }
}

fn options() -> Options {
    Options { append_bytes_max: 100, log_entries_max: 3, seed: 2, ..Options::plain(NODE) }
}

/// A node with its outside, and what must hold of both.
struct Trial {
    core: Raft,
    applied: Index,
    committed: BTreeMap<Index, Entry>,
    vote: Vote,
    writing: Option<u64>,
    installing: Option<Snapshot>,
    streams: Vec<SendSnapshot>,
}

impl Trial {
    /// Node 2 of three voters and a learner, in term 2, with five entries on its disk of which it knows no commit.
    fn new() -> Self {
        let configuration = Arc::new(Configuration { learners: [4].into(), ..of([1, NODE, 3]) });
        let noop = |index| Entry { term: 1, index, payload: Payload::Noop };
        let recovered = InitialState {
            vote: Vote { term: 2, candidate: None },
            entries: (1..=5).map(noop).collect(),
            applied: Snapshot { configuration: configuration.clone(), ..Snapshot::default() },
            configuration,
            ..InitialState::default()
        };
        let core = Raft::new(options(), recovered);
        Self {
            vote: core.vote(),
            core,
            applied: 0,
            committed: BTreeMap::new(),
            writing: None,
            installing: None,
            streams: Vec::new(),
        }
    }

    fn in_role(role: RoleName) -> Self {
        let mut trial = Self::new();
        match role {
            RoleName::Follower => {
                let previous = Position { term: 1, index: 5 };
                trial.hear(1, 2, Body::AppendRequest { previous, entries: Vec::new(), commit: 4 });
            }
            RoleName::PreCandidate => trial.miss_the_leader(),
            RoleName::Candidate => {
                trial.miss_the_leader();
                trial.hear(1, 3, Body::PreVoteResponse { granted: true });
            }
            RoleName::Leader => {
                trial.miss_the_leader();
                trial.hear(1, 3, Body::PreVoteResponse { granted: true });
                trial.write();
                trial.hear(1, 3, Body::VoteResponse { granted: true });
                let outcome = AppendOutcome::Accepted { matched: 6 };
                trial.hear(1, 3, Body::AppendResponse { outcome, priority: 0 });
            }
        }
        trial.write();
        assert_eq!(trial.core.role(), role);
        trial
    }

    fn miss_the_leader(&mut self) {
        for _ in 0..=Options::plain(NODE).election_ticks_max {
            if self.core.role() != RoleName::Follower {
                return;
            }
            self.input(Raft::tick);
        }
        panic!("it never campaigns");
    }

    fn hear(&mut self, from: NodeId, term: Term, body: Body) {
        self.step(Message { from, to: NODE, origin: ORIGIN, term, body });
    }

    /// Small terms are near to the node's own, mostly the same: others are soon dealt with.
    fn near(&self, term: Term) -> Term {
        match term {
            0 => self.core.term() - 1,
            1..=7 => self.core.term(),
            8..=9 => self.core.term() + term - 7,
            _ => term,
        }
    }

    /// What is refused changes nothing.
    fn step(&mut self, message: Message) {
        let before = hash(&self.core);
        self.core.step(message.clone());
        let mut after = self.core.clone();
        let refused = std::mem::take(&mut after.shared.out.refused);
        if !refused.is_empty() {
            assert_eq!(hash(&after), before, "{message:?} was refused ({refused:?}) and changed something");
        }
        self.carry_out();
    }

    fn input(&mut self, input: impl FnOnce(&mut Raft)) {
        input(&mut self.core);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let effects = self.core.effects();
        self.check(&effects);
        let Effects { persist, committed, install, snapshots, .. } = effects;
        for entry in &committed {
            assert_eq!(entry.index, self.applied + 1, "entries are applied in order");
            self.applied = entry.index;
        }
        self.core.state_durable(self.applied);
        self.installing = install.or(self.installing.take());
        self.writing = persist.map(|persist| persist.ticket).or(self.writing);
        self.streams.extend(snapshots);
    }

    /// Everything is written.
    fn write(&mut self) {
        while let Some(ticket) = self.writing.take() {
            self.input(|core| core.persisted(ticket));
        }
    }

    /// What was forged is not there to be installed; or it was forged well.
    fn install(&mut self, well: bool) {
        let Some(snapshot) = self.installing.take() else { return };
        if !well {
            return self.input(|core| core.install_failed(InstallFailure::Damaged));
        }
        self.applied = snapshot.last.index;
        self.committed.retain(|&index, _| index > snapshot.last.index);
        if self.core.entry(snapshot.last.index).is_none_or(|entry| entry.term != snapshot.last.term) {
            self.committed.clear();
        }
        self.input(Raft::installed);
    }

    /// Snapshots arrive, or (`None`) break off.
    fn end_streams(&mut self, arrived: bool) {
        for SendSnapshot { to, stream, .. } in std::mem::take(&mut self.streams) {
            let index = arrived.then_some(self.applied);
            self.input(|core| core.snapshot_sent(to, stream, index));
        }
    }

    fn check(&mut self, effects: &Effects) {
        let core = &self.core;
        assert!(core.commit() <= core.last().index, "only what the log holds is committed");
        let vote = core.vote();
        assert!(vote.term >= self.vote.term, "terms only grow");
        let is_kept = vote.term > self.vote.term
            || self.vote.candidate.is_none()
            || vote.candidate == self.vote.candidate;
        assert!(is_kept, "a vote never changes within a term");
        self.vote = vote;
        for (&index, entry) in self.committed.range(core.compacted().index + 1..) {
            assert_eq!(core.entry(index), Some(entry), "committed entries stay");
        }
        assert!(self.committed.last_key_value().is_none_or(|(&last, _)| last <= core.commit()));
        let mut before = core.compacted();
        for index in before.index + 1..=core.last().index {
            let entry = core.entry(index).expect("the log has no gaps");
            assert!(entry.index == index && entry.term >= before.term, "the log is one");
            before = entry.position();
            if index <= core.commit() {
                self.committed.entry(index).or_insert_with(|| entry.clone());
            }
        }
        assert!(effects.messages.iter().all(|message| message.from == NODE));
    }
}

fn hash(core: &Raft) -> u64 {
    let mut hasher = DefaultHasher::new();
    core.hash(&mut hasher);
    hasher.finish()
}

/// Something that happens to the node.
#[derive(Clone, Debug)]
enum Input {
    Message(Message),
    Piece(NodeId, StreamId, Position),
    Ticks(u8),
    Write,
    Install(bool),
    EndStreams(bool),
    Propose,
    Read,
    Transfer(NodeId),
    Change(Vec<NodeId>),
    Leave,
}

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        20 => messages().prop_map(Input::Message),
        2 => (nodes(), numbers(), numbers(), positions())
            .prop_map(|(from, term, number, last)| Input::Piece(from, StreamId { term, number }, last)),
        3 => (1..25u8).prop_map(Input::Ticks),
        5 => Just(Input::Write),
        2 => any::<bool>().prop_map(Input::Install),
        1 => any::<bool>().prop_map(Input::EndStreams),
        2 => Just(Input::Propose),
        1 => Just(Input::Read),
        1 => nodes().prop_map(Input::Transfer),
        1 => collection::vec(1..6u64, 0..4).prop_map(Input::Change),
        1 => Just(Input::Leave),
    ]
}

fn messages() -> impl Strategy<Value = Message> {
    let to = prop_oneof![9 => Just(NODE), 1 => nodes()];
    let messages = (nodes(), to, origins(), numbers(), bodies());
    messages.prop_map(|(from, to, origin, term, body)| Message { from, to, origin, term, body })
}

fn origins() -> impl Strategy<Value = Origin> {
    let any_origin = (clusters(), any::<bool>());
    let other = any_origin.prop_map(|(cluster, is_certain)| Origin { cluster, is_certain, incarnation: 0 });
    prop_oneof![9 => Just(ORIGIN), 1 => other]
}

fn clusters() -> impl Strategy<Value = ClusterId> {
    prop_oneof![9 => Just(CLUSTER), 1 => 0..9u64]
}

fn nodes() -> impl Strategy<Value = NodeId> {
    prop_oneof![9 => 0..6u64, 1 => Just(u64::MAX)]
}

/// Mostly near to what the node knows, where most is to be broken.
fn numbers() -> impl Strategy<Value = u64> {
    let edges = [TERM_JUMP_MAX, TERM_JUMP_MAX + 2, NUMBER_MAX, NUMBER_MAX + 1, u64::MAX - 1, u64::MAX];
    prop_oneof![20 => 0..10u64, 1 => any::<u64>(), 2 => sample::select(edges.to_vec())]
}

fn positions() -> impl Strategy<Value = Position> {
    (numbers(), numbers()).prop_map(|(term, index)| Position { term, index })
}

fn bodies() -> impl Strategy<Value = Body> {
    let outcomes = prop_oneof![
        numbers().prop_map(|matched| AppendOutcome::Accepted { matched }),
        (numbers(), positions())
            .prop_map(|(previous_index, hint)| AppendOutcome::Rejected { previous_index, hint }),
    ];
    let snapshots = (positions(), configurations(), numbers()).prop_map(|(last, configuration, stream)| {
        Body::InstallSnapshot { snapshot: Snapshot { last, configuration }, stream }
    });
    prop_oneof![
        1 => positions().prop_map(|last| Body::PreVoteRequest { last }),
        1 => any::<bool>().prop_map(|granted| Body::PreVoteResponse { granted }),
        1 => (positions(), any::<bool>())
            .prop_map(|(last, leadership_transfer)| Body::VoteRequest { last, leadership_transfer }),
        1 => any::<bool>().prop_map(|granted| Body::VoteResponse { granted }),
        4 => append_requests(),
        4 => (outcomes, any::<u32>()).prop_map(|(outcome, priority)| Body::AppendResponse { outcome, priority }),
        2 => (numbers(), numbers()).prop_map(|(commit, round)| Body::HeartbeatRequest { commit, round }),
        2 => (numbers(), any::<u32>(), any::<u64>()).prop_map(|(round, priority, promise_us)| {
            Body::HeartbeatResponse { round, priority, promise_us }
        }),
        1 => Just(Body::TimeoutNow),
        2 => snapshots,
        1 => numbers().prop_map(|stream| Body::SnapshotRejected { stream, why: InstallFailure::Damaged }),
        1 => configurations().prop_map(|configuration| Body::Removed { configuration }),
        1 => numbers().prop_map(|id| Body::ReadIndexRequest { id }),
        1 => (numbers(), proptest::option::of(numbers())).prop_map(|(id, index)| Body::ReadIndexResponse { id, index }),
    ]
}

/// Entries that follow each other, often, in terms that do not fall, often.
fn append_requests() -> impl Strategy<Value = Body> {
    let steps = collection::vec((prop_oneof![9 => Just(0u64), 1 => numbers()], 0..20u64, payloads()), 0..5);
    (positions(), steps, numbers()).prop_map(|(previous, steps, commit)| {
        let mut last = previous;
        let entry = |(term_step, gap, payload): (u64, u64, Payload)| {
            let index = last.index.wrapping_add(if gap == 0 { 2 } else { 1 });
            last = Position { term: last.term.wrapping_add(term_step), index };
            Entry { term: last.term, index: last.index, payload }
        };
        Body::AppendRequest { previous, entries: steps.into_iter().map(entry).collect(), commit }
    })
}

fn payloads() -> impl Strategy<Value = Payload> {
    prop_oneof![
        2 => Just(Payload::Noop),
        1 => any::<u8>().prop_map(|byte| Payload::Command([byte].into())),
        1 => configurations().prop_map(Payload::Configuration),
    ]
}

fn configurations() -> impl Strategy<Value = Arc<Configuration>> {
    let some = |count| collection::btree_set(nodes(), 0..count);
    let parts = (clusters(), some(4), some(2), some(2), some(2), some(3));
    parts.prop_map(|(cluster, voters, outgoing, learners, wanted, gone)| {
        let addresses = BTreeMap::new();
        Arc::new(Configuration {
            cluster,
            voters,
            outgoing,
            learners,
            wanted,
            addresses,
            gone,
            ..Configuration::default()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_arrives_breaks_a_node(
        role in sample::select(&[
            RoleName::Follower, RoleName::PreCandidate, RoleName::Candidate, RoleName::Leader,
        ][..]),
        inputs in collection::vec(inputs(), 1..60),
    ) {
        let mut trial = Trial::in_role(role);
        for input in inputs {
            match input {
                Input::Message(message) => {
                    let term = trial.near(message.term);
                    trial.step(Message { term, ..message });
                }
                Input::Piece(from, mut stream, last) => {
                    stream.term = trial.near(stream.term);
                    trial.input(|core| _ = core.admit_piece(from, stream, last));
                }
                Input::Ticks(ticks) => (0..ticks).for_each(|_| trial.input(Raft::tick)),
                Input::Write => trial.write(),
                Input::Install(well) => trial.install(well),
                Input::EndStreams(arrived) => trial.end_streams(arrived),
                Input::Propose => trial.input(|core| _ = core.propose([[7].as_slice().into()])),
                Input::Read => trial.input(|core| _ = core.read()),
                Input::Transfer(to) => trial.input(|core| _ = core.transfer(to)),
                Input::Change(voters) => trial.input(|core| {
                    let members = Members { voters: voters.into_iter().collect(), ..Members::default() };
                    let _ = core.change_members(members);
                }),
                Input::Leave => trial.input(Raft::leave),
            }
        }
    }
}

/// The refusals of a message by a node in a role.
fn refusal(role: RoleName, from: NodeId, term: Term, body: Body) -> Option<Refusal> {
    let trial = Trial::in_role(role);
    trial.core.validate(&Message { from, to: NODE, origin: ORIGIN, term, body }).err()
}

type Case = (RoleName, NodeId, Term, Body, Option<Refusal>);

fn check(cases: impl IntoIterator<Item = Case>) {
    for (role, from, term, body, expected) in cases {
        let case = format!("{role} hears {body:?} of node {from} in term {term}");
        assert_eq!(refusal(role, from, term, body), expected, "{case}");
    }
}

fn noop(term: Term, index: Index) -> Entry {
    Entry { term, index, payload: Payload::Noop }
}

fn append(previous: Position, entries: &[Entry]) -> Body {
    Body::AppendRequest { previous, entries: entries.to_vec(), commit: 0 }
}

fn heartbeat(commit: Index) -> Body {
    Body::HeartbeatRequest { commit, round: 1 }
}

fn install(last: Position, configuration: &Arc<Configuration>) -> Body {
    let snapshot = Snapshot { last, configuration: configuration.clone() };
    Body::InstallSnapshot { snapshot, stream: 1 }
}

#[test]
fn what_no_leader_sends_is_refused() {
    use RoleName::{Follower, Leader};
    let sound = Arc::new(of([1]));
    let end = Position { term: 1, index: 5 };
    let empty = || Payload::Configuration(Arc::default());
    check([
        (Follower, NODE, 2, heartbeat(0), Some(Refusal::ImpossibleSender)),
        (Follower, 1, u64::MAX, heartbeat(0), Some(Refusal::TermTooFar)),
        (Follower, 1, 3 + TERM_JUMP_MAX, Body::TimeoutNow, Some(Refusal::TermTooFar)),
        (Follower, 1, 2 + TERM_JUMP_MAX, heartbeat(0), None),
        (Follower, 3, 2, heartbeat(0), Some(Refusal::SecondLeader { leader: 1 })),
        (Leader, 3, 3, append(end, &[]), Some(Refusal::SecondLeader { leader: NODE })),
        (Follower, 3, 2, Body::TimeoutNow, Some(Refusal::SecondLeader { leader: 1 })),
        (Follower, 1, 2, heartbeat(6), Some(Refusal::CommitBeyondLog { commit: 6 })),
        (Follower, 1, 2, heartbeat(5), None),
        (Follower, 1, 2, append(end, &[noop(1, 7)]), Some(Refusal::BrokenEntries)),
        (Follower, 1, 2, append(end, &[noop(2, 6), noop(1, 7)]), Some(Refusal::BrokenEntries)),
        (Follower, 1, 2, append(end, &[noop(3, 6)]), Some(Refusal::BrokenEntries)),
        (Follower, 1, 2, append(Position { term: 0, index: 5 }, &[]), Some(Refusal::BrokenEntries)),
        (
            Follower,
            1,
            2,
            append(end, &[Entry { term: 2, index: 6, payload: empty() }]),
            Some(Refusal::BrokenEntries),
        ),
        (Follower, 1, 2, append(end, &[noop(2, 6), noop(2, 7)]), None),
        (
            Follower,
            1,
            2,
            append(Position { term: 1, index: 2 }, &[noop(1, 3), noop(2, 4)]),
            Some(Refusal::ContradictsCommitted { index: 4 }),
        ),
        (
            Follower,
            1,
            2,
            append(Position { term: 2, index: 4 }, &[]),
            Some(Refusal::ContradictsCommitted { index: 4 }),
        ),
        (Follower, 1, 2, append(Position { term: 1, index: 4 }, &[noop(2, 5)]), None),
        (Follower, 1, 2, install(Position::default(), &sound), Some(Refusal::BrokenSnapshot)),
        (Follower, 1, 2, install(Position { term: 3, index: 9 }, &sound), Some(Refusal::BrokenSnapshot)),
        (
            Follower,
            1,
            2,
            install(Position { term: 2, index: 9 }, &Arc::default()),
            Some(Refusal::BrokenSnapshot),
        ),
        (Follower, 1, 2, install(Position { term: 2, index: 9 }, &sound), None),
    ]);
}

#[test]
fn answers_to_what_was_never_asked_are_refused() {
    use RoleName::{Candidate, Follower, Leader, PreCandidate};
    let accepted =
        |matched| Body::AppendResponse { outcome: AppendOutcome::Accepted { matched }, priority: 0 };
    let answer = |round| Body::HeartbeatResponse { round, priority: 0, promise_us: 0 };
    let removed = |gone: &[NodeId]| Body::Removed {
        configuration: Arc::new(Configuration { gone: gone.iter().copied().collect(), ..of([1]) }),
    };
    check([
        (Leader, 1, 3, accepted(7), Some(Refusal::AckBeyondLog { matched: 7 })),
        (Leader, 1, 3, accepted(6), None),
        (Leader, 1, 3, answer(u64::MAX), Some(Refusal::UnknownRound { round: u64::MAX })),
        (Leader, 1, 3, answer(1), None),
        (PreCandidate, 9, 3, Body::PreVoteResponse { granted: true }, None),
        (PreCandidate, 4, 3, Body::PreVoteResponse { granted: true }, None),
        (Candidate, 9, 3, Body::VoteResponse { granted: true }, None),
        (Follower, 9, 2, removed(&[]), Some(Refusal::NotRemoved)),
        (Follower, 9, 0, removed(&[NODE]), None),
        (Follower, 9, 1, heartbeat(u64::MAX), None),
    ]);
}

/// It may have been a member when it was asked; so it is no lie, but counts for nothing.
#[test]
fn the_vote_of_a_stranger_elects_nobody() {
    let mut trial = Trial::in_role(RoleName::PreCandidate);
    (5..9).for_each(|from| trial.hear(from, 3, Body::PreVoteResponse { granted: true }));
    assert_eq!(trial.core.role(), RoleName::PreCandidate);
    trial.hear(1, 3, Body::PreVoteResponse { granted: true });
    trial.write();
    (5..9).for_each(|from| trial.hear(from, 3, Body::VoteResponse { granted: true }));
    assert_eq!(trial.core.role(), RoleName::Candidate);
}

#[test]
fn a_message_for_another_node_is_refused() {
    let body = Body::HeartbeatRequest { commit: 5, round: 1 };
    let message = Message { from: 1, to: 3, origin: ORIGIN, term: 2, body };
    let mut trial = Trial::in_role(RoleName::Follower);
    trial.core.step(message);
    let refused = Refused { from: 1, term: 2, why: Refusal::NotForThisNode { to: 3 } };
    assert_eq!(trial.core.effects().refused, [refused]);
    assert_eq!(trial.core.commit(), 4, "the tail that is not committed stays so");
}

#[test]
fn who_knows_its_cluster_believes_nobody_of_another() {
    let trial = Trial::in_role(RoleName::Follower);
    let refusal = |cluster, is_certain, body: &Body| {
        let origin = Origin { cluster, is_certain, incarnation: 0 };
        trial.core.validate(&Message { from: 1, to: NODE, origin, term: 2, body: body.clone() }).err()
    };
    let last = Position { term: 1, index: 5 };
    let vote = Body::VoteRequest { last, leadership_transfer: false };
    let answer = Body::VoteResponse { granted: false };
    let question = Body::PreVoteRequest { last };
    for body in [&vote, &answer, &question, &heartbeat(4)] {
        assert_eq!(refusal(CLUSTER, true, body), None);
        assert_eq!(refusal(CLUSTER, false, body), None, "it holds the founding entry");
        assert_eq!(refusal(8, true, body), Some(Refusal::OtherCluster { cluster: 8 }));
    }
    let is_heard = |cluster, body: &Body| {
        let origin = Origin { cluster, is_certain: false, incarnation: 0 };
        trial.core.listens_to(&Message { from: 1, to: NODE, origin, term: 2, body: body.clone() })
    };
    for cluster in [0, 8] {
        assert_eq!(refusal(cluster, false, &vote), None, "it may be a founder that nothing has reached yet");
        assert!(!is_heard(cluster, &vote) && !is_heard(cluster, &heartbeat(4)));
        assert!(is_heard(cluster, &answer) && is_heard(cluster, &question), "that changes nothing here");
        assert!(is_heard(CLUSTER, &vote));
    }
}

/// A snapshot that contradicts what is committed here is on its way in: what was appended before is not committed any more,
/// for it will go.
#[test]
fn nothing_is_committed_that_a_snapshot_takes_away() {
    let mut trial = Trial::new();
    let last = Position { term: 2, index: 3 };
    let snapshot = Snapshot { last, configuration: Arc::new(of([1, NODE, 3])) };
    trial.hear(1, 2, Body::InstallSnapshot { snapshot, stream: 1 });
    trial.hear(1, 2, Body::HeartbeatRequest { commit: 5, round: 1 });
    assert_eq!(trial.core.commit(), 0);
    trial.install(true);
    assert_eq!((trial.core.commit(), trial.core.last()), (3, last));
}

/// Its log lacks what is committed, and is on its way out.
#[test]
fn a_node_whose_log_a_snapshot_replaces_does_not_campaign_before_that() {
    let mut trial = Trial::new();
    let last = Position { term: 2, index: 9 };
    let snapshot = Snapshot { last, configuration: Arc::new(of([1, NODE, 3])) };
    trial.hear(1, 2, Body::InstallSnapshot { snapshot, stream: 1 });
    (0..100).for_each(|_| trial.input(Raft::tick));
    trial.hear(1, 2, Body::TimeoutNow);
    assert_eq!(trial.core.role(), RoleName::Follower);
    trial.install(true);
    trial.miss_the_leader();
    assert_eq!(trial.core.role(), RoleName::PreCandidate);
}

/// It says that the node was removed, and another one leads it: it is late, or forged.
#[test]
fn a_node_that_follows_a_leader_believes_nobody_that_it_was_removed() {
    let configuration = Arc::new(Configuration { gone: [NODE].into(), ..of([1, 3]) });
    let mut trial = Trial::in_role(RoleName::Follower);
    trial.hear(3, 0, Body::Removed { configuration: configuration.clone() });
    assert_eq!(trial.core.removed_by(), None);
    trial.miss_the_leader();
    trial.hear(3, 0, Body::Removed { configuration: configuration.clone() });
    assert_eq!(trial.core.removed_by(), Some(&configuration));
}

#[test]
fn a_term_that_no_cluster_comes_to_is_refused_whatever_the_own_term_is() {
    let vote = Vote { term: NUMBER_MAX, candidate: None };
    let configuration = Arc::new(of([1, NODE, 3]));
    let core = Raft::new(options(), InitialState { vote, configuration, ..InitialState::default() });
    let of_term = |term| Message { from: 1, to: NODE, origin: ORIGIN, term, body: Body::TimeoutNow };
    assert_eq!(core.validate(&of_term(NUMBER_MAX)), Ok(()));
    assert_eq!(core.validate(&of_term(NUMBER_MAX + 1)), Err(Refusal::TermTooFar));
}
