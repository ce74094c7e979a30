//! Each target with sound samples, and with the same ones damaged at random, the same way every time.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use prost::Message as _;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    client::SESSION,
    peer::{NODE, ORIGIN},
    *,
};
use crate::{
    raft::{
        AppendOutcome, Body, Configuration, Entry, InstallFailure, Message as RaftMessage, Payload, Position,
        Snapshot,
    },
    wire::pb::{
        etcdserverpb::{
            AlarmRequest, CompactionRequest, DeleteRangeRequest, PutRequest, PutResponse, RangeRequest,
        },
        v1::{self, command::Operation, refusal::Reason, reply},
    },
};

/// Samples that each target is given, unless the time is up before.
const RUNS: usize = 20_000;
const TIME_MAX: Duration = Duration::from_secs(4);
/// Numbers at the edges of what is allowed, as they are written in a message.
const NUMBERS: [u64; 8] = [0, 1, 127, 1 << 32, (1 << 40) + 2, 1 << 62, u64::MAX - 1, u64::MAX];

/// Gives a target its samples, then damaged ones.
fn fuzz(name: &str, target: fn(&[u8]), samples: &[Vec<u8>]) {
    samples.iter().for_each(|sample| target(sample));
    if let Some(folder) = std::env::var_os("CONCLAVE_FUZZ_SEEDS") {
        store(&Path::new(&folder).join(name), samples);
    }
    target(&[]);
    let mut random = StdRng::seed_from_u64(13);
    let begun = Instant::now();
    for _ in 0..RUNS {
        let mut bytes = samples[random.random_range(0..samples.len())].clone();
        for _ in 0..random.random_range(1..5) {
            mutate(&mut bytes, samples, &mut random);
        }
        target(&bytes);
        if begun.elapsed() > TIME_MAX {
            return;
        }
    }
}

/// For the fuzzer in `fuzz/`.
fn store(folder: &Path, samples: &[Vec<u8>]) {
    std::fs::create_dir_all(folder).expect("a folder for the samples");
    for (number, sample) in samples.iter().enumerate() {
        std::fs::write(folder.join(format!("sample-{number:04}")), sample).expect("a sample is stored");
    }
}

fn mutate(bytes: &mut Vec<u8>, samples: &[Vec<u8>], random: &mut StdRng) {
    let place = random.random_range(0..=bytes.len());
    match random.random_range(0..8) {
        0..=2 if place < bytes.len() => bytes[place] ^= 1 << random.random_range(0..8),
        3 | 4 if place < bytes.len() => bytes[place] = random.random(),
        5 => bytes.truncate(place),
        6 => {
            let number = NUMBERS[random.random_range(0..NUMBERS.len())];
            let mut varint = Vec::new();
            prost::encoding::encode_varint(number, &mut varint);
            bytes.splice(place..place, varint);
        }
        _ => {
            let other = &samples[random.random_range(0..samples.len())];
            bytes.extend_from_slice(&other[random.random_range(0..=other.len())..]);
        }
    }
}

fn delimited<M: prost::Message>(messages: impl IntoIterator<Item = M>) -> Vec<u8> {
    messages.into_iter().flat_map(|message| message.encode_length_delimited_to_vec()).collect()
}

fn bodies(number: u64) -> Vec<Body> {
    let last = Position { term: number, index: number };
    let configuration = std::sync::Arc::new(Configuration { cluster: 7, ..Configuration::of([1, 3]) });
    let entry = |payload| Entry { term: number.max(1), index: number.saturating_add(1), payload };
    vec![
        Body::PreVoteRequest { last },
        Body::PreVoteResponse { granted: true },
        Body::VoteRequest { last, leadership_transfer: true },
        Body::VoteResponse { granted: true },
        Body::AppendRequest { previous: last, entries: vec![entry(Payload::Noop)], commit: number },
        Body::AppendRequest {
            previous: last,
            entries: vec![entry(Payload::Configuration(configuration.clone()))],
            commit: number,
        },
        Body::AppendResponse { outcome: AppendOutcome::Accepted { matched: number }, priority: u32::MAX },
        Body::AppendResponse {
            outcome: AppendOutcome::Rejected { previous_index: number, hint: last },
            priority: 0,
        },
        Body::HeartbeatRequest { commit: number, round: number },
        Body::HeartbeatResponse { round: number, priority: u32::MAX, promise_us: number },
        Body::TimeoutNow,
        Body::Removed { configuration: configuration.clone() },
        Body::SnapshotRejected { stream: number, why: InstallFailure::Damaged },
        Body::ReadIndexRequest { id: number },
        Body::ReadIndexResponse { id: number, index: Some(number) },
        Body::InstallSnapshot { snapshot: Snapshot { last, configuration }, stream: number },
    ]
}

#[test]
fn no_message_of_a_peer_breaks_a_node() {
    let mut samples = Vec::new();
    for number in NUMBERS.into_iter().chain([3, 4, 5, 6]) {
        for (from, term) in [(1, 2), (3, 3), (4, 4), (99, number), (1, number)] {
            let message = |body| RaftMessage { from, to: NODE, origin: ORIGIN, term, body };
            let messages = bodies(number).into_iter().map(|body| message(body).into());
            for message in messages {
                samples.push(v1::Envelope { messages: vec![message], ..Default::default() }.encode_to_vec());
            }
        }
    }
    fuzz("peer", peer, &samples);
}

