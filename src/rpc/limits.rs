//! Every limit of the transport, with its reason.

use std::time::Duration;

/// Longest wait for a connection: two lost SYN packets of a live host, yet short beside an operator's patience.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long calls under way may go on after a server was told to stop. Streams never end by themselves, so a server
/// with a peer connected always takes this long.
pub const SHUTDOWN_GRACE: Duration = Duration::from_millis(300);
