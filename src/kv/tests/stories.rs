//! etcd's semantics, one promise a test.

use super::*;

fn pair(key: &str, value: &str, create_revision: i64, mod_revision: i64, version: i64) -> KeyValue {
    KeyValue { key: key.into(), create_revision, mod_revision, version, lease: 0, value: value.into() }
}

#[test]
fn members_are_kept_as_they_are_given_and_are_part_of_the_state() {
    let mut store = MemoryStore::default();
    assert_eq!(members(&store), Ok(None));
    let mut applier = Applier::begin(&mut store).expect("the store is sound");
    applier.set_members((1, 1), b"one to three").expect("the store is sound");
    let header = applier.finish().expect("the store is sound");
    assert_eq!(members(&store), Ok(Some(b"one to three".to_vec())));
    assert_eq!((header.applied_index, header.revision), (1, Header::default().revision));
    replace_members(&mut store, b"four").expect("the store is sound");
    assert_eq!(members(&store), Ok(Some(b"four".to_vec())));
    let replaced = Header::load(&store).expect("the store is sound");
    assert_eq!(recompute_content(&store), Ok(replaced.content));
    assert_ne!(replaced.state_hash(), header.state_hash());
}

#[test]
fn an_empty_store_has_revision_1_and_the_first_put_makes_it_2() {
    let mut machine = Machine::default();
    assert_eq!(machine.read(one("a")), RangeReply { revision: 1, ..RangeReply::default() });
    assert_eq!(machine.put("a", "1"), 2);
    assert_eq!(machine.get("a"), Some(pair("a", "1", 2, 2, 1)));
}

#[test]
fn a_key_that_is_written_again_keeps_its_creation_and_counts_its_versions() {
    let mut machine = Machine::default();
    machine.put("a", "1");
    machine.put("b", "1");
    machine.put("a", "2");
    assert_eq!(machine.get("a"), Some(pair("a", "2", 2, 4, 2)));
}

#[test]
fn a_deleted_key_begins_a_new_life() {
    let mut machine = Machine::default();
    machine.put("a", "1");
    machine.put("a", "2");
    assert_eq!(machine.delete("a", ""), (4, 1));
    assert_eq!(machine.get("a"), None);
    machine.put("a", "3");
    assert_eq!(machine.get("a"), Some(pair("a", "3", 5, 5, 1)));
}

#[test]
fn deleting_nothing_leaves_the_revision_alone() {
    let mut machine = Machine::default();
    machine.put("a", "1");
    assert_eq!(machine.delete("b", ""), (2, 0));
    assert_eq!(machine.delete("z", "a"), (2, 0));
    assert_eq!(machine.read(everything()).revision, 2);
}

#[test]
fn all_that_one_request_deletes_shares_one_revision() {
    let mut machine = Machine::default();
    machine.put_all([("a", "x"), ("b", "x"), ("c", "x")]);
    assert_eq!(machine.delete("a", "c"), (5, 2));
    assert_eq!(keys(&machine.read(everything())), ["c"]);
    assert_eq!(machine.put("d", "x"), 6);
}

#[test]
fn previous_pairs_are_returned_when_asked_for() {
    let mut machine = Machine::default();
    let with_prev = |value: &str| {
        Operation::Put(Put { key: "a".into(), value: value.into(), prev_kv: true, ..Put::default() })
    };
    assert_eq!(machine.run(None, with_prev("1")), Reply::Put { revision: 2, prev_kv: None });
    let first = pair("a", "1", 2, 2, 1);
    assert_eq!(machine.run(None, with_prev("2")), Reply::Put { revision: 3, prev_kv: Some(first) });
    let delete = DeleteRange { key: "\0".into(), range_end: "\0".into(), prev_kv: true };
    let prev_kvs = vec![pair("a", "2", 2, 3, 2)];
    let reply = machine.run(None, Operation::DeleteRange(delete));
    assert_eq!(reply, Reply::DeleteRange { revision: 4, deleted: 1, prev_kvs });
}

#[test]
fn the_present_value_or_lease_is_kept_when_asked_for_but_only_of_a_key_that_exists() {
    let mut machine = Machine::default();
    let ignoring = |ignore_value, ignore_lease, value: &str| {
        Operation::Put(Put {
            key: "a".into(),
            value: value.into(),
            ignore_value,
            ignore_lease,
            ..Put::default()
        })
    };
    for absent in [ignoring(true, false, ""), ignoring(false, true, "1")] {
        assert_eq!(machine.run(None, absent), Reply::Rejected(Rejection::KeyNotFound));
    }
    assert_eq!(machine.put("a", "1"), 2);
    machine.run(None, ignoring(true, false, ""));
    assert_eq!(machine.get("a"), Some(pair("a", "1", 2, 3, 2)));
    machine.run(None, ignoring(false, true, "2"));
    assert_eq!(machine.get("a"), Some(pair("a", "2", 2, 4, 3)));
}

