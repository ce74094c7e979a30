//! What is wrong with a backup.

use std::io;

use super::super::StorageError;

/// A backup cannot be used, or not where it is wanted.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is something else.
    #[error("it is no backup of conclave: its first bytes are not those of one")]
    Foreign,
    /// It was written by a program that this one does not know.
    #[error("the backup has format {found}, this program knows {known}: use the program that wrote it")]
    Format {
        /// Its format.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// It is not what was written.
    #[error("the backup is damaged: {what}; nothing of it can be trusted, use another one")]
    Damaged {
        /// Where, and how that is known.
        what: String,
    },
    /// It cannot be read.
    #[error("the backup cannot be read: {0}")]
    Read(io::Error),
    /// Its state cannot be written to a data directory.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl BackupError {
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}
