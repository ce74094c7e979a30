//! Who a process proves to be: its certificate names it by a SPIFFE ID, like `spiffe://conclave/node/2`, so that a key is
//! worth what its holder is for: that of a proxy cannot vote, that of a client cannot remove members.

use std::{fmt, str::FromStr};

/// What a process is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Keeps the data and votes.
    Node,
    /// Serves clients, by asking nodes.
    Proxy,
    /// Reads and writes.
    Client,
    /// A client that also changes the cluster.
    Operator,
}

impl Role {
    const ALL: [Self; 4] = [Self::Node, Self::Proxy, Self::Client, Self::Operator];

    /// As a SPIFFE ID has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Proxy => "proxy",
            Self::Client => "client",
            Self::Operator => "operator",
        }
    }
}

/// Who a certificate says its holder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's name: the trust domain.
    pub cluster: String,
    /// What it is there.
    pub role: Role,
    /// Which one; a node's is its number.
    pub name: String,
}

impl Identity {
    /// That of a node.
    pub fn node(cluster: &str, id: u64) -> Self {
        Self { cluster: cluster.to_owned(), role: Role::Node, name: id.to_string() }
    }

    /// Whether this is the node of that number.
    pub fn is_node(&self, id: u64) -> bool {
        self.role == Role::Node && self.name.parse() == Ok(id)
    }
}

const SCHEME: &str = "spiffe://";

/// What a trust domain may be made of (SPIFFE ID, section 2.1); a segment of the path may have capitals, too.
fn is_plain(text: &str, is_allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(|c| is_allowed(c) || c.is_ascii_digit() || ".-_".contains(c))
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "'{text}' names nobody of a cluster: it must be {SCHEME}CLUSTER/ROLE/NAME, like {SCHEME}conclave/node/2, where \
                 the cluster is written in small letters, digits, '.', '-' and '_'"
            )
        };
        let parts = text.strip_prefix(SCHEME).ok_or_else(refused)?.split('/').collect::<Vec<_>>();
        let &[cluster, role, name] = parts.as_slice() else { return Err(refused()) };
        let role = Role::ALL.into_iter().find(|known| known.name() == role).ok_or_else(refused)?;
        let is_number = name.parse::<u64>().is_ok_and(|id| id > 0 && id.to_string() == name);
        let is_good = is_plain(cluster, |c| c.is_ascii_lowercase())
            && is_plain(name, |c| c.is_ascii_alphabetic())
            && (role != Role::Node || is_number);
        is_good.then(|| Self { cluster: cluster.to_owned(), role, name: name.to_owned() }).ok_or_else(refused)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, role, name } = self;
        write!(f, "{SCHEME}{cluster}/{}/{name}", role.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_reads_as_it_is_written() {
        for text in ["spiffe://conclave/node/2", "spiffe://prod.eu-1/proxy/a", "spiffe://x/operator/Ann_B"] {
            assert_eq!(text.parse::<Identity>().map(|identity| identity.to_string()).as_deref(), Ok(text));
        }
        assert!("spiffe://conclave/node/2".parse::<Identity>().is_ok_and(|identity| identity.is_node(2)));
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in [
            "",
            "https://conclave/node/2",
            "spiffe://conclave/node",
            "spiffe://conclave/node/2/x",
            "spiffe://conclave/node/two",
            "spiffe://conclave/node/02",
            "spiffe://conclave/node/0",
            "spiffe://Conclave/node/2",
            "spiffe:///node/2",
            "spiffe://conclave/king/2",
            "spiffe://conclave/client/a b",
        ] {
            assert!(text.parse::<Identity>().is_err(), "{text}");
        }
    }
}
