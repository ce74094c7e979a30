//! What the simulated network does to connections: faults that no loopback interface has.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use madsim::{
    runtime::{Handle, NodeHandle, Runtime},
    task::NodeId,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::{
    batch, echo, ids,
    world::{self, World, clock},
};
use crate::{
    rpc::{Astray, Channel, LineFaults, Lines, Payload, Poor, Rhythm, RpcError, Target, connect, swallow},
    wire::pb::v1::{ReplyBatch, RequestBatch, node_client::NodeClient},
};

const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const CALLER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
const ALWAYS: Rhythm = Rhythm { period: Duration::from_millis(1), bad: Duration::from_millis(1) };

/// Tells a story of a server and a caller on machines of their own; the server's is named.
fn tell<F: Future<Output = ()> + Send + 'static>(story: impl Fn(World, NodeHandle) -> F) {
    for seed in 0..8 {
        let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
        runtime.add_simulator::<Lines>();
        let [server, caller] = [SERVER, CALLER].map(|address| runtime.create_node().ip(address).build());
        runtime.block_on(async {
            let names: BTreeMap<NodeId, IpAddr> = [(server.id(), SERVER), (caller.id(), CALLER)].into();
            Lines::current().lay(names, |_| None);
            Lines::current().network().begin(seed);
            Lines::current().straying().begin(|payload| Ok(vec![payload]), again);
            let world = world::scene("10.0.0.1:7", |hosting| drop(server.spawn(hosting))).await;
            caller.spawn(story(world, server)).await.expect("the story does not panic");
        });
    }
}

/// Another batch of requests like this one.
fn again(payload: &Payload) -> Payload {
    Box::new(payload.downcast_ref::<RequestBatch>().expect("nothing else goes astray").clone())
}

fn set(faults: &LineFaults) {
    Lines::current().network().set_faults(CALLER, SERVER, faults.clone());
}

fn cut() -> LineFaults {
    LineFaults { is_cut: true, ..LineFaults::default() }
}

async fn dial(address: &str) -> Result<Channel, RpcError> {
    connect(&Target::open(address), &clock()).await
}

