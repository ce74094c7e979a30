//! Exactly once: what sessions promise.

use super::*;

fn stamp(session: u64, sequence: u64, acknowledged_below: u64) -> Option<Stamp> {
    Some(Stamp { session, sequence, acknowledged_below })
}

#[test]
fn a_retry_is_answered_as_the_first_attempt_was_and_changes_nothing() {
    let mut machine = Machine::default();
    let session = machine.open_session();
    let first = machine.run(stamp(session, 1, 0), put("a", "mine"));
    machine.put("a", "another's");
    let before = machine.header.clone();
    assert_eq!(machine.run(stamp(session, 1, 0), put("a", "mine")), first);
    assert_eq!(machine.get("a").expect("it was put").value, b"another's");
    assert_eq!(machine.header.revision, before.revision);
    assert_eq!(machine.header.content, before.content);
}

#[test]
fn a_retry_in_the_same_batch_applies_once_too() {
    let mut machine = Machine::default();
    let session = machine.open_session();
    let operation = put("a", "1");
    let command = Command { timestamp_ms: 0, stamp: stamp(session, 1, 0), operation };
    let mut applier = Applier::begin(&mut machine.store).expect("the store is sound");
    let [first, retry] = [2, 3].map(|index| applier.apply((1, index), &command).expect("the store is sound"));
    assert_eq!(first, Reply::Put { revision: 2, prev_kv: None });
    assert_eq!(retry, first);
    assert_eq!(applier.finish().expect("the store is sound").revision, 2);
}

#[test]
fn a_session_that_is_idle_for_longer_than_its_log_allows_goes_when_another_is_opened() {
    for (idle_ms, expected) in [(11, true), (10, false)] {
        let mut store = MemoryStore::default();
        let mut applier = Applier::begin(&mut store).expect("the store is sound").with_session_idle_ms(10);
        let mut run = |index, timestamp_ms, stamp, operation| {
            let command = Command { timestamp_ms, stamp, operation };
            applier.apply((1, index), &command).expect("the store is sound")
        };
        run(1, 5, None, Operation::OpenSession { id: 1 });
        run(2, 5 + idle_ms, None, Operation::OpenSession { id: 2 });
        let reply = run(3, 5 + idle_ms, stamp(1, 1, 0), put("a", "1"));
        assert_eq!(reply == Reply::Rejected(Rejection::SessionExpired), expected, "{idle_ms} ms: {reply:?}");
    }
}

#[test]
fn writes_of_a_session_may_arrive_out_of_order() {
    let mut machine = Machine::default();
    let session = machine.open_session();
    let second = machine.run(stamp(session, 2, 0), put("a", "2"));
    let first = machine.run(stamp(session, 1, 0), put("b", "1"));
    assert_eq!(first, Reply::Put { revision: 3, prev_kv: None });
    assert_eq!(machine.run(stamp(session, 2, 0), put("a", "2")), second);
    assert_eq!(machine.run(stamp(session, 1, 0), put("b", "1")), first);
}

#[test]
fn a_rejected_write_stays_rejected_when_it_is_retried() {
    let mut machine = Machine::default();
    let session = machine.open_session();
    let keep = Operation::Put(Put { key: "a".into(), ignore_value: true, ..Put::default() });
    let not_found = Reply::Rejected(Rejection::KeyNotFound);
    assert_eq!(machine.run(stamp(session, 1, 0), keep.clone()), not_found);
    let invalid = machine.run(stamp(session, 2, 0), put("", ""));
    machine.put("a", "1");
    assert_eq!(machine.run(stamp(session, 1, 0), keep), not_found);
    assert_eq!(machine.run(stamp(session, 2, 0), put("", "")), invalid);
    assert_eq!(machine.header.revision, 2);
}

#[test]
fn previous_pairs_are_part_of_the_answer_that_a_retry_gets() {
    let mut machine = Machine::default();
    let session = machine.open_session();
    machine.put_all([("a", "x"), ("b", "x")]);
    let delete = DeleteRange { key: "a".into(), range_end: "z".into(), prev_kv: true };
    let first = machine.run(stamp(session, 1, 0), Operation::DeleteRange(delete.clone()));
    assert!(matches!(&first, Reply::DeleteRange { deleted: 2, prev_kvs, .. } if prev_kvs.len() == 2));
    assert_eq!(machine.run(stamp(session, 1, 0), Operation::DeleteRange(delete)), first);
}

