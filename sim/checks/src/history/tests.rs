//! The judges on trial: each rule is broken by a history that breaks no other one, and by nothing less (`crate::trial`).
//!
//! Two judges go by the rule that revisions follow time. What `revisions::follow_time` objects to, `revisions::never_fall` objects to
//! as well: it takes reads for what they tell, besides writes.

use std::collections::BTreeSet;

use super::{
    Answer, Asked, Call, Found, History, HistoryRule, JUDGES, LargeEvent, Operation, Page, Paged, Part,
    judge_while, linearizability,
};
use crate::trial::Version;

/// What clients were told, and how many of the judges object when it is wrong.
struct Story {
    history: fn(Version) -> History,
    judges: &'static [Judge],
    /// What the first of them says of it then.
    says: &'static str,
    /// Whether the search may go on.
    goes_on: fn(Version) -> bool,
}

/// The judges, by their places in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Judge {
    Backups,
    Ranges,
    Past,
    Compactions,
    Pages,
    Alarms,
    Unique,
    FollowTime,
    NeverFall,
    Creations,
    Witness,
    Search,
}

const fn story(judges: &'static [Judge], says: &'static str, history: fn(Version) -> History) -> Story {
    Story { history, judges, says, goes_on: |_| true }
}

/// Of every rule at least one.
fn stories(rule: HistoryRule) -> &'static [Story] {
    match rule {
        HistoryRule::Linearizable => LINEARIZABLE,
        HistoryRule::Judged => JUDGED,
        HistoryRule::RevisionsAreUnique => REVISIONS_ARE_UNIQUE,
        HistoryRule::RevisionsFollowTime => REVISIONS_FOLLOW_TIME,
        HistoryRule::CreationsAreTrue => CREATIONS_ARE_TRUE,
        HistoryRule::PastIsTrue => PAST_IS_TRUE,
        HistoryRule::PagesAreTrue => PAGES_ARE_TRUE,
        HistoryRule::CompactionHolds => COMPACTION_HOLDS,
        HistoryRule::AlarmsHold => ALARMS_HOLD,
        HistoryRule::BackupsAreWhole => BACKUPS_ARE_WHOLE,
        HistoryRule::RangesAreSnapshots => RANGES_ARE_SNAPSHOTS,
    }
}

const LINEARIZABLE: &[Story] = &[
    story(&[Judge::Search], "k is not linearizable", |version| {
        // A pair has been written once, or as often as nobody has written it. (Since when it has been there is not told.)
        let found = Found { version: version.of(2, 1), ..first_version("a", 2, 0) };
        told(vec![put("k", "a", (2, 3), 2), range((4, 5), 2, vec![("k".to_owned(), found)])])
    }),
    story(&[Judge::Witness], "its place by its revision cannot be", |version| {
        // A read is at the revision of a write that was not asked for yet, or was.
        told(vec![get("a", (0, 1), 2, None), put("b", "x", (version.of(2, 1), 9), 2)])
    }),
    story(&[Judge::Witness, Judge::Search], "its place by its revision cannot be", |version| {
        // A key is deleted, and is there to be deleted again, or is not.
        let delete = |time, (revision, count)| {
            operation(Call::Delete { key: "k".to_owned() }, time, Answer::Deleted { revision, count })
        };
        let again = version.of((4, 1), (3, 0));
        told(vec![put("k", "a", (0, 1), 2), delete((2, 3), (3, 1)), delete((4, 5), again)])
    }),
];

const JUDGED: &[Story] = &[Story {
    // The search is given no time, or as much as it takes.
    goes_on: |version| !version.is_broken(),
    ..story(&[Judge::Search], "k is undecided after ", |_| told(vec![put("k", "a", (2, 3), 2)]))
}];

const REVISIONS_ARE_UNIQUE: &[Story] = &[story(&[Judge::Unique], "two writes have revision 2", |version| {
    told(vec![silence(), put("x", "a", (2, 4), 2), put("y", "b", (3, 5), version.of(2, 3))])
})];

const REVISIONS_FOLLOW_TIME: &[Story] = &[
    story(
        &[Judge::FollowTime, Judge::NeverFall],
        "revision 3 was answered before a lower one was asked for",
        |version| {
            // Of two writes the second one has the lower revision; lawfully they overlap.
            told(vec![silence(), put("x", "a", (2, version.of(3, 4)), 3), put("y", "b", (4, 5), 2)])
        },
    ),
    story(&[Judge::NeverFall], "revision 2 is told after a higher one was", |version| {
        // A read after a write is of before it, or of then.
        told(vec![silence(), put("x", "a", (2, 3), 3), get("y", (4, 5), version.of(2, 3), None)])
    }),
];

