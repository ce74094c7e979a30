//! A range is the store as it was at one revision, whole: however large its answer is, and however long it takes to read.
//!
//! Large values are never deleted, and each names the write that it comes from. So of every key an answer holds the latest
//! write at its revision, as far as that is known: nothing of what was acknowledged below it may be missing, and nothing
//! from above it may be there.

use std::collections::BTreeMap;

use super::{
    Broken, HistoryRule,
    large::{Asked, LargeEvent, Part},
};

/// The writes, as their client was told of them.
#[derive(Default)]
struct Writes {
    /// The key of each, and its revision if that is known.
    writes: BTreeMap<u64, (u64, Option<i64>)>,
    /// The acknowledged revisions of each key, rising.
    of_key: BTreeMap<u64, Vec<i64>>,
}

/// Judges what clients of large values were told.
pub(super) fn are_snapshots(events: &[LargeEvent]) -> Result<(), Broken> {
    let writes = Writes::of(events);
    for event in events {
        if let LargeEvent::Read { asked, revision, count, more, parts } = event
            && let Err(what) = writes.explain(asked, *revision, *count, *more, parts)
        {
            let detail =
                format!("{what}, in an answer of {} pairs as of revision {revision} to {asked}", parts.len());
            return Err(Broken::new(HistoryRule::RangesAreSnapshots, &detail, &[]));
        }
    }
    Ok(())
}

impl Writes {
    fn of(events: &[LargeEvent]) -> Self {
        let mut known = Self::default();
        for event in events {
            match event {
                LargeEvent::Writes { write, key } => drop(known.writes.insert(*write, (*key, None))),
                LargeEvent::Wrote { write, revision } => {
                    if let Some((key, known_revision)) = known.writes.get_mut(write) {
                        *known_revision = Some(*revision);
                        known.of_key.entry(*key).or_default().push(*revision);
                    }
                }
                LargeEvent::DidNotWrite { write } => drop(known.writes.remove(write)),
                _ => {}
            }
        }
        known.of_key.values_mut().for_each(|revisions| revisions.sort_unstable());
        known
    }

    /// The revision of the latest acknowledged write to a key at a revision.
    fn latest(&self, key: u64, revision: i64) -> Option<i64> {
        self.of_key.get(&key)?.iter().rev().find(|known| **known <= revision).copied()
    }

    fn explain(
        &self,
        asked: &Asked,
        store_revision: i64,
        count: i64,
        more: bool,
        parts: &[Part],
    ) -> Result<(), String> {
        if store_revision < asked.floor {
            return Err(format!("revision {} was acknowledged before it was asked for", asked.floor));
        }
        let revision = if asked.revision > 0 { asked.revision } else { store_revision };
        let certain: Vec<u64> =
            self.of_key.keys().copied().filter(|key| self.latest(*key, revision).is_some()).collect();
        if count < certain.len() as i64 {
            return Err(format!("it counts {count} keys, of {} that are certain", certain.len()));
        }
        if asked.count_only {
            return if parts.is_empty() { Ok(()) } else { Err("it was asked for no pairs".to_owned()) };
        }
        let expected = if asked.limit > 0 { count.min(asked.limit as i64) } else { count };
        if parts.len() as i64 != expected || more != (count > expected) {
            return Err(format!("it counts {count} keys, and says that there are more: {more}"));
        }
        let keys: Vec<u64> = parts.iter().filter_map(|part| part.key).collect();
        let in_order = |pair: &[u64]| if asked.descending { pair[0] > pair[1] } else { pair[0] < pair[1] };
        if keys.len() != parts.len() || !keys.windows(2).all(in_order) {
            return Err(format!("its keys are {keys:?}"));
        }
        let is_complete = expected == count;
        let missing = certain.iter().find(|key| {
            let is_within =
                keys.last().is_some_and(|last| if asked.descending { *key >= last } else { *key <= last });
            (is_complete || is_within) && !keys.contains(key)
        });
        if let Some(key) = missing {
            return Err(format!("key {key} is missing"));
        }
        parts.iter().try_for_each(|part| self.explain_part(part, revision))
    }

