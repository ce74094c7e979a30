//! The one place that builds tonic servers and channels. It knows nothing of what is sent.
//!
//! - [`Server`] carries services: [`Server::bind`] first, so that a taken port is reported at once, then
//!   [`Bound::serve`] until told to stop.
//! - [`connect`] makes a [`Channel`] to a [`Target`]; [`with_deadline`] bounds a call on it.
//! - [`Security`] says how both are secured; a [`Caller`] is who calls, and has proved to be of an [`Identity`].
//! - [`respond_with`] answers a call with more than should be encoded at once.
//! - [`Server::add_health`] adds gRPC's health checking.
//! - [`link`] keeps one long-lived stream to another process: dial, probe, silence, back-off, dial again. What it
//!   sends waits in an [`outbox`], bounded in bytes.
//!
//! There are two transports, `real/` and `sim/`, of which one is compiled; they are chosen here and nowhere else.
//! `conformance/`, which is compiled for tests alone, holds both to the same behaviour.

mod address;
mod caller;
mod channel;
mod deadline;
mod error;
pub(crate) mod happy_eyeballs;
mod health;
mod identity;
mod limits;
pub(crate) mod link;
mod metrics;
pub(crate) mod outbox;
mod security;
mod target;
#[cfg_attr(not(madsim), path = "real/mod.rs")]
#[cfg_attr(madsim, path = "sim/mod.rs")]
mod transport;

#[cfg(test)]
mod conformance;

pub use address::check_address;
pub use caller::{ALL_ROLES, Caller, Callers};
pub use channel::connect;
pub use deadline::{timeout_of, with_deadline};
pub(crate) use error::root_cause;
pub use error::{HAPPENED_HEADER, RpcError};
pub use health::pb as health_pb;
pub use identity::{Identity, Role};
pub use limits::{CONNECT_TIMEOUT, SHUTDOWN_GRACE, ServerLimits};
pub use security::Security;
pub use target::{Expected, Target};
#[cfg(madsim)]
pub use transport::{
    Astray, Duplicate, LineFaults, Lines, Network, Payload, Poor, Rhythm, Split, Straying, Watcher, swallow,
};
pub use transport::{Bound, Channel, Server, respond_with, was_not_sent};
#[cfg(not(madsim))]
pub use transport::{Credentials, CredentialsError, OwnFiles, TlsFiles, identity_of};
#[cfg(all(test, not(madsim)))]
pub(crate) use transport::{filled, swallowing, with_little_room};
