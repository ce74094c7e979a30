//! `conclave snapshot status`.

use std::path::PathBuf;

use indicatif::HumanBytes;
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::file::{cluster, hex, verify};
use crate::storage::Summary;

const EXAMPLES: &str = "\
EXAMPLES
  conclave snapshot status monday.backup
  conclave snapshot status monday.backup --json";

/// Verify a backup, and show what it holds
///
/// All of it is read: it is sound if this says what it holds.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(&self) -> anyhow::Result<String> {
        let summary = verify(&self.file)?;
        Ok(if self.json { format!("{:#}\n", as_json(&summary)) } else { as_text(&summary) })
    }
}

fn taken_at(summary: &Summary) -> String {
    let nanoseconds = i128::from(summary.about.taken_unix_ms) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| "at an impossible time".to_owned())
}

fn as_text(summary: &Summary) -> String {
    let about = &summary.about;
    let members: Vec<String> =
        about.members.addresses.iter().map(|(id, address)| format!("{id}={address}")).collect();
    let lines = [
        ("cluster", cluster(summary)),
        ("taken", format!("{} by node {}", taken_at(summary), about.node)),
        ("entries", format!("up to {} of term {}", about.applied.index, about.applied.term)),
        ("revision", format!("{}, compacted before {}", about.revision, about.compacted_revision)),
        ("keys", summary.keys.to_string()),
        ("past", format!("{} writes and deletions", summary.events)),
        ("sessions", summary.sessions.to_string()),
        ("members", members.join(", ")),
        ("state", format!("{} in {} records", HumanBytes(summary.state_bytes), summary.records)),
        ("file", format!("{}, sha256 {}", HumanBytes(summary.file_bytes), hex(&summary.sha256))),
    ];
    lines.map(|(name, value)| format!("{name:<10}{value}\n")).concat()
}

fn as_json(summary: &Summary) -> serde_json::Value {
    let about = &summary.about;
    json!({
        "cluster": about.cluster,
        "cluster_id": format!("{:016x}", about.members.cluster),
        "node": about.node,
        "taken": taken_at(summary),
        "applied_index": about.applied.index,
        "applied_term": about.applied.term,
        "revision": about.revision,
        "compacted_revision": about.compacted_revision,
        "keys": summary.keys,
        "events": summary.events,
        "sessions": summary.sessions,
        "records": summary.records,
        "members": about.members.addresses,
        "state_bytes": summary.state_bytes,
        "state_hash": summary.state_hash,
        "file_bytes": summary.file_bytes,
        "sha256": hex(&summary.sha256),
    })
}
