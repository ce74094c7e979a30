//! `conclave compact`.

use crate::client::Client;

const EXAMPLES: &str = "\
EXAMPLES
  conclave compact 1000      nothing before revision 1000 can be read from then on

The revision of now is shown by 'conclave status'. A node can do it by itself: see
--auto-compaction-retention in 'conclave node --help'.";

/// Give up the past before a revision
///
/// What was overwritten or deleted before it is forgotten, and its space used again. What keys hold now stays.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The oldest revision that can be read from then on
    #[arg(value_name = "REVISION")]
    revision: i64,
}

impl Args {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<String> {
        client.compact(self.revision).await?;
        Ok(format!("compacted revision {}\n", self.revision))
    }
}
