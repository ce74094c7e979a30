use std::ops::{Bound, ControlFlow};

use tempfile::TempDir;

use super::*;
use crate::storage::testing::{opened, scratch};

fn open(scratch: &TempDir) -> StateStore {
    opened(scratch.path()).state
}

fn put(state: &StateStore, key: &[u8]) {
    let mut tables = state.tables().expect("the disk works");
    tables.insert(Table::Current, key, b"value").expect("the disk works");
}

fn keys(state: &StateStore, back: bool, range: KeyRange<'_>, limit: usize) -> Vec<Vec<u8>> {
    let mut seen = Vec::new();
    let visit: Visit<'_> = &mut |key, _| {
        seen.push(key.to_vec());
        if seen.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let tables = state.tables().expect("the disk works");
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
    let mut tables = state.tables().expect("the disk works");
    let mut insert = |value: &[u8]| tables.insert(Table::Current, b"k", value).expect("the disk works");
    assert_eq!(insert(b"1"), None);
    assert_eq!(insert(b"2"), Some(b"1".to_vec()));
    assert_eq!(tables.get(Table::Current, b"k").expect("the disk works"), Some(b"2".to_vec()));
    assert_eq!(tables.get(Table::History, b"k").expect("the disk works"), None, "tables are apart");
    assert_eq!(tables.remove(Table::Current, b"k").expect("the disk works"), Some(b"2".to_vec()));
    assert_eq!(tables.remove(Table::Current, b"k").expect("the disk works"), None);
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
