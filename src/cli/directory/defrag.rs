//! `conclave defrag`.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use indicatif::HumanBytes;

use super::verify::{failed, sound};
use crate::storage::{
    self, Checkup, Defragged, FileDisk, LOG_FILE, ReadOnlyDisk, STATE_FILE, sync_directory,
};

const EXAMPLES: &str = "\
EXAMPLES
  sudo -u conclave conclave defrag /var/lib/conclave/node

The node must be stopped; stop one at a time, and start it again before the next. Without this the
space of what was deleted and compacted is used again, and the files seldom shrink. The work is done
on a copy in DIR/defrag.part, which is checked before it takes the place of the files: there must be
room for it, and to break off does no harm.";

/// Where the copy is made, in the data directory.
const PART: &str = "defrag.part";

/// Make a stopped node's files smaller
///
/// The directory is checked first: what is damaged is left as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// The node's --data-dir
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Args {
    pub(in crate::cli) fn run(&self) -> anyhow::Result<String> {
        check_no_links(&self.directory)?;
        let before = sound(&ReadOnlyDisk::open(&self.directory)?, &self.directory)?;
        let _held = FileDisk::open(&self.directory)?;
        let part = self.directory.join(PART);
        let outcome = defrag_copy(&self.directory, &part, &before);
        let removed = fs::remove_dir_all(&part).and_then(|()| sync_directory(&self.directory));
        let files: String = outcome?.iter().map(line).collect();
        removed.with_context(|| {
            format!("the smaller files are in their place, but {} cannot be taken away", part.display())
        })?;
        Ok(files)
    }
}

/// A smaller file would take the place of the link, on another disk than the file that it stands for.
fn check_no_links(directory: &Path) -> anyhow::Result<()> {
    for file in [LOG_FILE, STATE_FILE].map(|file| directory.join(file)) {
        if fs::symlink_metadata(&file).is_ok_and(|found| found.is_symlink()) {
            bail!(
                "{} is a symbolic link, whose place a smaller file would take: put the file itself there; nothing was changed",
                file.display()
            );
        }
    }
    Ok(())
}

/// The new files hold what the old ones do, so each may take the place of its own whatever becomes of the other.
fn defrag_copy(directory: &Path, part: &Path, before: &Checkup) -> anyhow::Result<Vec<Defragged>> {
    let no_files = || format!("cannot make smaller files in {}", part.display());
    copy(directory, part).with_context(no_files)?;
    let files = storage::defrag(&FileDisk::open(part)?).map_err(|error| failed(error, part))?;
    let after = sound(&ReadOnlyDisk::open(part)?, part)?;
    if (&after.log, &after.state) != (&before.log, &before.state) {
        bail!("the smaller files do not hold what the old ones do: nothing was changed");
    }
    put_in_place(directory, part).with_context(no_files)?;
    Ok(files)
}

/// A copy that broke off is begun anew.
fn copy(directory: &Path, part: &Path) -> io::Result<()> {
    match fs::remove_dir_all(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir(part)?,
    }
    for file in [LOG_FILE, STATE_FILE] {
        fs::copy(directory.join(file), part.join(file))?;
    }
    Ok(())
}

fn put_in_place(directory: &Path, part: &Path) -> io::Result<()> {
    for file in [LOG_FILE, STATE_FILE] {
        File::open(part.join(file))?.sync_all()?;
    }
    for file in [LOG_FILE, STATE_FILE] {
        fs::rename(part.join(file), directory.join(file))?;
    }
    sync_directory(directory)
}

fn line(Defragged { file, before, after }: &Defragged) -> String {
    format!(
        "{file}: {} before, {} now ({before} and {after} bytes)\n",
        HumanBytes(*before),
        HumanBytes(*after)
    )
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::cli::testing::options;

    #[test]
    fn a_link_keeps_its_place() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let (directory, elsewhere) = (scratch.path().join("node"), scratch.path().join("elsewhere"));
        fs::create_dir(&directory).expect("it is new");
        for file in [LOG_FILE, STATE_FILE] {
            fs::write(&elsewhere, "the file").expect("it can be written");
            std::os::unix::fs::symlink(&elsewhere, directory.join(file)).expect("a link can be made");
            let args = options::<Args>(&directory.display().to_string()).expect("good arguments");
            let error = args.run().expect_err("it is a link").to_string();
            assert!(error.contains(&format!("{file} is a symbolic link")), "{error}");
            assert!(directory.join(file).is_symlink());
            fs::remove_file(directory.join(file)).expect("it is there");
        }
    }
}
