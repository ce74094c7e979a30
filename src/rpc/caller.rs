//! Who calls: what a connection has proved of its other side, and what it may therefore ask.

use std::{fmt, net::IpAddr, sync::Arc};

use tonic::{Request, Status};

use super::{
    error::did_not_happen,
    identity::{Identity, Role},
};

/// Who may call a service.
pub type Callers = &'static [Role];

/// Whoever has a certificate of the cluster.
pub const ALL_ROLES: Callers = &[Role::Node, Role::Proxy, Role::Client, Role::Operator];

/// The other side of a connection.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    pub(super) address: Option<IpAddr>,
    pub(super) proof: Proof,
}

/// What it has proved.
#[derive(Clone, Debug, Default)]
pub(super) enum Proof {
    /// Nothing, for this server asks nobody.
    #[default]
    NotAsked,
    /// That it holds the key of this identity, which the cluster's CA has certified.
    #[cfg_attr(madsim, expect(dead_code, reason = "nobody proves who it is in simulation"))]
    Is(Arc<Identity>),
}

impl Caller {
    /// The caller of a request.
    pub fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    /// Whether it has one of these roles.
    ///
    /// # Errors
    /// It proves to be somebody else.
    pub fn check_role(&self, callers: Callers) -> Result<(), Status> {
        match &self.proof {
            Proof::Is(identity) if !callers.contains(&identity.role) => {
                let allowed: Vec<_> = callers.iter().map(|role| role.name()).collect();
                let allowed = allowed.join(" or ");
                Err(denied(format!(
                    "{identity} may not ask this: only a certificate with the role {allowed} may"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether it is the node that it says it is.
    ///
    /// # Errors
    /// It proves to be somebody else.
    pub fn check_node(&self, id: u64) -> Result<(), Status> {
        match &self.proof {
            Proof::Is(identity) if !identity.is_node(id) => {
                Err(denied(format!("{identity} speaks as node {id}: its certificate is for another")))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.proof, self.address) {
            (Proof::Is(identity), _) => identity.fmt(f),
            (Proof::NotAsked, Some(address)) => address.fmt(f),
            (Proof::NotAsked, None) => f.write_str("somebody"),
        }
    }
}

fn denied(why: String) -> Status {
    did_not_happen(Status::permission_denied(why))
}
