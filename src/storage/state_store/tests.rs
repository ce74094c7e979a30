use std::{
    ops::{Bound, ControlFlow},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::*;
use crate::{
    kv::{
        Applier, Command, DeleteRange, KeyRange, Operation, Pruner, Put, RangeRejection, RangeReply,
        RangeRequest, RangeScan, RangeSummary, Read, StepBudget, Table, Visit, Write, range,
        recompute_content,
    },
    storage::{
        MemoryDisk,
        durable::definition,
        testing::{identity, open_on, opened, scratch},
    },
};

fn open(scratch: &TempDir) -> StateStore {
    opened(scratch.path()).state
}

fn open_on_memory(disk: &MemoryDisk) -> StateStore {
    open_on(disk, &identity("a", 1)).map_err(|error| error.to_string()).expect("it opens").state
}

fn put(state: &StateStore, key: &[u8]) {
    let mut tables = state.tables();
    tables.insert(Table::Current, key, b"value").expect("the disk works");
    tables.finish().expect("the disk works");
}

fn keys(state: &StateStore, back: bool, range: KeyRange<'_>, limit: usize) -> Vec<Vec<u8>> {
    let mut seen = Vec::new();
    let visit: Visit<'_> = &mut |key, _| {
        seen.push(key.to_vec());
        if seen.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let tables = state.tables();
    let scanned = match back {
        true => tables.scan_back(Table::Current, range, visit),
        false => tables.scan(Table::Current, range, visit),
    };
    scanned.expect("the disk works");
    seen
}

const EVERYTHING: KeyRange<'static> = (Bound::Unbounded, Bound::Unbounded);

#[test]
fn changes_are_seen_at_once_and_say_what_they_replaced() {
    let scratch = scratch();
    let state = open(&scratch);
    let mut tables = state.tables();
    let mut insert = |value: &[u8]| tables.insert(Table::Current, b"k", value).expect("the disk works");
    assert_eq!(insert(b"1"), None);
    assert_eq!(insert(b"2"), Some(b"1".to_vec()));
    assert_eq!(tables.get(Table::Current, b"k").expect("the disk works"), Some(b"2".to_vec()));
    assert_eq!(tables.get(Table::History, b"k").expect("the disk works"), None, "tables are apart");
    assert_eq!(tables.remove(Table::Current, b"k").expect("the disk works"), Some(b"2".to_vec()));
    assert_eq!(tables.remove(Table::Current, b"k").expect("the disk works"), None);
}

/// One entry may change millions of records: that it goes on is seen meanwhile, by who does not wait for it.
#[test]
fn changes_are_counted_while_a_batch_goes_on() {
    let scratch = scratch();
    let state = open(&scratch);
    let reader = state.reader();
    let before = reader.changes();
    let mut tables = state.tables();
    tables.insert(Table::Current, b"k", b"1").expect("the disk works");
    tables.append(Table::History, b"h", b"1").expect("the disk works");
    assert_eq!(reader.changes(), before + 2);
    tables.remove(Table::Current, b"k").expect("the disk works");
    assert_eq!(reader.changes(), before + 3);
    tables.finish().expect("the disk works");
    assert_eq!(reader.changes(), before + 3);
}

#[test]
fn scans_go_both_ways_within_bounds_and_stop_when_told() {
    let scratch = scratch();
    let state = open(&scratch);
    [b"a", b"b", b"c", b"d"].into_iter().for_each(|key| put(&state, key));
    let range: KeyRange<'_> = (Bound::Excluded(b"a"), Bound::Included(b"d"));
    assert_eq!(keys(&state, false, range, 9), [b"b", b"c", b"d"]);
    assert_eq!(keys(&state, true, range, 2), [b"d", b"c"]);
    assert_eq!(keys(&state, true, (Bound::Unbounded, Bound::Excluded(b"b")), 9), [b"a"]);
    let backwards: KeyRange<'_> = (Bound::Included(b"c"), Bound::Excluded(b"b"));
    assert_eq!(keys(&state, false, backwards, 9), [b""; 0]);
}

#[test]
fn what_was_synced_survives_and_what_was_not_is_replayed_from_the_log() {
    let scratch = scratch();
    let mut state = open(&scratch);
    put(&state, b"synced");
    state.sync().expect("the disk works");
    put(&state, b"later");
    assert_eq!(keys(&state, false, EVERYTHING, 9), [b"later".to_vec(), b"synced".to_vec()]);
    drop(state);
    assert_eq!(keys(&open(&scratch), false, EVERYTHING, 9), [b"synced"]);
}

/// Everything in a table, as a view of the state shows it.
fn contents(state: &StateStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut seen = Vec::new();
    let visit: Visit<'_> = &mut |key, value| {
        seen.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    state
        .reader()
        .view()
        .expect("the state is whole")
        .scan(Table::Current, EVERYTHING, visit)
        .expect("the disk works");
    seen
}

#[test]
fn changes_go_on_while_others_are_flushed() {
    let disk = MemoryDisk::default();
    let state = open_on_memory(&disk);
    let mut model = std::collections::BTreeMap::new();
    for round in 0..200u64 {
        let flusher = state.flusher();
        let flushing = thread::spawn(move || flusher.flush().map(drop));
        for step in 0..50 {
            let number = round * 50 + step;
            let key = (number * 7919 % 300).to_be_bytes();
            let mut tables = state.tables();
            let (replaced, expected) = if number % 3 == 0 {
                (tables.remove(Table::Current, &key), model.remove(key.as_slice()))
            } else {
                let value = number.to_be_bytes().to_vec();
                (tables.insert(Table::Current, &key, &value), model.insert(key.to_vec(), value))
            };
            assert_eq!(replaced.expect("the disk works"), expected, "step {number}");
            tables.finish().expect("the disk works");
        }
        flushing.join().expect("it does not panic").expect("the disk works");
        assert_eq!(contents(&state), model.clone().into_iter().collect::<Vec<_>>());
    }
    state.flusher().flush().expect("the disk works");
    assert_eq!(state.unflushed().bytes, 0);
    drop(state);
    assert_eq!(contents(&open_on_memory(&disk)), model.into_iter().collect::<Vec<_>>());
}

/// Each has a thread of its own, and whoever comes second waits for the other's transaction. (In simulation what a disk does is in one
/// piece: there nothing comes in between.)
#[test]
fn a_flush_that_waited_for_an_installation_writes_nothing_over_it() {
    let scratch = scratch();
    let state = open(&scratch);
    put(&state, b"before");
    let file = state.file.clone();
    file.write().take_all();
    let installing = file.begin().expect("the disk works");
    let flushing = thread::spawn({
        let file = file.clone();
        move || file.flush().map(drop)
    });
    // By then it has looked what there is to flush, and waits.
    thread::sleep(Duration::from_millis(200));
    let mut current = installing.open_table(definition(Table::Current)).expect("the disk works");
    current.insert(b"after".as_slice(), b"value".as_slice()).expect("the disk works");
    drop(current);
    file.replace(installing).expect("the disk works");
    flushing.join().expect("it does not panic").expect("the disk works");
    assert_eq!(keys(&state, false, EVERYTHING, 9), [b"after"]);
    drop((state, file));
    assert_eq!(keys(&open(&scratch), false, EVERYTHING, 9), [b"after"]);
}

/// A disk that fails in the middle of a batch (here somebody who gives up): readers were shown some of it, under the header before, until
/// the node had stopped.
#[test]
fn a_batch_that_broke_off_is_read_by_nobody_and_never_becomes_durable() {
    let disk = MemoryDisk::default();
    let state = open_on_memory(&disk);
    put(&state, b"a");
    state.flusher().flush().expect("the disk works");
    let view = state.reader().view().expect("every batch is whole");
    let mut tables = state.tables();
    tables.insert(Table::Current, b"b", b"value").expect("the disk works");
    drop(tables);
    let broke_off = "a change of the state broke off";
    let read = state.reader().slice().get(Table::Current, b"a").expect_err("it is not whole").to_string();
    assert!(read.contains(broke_off), "{read}");
    assert!(state.reader().view().is_err() && state.flusher().flush().is_err());
    assert!(view.get(Table::Current, b"a").expect("it is of before").is_some());
    drop((state, view));
    assert_eq!(keys(&open_on_memory(&disk), false, EVERYTHING, 9), [b"a".to_vec()]);
}

/// Who applied waited for the flush under way, a second and more: all writes of a cluster under load stood still together.
#[test]
fn what_small_batches_leave_in_memory_is_never_written_by_who_applies() {
    let state = open_on_memory(&MemoryDisk::default());
    let value = vec![0; 4 << 20];
    for number in 0..40u64 {
        let mut tables = state.tables();
        tables.append(Table::Current, &number.to_be_bytes(), &value).expect("the disk works");
        tables.finish().expect("the disk works");
    }
    assert!(state.unflushed().bytes > 40 * value.len(), "all of it waits for a flush");
    state.flusher().flush().expect("the disk works");
    assert_eq!(contents(&state).len(), 40);
}

#[test]
fn a_batch_larger_than_memory_is_read_back_and_becomes_durable_at_its_end() {
    let disk = MemoryDisk::default();
    let state = open_on_memory(&disk);
    let mut tables = state.tables();
    let value = vec![7; 1 << 20];
    let keys: Vec<[u8; 1]> = (0..200).map(|key| [key]).collect();
    for key in &keys {
        assert_eq!(tables.insert(Table::Current, key, &value).expect("the disk works"), None);
    }
    assert_eq!(tables.get(Table::Current, &[3]).expect("the disk works"), Some(value.clone()));
    assert_eq!(tables.remove(Table::Current, &[3]).expect("the disk works"), Some(value.clone()));
    assert_eq!(tables.get(Table::Current, &[3]).expect("the disk works"), None);
    let mut count = 0;
    let visit: Visit<'_> = &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    };
    tables.scan_back(Table::Current, EVERYTHING, visit).expect("the disk works");
    assert_eq!(count, 199);
    tables.finish().expect("the disk works");
    assert!(state.reader().changes() >= 400, "each is made once, and written once: that goes on, too");
    assert_eq!(state.unflushed().bytes, 0);
    drop(state);
    let state = open_on_memory(&disk);
    assert_eq!(contents(&state).len(), 199);
}

#[test]
fn views_that_are_gone_leave_one_layer_behind_and_one_that_lives_keeps_what_it_shows() {
    let scratch = scratch();
    let state = open(&scratch);
    let view = |state: &StateStore| state.reader().view().expect("the disk works");
    for key in 0..9 {
        put(&state, &[key]);
        drop(view(&state));
    }
    assert_eq!(state.unflushed().frozen_layers, 1);
    let kept = view(&state);
    for key in 9..20 {
        put(&state, &[key]);
        drop(view(&state));
    }
    assert_eq!(state.unflushed().frozen_layers, 2);
    let mut shown = 0;
    let count: Visit<'_> = &mut |_, _| {
        shown += 1;
        ControlFlow::Continue(())
    };
    kept.scan(Table::Current, EVERYTHING, count).expect("the disk works");
    assert_eq!((shown, keys(&state, false, EVERYTHING, 99).len()), (9, 20));
}

