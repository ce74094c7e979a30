//! The one place that builds tonic servers and channels: the real and the simulated transport differ here, nowhere
//! else. `conformance` holds both to the same behaviour.
//!
//! - [`Server`] carries services: [`Server::bind`] first, so that a taken port is reported at once, then
//!   [`Bound::serve`] until told to stop.
//! - [`connect`] makes a [`Channel`]; [`with_deadline`] bounds a call on it.

mod channel;
mod deadline;
mod error;
mod limits;
#[cfg_attr(madsim, path = "server_sim.rs")]
mod server;
#[cfg(not(madsim))]
mod stream;

#[cfg(test)]
mod conformance;

pub use channel::{check_address, connect};
pub use deadline::{Channel, timeout_of, with_deadline};
pub use error::RpcError;
pub use limits::{CONNECT_TIMEOUT, SHUTDOWN_GRACE};
pub use server::{Bound, Server};
