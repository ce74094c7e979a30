//! The channel of the real world: tonic over TCP or TLS.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tonic::transport::{Endpoint, Uri};

use super::{
    CONNECTION_WINDOW_BYTES, Channel, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, STREAM_WINDOW_BYTES,
    deadline::Missing,
    secured::{self, Secured},
    stream::Gathering,
};
use crate::{
    env::Clock,
    rpc::{CONNECT_TIMEOUT, Target, root_cause},
};

/// How long the first attempt to connect is waited for. TCP itself repeats a lost SYN after a whole second (RFC 6298, section 2),
/// for which a network that has just healed would still count as cut.
const ATTEMPT_MIN: Duration = Duration::from_millis(250);

/// Connects, or says why not.
pub(in crate::rpc) async fn establish(uri: Uri, target: &Target, clock: &Clock) -> Result<Channel, String> {
    let endpoint = Endpoint::from(uri)
        .connect_timeout(CONNECT_TIMEOUT)
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
    let dialling = tower::service_fn(move |uri| dial(uri, target.clone(), dialling_clock.clone()));
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

/// Dials the addresses that a name stands for, each a little after the one before, or as soon as that has failed: one that swallows
/// everything holds up none of the others (RFC 8305, section 5).
async fn connect(mut addresses: impl Iterator<Item = SocketAddr>, clock: &Clock) -> io::Result<TcpStream> {
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "this name stands for no address");
    loop {
        let ended = match addresses.next() {
            Some(address) => {
                attempts.push(attempt(address, clock));
                clock.timeout(ATTEMPT_MIN, attempts.next()).await.ok()
            }
            None => Some(attempts.next().await),
        };
        match ended {
            Some(Some(Ok(connected))) => return Ok(connected),
            Some(Some(Err(error))) => last = error,
            Some(None) => return Err(last),
            None => {}
        }
    }
}

/// Each attempt is waited for twice as long as the one before: the way may be long. [`CONNECT_TIMEOUT`] ends them.
async fn attempt(address: SocketAddr, clock: &Clock) -> io::Result<TcpStream> {
    let mut patience = ATTEMPT_MIN;
    loop {
        match clock.timeout(patience, TcpStream::connect(address)).await {
            Ok(connected) => return connected,
            Err(_) => patience *= 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[tokio::test]
    async fn an_address_that_swallows_everything_does_not_hide_the_others() {
        let clock = Clock::new(Duration::ZERO);
        // Nobody accepts there, and once as many wait as may, the rest is not answered.
        let full = TcpSocket::new_v4().expect("a socket");
        full.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let full = full.listen(1).expect("it is bound");
        let swallows = full.local_addr().expect("it is bound");
        let mut waiting = Vec::new();
        while let Ok(connected) =
            clock.timeout(Duration::from_millis(100), TcpStream::connect(swallows)).await
        {
            waiting.push(connected.expect("it listens"));
        }
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
