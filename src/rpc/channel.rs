//! Makes channels to other processes.

use super::{Channel, RpcError, address, limits::CONNECT_TIMEOUT, transport};
use crate::env::Clock;

/// Connects to `address` (HOST:PORT), or says within [`CONNECT_TIMEOUT`] why not. When the connection breaks later
/// on, the next call on the channel connects again.
///
/// # Errors
/// The address is malformed, or nobody answers there.
pub async fn connect(address: &str, clock: &Clock) -> Result<Channel, RpcError> {
    let uri = address::parse(address)?;
    let unreachable = |reason| RpcError::Unreachable { address: address.to_owned(), reason };
    match clock.timeout(CONNECT_TIMEOUT, transport::establish(uri, clock)).await {
        Ok(connected) => connected.map_err(unreachable),
        Err(_) => Err(unreachable(format!("no answer within {CONNECT_TIMEOUT:?}"))),
    }
}
