//! Long histories: what answers tell is not searched for.

use std::sync::Arc;

use linearizability::{
    Contradiction, Testimony, check_witnessed_while,
    kv::{Kv, KvAnswer},
};

use crate::histories::KvOperation;

#[path = "../../benches/histories/drawn.rs"]
#[allow(dead_code, reason = "the benchmark draws other kinds too")]
mod drawn;

use drawn::Load;

const OPERATIONS: usize = 20_000;

/// Keys, and of how many writes in a thousand nobody knows the outcome.
const LOADS: [(u64, u64); 5] = [(100, 0), (1000, 20), (100, 20), (10, 20), (10_000, 10)];

fn history(keys: u64, lost_in_a_thousand: u64) -> Vec<KvOperation> {
    drawn::store(1 + keys, &Load { operations: OPERATIONS, keys, clients: 32, lost_in_a_thousand })
}

/// What the witness comes to, and after how many steps.
fn judged(operations: &[KvOperation], steps_max: usize) -> (Testimony, usize) {
    let mut steps = 0;
    let testimony = check_witnessed_while::<Kv>(operations, &mut |effort| {
        steps = effort.steps;
        steps <= steps_max
    });
    (testimony, steps)
}

#[test]
fn few_operations_are_placed_again_though_some_outcomes_are_unknown() {
    for (keys, lost_in_a_thousand) in LOADS {
        let (testimony, steps) = judged(&history(keys, lost_in_a_thousand), 10 * OPERATIONS);
        assert_eq!(testimony, Testimony::Linearizable, "{keys} keys, {lost_in_a_thousand} lost");
        assert!(
            steps < OPERATIONS + OPERATIONS / 10,
            "{keys} keys, {lost_in_a_thousand} lost: {steps} steps"
        );
    }
}

#[test]
fn one_wrong_answer_in_a_long_history_is_named() {
    for (keys, lost_in_a_thousand) in LOADS {
        let mut history = history(keys, lost_in_a_thousand);
        let pair_read = |operation: &mut KvOperation| match &mut operation.returned {
            Some((_, returned)) => match &mut returned.answer {
                KvAnswer::Got(Some(pair)) => Some(std::mem::replace(&mut pair.value, Arc::from("of nobody"))),
                _ => None,
            },
            None => None,
        };
        let damaged = (OPERATIONS / 2..OPERATIONS).find(|&it| pair_read(&mut history[it]).is_some());
        let (testimony, steps) = judged(&history, 10 * OPERATIONS);
        let Testimony::Contradicted(Contradiction { operation, .. }) = testimony else {
            panic!("{keys} keys, {lost_in_a_thousand} lost: {testimony:?} after {steps} steps")
        };
        assert_eq!(Some(operation), damaged, "{keys} keys, {lost_in_a_thousand} lost");
    }
}
