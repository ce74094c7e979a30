//! A backup that arrived whole can be read.

use super::{Answer, Broken, HistoryRule, Operation};

pub(super) fn are_whole(operations: &[Operation]) -> Result<(), Broken> {
    let is_broken = |operation: &&Operation| matches!(operation.answer, Some((_, Answer::Broken(_))));
    match operations.iter().find(is_broken) {
        Some(backup) => Err(Broken::new(HistoryRule::BackupsAreWhole, "it is broken", &[backup])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Call;

    #[test]
    fn one_that_arrived_whole_passes() {
        let call = Call::Backup { from: "a".to_owned(), to: "b".to_owned() };
        let answer = Answer::Ranged { revision: 1, found: Vec::new() };
        assert_eq!(
            are_whole(&[Operation { client: 1, called_ns: 0, call, answer: Some((1, answer)) }]),
            Ok(())
        );
    }
}
