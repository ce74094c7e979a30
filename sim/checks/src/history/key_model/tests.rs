//! The model of a key against histories whose verdict is plain, and against the definition.

use linearizability::{Evidence, Verdict, check, exhaustive};
use proptest::prelude::*;

use super::*;

const STEPS_MAX: usize = 1_000_000;

type KeyOperation = Operation<KeyCall, KeyReturn>;

fn key(change: KeyChange) -> KeyCall {
    KeyCall { key: "k".to_owned(), change }
}

fn returned(revision: i64, answer: KeyAnswer) -> KeyReturn {
    let changes = !matches!(answer, KeyAnswer::Got(_) | KeyAnswer::Deleted(Some(false)));
    KeyReturn { revision, before: revision - i64::from(changes), answer }
}

fn put(value: &str, called: u64, told: Option<(u64, i64)>) -> KeyOperation {
    let returned = told.map(|(at, revision)| (at, returned(revision, KeyAnswer::Put)));
    Operation { called, returned, call: key(KeyChange::Put { value: value.to_owned(), learned: None }) }
}

/// The store's revision is that of the pair, or (for an absent one) that of an empty store.
fn got(found: Option<(&str, i64, i64)>, called: u64, at: u64) -> KeyOperation {
    let revision = found.map_or(1, |(_, revision, _)| revision);
    let found = found.map(|(value, revision, version)| (value.to_owned(), revision, version));
    let returned = Some((at, returned(revision, KeyAnswer::Got(found))));
    Operation { called, returned, call: key(KeyChange::Get) }
}

fn is_linearizable(operations: &[KeyOperation]) -> bool {
    check::<KeyModel>(operations, STEPS_MAX) == Verdict::Linearizable
}

