//! The channel of the simulated world: madsim-tonic's own.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint, Uri};

use super::lines::Lines;
use crate::{env::Clock, rpc::Target};

/// The first attempt is given up after this, and each time after twice as long, as `real/channel.rs` does.
const ATTEMPT_MIN: Duration = Duration::from_millis(250);

/// Connects, or says why not. Through a cut, and to a machine without power, nobody answers; a machine whose process is not
/// there refuses.
pub(in crate::rpc) async fn establish(uri: Uri, target: &Target, clock: &Clock) -> Result<Channel, String> {
    let lines = Lines::current();
    if let Some(line) = lines.line_to(&target.address) {
        let network = lines.network();
        let mut wait = ATTEMPT_MIN;
        while !network.is_answered(line) {
            clock.sleep(wait).await;
            wait *= 2;
        }
        if network.refuses(line) {
            return Err("connection refused".to_owned());
        }
    }
    Endpoint::from(uri).connect().await.map_err(|error| error.to_string())
}

/// Whether a call failed before anything of it left: here nobody can tell.
pub fn was_not_sent(_: &tonic::Status) -> bool {
    false
}
