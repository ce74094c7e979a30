//! Makes channels to other processes.

use super::{Channel, RpcError, Target, address, limits::CONNECT_TIMEOUT, transport};
use crate::env::Clock;

/// Connects, or says within [`CONNECT_TIMEOUT`] why not. When the connection breaks later on, calls on the channel fail, and those that
/// begin then certainly did not arrive ([`was_not_sent`](super::was_not_sent)); in the simulated world the next one connects again.
///
/// # Errors
/// The address is malformed, nobody answers there, or another than should.
pub async fn connect(target: &Target, clock: &Clock) -> Result<Channel, RpcError> {
    let uri = address::parse(&target.address)?;
    let unreachable = |reason| RpcError::Unreachable { address: target.address.clone(), reason };
    match clock.timeout(CONNECT_TIMEOUT, transport::establish(uri, target, clock)).await {
        Ok(connected) => connected.map_err(unreachable),
        Err(_) => Err(unreachable(format!("no answer within {CONNECT_TIMEOUT:?}"))),
    }
}
