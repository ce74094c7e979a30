//! The production disk: a directory of real files, held by one process.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
};

use redb::{StorageBackend, backends::FileBackend};

use super::{
    Disk, Job, LOG_FILE, RESTORE_PART, StorageError,
    access::{unusable, unusable_file},
};

/// A directory, for this process alone as long as the value lives.
#[derive(Debug)]
pub struct FileDisk {
    directory: PathBuf,
    /// Locked; the operating system lets go of it when the process ends, however it ends.
    _lock: File,
}

impl FileDisk {
    /// Takes a directory, creating it when absent.
    ///
    /// # Errors
    /// Another process has it, or the operating system refuses.
    pub fn open(directory: &Path) -> Result<Self, StorageError> {
        let shown = directory.display().to_string();
        let of_directory = |reason| unusable(directory, reason);
        let begun = begun_in(directory);
        create_directory(directory).map_err(of_directory)?;
        let parent = directory.canonicalize().map_err(of_directory)?.parent().map(Path::to_owned);
        for parent in begun.into_iter().chain(parent) {
            sync_entries(&parent).map_err(|reason| unusable(&parent, reason))?;
        }
        let path = directory.join("LOCK");
        let lock = owners(OpenOptions::new().create(true).truncate(false).write(true)).open(&path);
        let lock = lock.map_err(|reason| unusable(&path, reason))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { directory: directory.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StorageError::Locked { directory: shown }),
            Err(TryLockError::Error(reason)) => Err(of_directory(reason)),
        }
    }
}

/// Forgets what the system has in memory of a file, as far as it is on the disk: it is read from there again.
///
/// After an fsync that failed, Linux shows pages as they were written that are not on the disk, and marks them clean: no later fsync
/// writes them ("Can applications recover from fsync failures?", USENIX ATC 2020). The node stopped then. One that starts must not
/// promise what only memory holds; so it reads all of it from the disk. And so does who looks whether a file is sound.
///
/// # Errors
/// It is no file, or on no disk.
#[cfg(target_os = "linux")]
pub fn forget_clean_pages(file: &File) -> io::Result<()> {
    use nix::fcntl::{PosixFadviseAdvice::POSIX_FADV_DONTNEED, posix_fadvise};
    Ok(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)?)
}

/// Nothing: other systems drop such pages by themselves, or offer nothing.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn forget_clean_pages(_: &File) -> io::Result<()> {
    Ok(())
}

/// Whatever the umask: keys and values are nobody's business but the owner's.
fn create_directory(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// Where a directory is going to be made: the parents of all levels that are not there yet.
fn begun_in(directory: &Path) -> Vec<PathBuf> {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let missing = absolute.ancestors().take_while(|level| !level.exists());
    missing.filter_map(Path::parent).map(Path::to_owned).collect()
}

/// Makes what was changed in a directory durable: that a file is there, under this name.
///
/// # Errors
/// It cannot be read, or the disk failed.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    File::open(directory)?.sync_all()
}

/// A crash right after the first start must not lose the directory's own entry. Where its parent may not be read, it was made by somebody
/// else, before.
fn sync_entries(parent: &Path) -> io::Result<()> {
    match File::open(parent) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        opened => opened?.sync_all(),
    }
}

fn owners(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

impl Disk for FileDisk {
    fn open(&self, file: &str) -> io::Result<Box<dyn StorageBackend>> {
        let path = self.directory.join(file);
        let handle =
            owners(OpenOptions::new().create(true).truncate(false).read(true).write(true)).open(&path);
        let handle = handle.map_err(|reason| unusable_file(&path, reason))?;
        sync_directory(&self.directory)?;
        forget_clean_pages(&handle)?;
        Ok(Box::new(FileBackend::new(handle).map_err(io::Error::other)?))
    }

    fn forget(&self, file: &str) -> io::Result<()> {
        match File::open(self.directory.join(file)) {
            Ok(file) => forget_clean_pages(&file),
            // Such as when too many files are open. It says nothing of the disk.
            Err(error) => {
                tracing::warn!(%error, file, "what the system has in memory of it is kept: it cannot be opened once more");
                Ok(())
            }
        }
    }

    fn is_half_restored(&self) -> bool {
        let is_there = |name| fs::symlink_metadata(self.directory.join(name)).is_ok();
        is_there(RESTORE_PART) && !is_there(LOG_FILE)
    }

    fn end_restore(&self) {
        let part = self.directory.join(RESTORE_PART);
        let removed = match fs::symlink_metadata(&part) {
            Err(_) => return,
            Ok(found) if found.is_dir() => fs::remove_dir_all(&part),
            Ok(_) => fs::remove_file(&part),
        };
        if let Err(error) = removed.and_then(|()| sync_directory(&self.directory)) {
            tracing::warn!(
                %error,
                "{} cannot be taken away, which a restore has left that has ended: take it away, or this directory counts as half restored if its log is lost",
                part.display()
            );
        }
    }

    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            tokio::task::spawn_blocking(job).await.expect("a disk job returns its errors and does not panic");
        })
    }
}

#[cfg(all(test, unix, not(madsim)))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Each level's entry is synced: without one of them all below it is lost.
    #[test]
    fn all_levels_of_a_new_directory_last() {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let [one, two, three] = ["one", "one/two", "one/two/three"].map(|level| folder.path().join(level));
        assert_eq!(begun_in(&three), [two.clone(), one.clone(), folder.path().to_owned()]);
        fs::create_dir(&one).expect("it is new");
        assert_eq!(begun_in(&three), [two, one]);
        FileDisk::open(&three).expect("it is new");
        assert!(begun_in(&three).is_empty());
    }

    #[test]
    fn nobody_but_the_owner_reads_what_is_stored() {
        let folder = tempfile::tempdir().expect("a scratch directory");
        let directory = folder.path().join("data/node");
        let disk = FileDisk::open(&directory).expect("it is new");
        drop(Disk::open(&disk, "log.redb").expect("a new file"));
        let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
        assert_eq!(
            (mode(&directory), mode(&directory.join("log.redb")), mode(&directory.join("LOCK"))),
            (0o700, 0o600, 0o600)
        );
    }
}
