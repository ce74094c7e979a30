//! What callers and servers see of a cut between them: nothing, but that no answer comes. In the real world a relay on the
//! loopback interface plays the network, and forwards nothing while there is a cut.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tonic::Code;

use super::{
    LONG, SHORT, echo, put,
    toy::Event,
    world::{Process, World, clock},
};
use crate::{
    rpc::{Target, connect, with_deadline},
    wire::pb::etcdserverpb::kv_client::KvClient,
};

/// What one side is not told within this, it is not told at once. What it is told late it is told within four times as much.
const A_WHILE: Duration = Duration::from_millis(1_500);

#[test]
fn a_call_through_a_cut_waits_until_its_own_deadline() {
    tell(|world, cut| async move {
        let channel = world.channel().await;
        echo(channel.clone()).await.unwrap();
        cut.set(true);
        let called = Instant::now();
        let status = KvClient::new(channel).put(with_deadline(put("echo"), SHORT)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        assert!(called.elapsed() >= SHORT, "nobody refuses it");
    });
}

#[test]
fn what_waits_at_a_cut_arrives_when_it_is_mended() {
    tell(|world, cut| async move {
        let channel = world.channel().await;
        echo(channel.clone()).await.unwrap();
        cut.set(true);
        let waiting = tokio::spawn(echo(channel));
        sleep(Duration::from_millis(300)).await;
        assert!(!waiting.is_finished());
        cut.set(false);
        waiting.await.unwrap().unwrap();
    });
}

#[test]
fn a_caller_that_dies_behind_a_cut_is_missed_only_when_it_gives_no_sign_of_life() {
    tell(|mut world, cut| async move {
        let address = world.address.clone();
        let caller = Process::start(async move {
            let channel = connect(&Target::open(&address), &clock()).await.unwrap();
            let _ = KvClient::new(channel).put(with_deadline(put("stall"), LONG)).await;
        });
        assert_eq!(world.event().await, Event::Entered);
        cut.set(true);
        caller.kill();
        assert!(timeout(A_WHILE, world.event()).await.is_err(), "it could not say goodbye");
        assert_eq!(timeout(4 * A_WHILE, world.event()).await, Ok(Event::Dropped));
    });
}

#[cfg(not(madsim))]
use real::tell;
#[cfg(madsim)]
use simulated::tell;

#[cfg(not(madsim))]
mod real {
    use std::{sync::Arc, time::Duration};

    use tokio::{
        io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        sync::watch,
    };

    use super::World;

    /// A cut between callers and the server, which comes and goes.
    pub(super) struct Cut(Arc<watch::Sender<bool>>);

    impl Cut {
        pub(super) fn set(&self, is_cut: bool) {
            self.0.send_replace(is_cut);
        }
    }

    /// Tells a story over real tonic, through a relay.
    pub(super) fn tell<F: Future<Output = ()> + Send + 'static>(story: impl Fn(World, Cut) -> F) {
        super::super::world::tell(|mut world| {
            let (cut, is_cut) = watch::channel(false);
            let server = std::mem::take(&mut world.address);
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port 0 is always free");
            world.address = listener.local_addr().expect("it is bound").to_string();
            listener.set_nonblocking(true).expect("as tokio wants it");
            tokio::spawn(relay(TcpListener::from_std(listener).expect("a listener"), server, is_cut));
            story(world, Cut(Arc::new(cut)))
        });
    }

    async fn relay(listener: TcpListener, server: String, is_cut: watch::Receiver<bool>) {
        while let Ok((caller, _)) = listener.accept().await {
            let (from_caller, to_caller) = caller.into_split();
            let server = TcpStream::connect(&server).await.expect("the server listens");
            let (from_server, to_server) = server.into_split();
            tokio::spawn(forward(from_caller, to_server, is_cut.clone()));
            tokio::spawn(forward(from_server, to_caller, is_cut.clone()));
        }
    }

    /// Forwards bytes and the end, each when there is no cut.
    async fn forward(
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        mut is_cut: watch::Receiver<bool>,
    ) {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let read = from.read(&mut bytes).await;
            // A little is under way when the cut begins.
            tokio::time::sleep(Duration::from_millis(1)).await;
            if is_cut.wait_for(|is_cut| !is_cut).await.is_err() {
                return;
            }
            match read {
                Ok(count) if count > 0 => {
                    if to.write_all(&bytes[..count]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}

#[cfg(madsim)]
mod simulated {
    use std::net::IpAddr;

    use super::World;
    use crate::rpc::{LineFaults, Lines};

    /// A cut between callers and the server, which comes and goes.
    pub(super) struct Cut;

    impl Cut {
        pub(super) fn set(&self, is_cut: bool) {
            let faults = LineFaults { is_cut, ..LineFaults::default() };
            let [server, callers @ ..] = [1, 2, 3].map(|host| IpAddr::from([10, 0, 0, host]));
            for caller in callers {
                Lines::current().network().set_faults(caller, server, faults.clone());
                Lines::current().network().set_faults(server, caller, faults.clone());
            }
        }
    }

    /// Tells a story in simulation.
    pub(super) fn tell<F: Future<Output = ()> + Send + 'static>(story: impl Fn(World, Cut) -> F) {
        super::super::world::tell(|world| {
            Lines::current().network().begin(0);
            story(world, Cut)
        });
    }
}
