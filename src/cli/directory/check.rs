//! `conclave check`.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use super::{
    super::output::{describe, fail, print},
    verify::check,
};
use crate::storage::{Checkup, ReadOnlyDisk};

const EXAMPLES: &str = "\
EXAMPLES
  sudo -u conclave conclave check /var/lib/conclave/node
  sudo -u conclave conclave check /var/lib/conclave/node --json

The node must be stopped. Nothing is changed: what a node would write while it opens its files
stays in memory. All of the state is read; the log is held in memory, as a node holds it. Exit code
0: sound; 1: damaged, with a line for each finding; 2: not checked, for there is no data directory,
a node uses it, or this user may not read it.";

/// Exit code of a directory that is damaged.
const DAMAGED: u8 = 1;
/// Exit code when nobody knows.
const NOT_CHECKED: u8 = 2;

/// Verify a stopped node's data directory
///
/// Checksums of all blocks that hold anything, every record, and whether log and state fit together.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The node's --data-dir
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(in crate::cli) fn run(&self) -> ExitCode {
        let checkup = match ReadOnlyDisk::open(&self.directory) {
            Ok(disk) => check(&disk),
            Err(error) => return fail(NOT_CHECKED, &describe(&error.into())),
        };
        let found = if self.json { format!("{:#}\n", as_json(&checkup)) } else { as_text(&checkup) };
        if let Err(error) = print(&found) {
            return fail(NOT_CHECKED, &describe(&error));
        }
        if checkup.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) }
    }
}

fn whose(checkup: &Checkup) -> String {
    match &checkup.identity {
        Some(identity) => format!("node {} of cluster {}", identity.node, identity.cluster),
        None => "nobody's".to_owned(),
    }
}

fn as_text(checkup: &Checkup) -> String {
    if !checkup.findings.is_empty() {
        return checkup.findings.iter().map(|finding| format!("damaged: {finding}\n")).collect();
    }
    let log = checkup.log.as_ref().map_or(String::new(), |log| {
        let (entries, last) = (log.entries.len(), checkup.last());
        format!("term {}, last entry {last}, {entries} entries after {}", log.vote.term, log.compacted)
    });
    let state = checkup.state.as_ref().map_or(String::new(), |state| {
        format!("state up to {}@{}, revision {}", state.applied_index, state.applied_term, state.revision)
    });
    format!("sound: {}: {log}; {state}, {} records\n", whose(checkup), checkup.records)
}

fn as_json(checkup: &Checkup) -> serde_json::Value {
    let (log, state) = (checkup.log.as_ref(), checkup.state.as_ref());
    json!({
        "sound": checkup.findings.is_empty(),
        "findings": checkup.findings,
        "node": checkup.identity.as_ref().map(|identity| identity.node),
        "cluster": checkup.identity.as_ref().map(|identity| &identity.cluster),
        "term": log.map(|log| log.vote.term),
        "compacted_index": log.map(|log| log.compacted.index),
        "last_term": checkup.last().term,
        "last_index": checkup.last().index,
        "applied_index": state.map(|state| state.applied_index),
        "revision": state.map(|state| state.revision),
        "compacted_revision": state.map(|state| state.compacted_revision),
        "state_hash": state.map(|state| state.state_hash()),
        "records": checkup.records,
    })
}