#[test]
fn a_wrong_operation_is_rejected_in_etcds_words_and_changes_nothing() {
    let mut machine = Machine::default();
    machine.put("a", "1");
    let a = Put { key: "a".into(), ..Put::default() };
    let long = Put { key: vec![b'k'; KEY_BYTES_MAX + 1], ..Put::default() };
    let large = Put { value: vec![0; VALUE_BYTES_MAX + 1], ..a.clone() };
    let cases = [
        (put("", "1"), "etcdserver: key is not provided"),
        (delete("", "b"), "etcdserver: key is not provided"),
        (
            Operation::Put(Put { value: vec![1], ignore_value: true, ..a.clone() }),
            "etcdserver: value is provided",
        ),
        (Operation::Put(Put { lease: 1, ignore_lease: true, ..a.clone() }), "etcdserver: lease is provided"),
        (Operation::Put(Put { lease: 1, ..a }), "etcdserver: requested lease not found"),
        (
            Operation::Put(long),
            "etcdserver: request is too large: the key has 32769 bytes, at most 32768 are allowed",
        ),
        (
            Operation::Put(large),
            "etcdserver: request is too large: the value has 1572865 bytes, at most 1572864 are allowed",
        ),
    ];
    let before = machine.header.clone();
    for (operation, message) in cases {
        assert_eq!(machine.run(None, operation), Reply::Rejected(Rejection::Invalid(message.to_owned())));
    }
    assert_eq!(machine.header.content, before.content);
    assert_eq!(machine.header.revision, before.revision);
}

#[test]
fn the_longest_key_and_the_largest_value_fit() {
    let mut machine = Machine::default();
    let put = Put { key: vec![0; KEY_BYTES_MAX], value: vec![7; VALUE_BYTES_MAX], ..Put::default() };
    assert_eq!(machine.run(None, Operation::Put(put.clone())), Reply::Put { revision: 2, prev_kv: None });
    let successor = [&put.key[..], &[0]].concat();
    let delete = DeleteRange { key: put.key, range_end: successor, prev_kv: false };
    let reply = machine.run(None, Operation::DeleteRange(delete));
    assert_eq!(reply, Reply::DeleteRange { revision: 3, deleted: 1, prev_kvs: vec![] });
}

#[test]
fn a_range_ends_before_its_end() {
    let mut machine = Machine::default();
    machine.put_all([("a", "x"), ("a\0", "x"), ("a0", "x"), ("b", "x"), ("\u{7f}", "x")]);
    assert_eq!(keys(&machine.read(one("a"))), ["a"]);
    assert_eq!(keys(&machine.read(between("a", "b"))), ["a", "a\0", "a0"]);
    assert_eq!(keys(&machine.read(between("a0", "\0"))), ["a0", "b", "\u{7f}"]);
    assert_eq!(keys(&machine.read(everything())).len(), 5);
    assert_eq!(machine.read(between("b", "a")).count, 0);
    assert_eq!(machine.read(between("b", "b")).count, 0);
}

#[test]
fn a_limit_cuts_the_pairs_but_not_the_count() {
    let mut machine = Machine::default();
    machine.put_all([("a", "x"), ("b", "x"), ("c", "x")]);
    let limited = |limit| machine.read(RangeRequest { limit, ..everything() });
    assert_eq!((keys(&limited(2)), limited(2).more, limited(2).count), (vec!["a", "b"], true, 3));
    assert_eq!((limited(3).more, limited(3).count), (false, 3));
    assert_eq!((limited(0).kvs.len(), limited(-1).kvs.len(), limited(i64::MAX).kvs.len()), (3, 3, 3));
}

#[test]
fn a_limit_cuts_after_sorting() {
    let mut machine = Machine::default();
    machine.put_all([("a", "2"), ("b", "3"), ("c", "1"), ("b", "0")]);
    let sorted = |sort_target, sort_order| {
        let reply = machine.read(RangeRequest { limit: 2, sort_target, sort_order, ..everything() });
        assert!(reply.more);
        keys(&reply).concat()
    };
    assert_eq!(sorted(SortTarget::Key, SortOrder::Descend), "cb");
    assert_eq!(sorted(SortTarget::Value, SortOrder::Ascend), "bc");
    assert_eq!(sorted(SortTarget::Value, SortOrder::Descend), "ac");
    assert_eq!(sorted(SortTarget::Mod, SortOrder::None), "ac");
    assert_eq!(sorted(SortTarget::Create, SortOrder::Descend), "cb");
    assert_eq!(sorted(SortTarget::Version, SortOrder::Descend), "ba");
}