#[test]
fn acknowledged_replies_are_dropped_and_their_writes_are_stale() {
    let mut machine = Machine::default();
    let session = machine.open_session();
    for sequence in 1..=5 {
        machine.run(stamp(session, sequence, 0), put("a", "1"));
    }
    assert_eq!(machine.records(Table::Replies), 5);
    machine.run(stamp(session, 6, 4), put("a", "1"));
    assert_eq!(machine.records(Table::Replies), 3);
    assert_eq!(machine.run(stamp(session, 3, 0), put("a", "1")), Reply::Rejected(Rejection::Stale));
    let kept = machine.run(stamp(session, 4, 0), put("a", "1"));
    assert_eq!(kept, Reply::Put { revision: 5, prev_kv: None }, "what was acknowledged once stays so");
    assert_eq!(machine.header.revision, 7);
}

#[test]
fn an_unknown_session_has_expired() {
    let mut machine = Machine::default();
    let reply = machine.run(stamp(9, 1, 0), put("a", "1"));
    assert_eq!(reply, Reply::Rejected(Rejection::SessionExpired));
    assert_eq!(machine.store, {
        let mut untouched = Machine::default();
        let mut applier = Applier::begin(&mut untouched.store).expect("the store is sound");
        applier.skip((1, 1));
        applier.finish().expect("the store is sound");
        untouched.store
    });
}

#[test]
fn opening_a_session_removes_those_that_were_idle_for_more_than_an_hour() {
    let mut machine = Machine { now_ms: 1_000, ..Machine::default() };
    let [idle, busy] = [(); 2].map(|()| machine.open_session());
    machine.run(stamp(idle, 1, 0), put("a", "idle"));
    machine.now_ms += 1;
    machine.run(stamp(busy, 1, 0), put("a", "busy"));
    machine.now_ms += SESSION_IDLE_MS_MAX;
    machine.open_session();
    assert_eq!((machine.records(Table::Sessions), machine.records(Table::Replies)), (2, 1));
    let reply = machine.run(stamp(idle, 1, 0), put("a", "again"));
    assert_eq!(reply, Reply::Rejected(Rejection::SessionExpired));
    let retry = machine.run(stamp(busy, 1, 0), put("a", "again"));
    assert_eq!(retry, Reply::Put { revision: 3, prev_kv: None });
}

#[test]
fn a_session_that_is_open_stays_as_it_is_when_it_is_opened_again() {
    let mut machine = Machine::default();
    let open = Operation::OpenSession { id: u64::MAX };
    let opened = Reply::SessionOpened { session: u64::MAX };
    assert_eq!(machine.run(None, open.clone()), opened);
    let first = machine.run(stamp(u64::MAX, 1, 0), put("a", "1"));
    let before = machine.header.clone();
    machine.now_ms += 2 * SESSION_IDLE_MS_MAX;
    assert_eq!(machine.run(None, open.clone()), opened);
    assert_eq!(machine.header.content, before.content);
    assert_eq!(machine.run(stamp(u64::MAX, 1, 0), put("a", "1")), first);
    assert_eq!(machine.header.revision, before.revision);

    let mut applier = Applier::begin(&mut machine.store).expect("the store is sound");
    for (index, id) in [(5, 8), (6, 8)] {
        let operation = Operation::OpenSession { id };
        let command = Command { timestamp_ms: machine.now_ms, stamp: None, operation };
        let reply = applier.apply((1, index), &command).expect("the store is sound");
        assert_eq!(reply, Reply::SessionOpened { session: 8 });
    }
    applier.finish().expect("the store is sound");
    assert_eq!(machine.records(Table::Sessions), 2);
}

#[test]
fn a_session_without_an_id_is_refused() {
    let reply = Machine::default().run(None, Operation::OpenSession { id: 0 });
    assert!(matches!(reply, Reply::Rejected(Rejection::Invalid(_))), "{reply:?}");
}
