//! Histories that other systems left, with the verdicts known for them: see `tests/histories/README.md`.

mod models;
mod readers;

use std::{fs, path::Path};

use linearizability::{Verdict, check};
use models::{AppendMap, Register};

#[test]
fn recorded_histories_of_other_systems_get_their_known_verdicts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let read =
        |file: &str| fs::read_to_string(folder.join(file)).expect("the histories are in the repository");
    let mut count = 0;
    for row in read("verdicts.tsv").lines().skip(1) {
        let [file, model, expected] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("bad row: {row}")
        };
        let verdict = match model {
            "register" => check::<Register>(&readers::register(&read(file)), usize::MAX),
            _ => check::<AppendMap>(&readers::append_map(&read(file)), usize::MAX),
        };
        assert_eq!(verdict == Verdict::Linearizable, expected == "linearizable", "{file}");
        count += 1;
    }
    assert!(count >= 60, "only {count} histories");
}
