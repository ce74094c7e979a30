//! Backups as files.

use std::{
    fs::File,
    io::{BufReader, Write},
    path::Path,
};

use anyhow::Context;

use crate::storage::{BackupReader, Summary, forget_clean_pages};

/// The file is read in pieces of this.
const BUFFER_BYTES: usize = 1 << 20;

/// Opens a backup, to be read from the disk. What is no file on one has nothing to forget.
pub(super) fn open(path: &Path) -> anyhow::Result<BackupReader<BufReader<File>>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let _ = forget_clean_pages(&file);
    let backup = BackupReader::open(BufReader::with_capacity(BUFFER_BYTES, file));
    backup.with_context(|| path.display().to_string())
}

/// Reads all of a backup.
pub(super) fn verify(path: &Path) -> anyhow::Result<Summary> {
    open(path)?.finish().with_context(|| path.display().to_string())
}

/// The cluster that a backup is of.
pub(super) fn cluster(summary: &Summary) -> String {
    format!("{} (id {:016x})", summary.about.cluster, summary.about.members.cluster)
}

/// A number of keys, as it is said.
pub(super) fn keys(count: u64) -> String {
    if count == 1 { "1 key".to_owned() } else { format!("{count} keys") }
}

/// A hash as `sha256sum` shows it.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes all of it, or says to which file it could not.
pub(super) fn write(file: &mut File, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    file.write_all(bytes).with_context(|| format!("cannot write {}", path.display()))
}
