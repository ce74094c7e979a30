//! What a directory that cannot be used, or is the wrong one, is told by.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

#[cfg(unix)]
use nix::unistd::{Uid, User, geteuid};

use super::{
    Identity, LOG_FILE, STATE_FILE, StorageError,
    volume::{BLOCK_BYTES, identity_in},
};

/// The operating system refuses a path of a data directory.
pub(super) fn unusable(path: &Path, reason: io::Error) -> StorageError {
    match reason.kind() {
        io::ErrorKind::PermissionDenied => StorageError::Denied { what: denied(path) },
        _ => StorageError::Directory { directory: path.display().to_string(), reason },
    }
}

/// The same of a file that is opened.
pub(super) fn unusable_file(path: &Path, reason: io::Error) -> io::Error {
    match reason.kind() {
        io::ErrorKind::PermissionDenied => io::Error::new(reason.kind(), denied(path)),
        _ => reason,
    }
}

/// Which path it is, whose it is, and who this process is. Of a path that is not even seen, the directory that hides it.
#[cfg(unix)]
fn denied(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;

    let seen = path.ancestors().find_map(|path| Some((path, fs::symlink_metadata(path).ok()?.uid())));
    let me = user_name(geteuid());
    match seen {
        Some((seen, owner)) if owner != geteuid().as_raw() => {
            let owner = user_name(Uid::from_raw(owner));
            format!(
                "{} belongs to user {owner}, and this runs as {me}, who may not use it: run it as {owner}, or give it to {me} ('chown -R {me}' on the data directory)",
                seen.display()
            )
        }
        _ => format!("{me}, as whom this runs, may not use {}: see 'ls -l'", path.display()),
    }
}

#[cfg(not(unix))]
fn denied(path: &Path) -> String {
    format!("this user may not use {}", path.display())
}

#[cfg(unix)]
fn user_name(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

/// Whether a node keeps its data in a directory.
pub(super) fn holds_data(directory: &Path) -> bool {
    [LOG_FILE, STATE_FILE].iter().any(|file| fs::symlink_metadata(directory.join(file)).is_ok())
}

/// Data of a node, found where its data directory may be meant to be.
#[derive(Debug)]
pub struct Misplaced {
    /// Where it is.
    pub directory: PathBuf,
    /// Whose it is, if that can be read.
    pub identity: Option<Identity>,
}

/// The data beside a directory without any: one level above it, or below. Whoever starts a node there may mean those.
pub fn misplaced_data(directory: &Path) -> Vec<Misplaced> {
    if holds_data(directory) {
        return Vec::new();
    }
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let below = fs::read_dir(&absolute).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut near: Vec<PathBuf> = absolute.parent().map(Path::to_owned).into_iter().chain(below).collect();
    near.retain(|near| holds_data(near));
    near.sort();
    near.into_iter().map(|directory| Misplaced { identity: identity_of(&directory), directory }).collect()
}

/// Whose files lie in a directory, by the first of them that says so. A node may use them: they are only looked at.
fn identity_of(directory: &Path) -> Option<Identity> {
    [LOG_FILE, STATE_FILE].into_iter().find_map(|file| {
        let mut first = Vec::new();
        let opened = File::open(directory.join(file)).ok()?;
        opened.take(BLOCK_BYTES as u64).read_to_end(&mut first).ok()?;
        identity_in(file, &first)
    })
}
