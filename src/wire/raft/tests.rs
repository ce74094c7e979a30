use proptest::{collection, prelude::*, sample};
use prost::Message as _;

use super::*;

/// Over the real wire format and back: in simulation messages cross unencoded, so this is where encoding is tested.
fn sent(message: &Message) -> Result<Message, Malformed> {
    let bytes = v1::RaftMessage::from(message.clone()).encode_to_vec();
    v1::RaftMessage::decode(&*bytes).expect("prost reads what it wrote").try_into()
}

proptest! {
    #[test]
    fn every_message_arrives_as_it_was_sent(message in messages()) {
        prop_assert_eq!(sent(&message).unwrap(), message);
    }

    #[test]
    fn every_entry_comes_back_as_it_was_stored(entry in payloads().prop_map(|payload| Entry { term: 3, index: 7, payload })) {
        let bytes = v1::Entry::from(entry.clone()).encode_to_vec();
        prop_assert_eq!(Entry::try_from(v1::Entry::decode(&*bytes).unwrap()).unwrap(), entry);
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in collection::vec(any::<u8>(), 0..200)) {
        if let Ok(wire) = v1::RaftMessage::decode(&*bytes) {
            let _ = Message::try_from(wire);
        }
    }

    #[test]
    fn a_message_that_lost_a_field_on_the_way_is_refused_or_still_whole(message in messages(), cut in any::<sample::Index>()) {
        let bytes = v1::RaftMessage::from(message).encode_to_vec();
        if let Ok(wire) = v1::RaftMessage::decode(&bytes[..cut.index(bytes.len())])
            && let Ok(message) = Message::try_from(wire)
        {
            prop_assert_eq!(sent(&message).unwrap(), message);
        }
    }
}

#[test]
fn a_message_without_a_body_is_refused() {
    refuses(v1::RaftMessage { from: 1, to: 2, term: 3, ..Default::default() }, "a message without a body");
}

#[test]
fn a_message_from_nobody_is_refused() {
    let body = Some(Wire::TimeoutNow(v1::TimeoutNow {}));
    refuses(
        v1::RaftMessage { from: 0, to: 2, term: 3, body, ..Default::default() },
        "a message from or to nobody",
    );
}

#[test]
fn a_vote_request_must_say_where_the_log_ends() {
    refuses_body(
        Wire::VoteRequest(v1::VoteRequest { last: None, leadership_transfer: false }),
        "a message without its log position",
    );
    refuses_body(
        Wire::PreVoteRequest(v1::PreVoteRequest { last: Some(v1::LogPosition { term: 0, index: 4 }) }),
        "a log position with half of it missing",
    );
}

#[test]
fn an_append_response_must_have_an_outcome() {
    refuses_body(
        Wire::AppendResponse(v1::AppendResponse { outcome: None, priority: 0 }),
        "an append response without an outcome",
    );
}

#[test]
fn entries_must_follow_previous_without_a_gap_in_terms_that_never_fall() {
    let previous = Position { term: 2, index: 5 };
    let gap = "entries that are not consecutive";
    refuses_body(append(previous, &[(2, 7)]), gap);
    refuses_body(append(previous, &[(2, 6), (2, 6)]), gap);
    refuses_body(append(previous, &[(2, 6), (2, 8)]), gap);
    refuses_body(append(Position { term: 2, index: u64::MAX }, &[(2, 1)]), gap);
    refuses_body(append(previous, &[(1, 6)]), "entries whose terms fall");
    refuses_body(append(previous, &[(2, 6), (4, 7), (3, 8)]), "entries whose terms fall");
}

#[test]
fn an_entry_must_be_whole() {
    let noop = Some(entry::Payload::Noop(v1::Noop {}));
    refuses_entry(v1::Entry { term: 1, index: 1, payload: None }, "an entry without a payload");
    refuses_entry(v1::Entry { term: 0, index: 1, payload: noop.clone() }, "an entry without index or term");
    refuses_entry(v1::Entry { term: 1, index: 0, payload: noop }, "an entry without index or term");
}

#[test]
fn a_configuration_must_make_sense() {
    refuses_configuration(&[], &[], &[1], "a configuration without voters");
    let both = v1::Configuration {
        voters: vec![1],
        outgoing: vec![2],
        learners: vec![],
        wanted: vec![1],
        ..Default::default()
    };
    let payload = Some(entry::Payload::Configuration(both));
    refuses_entry(v1::Entry { term: 1, index: 1, payload }, "a change both staged and joint");
    refuses_configuration(&[1, 1], &[], &[], "a configuration that names a node twice");
    refuses_configuration(&[1, 0], &[], &[], "a configuration with nobody in it");
}

fn refuses(wire: v1::RaftMessage, complaint: &str) {
    let error = Message::try_from(wire).expect_err("malformed");
    assert_eq!(error.to_string(), format!("malformed message: {complaint}"));
}

fn refuses_body(body: Wire, complaint: &str) {
    refuses(v1::RaftMessage { from: 1, to: 2, origin: None, term: 9, body: Some(body) }, complaint);
}

fn refuses_entry(entry: v1::Entry, complaint: &str) {
    let error = Entry::try_from(entry).expect_err("malformed");
    assert_eq!(error.to_string(), format!("malformed message: {complaint}"));
}

