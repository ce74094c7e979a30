//! `conclave snapshot save`.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use tonic::Status;

use super::{
    super::connection::Connection,
    file::{cluster, hex, keys, verify, write},
    offline::Offline,
};
use crate::{
    client::{Client, ClientError, is_passing},
    storage::sync_directory,
};

const EXAMPLES: &str = "\
EXAMPLES
  conclave snapshot save /backups/$(date +%F).backup
  conclave snapshot save --endpoints 10.0.0.5:2379 monday.backup
  conclave snapshot save left.backup --data-dir /var/lib/conclave/node         of a stopped node

The cluster goes on meanwhile. The backup holds everything that was acknowledged before the
command was given. It is written to FILE.part, verified, and then given its name. If the node that
makes it ends meanwhile, it is begun again.

With --data-dir the backup is of what one stopped node holds, for when a majority of the disks is
lost: 'snapshot restore' makes a new cluster of it. It holds the node's state and all of its log,
whether that was ever committed or not. Of several disks that are left take the one with the latest
last entry, as 'conclave check' shows it: the higher term, then the higher index.";

/// Records of one piece of an offline backup.
const PIECE_BYTES: usize = 1 << 20;

/// A backup that breaks off, because a node ends or another one has to lead, is begun again so often.
const ATTEMPTS_MAX: u32 = 5;
const ATTEMPT_PAUSE: Duration = Duration::from_secs(1);
/// A proxy that sends nothing for so long is gone.
const PIECE_PATIENCE: Duration = Duration::from_secs(40);

/// Save everything that the cluster holds to a file, while it goes on; or what one stopped node holds
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The backup; it must not exist yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Of what this stopped node's data directory holds; no proxy is asked
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<String> {
        check_absent(&self.file)?;
        let (part, note) = match &self.data_dir {
            Some(directory) => {
                let mut offline = Offline::open(directory)?;
                let part = Part::begin(&self.file)?;
                part.copy(&mut offline)?;
                (part, offline.note())
            }
            None => {
                let client = self.connection.client()?;
                let part = Part::begin(&self.file)?;
                part.fetch(&client).await?;
                (part, String::new())
            }
        };
        let summary = verify(&part.path)?;
        check_absent(&self.file)?;
        part.name(&self.file)?;
        Ok(format!(
            "{}: {} at revision {} of cluster {}, {}, sha256 {}\n{note}",
            self.file.display(),
            keys(summary.keys),
            summary.about.revision,
            cluster(&summary),
            HumanBytes(summary.file_bytes),
            hex(&summary.sha256)
        ))
    }
}

/// Takes away what a save that was killed has left.
fn remove_left(part: &Path) -> anyhow::Result<()> {
    let Ok(found) = fs::symlink_metadata(part) else { return Ok(()) };
    let shown = part.display();
    if !found.is_file() {
        bail!("{shown} is there, and is no file that a save has left: take it away, or name another file");
    }
    let left = File::open(part).with_context(|| shown.to_string())?;
    if left.try_lock().is_err() {
        bail!("{shown} is being written by another process: wait for that, or name another file");
    }
    fs::remove_file(part).with_context(|| shown.to_string())
}

fn check_absent(file: &Path) -> anyhow::Result<()> {
    if fs::symlink_metadata(file).is_ok() {
        bail!("{} is there already: a backup overwrites nothing, give it another name", file.display());
    }
    Ok(())
}

/// A file under way, which is removed unless it gets its name.
struct Part {
    path: PathBuf,
    file: File,
    is_named: bool,
}

impl Part {
    /// What a save that was killed has left is taken away; not what another one is writing. The file is always a new one: nobody
    /// else owns it, may read it, or has it lead elsewhere.
    fn begin(file: &Path) -> anyhow::Result<Self> {
        let mut path = OsString::from(file);
        path.push(".part");
        let path = PathBuf::from(path);
        remove_left(&path)?;
        let mut options = OpenOptions::new();
        options.create_new(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).with_context(|| path.display().to_string())?;
        file.try_lock().with_context(|| path.display().to_string())?;
        Ok(Self { path, file, is_named: false })
    }

    async fn fetch(&self, client: &Client) -> anyhow::Result<()> {
        let mut attempt = 1;
        loop {
            match self.attempt(client).await {
                Err(error) if attempt < ATTEMPTS_MAX && may_pass(&error) => attempt += 1,
                ended => return ended,
            }
            tokio::time::sleep(ATTEMPT_PAUSE).await;
        }
    }

    /// From the first byte to the last: each attempt gets another state.
    async fn attempt(&self, client: &Client) -> anyhow::Result<()> {
        let mut file = self.file.try_clone()?;
        file.set_len(0)?;
        std::io::Seek::rewind(&mut file)?;
        let mut pieces = client.backup().await?;
        let progress = progress_bar();
        let mut bytes = 0;
        loop {
            let next = tokio::time::timeout(PIECE_PATIENCE, pieces.message()).await;
            let next = next.unwrap_or_else(|_| Err(Status::unavailable("the proxy sends nothing any more")));
            let Some(piece) = next? else { break };
            bytes += piece.blob.len() as u64;
            write(&mut file, &self.path, &piece.blob)?;
            progress.set_length(bytes + piece.remaining_bytes);
            progress.set_position(bytes);
        }
        progress.finish_and_clear();
        file.sync_all().with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// All that a stopped node holds.
    fn copy(&self, offline: &mut Offline) -> anyhow::Result<()> {
        let mut file = self.file.try_clone()?;
        file.set_len(0)?;
        while let Some(piece) = offline.next(PIECE_BYTES)? {
            write(&mut file, &self.path, &piece)?;
        }
        file.sync_all().with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn name(mut self, name: &Path) -> anyhow::Result<()> {
        fs::rename(&self.path, name)
            .and_then(|()| sync_directory(name.parent().unwrap_or(Path::new("."))))
            .with_context(|| format!("cannot name it {}", name.display()))?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_named {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// On a terminal; else nothing is shown.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes} of about {total_bytes}, {bytes_per_sec}");
    ProgressBar::new(0).with_style(style.expect("it is well-formed"))
}

/// Another attempt may work.
fn may_pass(error: &anyhow::Error) -> bool {
    let of_client = error.downcast_ref::<ClientError>().map(|error| error.code);
    let code = of_client.or_else(|| error.downcast_ref::<Status>().map(Status::code));
    code.is_some_and(is_passing)
}
