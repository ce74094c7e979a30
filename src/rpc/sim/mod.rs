//! The simulated transport: madsim's network, madsim-tonic's clients, a server of our own.

mod channel;
mod ends;
mod faults;
mod fields;
mod line;
mod lines;
mod network;
mod server;
mod stray;
mod transit;

use std::{any::Any, time::Duration};

pub(super) use channel::establish;
pub use channel::was_not_sent;
pub use faults::{Astray, LineFaults, Poor, Rhythm};
pub use fields::respond_with;
pub(super) use lines::outgoing;
pub use lines::{Lines, Watcher};
pub use network::{Network, swallow};
pub use server::{Bound, Server};
pub use stray::{Duplicate, Split, Straying};
/// A connection, or one to be, for the generated clients. Cheap to clone.
pub use tonic::transport::Channel;

/// What crosses the simulated network.
pub type Payload = Box<dyn Any + Send + Sync>;

/// There is no TLS in simulation: what is encrypted here is what the other world tests.
#[derive(Debug)]
pub enum Credentials {}

/// Concurrent accepts of a simulated server: each costs 1 to 2 ms of simulated time, and a unary call is two.
const ACCEPTORS: usize = 8;

/// A connection that has not said for so long what it wants is dropped.
pub(in crate::rpc) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
