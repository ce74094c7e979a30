//! Calls that are sound gRPC and say what is not so.

use std::{future::pending, time::Duration};

use conclave::{
    raft::{AppendOutcome, Body, Configuration, InstallFailure, Message, Origin, Position, Snapshot},
    rpc::{self, Channel, Target},
    wire::{
        WithLimits,
        pb::{
            etcdserverpb::{PutRequest, kv_client::KvClient},
            v1::{
                self, node_client::NodeClient, peer_client::PeerClient, snapshot_piece::Piece,
                status_client::StatusClient,
            },
        },
    },
};
use tokio_stream::{StreamExt, iter};
use tonic::{Code, Status};

use crate::cluster::clock;

/// No member.
const STRANGER: u64 = 99;
/// Streams of which nothing is read.
const UNREAD_STREAMS: usize = 20;
/// How long they are written to.
const UNREAD_FOR: Duration = Duration::from_millis(1500);

/// What anybody can ask for.
pub(crate) struct Seen {
    cluster_id: u64,
    term: u64,
}

impl Seen {
    pub(crate) async fn of(address: &str) -> Self {
        let mut client = StatusClient::new(connect(address).await);
        let status = client.status(v1::StatusRequest {}).await.expect("everybody is told").into_inner();
        Self { cluster_id: status.cluster_id, term: status.nodes[0].term }
    }

    fn origin(&self) -> Origin {
        Origin { cluster: self.cluster_id, is_certain: true, incarnation: 7 }
    }

    fn message(&self, from: u64, to: u64, term: u64, body: Body) -> v1::RaftMessage {
        Message { from, to, origin: self.origin(), term, body }.into()
    }

    fn hello(&self, id: u64, to: u64) -> v1::Envelope {
        let sender = v1::Sender { id, origin: Some(self.origin().into()), ..v1::Sender::default() };
        v1::Envelope { cluster: "conclave".into(), to, sender: Some(sender), ..v1::Envelope::default() }
    }
}

async fn connect(address: &str) -> Channel {
    rpc::connect(&Target::open(address), &clock()).await.expect("it takes connections")
}

/// Says this on a stream of its own, and how that ended.
async fn say(address: &str, envelopes: Vec<v1::Envelope>) -> Result<(), Status> {
    let mut client = PeerClient::new(connect(address).await).with_limits();
    let mut signs = client.send(iter(envelopes)).await?.into_inner();
    while signs.message().await?.is_some() {}
    Ok(())
}

fn words(number: u64) -> Vec<Body> {
    let last = Position { term: number, index: number };
    let configuration = std::sync::Arc::new(Configuration::of([STRANGER]));
    let outcome = AppendOutcome::Accepted { matched: number };
    vec![
        Body::PreVoteRequest { last },
        Body::PreVoteResponse { granted: false },
        Body::PreVoteResponse { granted: true },
        Body::VoteRequest { last, leadership_transfer: false },
        Body::VoteRequest { last, leadership_transfer: true },
        Body::VoteResponse { granted: false },
        Body::VoteResponse { granted: true },
        Body::AppendRequest { previous: Position { term: 1, index: 1 }, entries: Vec::new(), commit: number },
        Body::AppendResponse { outcome, priority: u32::MAX },
        Body::HeartbeatRequest { commit: 0, round: number },
        Body::HeartbeatResponse { round: number, priority: u32::MAX, promise_us: number },
        Body::TimeoutNow,
        Body::Removed { configuration: configuration.clone() },
        Body::SnapshotRejected { stream: number, why: InstallFailure::Damaged },
        Body::ReadIndexRequest { id: number },
        Body::ReadIndexResponse { id: number, index: Some(number) },
        Body::InstallSnapshot { snapshot: Snapshot { last, configuration }, stream: number },
    ]
}

/// Everything, against one node.
pub(crate) async fn all(address: &str, node: u64, seen: &Seen) {
    a_stranger_claims_terms(address, node, seen).await;
    whoever_is_not_who_it_says(address, node, seen).await;
    what_is_not_meant_for_this_node(address, node, seen).await;
    what_breaks_its_form(address, node, seen).await;
    pieces_of_snapshots(address, node, seen).await;
    requests_of_no_proxy(address).await;
    streams_that_nobody_reads(address, seen, node).await;
}

/// Terms at the maximum, raised ones and the present one, in every kind of message.
async fn a_stranger_claims_terms(address: &str, node: u64, seen: &Seen) {
    for term in [u64::MAX, seen.term + (1 << 41), seen.term + 5, seen.term + 1, seen.term] {
        for body in words(term) {
            let said = seen.message(STRANGER, node, term, body.clone());
            let envelope = v1::Envelope { messages: vec![said], ..seen.hello(STRANGER, node) };
            let said = say(address, vec![envelope]).await;
            assert!(said.is_ok(), "the core refuses it, the stream goes on: {body:?}: {said:?}");
        }
    }
}

