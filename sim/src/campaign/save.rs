//! `cargo sim save`: a scenario becomes part of the corpus, which `cargo test` replays: one that failed once, with its story and the mend,
//! or one of a classic situation.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, ensure};

use super::{failure::store, output::say, subject::load};
use crate::{explain, probes::Probe, run::run, scenario::Scenario};

const CORPUS: &str = "sim/corpus";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The scenario, made small (target/sim/failures).
    file: PathBuf,
    /// What happens in it, in a sentence or two.
    #[arg(long)]
    story: String,
    /// What was changed, so that it does not fail any more; nothing, if it never did.
    #[arg(long)]
    mend: Option<String>,
    /// A rare state that it is kept for; may be given several times. `cargo sim replay` tells which ones it reaches.
    #[arg(long, value_name = "PROBE")]
    reaches: Vec<Probe>,
    /// Its name in the corpus [default: that of the file].
    #[arg(long)]
    name: Option<String>,
}

/// Stores it, once it is seen to be green and to reach what it is kept for.
///
/// # Errors
/// It is not fit for the corpus: it still fails, misses a probe, names none, or its name is taken.
pub(super) fn save(args: Args) -> Result<ExitCode> {
    let Args { file, story, mend, reaches, name } = args;
    let path = place(&file, name.as_deref());
    ensure!(!path.exists(), "{} is there already: give another --name", path.display());
    let scenario = noted(load(&file)?, story, mend, reaches)?;
    let verdict = run(&scenario, false);
    if let Some(failure) = verdict.failure {
        anyhow::bail!("it still fails: {failure}; a scenario of the corpus is green");
    }
    let missed = explain::missed(&scenario, &verdict.figures);
    ensure!(missed.is_empty(), "it does not reach {}", missed.join(", "));
    ensure!(
        !scenario.reaches.is_empty(),
        "say which rare states it is kept for: --reaches PROBE; it {}",
        explain::reached_by(&scenario, &verdict.figures)
    );
    store(&scenario, &path)?;
    say(&format!("kept as {}: cargo test replays it", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Names of the corpus are words with underlines.
fn place(file: &Path, name: Option<&str>) -> PathBuf {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.map_or(stem, str::to_owned).replace('-', "_");
    Path::new(CORPUS).join(name).with_extension("json")
}

/// # Errors
/// A mend without a rule that was broken.
fn noted(
    mut scenario: Scenario,
    story: String,
    mend: Option<String>,
    reaches: Vec<Probe>,
) -> Result<Scenario> {
    let about = &mut scenario.about;
    ensure!(
        mend.is_some() == about.rule.is_some(),
        match &about.rule {
            Some(rule) => format!("it broke {rule}: say what was changed with --mend"),
            None => "--mend is of what failed, and this scenario names no rule that it broke".to_owned(),
        }
    );
    (about.story, about.mend) = (Some(story), mend);
    scenario.reaches.extend(reaches.into_iter().collect::<BTreeSet<_>>());
    Ok(scenario)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::generate;

    #[test]
    fn what_failed_is_kept_with_its_mend_and_what_did_not_without() {
        let with = |rule: Option<&str>, mend: Option<&str>| {
            let mut scenario = generate(1);
            scenario.about.rule = rule.map(str::to_owned);
            let probe = Probe::all().next().expect("there are many");
            noted(scenario, "a story".to_owned(), mend.map(str::to_owned), vec![probe])
        };
        let kept = with(Some("no-panic"), Some("it does not")).expect("a whole note");
        assert_eq!(kept.about.story.as_deref(), Some("a story"));
        assert_eq!((kept.about.mend.as_deref(), kept.reaches.len()), (Some("it does not"), 1));
        assert!(with(None, None).is_ok());
        let told = |rule, mend| with(rule, mend).expect_err("half a note").to_string();
        assert_eq!(told(Some("no-panic"), None), "it broke no-panic: say what was changed with --mend");
        assert!(told(None, Some("it does not")).starts_with("--mend is of what failed"));
    }

    #[test]
    fn names_are_words_with_underlines() {
        let place = |file: &str, name| place(Path::new(file), name).display().to_string();
        assert_eq!(place("target/sim/failures/core-elects-7.json", None), "sim/corpus/core_elects_7.json");
        assert_eq!(place("a.json", Some("paused-with-a-lease")), "sim/corpus/paused_with_a_lease.json");
    }
}