/// An entry of a log of puts on few keys, with deletions and compactions in between.
fn entry(index: u64) -> Operation {
    let key = (index * 7919 % 23).to_be_bytes().to_vec();
    match index % 60 {
        59 => Operation::Compact { revision: index as i64 - 40 },
        29 => Operation::DeleteRange(DeleteRange { key: vec![0], range_end: vec![0], prev_kv: false }),
        _ => Operation::Put(Put { key, value: vec![index as u8; 100], ..Put::default() }),
    }
}

/// Applies the entries of that log from where the state stands up to an index.
fn apply(state: &StateStore, last: u64) -> Header {
    let mut tables = state.tables();
    let applied = Header::load(&tables).expect("the state is whole").applied_index;
    let mut applier = Applier::begin(&mut tables).expect("the state is whole");
    for index in applied + 1..=last {
        let command = Command { timestamp_ms: 0, stamp: None, operation: entry(index) };
        applier.apply((1, index), &command).expect("the state is whole");
    }
    let header = applier.finish().expect("the disk works");
    tables.finish().expect("the disk works");
    header
}

/// Removes compacted events; returns whether there may be more.
fn prune(state: &StateStore, pruner: &mut Pruner, events_max: usize) -> bool {
    let mut tables = state.tables();
    let is_more = pruner.step(&mut tables, events_max).expect("the state is whole");
    tables.finish().expect("the disk works");
    is_more
}

