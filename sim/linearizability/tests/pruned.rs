//! What models tell of reads, and of answers that cannot follow, spares work and changes no verdict: tiny random histories
//! of the models that tell it, against the definition.

use linearizability::{
    Model, Operation, Verdict, check, exhaustive,
    recorded::{AppendCall, AppendMap, Change, Register, RegisterCall, RegisterReturn},
};
use proptest::prelude::*;

const STEPS_MAX: usize = 1_000_000;

/// When an operation is called, and how long it lasts; nobody is told of a length of 0.
fn any_time() -> impl Strategy<Value = (u64, u64)> {
    (0..24_u64, prop_oneof![1 => Just(0), 5 => 1..10_u64])
}

fn operation<C, R>(call: C, (called, length): (u64, u64), returned: R) -> Operation<C, R> {
    Operation { called, returned: (length > 0).then_some((called + length, returned)), call }
}

fn any_of_register() -> impl Strategy<Value = Operation<RegisterCall, RegisterReturn>> {
    let value = || 1..3_i64;
    let call = prop_oneof![
        (prop::option::of(value())).prop_map(|seen| (RegisterCall::Read, RegisterReturn::Value(seen))),
        value().prop_map(|value| (RegisterCall::Write(value), RegisterReturn::Done)),
        (value(), value(), any::<bool>()).prop_map(|(old, new, done)| {
            let returned = if done { RegisterReturn::Done } else { RegisterReturn::Failed };
            (RegisterCall::CompareAndSet(old, new), returned)
        }),
    ];
    (call, any_time()).prop_map(|((call, returned), time)| operation(call, time, returned))
}

fn any_of_map() -> impl Strategy<Value = Operation<AppendCall, Option<String>>> {
    let value = || prop_oneof![Just("a"), Just("b")].prop_map(str::to_owned);
    let seen = prop_oneof![Just(""), Just("a"), Just("b"), Just("ab"), Just("ba"), Just("aa"), Just("aab")];
    let change = prop_oneof![
        3 => seen.prop_map(|seen| (Change::Get, Some(seen.to_owned()))),
        1 => value().prop_map(|value| (Change::Put(value), None)),
        2 => value().prop_map(|value| (Change::Append(value), None)),
    ];
    (change, any_time()).prop_map(|((change, returned), time)| {
        operation(AppendCall { key: "k".to_owned(), change }, time, returned)
    })
}

fn same_verdict<M: Model>(operations: &[Operation<M::Call, M::Return>]) -> Result<(), TestCaseError> {
    let is_linearizable = check::<M>(operations, STEPS_MAX) == Verdict::Linearizable;
    prop_assert_eq!(is_linearizable, exhaustive::is_linearizable::<M>(operations));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn of_a_register(operations in prop::collection::vec(any_of_register(), 0..8)) {
        same_verdict::<Register>(&operations)?;
    }

    #[test]
    fn of_a_map_with_append(operations in prop::collection::vec(any_of_map(), 0..8)) {
        same_verdict::<AppendMap>(&operations)?;
    }
}