const CREATIONS_ARE_TRUE: &[Story] =
    &[story(&[Judge::Creations], "it cannot have been created then", |version| {
        let found = first_version("a", 2, version.of(1, 2));
        told(vec![silence(), put("k", "a", (2, 3), 2), get("k", (4, 5), 2, Some(found))])
    })];

const PAST_IS_TRUE: &[Story] = &[
    story(&[Judge::Past], "a later write is not shown", |version| {
        // The past lacks a write, or is of before it.
        let shown = Answer::Got { revision: 3, found: Some(first_version("a", 2, 2)) };
        let past = get_past(version.of(3, 2), (6, 7), shown);
        told(vec![put("k", "a", (2, 3), 2), put("k", "b", (4, 5), 3), past])
    }),
    story(&[Judge::Past], "as many keys were not there as were deleted", |version| {
        // As many keys were there as were deleted, or fewer.
        let call = Call::DeleteRange { from: "a".to_owned(), to: "z".to_owned(), previous: true };
        let previous = vec![("k".to_owned(), first_version("a", 2, 2))];
        let count = version.of(2, 1);
        let answer = Answer::RangeDeleted { revision: 3, count, previous: Some(previous) };
        told(vec![put("k", "a", (2, 3), 2), operation(call, (4, 5), answer)])
    }),
];

const COMPACTION_HOLDS: &[Story] = &[
    story(&[Judge::Compactions], "what was compacted before is read", |version| {
        let shown = Answer::Got { revision: 2, found: Some(first_version("a", 2, 2)) };
        told(vec![put("k", "a", (0, 1), 2), compact(version.of(3, 2), (2, 3)), get_past(2, (4, 5), shown)])
    }),
    story(&[Judge::Compactions], "it is refused as compacted, and nobody asked for that", |version| {
        // What nobody compacted is gone.
        told(vec![compact(version.of(2, 3), (2, 3)), get_past(2, (4, 5), Answer::Gone)])
    }),
    story(&[Judge::Compactions], "it is refused as compacted, and nobody asked for that", |version| {
        // The same, unless nodes do so by themselves.
        let operations = vec![get_past(2, (4, 5), Answer::Gone)];
        History { nodes_compact: !version.is_broken(), ..told(operations) }
    }),
];

const PAGES_ARE_TRUE: &[Story] =
    &[story(&[Judge::Pages], "a page is not what was asked for of its range", |version| {
        // A page hides that there is more.
        let pair = |key: &str, value, revision| (key.to_owned(), first_version(value, revision, revision));
        let pairs = vec![pair("k", "a", 2), pair("l", "b", 3)];
        let (from, to, page) = ("a".to_owned(), "z".to_owned(), Page { limit: 1, ..Page::default() });
        let paged = Paged { found: pairs[..1].to_vec(), count: 2, more: version.of(false, true) };
        let call = Call::Page { from, to, revision: 0, page };
        let page = operation(call, (8, 9), Answer::Paged { revision: 3, paged });
        told(vec![put("k", "a", (2, 3), 2), put("l", "b", (4, 5), 3), range((6, 7), 3, pairs), page])
    })];

const ALARMS_HOLD: &[Story] = &[
    story(&[Judge::Alarms], "it is put while there is no space", |version| {
        let ended = version.of((20, 21), (14, 15));
        told(vec![alarm(true, (10, 11)), alarm(false, ended), put("k", "a", (16, 17), 2)])
    }),
    story(&[Judge::Alarms], "it is refused for lack of space, and no alarm says so", |version| {
        // It is refused, and no alarm says so.
        let ended = version.of((12, 13), (20, 21));
        let why = Answer::DidNotHappen("etcdserver: mvcc: database space exceeded".to_owned());
        let refused = Operation { answer: Some((17, why)), ..put("k", "a", (16, 17), 0) };
        told(vec![alarm(true, (10, 11)), alarm(false, ended), refused])
    }),
];

