//! The channel of the real world: tonic over TCP.

use std::io;

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::transport::{Endpoint, Uri};

use super::{
    CONNECTION_WINDOW_BYTES, Channel, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, STREAM_WINDOW_BYTES,
    stream::Gathering,
};
use crate::{
    env::Clock,
    rpc::{CONNECT_TIMEOUT, root_cause},
};

/// Connects, or says why not.
pub(in crate::rpc) async fn establish(uri: Uri, clock: &Clock) -> Result<Channel, String> {
    let endpoint = Endpoint::from(uri)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let connected = endpoint.connect_with_connector(tower::service_fn(dial)).await;
    connected.map(|channel| Channel::new(channel, clock.clone())).map_err(|error| root_cause(&error))
}

async fn dial(uri: Uri) -> io::Result<TokioIo<Gathering>> {
    let authority = uri.authority().expect("an address was checked to have a host and a port");
    let stream = TcpStream::connect(authority.as_str()).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(Gathering::new(stream)))
}
