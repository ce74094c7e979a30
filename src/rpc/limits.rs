//! Every limit of the transport, with its reason.

use std::time::Duration;

use super::{
    Channel,
    pb::{
        etcdserverpb::{
            kv_client::KvClient,
            kv_server::{Kv, KvServer},
        },
        v1::{
            admin_client::AdminClient,
            admin_server::{Admin, AdminServer},
            node_client::NodeClient,
            node_server::{Node, NodeServer},
            peer_client::PeerClient,
            peer_server::{Peer, PeerServer},
            status_client::StatusClient,
            status_server::{Status, StatusServer},
        },
    },
};

/// Longest wait for a connection: two lost SYN packets of a live host, yet short beside an operator's patience.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long calls under way may go on after a server was told to stop. Streams never end by themselves, so a server
/// with a peer connected always takes this long.
pub const SHUTDOWN_GRACE: Duration = Duration::from_millis(300);

/// Largest message between our own processes: room for a batch of forty of the largest values.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Largest request of a client: etcd's 1.5 MiB, and its allowance of 512 KiB for what surrounds the value.
pub const CLIENT_REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A message may be as large as Conclave needs, instead of tonic's 4 MiB.
pub trait WithLimits: Sized {
    /// Sets the limits of this service or client.
    #[must_use]
    fn with_limits(self) -> Self;
}

macro_rules! limit {
    ($($server:ident serves $service:ident up to $request_bytes_max:ident, $client:ident;)*) => {$(
        #[cfg(not(madsim))]
        impl<T: $service> WithLimits for $server<T> {
            fn with_limits(self) -> Self {
                self.max_decoding_message_size($request_bytes_max)
            }
        }

        // The simulated services carry an interceptor in their type; no bytes, so no sizes.
        #[cfg(madsim)]
        impl<T: $service, F: tonic::service::Interceptor> WithLimits for $server<T, F> {
            fn with_limits(self) -> Self {
                self.max_decoding_message_size($request_bytes_max)
            }
        }

        impl WithLimits for $client<Channel> {
            fn with_limits(self) -> Self {
                self.max_decoding_message_size(MESSAGE_BYTES_MAX)
            }
        }
    )*};
}

limit! {
    PeerServer serves Peer up to MESSAGE_BYTES_MAX, PeerClient;
    NodeServer serves Node up to MESSAGE_BYTES_MAX, NodeClient;
    StatusServer serves Status up to MESSAGE_BYTES_MAX, StatusClient;
    AdminServer serves Admin up to CLIENT_REQUEST_BYTES_MAX, AdminClient;
    KvServer serves Kv up to CLIENT_REQUEST_BYTES_MAX, KvClient;
}

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