const BACKUPS_ARE_WHOLE: &[Story] = &[story(&[Judge::Backups], "it is broken\n", |version| {
    // What did not arrive is no backup.
    let why = "a sum".to_owned();
    let answer = if version.is_broken() { Answer::Broken(why) } else { Answer::DidNotHappen(why) };
    told(vec![operation(Call::Backup { from: "a".to_owned(), to: "z".to_owned() }, (0, 1), answer)])
})];

const RANGES_ARE_SNAPSHOTS: &[Story] =
    &[story(&[Judge::Ranges], "write 0 has revision 2, and is shown with revision 3", |version| {
        // A write is shown with another revision than it was answered with.
        let parts = vec![Part { key: Some(1), write: Some(0), mod_revision: version.of(3, 2) }];
        let large = vec![
            LargeEvent::Writes { write: 0, key: 1 },
            LargeEvent::Wrote { write: 0, revision: 2 },
            LargeEvent::Read { asked: Asked::default(), revision: 4, count: 1, more: false, parts },
        ];
        History { large, ..History::default() }
    })];

fn told(operations: Vec<Operation>) -> History {
    History { operations, ..History::default() }
}

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

fn get_past(revision: i64, time: (u64, u64), answer: Answer) -> Operation {
    operation(Call::GetPast { key: "k".to_owned(), revision }, time, answer)
}

/// Of the keys from a to before z.
fn range(time: (u64, u64), revision: i64, found: Vec<(String, Found)>) -> Operation {
    let call = Call::Range { from: "a".to_owned(), to: "z".to_owned(), revision: 0 };
    operation(call, time, Answer::Ranged { revision, found })
}

fn compact(revision: i64, time: (u64, u64)) -> Operation {
    operation(Call::Compact { revision }, time, Answer::Compacted)
}

fn alarm(raises: bool, time: (u64, u64)) -> Operation {
    operation(Call::Alarm { member: 1, raises }, time, Answer::Alarmed)
}

/// A pair that was written once.
fn first_version(value: &str, mod_revision: i64, create_revision: i64) -> Found {
    Found { value: value.to_owned(), mod_revision, version: 1, create_revision }
}

fn operation(call: Call, (called_ns, answered_ns): (u64, u64), answer: Answer) -> Operation {
    Operation { client: 1, called_ns, call, answer: Some((answered_ns, answer)) }
}

/// The judges, in the order of their list; last the search.
const NAMES: [Judge; 12] = [
    Judge::Backups,
    Judge::Ranges,
    Judge::Past,
    Judge::Compactions,
    Judge::Pages,
    Judge::Alarms,
    Judge::Unique,
    Judge::FollowTime,
    Judge::NeverFall,
    Judge::Creations,
    Judge::Witness,
    Judge::Search,
];

/// The judges that object to a history, each by which rule.
fn objections(story: &Story, version: Version) -> Vec<(Judge, HistoryRule)> {
    let history = (story.history)(version);
    let [listed @ .., search] = NAMES;
    assert_eq!(listed.len(), JUDGES.len(), "a judge has no name here");
    let by_search = linearizability::judge(&history.operations, &mut |_| (story.goes_on)(version));
    let judged = listed.into_iter().zip(JUDGES).map(|(name, judge)| (name, judge(&history)));
    judged.chain([(search, by_search)]).filter_map(|(name, it)| Some((name, it.err()?.rule))).collect()
}

#[test]
fn each_rule_is_broken_by_its_histories_alone_and_by_nothing_less() {
    let mut needed = BTreeSet::new();
    for &rule in HistoryRule::ALL {
        for (number, story) in (1..).zip(stories(rule)) {
            let told = format!("history {number} of {rule:?}");
            assert_eq!(objections(story, Version::Lawful), Vec::new(), "{told}: the lawful version is wrong");
            let expected: Vec<_> = story.judges.iter().map(|&judge| (judge, rule)).collect();
            assert_eq!(objections(story, Version::Broken), expected, "{told}");
            let goes_on = &mut |_| (story.goes_on)(Version::Broken);
            let broken = judge_while(&(story.history)(Version::Broken), goes_on).expect_err(&told);
            assert_eq!(broken.rule, rule, "{told}");
            assert!(broken.detail.contains(story.says), "{told}: {}", broken.detail);
            if let [only] = story.judges {
                needed.insert(*only);
            }
        }
    }
    let alone = NAMES.into_iter().filter(|judge| *judge != Judge::FollowTime).collect();
    assert_eq!(needed, alone, "each is needed: something is caught by no other one");
}
