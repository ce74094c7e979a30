//! Histories that other systems left, with the verdicts known for them: see `tests/histories/README.md`.

use std::{fs, path::Path};

use linearizability::{
    Verdict, check, check_while,
    recorded::{AppendMap, Register, read_append_map, read_register},
};

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
            "register" => check::<Register>(&read_register(&read(file)).expect(file), usize::MAX),
            _ => check::<AppendMap>(&read_append_map(&read(file)).expect(file), usize::MAX),
        };
        assert_eq!(verdict == Verdict::Linearizable, expected == "linearizable", "{file}");
        count += 1;
    }
    assert!(count >= 60, "only {count} histories");
}

#[test]
fn what_a_format_does_not_allow_is_named_with_its_line() {
    let of_register = |text: &str| read_register(text).expect_err(text).to_string();
    let of_map = |text: &str| read_append_map(text).expect_err(text).to_string();
    for (told, expected) in [
        (of_register("x\nINFO  jepsen.util - 0 :invoke :pop 1"), "line 2: :pop 1 is no call of a register"),
        (of_register("INFO  jepsen.util - 0 :ok :read 1"), "line 1: process 0 has called nothing"),
        (
            of_register("INFO  jepsen.util - 0 :later :read 1"),
            "line 1: :later is none of :invoke, :ok, :fail and :info",
        ),
        (
            of_register("INFO  jepsen.util - 0 :invoke :read nil\nINFO  jepsen.util - 0 :ok :read x7"),
            "line 2: a read saw x7: a number, or nil, is what it can see",
        ),
        (
            of_register("INFO  jepsen.util - 0 :invoke :write 1\nINFO  jepsen.util - 0 :invoke :write 2"),
            "line 2: process 0 calls, and its call of line 1 is not answered",
        ),
        (of_map("{:process 1, :f :get, :key \"a\"}"), "line 1: there is no :type"),
        (of_map("{:process 1, :type :ok, :f :get}"), "line 1: process 1 has called nothing"),
        (
            of_map("{:process 1, :type :invoke, :f :pop, :key \"a\"}"),
            "line 1: :pop is none of :get, :put and :append",
        ),
    ] {
        assert_eq!(told, expected);
    }
}

#[test]
fn what_fails_did_not_happen_and_numbers_may_be_negative() {
    let judged = |lines: &[&str]| {
        let lines: Vec<String> = lines.iter().map(|line| format!("INFO  jepsen.util - {line}")).collect();
        check::<Register>(&read_register(&lines.join("\n")).expect("it is well formed"), usize::MAX)
    };
    let failed = ["0 :invoke :write 1", "0 :fail :write 1", "0 :invoke :read nil", "0 :ok :read nil"];
    assert_eq!(judged(&failed), Verdict::Linearizable);
    let negative = ["0 :invoke :write -1", "0 :ok :write -1", "0 :invoke :read nil", "0 :ok :read -1"];
    assert_eq!(judged(&negative), Verdict::Linearizable);
    let map = |kind: &str, seen: &str| {
        let lines = [
            format!(
                "{{:process 1, :type :invoke, :f :put, :key \"k\", :value \"v\"}}\n{{:process 1, :type {kind}, :f :put, :key \"k\", :value \"v\"}}"
            ),
            format!(
                "{{:process 2, :type :invoke, :f :get, :key \"k\", :value nil}}\n{{:process 2, :type :ok, :f :get, :key \"k\", :value \"{seen}\"}}"
            ),
        ];
        let history = read_append_map(&lines.join("\n")).expect("it is well formed");
        check::<AppendMap>(&history, usize::MAX) == Verdict::Linearizable
    };
    assert!(map(":fail", "") && !map(":fail", "v"), "what fails did not happen");
    assert!(map(":info", "") && map(":info", "v"), "what nobody knows of may have");
    assert!(map(":ok", "v") && !map(":ok", ""));
}

#[test]
fn a_search_ends_when_it_is_told_to() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let text = fs::read_to_string(folder.join("etcd_000.log")).expect("the histories are in the repository");
    let history = read_register(&text).expect("it is well formed");
    let mut asked = 0;
    let verdict = check_while::<Register>(&history, &mut |effort| {
        asked += 1;
        effort.steps < 100
    });
    assert!(matches!(verdict, Verdict::Exhausted(_)), "{verdict:?}");
    assert_eq!(asked, 100);
}
