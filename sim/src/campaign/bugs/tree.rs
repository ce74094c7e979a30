//! The copy of the sources in which one bug after another is put in and built. Files that did not change keep their times, so that
//! only what a bug touches is compiled again.

use std::{
    collections::BTreeSet,
    fs,
    hash::Hasher,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, ensure};
use conclave_checks::StableHash;

use super::patch::Bug;

/// What makes the simulation another one when it changes.
const SOURCES: &[&str] = &["src", "sim", "proto", "build.rs", "Cargo.toml", "Cargo.lock"];
/// Lines of the compiler's that are shown when a bug does not build.
const ERROR_LINES_MAX: usize = 30;

pub(super) struct Tree {
    root: PathBuf,
    folder: PathBuf,
}

impl Tree {
    /// For the workspace at `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), folder: root.join("target/bugs") }
    }

    /// Where everything of the hunts is kept.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What tells these sources from others: results are worth nothing in others.
    pub(super) fn fingerprint(&self) -> Result<u64> {
        let mut hash = StableHash::default();
        for file in self.files()?.into_iter().filter(|file| SOURCES.iter().any(|part| file.starts_with(part)))
        {
            hash.write(file.as_os_str().as_encoded_bytes());
            hash.write(&read(&self.root.join(&file))?);
        }
        Ok(hash.finish())
    }

    /// Puts a bug in and builds the simulation with it. Returns the program.
    pub(super) fn build(&self, bug: &Bug) -> Result<PathBuf> {
        let copy = self.folder.join("tree");
        self.refresh(&copy)?;
        let mut apply = Command::new("git");
        // The copy lies in the repository that it is a copy of: git must not look for that.
        apply.args(["apply"]).arg(bug.file()).current_dir(&copy).env("GIT_CEILING_DIRECTORIES", &self.folder);
        let patch = apply.output().context("git cannot be started")?;
        ensure!(
            patch.status.success(),
            "{} does not apply any more: {}",
            bug.file().display(),
            String::from_utf8_lossy(&patch.stderr).trim()
        );
        let target = self.folder.join("build");
        let built = cargo(&copy, &target).context("cargo cannot be started")?;
        ensure!(built.status.success(), "{} does not build:\n{}", bug.name(), errors_of(&built));
        Ok(target.join("sim/conclave-sim"))
    }

    /// Makes the copy equal to the sources again, whatever the last bug changed.
    fn refresh(&self, copy: &Path) -> Result<()> {
        let failed = |file: &Path| format!("{} cannot be copied to {}", file.display(), copy.display());
        let files = self.files()?;
        let kept: BTreeSet<PathBuf> = files.iter().map(|file| copy.join(file)).collect();
        remove_others(copy, &kept).with_context(|| format!("{} cannot be tidied", copy.display()))?;
        for file in files {
            let (from, to) = (self.root.join(&file), copy.join(&file));
            let wanted = read(&from)?;
            if fs::read(&to).ok().as_ref() != Some(&wanted) {
                let folder = to.parent().context("a file is in a folder")?;
                fs::create_dir_all(folder)
                    .and_then(|()| fs::write(&to, wanted))
                    .with_context(|| failed(&file))?;
            }
        }
        Ok(())
    }

    /// What a build reads: the files that git knows, or would.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]);
        let list = list.current_dir(&self.root).stderr(Stdio::inherit()).output();
        let list = list.context("git cannot be started: the sources are copied by its list")?;
        ensure!(list.status.success(), "{} is no repository of git", self.root.display());
        let names = String::from_utf8(list.stdout).context("names of files are text")?;
        let names = names.split_terminator('\0').map(PathBuf::from);
        let is_built = |file: &PathBuf| !file.starts_with("docs") && !file.starts_with("sim/bugs");
        Ok(names.filter(|file| is_built(file) && self.root.join(file).is_file()).collect())
    }
}

/// Removes the files of a folder that are not among these: what is no source any more. A folder that is not there has none.
fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> std::io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => remove_others(&path, kept)?,
            false if !kept.contains(&path) => fs::remove_file(&path)?,
            false => {}
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

fn cargo(copy: &Path, target: &Path) -> std::io::Result<Output> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--profile", "sim", "--package", "conclave-sim"]);
    cargo.args(["--config", "build.rustflags=['--cfg','madsim']", "--target-dir"]).arg(target);
    cargo.current_dir(copy).env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS").output()
}

fn errors_of(built: &Output) -> String {
    let told = String::from_utf8_lossy(&built.stderr);
    let lines: Vec<&str> = told.lines().take(ERROR_LINES_MAX).collect();
    lines.join("\n")
}
