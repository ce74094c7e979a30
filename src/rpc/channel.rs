//! Makes channels to other processes.

use std::error::Error;

use tokio::time::timeout;
use tonic::transport::{self, Endpoint, Uri};

#[cfg(not(madsim))]
use {super::stream::Gathering, hyper_util::rt::TokioIo, std::io, tokio::net::TcpStream};

use super::{
    Channel, RpcError,
    limits::{
        CONNECT_TIMEOUT, CONNECTION_WINDOW_BYTES, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, STREAM_WINDOW_BYTES,
    },
};

/// Connects to `address` (HOST:PORT), or says within [`CONNECT_TIMEOUT`] why not. When the connection breaks later
/// on, the next call on the channel connects again.
pub async fn connect(address: &str) -> Result<Channel, RpcError> {
    let endpoint = endpoint(address)?;
    let unreachable = |reason| RpcError::Unreachable { address: address.to_owned(), reason };
    match timeout(CONNECT_TIMEOUT, establish(&endpoint)).await {
        Ok(Ok(channel)) => Ok(wrap(channel)),
        Ok(Err(error)) => Err(unreachable(root_cause(&error))),
        Err(_) => Err(unreachable(format!("no answer within {CONNECT_TIMEOUT:?}"))),
    }
}

/// Whether this is an address to connect to (HOST:PORT).
pub fn check_address(address: &str) -> Result<(), RpcError> {
    endpoint(address).map(drop)
}

fn endpoint(address: &str) -> Result<Endpoint, RpcError> {
    let malformed = || RpcError::Address(address.to_owned());
    let uri: Uri = format!("http://{address}").parse().map_err(|_| malformed())?;
    let is_host_and_port = uri.port_u16().is_some()
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.authority().is_some_and(|authority| authority.as_str() == address && !address.contains('@'));
    if !is_host_and_port {
        return Err(malformed());
    }
    Ok(Endpoint::from(uri)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES))
}

/// "transport error" tells nobody anything; what lies beneath it does.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(not(madsim))]
async fn establish(endpoint: &Endpoint) -> Result<transport::Channel, transport::Error> {
    endpoint.connect_with_connector(tower::service_fn(dial)).await
}

#[cfg(not(madsim))]
async fn dial(uri: Uri) -> io::Result<TokioIo<Gathering>> {
    let authority = uri.authority().expect("an address was checked to have a host and a port");
    let stream = TcpStream::connect(authority.as_str()).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(Gathering::new(stream)))
}

#[cfg(not(madsim))]
fn wrap(channel: transport::Channel) -> Channel {
    Channel::new(channel)
}

/// The simulated network refuses at once what a real one would swallow in silence (a partition, a dead host) as well
/// as what it would refuse (a dead process). Which of them it is cannot be seen from here, so both are played.
#[cfg(madsim)]
async fn establish(endpoint: &Endpoint) -> Result<transport::Channel, transport::Error> {
    use madsim::rand::Rng;

    let outcome = endpoint.connect().await;
    if outcome.is_err() && madsim::rand::thread_rng().gen_bool(0.5) {
        std::future::pending::<()>().await;
    }
    outcome
}

#[cfg(madsim)]
fn wrap(channel: transport::Channel) -> Channel {
    channel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_and_nothing_else() {
        for good in ["127.0.0.1:2379", "localhost:80", "[::1]:2379", "node-1.example.org:7001"] {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost",
            ":80",
            "host:",
            "host:99999",
            "http://host:80",
            "host:80/path",
            "a b:1",
            "u@h:1",
        ] {
            assert!(matches!(endpoint(bad), Err(RpcError::Address(_))), "{bad}");
        }
    }
}
