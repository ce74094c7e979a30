//! What answers tell of the store at a revision is what was written by then: reads of the present and of the past, ranges, reads of
//! any node, and what was there before a write.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use super::{Answer, Broken, Call, Found, HistoryRule, Operation, view, writes};

/// What is known of the writes of a run.
struct Known<'o> {
    /// The keys that anybody named.
    keys: BTreeSet<&'o str>,
    /// Of each key the acknowledged writes, by rising revision. A delete of a range is one of each of its keys.
    of_key: BTreeMap<&'o str, Vec<(i64, &'o Operation)>>,
    by_revision: BTreeMap<i64, &'o Operation>,
    /// When a value was first asked to be put, of those that were not refused.
    puts: BTreeMap<(&'o str, &'o str), u64>,
    /// Keys that somebody deleted perhaps.
    perhaps_deleted: BTreeSet<&'o str>,
}

/// A key at a revision, as an answer shows it.
#[derive(Clone, Copy)]
struct Sight<'o> {
    key: &'o str,
    revision: i64,
    found: Option<&'o Found>,
    operation: &'o Operation,
}

/// Each answer tells of the last write that is not later than its revision, as far as writes are known; and one revision of
/// a key reads the same each time, as does the revision of one value.
pub(super) fn is_true(operations: &[Operation]) -> Result<(), Broken> {
    // (A node that lags behind has not had every revision that was seen.)
    let from_the_future = |operation: &&Operation| matches!(&operation.answer, Some((_, Answer::DidNotHappen(words))) if words.contains("future revision") && !operation.call.is_of_any_node());
    if let Some(operation) = operations.iter().find(from_the_future) {
        let detail = "a revision that its client has seen is said to lie in the future";
        return Err(Broken::new(HistoryRule::PastIsTrue, detail, &[operation]));
    }
    let known = Known::of(operations);
    let mut seen: BTreeMap<(&str, i64), Sight<'_>> = BTreeMap::new();
    let mut revisions: BTreeMap<(&str, &str), Sight<'_>> = BTreeMap::new();
    for operation in operations {
        counts_what_it_shows(operation)?;
        for sight in known.sights(operation)? {
            known.judge(&sight)?;
            let earlier = seen.entry((sight.key, sight.revision)).or_insert(sight);
            if earlier.found != sight.found {
                let detail = format!("{} at revision {} reads so, and otherwise", sight.key, sight.revision);
                return Err(Broken::new(HistoryRule::PastIsTrue, &detail, &[earlier.operation, operation]));
            }
            let Some(found) = sight.found else { continue };
            let earlier = revisions.entry((sight.key, &found.value)).or_insert(sight);
            if earlier.found.map(|found| found.mod_revision) != Some(found.mod_revision) {
                let detail = "one value was written at two revisions";
                return Err(Broken::new(HistoryRule::PastIsTrue, detail, &[earlier.operation, operation]));
            }
        }
    }
    Ok(())
}

/// A delete says how many keys it has deleted, and which.
fn counts_what_it_shows(operation: &Operation) -> Result<(), Broken> {
    match &operation.answer {
        Some((_, Answer::RangeDeleted { count, previous: Some(previous), .. }))
            if *count != previous.len() as i64 =>
        {
            Err(Broken::new(
                HistoryRule::PastIsTrue,
                "as many keys were not there as were deleted",
                &[operation],
            ))
        }
        _ => Ok(()),
    }
}

impl<'o> Known<'o> {
    fn of(operations: &'o [Operation]) -> Self {
        let keys: BTreeSet<&str> = operations.iter().filter_map(|operation| operation.call.key()).collect();
        let mut known = Self {
            keys,
            of_key: BTreeMap::new(),
            by_revision: BTreeMap::new(),
            puts: BTreeMap::new(),
            perhaps_deleted: BTreeSet::new(),
        };
        for (revision, operation) in writes(operations) {
            known.by_revision.insert(revision, operation);
            for key in known.keys_of(&operation.call) {
                known.of_key.entry(key).or_default().push((revision, operation));
            }
        }
        for operation in operations {
            let was_refused = matches!(&operation.answer, Some((_, Answer::DidNotHappen(_))));
            if let Some((key, value)) = operation.call.puts().filter(|_| !was_refused) {
                known.puts.entry((key, value)).or_insert(operation.called_ns);
            }
            let is_unknown = matches!(&operation.answer, None | Some((_, Answer::Unknown(_))));
            if is_unknown && operation.call.is_delete() {
                known.perhaps_deleted.extend(known.keys_of(&operation.call));
            }
        }
        known
    }

