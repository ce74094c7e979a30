//! What bytes cost in simulation, as over a wire: a message takes its size over the bandwidth, and delays what follows it on
//! its stream; other streams of the same machines get through in between, and other machines notice nothing.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use madsim::runtime::{NodeHandle, Runtime};
use tokio::time::Instant;
use tokio_stream::{self as stream, StreamExt};

use super::{LONG, put, world};
use crate::{
    rpc::{Lines, Target, connect, transport::outgoing, with_deadline},
    wire::pb::{
        self,
        etcdserverpb::{PutRequest, kv_client::KvClient},
    },
};

const MB: usize = 1_000_000;
/// Two latencies, what else a call takes, and pieces of others.
const SLACK: Duration = Duration::from_millis(60);

fn ip(host: u8) -> IpAddr {
    [10, 0, 0, host].into()
}

fn large(key: &'static str) -> PutRequest {
    PutRequest { value: vec![7; MB].into(), ..put(key) }
}

/// Three machines with a megabyte a second between any two of them.
fn among_machines<F: Future<Output = ()>>(story: impl FnOnce([NodeHandle; 3]) -> F) {
    let runtime = Runtime::new();
    runtime.add_simulator::<Lines>();
    let machines = [1, 2, 3].map(|host| runtime.create_node().ip(ip(host)).build());
    runtime.block_on(async {
        let names = machines.iter().zip(1..).map(|(machine, host)| (machine.id(), ip(host)));
        Lines::current().lay(BTreeMap::from_iter(names), pb::encoded_len);
        Lines::current().set_bandwidth(Some(MB as u64));
        story(machines).await;
    });
}

/// When each of these messages has left on a stream to a machine.
async fn leave(to: u8, messages: impl IntoIterator<Item = PutRequest>) -> Vec<Duration> {
    let began = Instant::now();
    let messages = stream::iter(messages.into_iter().collect::<Vec<_>>());
    let leaving = outgoing(messages, &format!("10.0.0.{to}:1"));
    leaving.map(|_| began.elapsed()).collect().await
}

fn assert_about(took: Duration, expected: Duration) {
    assert!(took + SLACK >= expected && took <= expected + SLACK, "{took:?}, not {expected:?}");
}

#[test]
fn a_large_message_takes_its_time_and_delays_what_follows_it_on_its_stream() {
    among_machines(async |[one, _, _]| {
        let left = one.spawn(leave(2, [large("first"), put("behind it"), large("second")])).await.unwrap();
        assert_about(left[0], Duration::from_secs(1));
        assert_about(left[1], Duration::from_secs(1));
        assert_about(left[2], Duration::from_secs(2));
    });
}

#[test]
fn a_small_message_of_another_stream_gets_through_in_between() {
    among_machines(async |[one, _, _]| {
        let large_ones = (0..3).map(|_| one.spawn(leave(2, [large("large")]))).collect::<Vec<_>>();
        let small = one.spawn(leave(2, [put("small")])).await.unwrap();
        assert!(small[0] < Duration::from_millis(40), "it waits for a piece of each: {small:?}");
        for large in large_ones {
            assert_about(large.await.unwrap()[0], Duration::from_secs(3));
        }
    });
}

#[test]
fn other_pairs_and_the_way_back_are_not_touched() {
    among_machines(async |[one, two, _]| {
        let busy = one.spawn(leave(2, [large("large")]));
        let (other, back) = (one.spawn(leave(3, [large("other")])), two.spawn(leave(1, [large("back")])));
        for stream in [busy, other, back] {
            assert_about(stream.await.unwrap()[0], Duration::from_secs(1));
        }
    });
}

#[test]
fn links_of_a_machine_are_narrowed_for_a_while() {
    among_machines(async |[one, two, _]| {
        Lines::current().narrow(ip(2), Some(MB as u64 / 4));
        for machine_and_peer in [(&one, 2), (&two, 3)] {
            let (machine, peer) = machine_and_peer;
            assert_about(
                machine.spawn(leave(peer, [large("large")])).await.unwrap()[0],
                Duration::from_secs(4),
            );
        }
        Lines::current().narrow(ip(2), None);
        assert_about(one.spawn(leave(2, [large("large")])).await.unwrap()[0], Duration::from_secs(1));
    });
}

#[test]
fn without_a_bandwidth_bytes_take_no_time() {
    among_machines(async |[one, _, _]| {
        Lines::current().set_bandwidth(None);
        assert_eq!(one.spawn(leave(2, [large("large"), put("small")])).await.unwrap(), [Duration::ZERO; 2]);
    });
}

#[test]
fn requests_and_answers_of_calls_take_their_time_too() {
    among_machines(async |[one, two, _]| {
        let world = world::scene("10.0.0.1:0", |hosting| drop(one.spawn(hosting))).await;
        let address = world.address.clone();
        let calls = two.spawn(async move {
            let mut took = Vec::new();
            for request in [large("echo"), large("refuse"), put("echo")] {
                let channel = connect(&Target::open(&address), &world::clock()).await.unwrap();
                let began = Instant::now();
                let _ = KvClient::new(channel).put(with_deadline(request, LONG)).await;
                took.push(began.elapsed());
            }
            took
        });
        let took = calls.await.unwrap();
        assert_about(took[0], Duration::from_secs(2));
        assert_about(took[1], Duration::from_secs(1));
        assert_about(took[2], Duration::ZERO);
    });
}

#[test]
fn a_call_whose_caller_left_takes_no_more_of_the_line() {
    among_machines(async |[one, two, _]| {
        let world = world::scene("10.0.0.1:0", |hosting| drop(one.spawn(hosting))).await;
        let address = world.address.clone();
        let call = two.spawn(async move {
            let mut client = KvClient::new(connect(&Target::open(&address), &world::clock()).await.unwrap());
            let _ = client.put(with_deadline(large("echo"), Duration::from_millis(100))).await;
        });
        call.await.unwrap();
        assert_about(two.spawn(leave(1, [large("next")])).await.unwrap()[0], Duration::from_secs(1));
    });
}
