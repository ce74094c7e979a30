//! The checker against histories whose verdict is known: small ones by hand, every order of tiny random ones, and
//! recorded ones of other systems (sim/tests/histories).

use proptest::prelude::*;

use super::*;

const STEPS_MAX: usize = 1_000_000;

type KeyOperation = Operation<KeyCall, KeyReturn>;

fn put(value: &str, called: u64, returned: Option<(u64, i64)>) -> KeyOperation {
    let returned = returned.map(|(at, revision)| (at, KeyReturn { revision, answer: KeyAnswer::Put }));
    Operation { called, returned, call: KeyCall::Put { value: value.to_owned(), learned: None } }
}

/// The store's revision is that of the pair, or (for an absent one) that of an empty store.
fn got(found: Option<(&str, i64, i64)>, called: u64, returned: u64) -> KeyOperation {
    let revision = found.map_or(1, |(_, revision, _)| revision);
    let found = found.map(|(value, revision, version)| (value.to_owned(), revision, version));
    let returned = Some((returned, KeyReturn { revision, answer: KeyAnswer::Got(found) }));
    Operation { called, returned, call: KeyCall::Get }
}

fn is_linearizable(operations: &[KeyOperation]) -> bool {
    check::<KeyModel>(operations, STEPS_MAX) == Verdict::Linearizable
}

#[test]
fn a_stale_read_is_caught_and_the_longest_order_explained() {
    let history = [put("a", 0, Some((1, 2))), put("b", 2, Some((3, 3))), got(Some(("a", 2, 1)), 4, 5)];
    let verdict = check::<KeyModel>(&history, STEPS_MAX);
    assert_eq!(verdict, Verdict::NotLinearizable { explained: vec![0], stuck: vec![1, 2] });
}

#[test]
fn overlapping_operations_may_be_ordered_either_way() {
    assert!(is_linearizable(&[put("a", 0, Some((9, 2))), got(None, 1, 2), got(Some(("a", 2, 1)), 3, 4)]));
    assert!(!is_linearizable(&[put("a", 0, Some((9, 2))), got(Some(("a", 2, 1)), 1, 2), got(None, 3, 4)]));
}

#[test]
fn a_write_of_unknown_outcome_may_happen_late_or_never_but_not_twice() {
    let unknown = put("a", 0, None);
    assert!(is_linearizable(&[unknown.clone(), got(None, 5, 6)]));
    assert!(is_linearizable(&[unknown.clone(), got(None, 5, 6), got(Some(("a", 2, 1)), 7, 8)]));
    let seen_twice =
        [unknown, got(Some(("a", 2, 1)), 1, 2), put("b", 3, Some((4, 3))), got(Some(("a", 4, 3)), 5, 6)];
    assert!(!is_linearizable(&seen_twice));
}

#[test]
fn a_value_that_nobody_wrote_is_caught() {
    assert!(!is_linearizable(&[got(Some(("x", 2, 1)), 0, 1)]));
}

#[test]
fn a_write_applied_twice_shows_in_the_version() {
    assert!(!is_linearizable(&[put("a", 0, Some((1, 2))), got(Some(("a", 2, 2)), 2, 3)]));
}

#[test]
fn a_search_without_steps_left_says_so() {
    let history = [put("a", 0, Some((1, 2)))];
    assert_eq!(check::<KeyModel>(&history, 0), Verdict::Exhausted { explained: vec![], stuck: vec![] });
}

#[test]
fn recorded_histories_of_other_systems_get_their_known_verdicts() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let verdicts =
        std::fs::read_to_string(folder.join("verdicts.tsv")).expect("the verdicts are in the repository");
    let mut count = 0;
    for row in verdicts.lines().skip(1) {
        let [file, model, expected] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("bad row: {row}")
        };
        let text = std::fs::read_to_string(folder.join(file)).expect("the histories are in the repository");
        let linearizable = match model {
            "register" => check::<Register>(&recorded::register(&text), usize::MAX) == Verdict::Linearizable,
            _ => recorded::append_map(&text)
                .values()
                .all(|operations| check::<AppendMap>(operations, usize::MAX) == Verdict::Linearizable),
        };
        assert_eq!(linearizable, expected == "linearizable", "{file}");
        count += 1;
    }
    assert!(count >= 60, "only {count} histories");
}

/// Reads the formats that sim/tests/histories/README.md describes.
mod recorded {
    use std::collections::BTreeMap;

    use super::*;

    type RegisterOperation = Operation<RegisterCall, RegisterReturn>;
    type AppendOperation = Operation<AppendCall, Option<String>>;

