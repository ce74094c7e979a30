//! `conclave snapshot`: backups.

mod file;
mod offline;
mod restore;
mod save;
mod status;

/// Take a backup of a cluster, look at one, and make a new cluster of one
///
/// A backup is one file, which verifies itself. 'etcdctl snapshot save' gets the same file.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Args {
    /// Save everything that the cluster holds to a file, while it goes on; or what one stopped node holds
    Save(save::Args),
    /// Verify a backup, and show what it holds
    Status(status::Args),
    /// Make the data directory of one node of a new cluster
    Restore(restore::Args),
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<String> {
        match self {
            Self::Save(args) => args.run().await,
            Self::Status(args) => args.run(),
            Self::Restore(args) => args.run(),
        }
    }
}