#[test]
fn no_command_breaks_the_state_machine() {
    let numbers = [-1, 0, 1, 5, 13, i64::MAX, i64::MIN];
    let mut samples = Vec::new();
    for number in numbers {
        let key: bytes::Bytes = "a".into();
        let put = PutRequest { key: key.clone(), value: "v".into(), prev_kv: true, ..Default::default() };
        let keep = PutRequest { key: key.clone(), ignore_value: true, lease: number, ..Default::default() };
        let delete = DeleteRangeRequest { key, range_end: vec![0].into(), prev_kv: true };
        let compact = CompactionRequest { revision: number, physical: true };
        let alarm = AlarmRequest { action: number as i32, member_id: number as u64, alarm: 1 };
        let stamp =
            v1::Stamp { session: SESSION, sequence: number as u64, acknowledged_below: number as u64 };
        let operations = [
            Operation::Put(put),
            Operation::Put(keep),
            Operation::DeleteRange(delete),
            Operation::OpenSession(v1::OpenSession { id: number as u64 }),
            Operation::Compact(compact),
            Operation::Alarm(alarm),
        ];
        for stamp in [None, Some(stamp)] {
            let command = |operation: &Operation| v1::Command {
                timestamp_ms: number as u64,
                stamp,
                operation: Some(operation.clone()),
            };
            samples.push(delimited(operations.iter().map(command)));
        }
    }
    fuzz("commands", commands, &samples);
}

#[test]
fn no_read_breaks_the_state_machine() {
    let mut samples = Vec::new();
    for revision in [-1, 0, 1, 4, 9, 13, 14, i64::MAX, i64::MIN] {
        for sort_target in 0..6 {
            let request = RangeRequest {
                key: "a".into(),
                range_end: vec![[0, b'd'][sort_target as usize % 2]].into(),
                revision,
                limit: revision,
                sort_target,
                sort_order: sort_target % 4,
                max_mod_revision: revision,
                min_create_revision: revision,
                ..Default::default()
            };
            samples.push(request.encode_to_vec());
        }
    }
    fuzz("reads", reads, &samples);
}

#[test]
fn no_piece_of_a_snapshot_breaks_a_node() {
    let sound = pieces::sound();
    let mut samples = vec![delimited(sound.clone())];
    samples.extend((0..sound.len()).map(|missing| {
        let rest = sound.iter().enumerate().filter(|(at, _)| *at != missing);
        delimited(rest.map(|(_, piece)| piece.clone()))
    }));
    fuzz("pieces", super::pieces, &samples);
}

#[test]
fn no_damage_to_a_file_is_served() {
    let samples: Vec<Vec<u8>> = (0..64u8).map(|it| vec![it, it / 2, it, it * 3, it % 2, 0, it]).collect();
    fuzz("files", files, &samples);
}

#[test]
fn no_answer_of_a_node_breaks_a_proxy() {
    let leadership = |term, cluster_id, members| v1::Leadership {
        term,
        leader: 1,
        node: 1,
        cluster_id,
        members: (0..members).map(|id| v1::MemberAddress { id, address: format!("m{id}") }).collect(),
        voters: (0..members).collect(),
        outgoing: (members..2 * members).collect(),
    };
    let mut samples = Vec::new();
    for number in NUMBERS {
        let outcomes = [
            reply::Outcome::Put(PutResponse::default()),
            reply::Outcome::SessionOpened(number),
            reply::Outcome::SessionOpened(7),
            reply::Outcome::Piece(vec![0; 100].into()),
            reply::Outcome::Refusal(v1::Refusal { reason: number as i32, message: "no".into() }),
            reply::Outcome::Refusal(v1::Refusal {
                reason: Reason::SessionExpired.into(),
                message: String::new(),
            }),
        ];
        let all = (0..14u64).flat_map(|call| [call << 16, call << 16 | 1, number]);
        let replies: Vec<_> = all
            .zip(outcomes.iter().cycle())
            .map(|(id, outcome)| v1::Reply { id, outcome: Some(outcome.clone()) })
            .collect();
        for (cluster, members) in [(0, 0), (5, 3), (number, 20)] {
            let leadership = Some(leadership(number, cluster, members));
            let batch = |leadership| v1::ReplyBatch { leadership, replies: replies.clone() };
            samples.push(delimited([batch(leadership.clone()), batch(None), batch(leadership)]));
        }
    }
    fuzz("replies", replies, &samples);
}

#[test]
fn no_line_breaks_the_command_line() {
    let samples = [
        "put k 'a b'",
        "get k --prefix --limit 10",
        "del \"a\\ b\" --prefix",
        "help get",
        "status --json",
        "compact 9",
        "--foo",
        "1=127.0.0.1:23801",
        "[::1]:65535",
        "http://localhost:2379/",
        "99999999999h",
        "1h30m",
        "10ms",
        "1.5s",
        "18446744073709551615",
        "\u{1f980}=\u{1f980}:1",
        "exit",
        "# a remark",
    ];
    fuzz("lines", lines, &samples.map(|line| line.as_bytes().to_vec()));
}
