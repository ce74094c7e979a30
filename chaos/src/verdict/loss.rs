//! What was acknowledged is there in the end. The search for a linear order finds this too; here it is a simple rule of its
//! own, which needs no search.

use std::collections::BTreeMap;

use conclave_checks::history::{Answer, Call, Operation};

/// Failures that are told of.
const SHOWN: usize = 5;

/// What is known of a key.
#[derive(Default)]
struct Key {
    /// The latest acknowledged put, and the latest acknowledged deletion, by revision.
    put: i64,
    deleted: i64,
    /// Somebody asked for a deletion of unknown outcome.
    may_be_deleted: bool,
    /// What the last reading found: the revision of the pair, or 0 for none. None: it was not read.
    last: Option<i64>,
}

/// Keys whose last reading does not tell the latest acknowledged write, or a later one.
pub(super) fn lost(operations: &[Operation]) -> Vec<String> {
    let mut keys: BTreeMap<&str, Key> = BTreeMap::new();
    for operation in operations {
        let Some(name) = operation.call.key() else { continue };
        let key = keys.entry(name).or_default();
        match (&operation.call, &operation.answer) {
            (_, Some((_, Answer::Put { revision }))) => key.put = key.put.max(*revision),
            (_, Some((_, Answer::Deleted { revision, count: 1.. }))) => {
                key.deleted = key.deleted.max(*revision)
            }
            (Call::Delete { .. }, None | Some((_, Answer::Unknown(_)))) => key.may_be_deleted = true,
            (_, Some((_, Answer::Got { found, .. }))) if operation.client == 0 => {
                key.last = Some(found.as_ref().map_or(0, |found| found.mod_revision));
            }
            _ => {}
        }
    }
    let lost = keys.iter().filter_map(|(name, key)| {
        let last = key.last?;
        let is_lost = match last {
            0 => key.put > key.deleted && !key.may_be_deleted,
            _ => last < key.put.max(key.deleted),
        };
        is_lost.then(|| {
            format!(
                "{name}: a write of revision {} was acknowledged, and the last reading finds {last}",
                key.put.max(key.deleted)
            )
        })
    });
    lost.take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use conclave_checks::history::Found;

    use super::*;

    fn put(revision: i64) -> Operation {
        let call = Call::Put { key: "k".to_owned(), value: format!("v{revision}") };
        Operation { client: 1, called_ns: 0, call, answer: Some((1, Answer::Put { revision })) }
    }

    fn delete(answer: Answer) -> Operation {
        Operation {
            client: 1,
            called_ns: 0,
            call: Call::Delete { key: "k".to_owned() },
            answer: Some((1, answer)),
        }
    }

    fn last(mod_revision: Option<i64>) -> Operation {
        let found = mod_revision.map(|at| Found {
            value: "v".to_owned(),
            mod_revision: at,
            version: 1,
            create_revision: at,
        });
        let answer = Some((1, Answer::Got { revision: 99, found }));
        Operation { client: 0, called_ns: 0, call: Call::Get { key: "k".to_owned() }, answer }
    }

    #[test]
    fn an_acknowledged_write_that_is_gone_is_seen() {
        assert_eq!(lost(&[put(3), put(5), last(Some(5))]), Vec::<String>::new());
        assert_eq!(lost(&[put(3), put(5), last(Some(7))]), Vec::<String>::new(), "one of unknown outcome");
        assert_eq!(lost(&[put(3), put(5), last(Some(3))]).len(), 1);
        assert_eq!(lost(&[put(3), last(None)]).len(), 1);
    }

    #[test]
    fn a_deletion_explains_what_is_gone() {
        let deleted = || delete(Answer::Deleted { revision: 4, count: 1 });
        assert_eq!(lost(&[put(3), deleted(), last(None)]), Vec::<String>::new());
        assert_eq!(lost(&[put(3), delete(Answer::Unknown(String::new())), last(None)]), Vec::<String>::new());
        assert_eq!(lost(&[put(3), deleted(), last(Some(3))]).len(), 1, "it is back");
        assert_eq!(lost(&[deleted(), put(5), last(None)]).len(), 1);
    }
}
