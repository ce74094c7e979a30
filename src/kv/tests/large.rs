//! Ranges that do not fit in memory.

use std::{cell::Cell, convert::Infallible};

use super::*;

/// A store that notes the most that one scan showed, and how often the past and the present were searched.
#[derive(Default)]
struct Watched {
    store: MemoryStore,
    scan_bytes_max: Cell<usize>,
    index_scans: Cell<usize>,
    current_scans: Cell<usize>,
}

impl Watched {
    fn watch(&self, table: Table, visit: Visit<'_>, scan: impl FnOnce(&MemoryStore, Visit<'_>)) {
        let mut bytes = 0;
        self.index_scans.set(self.index_scans.get() + usize::from(table == Table::Index));
        self.current_scans.set(self.current_scans.get() + usize::from(table == Table::Current));
        scan(&self.store, &mut |key, value| {
            bytes += key.len() + value.len();
            visit(key, value)
        });
        self.scan_bytes_max.set(self.scan_bytes_max.get().max(bytes));
    }
}

impl Read for Watched {
    type Error = Infallible;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        self.store.get(table, key)
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), Infallible> {
        self.watch(table, visit, |store, visit| {
            let Ok(()) = store.scan(table, range, visit);
        });
        Ok(())
    }

    fn scan_back(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), Infallible> {
        self.watch(table, visit, |store, visit| {
            let Ok(()) = store.scan_back(table, range, visit);
        });
        Ok(())
    }
}

impl Write for Watched {
    fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        self.store.insert(table, key, value)
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        self.store.remove(table, key)
    }
}

fn run(store: &mut Watched, index: u64, operation: Operation) -> (Reply, Header) {
    let command = Command { timestamp_ms: 0, stamp: None, operation };
    let mut applier = Applier::begin(store).expect("the store is sound");
    let reply = applier.apply((1, index), &command).expect("the store is sound");
    (reply, applier.finish().expect("the store is sound"))
}

/// A store of so many pairs of a kilobyte.
fn filled(pairs: u64) -> Watched {
    let mut store = Watched::default();
    for index in 1..=pairs {
        let put = Put { key: index.to_be_bytes().to_vec(), value: vec![7; 1000], ..Put::default() };
        run(&mut store, index, Operation::Put(put));
    }
    store
}

fn delete_all(prev_kv: bool) -> Operation {
    Operation::DeleteRange(DeleteRange { key: vec![0], range_end: vec![0], prev_kv })
}

#[test]
fn a_large_range_is_deleted_in_steps_and_as_one() {
    let mut store = filled(3000);
    let (reply, header) = run(&mut store, 3001, delete_all(false));
    assert_eq!(reply, Reply::DeleteRange { revision: 3002, deleted: 3000, prev_kvs: vec![] });
    assert!(store.scan_bytes_max.get() < 300 << 10, "{} bytes at a time", store.scan_bytes_max.get());
    assert_eq!(recompute_content(&store), Ok(header.content));
    let now = range(&store, &everything()).expect("the store is sound").expect("it can be read");
    assert_eq!((now.count, now.kvs.len()), (0, 0));
    let before = RangeRequest { revision: 3001, count_only: true, ..everything() };
    let before = range(&store, &before).expect("the store is sound").expect("it can be read");
    assert_eq!(before.count, 3000);
}

#[test]
fn previous_pairs_that_weigh_too_much_are_refused_and_nothing_is_deleted() {
    let fitting = PREV_KVS_BYTES_MAX as u64 / 1100;
    let mut store = filled(fitting);
    let (reply, _) = run(&mut store, fitting + 1, delete_all(true));
    assert!(matches!(reply, Reply::DeleteRange { prev_kvs, .. } if prev_kvs.len() as u64 == fitting));

    let too_many = PREV_KVS_BYTES_MAX as u64 / 1000;
    let mut store = filled(too_many);
    let before = Header::load(&store).expect("the store is sound");
    let (reply, header) = run(&mut store, too_many + 1, delete_all(true));
    assert_eq!(reply, Reply::Rejected(Rejection::PrevKvsTooLarge));
    assert_eq!((header.revision, header.content), (before.revision, before.content));
    let (reply, _) = run(&mut store, too_many + 2, delete_all(false));
    assert!(matches!(reply, Reply::DeleteRange { deleted, .. } if deleted as u64 == too_many));
}

