//! A pair tells since when its key has been there: at which revision it was written first since it was absent, and how many writes
//! ago that was. Of one key these must fit together, whoever is told of them, and when.

use std::collections::BTreeMap;

use super::{Broken, Found, HistoryRule, Operation, view};

/// A pair, and who was told of it.
type Sight<'o> = (&'o Found, &'o Operation);

/// Each pair fits by itself, and of one key any two fit together.
pub(super) fn are_true(operations: &[Operation]) -> Result<(), Broken> {
    let mut by_key: BTreeMap<&str, BTreeMap<i64, Sight<'_>>> = BTreeMap::new();
    for operation in operations {
        let found = view(operation).map(|view| view.found).unwrap_or_default();
        for (key, found) in found.into_iter().filter(|(_, found)| found.create_revision != 0) {
            if !fits(found) {
                return Err(broken("it cannot have been created then", &[operation]));
            }
            by_key.entry(key).or_default().entry(found.mod_revision).or_insert((found, operation));
        }
    }
    by_key.values().try_for_each(follow_each_other)
}

/// The first version was written when the key was created, and each later one later.
fn fits(found: &Found) -> bool {
    let later = found.mod_revision - found.create_revision;
    match found.version {
        1 => later == 0,
        version => (1..=later).contains(&(version - 1)),
    }
}

/// Whoever is written later belongs to the same life of the key, which has had more writes then, or to one that began later.
fn follow_each_other(sights: &BTreeMap<i64, Sight<'_>>) -> Result<(), Broken> {
    let mut earlier: Option<Sight<'_>> = None;
    for &(found, operation) in sights.values() {
        if let Some((before, seen_by)) = earlier.replace((found, operation)) {
            let writes = found.version - before.version;
            let is_same_life = found.create_revision == before.create_revision;
            let follows = match is_same_life {
                true => (1..=found.mod_revision - before.mod_revision).contains(&writes),
                false => found.create_revision > before.mod_revision,
            };
            if !follows {
                let detail =
                    "one is written after the other, and that is not what their creation and versions say";
                return Err(broken(detail, &[seen_by, operation]));
            }
        }
    }
    Ok(())
}

fn broken(detail: &str, operations: &[&Operation]) -> Broken {
    Broken::new(HistoryRule::CreationsAreTrue, detail, operations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Answer, Call};

    /// Create revision, mod revision and version.
    type Told = (i64, i64, i64);

    fn rule(told: &[Told]) -> Option<HistoryRule> {
        let read = |&(create_revision, mod_revision, version): &Told| {
            let found = Found { value: mod_revision.to_string(), mod_revision, version, create_revision };
            let answer = Answer::Got { revision: 99, found: Some(found) };
            let call = Call::Get { key: "k".to_owned() };
            Operation { client: 1, called_ns: 0, call, answer: Some((1, answer)) }
        };
        are_true(&told.iter().map(read).collect::<Vec<_>>()).err().map(|broken| broken.rule)
    }

    #[test]
    fn a_pair_that_cannot_have_been_created_then_is_caught() {
        for fits in [(3, 3, 1), (3, 4, 2), (3, 9, 2), (3, 9, 7), (0, 9, 2)] {
            assert_eq!(rule(&[fits]), None, "{fits:?}");
        }
        for wrong in [(2, 3, 1), (4, 3, 1), (3, 3, 2), (3, 4, 3), (3, 9, 0)] {
            assert_eq!(rule(&[wrong]), Some(HistoryRule::CreationsAreTrue), "{wrong:?}");
        }
    }

    #[test]
    fn pairs_of_one_key_that_do_not_fit_together_are_caught() {
        for fit in [[(3, 5, 2), (3, 9, 3)], [(3, 5, 2), (6, 6, 1)], [(3, 5, 2), (6, 9, 3)]] {
            assert_eq!(rule(&fit), None, "{fit:?}");
        }
        for wrong in
            [[(3, 5, 2), (3, 9, 2)], [(3, 5, 2), (5, 9, 2)], [(3, 5, 2), (4, 9, 3)], [(3, 8, 2), (3, 9, 4)]]
        {
            assert_eq!(rule(&wrong), Some(HistoryRule::CreationsAreTrue), "{wrong:?}");
        }
    }
}