#[test]
fn a_stale_read_is_caught_and_the_longest_order_explained() {
    let history = [put("a", 0, Some((1, 2))), put("b", 2, Some((3, 3))), got(Some(("a", 2, 1)), 4, 5)];
    let verdict = check::<KeyModel>(&history, STEPS_MAX);
    let evidence = Evidence { part: vec![0, 1, 2], explained: vec![0], stuck: vec![1, 2] };
    assert_eq!(verdict, Verdict::NotLinearizable(evidence));
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
fn what_was_there_before_a_write_is_judged() {
    let replaced = |previous: Option<(&str, i64, i64)>| {
        let seen = previous.map(|(value, revision, version)| (value.to_owned(), revision, version));
        let told = Some((3, returned(3, KeyAnswer::Replaced(seen))));
        Operation { returned: told, ..put("b", 2, None) }
    };
    assert!(is_linearizable(&[put("a", 0, Some((1, 2))), replaced(Some(("a", 2, 1)))]));
    assert!(!is_linearizable(&[put("a", 0, Some((1, 2))), replaced(None)]));
    assert!(!is_linearizable(&[put("a", 0, Some((1, 2))), replaced(Some(("a", 2, 2)))]));
}

#[test]
fn a_delete_that_does_not_say_whether_anything_was_there_still_deletes() {
    let told = Some((3, returned(3, KeyAnswer::Deleted(None))));
    let delete = Operation { called: 2, returned: told, call: key(KeyChange::Delete) };
    let put = put("a", 0, Some((1, 2)));
    let absent_at_3 = Operation {
        called: 4,
        returned: Some((5, returned(3, KeyAnswer::Got(None)))),
        call: key(KeyChange::Get),
    };
    assert!(is_linearizable(&[put.clone(), delete.clone(), absent_at_3]));
    assert!(!is_linearizable(&[put, delete, got(Some(("a", 2, 1)), 4, 5)]));
}

#[test]
fn a_write_applied_twice_shows_in_the_version() {
    assert!(!is_linearizable(&[put("a", 0, Some((1, 2))), got(Some(("a", 2, 2)), 2, 3)]));
}

/// Each pair of them may lie between any two of the others: to come there without them is all that needs to be remembered.
#[test]
fn dozens_of_writes_of_unknown_outcome_on_one_key_are_decided() {
    let rounds = 30;
    let unknown = (0..60).map(|called| match called % 3 {
        0 => Operation { called, returned: None, call: key(KeyChange::Delete) },
        _ => put("(never read)", called, None),
    });
    let revision_of = |round: u64| 100 * (1 + round as i64);
    let known = (0..rounds).flat_map(|round| {
        let (called, revision) = (100 + 10 * round, revision_of(round));
        let told = Some((called + 3, returned(revision + 50, KeyAnswer::Deleted(Some(true)))));
        let delete = Operation { called: called + 2, returned: told, call: key(KeyChange::Delete) };
        [put("a", called, Some((called + 1, revision))), delete]
    });
    let mut history: Vec<KeyOperation> = unknown.chain(known).collect();
    let last = |version| {
        let revision = revision_of(rounds);
        [put("b", 9_000, Some((9_001, revision))), got(Some(("b", revision, version)), 9_002, 9_003)]
    };
    history.extend(last(41));
    let decided = |history: &[KeyOperation]| check::<KeyModel>(history, 200_000);
    assert_eq!(decided(&history), Verdict::Linearizable, "all puts took place after the last deletion");
    history.truncate(history.len() - 2);
    history.extend(last(42));
    assert!(matches!(decided(&history), Verdict::NotLinearizable(_)), "there were not so many");
}

/// Which of them come before a write of unknown outcome makes no difference: they are not chosen among.
#[test]
fn dozens_of_reads_at_once_are_decided() {
    let unknown = (0..5).map(|called| put("(never read)", called, None));
    let reads = (10..50).map(|called| got(Some(("a", 2, 1)), called, 100 + called));
    let last = |version| [put("b", 60, Some((200, 9))), got(Some(("b", 9, version)), 61, 201)];
    let ends_with = |version| {
        let history: Vec<KeyOperation> = unknown
            .clone()
            .chain([put("a", 5, Some((99, 2)))])
            .chain(reads.clone())
            .chain(last(version))
            .collect();
        check::<KeyModel>(&history, 20_000)
    };
    assert_eq!(ends_with(7), Verdict::Linearizable, "all of unknown outcome took place");
    assert!(matches!(ends_with(8), Verdict::NotLinearizable(_)), "there were not so many");
}

/// All of them lie between two revisions, long before somebody reads how many they were.
#[test]
fn hundreds_of_writes_of_unknown_outcome_before_many_others_are_decided() {
    let unknown = (0..400).map(|called| put("(never read)", called, None));
    let others = (0..100_u64).map(|number| {
        let called = 1_000 + number;
        put(&format!("b{number}"), called, Some((2_000 + number, 402 + number as i64)))
    });
    let last = |version| [put("c", 1_200, Some((3_000, 502))), got(Some(("c", 502, version)), 1_201, 3_001)];
    let ends_with = |version| {
        let history: Vec<KeyOperation> = [put("a", 5, Some((999, 2)))]
            .into_iter()
            .chain(unknown.clone())
            .chain(others.clone())
            .chain(last(version))
            .collect();
        check::<KeyModel>(&history, 100_000)
    };
    assert_eq!(ends_with(501), Verdict::Linearizable, "but for one, all took place after the first");
    assert!(matches!(ends_with(503), Verdict::NotLinearizable(_)), "there were not so many");
}

fn any_operation() -> impl Strategy<Value = KeyOperation> {
    let value = prop_oneof![Just("a"), Just("b")];
    let found = prop::option::of((value.clone(), 2..5_i64, 1..3_i64));
    (0..12_u64, 1..8_u64, 0..8, value, 2..5_i64, found).prop_map(
        |(called, span, kind, value, revision, found)| {
            let at = called + span;
            match kind {
                0..=1 => put(value, called, Some((at, revision))),
                2 => put(value, called, None),
                4 => Operation { called, returned: None, call: key(KeyChange::Delete) },
                3 => Operation {
                    called,
                    returned: Some((at, returned(revision, KeyAnswer::Deleted(Some(revision % 2 == 0))))),
                    call: key(KeyChange::Delete),
                },
                _ => got(found, called, at),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn the_search_agrees_with_the_definition(operations in prop::collection::vec(any_operation(), 0..7)) {
        prop_assert_eq!(is_linearizable(&operations), exhaustive::is_linearizable::<KeyModel>(&operations));
    }
}
