//! Addresses as people write them: HOST:PORT.

use tonic::transport::Uri;

use super::RpcError;

/// Whether this is an address to connect to (HOST:PORT).
///
/// # Errors
/// It is not; nothing was tried.
pub fn check_address(address: &str) -> Result<(), RpcError> {
    parse(address).map(drop)
}

pub(super) fn parse(address: &str) -> Result<Uri, RpcError> {
    let malformed = || RpcError::Address(address.to_owned());
    let uri: Uri = format!("http://{address}").parse().map_err(|_| malformed())?;
    let is_host_and_port = uri.port_u16().is_some()
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.authority().is_some_and(|authority| authority.as_str() == address && !address.contains('@'));
    if is_host_and_port { Ok(uri) } else { Err(malformed()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_and_nothing_else() {
        for good in ["127.0.0.1:2379", "localhost:80", "[::1]:2379", "node-1.example.org:7001"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost",
            ":80",
            "host:",
            "host:99999",
            "http://host:80",
            "host:80/path",
            "a b:1",
            "u@h:1",
        ] {
            assert!(matches!(parse(bad), Err(RpcError::Address(_))), "{bad}");
        }
    }
}
