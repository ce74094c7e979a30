//! Every limit of the transport, with its reason.

use std::{num::NonZeroU32, time::Duration};

/// Longest wait for a connection: two lost SYN packets of a live host, yet short beside an operator's patience.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long calls under way may go on after a node was told to stop. Its streams never end by themselves, so a node
/// with a peer connected always takes this long.
pub const SHUTDOWN_GRACE: Duration = Duration::from_millis(300);

/// What one server takes from its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at a time; further ones are closed at once.
    pub connections_max: usize,
    /// Concurrent calls on one connection: clients keep hundreds under way, and overload is answered by the services with
    /// RESOURCE_EXHAUSTED, which tells more than a silent wait here.
    pub streams_max: u32,
    /// Calls of one client, by its certificate or else its address, in a second; `None`: as many as it likes. More are
    /// answered RESOURCE_EXHAUSTED.
    pub calls_per_second_max: Option<NonZeroU32>,
    /// A caller that is silent is asked whether it lives, and its connection is given up when it does not answer within this. What it is
    /// asked waits behind what it is sent: over a narrow line that takes its time.
    pub silence_max: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            streams_max: 16 * 1024,
            calls_per_second_max: None,
            silence_max: Duration::from_secs(2),
        }
    }
}