fn refuses_configuration(voters: &[u64], outgoing: &[u64], learners: &[u64], complaint: &str) {
    let configuration = v1::Configuration {
        voters: voters.into(),
        outgoing: outgoing.into(),
        learners: learners.into(),
        ..Default::default()
    };
    let payload = Some(entry::Payload::Configuration(configuration));
    refuses_entry(v1::Entry { term: 1, index: 1, payload }, complaint);
}

fn append(previous: Position, entries: &[(u64, u64)]) -> Wire {
    let noop = |&(term, index)| v1::Entry { term, index, payload: Some(entry::Payload::Noop(v1::Noop {})) };
    Wire::AppendRequest(v1::AppendRequest {
        previous: encoded(previous),
        entries: entries.iter().map(noop).collect(),
        commit: 0,
    })
}

fn messages() -> impl Strategy<Value = Message> {
    let messages = (1..=u64::MAX, 1..=u64::MAX, origins(), any::<u64>(), bodies());
    messages.prop_map(|(from, to, origin, term, body)| Message { from, to, origin, term, body })
}

fn origins() -> impl Strategy<Value = Origin> {
    any::<(u64, bool, u64)>().prop_map(|(cluster, is_certain, incarnation)| {
        let is_certain = is_certain && cluster != 0;
        Origin { cluster, is_certain, incarnation }
    })
}

fn bodies() -> impl Strategy<Value = Body> {
    prop_oneof![
        positions().prop_map(|last| Body::PreVoteRequest { last }),
        any::<bool>().prop_map(|granted| Body::PreVoteResponse { granted }),
        (positions(), any::<bool>())
            .prop_map(|(last, leadership_transfer)| Body::VoteRequest { last, leadership_transfer }),
        any::<bool>().prop_map(|granted| Body::VoteResponse { granted }),
        append_requests(),
        (outcomes(), any::<u32>()).prop_map(|(outcome, priority)| Body::AppendResponse { outcome, priority }),
        any::<(u64, u64)>().prop_map(|(commit, round)| Body::HeartbeatRequest { commit, round }),
        any::<(u64, u32, u64)>().prop_map(|(round, priority, promise_us)| Body::HeartbeatResponse {
            round,
            priority,
            promise_us
        }),
        Just(Body::TimeoutNow),
        configurations().prop_map(|configuration| Body::Removed { configuration }),
        any::<u64>().prop_map(|id| Body::ReadIndexRequest { id }),
        any::<(u64, Option<u64>)>().prop_map(|(id, index)| Body::ReadIndexResponse { id, index }),
        (any::<u64>(), any::<bool>()).prop_map(|(stream, damaged)| {
            let why = if damaged { InstallFailure::Damaged } else { InstallFailure::NotStaged };
            Body::SnapshotRejected { stream, why }
        }),
        (positions(), configurations(), any::<u64>()).prop_map(|(last, configuration, stream)| {
            Body::InstallSnapshot { snapshot: Snapshot { last, configuration }, stream }
        }),
    ]
}

fn positions() -> impl Strategy<Value = Position> {
    let somewhere = (1..1_000_000u64, 1..1_000_000u64).prop_map(|(term, index)| Position { term, index });
    prop_oneof![1 => Just(Position::default()), 9 => somewhere]
}

fn append_requests() -> impl Strategy<Value = Body> {
    let steps = collection::vec((0..3u64, payloads()), 0..8);
    (positions(), steps, any::<u64>()).prop_map(|(previous, steps, commit)| {
        let mut last = previous;
        let follow = |(term_step, payload): (u64, Payload)| {
            last = Position { term: (last.term + term_step).max(1), index: last.index + 1 };
            Entry { term: last.term, index: last.index, payload }
        };
        Body::AppendRequest { previous, entries: steps.into_iter().map(follow).collect(), commit }
    })
}

fn payloads() -> impl Strategy<Value = Payload> {
    prop_oneof![
        Just(Payload::Noop),
        collection::vec(any::<u8>(), 0..100).prop_map(|bytes| Payload::Command(bytes.into())),
        configurations().prop_map(Payload::Configuration),
    ]
}

/// Settled, joint or staged; the sets may overlap.
fn configurations() -> impl Strategy<Value = Arc<Configuration>> {
    let some = |ids, count| collection::btree_set(ids, count);
    let halves = (some(1..20u64, 1..6), some(1..20u64, 0..6), any::<bool>());
    let rest = (
        any::<u64>(),
        collection::btree_map(1..40u64, any::<u64>(), 0..4),
        some(1..40u64, 0..3),
        some(50..90u64, 0..3),
        collection::btree_map(1..20u64, "[a-z.0-9]{0,9}:[0-9]{4}", 0..4),
    );
    (halves, rest).prop_map(
        |((voters, others, joint), (cluster, incarnations, learners, gone, addresses))| {
            let named = Configuration { cluster, incarnations, addresses, ..Configuration::default() };
            let settled = Configuration { voters, learners, gone, ..named };
            Arc::new(match joint {
                true => Configuration { outgoing: others, ..settled },
                false => Configuration { wanted: others, ..settled },
            })
        },
    )
}

fn outcomes() -> impl Strategy<Value = AppendOutcome> {
    prop_oneof![
        any::<u64>().prop_map(|matched| AppendOutcome::Accepted { matched }),
        (any::<u64>(), positions())
            .prop_map(|(previous_index, hint)| AppendOutcome::Rejected { previous_index, hint }),
    ]
}
