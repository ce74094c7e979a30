//! `conclave del`.

use std::ffi::OsString;

use super::get::Keys;
use crate::client::{Client, DeleteOptions};

const EXAMPLES: &str = "\
EXAMPLES
  conclave del greeting
  conclave del user/ --prefix              every key that begins with user/
  conclave del user/a --range-end user/m   from user/a up to, without, user/m";

/// Delete a key, a range of keys, or all keys with a prefix
///
/// Prints how many keys there were to delete.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The key, or the first key of a range
    key: OsString,
    /// Delete every key that begins with KEY (an empty KEY deletes all)
    #[arg(long, conflicts_with = "range_end")]
    prefix: bool,
    /// Delete the keys from KEY on, up to but without this one
    #[arg(long, value_name = "KEY")]
    range_end: Option<OsString>,
}

impl Args {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<String> {
        let Keys { first, end } = Keys::named(&self.key, self.prefix, self.range_end.as_ref())?;
        let options = DeleteOptions { range_end: end, ..DeleteOptions::default() };
        let answer = client.delete(first, options).await?;
        let revision = answer.header.unwrap_or_default().revision;
        Ok(format!("deleted {}, revision {revision}\n", answer.deleted))
    }
}