    /// The keys that a call is about.
    fn keys_of(&self, call: &'o Call) -> Vec<&'o str> {
        match (call.key(), call.span()) {
            (Some(key), _) => vec![key],
            (None, Some(span)) => self.keys_in(span),
            (None, None) => Vec::new(),
        }
    }

    fn keys_in(&self, (from, to): (&str, &str)) -> Vec<&'o str> {
        match from < to {
            true => {
                self.keys.range::<str, _>((Bound::Included(from), Bound::Excluded(to))).copied().collect()
            }
            false => Vec::new(),
        }
    }

    /// What an answer shows, key by key: those that it does not show were absent, if it shows all.
    fn sights(&self, operation: &'o Operation) -> Result<Vec<Sight<'o>>, Broken> {
        let Some(view) = view(operation) else { return Ok(Vec::new()) };
        let mut found: BTreeMap<&str, &Found> = BTreeMap::new();
        for (key, pair) in &view.found {
            let is_twice = found.insert(key, pair).is_some();
            if is_twice || !view.covers(key) || !self.keys.contains(key) {
                let detail = format!("{key} is shown twice, or unasked, or was never written");
                return Err(Broken::new(HistoryRule::PastIsTrue, &detail, &[operation]));
            }
        }
        let keys = match view.span {
            _ if !view.shows_all => found.keys().copied().collect(),
            (key, None) => vec![key],
            (from, Some(to)) => self.keys_in((from, to)),
        };
        let sight = |key| Sight { key, revision: view.revision, found: found.get(key).copied(), operation };
        Ok(keys.into_iter().map(sight).collect())
    }

    fn judge(&self, sight: &Sight<'o>) -> Result<(), Broken> {
        let shown_ns = sight.operation.answer.as_ref().map_or(u64::MAX, |(at, _)| *at);
        let was_put = |found: &Found| {
            self.puts.get(&(sight.key, found.value.as_str())).is_some_and(|called_ns| *called_ns <= shown_ns)
        };
        if !sight.found.is_none_or(was_put) {
            return Err(Broken::new(
                HistoryRule::PastIsTrue,
                "nobody has put the value that is shown, or it was said not to have happened",
                &[sight.operation],
            ));
        }
        match self.contradiction(sight) {
            None => Ok(()),
            Some((detail, other)) => {
                Err(Broken::new(HistoryRule::PastIsTrue, detail, &[sight.operation, other]))
            }
        }
    }

    /// A known write that it contradicts, and how.
    fn contradiction(&self, sight: &Sight<'o>) -> Option<(&'static str, &'o Operation)> {
        let shown = sight.found.map(|found| found.mod_revision);
        if shown.is_some_and(|shown| shown > sight.revision) {
            return Some(("what is shown is of the future", sight.operation));
        }
        if let Some(operation) = shown.and_then(|shown| self.by_revision.get(&shown))
            && !wrote(operation, sight)
        {
            return Some(("another write has the revision that is shown", operation));
        }
        let writes = self.of_key.get(sight.key)?;
        let before = writes.partition_point(|(known, _)| *known <= sight.revision);
        let (revision, operation) = writes[before.checked_sub(1)?];
        match shown {
            Some(shown) if shown < revision => Some(("a later write is not shown", operation)),
            None if operation.call.puts().is_some() && !self.perhaps_deleted.contains(sight.key) => {
                Some(("a put is not shown", operation))
            }
            _ => None,
        }
    }
}

fn wrote(operation: &Operation, sight: &Sight<'_>) -> bool {
    operation.call.puts() == sight.found.map(|found| (sight.key, found.value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Page;

    fn operation(called_ns: u64, call: Call, answer: Answer) -> Operation {
        Operation { client: 1, called_ns, call, answer: Some((called_ns + 1, answer)) }
    }

    fn put(at: u64, value: &str, revision: i64) -> Operation {
        operation(at, Call::Put { key: "k".into(), value: value.into() }, Answer::Put { revision })
    }

    fn unanswered(at: u64, value: &str) -> Operation {
        Operation { answer: None, ..put(at, value, 0) }
    }

    fn delete(at: u64, revision: i64) -> Operation {
        operation(at, Call::Delete { key: "k".into() }, Answer::Deleted { revision, count: 1 })
    }

    fn past(at: u64, revision: i64, found: Option<(&str, i64)>) -> Operation {
        let found = found.map(|(value, mod_revision)| Found {
            value: value.into(),
            mod_revision,
            version: 1,
            create_revision: mod_revision,
        });
        operation(at, Call::GetPast { key: "k".into(), revision }, Answer::Got { revision: 9, found })
    }

    type Shown<'a> = &'a [(&'a str, &'a str, i64)];

    fn pairs(shown: Shown<'_>) -> Vec<(String, Found)> {
        let pair = |&(key, value, mod_revision): &(&str, &str, i64)| {
            (
                key.to_owned(),
                Found { value: value.into(), mod_revision, version: 1, create_revision: mod_revision },
            )
        };
        shown.iter().map(pair).collect()
    }

    fn put_to(at: u64, key: &str, value: &str, revision: i64) -> Operation {
        operation(at, Call::Put { key: key.into(), value: value.into() }, Answer::Put { revision })
    }

    /// Of the keys from a to before c.
    fn range(at: u64, revision: i64, shown: Shown<'_>) -> Operation {
        let call = Call::Range { from: "a".into(), to: "c".into(), revision: 0 };
        operation(at, call, Answer::Ranged { revision, found: pairs(shown) })
    }

    fn delete_range(at: u64, revision: i64, shown: Shown<'_>) -> Operation {
        let call = Call::DeleteRange { from: "a".into(), to: "c".into(), previous: true };
        let (count, previous) = (shown.len() as i64, Some(pairs(shown)));
        operation(at, call, Answer::RangeDeleted { revision, count, previous })
    }

    #[test]
    fn ranges_of_one_revision_pass_and_others_are_caught() {
        let writes = [put_to(0, "a", "1", 2), put_to(2, "b", "2", 3), put_to(4, "a", "3", 4)];
        let judge = |more: &[Operation]| is_true(&[&writes[..], more].concat());
        assert!(judge(&[range(6, 3, &[("a", "1", 2), ("b", "2", 3)])]).is_ok(), "it is of its revision");
        assert!(judge(&[range(6, 4, &[("a", "3", 4), ("b", "2", 3)])]).is_ok());
        for (revision, shown) in [
            (4, &[("a", "1", 2), ("b", "2", 3)][..]),
            (3, &[("a", "3", 4), ("b", "2", 3)]),
            (4, &[("a", "3", 4)]),
            (4, &[("a", "3", 4), ("b", "2", 3), ("c", "9", 3)]),
            (4, &[("a", "3", 4), ("b", "2", 3), ("b", "2", 3)]),
        ] {
            assert!(judge(&[range(6, revision, shown)]).is_err(), "{shown:?} at {revision}");
        }
    }

    #[test]
    fn a_delete_of_a_range_deletes_all_of_it_and_shows_what_was_there() {
        let writes = [put_to(0, "a", "1", 2), put_to(2, "b", "2", 3)];
        let judge = |more: &[Operation]| is_true(&[&writes[..], more].concat());
        let all = || delete_range(4, 4, &[("a", "1", 2), ("b", "2", 3)]);
        assert!(judge(&[all(), range(6, 4, &[])]).is_ok());
        assert!(judge(&[all(), range(6, 4, &[("b", "2", 3)])]).is_err(), "one is left");
        assert!(judge(&[delete_range(4, 4, &[("a", "1", 2)])]).is_err(), "one is not shown");
        let mut miscounted = all();
        if let Some((_, Answer::RangeDeleted { count, .. })) = &mut miscounted.answer {
            *count = 1;
        }
        assert!(judge(&[miscounted]).is_err());
        let mut lost = all();
        lost.answer = None;
        assert!(judge(&[lost, range(6, 9, &[])]).is_ok(), "it may have happened");
    }

    #[test]
    fn a_node_may_lag_behind_and_never_shows_what_was_not_committed() {
        let writes = [put_to(0, "a", "1", 2), put_to(2, "a", "3", 4), unanswered_to(3, "b", "2")];
        let judge = |at, revision, shown: Shown<'_>| {
            let call = Call::RangeOfAny { from: "a".into(), to: "c".into() };
            let read = operation(at, call, Answer::Ranged { revision, found: pairs(shown) });
            is_true(&[&writes[..], &[read]].concat())
        };
        assert!(judge(6, 2, &[("a", "1", 2)]).is_ok(), "as it was then");
        assert!(judge(6, 5, &[("a", "3", 4), ("b", "2", 5)]).is_ok());
        assert!(judge(6, 4, &[("a", "1", 2)]).is_err(), "at its own revision it is wrong");
        assert!(judge(6, 4, &[("a", "3", 4), ("b", "2", 4)]).is_err(), "two writes have one revision");
        assert!(judge(0, 4, &[("a", "3", 4)]).is_err(), "nobody had written it");
        let twice = [
            &writes[..],
            &[range(6, 5, &[("a", "3", 4), ("b", "2", 5)]), range(8, 6, &[("a", "3", 4), ("b", "2", 6)])],
        ];
        assert!(is_true(&twice.concat()).is_err(), "one value has one revision: the first was not committed");
    }

    fn unanswered_to(at: u64, key: &str, value: &str) -> Operation {
        Operation { answer: None, ..put_to(at, key, value, 0) }
    }

    #[test]
    fn what_a_put_has_replaced_is_judged() {
        let replace = |previous: Option<(&str, i64)>| {
            let previous = previous.map(|(value, mod_revision)| Found {
                value: value.into(),
                mod_revision,
                version: 1,
                create_revision: mod_revision,
            });
            let call = Call::Replace { key: "k".into(), value: "new".into() };
            operation(6, call, Answer::Replaced { revision: 7, previous })
        };
        let writes = [put(0, "a", 2), put(2, "b", 4)];
        let judge = |last| is_true(&[&writes[..], &[last]].concat());
        assert!(judge(replace(Some(("b", 4)))).is_ok());
        assert!(judge(replace(Some(("a", 2)))).is_err());
        assert!(judge(replace(None)).is_err());
    }

    #[test]
    fn a_true_past_passes() {
        let operations = [
            put(0, "a", 2),
            put(2, "b", 4),
            delete(4, 6),
            past(6, 3, Some(("a", 2))),
            past(8, 4, Some(("b", 4))),
            past(10, 6, None),
            // A write whose answer nobody heard may lie in between.
            unanswered(11, "c"),
            past(12, 5, Some(("c", 5))),
        ];
        assert!(is_true(&operations).is_ok());
    }

    #[test]
    fn an_untrue_past_is_caught() {
        let writes = [put(0, "a", 2), put(2, "b", 4)];
        for read in [
            past(6, 4, Some(("a", 2))),
            past(6, 4, Some(("x", 4))),
            past(6, 3, Some(("b", 4))),
            past(6, 4, None),
        ] {
            let operations = [&writes[..], &[read]].concat();
            let failure = is_true(&operations).expect_err("it is untrue");
            assert_eq!(failure.rule, HistoryRule::PastIsTrue);
        }
        let refused = operation(2, put(2, "c", 0).call, Answer::DidNotHappen("overloaded".into()));
        let shown = [put(0, "a", 2), refused, past(4, 3, Some(("c", 3))), put(6, "b", 4)];
        assert!(is_true(&shown).is_err(), "it was refused");
        let from_nowhere = [put(0, "a", 2), past(2, 3, Some(("c", 3))), unanswered(4, "c")];
        assert!(is_true(&from_nowhere).is_err(), "nobody had put it yet");
        let twice =
            [put(0, "a", 2), unanswered(1, "c"), past(2, 3, Some(("a", 2))), past(4, 3, Some(("c", 3)))];
        assert!(is_true(&twice).is_err(), "it cannot read both ways");
    }

    #[test]
    fn a_revision_that_its_client_has_seen_does_not_lie_in_the_future() {
        let (from, to) = (|| "a".to_owned(), || "c".to_owned());
        let page = |of_any_node| Call::Page {
            from: from(),
            to: to(),
            revision: 4,
            page: Page { of_any_node, ..Page::default() },
        };
        let rule = |call, words: &str| {
            let refused = operation(0, call, Answer::DidNotHappen(words.to_owned()));
            is_true(&[refused]).err().map(|failure| failure.rule)
        };
        let future = "etcdserver: mvcc: required revision is a future revision";
        let get = || Call::GetPast { key: "k".into(), revision: 4 };
        let range = Call::Range { from: from(), to: to(), revision: 4 };
        for call in [get(), range, page(false)] {
            assert_eq!(rule(call.clone(), future), Some(HistoryRule::PastIsTrue), "{call:?}");
        }
        for call in [Call::RangeOfAny { from: from(), to: to() }, page(true)] {
            assert_eq!(rule(call.clone(), future), None, "a node may lag behind: {call:?}");
        }
        assert_eq!(rule(get(), "overloaded"), None);
    }
}
