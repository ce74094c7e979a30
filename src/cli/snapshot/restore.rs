//! `conclave snapshot restore`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use super::{
    super::{
        address::Address,
        daemon::check_cluster_name,
        directory::verify::failed,
        node::{Peer, unique_peers},
        usage::UsageError,
    },
    file::{keys, open, verify},
};
use crate::storage::{
    self, BackupError, FileDisk, Identity, LOG_FILE, RESTORE_PART, Restoration, STATE_FILE, Summary,
    sync_directory,
};

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

/// What may be in a directory that is empty: the file by which a process holds it, what an ext4 volume has in its root, and what says that
/// a restore has not ended.
const NO_DATA: [&str; 3] = ["LOCK", "lost+found", RESTORE_PART];

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
        check_empty(&self.data_dir)?;
        let disk = FileDisk::open(&self.data_dir)?;
        // Another restore may have been faster.
        check_empty(&self.data_dir)?;
        // Whatever becomes of this one, from here on no node begins there before a restore has ended.
        let part = self.data_dir.join(RESTORE_PART);
        let part_disk = FileDisk::open(&part)?;
        clear(&self.data_dir).with_context(|| format!("cannot empty {}", self.data_dir.display()))?;
        let line = self.restore(&disk, &part_disk, members).inspect_err(|_| drop(clear(&self.data_dir)))?;
        fs::remove_dir_all(&part).and_then(|()| sync_directory(&self.data_dir)).with_context(|| {
            format!("all of the backup is in its place, but {} cannot be taken away", part.display())
        })?;
        Ok(line)
    }

    /// The log goes to its place last: without it no node starts from the state.
    fn restore(
        &self,
        disk: &FileDisk,
        part_disk: &FileDisk,
        members: BTreeMap<u64, Address>,
    ) -> anyhow::Result<String> {
        let summary = verify(&self.file)?;
        let cluster = self.cluster.clone().unwrap_or_else(|| summary.about.cluster.clone());
        let restoration = Restoration {
            identity: Identity { cluster, node: self.id },
            members: members.into_iter().map(|(id, address)| (id, address.to_string())).collect(),
            incarnation: rand::random_range(1..=u64::MAX),
        };
        storage::restore(disk, part_disk, open(&self.file)?, &summary, &restoration)
            .map_err(|error| self.explain(error))?;
        fs::rename(self.data_dir.join(RESTORE_PART).join(LOG_FILE), self.data_dir.join(LOG_FILE))
            .and_then(|()| sync_directory(&self.data_dir))
            .with_context(|| format!("cannot finish {}", self.data_dir.display()))?;
        Ok(line(&summary, &restoration))
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

/// Refuses a directory in which something is, but for what a restore has left there that has not ended.
fn check_empty(directory: &Path) -> anyhow::Result<()> {
    let names: io::Result<Vec<_>> = match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => bail!("--data-dir {}: {error}", directory.display()),
    };
    let names = names.with_context(|| directory.display().to_string())?;
    let is_half_restored = names.iter().any(|name| name == RESTORE_PART);
    let is_data =
        |name: &&_| !(NO_DATA.iter().any(|known| *name == *known) || is_half_restored && *name == STATE_FILE);
    if let Some(name) = names.iter().find(is_data) {
        bail!(
            "--data-dir {} is not empty, {} is in it: a restore makes a new node, name another directory",
            directory.display(),
            name.display()
        );
    }
    Ok(())
}

