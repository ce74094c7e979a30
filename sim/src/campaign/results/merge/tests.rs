use std::{fs, path::PathBuf};

use super::*;
use crate::{
    campaign::{
        plan::Limit,
        results::line::{Ended, Line},
        shard::Shard,
    },
    verdict::{Failure, Figures, HistoryRule, Rule},
};

const VERSIONS: [&str; 2] = ["0000002a", "0000002b"];

/// Files of a test, gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("conclave-merge-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder of our own");
        Self(folder)
    }

    fn file(&self, name: &str, lines: &[Line], more: &str) -> PathBuf {
        let text: String =
            lines.iter().map(|line| serde_json::to_string(line).expect("plain data") + "\n").collect();
        let file = self.0.join(name);
        fs::write(&file, text + more).expect("a file of our own");
        file
    }

    fn merge(&self, files: &[PathBuf]) -> Result<ExitCode> {
        merge(files, &self.0.join("page.html"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn campaign(version: &str, program: &str, place: u64) -> Line {
    Line::Campaign(Header {
        version: version.parse().expect("eight digits"),
        program: program.to_owned(),
        began_unix_s: 0,
        first_seed: 1,
        limit: Limit::Seeds(4),
        shard: Shard { place, count: 2 },
        jobs: 1,
    })
}

fn run(seed: u64, ended_ms: u64, rule: Option<Rule>) -> Line {
    Line::Run(Box::new(RunLine {
        subject: Subject::Seed(seed),
        trace_hash: String::new(),
        ended_ms,
        failure: rule.map(|rule| Failure::new(rule, [], String::new())),
        figures: Figures { elections: 1, ..Figures::default() },
    }))
}

fn ended() -> Line {
    Line::Ended(Ended { took_ms: 10_000, repeated: 1, interrupted: false })
}

fn read(files: &[PathBuf]) -> Result<(Outcome, Vec<String>)> {
    let mut readers = files.iter().map(|file| Reader::open(file)).collect::<Result<Vec<_>>>()?;
    let mut merged = Merged::default();
    while let Some((place, run)) = next_of(&mut readers)? {
        merged.add(place, run, &readers)?;
    }
    let notes = merged.close(&readers);
    Ok((merged.outcome, notes))
}

#[test]
fn runs_of_all_files_add_up_in_order_of_time() {
    let folder = Folder::new("add");
    let [one, two] = [0, 1].map(|place| campaign(VERSIONS[0], "p", place));
    let one = folder.file("one", &[one, run(1, 10, None), run(3, 30, None), ended()], "");
    let two = folder.file("two", &[two, run(2, 20, None), run(4, 9_000, None), ended()], "");
    let (outcome, notes) = read(&[one.clone(), two.clone()]).expect("results");
    assert_eq!((outcome.runs, outcome.figures.elections, outcome.repeated), (4, 4, 2));
    assert_eq!(outcome.took, Duration::from_secs(20));
    assert_eq!(notes, Vec::<String>::new());
    let times: Vec<u64> = outcome.course.iter().map(|moment| moment.at_ms).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(folder.merge(&[one, two]).is_ok());
    assert!(folder.0.join("page.html").exists());
}

#[test]
fn what_cannot_be_added_up_is_refused_in_one_line() {
    let folder = Folder::new("refuse");
    let header = |version, program, place| campaign(version, program, place);
    let one = folder.file("one", &[header(VERSIONS[0], "p", 0), run(1, 10, None), ended()], "");
    let refused = |name: &str, lines: &[Line]| {
        let error = folder.merge(&[one.clone(), folder.file(name, lines, "")]).expect_err(name).to_string();
        assert_eq!(error.lines().count(), 1);
        error
    };
    assert!(
        refused("version", &[header(VERSIONS[1], "p", 1)])
            .contains("a seed is not the same scenario in both")
    );
    assert!(refused("program", &[header(VERSIONS[0], "q", 1)]).contains("different builds"));
    assert!(refused("seed", &[header(VERSIONS[0], "p", 1), run(1, 5, None)]).contains("seed 1 is in "));
    assert!(refused("none", &[run(1, 5, None)]).contains("holds no results"));
    let twice = [header(VERSIONS[0], "p", 1), header(VERSIONS[0], "p", 1)];
    assert!(refused("twice", &twice).contains("holds two campaigns"));
}

#[test]
fn a_campaign_that_was_killed_counts_up_to_its_last_whole_line() {
    let folder = Folder::new("killed");
    let [begins, hangs] = [1, 5].map(|seed| Line::Begins(Subject::Seed(seed)));
    let lines = [
        campaign(VERSIONS[0], "p", 0),
        begins,
        run(1, 10, None),
        hangs,
        run(3, 30, Some(Rule::History(HistoryRule::Linearizable))),
    ];
    let (outcome, notes) = read(&[folder.file("torn", &lines, "{\"run\":{\"sub")]).expect("all but one line");
    assert_eq!((outcome.runs, outcome.failures.len()), (2, 1));
    assert_eq!(outcome.took, Duration::from_millis(30));
    assert!(notes[0].contains("has no end") && notes[0].ends_with(", 5 had begun"), "{notes:?}");
    assert_eq!(notes[1], "note: no file is of shard 2/2");
    let more = "nonsense\n".to_owned() + &serde_json::to_string(&ended()).expect("plain data");
    let refused =
        read(&[folder.file("damaged", &lines, &more)]).expect_err("a line in the middle").to_string();
    assert!(refused.contains("line 6, is no result"), "{refused}");
}
