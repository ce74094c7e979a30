//! What callers and handlers may rely on, held against both transports: told by `cargo test` over real tonic on
//! loopback, and under `--cfg madsim` in simulation. A behaviour that differs between the worlds belongs here.

#[cfg(madsim)]
mod bandwidth;
mod cut;
#[cfg(madsim)]
mod faults;
mod toy;
mod world;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_stream::{self as stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Code, Request, Response, Status, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

use super::{
    CONNECT_TIMEOUT, Channel, RpcError, SHUTDOWN_GRACE, Security, Server, ServerLimits, Target, connect,
    with_deadline,
};
use crate::wire::{
    WithLimits,
    pb::{
        etcdserverpb::{PutRequest, PutResponse, RangeRequest, kv_client::KvClient},
        v1::{
            Command, Envelope, ReplyBatch, Request as NodeRequest, RequestBatch, StatusRequest,
            command::Operation, node_client::NodeClient, peer_client::PeerClient, request::Kind,
            status_client::StatusClient,
        },
    },
};
use toy::Event;
use world::{Process, clock, silent_connection, tell, vacant_address};

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(20);

fn put(key: &'static str) -> PutRequest {
    PutRequest { key: key.into(), value: "value".into(), ..PutRequest::default() }
}

fn batch(cluster: &str, ids: impl IntoIterator<Item = u64>) -> RequestBatch {
    let requests = ids.into_iter().map(|id| NodeRequest { id, ..Default::default() }).collect();
    RequestBatch { cluster: cluster.into(), requests, ..RequestBatch::default() }
}

fn ids(batch: &ReplyBatch) -> Vec<u64> {
    batch.replies.iter().map(|reply| reply.id).collect()
}

fn envelope(cluster: &str) -> Envelope {
    Envelope { cluster: cluster.into(), messages: vec![], ..Envelope::default() }
}

async fn echo(channel: Channel) -> Result<Response<PutResponse>, Status> {
    KvClient::new(channel).put(with_deadline(put("echo"), LONG)).await
}

#[test]
fn a_unary_call_brings_message_and_metadata_both_ways() {
    tell(|world| async move {
        let mut request = Request::new(put("key"));
        request.metadata_mut().insert("question", "42?".parse().unwrap());
        let response = KvClient::new(world.channel().await).put(request).await.unwrap();
        assert_eq!(response.metadata().get("answer").unwrap(), "42?");
        let pair = response.into_inner().prev_kv.unwrap();
        assert_eq!((&*pair.key, &*pair.value), (&b"key"[..], &b"value"[..]));
    });
}

#[test]
fn a_large_answer_arrives_whole_and_what_it_holds_is_let_go_when_it_has_left() {
    tell(|mut world| async move {
        let mut client = KvClient::new(world.channel().await).with_limits();
        for count in [3, 1_000] {
            let request = RangeRequest { limit: count, ..RangeRequest::default() };
            let answer = client.range(request).await.unwrap().into_inner();
            assert_eq!((answer.count, answer.kvs.len() as i64), (count, count));
            for (number, pair) in answer.kvs.iter().enumerate() {
                assert_eq!(pair.version, number as i64);
                assert!(*pair.value == [number as u8; toy::PAIR_BYTES]);
            }
            assert_eq!([world.event().await, world.event().await], [Event::Entered, Event::Dropped]);
        }
    });
}

#[test]
fn an_error_arrives_with_code_message_and_metadata() {
    tell(|world| async move {
        let status = KvClient::new(world.channel().await).put(put("refuse")).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not today"));
        assert_eq!(status.metadata().get("reason").unwrap(), "holiday");
    });
}

#[test]
fn a_client_stream_arrives_whole() {
    tell(|world| async move {
        let envelopes = stream::iter((0..100).map(|_| envelope("c")));
        let response = PeerClient::new(world.channel().await).send(envelopes).await.unwrap();
        assert_eq!(response.metadata().get("count").unwrap(), "100");
    });
}

#[test]
fn both_sides_of_a_session_take_turns() {
    tell(|world| async move {
        let (requests, outgoing) = mpsc::channel(1);
        let mut client = NodeClient::new(world.channel().await);
        let mut replies = client.session(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        for id in 0..20 {
            requests.send(batch("c", [id, id + 100])).await.unwrap();
            assert_eq!(ids(&replies.message().await.unwrap().unwrap()), [id, id + 100]);
        }
        drop(requests);
        assert!(replies.message().await.unwrap().is_none(), "the session ends when the requests do");
    });
}

#[test]
fn an_error_in_mid_stream_comes_after_what_was_sent_before_it() {
    tell(|world| async move {
        let requests = stream::iter([batch("c", [1]), batch("c", [2]), batch("fail", [3])]);
        let mut client = NodeClient::new(world.channel().await);
        let mut replies = client.session(requests).await.unwrap().into_inner();
        assert_eq!(ids(&replies.message().await.unwrap().unwrap()), [1]);
        assert_eq!(ids(&replies.message().await.unwrap().unwrap()), [2]);
        assert_eq!(replies.message().await.unwrap_err().code(), Code::DataLoss);
    });
}

#[test]
fn a_handler_is_dropped_when_its_caller_goes_away() {
    tell(|mut world| async move {
        let mut client = KvClient::new(world.channel().await);
        tokio::select! {
            biased;
            answer = client.put(put("stall")) => panic!("a stalled call was answered: {answer:?}"),
            event = world.event() => assert_eq!(event, Event::Entered),
        }
        assert_eq!(world.event().await, Event::Dropped);
    });
}

#[test]
fn a_session_is_dropped_when_its_caller_goes_away() {
    tell(|mut world| async move {
        let (requests, outgoing) = mpsc::channel(1);
        let mut client = NodeClient::new(world.channel().await);
        let mut replies = client.session(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        assert_eq!(world.event().await, Event::Entered);
        requests.send(batch("c", [1])).await.unwrap();
        assert_eq!(ids(&replies.message().await.unwrap().unwrap()), [1]);
        drop((requests, replies));
        assert_eq!(world.event().await, Event::Dropped);
    });
}

#[test]
fn a_killed_caller_takes_its_call_along_and_its_requests_do_not_look_complete() {
    tell(|mut world| async move {
        let address = world.address.clone();
        let caller = Process::start(async move {
            let envelopes = stream::once(envelope("detached")).chain(stream::pending());
            let _ = PeerClient::new(connect(&Target::open(&address), &clock()).await.unwrap())
                .send(envelopes)
                .await;
        });
        assert_eq!(world.event().await, Event::Entered);
        caller.kill();
        let mut endings = [world.event().await, world.event().await];
        endings.sort_by_key(|event| *event == Event::RequestsBroken);
        assert_eq!(endings, [Event::Dropped, Event::RequestsBroken]);
    });
}

#[test]
fn a_passed_deadline_reaches_both_sides() {
    tell(|mut world| async move {
        let called = Instant::now();
        let request = with_deadline(put("stall"), SHORT);
        let status = KvClient::new(world.channel().await).put(request).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        assert!(called.elapsed() >= SHORT, "the deadline is not early");
        assert_eq!(world.event().await, Event::Entered);
        assert_eq!(world.event().await, Event::Dropped);
    });
}

#[test]
fn a_deadline_passes_while_the_server_does_not_even_accept() {
    tell(|_| async {
        let bound = Server::new(&clock(), &Security::default(), ServerLimits::default())
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let channel = connect(&Target::open(bound.local_addr().to_string()), &clock()).await.unwrap();
        let status = KvClient::new(channel).put(with_deadline(put("echo"), SHORT)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    });
}

#[test]
fn a_burst_of_passed_deadlines_leaves_the_channel_usable() {
    tell(|world| async move {
        let channel = world.channel().await;
        let call = |channel| async { KvClient::new(channel).put(with_deadline(put("stall"), SHORT)).await };
        let calls: Vec<_> = (0..300).map(|_| tokio::spawn(call(channel.clone()))).collect();
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
        }
        echo(channel).await.expect("the connection survives");
    });
}

#[test]
fn hundreds_of_calls_share_a_channel() {
    tell(|world| async move {
        let channel = world.channel().await;
        let calls: Vec<_> = (0..300).map(|_| tokio::spawn(echo(channel.clone()))).collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
    });
}

#[test]
fn an_unknown_service_is_unimplemented() {
    tell(|world| async move {
        let mut client = StatusClient::new(world.channel().await);
        let status = client.status(StatusRequest {}).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{status}");
        assert_eq!(status.message(), "conclave.v1.Status/Status is not implemented here");
    });
}

#[test]
fn an_unknown_method_is_unimplemented() {
    tell(|world| async move {
        let path = PathAndQuery::from_static("/etcdserverpb.KV/Levitate");
        let codec = ProstCodec::<PutRequest, PutResponse>::default();
        let mut client = Grpc::new(world.channel().await);
        client.ready().await.unwrap();
        let outcome: Result<Response<PutResponse>, _> =
            client.unary(Request::new(put("echo")), path, codec).await;
        let status = outcome.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert_eq!(status.message(), "etcdserverpb.KV/Levitate is not implemented here");
    });
}

#[test]
fn an_unknown_session_is_unimplemented() {
    tell(|world| async move {
        let path = PathAndQuery::from_static("/conclave.v1.Nowhere/Session");
        let codec = ProstCodec::<RequestBatch, ReplyBatch>::default();
        let mut client = Grpc::new(world.channel().await);
        client.ready().await.unwrap();
        let requests = Request::new(stream::iter([batch("c", [1])]));
        let outcome: Result<Response<tonic::Streaming<ReplyBatch>>, _> =
            client.streaming(requests, path, codec).await;
        assert_eq!(outcome.unwrap_err().code(), Code::Unimplemented);
    });
}

#[test]
fn silent_connections_stall_nobody() {
    tell(|world| async move {
        let mut silent = Vec::new();
        for _ in 0..50 {
            silent.push(silent_connection(&world.address).await);
        }
        let call = echo(world.channel().await);
        timeout(Duration::from_secs(2), call).await.expect("an answer at once").unwrap();
        drop(silent);
    });
}

#[test]
fn a_stalled_call_stalls_no_other() {
    tell(|mut world| async move {
        let mut client = KvClient::new(world.channel().await);
        let stalled = tokio::spawn(async move { client.put(put("stall")).await });
        assert_eq!(world.event().await, Event::Entered);
        timeout(Duration::from_secs(2), echo(world.channel().await))
            .await
            .expect("an answer at once")
            .unwrap();
        stalled.abort();
        assert_eq!(world.event().await, Event::Dropped);
    });
}

#[test]
fn a_batch_of_large_values_passes() {
    const VALUE_BYTES: usize = 1_500 * 1024;
    tell(|world| async move {
        let value = bytes::Bytes::from(vec![7; VALUE_BYTES]);
        let write = |id| {
            let put = PutRequest { value: value.clone(), ..put("large") };
            let command = Command { operation: Some(Operation::Put(put)), ..Command::default() };
            NodeRequest { id, kind: Some(Kind::Write(command)), timeout_ms: 0 }
        };
        let requests = (0..10).map(write).collect();
        let batch = RequestBatch { cluster: "c".into(), requests, ..RequestBatch::default() };
        let mut client = NodeClient::new(world.channel().await).with_limits();
        let mut replies = client.session(stream::iter([batch])).await.unwrap().into_inner();
        assert_eq!(ids(&replies.message().await.unwrap().unwrap()), Vec::from_iter(0..10));
    });
}

/// Messages have no size in simulation.
#[cfg(not(madsim))]
#[test]
fn a_client_request_over_the_limit_is_refused() {
    tell(|world| async move {
        let value = vec![7; crate::wire::CLIENT_REQUEST_BYTES_MAX + 1].into();
        let request = PutRequest { value, ..put("too large") };
        let status = KvClient::new(world.channel().await).put(request).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().starts_with("grpc: received message larger than max ("), "{status}");
    });
}

#[test]
fn nobody_listening_is_unavailable() {
    tell(|_| async {
        let address = vacant_address().await;
        let called = Instant::now();
        let error = connect(&Target::open(&address), &clock()).await.unwrap_err();
        assert!(matches!(error, RpcError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains(&address), "{error}");
        assert!(called.elapsed() < CONNECT_TIMEOUT + Duration::from_secs(1), "the connect timeout is kept");
    });
}

#[test]
fn a_port_in_use_is_reported_in_one_line_that_says_what_to_do() {
    tell(|_| async {
        let first = Server::new(&clock(), &Security::default(), ServerLimits::default())
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        let error = Server::new(&clock(), &Security::default(), ServerLimits::default())
            .bind(first.local_addr())
            .await
            .err()
            .expect("the port is taken")
            .to_string();
        assert!(error.starts_with(&format!("cannot listen on {}: ", first.local_addr())), "{error}");
        assert!(error.ends_with("stop the program that uses the port, or choose another port"), "{error}");
        assert_eq!(error.lines().count(), 1);
    });
}

#[test]
fn a_stopped_server_answers_what_is_under_way_and_frees_its_port() {
    tell(|mut world| async move {
        let mut client = KvClient::new(world.channel().await);
        let call = tokio::spawn(async move { client.put(put("slow")).await });
        assert_eq!(world.event().await, Event::Entered);
        world.stop.send(()).unwrap();
        call.await.unwrap().expect("a call under way is answered");
        world.served.await.unwrap().expect("a clean end");
        assert!(matches!(
            connect(&Target::open(&world.address), &clock()).await,
            Err(RpcError::Unreachable { .. })
        ));
    });
}

#[test]
fn a_stopped_server_cuts_what_does_not_end_by_itself() {
    tell(|mut world| async move {
        let channel = world.channel().await;
        let stalled = tokio::spawn({
            let mut client = KvClient::new(channel.clone());
            async move { client.put(put("stall")).await }
        });
        assert_eq!(world.event().await, Event::Entered);
        let mut replies = NodeClient::new(channel).session(stream::pending()).await.unwrap().into_inner();
        assert_eq!(world.event().await, Event::Entered);

        let stopped = Instant::now();
        let _ = std::mem::replace(&mut world.stop, tokio::sync::oneshot::channel().0).send(());
        assert_eq!(world.event().await, Event::Dropped);
        assert_eq!(world.event().await, Event::Dropped);
        assert!(stopped.elapsed() >= SHUTDOWN_GRACE, "the grace is given");
        stalled.await.unwrap().expect_err("the call was cut");
        replies.message().await.expect_err("the session was cut");
        world.served.await.unwrap().expect("a clean end");
    });
}

#[cfg(madsim)]
#[test]
fn a_silent_connection_is_dropped_in_the_end() {
    tell(|world| async move {
        let (_tx, mut rx) = silent_connection(&world.address).await;
        let connected = Instant::now();
        rx.recv().await.expect_err("nothing was asked, so nothing is answered");
        assert!(connected.elapsed() >= super::transport::HANDSHAKE_TIMEOUT);
    });
}

#[cfg(not(madsim))]
#[test]
fn a_silent_connection_is_dropped_in_the_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    tell(|world| async move {
        let mut connections = tokio::task::JoinSet::new();
        for words in ["", "P", "GET / HTTP/1.1", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            let mut connection = silent_connection(&world.address).await;
            connections.spawn(async move {
                connection.write_all(words.as_bytes()).await.expect("it is connected");
                let mut answer = Vec::new();
                let end = connection.read_to_end(&mut answer);
                let _ = timeout(2 * super::transport::HANDSHAKE_TIMEOUT, end).await.expect("it is closed");
            });
        }
        connections.join_all().await;
    });
}

/// Whoever hears nothing at all waits: `cut.rs`.
#[test]
fn an_address_that_nobody_listens_on_refuses_at_once() {
    tell(|_| async {
        let called = Instant::now();
        connect(&Target::open(vacant_address().await), &clock()).await.expect_err("nobody listens there");
        assert!(called.elapsed() < CONNECT_TIMEOUT / 2, "{:?}", called.elapsed());
    });
}
