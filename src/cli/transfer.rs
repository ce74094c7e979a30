//! `conclave transfer`.

use std::time::Duration;

use anyhow::bail;

use super::{member::POLL_INTERVAL, status};
use crate::client::{Client, is_passing};

const EXAMPLES: &str = "\
EXAMPLES
  conclave transfer              to whoever is most up to date
  conclave transfer --to 3

A voter of a higher --priority takes the lead back, as soon as it is up to date.";

/// What a request names where it names no node.
const NOBODY: u64 = 0;

/// A handover takes a few milliseconds, or an election timeout when it fails and is tried again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hand leadership over to another node
///
/// Clients notice nothing but a few milliseconds. A node that is told to stop (SIGTERM) does this by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The node that is to lead; without it, whoever is most up to date
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
}

impl Args {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<String> {
        let began = tokio::time::Instant::now();
        let mut to = self.to.unwrap_or(NOBODY);
        let mut from = NOBODY;
        let mut note = String::new();
        while began.elapsed() < PATIENCE {
            // If the answer is lost it is asked again: not whoever leads by then.
            if to == NOBODY && from == NOBODY {
                from =
                    client.status().await.ok().and_then(|status| status::leader(&status)).unwrap_or(NOBODY);
            }
            match client.transfer(from, to).await {
                Ok(answer) if answer.done => return Ok(format!("node {} leads{note}\n", answer.to)),
                // Whoever was chosen stays chosen.
                Ok(answer) => {
                    to = answer.to;
                    if !answer.note.is_empty() {
                        note = format!("; {}", answer.note);
                    }
                }
                Err(error) if is_passing(error.code) => {}
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let leader = status::leader(&client.status().await?);
        if let Some(leader) = leader
            && is_done(self.to, from, leader)
        {
            return Ok(format!("node {leader} leads{note}\n"));
        }
        let Some(leader) = leader else {
            bail!(
                "nobody leads: there is no leadership to hand over within {PATIENCE:?}; 'conclave status' shows who answers"
            );
        };
        if to == NOBODY {
            bail!(
                "nobody took over from node {leader} within {PATIENCE:?}{note}: is another voter up to date?"
            );
        }
        bail!(
            "node {to} did not take over within {PATIENCE:?}, node {leader} leads{note}: is node {to} up to date, and of a priority not below the others'?"
        )
    }
}

/// Whether the node leads that is wanted, or another than the one that led before, though no answer has said so: each may have been lost.
fn is_done(wanted: Option<u64>, from: u64, leader: u64) -> bool {
    wanted.map_or(from != NOBODY && leader != from, |wanted| leader == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::options;

    #[test]
    fn who_leads_in_the_end_counts_where_the_answers_were_lost() {
        assert_eq!([2, 3].map(|leader| is_done(Some(3), 1, leader)), [false, true]);
        assert_eq!([1, 2].map(|leader| is_done(None, 1, leader)), [false, true]);
        assert!(!is_done(None, NOBODY, 2), "it may have led before");
    }

    #[test]
    fn nobody_is_no_target() {
        let to = |line| options::<Args>(line).map(|args| args.to);
        assert_eq!(to("").expect("whoever is most up to date"), None);
        assert_eq!(to("--to 3").expect("node 3"), Some(3));
        assert!(to("--to 0").is_err());
    }
}
