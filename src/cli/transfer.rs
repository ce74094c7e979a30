//! `conclave transfer`.

use std::time::Duration;

use anyhow::bail;
use tonic::Code;

use super::{member::POLL_INTERVAL, status};
use crate::client::Client;

const EXAMPLES: &str = "\
EXAMPLES
  conclave transfer              to whoever is most up to date
  conclave transfer --to 3

A voter of a higher --priority takes the lead back, as soon as it is up to date.";

/// A handover takes a few milliseconds, or an election timeout when it fails and is tried again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hand leadership over to another node
///
/// Clients notice nothing but a few milliseconds. A node that is told to stop (SIGTERM) does this by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The node that is to lead
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    to: u64,
}

impl Args {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<String> {
        let began = tokio::time::Instant::now();
        let mut to = self.to;
        while began.elapsed() < PATIENCE {
            match client.transfer(to).await {
                Ok(answer) if answer.done => return Ok(format!("node {} leads\n", answer.to)),
                // Whoever was chosen stays chosen.
                Ok(answer) => to = answer.to,
                Err(error) if error.code == Code::Unavailable => {}
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let leader = status::leader(&client.status().await?);
        let leader = leader.map_or("nobody leads".to_owned(), |leader| format!("node {leader} leads"));
        bail!(
            "node {to} did not take over within {PATIENCE:?}, {leader}: is node {to} up to date, and of a priority not below the others'?"
        )
    }
}
