//! What operators ask of a cluster in the middle of everything: other members, another leader.

use std::time::Duration;

use conclave::{client::Client, wire::pb::v1::ChangeMembersRequest};
use madsim::time::sleep;
use tonic::Code;

use crate::{oracle::Oracle, trace::What};

/// How long an operator waits for one answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);
/// An operator gives a transfer up after so many attempts: its target may be down, or no voter.
const TRANSFER_ATTEMPTS: u32 = 10;

/// Asks until the members are so. Only to remove may be refused: somebody has to be left.
pub(crate) async fn change_members(
    client: Client,
    oracle: Oracle,
    request: ChangeMembersRequest,
) -> Result<(), String> {
    loop {
        match client.change_members(request.clone()).await {
            Ok(answer) if answer.done => {
                oracle.note(What::Changed(format!("done: {}", in_words(&request))));
                return Ok(());
            }
            Err(error) if error.code == Code::InvalidArgument => {
                let outcome = format!("refused: {}: {}", in_words(&request), error.message);
                oracle.note(What::Changed(outcome.clone()));
                return if request.add.is_empty() { Ok(()) } else { Err(outcome) };
            }
            Ok(_) | Err(_) => sleep(PAUSE).await,
        }
    }
}

fn in_words(ChangeMembersRequest { add, remove, .. }: &ChangeMembersRequest) -> String {
    let add: Vec<u64> = add.iter().map(|new| new.id).collect();
    format!("add {add:?}, remove {remove:?}")
}

/// Asks for another leader, some times.
pub(crate) async fn transfer(client: Client, to: u64) {
    for _ in 0..TRANSFER_ATTEMPTS {
        match client.transfer(to).await {
            Ok(answer) if answer.done => return,
            _ => sleep(PAUSE).await,
        }
    }
}
