//! Each kind of violation alone, beside what only looks like it.

use linearizability::{
    Claim, Contradiction, Model, Operation, Reason, Testimony, Witnessed, check_witnessed,
    kv::{Kv, Pair},
};

use crate::histories::{KvOperation, delete, got, maybe_deleted, maybe_put, pair, put, ranged};

const STEPS_MAX: usize = 10_000;

fn is_explained(operations: &[KvOperation]) {
    assert_eq!(check_witnessed::<Kv>(operations, STEPS_MAX), Testimony::Linearizable);
}

/// The operation, what is wrong with it, and what contradicts it.
fn contradiction(operations: &[KvOperation]) -> (usize, Reason, Option<usize>) {
    match check_witnessed::<Kv>(operations, STEPS_MAX) {
        Testimony::Contradicted(Contradiction { operation, reason, by, .. }) => (operation, reason, by),
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_writes_of_one_revision() {
    is_explained(&[put("a", "x", 2, (0, 1)), put("b", "y", 3, (0, 1))]);
    let history = [put("a", "x", 2, (0, 1)), put("b", "y", 2, (0, 1))];
    assert_eq!(contradiction(&history), (1, Reason::RevisionTaken, Some(0)));
}

#[test]
fn a_write_that_had_returned_when_one_of_a_lower_revision_was_called() {
    is_explained(&[put("a", "x", 3, (0, 5)), put("b", "y", 2, (4, 9))]);
    let history = [put("a", "x", 3, (0, 3)), put("b", "y", 2, (4, 9))];
    assert_eq!(contradiction(&history), (0, Reason::BeforeItsTime, Some(1)));
}

#[test]
fn a_read_of_another_key_that_is_older_than_an_earlier_read() {
    let write = || put("a", "x", 2, (0, 9));
    is_explained(&[write(), got("b", None, 1, (1, 3)), got("c", None, 2, (2, 4))]);
    let history = [write(), got("b", None, 2, (1, 2)), got("c", None, 1, (3, 4))];
    assert_eq!(contradiction(&history), (1, Reason::BeforeItsTime, Some(2)), "no key was read twice");
}

#[test]
fn a_read_of_a_write_that_was_not_called_yet() {
    let history = [got("a", Some(pair("x", 2, 1)), 2, (0, 1)), put("a", "x", 2, (2, 3))];
    assert_eq!(contradiction(&history), (0, Reason::BeforeItsTime, Some(1)));
}

#[test]
fn a_value_that_was_overwritten() {
    let writes = || vec![put("a", "x", 2, (0, 1)), put("a", "y", 3, (2, 3))];
    let and = |read| [writes(), vec![read]].concat();
    is_explained(&and(got("a", Some(pair("y", 3, 2)), 3, (4, 5))));
    let history = and(got("a", Some(pair("x", 2, 1)), 3, (4, 5)));
    assert_eq!(contradiction(&history), (2, Reason::WrongAnswer, Some(1)));
}

#[test]
fn a_value_that_is_another_one() {
    let history = [put("a", "x", 2, (0, 1)), got("a", Some(pair("z", 2, 1)), 2, (2, 3))];
    assert_eq!(contradiction(&history), (1, Reason::WrongAnswer, Some(0)));
}

#[test]
fn a_write_that_is_lost() {
    let history = [put("a", "x", 2, (0, 1)), got("a", None, 2, (2, 3))];
    assert_eq!(contradiction(&history), (1, Reason::WrongAnswer, Some(0)));
}

#[test]
fn a_write_that_counts_twice() {
    let once = [put("a", "x", 2, (0, 1)), got("a", Some(pair("x", 2, 2)), 2, (2, 3))];
    assert_eq!(contradiction(&once), (1, Reason::WrongAnswer, Some(0)));
    let applied_again = [put("a", "x", 2, (0, 1)), put("b", "y", 4, (2, 3))];
    assert_eq!(contradiction(&applied_again), (1, Reason::NobodysRevision(3), None), "nobody need read it");
}

#[test]
fn a_deletion_of_nothing_that_deleted_and_one_of_something_that_did_not() {
    is_explained(&[put("a", "x", 2, (0, 1)), delete("a", true, 3, (2, 3)), delete("a", false, 3, (4, 5))]);
    assert_eq!(contradiction(&[delete("a", true, 2, (0, 1))]), (0, Reason::WrongAnswer, None));
    let history = [put("a", "x", 2, (0, 1)), delete("a", false, 2, (2, 3))];
    assert_eq!(contradiction(&history), (1, Reason::WrongAnswer, Some(0)));
}

#[test]
fn a_range_that_is_of_no_one_moment() {
    let writes = || vec![put("a", "x", 2, (0, 1)), put("b", "y", 3, (0, 9)), put("c", "z", 4, (0, 9))];
    let range = |pairs: &[(&str, Pair)], revision| {
        [writes(), vec![ranged("a", "c", pairs, revision, (2, 8))]].concat()
    };
    is_explained(&range(&[("a", pair("x", 2, 1)), ("b", pair("y", 3, 1))], 4));
    is_explained(&range(&[("a", pair("x", 2, 1))], 2));
    let without_b = range(&[("a", pair("x", 2, 1))], 3);
    assert_eq!(contradiction(&without_b), (3, Reason::WrongAnswer, Some(1)));
    let with_b = range(&[("a", pair("x", 2, 1)), ("b", pair("y", 3, 1))], 2);
    assert_eq!(contradiction(&with_b), (3, Reason::WrongAnswer, Some(0)));
    let with_c = range(&[("a", pair("x", 2, 1)), ("b", pair("y", 3, 1)), ("c", pair("z", 4, 1))], 4);
    assert_eq!(contradiction(&with_c), (3, Reason::WrongAnswer, Some(1)), "the end is not part of it");
}

#[test]
fn a_value_that_nobody_wrote() {
    let read = || got("a", Some(pair("x", 2, 1)), 2, (4, 5));
    is_explained(&[maybe_put("a", "x", 0), read()]);
    is_explained(&[maybe_put("a", "x", 5), read()]);
    assert_eq!(contradiction(&[read()]), (0, Reason::NobodysRevision(2), None));
    assert_eq!(contradiction(&[maybe_put("b", "x", 0), read()]), (1, Reason::NeverWritten(2), None));
    assert_eq!(contradiction(&[maybe_put("a", "y", 0), read()]), (1, Reason::NeverWritten(2), None));
}

#[test]
fn a_write_of_unknown_outcome_that_was_called_too_late() {
    let read = || got("a", Some(pair("x", 2, 1)), 2, (4, 5));
    assert_eq!(contradiction(&[maybe_put("a", "x", 6), read()]), (1, Reason::NobodysRevision(2), None));
    let one_in_time = [maybe_put("a", "x", 6), maybe_put("b", "y", 0), read()];
    assert_eq!(contradiction(&one_in_time), (2, Reason::NeverWritten(2), None));
}

#[test]
fn a_write_of_unknown_outcome_that_is_seen_twice() {
    let history = [
        maybe_put("a", "x", 0),
        maybe_put("b", "y", 0),
        got("a", Some(pair("x", 2, 1)), 2, (1, 2)),
        got("a", Some(pair("x", 3, 2)), 3, (3, 4)),
    ];
    let (_, reason, _) = contradiction(&history);
    assert!(matches!(reason, Reason::NeverWritten(2 | 3)), "{reason:?}");
}

#[test]
fn a_write_of_unknown_outcome_may_happen_never_or_late_or_unseen() {
    let unknown = || maybe_put("a", "x", 0);
    is_explained(&[unknown(), got("a", None, 1, (5, 6))]);
    is_explained(&[unknown(), got("a", None, 1, (5, 6)), got("a", Some(pair("x", 2, 1)), 2, (7, 8))]);
    is_explained(&[unknown(), put("a", "y", 3, (5, 6)), got("a", Some(pair("y", 3, 2)), 3, (7, 8))]);
    let unseen_but_not_counted =
        [unknown(), put("a", "y", 3, (5, 6)), got("a", Some(pair("y", 3, 1)), 3, (7, 8))];
    assert_eq!(contradiction(&unseen_but_not_counted), (2, Reason::WrongAnswer, Some(1)));
}

#[test]
fn a_revision_that_no_write_can_have_led_to() {
    let skipped = |unknown| vec![put("a", "x", 2, (0, 1)), put("a", "y", 4, (2, 3)), unknown];
    is_explained(&skipped(maybe_put("b", "z", 1)));
    is_explained(&skipped(maybe_put("b", "z", 3)));
    let called_later = skipped(maybe_put("b", "z", 4));
    assert_eq!(contradiction(&called_later), (1, Reason::NobodysRevision(3), None));
    let of_nothing = skipped(maybe_deleted("b", 0));
    assert_eq!(contradiction(&of_nothing), (1, Reason::NobodysRevision(3), None), "it changes nothing");
}

#[test]
fn which_write_of_unknown_outcome_happened_is_found_out() {
    let history = |last| {
        vec![
            put("a", "x", 2, (0, 1)),
            maybe_deleted("a", 2),
            maybe_put("b", "y", 3),
            maybe_put("c", "z", 4),
            put("d", "w", 4, (5, 6)),
            last,
        ]
    };
    is_explained(&history(got("a", None, 4, (7, 8))));
    is_explained(&history(got("a", Some(pair("x", 2, 1)), 4, (7, 8))));
    let neither =
        [history(got("a", None, 4, (7, 8))), vec![got("b", Some(pair("y", 3, 1)), 4, (7, 8))]].concat();
    let (operation, reason, _) = contradiction(&neither);
    assert_eq!(
        (operation, reason),
        (5, Reason::WrongAnswer),
        "revision 3 is that of b, so a was not deleted"
    );
}

#[test]
fn revisions_before_that_of_an_empty_store_and_far_beyond_it() {
    assert_eq!(contradiction(&[got("a", None, 0, (0, 1))]), (0, Reason::WrongAnswer, None));
    assert_eq!(contradiction(&[put("a", "x", i64::MIN, (0, 1))]), (0, Reason::WrongAnswer, None));
    let far = got("a", None, i64::MAX, (0, 1));
    assert_eq!(contradiction(&[far]), (0, Reason::NobodysRevision(2), None));
}

#[test]
fn what_comes_before_the_failure_is_in_order() {
    let history = [
        got("b", Some(pair("z", 4, 1)), 4, (8, 9)),
        put("a", "y", 3, (2, 3)),
        maybe_put("b", "z", 0),
        put("a", "x", 2, (0, 1)),
        got("a", Some(pair("x", 2, 1)), 4, (8, 9)),
    ];
    let Testimony::Contradicted(Contradiction { operation, explained, by, .. }) =
        check_witnessed::<Kv>(&history, STEPS_MAX)
    else {
        panic!("a stale read")
    };
    assert_eq!((operation, by), (4, Some(1)));
    assert_eq!(explained, [3, 1, 2, 0]);
}

#[test]
fn a_witness_without_time_says_so() {
    let history = [put("a", "x", 2, (0, 1)), put("a", "y", 3, (2, 3))];
    let Testimony::Undecided(contradiction) = check_witnessed::<Kv>(&history, 1) else {
        panic!("one step is not enough")
    };
    let expected = Contradiction { operation: 1, reason: Reason::NotReached, by: None, explained: vec![0] };
    assert_eq!(contradiction, expected);
}

/// A register whose writes tell a revision, and whose reads do not.
struct Silent;

impl Model for Silent {
    type State = (i64, u8);
    type Call = Option<u8>;
    type Return = Option<i64>;

    fn initial() -> Self::State {
        (0, 0)
    }

    fn step(state: &Self::State, call: &Option<u8>, _: Option<&Option<i64>>) -> Option<Self::State> {
        Some(call.map_or(*state, |value| (state.0 + 1, value)))
    }

    fn revision(state: &Self::State) -> i64 {
        state.0
    }
}

impl Witnessed for Silent {
    type Undo = Self::State;
    type Key = ();

    fn claim(returned: &Option<i64>) -> Claim {
        returned.map_or(Claim::Nothing, Claim::Wrote)
    }

    fn advance(
        state: &mut Self::State,
        call: &Option<u8>,
        returned: Option<&Option<i64>>,
    ) -> Option<Self::Undo> {
        let after = Self::step(state, call, returned)?;
        Some(std::mem::replace(state, after))
    }

    fn undo(state: &mut Self::State, undo: Self::Undo) {
        *state = undo;
    }

    fn concerns(_: &Option<u8>, _: &Option<u8>) -> bool {
        true
    }

    fn key(_: &Option<u8>) -> Option<&()> {
        Some(&())
    }
}

#[test]
fn an_answer_that_tells_no_revision_decides_nothing() {
    let write = Operation { called: 0, returned: Some((1, Some(1))), call: Some(7) };
    let read = Operation { called: 2, returned: Some((3, None)), call: None };
    let testimony = check_witnessed::<Silent>(&[write.clone(), read], STEPS_MAX);
    assert!(matches!(
        testimony,
        Testimony::Undecided(Contradiction { operation: 1, reason: Reason::NoClaim, .. })
    ));
    assert_eq!(check_witnessed::<Silent>(&[write], STEPS_MAX), Testimony::Linearizable);
}