/// A member's number, from another data directory; and messages of a member, from a stranger.
async fn whoever_is_not_who_it_says(address: &str, node: u64, seen: &Seen) {
    for member in (1..=3).filter(|&member| member != node) {
        let status = say(address, vec![seen.hello(member, node)]).await.expect_err("another directory");
        assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
        for body in words(seen.term + 5) {
            let messages = vec![seen.message(member, node, seen.term + 5, body)];
            let forged = v1::Envelope { messages, sender: None, ..seen.hello(member, node) };
            let status = say(address, vec![seen.hello(STRANGER, node), forged]).await.expect_err("forged");
            assert_eq!(status.code(), Code::PermissionDenied, "{status}");
        }
    }
}

async fn what_is_not_meant_for_this_node(address: &str, node: u64, seen: &Seen) {
    let hello = seen.hello(STRANGER, node);
    let origin = Origin { cluster: !seen.cluster_id, ..seen.origin() };
    let of_another = v1::Sender { id: 2, origin: Some(origin.into()), ..v1::Sender::default() };
    for envelope in [
        v1::Envelope { cluster: "another".into(), ..hello.clone() },
        v1::Envelope { cluster: "\u{1b}[31m\n".repeat(100_000), ..hello.clone() },
        v1::Envelope { to: node % 3 + 1, ..hello.clone() },
        v1::Envelope { sender: Some(of_another), ..hello.clone() },
    ] {
        let status = say(address, vec![envelope]).await.expect_err("not for this node");
        assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
        assert!(status.message().len() < 1000, "nothing long is repeated");
    }
    // What is in the envelope may be meant for another, all the same.
    let heartbeat = Body::HeartbeatRequest { commit: 0, round: 1 };
    let messages = vec![seen.message(STRANGER, node % 3 + 1, seen.term, heartbeat)];
    say(address, vec![hello.clone(), v1::Envelope { messages, ..hello }]).await.expect("the core refuses it");
}

