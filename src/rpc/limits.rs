//! Every limit of the transport, with its reason.

use std::time::Duration;

/// Longest wait for a connection: two lost SYN packets of a live host, yet short beside an operator's patience.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long calls under way may go on after a server was told to stop. Streams never end by themselves, so a server
/// with a peer connected always takes this long.
pub const SHUTDOWN_GRACE: Duration = Duration::from_millis(300);

/// A connection that is silent for so long is asked whether it lives...
pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);

/// ...and is given up when it does not answer within this: a dead peer is noticed in four seconds.
pub(super) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes a stream may have under way: a few large batches, so that a distant peer does not wait for every one.
pub(super) const STREAM_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// Bytes a connection may have under way, all streams together.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 32 * 1024 * 1024;

/// Concurrent calls on one connection: clients keep hundreds under way, and overload is answered by the services
/// with RESOURCE_EXHAUSTED, which tells more than a silent wait here.
#[cfg(not(madsim))]
pub(super) const CONCURRENT_STREAMS_MAX: u32 = 16 * 1024;

/// Calls given up by clients before they were served. The default of 20 takes a burst of passed deadlines for an
/// attack and closes the connection.
#[cfg(not(madsim))]
pub(super) const PENDING_RESETS_MAX: usize = 4 * 1024;

/// Pause after a connection that could not be accepted; a shortage of file descriptors does not pass sooner.
#[cfg(not(madsim))]
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Concurrent accepts of a simulated server: each costs 1 to 2 ms of simulated time, and a unary call is two.
#[cfg(madsim)]
pub(super) const ACCEPTORS: usize = 8;

/// A simulated connection that stays silent for so long is dropped: keepalive would have ended a real one.
#[cfg(madsim)]
pub(super) const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);