fn count(state: &StateStore, table: Table) -> usize {
    let mut count = 0;
    let visit: Visit<'_> = &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    };
    state
        .reader()
        .view()
        .expect("the state is whole")
        .scan(table, EVERYTHING, visit)
        .expect("the disk works");
    count
}

#[test]
fn a_crash_amid_compaction_and_flush_costs_nothing_that_the_log_does_not_bring_back() {
    let disk = MemoryDisk::default();
    let state = open_on_memory(&disk);
    let mut pruner = Pruner::default();
    for round in 1..=40 {
        let last = round * 50;
        let flusher = state.flusher();
        let flushing = thread::spawn(move || flusher.flush().map(drop));
        let header = apply(&state, last);
        prune(&state, &mut pruner, 30);

        let crashed = open_on_memory(&disk.clone());
        assert!(Header::load(&crashed.reader().slice()).expect("it is whole").applied_index <= last);
        assert_eq!(apply(&crashed, last), header, "after {last} entries");
        let mut from_the_start = Pruner::default();
        while prune(&crashed, &mut from_the_start, 7) {}
        let tables = crashed.tables();
        assert_eq!(recompute_content(&tables).expect("the disk works"), header.content);
        drop(tables);
        let kept = count(&crashed, Table::History);
        assert!(kept < 400, "{kept} events are kept after {last} entries");

        flushing.join().expect("it does not panic").expect("the disk works");
    }
    while prune(&state, &mut pruner, 1000) {}
    state.flusher().flush().expect("the disk works");
    let reopened = open_on_memory(&disk);
    assert_eq!(count(&reopened, Table::History), count(&state, Table::History));
    assert!(count(&reopened, Table::Index) < 400);
}

