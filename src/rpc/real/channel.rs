//! The channel of the real world: tonic over TCP or TLS.

use std::{io, time::Duration};

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
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
    let stream = connect(authority.as_str(), &clock).await?;
    stream.set_nodelay(true)?;
    let stream = match &target.security.0 {
        Some(credentials) => secured::connect(stream, authority.host(), target.expected, credentials).await?,
        None => Secured::Plain(stream),
    };
    Ok(TokioIo::new(Gathering::new(stream)))
}

/// Each attempt is waited for twice as long as the one before: the way may be long. [`CONNECT_TIMEOUT`] ends them.
async fn connect(address: &str, clock: &Clock) -> io::Result<TcpStream> {
    let mut patience = ATTEMPT_MIN;
    loop {
        match clock.timeout(patience, TcpStream::connect(address)).await {
            Ok(connected) => return connected,
            Err(_) => patience *= 2,
        }
    }
}
