//! How large a message may be, with the reason.

use super::pb::{
    etcdserverpb::{
        kv_client::KvClient,
        kv_server::{Kv, KvServer},
        maintenance_client::MaintenanceClient,
        maintenance_server::{Maintenance, MaintenanceServer},
    },
    v1::{
        admin_client::AdminClient,
        admin_server::{Admin, AdminServer},
        backup_client::BackupClient,
        backup_server::{Backup, BackupServer},
        node_client::NodeClient,
        node_server::{Node, NodeServer},
        peer_client::PeerClient,
        peer_server::{Peer, PeerServer},
        status_client::StatusClient,
        status_server::{Status, StatusServer},
    },
};
use crate::{
    kv::{PREV_KVS_BYTES_MAX, VALUE_BYTES_MAX},
    rpc::Channel,
};

/// Largest answer between our own processes. What they send is far smaller: batches are bounded in bytes, and large answers
/// travel in pieces.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Largest message that a node takes: twice what the largest record of a snapshot weighs, which is the answer to a delete, kept for
/// who asks again. Whoever reaches the port can make a node hold so much for each of his calls.
pub(super) const NODE_REQUEST_BYTES_MAX: usize = 2 * PREV_KVS_BYTES_MAX;

/// Largest write, encoded: etcd's default limit of a request, 1.5 MiB. One entry must cross the network well within an
/// election timeout.
pub const WRITE_BYTES_MAX: usize = VALUE_BYTES_MAX;

/// Largest request of a client: etcd's 1.5 MiB, and its allowance of 512 KiB for what surrounds the value.
pub const CLIENT_REQUEST_BYTES_MAX: usize = WRITE_BYTES_MAX + (512 << 10);

/// Largest answer that a client takes: as etcd's client.
pub const CLIENT_ANSWER_BYTES_MAX: usize = i32::MAX as usize;

/// A message may be as large as Conclave needs, instead of tonic's 4 MiB.
pub trait WithLimits: Sized {
    /// Sets the limits of this service or client.
    #[must_use]
    fn with_limits(self) -> Self;
}

macro_rules! limit {
    ($($server:ident serves $service:ident up to $request_bytes_max:ident, $client:ident up to $answer_bytes_max:ident;)*) => {$(
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
                self.max_decoding_message_size($answer_bytes_max)
            }
        }
    )*};
}

limit! {
    PeerServer serves Peer up to NODE_REQUEST_BYTES_MAX, PeerClient up to MESSAGE_BYTES_MAX;
    NodeServer serves Node up to NODE_REQUEST_BYTES_MAX, NodeClient up to MESSAGE_BYTES_MAX;
    BackupServer serves Backup up to NODE_REQUEST_BYTES_MAX, BackupClient up to MESSAGE_BYTES_MAX;
    StatusServer serves Status up to NODE_REQUEST_BYTES_MAX, StatusClient up to MESSAGE_BYTES_MAX;
    AdminServer serves Admin up to CLIENT_REQUEST_BYTES_MAX, AdminClient up to MESSAGE_BYTES_MAX;
    KvServer serves Kv up to CLIENT_REQUEST_BYTES_MAX, KvClient up to CLIENT_ANSWER_BYTES_MAX;
    MaintenanceServer serves Maintenance up to CLIENT_REQUEST_BYTES_MAX, MaintenanceClient up to MESSAGE_BYTES_MAX;
}
