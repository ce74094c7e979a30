//! The rules of histories on trial: of each a history that breaks it, to which no other judge objects, and the nearest one that breaks
//! none.

use conclave_checks::history;

use super::*;
use crate::{
    trace::{Asked, Found, Page, Paged, Part},
    verdict::trial::{Trial, Version},
};

pub(crate) const LINEARIZABLE: &[Trial] = &[
    Trial { judge: a_key_is_deleted_twice, says: "its place by its revision cannot be" },
    Trial { judge: a_range_counts_too_many_versions, says: "k is not linearizable" },
];
pub(crate) const JUDGED: &[Trial] = &[Trial { judge: no_step_is_allowed, says: "k is undecided after " }];
pub(crate) const REVISIONS_ARE_UNIQUE: &[Trial] =
    &[Trial { judge: two_writes_have_one_revision, says: "two writes have revision 2" }];
pub(crate) const REVISIONS_FOLLOW_TIME: &[Trial] = &[
    Trial {
        judge: a_later_write_has_a_lower_revision,
        says: "revision 3 was answered before a lower one was asked for",
    },
    Trial { judge: a_revision_falls, says: "revision 2 is told after a higher one was" },
];
pub(crate) const CREATIONS_ARE_TRUE: &[Trial] =
    &[Trial { judge: a_pair_was_created_before_its_write, says: "it cannot have been created then" }];
pub(crate) const PAST_IS_TRUE: &[Trial] =
    &[Trial { judge: the_past_lacks_a_write, says: "a later write is not shown" }];
pub(crate) const COMPACTION_HOLDS: &[Trial] = &[
    Trial { judge: what_is_compacted_is_read, says: "what was compacted before is read" },
    Trial {
        judge: what_is_not_compacted_is_refused,
        says: "it is refused as compacted, and nobody asked for that",
    },
];
pub(crate) const PAGES_ARE_TRUE: &[Trial] = &[Trial {
    judge: a_page_hides_that_there_is_more,
    says: "a page is not what was asked for of its range",
}];
pub(crate) const ALARMS_HOLD: &[Trial] = &[
    Trial { judge: it_is_put_without_space, says: "it is put while there is no space" },
    Trial {
        judge: it_is_refused_without_an_alarm,
        says: "it is refused for lack of space, and no alarm says so",
    },
];
pub(crate) const BACKUPS_ARE_WHOLE: &[Trial] = &[Trial { judge: a_backup_is_broken, says: "it is broken\n" }];
pub(crate) const RANGES_ARE_SNAPSHOTS: &[Trial] = &[Trial {
    judge: a_large_value_has_another_revision,
    says: "write 0 has revision 2, and is shown with revision 3",
}];

/// What the judges say of a history. No two of them object to it.
fn judge_alone(operations: &[Operation], large: &[LargeEvent]) -> Result<(), Failure> {
    let others = judges(operations, large, false).into_iter().map(|judge| judge());
    let verdicts: Vec<_> = others.chain([history::judge(operations).map_err(Failure::from)]).collect();
    let failures: Vec<&Failure> = verdicts.iter().filter_map(|verdict| verdict.as_ref().err()).collect();
    assert!(failures.len() <= 1, "another judge catches it too: {failures:?}");
    judge(operations, large, false)
}

/// Answered one nanosecond after it was asked.
fn operation(called_ns: u64, call: Call, answer: Answer) -> Operation {
    Operation { client: 1, called_ns, call, answer: Some((called_ns + 1, answer)) }
}

/// Its value names its time.
fn put(at: u64, key: &str, revision: i64) -> Operation {
    let call = Call::Put { key: key.to_owned(), value: format!("{at}") };
    operation(at, call, Answer::Put { revision })
}

/// What that put has written, the key's first version.
fn found(at: u64, revision: i64) -> Found {
    Found { value: format!("{at}"), mod_revision: revision, version: 1, create_revision: revision }
}

fn read(at: u64, revision: i64, found: Option<Found>) -> Operation {
    operation(at, Call::Get { key: "k".to_owned() }, Answer::Got { revision, found })
}

fn read_past(at: u64, revision: i64, answer: Answer) -> Operation {
    operation(at, Call::GetPast { key: "k".to_owned(), revision }, answer)
}

fn compact(at: u64, revision: i64) -> Operation {
    operation(at, Call::Compact { revision }, Answer::Compacted)
}

/// Of the keys from a to before z.
fn range(at: u64, revision: i64, found: Vec<(String, Found)>) -> Operation {
    let (from, to) = ("a".to_owned(), "z".to_owned());
    operation(at, Call::Range { from, to, revision: 0 }, Answer::Ranged { revision, found })
}

fn a_key_is_deleted_twice(version: Version) -> Result<(), Failure> {
    let delete = |at, (revision, count)| {
        operation(at, Call::Delete { key: "k".to_owned() }, Answer::Deleted { revision, count })
    };
    judge_alone(&[put(0, "k", 2), delete(2, (3, 1)), delete(4, version.of((4, 1), (3, 0)))], &[])
}

