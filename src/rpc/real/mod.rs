//! The real transport: tonic over TCP or TLS.

mod admission;
mod channel;
mod connection;
mod credentials;
mod deadline;
mod fields;
mod guard;
mod refusals;
mod secured;
mod server;
mod status;
mod stream;
mod trace;

use std::time::Duration;

pub(super) use channel::establish;
#[cfg(test)]
pub(crate) use channel::{filled, swallowing, with_little_room};
pub use credentials::{Credentials, CredentialsError, OwnFiles, TlsFiles, identity_of};
pub use deadline::{Channel, was_not_sent};
pub use fields::respond_with;
pub use server::{Bound, Server};

/// A connection that is silent for so long is asked whether it lives...
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);

/// ...and is given up when it does not answer within this: a dead peer is noticed in four seconds.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes a stream may have under way: a few batches, so that a peer at a distance of some milliseconds does not wait for
/// every one, and yet not so many that a sign of life behind them comes too late over 10 MB/s.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// Bytes a connection may have under way, all streams together.
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;

/// Calls given up by clients before they were served. The default of 20 takes a burst of passed deadlines for an
/// attack and closes the connection.
const PENDING_RESETS_MAX: usize = 4 * 1024;

/// How long a connection may take to say that it speaks HTTP/2. Without it, who connects and says nothing, or half of
/// it, keeps a connection for ever.
pub(in crate::rpc) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause after a connection that could not be accepted; a shortage of file descriptors does not pass sooner.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What this machine sends on a stream to an address: TCP lets it take its time.
pub(super) fn outgoing<S>(messages: S, _: &str) -> S {
    messages
}
