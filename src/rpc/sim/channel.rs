//! The channel of the simulated world: madsim-tonic's own.

use madsim::rand::Rng;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::env::Clock;

/// Connects, or says why not.
///
/// The simulated network refuses at once what a real one would swallow in silence (a partition, a dead host) as well
/// as what it would refuse (a dead process). Which of them it is cannot be seen from here, so both are played.
pub(in crate::rpc) async fn establish(uri: Uri, _clock: &Clock) -> Result<Channel, String> {
    let outcome = Endpoint::from(uri).connect().await;
    if outcome.is_err() && madsim::rand::thread_rng().gen_bool(0.5) {
        std::future::pending::<()>().await;
    }
    outcome.map_err(|error| error.to_string())
}
