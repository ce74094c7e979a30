//! The simulated transport: madsim's network, madsim-tonic's clients, a server of our own.

mod channel;
mod server;

use std::time::Duration;

pub(super) use channel::establish;
pub use server::{Bound, Server};
/// A connection, or one to be, for the generated clients. Cheap to clone.
pub use tonic::transport::Channel;

/// Concurrent accepts of a simulated server: each costs 1 to 2 ms of simulated time, and a unary call is two.
const ACCEPTORS: usize = 8;

/// A simulated connection that stays silent for so long is dropped: keepalive would have ended a real one.
pub(in crate::rpc) const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);