#[test]
fn a_read_of_the_past_goes_on_while_that_past_is_compacted_and_removed() {
    let disk = MemoryDisk::default();
    let state = open_on_memory(&disk);
    apply(&state, 50);
    state.flusher().flush().expect("the disk works");
    apply(&state, 58);
    let budget = StepBudget { records: 3, bytes: 1000 };
    let request = RangeRequest { key: vec![0], range_end: vec![0], revision: 20, ..RangeRequest::default() };
    let expected = range(&state.reader().slice(), &request).expect("it is whole").expect("it is there");

    let view = state.reader().view().expect("it is whole");
    let mut scan = RangeScan::begin(&view, request.clone()).expect("it is whole").expect("it is there");
    let mut last = 58;
    let mut pruner = Pruner::default();
    let mut kvs = Vec::new();
    while !scan.is_done() {
        kvs.extend(scan.step(&view, budget).expect("it is whole").expect("it can be read"));
        last += 30;
        apply(&state, last);
        while prune(&state, &mut pruner, 7) {}
        state.flusher().flush().expect("the disk works");
    }
    let RangeSummary { revision, more, count } = scan.summary();
    assert_eq!(RangeReply { revision, kvs, more, count }, expected);
    assert!(expected.kvs.len() > 10 && last > 150, "{} pairs, {last} entries", expected.kvs.len());
    let later = range(&state.reader().slice(), &request).expect("it is whole");
    assert!(matches!(later, Err(RangeRejection::Compacted { .. })), "{later:?}");
}