/// Takes away what a restore has made that did not end, but not what says so.
fn clear(directory: &Path) -> io::Result<()> {
    let log_in_part = directory.join(RESTORE_PART).join(LOG_FILE);
    for file in [directory.join(LOG_FILE), log_in_part, directory.join(STATE_FILE)] {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        cli::testing::options,
        kv::{Applier, Command, Operation, Put},
        raft::Configuration,
        storage::{BackupWriter, Founding, MemoryDisk, Opened, StorageError, encode_members, open},
    };

    fn write_backup(path: &Path) {
        let founding = founding();
        let Opened { state, .. } =
            open(&MemoryDisk::default(), &founding).unwrap_or_else(|error| panic!("{error}"));
        let mut tables = state.tables();
        let mut applier = Applier::begin(&mut tables).expect("the disk works");
        applier.set_members((1, 1), &encode_members(&founding.bootstrap)).expect("the disk works");
        let put = Put { key: b"k".to_vec(), value: vec![7; 100], ..Put::default() };
        let command = Command { timestamp_ms: 1, stamp: None, operation: Operation::Put(put) };
        applier.apply((1, 2), &command).expect("the disk works");
        applier.finish().expect("the disk works");
        tables.finish().expect("the disk works");
        let view = Arc::new(state.reader().view().expect("the disk works"));
        let mut writer = BackupWriter::new(view, "a", 1, 1234);
        let mut bytes = Vec::new();
        while let Some(piece) = writer.next(1000).expect("the disk works") {
            bytes.extend_from_slice(&piece);
        }
        fs::write(path, bytes).expect("it can be written");
    }

    fn founding() -> Founding {
        let identity = Identity { cluster: "a".to_owned(), node: 1 };
        Founding { identity, bootstrap: Configuration::of([1]), incarnation: 5 }
    }

    /// As automation does, whatever there is.
    fn start_node(directory: &Path) -> Result<Opened, StorageError> {
        open(&FileDisk::open(directory)?, &founding())
    }

    fn restore(file: &Path, directory: &Path) -> Result<String, String> {
        let (file, directory) = (file.display(), directory.display());
        let line = format!("{file} --id 1 --peers 1=a:1 --data-dir {directory}");
        options::<Args>(&line).expect("good arguments").run().map_err(|error| format!("{error:#}"))
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("readable"));
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().into_string().expect("a plain name")).collect();
        names.sort();
        names
    }

    #[test]
    fn where_a_restore_has_not_ended_no_node_begins_and_another_restore_ends_it() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let (file, directory) = (scratch.path().join("backup"), scratch.path().join("data/node"));
        let refuses = |what: &str| {
            let error = start_node(&directory).map(drop).expect_err(what).to_string();
            assert!(error.contains("has not ended (restore.part is in it): give 'conclave snap"), "{error}");
            assert!(error.contains("take away restore.part and what"), "{error}");
        };
        let error = restore(&file, &directory).expect_err("there is no such backup");
        assert!(error.contains("No such file"), "{error}");
        assert_eq!(names(&directory), ["LOCK", "restore.part"]);
        refuses("one that failed at once");
        write_backup(&file);
        let whole = fs::read(&file).expect("it is there");
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        fs::write(&file, damaged).expect("it can be written");
        restore(&file, &directory).expect_err("it is damaged");
        assert_eq!(names(&directory), ["LOCK", "restore.part"]);
        refuses("one that failed");
        fs::write(directory.join(STATE_FILE), "half").expect("it can be written");
        fs::write(directory.join(RESTORE_PART).join(LOG_FILE), "half").expect("it can be written");
        refuses("one that was killed");
        fs::write(&file, whole).expect("it can be written");
        let line = restore(&file, &directory).expect("it is sound");
        assert!(line.starts_with("node 1 of cluster a "), "{line}");
        assert_eq!(names(&directory), ["LOCK", LOG_FILE, STATE_FILE]);
        let opened = start_node(&directory).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(opened.header.applied_index, 2);
    }

    /// The process was killed between the last two steps.
    #[test]
    fn where_all_of_a_backup_is_in_its_place_a_node_starts_and_nothing_is_restored_again() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let (file, directory) = (scratch.path().join("backup"), scratch.path().join("node"));
        write_backup(&file);
        restore(&file, &directory).expect("it is sound");
        fs::create_dir(directory.join(RESTORE_PART)).expect("it can be made");
        let error = restore(&file, &directory).expect_err("there is a node");
        assert!(error.contains("log.redb is in it"), "{error}");
        assert!(start_node(&directory).is_ok());
        assert_eq!(names(&directory), ["LOCK", LOG_FILE, STATE_FILE], "the node has taken it away");
        fs::remove_file(directory.join(LOG_FILE)).expect("it is there");
        let error = start_node(&directory).map(drop).expect_err("the log is lost").to_string();
        assert!(error.contains("log.redb is missing"), "{error}");
        restore(&file, &directory).expect_err("the state is the node's own");
        assert!(names(&directory).contains(&STATE_FILE.to_owned()));
    }

    #[test]
    fn a_state_that_no_restore_has_left_is_data() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        fs::write(scratch.path().join(STATE_FILE), "somebody's").expect("it can be written");
        let error = restore(Path::new("backup"), scratch.path()).expect_err("it is not empty");
        assert!(error.contains("state.redb is in it"), "{error}");
        assert_eq!(names(scratch.path()), [STATE_FILE]);
    }
}
