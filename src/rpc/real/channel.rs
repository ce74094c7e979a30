//! The channel of the real world: tonic over TCP or TLS.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tonic::transport::{Endpoint, Uri};

use super::{
    CONNECTION_WINDOW_BYTES, Channel, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, STREAM_WINDOW_BYTES,
    deadline::{Missing, broken},
    secured::{self, Secured},
    stream::Gathering,
};
use crate::{
    env::Clock,
    rpc::{Target, happy_eyeballs::first_connected, root_cause},
};

/// How long the first attempt to connect is waited for. TCP itself repeats a lost SYN after a whole second (RFC 6298, section 2),
/// for which a network that has just healed would still count as cut.
const ATTEMPT_MIN: Duration = Duration::from_millis(250);

/// Connects, or says why not.
pub(in crate::rpc) async fn establish(uri: Uri, target: &Target, clock: &Clock) -> Result<Channel, String> {
    let endpoint = Endpoint::from(uri)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let missing = match &target.security.0 {
        None => Missing::Tls,
        Some(credentials) if credentials.own().is_none() => Missing::Certificate,
        Some(_) => Missing::Trust,
    };
    let (target, dialling_clock) = (target.clone(), clock.clone());
    let has_dialled = AtomicBool::new(false);
    let dialling = tower::service_fn(move |uri| {
        let is_again = has_dialled.swap(true, Ordering::Relaxed);
        let (target, clock) = (target.clone(), dialling_clock.clone());
        async move { if is_again { Err(broken()) } else { dial(uri, target, clock).await } }
    });
    let connected = endpoint.connect_with_connector(dialling).await;
    connected.map(|channel| Channel::new(channel, clock.clone(), missing)).map_err(|error| root_cause(&error))
}

async fn dial(uri: Uri, target: Target, clock: Clock) -> io::Result<TokioIo<Gathering>> {
    let authority = uri.authority().expect("an address was checked to have a host and a port");
    let stream = connect(lookup_host(authority.as_str()).await?, &clock).await?;
    stream.set_nodelay(true)?;
    let stream = match &target.security.0 {
        Some(credentials) => secured::connect(stream, authority.host(), target.expected, credentials).await?,
        None => Secured::Plain(stream),
    };
    Ok(TokioIo::new(Gathering::new(stream)))
}

/// Dials the addresses that a name stands for: the first that answers is taken.
async fn connect(addresses: impl Iterator<Item = SocketAddr>, clock: &Clock) -> io::Result<TcpStream> {
    let attempts = addresses.map(|address| attempt(address, clock));
    let no_address = || io::Error::new(io::ErrorKind::NotFound, "this name stands for no address");
    first_connected(attempts, clock).await.map_err(|last| last.unwrap_or_else(no_address))
}

/// Each attempt is waited for twice as long as the one before: the way may be long. `CONNECT_TIMEOUT` ends them (`rpc/channel.rs`).
async fn attempt(address: SocketAddr, clock: &Clock) -> io::Result<TcpStream> {
    let mut patience = ATTEMPT_MIN;
    loop {
        match clock.timeout(patience, TcpStream::connect(address)).await {
            Ok(connected) => return connected,
            Err(_) => patience *= 2,
        }
    }
}

/// A socket that swallows everything: nobody accepts there, and once as many wait as may, the rest is not answered.
#[cfg(test)]
pub(crate) async fn swallowing() -> (SocketAddr, impl Sized) {
    let (listener, address) = with_little_room();
    let waiting = filled(address).await;
    (address, (listener, waiting))
}

/// A socket at which few may wait to be accepted.
#[cfg(test)]
pub(crate) fn with_little_room() -> (tokio::net::TcpListener, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let listener = socket.listen(1).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// As many wait there as may.
#[cfg(test)]
pub(crate) async fn filled(address: SocketAddr) -> Vec<TcpStream> {
    let (clock, mut waiting) = (Clock::new(Duration::ZERO), Vec::new());
    while let Ok(connected) = clock.timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        waiting.push(connected.expect("it listens"));
    }
    waiting
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::rpc::CONNECT_TIMEOUT;

    #[tokio::test]
    async fn an_address_that_swallows_everything_does_not_hide_the_others() {
        let clock = Clock::new(Duration::ZERO);
        let (swallows, _full) = swallowing().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let good = listener.local_addr().expect("it is bound");
        let closed = SocketAddr::from(([127, 0, 0, 1], 1));
        let connected = clock.timeout(CONNECT_TIMEOUT, connect([swallows, closed, good].into_iter(), &clock));
        let connected = connected.await.expect("it does not wait for the first").expect("the last answers");
        assert_eq!(connected.peer_addr().expect("it is connected"), good);
        let error = connect([closed].into_iter(), &clock).await.expect_err("nobody is there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