    pub(super) fn register(text: &str) -> Vec<RegisterOperation> {
        let mut operations = Vec::new();
        let mut open: BTreeMap<&str, RegisterOperation> = BTreeMap::new();
        for (time, line) in text.lines().enumerate() {
            let Some((_, rest)) = line.split_once(" - ") else { continue };
            let fields: Vec<&str> = rest.split_whitespace().collect();
            let [process, kind, function, ..] = fields[..] else { continue };
            let argument = fields[3..].join(" ");
            match kind {
                ":invoke" => {
                    let call = register_call(function, &argument);
                    open.insert(process, Operation { called: time as u64, returned: None, call });
                }
                ":info" => operations.extend(open.remove(process)),
                _ => {
                    let Some(mut operation) = open.remove(process) else { continue };
                    if (kind, function) == (":fail", ":read") {
                        continue;
                    }
                    let answer = match (kind, function) {
                        (":fail", _) => RegisterReturn::Failed,
                        (_, ":read") => RegisterReturn::Value(argument.parse().ok()),
                        _ => RegisterReturn::Done,
                    };
                    operation.returned = Some((time as u64, answer));
                    operations.push(operation);
                }
            }
        }
        operations.extend(open.into_values());
        operations
    }

    fn register_call(function: &str, argument: &str) -> RegisterCall {
        let numbers: Vec<i64> =
            argument.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
        match (function, &numbers[..]) {
            (":read", _) => RegisterCall::Read,
            (":write", [value]) => RegisterCall::Write(*value),
            (":cas", [old, new]) => RegisterCall::CompareAndSet(*old, *new),
            other => panic!("an unknown call: {other:?}"),
        }
    }

    pub(super) fn append_map(text: &str) -> BTreeMap<String, Vec<AppendOperation>> {
        let mut operations: BTreeMap<String, Vec<AppendOperation>> = BTreeMap::new();
        let mut open: BTreeMap<String, (String, AppendOperation)> = BTreeMap::new();
        for (time, line) in text.lines().enumerate() {
            let field = |name: &str| {
                let rest = line.split_once(&format!("{name} ")).map_or("", |(_, rest)| rest);
                match rest.strip_prefix('"') {
                    Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
                    None => rest.split([',', '}']).next().unwrap_or_default().to_owned(),
                }
            };
            let process = field(":process");
            match field(":type").as_str() {
                ":invoke" => {
                    let call = match field(":f").as_str() {
                        ":get" => AppendCall::Get,
                        ":put" => AppendCall::Put(field(":value")),
                        _ => AppendCall::Append(field(":value")),
                    };
                    open.insert(
                        process,
                        (field(":key"), Operation { called: time as u64, returned: None, call }),
                    );
                }
                _ => {
                    let (key, mut operation) = open.remove(&process).expect("a return follows its call");
                    let answer = (operation.call == AppendCall::Get).then(|| field(":value"));
                    operation.returned = Some((time as u64, answer));
                    operations.entry(key).or_default().push(operation);
                }
            }
        }
        operations
    }
}

/// Every order of every subset: too slow for anything but tiny histories, and too simple to be wrong.
fn by_brute_force(operations: &[KeyOperation], done: u32, state: &KeyState) -> bool {
    let owed = |number: usize| done & (1 << number) == 0 && operations[number].returned.is_some();
    if !(0..operations.len()).any(owed) {
        return true;
    }
    (0..operations.len()).filter(|number| done & (1 << number) == 0).any(|number| {
        let operation = &operations[number];
        let overtaken = (0..operations.len())
            .filter(|&other| other != number && owed(other))
            .any(|other| operations[other].returned.as_ref().is_some_and(|(at, _)| *at < operation.called));
        let answer = operation.returned.as_ref().map(|(_, answer)| answer);
        let after = KeyModel::step(state, &operation.call, answer);
        !overtaken && after.is_some_and(|after| by_brute_force(operations, done | 1 << number, &after))
    })
}

fn any_operation() -> impl Strategy<Value = KeyOperation> {
    let value = prop_oneof![Just("a"), Just("b")];
    let found = prop::option::of((value.clone(), 2..5_i64, 1..3_i64));
    (0..12_u64, 1..8_u64, 0..8, value, 2..5_i64, found).prop_map(
        |(called, span, kind, value, revision, found)| {
            let returned = called + span;
            match kind {
                0..=1 => put(value, called, Some((returned, revision))),
                2 => put(value, called, None),
                4 => Operation { called, returned: None, call: KeyCall::Delete },
                3 => Operation {
                    called,
                    returned: Some((
                        returned,
                        KeyReturn { revision, answer: KeyAnswer::Deleted(revision % 2 == 0) },
                    )),
                    call: KeyCall::Delete,
                },
                _ => got(found, called, returned),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn the_search_agrees_with_brute_force(operations in prop::collection::vec(any_operation(), 0..7)) {
        let expected = by_brute_force(&operations, 0, &KeyState::default());
        prop_assert_eq!(is_linearizable(&operations), expected);
    }
}
