//! What the commands for directories share: all of one is read, and a disk may fail under them.

use std::path::Path;

use anyhow::{anyhow, bail};

use crate::{
    storage::{self, Checkup, ReadOnlyDisk, StorageError},
    wire,
};

/// All that can be found: storage does not know what is in a command.
pub(super) fn check(disk: &ReadOnlyDisk) -> Checkup {
    let mut checkup = storage::check(disk);
    let unreadable = |(index, command)| {
        let what = wire::kv::decode_command(command).err()?;
        Some(format!("{}: entry {index}: {what}", storage::LOG_FILE))
    };
    let findings: Vec<String> = checkup.commands().filter_map(unreadable).collect();
    checkup.findings.extend(findings);
    checkup
}

/// What is in a directory without damage.
pub(in crate::cli) fn sound(disk: &ReadOnlyDisk, directory: &Path) -> anyhow::Result<Checkup> {
    let checkup = check(disk);
    if let Some(finding) = checkup.findings.first() {
        let directory = directory.display();
        bail!("{directory} is damaged: {finding}; nothing was changed, see 'conclave check {directory}'");
    }
    Ok(checkup)
}

/// A disk failed under a command: no node runs, and none stops.
pub(in crate::cli) fn failed(error: StorageError, directory: &Path) -> anyhow::Error {
    match error {
        StorageError::Disk { file, reason } => {
            anyhow!("cannot write {}: {reason}", directory.join(file).display())
        }
        other => other.into(),
    }
}
