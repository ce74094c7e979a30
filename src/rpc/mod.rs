//! The one place that builds tonic servers and channels. It knows nothing of what is sent.
//!
//! - [`Server`] carries services: [`Server::bind`] first, so that a taken port is reported at once, then
//!   [`Bound::serve`] until told to stop.
//! - [`connect`] makes a [`Channel`]; [`with_deadline`] bounds a call on it.
//! - [`respond_with`] answers a call with more than should be encoded at once.
//! - [`link`] keeps one long-lived stream to another process: dial, probe, silence, back-off, dial again. What it
//!   sends waits in an [`outbox`], bounded in bytes.
//!
//! There are two transports, `real/` and `sim/`, of which one is compiled; they are chosen here and nowhere else.
//! `conformance/`, which is compiled for tests alone, holds both to the same behaviour.

mod address;
mod channel;
mod deadline;
mod error;
mod limits;
pub(crate) mod link;
pub(crate) mod outbox;
#[cfg_attr(not(madsim), path = "real/mod.rs")]
#[cfg_attr(madsim, path = "sim/mod.rs")]
mod transport;

#[cfg(test)]
mod conformance;

pub use address::check_address;
pub use channel::connect;
pub use deadline::{timeout_of, with_deadline};
pub use error::RpcError;
pub(crate) use error::root_cause;
pub use limits::{CONNECT_TIMEOUT, SHUTDOWN_GRACE};
pub use transport::{Bound, Channel, Server, respond_with};
