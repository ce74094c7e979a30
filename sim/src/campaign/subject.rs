//! What a command is about: a seed, or a file with a scenario. A seed means what it meant where it was printed, or the command is
//! refused.

use std::{fmt, path::Path};

use anyhow::{Context, Result, anyhow, ensure};

use super::failure::FOLDER;
use crate::{
    scenario::{Scenario, Version, generate, version},
    verdict::Subject,
};

/// As it is given on the command line.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Given {
    /// A seed or a file.
    pub(super) what: String,
    /// The version of the generator that the seed is of, as it was printed with it: to another one it may be another scenario.
    #[arg(long)]
    version: Option<Version>,
}

impl Given {
    /// The scenario that is meant.
    ///
    /// # Errors
    /// The seed is of another version; or the file cannot be read, or holds no scenario.
    pub(super) fn scenario(&self) -> Result<Scenario> {
        let Ok(seed) = self.what.parse() else {
            ensure!(
                self.version.is_none(),
                "--version is of seeds: a file holds its scenario, whatever the version"
            );
            return load(Path::new(&self.what));
        };
        // To find out which version this is takes longer than many a run begins in.
        if let Some(said) = self.version {
            let here = version();
            ensure!(
                said == here,
                "seed {seed} of version {said} may be another scenario here: this program has version {here}; replay the file that \
                 was stored ({FOLDER}), or build the commit that printed the seed"
            );
        }
        Ok(generate(seed))
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{} --version {version}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// The scenario of a run.
///
/// # Errors
/// It is in a file that cannot be read, or holds none.
pub(super) fn scenario_of(subject: &Subject) -> Result<Scenario> {
    match subject {
        Subject::Seed(seed) => Ok(generate(*seed)),
        Subject::File(file) => load(Path::new(file)),
        Subject::Variation(number) => Err(anyhow!("variation {number} was green, and is not stored")),
    }
}

/// # Errors
/// The file cannot be read, or holds no scenario.
pub(super) fn load(path: &Path) -> Result<Scenario> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{name} is neither a seed nor a file that can be read"))?;
    serde_json::from_str(&text).map_err(|error| anyhow!("{name} holds no scenario: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(what: &str, version: Option<&str>) -> Result<Scenario> {
        let version = version.map(|version| version.parse().expect("eight digits"));
        Given { what: what.to_owned(), version }.scenario()
    }

    #[test]
    fn a_seed_of_another_version_is_refused_in_one_line_with_the_way_out() {
        let here = version().to_string();
        assert_eq!(given("42", Some(&here)).expect("the same version"), generate(42));
        assert_eq!(given("42", None).expect("no version was said"), generate(42));
        let refused = given("42", Some("00000000")).expect_err("another version").to_string();
        assert_eq!(refused.lines().count(), 1);
        for words in ["seed 42 of version 00000000", &here, "target/sim/failures"] {
            assert!(refused.contains(words), "{refused}");
        }
        let refused = given("s.json", Some(&here)).expect_err("a file has no version").to_string();
        assert!(refused.starts_with("--version is of seeds"), "{refused}");
    }
}
