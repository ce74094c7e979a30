//! What can go wrong with a disk: each message says what to do.

use std::io;

use crate::kv;

/// A failure of storage. All are fatal to the node: nothing is served from a disk that failed or lied.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The data directory cannot be used.
    #[error("cannot use the data directory {directory}: {reason}")]
    Directory {
        /// Which.
        directory: String,
        /// Why, as the operating system says.
        reason: io::Error,
    },
    /// The operating system does not let this user in.
    #[error("no permission: {what}")]
    Denied {
        /// Where, whose it is, and who may.
        what: String,
    },
    /// No node keeps its data there.
    #[error(
        "there is no data directory here: {directory} has neither {} nor {}{elsewhere}",
        super::LOG_FILE,
        super::STATE_FILE
    )]
    NoData {
        /// Which was looked into.
        directory: String,
        /// Where there is one, in words.
        elsewhere: String,
    },
    /// Another process holds the data directory.
    #[error(
        "the data directory {directory} is in use by another process: stop that one, or name another --data-dir"
    )]
    Locked {
        /// Which.
        directory: String,
    },
    /// A file cannot be opened.
    #[error("cannot open {file}: {reason}")]
    Open {
        /// Which.
        file: &'static str,
        /// Why.
        reason: String,
    },
    /// The disk failed while it was in use.
    #[error("the disk failed under {file}: {reason}; the node stops, check the disk before it starts again")]
    Disk {
        /// Which file.
        file: &'static str,
        /// How.
        reason: String,
    },
    /// A record is not what was written.
    #[error("{file} is corrupt: {what}; {}", WAY_OUT)]
    Corrupt {
        /// Where.
        file: &'static str,
        /// Which record, and what is wrong with it.
        what: String,
    },
    /// The data directory belongs to somebody else.
    #[error(
        "the data directory belongs to node {found_node} of cluster {found_cluster:?}, not to node {node} of cluster \
         {cluster:?}: start the right node, or name another --data-dir"
    )]
    WrongIdentity {
        /// The node that was started.
        node: u64,
        /// Its cluster.
        cluster: String,
        /// The owner.
        found_node: u64,
        /// The owner's cluster.
        found_cluster: String,
    },
    /// A restore was begun there, and has not ended.
    #[error(
        "a restore into this --data-dir has not ended ({} is in it): give 'conclave snapshot restore' again, or, to begin an empty node, \
         take away {0} and what lies beside it",
        super::RESTORE_PART
    )]
    HalfRestored,
    /// What this node promised or stored is gone: it must not vote again.
    #[error("{what}: this node has lost what it promised the others; {}", WAY_OUT)]
    Lost {
        /// What is not there, and how that is known.
        what: String,
    },
    /// A file bears the name of the other one.
    #[error("{file} holds what {found} should: put both files back under their own names")]
    WrongFile {
        /// The name.
        file: &'static str,
        /// Whose contents these are.
        found: &'static str,
    },
    /// The log holds what this program does not know.
    #[error("cannot apply the log: {what}")]
    Unknown {
        /// Which entry, and what to do.
        what: String,
    },
    /// The files were written by a program that this one does not know.
    #[error("{file} has format {found}, this program knows {known}: use the program that wrote it")]
    Format {
        /// Which file.
        file: &'static str,
        /// Its format.
        found: u64,
        /// Ours.
        known: u64,
    },
}

/// What to do about a node whose disk is damaged, old or gone.
const WAY_OUT: &str = "leave it down, the others hold the data (never start it with an empty --data-dir under its old \
                       --id), and put a new one in its place: conclave member replace OLD NEW=HOST:PORT, and there \
                       conclave node --join --id NEW with an empty --data-dir";

impl From<kv::Error<StorageError>> for StorageError {
    fn from(error: kv::Error<StorageError>) -> Self {
        match error {
            kv::Error::Store(error) => error,
            kv::Error::Corrupt { table, what } => StorageError::Corrupt {
                file: super::STATE_FILE,
                what: format!("a record of table {table:?}: {what}"),
            },
        }
    }
}
