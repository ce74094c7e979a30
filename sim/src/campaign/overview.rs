//! The page of a campaign, as a file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result};

use super::output::make_folder_of;
use crate::{
    explain,
    scenario::Version,
    verdict::{Outcome, Rule},
};

/// Writes it. `pages` are those of failures that were made small.
///
/// # Errors
/// It cannot be written.
pub(super) fn write(
    outcome: &Outcome,
    seeds: &str,
    version: Version,
    pages: &BTreeMap<Rule, PathBuf>,
    file: &Path,
) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let linked = pages.iter().map(|(rule, page)| (*rule, from(folder, page))).collect();
    let text = explain::overview(outcome, seeds, version, &linked)?;
    make_folder_of(file)?;
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

/// A file, as a page in this folder links to it: the pages may be moved together.
fn from(folder: &Path, file: &Path) -> PathBuf {
    let (folder, file): (Vec<Component<'_>>, Vec<_>) =
        (folder.components().collect(), file.components().collect());
    let shared = folder.iter().zip(&file).take_while(|(one, other)| one == other).count();
    let up = folder[shared..].iter().map(|_| Component::ParentDir);
    up.chain(file[shared..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_from_one_folder_to_another() {
        let link = |folder: &str, file: &str| from(Path::new(folder), Path::new(file)).display().to_string();
        assert_eq!(link("target/sim/campaigns", "target/sim/failures/a.html"), "../failures/a.html");
        assert_eq!(link("", "target/a.html"), "target/a.html");
        assert_eq!(link("target", "target/a.html"), "a.html");
    }
}
