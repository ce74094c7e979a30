//! Compaction and alarms, as etcd has them.

use super::*;

/// The store's history: a to revision 2, 3, deleted at 4, again at 5; b at 6.
fn machine() -> Machine {
    let mut machine = Machine::default();
    machine.put_all([("a", "1"), ("a", "2")]);
    machine.delete("a", "");
    machine.put_all([("a", "3"), ("b", "1")]);
    machine
}

/// The value of a at a revision, or why it cannot be read.
fn a_at(machine: &Machine, revision: i64) -> Result<Option<String>, RangeRejection> {
    let reply = machine.range(RangeRequest { revision, ..one("a") })?;
    assert_eq!(reply.count as usize, reply.kvs.len());
    Ok(reply.kvs.into_iter().next().map(|pair| String::from_utf8(pair.value).expect("text")))
}

#[test]
fn what_is_older_cannot_be_read_and_the_revision_itself_can() {
    for (compacted, expected) in [(2, Some("1")), (3, Some("2")), (4, None), (5, Some("3")), (6, Some("3"))] {
        let mut machine = machine();
        assert_eq!(machine.compact(compacted), Reply::Compacted { revision: 6 });
        for prune in [false, true] {
            if prune {
                machine.prune(1);
            }
            assert_eq!(a_at(&machine, compacted - 1), Err(RangeRejection::Compacted { oldest: compacted }));
            assert_eq!(a_at(&machine, compacted), Ok(expected.map(str::to_owned)), "at {compacted}");
            assert_eq!(a_at(&machine, 6), Ok(Some("3".to_owned())));
            assert_eq!(a_at(&machine, 0), Ok(Some("3".to_owned())));
        }
    }
}

/// As much as one step of the removal reads, about (`compaction.rs`).
const STEP_BYTES: usize = 1 << 20;

#[test]
fn a_step_of_the_removal_ends_at_so_many_events_or_bytes() {
    let removed = |bytes: usize, events_max: usize| {
        let mut machine = Machine::default();
        let value = "x".repeat(bytes);
        machine.put_all([("a", value.as_str()); 6]);
        machine.compact(7);
        let before = machine.records(Table::History);
        let is_more = Pruner::default().step(&mut machine.store, events_max).expect("the store is sound");
        (before - machine.records(Table::History), is_more)
    };
    // An event holds the value that it ended; the first one ended none.
    assert_eq!(removed(10, 100), (5, false), "all but the present");
    assert_eq!(removed(10, 3), (3, true));
    assert_eq!(removed(10, 1), (1, true));
    assert_eq!(removed(STEP_BYTES / 3 + 1, 100), (4, true), "three values fill a step");
    assert_eq!(removed(STEP_BYTES + 1, 100), (2, true), "one does");
}

#[test]
fn what_is_compacted_already_and_what_is_yet_to_come_is_refused_in_etcds_words() {
    let mut machine = machine();
    machine.compact(4);
    for revision in [4, 3, 0, -1] {
        let reply = machine.compact(revision);
        assert_eq!(reply, Reply::Rejected(Rejection::Compacted), "{revision}");
    }
    assert_eq!(machine.compact(7), Reply::Rejected(Rejection::FutureRevision));
    assert_eq!(machine.compact(6), Reply::Compacted { revision: 6 });
    assert_eq!(Rejection::Compacted.to_string(), "etcdserver: mvcc: required revision has been compacted");
    let future = "etcdserver: mvcc: required revision is a future revision";
    assert_eq!(Rejection::FutureRevision.to_string(), future);
}

#[test]
fn the_events_of_the_revision_itself_are_kept_a_deletion_too_until_the_next_compaction() {
    let mut machine = machine();
    machine.compact(4);
    machine.prune(100);
    // At 4, 5 and 6; of these only the deletion ended a version.
    assert_eq!((machine.records(Table::History), machine.records(Table::Index)), (3, 1));
    machine.compact(5);
    machine.prune(100);
    assert_eq!((machine.records(Table::History), machine.records(Table::Index)), (2, 0));
}

#[test]
fn an_empty_store_can_be_compacted_to_its_only_revision() {
    let mut machine = Machine::default();
    assert_eq!(machine.compact(1), Reply::Compacted { revision: 1 });
    assert_eq!(machine.compact(1), Reply::Rejected(Rejection::Compacted));
    machine.put("a", "1");
    assert_eq!(a_at(&machine, 1), Ok(None));
}

#[test]
fn removing_what_is_compacted_leaves_no_mark_on_the_state() {
    let mut machine = machine();
    let before = machine.header.content;
    machine.compact(5);
    assert!(machine.header.content.bytes < before.bytes);
    let header = machine.header.clone();
    loop {
        assert_eq!(recompute_content(&machine.store), Ok(header.content));
        let mut pruner = Pruner::default();
        if !pruner.step(&mut machine.store, 1).expect("the store is sound") {
            break;
        }
    }
    assert_eq!(Header::load(&machine.store), Ok(header));
}

#[test]
fn a_deletion_of_many_keys_is_compacted_as_one_revision() {
    let mut machine = Machine::default();
    machine.put_all([("a", "1"), ("b", "1"), ("c", "1")]);
    machine.delete("a", "z");
    machine.put("d", "1");
    machine.compact(5);
    machine.prune(2);
    assert_eq!(recompute_content(&machine.store), Ok(machine.header.content));
    assert_eq!(machine.records(Table::History), 4, "three deletions and a put");
    machine.compact(6);
    machine.prune(2);
    assert_eq!((machine.records(Table::History), machine.records(Table::Index)), (1, 0));
    assert_eq!(recompute_content(&machine.store), Ok(machine.header.content));
}

#[test]
fn while_an_alarm_is_raised_nothing_is_put_and_all_else_goes_on() {
    let mut machine = machine();
    let raised = Reply::Alarms { revision: 6, raised: vec![7] };
    assert_eq!(machine.alarm(AlarmRequest::Raise(7)), raised);
    assert_eq!(machine.run(None, put("c", "1")), Reply::Rejected(Rejection::NoSpace));
    assert_eq!(Rejection::NoSpace.to_string(), "etcdserver: mvcc: database space exceeded");
    assert_eq!(machine.get("a").map(|pair| pair.value), Some(b"3".to_vec()));
    assert_eq!(machine.delete("b", ""), (7, 1));
    assert_eq!(machine.compact(7), Reply::Compacted { revision: 7 });

    machine.alarm(AlarmRequest::Raise(9));
    let both = Reply::Alarms { revision: 7, raised: vec![7, 9] };
    assert_eq!(machine.alarm(AlarmRequest::List), both);
    assert_eq!(machine.alarm(AlarmRequest::Clear(7)), Reply::Alarms { revision: 7, raised: vec![7] });
    assert_eq!(machine.alarm(AlarmRequest::Clear(7)), Reply::Alarms { revision: 7, raised: vec![] });
    assert_eq!(machine.run(None, put("c", "1")), Reply::Rejected(Rejection::NoSpace));
    machine.alarm(AlarmRequest::Clear(9));
    assert_eq!(machine.put("c", "1"), 8);
    assert_eq!(recompute_content(&machine.store), Ok(machine.header.content));
}
