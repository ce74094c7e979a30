//! The simulated transport: madsim's network, madsim-tonic's clients, a server of our own.

mod channel;
mod fields;
mod line;
mod server;

use std::time::Duration;

pub(super) use channel::establish;
pub use fields::respond_with;
pub use line::Lines;
pub(super) use line::outgoing;
pub use server::{Bound, Server};
/// A connection, or one to be, for the generated clients. Cheap to clone.
pub use tonic::transport::Channel;

/// Concurrent accepts of a simulated server: each costs 1 to 2 ms of simulated time, and a unary call is two.
const ACCEPTORS: usize = 8;

/// A connection that has not said for so long what it wants is dropped.
pub(in crate::rpc) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
