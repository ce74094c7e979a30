//! What crosses the network: the generated types, their conversions from and to the types of the core and of the state
//! machine (which know nothing of protobuf), limits of size, and what an error says to its caller.
//!
//! | file | idea |
//! | --- | --- |
//! | `pb.rs` | the generated messages, clients and servers |
//! | `raft.rs` | messages and entries of the core |
//! | `snapshot.rs` | pieces of a snapshot |
//! | `kv.rs` | commands, requests and answers of the key-value service |
//! | `status.rs` | what a node shows of itself |
//! | `limits.rs` | how large a message may be |
//! | `error.rs` | malformed messages; whether a failed call took place |

mod error;
pub(crate) mod kv;
mod limits;
pub mod pb;
mod raft;
mod snapshot;
mod status;

pub use error::{HAPPENED_HEADER, Malformed};
pub(crate) use error::{did_not_happen, unknown};
pub use limits::{CLIENT_REQUEST_BYTES_MAX, MESSAGE_BYTES_MAX, WithLimits};
pub(crate) use raft::decoded as position_from_pb;
pub(crate) use snapshot::{place_from_pb, place_to_pb};
pub(crate) use status::{peer_to_pb, role_to_pb};