#[test]
fn keys_only_leaves_the_values_out_even_when_sorted_by_them() {
    let mut machine = Machine::default();
    machine.put_all([("a", "2"), ("b", "1")]);
    let request = RangeRequest { keys_only: true, sort_target: SortTarget::Value, ..everything() };
    let reply = machine.read(request);
    assert_eq!(reply.kvs, [pair("b", "", 3, 3, 1), pair("a", "", 2, 2, 1)]);
}

#[test]
fn bounds_on_revisions_leave_pairs_out_but_not_of_the_count() {
    let mut machine = Machine::default();
    machine.put_all([("a", "x"), ("b", "x"), ("c", "x"), ("a", "x")]);
    let reply = machine.read(RangeRequest { min_mod_revision: 4, limit: 1, ..everything() });
    assert_eq!((keys(&reply), reply.more, reply.count), (vec!["a"], true, 3));
    let reply = machine.read(RangeRequest { max_create_revision: 3, min_create_revision: 3, ..everything() });
    assert_eq!((keys(&reply), reply.more, reply.count), (vec!["b"], false, 3));
    let reply = machine.read(RangeRequest { max_mod_revision: 1, count_only: true, ..everything() });
    assert_eq!((reply.kvs.len(), reply.more, reply.count), (0, false, 3));
}

#[test]
fn the_past_can_be_read_through_deletes_and_new_lives() {
    let mut machine = Machine::default();
    machine.put("a", "1"); // 2
    machine.put("a", "2"); // 3
    machine.delete("a", ""); // 4
    machine.put("a", "3"); // 5
    machine.put("b", "1"); // 6
    let at = |revision| machine.read(RangeRequest { revision, ..everything() });
    assert_eq!(at(1).kvs, []);
    assert_eq!(at(2).kvs, [pair("a", "1", 2, 2, 1)]);
    assert_eq!(at(3).kvs, [pair("a", "2", 2, 3, 2)]);
    assert_eq!(at(4).kvs, []);
    assert_eq!(at(5).kvs, [pair("a", "3", 5, 5, 1)]);
    assert_eq!(at(2).revision, 6, "the header speaks of the store as it is now");
    assert_eq!(at(6), at(0));
}

#[test]
fn revisions_that_cannot_be_read_are_refused() {
    let mut machine = Machine::default();
    machine.put_all([("a", "x"), ("b", "x"), ("c", "x")]);
    machine.compact(3);
    let at = |revision| machine.range(RangeRequest { revision, ..one("a") });
    assert_eq!(at(5), Err(RangeRejection::FutureRevision { current: 4 }));
    assert_eq!(at(2), Err(RangeRejection::Compacted { oldest: 3 }));
    assert!(at(3).is_ok());
    let empty = RangeRejection::Invalid("etcdserver: key is not provided".to_owned());
    assert_eq!(machine.range(one("")), Err(empty));
}

#[test]
fn the_clock_never_runs_backwards() {
    let mut machine = Machine { now_ms: 500, ..Machine::default() };
    machine.put("a", "1");
    machine.now_ms = 400;
    machine.put("a", "2");
    assert_eq!(machine.header.timestamp_ms, 500);
}

#[test]
fn entries_without_a_command_move_the_applied_position_alone() {
    let mut machine = Machine::default();
    machine.put("a", "1");
    let mut applier = Applier::begin(&mut machine.store).expect("the store is sound");
    applier.skip((3, 2));
    let header = applier.finish().expect("the store is sound");
    assert_eq!(header, Header { applied_term: 3, applied_index: 2, ..machine.header.clone() });
    assert_eq!(Header::load(&machine.store), Ok(header.clone()));
    assert_ne!(header.state_hash(), machine.header.state_hash());
}

#[test]
#[should_panic(expected = "entry 1 is applied already, up to 1")]
fn applying_an_entry_twice_is_a_bug() {
    let mut machine = Machine::default();
    machine.put("a", "1");
    machine.header.applied_index = 0;
    machine.put("a", "1");
}

#[test]
#[should_panic(expected = "entry 3 leaves a gap after 1")]
fn leaving_an_entry_out_is_a_bug() {
    let mut machine = Machine::default();
    machine.put("a", "1");
    machine.header.applied_index = 2;
    machine.put("a", "1");
}
