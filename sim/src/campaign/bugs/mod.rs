//! Known bugs put back in: `cargo sim bugs` says which of them the simulation finds, and what that costs.
//!
//! ```text
//!   sim/bugs/NAME.patch ─▶ tree: a copy of the sources with the bug in it, built
//!                                     └─▶ hunt: fresh seeds until one is red ─▶ result: a line on disk ─▶ table
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `patch.rs` | one bug: its story, and what it changes |
//! | `tree.rs` | the copy of the sources in which bugs are put in and built |
//! | `hunt.rs` | seeds are run, each in a process of its own, until one is red |
//! | `result.rs` | what a hunt came to, on disk: an interrupted evening goes on where it was |
//! | `table.rs` | what all hunts came to, for a reader |

mod hunt;
mod patch;
mod result;
mod table;
mod tree;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::{
    hunt::Hunt,
    patch::Bug,
    result::{Found, HuntResult, Results},
    tree::Tree,
};
use super::{
    exit,
    output::say,
    plan::{fresh_seed, jobs_or_all, parse_span},
};

/// Seeds between two hunts for one bug, so that they share none.
const SEEDS_APART: u64 = 1 << 32;

#[derive(Args)]
pub(super) struct BugsArgs {
    /// Some of them [default: all].
    names: Vec<String>,
    /// How much processor time each hunt takes at most, for example 90s or 10m.
    #[arg(long, default_value = "10m")]
    time: String,
    /// Hunts for each bug, with other seeds each time.
    #[arg(long, default_value_t = 1)]
    hunts: u64,
    /// Runs at a time [default: one for each core].
    #[arg(long)]
    jobs: Option<usize>,
    /// The first seed [default: a fresh one].
    #[arg(long)]
    seed: Option<u64>,
    /// Shrink the first seed that finds a bug, for so long at most: how many faults it takes.
    #[arg(long, value_name = "TIME")]
    shrink: Option<String>,
    /// Hunt again what was hunted in these sources before.
    #[arg(long)]
    again: bool,
    /// Hunt nothing: the table of what was found so far, as Markdown.
    #[arg(long)]
    table: bool,
    /// Hunt nothing: the bugs, and their stories.
    #[arg(long, conflicts_with = "table")]
    list: bool,
}

/// Hunts, tells of each hunt as it ends, and of all of them in the end.
///
/// # Errors
/// A bug is unknown, cannot be put in or built, or a seed is red without it.
pub(super) fn bugs(args: &BugsArgs) -> Result<ExitCode> {
    let root = root()?;
    let bugs = patch::all(&root.join("sim/bugs"), &args.names)?;
    if args.list {
        bugs.iter().try_for_each(|bug| say(&bug.told()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let tree = Tree::new(&root);
    let mut results = Results::load(&tree.folder().join("results.jsonl"))?;
    if args.table {
        say(&table::markdown(&bugs, &results))?;
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(args.hunts > 0, "--hunts 0 hunts nothing: give at least 1");
    let sources = tree.fingerprint()?;
    let hunt = Hunt { sources, time: parse_span(&args.time)?, jobs: jobs_or_all(args.jobs)? };
    let shrink_time = args.shrink.as_deref().map(parse_span).transpose()?;
    let first_seed = args.seed.unwrap_or_else(fresh_seed);
    for bug in &bugs {
        let begun = if args.again { 0 } else { results.of(bug.name(), sources).count() as u64 };
        if begun < args.hunts {
            say(&format!("{}: builds", bug.name()))?;
            let program = tree.build(bug)?;
            for number in begun..args.hunts {
                let seed = first_seed.wrapping_add(number * SEEDS_APART);
                let mut result = hunt.hunt(bug.name(), &program, seed)?;
                shrink_first(&mut result, &program, tree.folder(), shrink_time.filter(|_| number == 0))?;
                say(&result.told())?;
                results.add(result)?;
            }
        }
    }
    say(&table::markdown(&bugs, &results))?;
    let is_found = |bug: &Bug| results.of(bug.name(), sources).any(|result| result.found.is_some());
    Ok(ExitCode::from(if bugs.iter().all(is_found) { 0 } else { exit::NOT_FOUND }))
}

/// Shrinks what was found, and notes the faults that are left.
fn shrink_first(
    result: &mut HuntResult,
    program: &Path,
    folder: &Path,
    time: Option<Duration>,
) -> Result<()> {
    if let (Some(Found { seed, faults, .. }), Some(time)) = (&mut result.found, time) {
        let file = folder.join(format!("{}.json", result.bug));
        *faults = hunt::shrink(program, *seed, time, &file)?;
    }
    Ok(())
}

/// The workspace that this program was built from.
fn root() -> Result<PathBuf> {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = package.parent().context("the package is in a workspace")?;
    ensure!(
        root.join("sim/bugs").is_dir(),
        "{} is not there: bugs are put into the sources that this program was built from",
        root.join("sim/bugs").display()
    );
    Ok(root.to_owned())
}
