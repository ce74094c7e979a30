//! One bug: a patch against the sources, with a header that tells its story.
//!
//! ```text
//!   Name: figure-8
//!   Source: where it was found
//!   Violates: what it breaks, in the words of the field
//!   Caught by: what should notice it
//!
//!   What is wrong, in a sentence or two.
//!
//!   diff --git ...
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

pub(super) struct Bug {
    name: String,
    file: PathBuf,
    source: String,
    violates: String,
    caught_by: String,
    story: String,
}

/// The bugs of a folder in order of their names; of those that are named, if any are, these alone.
///
/// # Errors
/// One that is named is not there, or the header of one is not whole.
pub(super) fn all(folder: &Path, names: &[String]) -> Result<Vec<Bug>> {
    let unreadable = || format!("{} cannot be read", folder.display());
    let entries = fs::read_dir(folder).with_context(unreadable)?;
    let files =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>().with_context(unreadable)?;
    let mut files: Vec<PathBuf> =
        files.into_iter().filter(|file| file.extension().is_some_and(|it| it == "patch")).collect();
    files.sort();
    let known = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
    if let Some(unknown) = names.iter().find(|name| known.iter().all(|bug| bug.name != **name)) {
        let known: Vec<&str> = known.iter().map(Bug::name).collect();
        bail!("there is no bug {unknown}: there are {}", known.join(", "));
    }
    Ok(known.into_iter().filter(|bug| names.is_empty() || names.contains(&bug.name)).collect())
}

fn read(file: &Path) -> Result<Bug> {
    let name = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("{name} cannot be read"))?;
    let bug = parse(file, &text).with_context(|| format!("{name}: its header is not whole"))?;
    ensure!(
        file.file_stem().is_some_and(|stem| *stem == *bug.name),
        "{name}: the bug is called {}, and the file is not",
        bug.name
    );
    Ok(bug)
}

fn parse(file: &Path, text: &str) -> Result<Bug> {
    let (header, rest) = text.split_once("\n\n").context("no blank line follows it")?;
    let (story, _) = rest.split_once("\n\ndiff ").context("no story stands before the change")?;
    let field = |name: &str| {
        let line = header.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::to_owned).with_context(|| format!("{name} is missing"))
    };
    Ok(Bug {
        name: field("Name")?,
        file: file.to_owned(),
        source: field("Source")?,
        violates: field("Violates")?,
        caught_by: field("Caught by")?,
        story: story.replace('\n', " "),
    })
}

impl Bug {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn violates(&self) -> &str {
        &self.violates
    }

    /// For a reader.
    pub(super) fn told(&self) -> String {
        let Self { name, source, violates, caught_by, story, .. } = self;
        format!("{name} ({source})\n  {story}\n  violates {violates}; to be caught by: {caught_by}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str =
        "Name: x\nSource: y#1\nViolates: ES\nCaught by: a rule\n\nIt is\nwrong.\n\ndiff --git a/b b/b\n";

    #[test]
    fn a_header_tells_the_story() {
        let bug = parse(Path::new("x.patch"), WHOLE).expect("it is whole");
        assert_eq!(bug.told(), "x (y#1)\n  It is wrong.\n  violates ES; to be caught by: a rule\n");
    }

    #[test]
    fn what_is_missing_in_a_header_is_named() {
        let refused = |text: &str| parse(Path::new("x.patch"), text).err().map(|error| error.to_string());
        assert_eq!(refused(&WHOLE.replace("Source", "From")).as_deref(), Some("Source is missing"));
        assert!(refused(&WHOLE.replace("It is\nwrong.\n\n", "")).is_some());
    }
}
