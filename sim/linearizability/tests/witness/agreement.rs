//! Random histories, linearizable by construction or damaged: the witness, the search and the definition agree.

use linearizability::{
    Model, Testimony, Verdict, check, check_witnessed, exhaustive,
    kv::{Kv, KvAnswer, KvCall, KvReturn},
};
use proptest::prelude::*;

use crate::histories::{KvOperation, pair, unknown};

const STEPS_MAX: usize = 1_000_000;

/// What becomes of the answer to an operation.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Known,
    /// It happens, and nobody is told.
    Lost,
    Never,
}

/// An operation that takes effect so long after its call, and is answered so long after that.
#[derive(Clone, Debug)]
struct Step {
    call: KvCall,
    fate: Fate,
    before: u64,
    after: u64,
}

fn any_call() -> impl Strategy<Value = KvCall> {
    let key = || prop_oneof![Just("a"), Just("b"), Just("c")];
    let value = prop_oneof![Just("x"), Just("y")];
    prop_oneof![
        4 => (key(), value).prop_map(|(key, value)| KvCall::Put(key.into(), value.into())),
        2 => key().prop_map(|key| KvCall::Delete(key.into())),
        3 => key().prop_map(|key| KvCall::Get(key.into())),
        1 => (key(), key()).prop_map(|(from, to)| KvCall::Range(from.into(), to.into())),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let fate = prop_oneof![3 => Just(Fate::Known), 2 => Just(Fate::Lost), 1 => Just(Fate::Never)];
    (any_call(), fate, 0..40_u64, 0..40_u64).prop_map(|(call, fate, before, after)| Step {
        call,
        fate,
        before,
        after,
    })
}

/// One copy of the data takes the steps, one every ten units of time. A read without an answer is no operation.
fn carry_out(steps: &[Step]) -> Vec<KvOperation> {
    let mut state = Kv::initial();
    let mut operations = Vec::new();
    for (number, Step { call, fate, before, after }) in steps.iter().enumerate() {
        let at = 50 + 10 * number as u64;
        let is_read = matches!(call, KvCall::Get(_) | KvCall::Range(..));
        let mut operation = unknown(call.clone(), at - before);
        match fate {
            Fate::Never | Fate::Lost if is_read => continue,
            Fate::Never => {}
            Fate::Lost => state = Kv::step(&state, call, None).expect("any answer will do"),
            Fate::Known => {
                let (after_it, returned) = answered(&state, call);
                state = after_it;
                operation.returned = Some((at + after, returned));
            }
        }
        operations.push(operation);
    }
    operations
}

/// The only answer that the model accepts, of all that there are.
fn answered(state: &<Kv as Model>::State, call: &KvCall) -> (<Kv as Model>::State, KvReturn) {
    let revision = Kv::revision(state);
    let pair = |key: &str| state.pair(key).cloned();
    let (revision, answer) = match call {
        KvCall::Put(..) => (revision + 1, KvAnswer::Put),
        KvCall::Delete(key) => {
            let was_there = pair(key).is_some();
            (revision + i64::from(was_there), KvAnswer::Deleted(was_there))
        }
        KvCall::Get(key) => (revision, KvAnswer::Got(pair(key))),
        KvCall::Range(from, to) => {
            let keys = ["a", "b", "c"].into_iter().filter(|key| **from <= **key && **key < **to);
            let pairs = keys.filter_map(|key| Some((key.into(), pair(key)?))).collect();
            (revision, KvAnswer::Ranged(pairs))
        }
    };
    let returned = KvReturn { revision, answer };
    let after = Kv::step(state, call, Some(&returned)).expect("it is what the model answers");
    (after, returned)
}

/// Damage: to which operation, of what kind, how much.
type Damage = (usize, u8, i64);

fn any_damage() -> impl Strategy<Value = Damage> {
    (any::<prop::sample::Index>(), 0..7_u8, prop_oneof![-3..0_i64, 1..4_i64])
        .prop_map(|(at, kind, much)| (at.index(1 << 16), kind, much))
}

fn damage(operations: &mut [KvOperation], (at, kind, much): Damage) {
    if operations.is_empty() {
        return;
    }
    let operation = &mut operations[at % operations.len()];
    let later = |time: u64| time.saturating_add_signed(20 * much);
    let Some((returned_at, returned)) = &mut operation.returned else {
        operation.called = later(operation.called);
        return;
    };
    match (kind, &mut returned.answer) {
        (0, _) => returned.revision += much,
        (1, _) => {
            (operation.called, *returned_at) = (later(operation.called), later(*returned_at));
        }
        (2, KvAnswer::Deleted(was_there)) => *was_there = !*was_there,
        (3, KvAnswer::Got(found)) => {
            *found = found.is_none().then(|| pair("x", returned.revision, 1));
        }
        (4, KvAnswer::Got(Some(pair))) => pair.version += much,
        (5, KvAnswer::Got(Some(pair))) => pair.mod_revision += much,
        (6, KvAnswer::Got(Some(pair))) => pair.value = if &*pair.value == "x" { "y" } else { "x" }.into(),
        (_, KvAnswer::Ranged(pairs)) if !pairs.is_empty() => {
            pairs.pop();
        }
        _ => operation.returned = None,
    }
}

fn witness_says(operations: &[KvOperation]) -> bool {
    match check_witnessed::<Kv>(operations, STEPS_MAX) {
        Testimony::Linearizable => true,
        Testimony::Contradicted(_) => false,
        Testimony::Undecided(contradiction) => panic!("undecided: {contradiction:?}"),
    }
}

fn search_says(operations: &[KvOperation]) -> bool {
    match check::<Kv>(operations, STEPS_MAX) {
        Verdict::Linearizable => true,
        Verdict::NotLinearizable(_) => false,
        Verdict::Exhausted(evidence) => panic!("undecided: {evidence:?}"),
    }
}

fn steps(length: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any_step(), 0..length)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn what_one_copy_of_the_data_did_is_explained(steps in steps(60)) {
        let operations = carry_out(&steps);
        prop_assert_eq!(check_witnessed::<Kv>(&operations, STEPS_MAX), Testimony::Linearizable);
    }

    #[test]
    fn the_witness_agrees_with_the_definition(steps in steps(8), damages in prop::collection::vec(any_damage(), 0..3)) {
        let mut operations = carry_out(&steps);
        damages.into_iter().for_each(|it| damage(&mut operations, it));
        prop_assert_eq!(witness_says(&operations), exhaustive::is_linearizable::<Kv>(&operations));
    }

    #[test]
    fn the_witness_agrees_with_the_search(steps in steps(25), damages in prop::collection::vec(any_damage(), 0..3)) {
        let mut operations = carry_out(&steps);
        damages.into_iter().for_each(|it| damage(&mut operations, it));
        prop_assert_eq!(witness_says(&operations), search_says(&operations));
    }
}