fn a_range_counts_too_many_versions(version: Version) -> Result<(), Failure> {
    // Since when it has been there was not recorded.
    let shown = Found { version: version.of(2, 1), create_revision: 0, ..found(0, 2) };
    judge_alone(&[put(0, "k", 2), range(2, 2, vec![("k".to_owned(), shown)])], &[])
}

fn no_step_is_allowed(version: Version) -> Result<(), Failure> {
    let search = |operations: &[Operation]| -> Result<(), Broken> {
        history::judge_while(operations, &mut |_| !version.is_broken())
    };
    judge_whether(&[put(0, "k", 2), put(2, "k", 3)], &[], false, search)
}

fn two_writes_have_one_revision(version: Version) -> Result<(), Failure> {
    judge_alone(&[put(0, "a", 2), put(2, "b", version.of(2, 3))], &[])
}

fn a_later_write_has_a_lower_revision(version: Version) -> Result<(), Failure> {
    judge_alone(&[put(version.of(0, 4), "a", 3), put(2, "b", 2)], &[])
}

fn a_revision_falls(version: Version) -> Result<(), Failure> {
    // Nothing is known of this key.
    let absent = |at, revision| read(at, revision, None);
    judge_alone(&[absent(0, 3), absent(2, version.of(2, 3))], &[])
}

fn a_pair_was_created_before_its_write(version: Version) -> Result<(), Failure> {
    let shown = Found { create_revision: version.of(1, 2), ..found(0, 2) };
    judge_alone(&[put(0, "k", 2), read(2, 2, Some(shown))], &[])
}

fn the_past_lacks_a_write(version: Version) -> Result<(), Failure> {
    let shown = Answer::Got { revision: 3, found: Some(found(0, 2)) };
    judge_alone(&[put(0, "k", 2), put(2, "k", 3), read_past(4, version.of(3, 2), shown)], &[])
}

fn what_is_compacted_is_read(version: Version) -> Result<(), Failure> {
    let shown = Answer::Got { revision: 2, found: Some(found(0, 2)) };
    judge_alone(&[put(0, "k", 2), compact(2, version.of(3, 2)), read_past(4, 2, shown)], &[])
}

fn what_is_not_compacted_is_refused(version: Version) -> Result<(), Failure> {
    judge_alone(&[compact(2, version.of(2, 3)), read_past(4, 2, Answer::Gone)], &[])
}

fn a_page_hides_that_there_is_more(version: Version) -> Result<(), Failure> {
    let pairs = vec![("k".to_owned(), found(0, 2)), ("l".to_owned(), found(2, 3))];
    let (from, to, page) = ("a".to_owned(), "z".to_owned(), Page { limit: 1, ..Page::default() });
    let paged = Paged { found: pairs[..1].to_vec(), count: 2, more: version.of(false, true) };
    let page = operation(6, Call::Page { from, to, revision: 0, page }, Answer::Paged { revision: 3, paged });
    judge_alone(&[put(0, "k", 2), put(2, "l", 3), range(4, 3, pairs), page], &[])
}

fn alarm(at: u64, raises: bool) -> Operation {
    operation(at, Call::Alarm { member: 1, raises }, Answer::Alarmed)
}

fn it_is_put_without_space(version: Version) -> Result<(), Failure> {
    judge_alone(&[alarm(10, true), alarm(version.of(20, 14), false), put(16, "k", 2)], &[])
}

fn it_is_refused_without_an_alarm(version: Version) -> Result<(), Failure> {
    let refused = Answer::DidNotHappen("etcdserver: mvcc: database space exceeded".to_owned());
    let put = Operation { answer: Some((17, refused)), ..put(16, "k", 0) };
    judge_alone(&[alarm(10, true), alarm(version.of(12, 20), false), put], &[])
}

fn a_backup_is_broken(version: Version) -> Result<(), Failure> {
    let (from, to) = ("a".to_owned(), "z".to_owned());
    // What did not arrive is no backup.
    let why = "a sum".to_owned();
    let answer = if version.is_broken() { Answer::Broken(why) } else { Answer::DidNotHappen(why) };
    judge_alone(&[operation(0, Call::Backup { from, to }, answer)], &[])
}

fn a_large_value_has_another_revision(version: Version) -> Result<(), Failure> {
    let parts = vec![Part { key: Some(1), write: Some(0), mod_revision: version.of(3, 2) }];
    let events = [
        LargeEvent::Writes { write: 0, key: 1 },
        LargeEvent::Wrote { write: 0, revision: 2 },
        LargeEvent::Read { asked: Asked::default(), revision: 4, count: 1, more: false, parts },
    ];
    judge_alone(&[], &events)
}

#[test]
fn a_backup_that_arrived_whole_passes() {
    let backup = Call::Backup { from: "a".to_owned(), to: "b".to_owned() };
    let whole = operation(0, backup, Answer::Ranged { revision: 1, found: Vec::new() });
    assert_eq!(judge_alone(&[whole], &[]), Ok(()));
}
