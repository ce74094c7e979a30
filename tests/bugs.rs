//! Known bugs are kept as patches in sim/bugs, for `cargo sim bugs` to put in. A change of the sources must take them along: every
//! one still applies, and each row of the field's list is there or has its reason.
#![cfg(not(madsim))]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/bugs")
}

fn patches() -> Vec<PathBuf> {
    let files = fs::read_dir(folder()).expect("sim/bugs is there");
    let files = files.map(|file| file.expect("it can be listed").path());
    let mut patches: Vec<_> = files.filter(|file| file.extension().is_some_and(|it| it == "patch")).collect();
    patches.sort();
    patches
}

#[test]
fn every_bug_still_applies() {
    let stale: Vec<String> = patches()
        .iter()
        .filter_map(|patch| {
            let mut git = Command::new("git");
            git.args(["apply", "--check"]).arg(patch).current_dir(env!("CARGO_MANIFEST_DIR"));
            let output = git.output().expect("git is installed: it keeps the sources");
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            (!output.status.success()).then(|| format!("{}: {why}", patch.display()))
        })
        .collect();
    assert!(stale.is_empty(), "make these anew, by hand:\n{}", stale.join("\n"));
}

/// A bug is a change of the programs, and of nothing that judges them.
#[test]
fn bugs_are_put_into_the_programs_alone() {
    for patch in patches() {
        let text = fs::read_to_string(&patch).expect("a patch is text");
        let changed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("+++ b/")).collect();
        assert!(!changed.is_empty(), "{} changes nothing", patch.display());
        let is_program = |file: &&str| file.starts_with("src/");
        assert!(changed.iter().all(is_program), "{}: {changed:?}", patch.display());
    }
}

/// Production code holds no switch for a bug, and the list of those that cannot be put in names no patch that is there.
#[test]
fn what_cannot_be_put_in_has_its_reason() {
    let readme = fs::read_to_string(folder().join("README.md")).expect("sim/bugs/README.md is there");
    let named = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    for (name, reason) in named {
        assert!(reason.trim_matches([' ', '|']).len() > 10, "{name}: the reason is missing");
        assert!(!folder().join(format!("{name}.patch")).exists(), "{name} can be put in after all");
    }
}
