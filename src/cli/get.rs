//! `conclave get`.

use std::ffi::OsString;

use anyhow::bail;
use bytes::Bytes;
use serde_json::json;

use super::{escape::escape, usage::UsageError};
use crate::{
    client::{self, Client, GetOptions},
    wire::pb::{etcdserverpb::RangeResponse, mvccpb::KeyValue},
};

const EXAMPLES: &str = "\
EXAMPLES
  conclave get greeting
  conclave get user/ --prefix --limit 10   the first ten keys that begin with user/
  conclave get user/ --prefix --count-only
  conclave get user/a --range-end user/m   from user/a up to, without, user/m
  conclave get greeting --rev 42           as it was at revision 42
  conclave get '' --prefix --json          everything";

/// Read a key, a range of keys, or all keys with a prefix
///
/// Prints one pair a line: key, tab, value. What is not printable is escaped as in a string literal (\n, \xff, \\).
/// That a single key does not exist is an error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The key, or the first key of a range
    key: OsString,
    /// Read every key that begins with KEY (an empty KEY reads all)
    #[arg(long, conflicts_with = "range_end")]
    prefix: bool,
    /// Read the keys from KEY on, up to but without this one
    #[arg(long, value_name = "KEY")]
    range_end: Option<OsString>,
    /// Print no more pairs than this
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,
    /// Read the store as it was at this revision
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    rev: Option<i64>,
    /// Print the keys without their values
    #[arg(long, conflicts_with = "count_only")]
    keys_only: bool,
    /// Print only how many keys there are
    #[arg(long)]
    count_only: bool,
    /// Let any node answer from what it has: fast, but possibly stale
    #[arg(long)]
    serializable: bool,
    /// Print JSON, revisions included
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<String> {
        let Keys { first, end } = Keys::named(&self.key, self.prefix, self.range_end.as_ref())?;
        let options = GetOptions {
            range_end: end,
            limit: self.limit.unwrap_or(0),
            revision: self.rev.unwrap_or(0),
            keys_only: self.keys_only,
            count_only: self.count_only,
            serializable: self.serializable,
            ..GetOptions::default()
        };
        let answer = client.get(first, options).await?;
        if self.json {
            return Ok(format!("{:#}\n", as_json(&answer)));
        }
        if self.count_only {
            return Ok(format!("{}\n", answer.count));
        }
        let single = !self.prefix && self.range_end.is_none();
        if single && answer.kvs.is_empty() {
            bail!("no such key: '{}'", escape(self.key.as_encoded_bytes()));
        }
        Ok(answer.kvs.iter().map(|pair| self.line(pair)).collect())
    }

    fn line(&self, pair: &KeyValue) -> String {
        let key = escape(&pair.key);
        if self.keys_only { format!("{key}\n") } else { format!("{key}\t{}\n", escape(&pair.value)) }
    }
}

/// The keys of a request, as the etcd API names them.
pub(super) struct Keys {
    pub(super) first: Bytes,
    /// Exclusive; empty if it is the first key alone.
    pub(super) end: Bytes,
}

impl Keys {
    /// The keys that a KEY argument and its options name.
    ///
    /// # Errors
    /// The end is empty: to the server that would mean the first key alone, and not that no key comes before it.
    pub(super) fn named(
        key: &OsString,
        prefix: bool,
        range_end: Option<&OsString>,
    ) -> Result<Self, UsageError> {
        let first = Bytes::copy_from_slice(key.as_encoded_bytes());
        Ok(match range_end {
            Some(end) if end.is_empty() => {
                return Err(UsageError(
                    "--range-end is empty: give the first key after the range, or leave it out for KEY alone"
                        .to_owned(),
                ));
            }
            Some(end) => Self { first, end: Bytes::copy_from_slice(end.as_encoded_bytes()) },
            None if prefix && first.is_empty() => {
                Self { first: SMALLEST_KEY, end: client::prefix_range_end(b"") }
            }
            None if prefix => Self { end: client::prefix_range_end(&first), first },
            None => Self { first, end: Bytes::new() },
        })
    }
}

/// No key sorts before it, and unlike the empty one it is a key.
const SMALLEST_KEY: Bytes = Bytes::from_static(&[0]);

fn as_json(answer: &RangeResponse) -> serde_json::Value {
    let pairs: Vec<_> = answer.kvs.iter().map(pair_as_json).collect();
    json!({
        "revision": answer.header.unwrap_or_default().revision,
        "count": answer.count,
        "more": answer.more,
        "pairs": pairs,
    })
}

fn pair_as_json(pair: &KeyValue) -> serde_json::Value {
    json!({
        "key": escape(&pair.key),
        "value": escape(&pair.value),
        "create_revision": pair.create_revision,
        "mod_revision": pair.mod_revision,
        "version": pair.version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_end_does_not_stand_for_the_first_key() {
        let named = |prefix, end: Option<&str>| {
            let keys = Keys::named(&"user/a".into(), prefix, end.map(OsString::from).as_ref());
            keys.map(|keys| (keys.first, keys.end)).map_err(|error| error.to_string())
        };
        let error = named(false, Some("")).expect_err("it is empty");
        assert!(error.starts_with("--range-end is empty") && !error.contains('\n'), "{error}");
        let first = Bytes::from("user/a");
        assert_eq!(named(false, Some("user/m")), Ok((first.clone(), "user/m".into())));
        assert_eq!(named(false, None), Ok((first.clone(), Bytes::new())));
        assert_eq!(named(true, None), Ok((first, "user/b".into())));
    }
}