    fn explain_part(&self, part: &Part, revision: i64) -> Result<(), String> {
        let (Some(key), Some(write)) = (part.key, part.write) else {
            return Err(format!("{part:?} is nothing that was ever written"));
        };
        let known = self.writes.get(&write).filter(|(written_to, _)| *written_to == key);
        let Some((_, known_revision)) = known else {
            return Err(format!("write {write} was never made to key {key}, or did not happen"));
        };
        let shown = part.mod_revision;
        if let Some(known) = known_revision.filter(|known| *known != shown) {
            return Err(format!("write {write} has revision {known}, and is shown with revision {shown}"));
        }
        if shown > revision {
            return Err(format!("write {write} of revision {shown} comes from later"));
        }
        match self.latest(key, revision) {
            Some(latest) if latest > shown => Err(format!(
                "write {write} of revision {shown} is shown for key {key}, which was written at revision {latest} since"
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(key: u64, write: u64, mod_revision: i64) -> Part {
        Part { key: Some(key), write: Some(write), mod_revision }
    }

    fn events(revision: i64, parts: Vec<Part>) -> Vec<LargeEvent> {
        let count = parts.len() as i64;
        vec![
            LargeEvent::Writes { write: 0, key: 1 },
            LargeEvent::Wrote { write: 0, revision: 2 },
            LargeEvent::Writes { write: 1, key: 2 },
            LargeEvent::MayHaveWritten { write: 1 },
            LargeEvent::Writes { write: 2, key: 1 },
            LargeEvent::Wrote { write: 2, revision: 5 },
            LargeEvent::Writes { write: 3, key: 2 },
            LargeEvent::DidNotWrite { write: 3 },
            LargeEvent::Read { asked: Asked::default(), revision, count, more: false, parts },
        ]
    }

    #[test]
    fn what_may_be_is_believed() {
        for (revision, parts) in [
            (2, vec![part(1, 0, 2)]),
            (4, vec![part(1, 0, 2), part(2, 1, 3)]),
            (5, vec![part(1, 2, 5)]),
            (9, vec![part(1, 2, 5), part(2, 1, 7)]),
        ] {
            assert_eq!(are_snapshots(&events(revision, parts.clone())), Ok(()), "{parts:?} at {revision}");
        }
    }

    #[test]
    fn what_is_no_snapshot_is_caught() {
        let torn = Part { write: None, ..part(1, 0, 2) };
        for (revision, parts) in [
            (5, vec![part(1, 0, 2)]),
            (4, vec![part(1, 2, 5)]),
            (5, vec![part(2, 1, 3)]),
            (5, vec![]),
            (5, vec![part(1, 2, 5), part(2, 1, 6)]),
            (5, vec![part(2, 1, 3), part(1, 2, 5)]),
            (5, vec![part(1, 2, 5), part(1, 2, 5)]),
            (5, vec![part(1, 2, 4)]),
            (2, vec![torn]),
            (2, vec![part(2, 0, 2)]),
            (6, vec![part(1, 2, 5), part(2, 3, 6)]),
        ] {
            let failure = are_snapshots(&events(revision, parts.clone()))
                .expect_err(&format!("{parts:?} at {revision}"));
            assert_eq!(failure.rule, HistoryRule::RangesAreSnapshots);
        }
    }

    /// What is judged of an answer of revision 9: of the keys 1 and 3 writes are acknowledged (at 5 and 6), and of key 2 perhaps there is one.
    fn told(asked: &Asked, (count, more): (i64, bool), parts: &[Part]) -> Result<(), Broken> {
        let mut events = events(9, Vec::new());
        events.pop();
        events.extend([LargeEvent::Writes { write: 4, key: 3 }, LargeEvent::Wrote { write: 4, revision: 6 }]);
        let (asked, parts) = (asked.clone(), parts.to_vec());
        events.push(LargeEvent::Read { asked, revision: 9, count, more, parts });
        are_snapshots(&events)
    }

    fn asked() -> Asked {
        Asked::default()
    }

    fn first() -> Part {
        part(1, 2, 5)
    }

    fn second() -> Part {
        part(2, 1, 3)
    }

    fn third() -> Part {
        part(3, 4, 6)
    }

    #[test]
    fn what_is_asked_for_is_answered_so() {
        let limited = Asked { limit: 1, ..asked() };
        let counted = Asked { count_only: true, ..asked() };
        let descending = Asked { descending: true, ..asked() };
        let past = Asked { revision: 4, ..asked() };
        for (asked, counts, parts) in [
            (Asked { floor: 9, ..asked() }, (2, false), vec![first(), third()]),
            (limited.clone(), (2, true), vec![first()]),
            (Asked { limit: 2, ..asked() }, (2, false), vec![first(), third()]),
            (counted.clone(), (2, false), vec![]),
            (counted, (3, false), vec![]),
            (descending.clone(), (3, false), vec![third(), second(), first()]),
            (Asked { limit: 1, ..descending }, (2, true), vec![third()]),
            (past.clone(), (1, false), vec![part(1, 0, 2)]),
            (past, (2, false), vec![part(1, 0, 2), second()]),
        ] {
            assert_eq!(told(&asked, counts, &parts), Ok(()), "{asked:?}");
        }
    }

    #[test]
    fn what_is_not_as_it_was_asked_for_is_caught() {
        let limited = Asked { limit: 1, ..asked() };
        let counted = Asked { count_only: true, ..asked() };
        let descending = Asked { descending: true, ..asked() };
        let past = Asked { revision: 4, ..asked() };
        for (asked, counts, parts, says) in [
            (
                Asked { floor: 10, ..asked() },
                (2, false),
                vec![first(), third()],
                "10 was acknowledged before",
            ),
            (limited.clone(), (2, false), vec![first()], "says that there are more: false"),
            (limited.clone(), (2, true), vec![first(), third()], "says that there are more: true"),
            (limited.clone(), (2, true), vec![], "says that there are more: true"),
            (limited.clone(), (1, false), vec![first()], "it counts 1 keys, of 2 that are certain"),
            (limited, (2, true), vec![third()], "key 1 is missing"),
            (Asked { limit: 2, ..asked() }, (2, true), vec![first(), third()], "there are more: true"),
            (counted.clone(), (1, false), vec![], "it counts 1 keys, of 2 that are certain"),
            (counted, (2, false), vec![first(), third()], "it was asked for no pairs"),
            (descending.clone(), (2, false), vec![first(), third()], "its keys are [1, 3]"),
            (Asked { limit: 1, ..descending }, (2, true), vec![first()], "key 3 is missing"),
            (asked(), (2, false), vec![third(), first()], "its keys are [3, 1]"),
            (past.clone(), (1, false), vec![first()], "write 2 of revision 5 comes from later"),
            (past.clone(), (0, false), vec![], "it counts 0 keys, of 1 that are certain"),
            (past, (1, false), vec![second()], "key 1 is missing"),
        ] {
            let failure = told(&asked, counts, &parts).expect_err(&format!("{asked:?}, {parts:?}"));
            assert_eq!(failure.rule, HistoryRule::RangesAreSnapshots);
            assert!(failure.detail.contains(says), "{asked:?}: {failure}");
        }
    }
}
