//! Nodes that are no members by any configuration that this one knows: they may be leaders that it does not know yet, or have
//! been removed, or be mistaken.

use super::*;
use crate::raft::PieceRefusal;

const STRANGER: NodeId = 9;
/// Raised moderately: no number gives it away.
const LATER: Term = 8;

fn vote(leadership_transfer: bool) -> Body {
    Body::VoteRequest { last: Position { term: 7, index: 99 }, leadership_transfer }
}

fn requests() -> Vec<Body> {
    let configuration = Arc::new(of([STRANGER]));
    vec![
        vote(false),
        vote(true),
        append(Position { term: 1, index: 5 }, &[]),
        heartbeat(0),
        install(Position { term: 7, index: 99 }, &configuration),
        Body::TimeoutNow,
        Body::ReadIndexRequest { id: 1 },
    ]
}

fn answers() -> Vec<Body> {
    let outcome = AppendOutcome::Accepted { matched: 1 };
    vec![
        Body::PreVoteResponse { granted: false },
        Body::VoteResponse { granted: false },
        Body::VoteResponse { granted: true },
        Body::AppendResponse { outcome, priority: 0 },
        Body::HeartbeatResponse { round: 0, priority: 0, promise_us: 0 },
        Body::SnapshotRejected { stream: 1, why: InstallFailure::Damaged },
        Body::ReadIndexResponse { id: 1, index: Some(1) },
    ]
}

fn refusal_of(trial: &Trial, body: &Body) -> Option<Refusal> {
    let message = Message { from: STRANGER, to: NODE, origin: ORIGIN, term: LATER, body: body.clone() };
    trial.core.validate(&message).err()
}

#[test]
fn a_stranger_unseats_nobody() {
    for role in [RoleName::Follower, RoleName::Leader] {
        let mut trial = Trial::in_role(role);
        let (term, leader) = (trial.core.term(), trial.core.leader());
        for body in requests().into_iter().chain(answers()) {
            assert_eq!(refusal_of(&trial, &body), Some(Refusal::Stranger), "{role}: {body:?}");
            trial.hear(STRANGER, LATER, body);
        }
        assert_eq!((trial.core.term(), trial.core.leader()), (term, leader));
    }
}

/// Nobody asked it anything: it raises no term, whoever leads.
#[test]
fn the_answers_of_a_stranger_are_refused() {
    for role in [RoleName::Follower, RoleName::PreCandidate, RoleName::Candidate, RoleName::Leader] {
        let trial = Trial::in_role(role);
        for body in answers() {
            assert_eq!(refusal_of(&trial, &body), Some(Refusal::Stranger), "{role}: {body:?}");
        }
    }
}

/// It may have been elected by members that this node does not know yet.
#[test]
fn who_hears_no_leader_listens_to_one_that_it_does_not_know() {
    for body in [heartbeat(0), append(Position { term: 1, index: 5 }, &[])] {
        let mut trial = Trial::in_role(RoleName::Follower);
        trial.miss_the_leader();
        trial.hear(STRANGER, LATER, body);
        assert_eq!((trial.core.term(), trial.core.leader()), (LATER, Some(STRANGER)));
        // It is heard as the leader that it says it is.
        trial.hear(STRANGER, LATER, heartbeat(0));
        assert_eq!(trial.core.leader(), Some(STRANGER));
    }
    let mut trial = Trial::in_role(RoleName::Follower);
    trial.miss_the_leader();
    trial.hear(STRANGER, LATER, vote(false));
    assert_eq!(trial.core.vote(), Vote { term: LATER, candidate: Some(STRANGER) });
}

/// Nobody but a leader says it, and who hands over knows the members that it hands over to.
#[test]
fn a_stranger_makes_nobody_campaign() {
    let mut trial = Trial::in_role(RoleName::Follower);
    trial.miss_the_leader();
    let term = trial.core.term();
    for later in [term, LATER] {
        trial.hear(STRANGER, later, Body::TimeoutNow);
    }
    assert_eq!((trial.core.term(), trial.core.role()), (term, RoleName::PreCandidate));
}

/// Whoever founded its cluster is heard by a node that joins.
#[test]
fn a_node_that_knows_no_members_listens_to_anybody() {
    let mut trial = Trial::new();
    trial.core = Raft::new(options(), InitialState::default());
    trial.vote = trial.core.vote();
    trial.hear(1, 2, heartbeat(0));
    assert_eq!(trial.core.leader(), Some(1));
    trial.hear(STRANGER, LATER, heartbeat(0));
    assert_eq!(trial.core.leader(), Some(STRANGER));
}

/// Who is a member by an entry that is not committed may be a leader by it.
#[test]
fn a_member_by_what_is_not_committed_is_no_stranger() {
    let mut trial = Trial::in_role(RoleName::Follower);
    let previous = Position { term: 1, index: 5 };
    let joined = Arc::new(Configuration { outgoing: [1, NODE, 3].into(), ..of([1, NODE, STRANGER]) });
    let entry = Entry { term: 2, index: 6, payload: Payload::Configuration(joined) };
    trial.hear(1, 2, append(previous, &[entry]));
    trial.hear(STRANGER, LATER, heartbeat(0));
    assert_eq!(trial.core.leader(), Some(STRANGER));
}

/// It was a member until that was committed.
#[test]
fn a_removed_node_is_a_stranger() {
    let mut trial = Trial::in_role(RoleName::Follower);
    let previous = Position { term: 1, index: 5 };
    let without = Arc::new(Configuration { gone: [3].into(), ..of([1, NODE]) });
    let entry = Entry { term: 2, index: 6, payload: Payload::Configuration(without) };
    let raise = |trial: &Trial| {
        let message = Message { from: 3, to: NODE, origin: ORIGIN, term: LATER, body: heartbeat(0) };
        trial.core.validate(&message)
    };
    trial.hear(1, 2, append(previous, &[entry]));
    assert_eq!(raise(&trial), Ok(()));
    trial.hear(1, 2, heartbeat(6));
    assert_eq!(raise(&trial), Err(Refusal::Stranger));
}

/// Its number would keep out those of the leader until the term ends.
#[test]
fn a_piece_of_a_snapshot_of_a_stranger_is_refused() {
    let last = Position { term: 2, index: 99 };
    let mut trial = Trial::new();
    let of_a_stranger = StreamId { term: 2, number: u64::MAX };
    assert_eq!(trial.core.admit_piece(STRANGER, of_a_stranger, last), Err(PieceRefusal::Stranger));
    assert_eq!(trial.core.admit_piece(1, StreamId { term: 2, number: 1 }, last), Ok(()));
    // Unless it was heard as the leader, by members that this node has yet to learn of.
    trial.hear(STRANGER, LATER, heartbeat(0));
    assert_eq!(trial.core.admit_piece(STRANGER, StreamId { term: LATER, number: 1 }, last), Ok(()));
}
