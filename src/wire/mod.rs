//! What crosses the network: the generated types, their conversions from and to the types of the core and of the state
//! machine (which know nothing of protobuf), limits of size, and what an error says to its caller.
//!
//! | file | idea |
//! | --- | --- |
//! | `pb.rs` | the generated messages, clients and servers |
//! | `raft.rs` | messages and entries of the core |
//! | `snapshot.rs` | pieces of a snapshot |
//! | `kv.rs` | the key-value service: validation, commands, requests and answers |
//! | `proxy_stream.rs` | between a proxy and a node: who leads, refusals |
//! | `status.rs`, `majority.rs` | what a node shows of itself; why there is no leader |
//! | `limits.rs` | how large a message may be |
//! | `error.rs` | malformed messages; what a failed call says, in etcd's words; whether it took place |

mod error;
pub(crate) mod kv;
mod limits;
mod majority;
pub mod pb;
mod proxy_stream;
mod raft;
mod snapshot;
mod status;

pub(crate) use error::{CallError, etcd};
pub use error::{DETAIL_HEADER, Happened, Malformed};
pub use limits::{
    CLIENT_ANSWER_BYTES_MAX, CLIENT_REQUEST_BYTES_MAX, MESSAGE_BYTES_MAX, WRITE_BYTES_MAX, WithLimits,
};
pub(crate) use majority::lacking;
pub(crate) use proxy_stream::{ClusterId, Leadership, NodeId, refusal};
pub(crate) use raft::decoded as position_from_pb;
pub(crate) use snapshot::{place_from_pb, place_to_pb};
pub(crate) use status::{peer_to_pb, role_to_pb};
