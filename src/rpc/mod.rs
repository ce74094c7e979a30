//! The one place that builds tonic servers and channels: the real and the simulated transport differ here, nowhere
//! else. `conformance` holds both to the same behaviour.
//!
//! - [`Server`] carries services: [`Server::bind`] first, so that a taken port is reported at once, then
//!   [`Bound::serve`] until told to stop.
//! - [`connect`] makes a [`Channel`]; [`with_deadline`] bounds a call on it.
//! - [`WithLimits`] raises a service's or a client's message sizes to ours.

mod channel;
mod deadline;
mod error;
mod limits;
pub mod pb;
#[cfg_attr(madsim, path = "server_sim.rs")]
mod server;
#[cfg(not(madsim))]
mod stream;

#[cfg(test)]
mod conformance;

pub use channel::{check_address, connect};
pub use deadline::{Channel, with_deadline};
pub use error::{HAPPENED_HEADER, RpcError};
pub use limits::{CLIENT_REQUEST_BYTES_MAX, CONNECT_TIMEOUT, MESSAGE_BYTES_MAX, SHUTDOWN_GRACE, WithLimits};
pub use server::{Bound, Server};
