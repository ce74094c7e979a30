//! A small disk for each node, and the library in its process that makes it fail.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context, Result};

use super::command::run;

/// The library's source.
const SOURCE: &str = include_str!("../../shim/faults.c");
/// More than a node needs between two compactions, and little enough to be filled in a moment.
const MEGABYTES: u64 = 384;
/// What is mounted has this name, and the number of the process.
const SOURCE_OF_MOUNTS: &str = "conclave-chaos-";
/// What fills a disk.
const BALLAST: &str = "ballast";

/// A file system in memory that is mounted for one node. Dropped, it is gone.
pub(crate) struct Disk {
    mounted_at: PathBuf,
}

impl Disk {
    /// Mounts it.
    pub(crate) fn mount(at: &Path) -> Result<Self> {
        fs::create_dir_all(at).with_context(|| format!("{} cannot be made", at.display()))?;
        mount_memory(at, &format!("size={MEGABYTES}m"))?;
        Ok(Self { mounted_at: at.to_owned() })
    }

    /// Where the node keeps its data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.mounted_at.join("data")
    }

    /// Leaves no room, or makes room again.
    pub(crate) fn set_full(&self, full: bool) -> Result<()> {
        let ballast = self.mounted_at.join(BALLAST);
        match (full, ballast.exists()) {
            (true, false) => fill(&ballast),
            (false, true) => Ok(fs::remove_file(ballast)?),
            _ => Ok(()),
        }
    }
}

/// Mounts a file system in memory, under a name that says whose it is.
pub(crate) fn mount_memory(at: &Path, options: &str) -> Result<()> {
    run(&format!("mount -t tmpfs -o {options} {SOURCE_OF_MOUNTS}{} {}", process::id(), at.display()))
        .map(drop)
}

/// Unmounts what killed runs left behind.
pub(super) fn remove_stale() {
    for mount in fs::read_to_string("/proc/mounts").unwrap_or_default().lines() {
        let mut words = mount.split(' ');
        let (Some(source), Some(at)) = (words.next(), words.next()) else { continue };
        let owner = source.strip_prefix(SOURCE_OF_MOUNTS);
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            // With whatever is mounted below.
            let _ = run(&format!("umount -l {at}"));
        }
    }
}

fn fill(ballast: &Path) -> Result<()> {
    let mut file = File::create(ballast)?;
    for size in [1 << 20, 1 << 12, 1] {
        let bytes = vec![0; size];
        loop {
            match file.write_all(&bytes) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run(&format!("umount -l {}", self.mounted_at.display()));
    }
}

/// Compiles the library. The nodes load it before their own code.
pub(crate) fn compile_shim(folder: &Path) -> Result<PathBuf> {
    let (source, library) = (folder.join("faults.c"), folder.join("faults.so"));
    fs::write(&source, SOURCE)?;
    run(&format!("cc -shared -fPIC -O2 -Wall -o {} {} -ldl", library.display(), source.display()))?;
    Ok(library)
}

/// What the library in a node's process is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The errno of each sync; 0: it works.
    pub(crate) sync_errno: i64,
    /// How much longer a sync takes.
    pub(crate) sync_us: i64,
    /// By how much the wall clock is ahead.
    pub(crate) clock_ms: i64,
}

/// The file through which it is told.
pub(crate) struct Control {
    file: File,
    told: Told,
}

impl Control {
    /// Makes the file; nothing is wrong at first.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(path)?;
        let control = Self { file, told: Told::default() };
        control.write()?;
        Ok(control)
    }

    /// Tells it. What it knows already costs nothing.
    pub(crate) fn tell(&mut self, told: Told) -> Result<()> {
        if self.told == told {
            return Ok(());
        }
        self.told = told;
        self.write()
    }

    fn write(&self) -> Result<()> {
        let Told { sync_errno, sync_us, clock_ms } = self.told;
        let bytes: Vec<u8> = [sync_errno, sync_us, clock_ms].iter().flat_map(|n| n.to_ne_bytes()).collect();
        Ok(self.file.write_all_at(&bytes, 0)?)
    }
}
