//! Where a program listens or is found: `host:port`.

use std::{
    fmt,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    str::FromStr,
};

use anyhow::Context;

/// A host and a port. The host is a name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    host: String,
    port: u16,
}

/// Text that is no address; says what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an address: {reason}; write it as host:port, like 127.0.0.1:2379")]
pub(super) struct InvalidAddress {
    text: String,
    reason: &'static str,
}

impl Address {
    /// An address made of its parts.
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }

    /// Nobody but this machine gets there.
    pub(super) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|address| address.is_loopback())
    }

    /// All addresses of a machine: who listens may mean them, who calls cannot.
    pub(super) fn is_unspecified(&self) -> bool {
        self.ip().is_some_and(|address| address.is_unspecified())
    }

    fn ip(&self) -> Option<IpAddr> {
        self.host.trim_matches(['[', ']']).parse().ok()
    }

    /// The socket address to listen on.
    ///
    /// # Errors
    /// The host is unknown to this machine.
    pub(super) fn resolve(&self) -> anyhow::Result<SocketAddr> {
        let found = self.to_string().to_socket_addrs();
        let mut found = found.with_context(|| format!("cannot find the address of '{}'", self.host))?;
        found.next().with_context(|| format!("'{}' has no address", self.host))
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    /// Parses `host:port`; a leading `http://`, as other tools write it, is accepted.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = |reason| InvalidAddress { text: text.to_owned(), reason };
        if text.starts_with("https://") {
            return Err(invalid("leave https:// out, and give --tls-ca"));
        }
        let bare = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let (host, port) = bare.rsplit_once(':').ok_or_else(|| invalid("the port is missing"))?;
        check_host(host).map_err(invalid)?;
        match port.parse() {
            Ok(0) => Err(invalid("port 0 means no port")),
            Ok(port) => Ok(Self::new(host, port)),
            Err(_) => Err(invalid("the port must be a number from 1 to 65535")),
        }
    }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let bracketed = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    match bracketed {
        Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => Ok(()),
        Some(_) => Err("the brackets do not hold an IPv6 address"),
        None if host.is_empty() => Err("the host is missing"),
        None if host.contains(':') => Err("an IPv6 address belongs in brackets"),
        None if host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) => Ok(()),
        None => Err("the host has characters that no host name has"),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_and_both_kinds_of_ip_addresses() {
        for text in ["localhost:2379", "10.0.0.1:1", "[::1]:65535", "node-1.example.org:80"] {
            assert_eq!(text.parse::<Address>().expect("a good address").to_string(), text);
        }
        assert_eq!("http://localhost:2379/".parse::<Address>(), Ok(Address::new("localhost", 2379)));
    }

    #[test]
    fn refuses_everything_else_and_says_why() {
        for (text, reason) in [
            ("localhost", "the port is missing"),
            (":2379", "the host is missing"),
            ("localhost:0", "port 0"),
            ("localhost:65536", "from 1 to 65535"),
            ("localhost:http", "from 1 to 65535"),
            ("::1:2379", "brackets"),
            ("[::z]:2379", "IPv6"),
            ("two words:2379", "characters"),
            ("https://localhost:2379", "--tls-ca"),
            ("", "the port is missing"),
        ] {
            let error = text.parse::<Address>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains('\n'));
        }
    }
}