async fn what_breaks_its_form(address: &str, node: u64, seen: &Seen) {
    let hello = seen.hello(STRANGER, node);
    let anonymous = v1::Envelope { sender: None, ..hello.clone() };
    let nobody = v1::Envelope { sender: Some(v1::Sender::default()), ..hello.clone() };
    let elsewhere = v1::Sender { id: STRANGER, address: "a".repeat(100_000), ..v1::Sender::default() };
    let with = |messages| v1::Envelope { messages, ..hello.clone() };
    let noop = |term, index| v1::Entry { term, index, payload: Some(v1::entry::Payload::Noop(v1::Noop {})) };
    let append = |entries| v1::RaftMessage {
        from: STRANGER,
        to: node,
        term: seen.term,
        body: Some(v1::raft_message::Body::AppendRequest(v1::AppendRequest {
            previous: Some(v1::LogPosition { term: 1, index: 1 }),
            entries,
            commit: 9,
        })),
        ..v1::RaftMessage::default()
    };
    for envelope in [
        anonymous,
        nobody,
        v1::Envelope { sender: Some(elsewhere), ..hello.clone() },
        with(vec![v1::RaftMessage::default()]),
        with(vec![v1::RaftMessage { from: STRANGER, to: node, ..v1::RaftMessage::default() }]),
        with(vec![append(vec![noop(1, 2), noop(1, 4)])]),
        with(vec![append(vec![noop(9, 2), noop(1, 3)])]),
        with(vec![append(vec![v1::Entry::default()])]),
        with(vec![v1::RaftMessage::default(); 5000]),
    ] {
        let status = say(address, vec![envelope]).await.expect_err("it breaks its form");
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
    let command = v1::entry::Payload::Command(vec![7; 20 << 20].into());
    let large = append(vec![v1::Entry { term: 1, index: 2, payload: Some(command) }]);
    let status = say(address, vec![with(vec![large])]).await.expect_err("it is too large");
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
}

async fn pieces_of_snapshots(address: &str, node: u64, seen: &Seen) {
    let mut client = PeerClient::new(connect(address).await).with_limits();
    let piece = v1::SnapshotPiece {
        cluster: "conclave".into(),
        origin: Some(seen.origin().into()),
        from: STRANGER,
        to: node,
        term: seen.term,
        stream: u64::MAX,
        last: Some(v1::LogPosition { term: seen.term, index: u64::MAX }),
        piece: Some(Piece::Begin(v1::SnapshotBegin {})),
    };
    let body = Body::InstallSnapshot {
        snapshot: Snapshot {
            last: Position { term: 1, index: 9 },
            configuration: Configuration::of([STRANGER]).into(),
        },
        stream: 1,
    };
    let end = seen.message(3 - node % 3, node, seen.term, body);
    for piece in [
        v1::SnapshotPiece { term: u64::MAX, ..piece.clone() },
        v1::SnapshotPiece { cluster: "another".into(), ..piece.clone() },
        v1::SnapshotPiece { to: node % 3 + 1, ..piece.clone() },
        v1::SnapshotPiece { piece: None, ..piece.clone() },
        v1::SnapshotPiece { piece: Some(Piece::End(end)), ..piece.clone() },
        piece,
    ] {
        client.stage(piece.clone()).await.expect_err(&format!("{piece:?}"));
    }
}

/// What no proxy asks.
async fn requests_of_no_proxy(address: &str) {
    let batch = |requests| v1::RequestBatch { cluster: "conclave".into(), requests, cluster_id: 0 };
    let put = v1::Command {
        timestamp_ms: u64::MAX,
        operation: Some(v1::command::Operation::Put(PutRequest {
            key: vec![0; 1 << 20].into(),
            ..Default::default()
        })),
        ..v1::Command::default()
    };
    let write = v1::Request { id: 1, kind: Some(v1::request::Kind::Write(put)), timeout_ms: u64::MAX };
    for (requests, is_answered) in [
        (vec![v1::Request::default(); 4000], true),
        (vec![write], true),
        (vec![v1::Request::default(); 5000], false),
    ] {
        let mut client = NodeClient::new(connect(address).await).with_limits();
        let batches = iter([batch(vec![]), batch(requests)]);
        let answers = client.session(batches).await.expect("it looks like a proxy").into_inner();
        let answers: Vec<_> = answers.collect().await;
        let mut refused = answers.iter().filter_map(|it| it.as_ref().err()).map(Status::code);
        assert_eq!(refused.next_back() != Some(Code::InvalidArgument), is_answered, "{answers:?}");
    }
    let mut client = NodeClient::new(connect(address).await).with_limits();
    let other = v1::RequestBatch { cluster: "another".into(), ..v1::RequestBatch::default() };
    client.session(iter([other])).await.expect_err("another cluster");
}

/// They are written to without a pause, and nothing that comes back is read.
async fn streams_that_nobody_reads(address: &str, seen: &Seen, node: u64) {
    let flood = v1::RequestBatch {
        cluster: "conclave".into(),
        requests: vec![v1::Request::default(); 1000],
        cluster_id: 0,
    };
    let signs = v1::RequestBatch { requests: Vec::new(), ..flood.clone() };
    let mut open = Vec::new();
    for _ in 0..UNREAD_STREAMS {
        for batch in [flood.clone(), signs.clone()] {
            let mut client = NodeClient::new(connect(address).await).with_limits();
            let endless = tokio_stream::iter(std::iter::repeat(batch));
            open.push(tokio::spawn(async move {
                let _unread = client.session(endless).await;
                pending::<()>().await;
            }));
        }
        let mut client = PeerClient::new(connect(address).await).with_limits();
        let endless = tokio_stream::iter(std::iter::repeat(seen.hello(STRANGER, node)));
        open.push(tokio::spawn(async move {
            let _unread = client.send(endless).await;
            pending::<()>().await;
        }));
    }
    tokio::time::sleep(UNREAD_FOR).await;
    open.into_iter().for_each(|stream| stream.abort());
}

/// What a proxy is sent by a client that is none.
pub(crate) async fn of_a_proxy(address: &str) {
    let channel = connect(address).await;
    let mut client = KvClient::new(channel.clone()).with_limits();
    for (put, code) in [
        (PutRequest::default(), Code::InvalidArgument),
        (PutRequest { key: vec![1; 1 << 20].into(), ..PutRequest::default() }, Code::InvalidArgument),
        (
            PutRequest { key: "k".into(), value: vec![1; 3 << 20].into(), ..PutRequest::default() },
            Code::ResourceExhausted,
        ),
        (PutRequest { key: "k".into(), lease: i64::MIN, ..PutRequest::default() }, Code::NotFound),
    ] {
        let status = client.put(put).await.expect_err("it is refused");
        assert_eq!(status.code(), code, "{status}");
    }
    // It speaks to clients, not to nodes.
    let status = PeerClient::new(channel).send(iter([v1::Envelope::default()])).await.expect_err("no node");
    assert_eq!(status.code(), Code::Unimplemented, "{status}");
}
