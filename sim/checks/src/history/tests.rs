//! The judges on trial: each rule is broken by a history that breaks no other one, and by nothing less (`crate::trial`).
//!
//! Two judges go by the rule that revisions follow time. What `revisions::follow_time` objects to, `revisions::never_fall` objects to
//! as well: it takes reads for what they tell, besides writes.

use std::collections::BTreeSet;

use super::{Answer, Call, Found, HistoryRule, JUDGES, Operation, judge_while, linearizability};
use crate::trial::Version;

const ALL: [HistoryRule; 5] = [
    HistoryRule::Linearizable,
    HistoryRule::Judged,
    HistoryRule::RevisionsAreUnique,
    HistoryRule::RevisionsFollowTime,
    HistoryRule::CreationsAreTrue,
];

/// What clients were told, and how many of the judges object when it is wrong.
struct Story {
    history: fn(Version) -> Vec<Operation>,
    judges: &'static [Judge],
    /// Whether the search may go on.
    goes_on: fn(Version) -> bool,
}

/// The judges, by their places in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Judge {
    Unique,
    FollowTime,
    NeverFall,
    Creations,
    Witness,
    Search,
}

const fn story(judges: &'static [Judge], history: fn(Version) -> Vec<Operation>) -> Story {
    Story { history, judges, goes_on: |_| true }
}

/// Of every rule at least one. (Whoever adds a rule adds it to the list of all, too.)
fn stories(rule: HistoryRule) -> &'static [Story] {
    match rule {
        HistoryRule::Linearizable => LINEARIZABLE,
        HistoryRule::Judged => JUDGED,
        HistoryRule::RevisionsAreUnique => REVISIONS_ARE_UNIQUE,
        HistoryRule::RevisionsFollowTime => REVISIONS_FOLLOW_TIME,
        HistoryRule::CreationsAreTrue => CREATIONS_ARE_TRUE,
    }
}

const LINEARIZABLE: &[Story] = &[
    story(&[Judge::Search], |version| {
        // A read misses what was written before it, or finds it.
        let found = version.of(None, Some(first_version("a", 2, 2)));
        vec![silence(), put("k", "a", (2, 3), 2), get("k", (4, 5), 2, found)]
    }),
    story(&[Judge::Witness], |version| {
        // A read is at the revision of a write that was not asked for yet, or was.
        vec![get("a", (0, 1), 2, None), put("b", "x", (version.of(2, 1), 9), 2)]
    }),
];

const JUDGED: &[Story] = &[Story {
    // The search is given no time, or as much as it takes.
    goes_on: |version| !version.is_broken(),
    ..story(&[Judge::Search], |_| vec![put("k", "a", (2, 3), 2)])
}];

const REVISIONS_ARE_UNIQUE: &[Story] = &[story(&[Judge::Unique], |version| {
    vec![silence(), put("x", "a", (2, 4), 2), put("y", "b", (3, 5), version.of(2, 3))]
})];

const REVISIONS_FOLLOW_TIME: &[Story] = &[
    story(&[Judge::FollowTime, Judge::NeverFall], |version| {
        // Of two writes the second one has the lower revision; lawfully they overlap.
        vec![silence(), put("x", "a", (2, version.of(3, 4)), 3), put("y", "b", (4, 5), 2)]
    }),
    story(&[Judge::NeverFall], |version| {
        // A read after a write is of before it, or of then.
        vec![silence(), put("x", "a", (2, 3), 3), get("y", (4, 5), version.of(2, 3), None)]
    }),
];

const CREATIONS_ARE_TRUE: &[Story] = &[story(&[Judge::Creations], |version| {
    let found = first_version("a", 2, version.of(1, 2));
    vec![silence(), put("k", "a", (2, 3), 2), get("k", (4, 5), 2, Some(found))]
})];

/// A range of other keys is deleted, of which none is there: from then on the witness says nothing.
fn silence() -> Operation {
    let call = Call::DeleteRange { from: "a".to_owned(), to: "b".to_owned(), previous: false };
    operation(call, (0, 1), Answer::RangeDeleted { revision: 1, count: 0, previous: None })
}

fn put(key: &str, value: &str, time: (u64, u64), revision: i64) -> Operation {
    let call = Call::Put { key: key.to_owned(), value: value.to_owned() };
    operation(call, time, Answer::Put { revision })
}

fn get(key: &str, time: (u64, u64), revision: i64, found: Option<Found>) -> Operation {
    operation(Call::Get { key: key.to_owned() }, time, Answer::Got { revision, found })
}

/// A pair that was written once.
fn first_version(value: &str, mod_revision: i64, create_revision: i64) -> Found {
    Found { value: value.to_owned(), mod_revision, version: 1, create_revision }
}

fn operation(call: Call, (called_ns, answered_ns): (u64, u64), answer: Answer) -> Operation {
    Operation { client: 1, called_ns, call, answer: Some((answered_ns, answer)) }
}

/// The judges that object to a history, each by which rule.
fn objections(story: &Story, version: Version) -> Vec<(Judge, HistoryRule)> {
    let operations = (story.history)(version);
    let [listed @ .., search] =
        [Judge::Unique, Judge::FollowTime, Judge::NeverFall, Judge::Creations, Judge::Witness, Judge::Search];
    assert_eq!(listed.len(), JUDGES.len(), "a judge has no name here");
    let by_search = linearizability::judge(&operations, &mut |_| (story.goes_on)(version));
    let judged = listed.into_iter().zip(JUDGES).map(|(name, judge)| (name, judge(&operations)));
    judged.chain([(search, by_search)]).filter_map(|(name, it)| Some((name, it.err()?.rule))).collect()
}

#[test]
fn each_rule_is_broken_by_its_histories_alone_and_by_nothing_less() {
    let mut needed = BTreeSet::new();
    for rule in ALL {
        for (number, story) in (1..).zip(stories(rule)) {
            let told = format!("history {number} of {rule:?}");
            assert_eq!(objections(story, Version::Lawful), Vec::new(), "{told}: the lawful version is wrong");
            let expected: Vec<_> = story.judges.iter().map(|&judge| (judge, rule)).collect();
            assert_eq!(objections(story, Version::Broken), expected, "{told}");
            let judged =
                judge_while(&(story.history)(Version::Broken), &mut |_| (story.goes_on)(Version::Broken));
            assert_eq!(judged.map_err(|broken| broken.rule), Err(rule), "{told}");
            if let [only] = story.judges {
                needed.insert(*only);
            }
        }
    }
    let alone = [Judge::Unique, Judge::NeverFall, Judge::Creations, Judge::Witness, Judge::Search];
    assert_eq!(needed, alone.into(), "each is needed: something is caught by no other one");
}
