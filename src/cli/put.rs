//! `conclave put`.

use std::ffi::OsString;

use crate::client::{Client, PutOptions};

const EXAMPLES: &str = "\
EXAMPLES
  conclave put greeting hello
  conclave put greeting 'hello, world'
  conclave put -- -key- -value-      after '--' nothing is taken for an option";

/// Store a value under a key
///
/// Prints the revision of the store that the write made. When it returns without an error, the pair is on the disks of
/// a majority of the nodes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The key
    key: OsString,
    /// The value
    #[arg(allow_negative_numbers = true)]
    value: OsString,
}

impl Args {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<String> {
        let [key, value] = [&self.key, &self.value].map(|word| word.clone().into_encoded_bytes());
        let answer = client.put(key, value, PutOptions::default()).await?;
        let revision = answer.header.unwrap_or_default().revision;
        Ok(format!("ok, revision {revision}\n"))
    }
}
