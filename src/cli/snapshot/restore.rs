//! `conclave snapshot restore`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use super::{
    super::{
        daemon::check_cluster_name,
        directory::verify::failed,
        node::{Peer, unique_peers},
        usage::UsageError,
    },
    file::{keys, open, sync_directory, verify},
};
use crate::storage::{self, BackupError, FileDisk, Identity, LOG_FILE, Restoration, STATE_FILE, Summary};

const EXAMPLES: &str = "\
EXAMPLES, on each of three machines, with its own --id
  sudo -u conclave conclave snapshot restore monday.backup --id 1 \\
    --peers 1=host-1:23801,2=host-2:23801,3=host-3:23801 --data-dir /var/lib/conclave/node

The user is the one as whom the node runs: the directory is his, and he must be able to read the
file. The directory is the one that the node is started with. Another one would be empty, and nodes
that start with empty directories found an empty cluster.

Then start each node with the same --id, --peers, --cluster and --data-dir. The new cluster has an
id of its own: nodes and proxies of the old one are refused. Restore each of its nodes once. A node
that lost its disk later is replaced ('conclave member replace'): restored again it would have
forgotten what it acknowledged.";

/// Where the log is made, in the data directory.
const PART: &str = "restore.part";
const LOCK: &str = "LOCK";
/// What may be in a directory that is empty: the file by which a process holds it, and what an ext4 volume has in its root.
const NO_DATA: [&str; 2] = [LOCK, "lost+found"];

/// Make the data directory of one node of a new cluster
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The backup; it is verified first
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Number of the node
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    /// All members of the new cluster, this node included, as the others reach them. The same for each of them
    #[arg(long, value_name = "N=HOST:PORT,...", value_delimiter = ',', required = true)]
    peers: Vec<Peer>,
    /// Where the node will keep its data: empty, or not there yet
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Name of the new cluster [default: that of the old one]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

impl Args {
    pub(super) fn run(&self) -> anyhow::Result<String> {
        let members = unique_peers(&self.peers)?;
        if !members.contains_key(&self.id) {
            return Err(UsageError(format!("node {} is missing from --peers", self.id)).into());
        }
        self.cluster.as_deref().map(check_cluster_name).transpose()?;
        let summary = verify(&self.file)?;
        let cluster = self.cluster.clone().unwrap_or_else(|| summary.about.cluster.clone());
        let restoration = Restoration {
            identity: Identity { cluster, node: self.id },
            members: members.into_iter().map(|(id, address)| (id, address.to_string())).collect(),
            incarnation: rand::random_range(1..=u64::MAX),
        };
        let is_new = check_empty(&self.data_dir)?;
        let disk = FileDisk::open(&self.data_dir)?;
        // Another restore may have been faster.
        check_empty(&self.data_dir)?;
        match self.restore(&disk, &summary, &restoration) {
            Ok(()) => Ok(line(&summary, &restoration)),
            Err(error) => {
                clear(&self.data_dir, is_new);
                Err(error)
            }
        }
    }

    /// The log goes to its place last: without it no node starts from the state.
    fn restore(&self, disk: &FileDisk, summary: &Summary, restoration: &Restoration) -> anyhow::Result<()> {
        let part = self.data_dir.join(PART);
        storage::restore(disk, &FileDisk::open(&part)?, open(&self.file)?, summary, restoration)
            .map_err(|error| self.explain(error))?;
        fs::rename(part.join(LOG_FILE), self.data_dir.join(LOG_FILE))
            .and_then(|()| fs::remove_dir_all(&part))
            .and_then(|()| sync_directory(&self.data_dir))
            .with_context(|| format!("cannot finish {}", self.data_dir.display()))
    }

    /// What is wrong with the backup, or with the disk on which the node is made.
    fn explain(&self, error: BackupError) -> anyhow::Error {
        match error {
            BackupError::Storage(error) => failed(error, &self.data_dir)
                .context("the restore broke off, and what it had made was taken away again"),
            error => anyhow::Error::from(error).context(self.file.display().to_string()),
        }
    }
}

fn line(summary: &Summary, restoration: &Restoration) -> String {
    format!(
        "node {} of cluster {} (id {:016x}): {} at revision {}; restore the other {} from the same file with the same --peers, then start them\n",
        restoration.identity.node,
        restoration.identity.cluster,
        restoration.cluster(summary),
        keys(summary.keys),
        summary.about.revision,
        restoration.members.len() - 1,
    )
}

/// Refuses a directory in which something is. Returns whether it is not there yet.
fn check_empty(directory: &Path) -> anyhow::Result<bool> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => bail!("--data-dir {}: {error}", directory.display()),
    };
    for entry in entries {
        let name = entry.with_context(|| directory.display().to_string())?.file_name();
        if !NO_DATA.iter().any(|known| name == *known) {
            bail!(
                "--data-dir {} is not empty, {} is in it: a restore makes a new node, name another directory",
                directory.display(),
                name.display()
            );
        }
    }
    Ok(false)
}

/// Takes away what a restore that failed has made. From what cannot be taken away no node starts.
fn clear(directory: &Path, is_new: bool) {
    let _ = fs::remove_dir_all(directory.join(PART));
    for file in [LOG_FILE, STATE_FILE, LOCK] {
        let _ = fs::remove_file(directory.join(file));
    }
    if is_new {
        let _ = fs::remove_dir(directory);
    }
}