async fn session(world: &World) -> (mpsc::Sender<RequestBatch>, Streaming<ReplyBatch>) {
    let (requests, outgoing) = mpsc::channel(100);
    let mut client = NodeClient::new(world.channel().await);
    let replies = client.session(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
    (requests, replies)
}

async fn id(replies: &mut Streaming<ReplyBatch>) -> Result<u64, Status> {
    Ok(ids(&replies.message().await?.expect("it goes on"))[0])
}

#[test]
fn who_connects_through_a_cut_waits_and_tries_again() {
    tell(|world, _| async move {
        set(&cut());
        let began = Instant::now();
        let connecting = dial(&world.address);
        let Err(RpcError::Unreachable { reason, .. }) = connecting.await else { panic!("nobody answers") };
        assert!(reason.starts_with("no answer within"), "{reason}");
        let address = world.address.clone();
        let connecting = tokio::spawn(async move { dial(&address).await });
        sleep(Duration::from_millis(500)).await;
        set(&LineFaults::default());
        connecting.await.unwrap().expect("the third attempt");
        assert!(began.elapsed() >= Duration::from_millis(2_700), "the first two are lost");
    });
}

#[test]
fn a_firewall_refuses_and_breaks_what_there_is() {
    tell(|world, _| async move {
        let (requests, mut replies) = session(&world).await;
        set(&LineFaults { refuses: true, ..LineFaults::default() });
        requests.send(batch("c", [1])).await.unwrap();
        assert!(id(&mut replies).await.is_err());
        let connecting = timeout(Duration::from_millis(100), dial(&world.address));
        assert!(connecting.await.expect("at once").is_err());
    });
}

#[test]
fn whoever_dies_without_power_is_silent_and_a_dead_process_is_not() {
    tell(|world, server| async move {
        let (_requests, mut replies) = session(&world).await;
        let kill = |server: &NodeHandle| {
            Handle::current().kill(server.id());
            Handle::current().restart(server.id());
        };
        Lines::current().network().set_power(SERVER, false);
        kill(&server);
        Handle::current().get_node(server.id()).unwrap().spawn(swallow("10.0.0.1:7".parse().unwrap()));
        assert!(
            timeout(Duration::from_secs(3), replies.message()).await.is_err(),
            "it is not there to say so"
        );
        let status = timeout(Duration::from_secs(3), replies.message()).await.expect("no sign of life");
        assert!(status.is_err());
        assert!(timeout(Duration::from_millis(1_900), dial(&world.address)).await.is_err());
        Lines::current().network().set_power(SERVER, true);
        kill(&server);
        let connecting = timeout(Duration::from_millis(100), dial(&world.address));
        assert!(connecting.await.expect("the machine answers").is_err(), "nobody listens");
    });
}

#[test]
fn a_poor_line_delays_keeps_the_order_and_breaks_connections() {
    tell(|world, _| async move {
        let (requests, mut replies) = session(&world).await;
        let latency = [Duration::from_millis(100), Duration::from_millis(400)];
        let poor = Poor { rhythm: ALWAYS, latency, lost_percent: 30, breaking_permille: 0 };
        set(&LineFaults { poor: vec![poor], ..LineFaults::default() });
        let began = Instant::now();
        for number in 1..20 {
            requests.send(batch("c", [number])).await.unwrap();
        }
        for number in 1..20 {
            assert_eq!(id(&mut replies).await.unwrap(), number);
        }
        assert!(began.elapsed() >= latency[0]);
        let poor = Poor { breaking_permille: 1_000, ..poor };
        set(&LineFaults { poor: vec![poor], ..LineFaults::default() });
        requests.send(batch("c", [20])).await.unwrap();
        assert_eq!(id(&mut replies).await.unwrap_err().code(), Code::Unavailable);
        assert!(echo(world.channel().await).await.is_err());
    });
}

#[test]
fn messages_go_astray_one_by_one_and_arrive_on_the_stream_that_there_is() {
    tell(|world, _| async move {
        let astray = |lost_percent, doubled_percent, late_percent| {
            let late = [Duration::from_millis(300), Duration::from_millis(300)];
            let astray = Astray { lost_percent, doubled_percent, late_percent, late };
            set(&LineFaults { astray: vec![astray], ..LineFaults::default() });
        };
        let (requests, mut replies) = session(&world).await;
        let send = async |number| requests.send(batch("c", [number])).await.unwrap();
        astray(100, 0, 0);
        send(1).await;
        sleep(Duration::from_millis(50)).await;
        astray(0, 100, 0);
        send(2).await;
        assert_eq!(id(&mut replies).await.unwrap(), 2);
        assert_eq!(id(&mut replies).await.unwrap(), 2);
        astray(0, 0, 100);
        send(3).await;
        sleep(Duration::from_millis(50)).await;
        set(&LineFaults::default());
        send(4).await;
        assert_eq!([id(&mut replies).await.unwrap(), id(&mut replies).await.unwrap()], [4, 3]);
        astray(0, 0, 100);
        send(5).await;
        sleep(Duration::from_millis(50)).await;
        drop((requests, replies));
        sleep(Duration::from_millis(50)).await;
        set(&LineFaults::default());
        let (requests, mut replies) = session(&world).await;
        requests.send(batch("c", [6])).await.unwrap();
        assert_eq!([id(&mut replies).await.unwrap(), id(&mut replies).await.unwrap()], [6, 5]);
    });
}

#[test]
fn a_flapping_line_is_cut_now_and_then() {
    tell(|world, _| async move {
        let rhythm = Rhythm { period: Duration::from_millis(1_000), bad: Duration::from_millis(500) };
        let faults = LineFaults { flapping: vec![rhythm], ..LineFaults::default() };
        let (channel, mut quick, mut slow) = (world.channel().await, 0, 0);
        set(&faults);
        for _ in 0..20 {
            let called = Instant::now();
            echo(channel.clone()).await.expect("it arrives in the end");
            let took = called.elapsed();
            if took < Duration::from_millis(100) {
                quick += 1
            } else {
                slow += 1
            }
            sleep(Duration::from_millis(130)).await;
        }
        assert!(quick > 0 && slow > 0, "{quick} quick, {slow} slow");
    });
}
