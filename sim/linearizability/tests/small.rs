//! Small histories whose verdict is plain, and tiny random ones against the definition.

use linearizability::{Evidence, Model, Operation, Verdict, check, exhaustive, partition_by_key};
use proptest::prelude::*;

const STEPS_MAX: usize = 1_000_000;

/// Registers that count their writes, and tell the count: the state is that of one register.
struct CountingRegisters;

#[derive(Clone, Debug, PartialEq)]
struct Call {
    register: u8,
    /// None: it is read.
    write: Option<u8>,
}

/// What a register holds, and how many writes that took, this one included.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    value: Option<u8>,
    writes: i64,
}

/// The count is that after the operation; a read returns the value too.
#[derive(Clone, Debug)]
enum Returned {
    Written(i64),
    Read(Counted),
}

impl Model for CountingRegisters {
    type State = Counted;
    type Call = Call;
    type Return = Returned;

    fn initial() -> Counted {
        Counted::default()
    }

    fn step(state: &Counted, call: &Call, returned: Option<&Returned>) -> Option<Counted> {
        let after = match call.write {
            None => state.clone(),
            Some(value) => Counted { value: Some(value), writes: state.writes + 1 },
        };
        let fits = match (call.write, returned) {
            (_, None) => true,
            (Some(_), Some(Returned::Written(writes))) => *writes == after.writes,
            (None, Some(Returned::Read(read))) => *read == after,
            _ => false,
        };
        fits.then_some(after)
    }

    fn partition(operations: &[Operation<Call, Returned>]) -> Vec<Vec<usize>> {
        partition_by_key(operations, |call| call.register)
    }

    fn revision(state: &Counted) -> i64 {
        state.writes
    }

    fn latest_revision(returned: &Returned) -> i64 {
        match returned {
            Returned::Written(writes) => writes - 1,
            Returned::Read(read) => read.writes,
        }
    }
}

fn write(value: u8, called: u64, returned: Option<(u64, i64)>) -> Operation<Call, Returned> {
    let returned = returned.map(|(at, writes)| (at, Returned::Written(writes)));
    Operation { called, returned, call: Call { register: 0, write: Some(value) } }
}

fn read(value: Option<u8>, writes: i64, called: u64, returned: u64) -> Operation<Call, Returned> {
    let returned = Some((returned, Returned::Read(Counted { value, writes })));
    Operation { called, returned, call: Call { register: 0, write: None } }
}

fn of_register(register: u8, operation: Operation<Call, Returned>) -> Operation<Call, Returned> {
    Operation { call: Call { register, ..operation.call }, ..operation }
}

fn is_linearizable(operations: &[Operation<Call, Returned>]) -> bool {
    check::<CountingRegisters>(operations, STEPS_MAX) == Verdict::Linearizable
}

#[test]
fn a_stale_read_is_caught_and_the_longest_order_explained() {
    let history = [write(1, 0, Some((1, 1))), write(2, 2, Some((3, 2))), read(Some(1), 1, 4, 5)];
    let evidence = Evidence { part: vec![0, 1, 2], explained: vec![0], stuck: vec![1, 2] };
    assert_eq!(check::<CountingRegisters>(&history, STEPS_MAX), Verdict::NotLinearizable(evidence));
}

#[test]
fn overlapping_operations_may_be_ordered_either_way() {
    assert!(is_linearizable(&[write(1, 0, Some((9, 1))), read(None, 0, 1, 2), read(Some(1), 1, 3, 4)]));
    assert!(!is_linearizable(&[write(1, 0, Some((9, 1))), read(Some(1), 1, 1, 2), read(None, 0, 3, 4)]));
}

#[test]
fn a_write_of_unknown_outcome_may_happen_late_or_never_but_not_twice() {
    let unknown = write(1, 0, None);
    assert!(is_linearizable(&[unknown.clone(), read(None, 0, 5, 6)]));
    assert!(is_linearizable(&[unknown.clone(), read(None, 0, 5, 6), read(Some(1), 1, 7, 8)]));
    let seen_twice = [unknown, read(Some(1), 1, 1, 2), write(2, 3, Some((4, 2))), read(Some(1), 3, 5, 6)];
    assert!(!is_linearizable(&seen_twice));
}

#[test]
fn a_value_that_nobody_wrote_is_caught() {
    assert!(!is_linearizable(&[read(Some(1), 1, 0, 1)]));
}

#[test]
fn a_write_applied_twice_shows_in_the_count() {
    assert!(!is_linearizable(&[write(1, 0, Some((1, 1))), read(Some(1), 2, 2, 3)]));
}

#[test]
fn the_part_that_fails_is_named_by_positions_in_the_whole() {
    let history = [
        of_register(1, write(1, 0, Some((1, 1)))),
        write(1, 0, Some((1, 1))),
        of_register(1, read(Some(1), 1, 2, 3)),
        read(None, 0, 2, 3),
    ];
    let evidence = Evidence { part: vec![1, 3], explained: vec![], stuck: vec![1, 3] };
    assert_eq!(check::<CountingRegisters>(&history, STEPS_MAX), Verdict::NotLinearizable(evidence));
}

#[test]
fn a_search_without_steps_left_says_so() {
    let evidence = Evidence { part: vec![0], ..Evidence::default() };
    let history = [write(1, 0, Some((1, 1)))];
    assert_eq!(check::<CountingRegisters>(&history, 0), Verdict::Exhausted(evidence));
}

fn any_operation() -> impl Strategy<Value = Operation<Call, Returned>> {
    let value = prop::option::of(1..3_u8);
    (0..12_u64, 1..8_u64, 0..8, 0..2_u8, value, 0..4_i64).prop_map(
        |(called, span, kind, register, value, writes)| {
            let operation = match kind {
                0..=2 => write(value.unwrap_or(1), called, Some((called + span, writes))),
                3 => write(value.unwrap_or(1), called, None),
                _ => read(value, writes, called, called + span),
            };
            of_register(register, operation)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn the_search_agrees_with_the_definition(operations in prop::collection::vec(any_operation(), 0..8)) {
        // The definition knows one register: each of the two is judged on its own.
        let expected = [0, 1].into_iter().all(|register| {
            let own = operations.iter().filter(|operation| operation.call.register == register);
            exhaustive::is_linearizable::<CountingRegisters>(&own.cloned().collect::<Vec<_>>())
        });
        prop_assert_eq!(is_linearizable(&operations), expected);
    }
}