#[test]
fn the_past_of_a_key_of_many_versions_is_found_without_reading_them() {
    let mut store = Watched::default();
    for index in 1..=3000u64 {
        let value = index.to_be_bytes().to_vec();
        run(&mut store, index, Operation::Put(Put { key: b"hot".to_vec(), value, ..Put::default() }));
    }
    store.scan_bytes_max.set(0);
    for request in [one("hot"), everything()] {
        for sort_order in [SortOrder::None, SortOrder::Descend] {
            let request = RangeRequest { revision: 100, sort_order, ..request.clone() };
            let reply = range(&store, &request).expect("the store is sound").expect("it can be read");
            assert_eq!(reply.kvs[0].value, 99u64.to_be_bytes());
            assert_eq!((reply.count, reply.kvs[0].mod_revision), (1, 100));
        }
    }
    assert!(store.scan_bytes_max.get() < 100, "{} bytes at a time", store.scan_bytes_max.get());
}

#[test]
fn the_past_is_read_in_steps_though_all_of_it_was_deleted() {
    let mut store = filled(300);
    run(&mut store, 301, delete_all(false));
    for sort_order in [SortOrder::Ascend, SortOrder::Descend] {
        let past = RangeRequest { revision: 301, sort_order, ..everything() };
        store.current_scans.set(0);
        let (steps, count) = read(&store, past, StepBudget { records: 20, bytes: 10_000 });
        // There may be millions of removals, which a scan passes to show nothing.
        assert_eq!(store.current_scans.get(), 1);
        assert!(steps.iter().all(|found| *found <= 10), "{steps:?}");
        assert_eq!((steps.iter().sum::<usize>(), count), (300, 300));
    }
}

/// How many pairs each step found, and the count.
fn read(store: &Watched, request: RangeRequest, budget: StepBudget) -> (Vec<usize>, i64) {
    let mut scan = RangeScan::begin(store, request).expect("the store is sound").expect("it is there");
    let mut steps = Vec::new();
    while !scan.is_done() {
        let found = scan.step(store, budget).expect("the store is sound").expect("it can be read");
        steps.push(found.len());
    }
    (steps, scan.summary().count)
}

/// Between two keys that last and weigh much, each of which nearly ends a step, lies one that weighed nothing and was deleted.
#[test]
fn what_has_ended_is_searched_once_however_soon_what_lasts_ends_a_step() {
    let mut store = filled(300);
    let key = |index: u64| [&index.to_be_bytes()[..], b"ended"].concat();
    for index in 1..=300 {
        run(&mut store, 300 + index, Operation::Put(Put { key: key(index), ..Put::default() }));
    }
    for index in 1..=300 {
        let delete = DeleteRange { key: key(index), ..DeleteRange::default() };
        run(&mut store, 600 + index, Operation::DeleteRange(delete));
    }
    for sort_order in [SortOrder::Ascend, SortOrder::Descend] {
        store.index_scans.set(0);
        let past = RangeRequest { revision: 601, sort_order, ..everything() };
        let (steps, count) = read(&store, past, StepBudget { records: 1000, bytes: 3_000 });
        assert_eq!((steps.iter().sum::<usize>(), count), (600, 600));
        // Two for each key, and one at the end of each step.
        let scans = store.index_scans.get();
        assert!(scans <= 600 + steps.len(), "{scans} scans of the index in {} steps", steps.len());
    }
}

#[test]
fn a_key_of_the_past_costs_as_much_of_a_step_as_it_takes() {
    let mut store = filled(300);
    run(&mut store, 301, delete_all(false));
    store.index_scans.set(0);
    let past = RangeRequest { revision: 301, ..everything() };
    let mut scan = RangeScan::begin(&store, past).expect("the store is sound").expect("it is there");
    let budget = StepBudget { records: 30, bytes: usize::MAX };
    let found = scan.step(&store, budget).expect("the store is sound").expect("it can be read");
    assert_eq!((found.len(), store.index_scans.get()), (10, 20));
}
