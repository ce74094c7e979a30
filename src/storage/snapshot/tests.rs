use tempfile::TempDir;

use super::*;
use crate::{
    kv::{Applier, Command, Operation, Pruner, Put, Write, recompute_content},
    raft::{Configuration, InstallFailure},
    storage::{StateStore, encode_members, testing::opened},
};

struct Node {
    state: StateStore,
    scratch: TempDir,
}

impl Node {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        Self { state: open(&scratch), scratch }
    }

    fn restart(self) -> Self {
        let Self { state, scratch } = self;
        drop(state);
        Self { state: open(&scratch), scratch }
    }

    /// Applies a founding configuration, and so many puts of a kilobyte.
    fn fill(&mut self, puts: u64) {
        let mut tables = self.state.tables();
        let mut applier = Applier::begin(&mut tables).expect("the state is whole");
        applier.set_members((1, 1), &encode_members(&Configuration::of([1, 2, 3]))).expect("the disk works");
        for number in 0..puts {
            let put = Put { key: number.to_be_bytes().to_vec(), value: vec![7; 1000], ..Put::default() };
            let command = Command { timestamp_ms: 9, stamp: None, operation: Operation::Put(put) };
            applier.apply((1, number + 2), &command).expect("the disk works");
        }
        applier.finish().expect("the disk works");
        tables.finish().expect("the disk works");
    }

    fn header(&self) -> Header {
        let tables = self.state.tables();
        let header = Header::load(&tables).expect("a header");
        assert_eq!(recompute_content(&tables).expect("the disk works"), header.content);
        header
    }

    fn begin(&mut self, view: &StateView) -> Place {
        self.state.staging().begin(view.snapshot.last).expect("the disk works")
    }

    /// Receives at most so many chunks. Returns how many came before the end.
    fn receive(&mut self, view: &StateView, chunks_max: usize) -> usize {
        let mut place = self.begin(view);
        for chunk in 0..chunks_max {
            let records = view.records_after(&place, 10_000).expect("the disk works");
            assert!(self.state.staging().take(view.snapshot.last, &place, &records).expect("the disk works"));
            let Some(last) = records.last() else { return chunk };
            place = Some((last.table, last.key.clone()));
        }
        chunks_max
    }
}

fn open(scratch: &TempDir) -> StateStore {
    opened(scratch.path()).state
}

#[test]
fn a_snapshot_takes_the_place_of_the_state_and_lasts() {
    let (mut from, mut to) = (Node::new(), Node::new());
    from.fill(100);
    to.fill(3);
    let view = from.state.reader().view().expect("the disk works");
    assert_eq!(view.snapshot.configuration, Configuration::of([1, 2, 3]).into());
    to.receive(&view, usize::MAX);
    assert_eq!(to.header().applied_index, 4, "what is staged is not in force");
    let header = to.state.staging().install(&view.snapshot).expect("the disk works");
    assert_eq!(header, Ok(from.header()));
    let to = to.restart();
    assert_eq!(to.header(), from.header());
    assert_eq!(to.state.configuration().expect("a record"), Some(Configuration::of([1, 2, 3])));
}

#[test]
fn a_view_stands_still_while_writes_go_on() {
    let mut from = Node::new();
    from.fill(10);
    let before = from.header();
    let view = from.state.reader().view().expect("the disk works");
    let mut tables = from.state.tables();
    tables.insert(Table::Current, b"later", b"value").expect("the disk works");
    tables.finish().expect("the disk works");
    from.state.sync().expect("the disk works");
    let mut to = Node::new();
    to.receive(&view, usize::MAX);
    assert_eq!(to.state.staging().install(&view.snapshot).expect("the disk works"), Ok(before));
}

#[test]
fn what_is_compacted_does_not_travel_whether_it_has_been_removed_or_not() {
    let mut from = Node::new();
    from.fill(10);
    let mut index = from.header().applied_index;
    let mut run = |node: &Node, operation: Operation| {
        index += 1;
        let mut tables = node.state.tables();
        let mut applier = Applier::begin(&mut tables).expect("the state is whole");
        let command = Command { timestamp_ms: 9, stamp: None, operation };
        applier.apply((1, index), &command).expect("the disk works");
        applier.finish().expect("the disk works");
        tables.finish().expect("the disk works");
    };
    for number in 0..10u64 {
        let put = Put { key: number.to_be_bytes().to_vec(), value: vec![8; 1000], ..Put::default() };
        run(&from, Operation::Put(put));
    }
    run(&from, Operation::Compact { revision: 21 });
    let header = from.header();
    let mut pruner = Pruner::default();
    for events in [0, 3, 100] {
        let mut tables = from.state.tables();
        pruner.step(&mut tables, events).expect("the state is whole");
        tables.finish().expect("the disk works");
        let view = from.state.reader().view().expect("the disk works");
        let records = view.records_after(&None, usize::MAX).expect("the disk works");
        let of = |table| records.iter().filter(|record| record.table == table).count();
        assert_eq!((of(Table::Current), of(Table::History), of(Table::Index)), (10, 1, 1));
        let mut to = Node::new();
        to.receive(&view, usize::MAX);
        assert_eq!(to.state.staging().install(&view.snapshot).expect("the disk works"), Ok(header.clone()));
        assert_eq!(to.header(), header);
    }
}

/// However long it is: nobody reads the compacted beginning of the history, piece by piece or at once.
#[test]
fn the_history_is_read_from_where_it_is_kept() {
    let first_kept = Header { compacted_revision: 7, revision: 9, ..Header::default() }.first_kept();
    let before: Place = Some((Table::Current, b"last".to_vec()));
    for place in [&None, &before] {
        assert_eq!(start(Table::History, place, &first_kept), Some(Bound::Included(&first_kept[..])));
    }
    let within: Place = Some((Table::History, b"reached".to_vec()));
    assert_eq!(start(Table::History, &within, &first_kept), Some(Bound::Excluded(&b"reached"[..])));
    assert_eq!(start(Table::Current, &within, &first_kept), None);
    assert_eq!(start(Table::Index, &within, &first_kept), Some(Bound::Unbounded));
}

/// In the index what is compacted lies between what is not.
#[test]
fn what_is_passed_over_counts_and_only_the_end_is_empty() {
    let mut from = Node::new();
    from.fill(10);
    let mut tables = from.state.tables();
    let mut applier = Applier::begin(&mut tables).expect("the state is whole");
    let again = [1u64, 2, 3, 4, 5, 6, 7, 8, 0, 9].map(|number| {
        Operation::Put(Put { key: number.to_be_bytes().to_vec(), value: vec![8; 1000], ..Put::default() })
    });
    for (index, operation) in (12..).zip(again.into_iter().chain([Operation::Compact { revision: 20 }])) {
        let command = Command { timestamp_ms: 9, stamp: None, operation };
        applier.apply((1, index), &command).expect("the disk works");
    }
    applier.finish().expect("the disk works");
    tables.finish().expect("the disk works");
    let view = from.state.reader().view().expect("the disk works");
    let mut place: Place = Some((Table::Members, vec![0xff]));
    let mut pieces = Vec::new();
    loop {
        // Two records of the index.
        let records = view.records_after(&place, 60).expect("the disk works");
        let Some(last) = records.last() else { break };
        place = Some((last.table, last.key.clone()));
        pieces.push(records.len());
    }
    assert_eq!(pieces, [1, 1], "those of the first key and of the last");
}

#[test]
fn a_stream_that_broke_off_goes_on_where_it_was() {
    let (mut from, mut to) = (Node::new(), Node::new());
    from.fill(100);
    let view = from.state.reader().view().expect("the disk works");
    assert_eq!(to.receive(&view, 4), 4);
    assert!(to.begin(&view).is_some());
    let rest = to.receive(&view, usize::MAX);
    assert!(rest < 8, "{rest} chunks of 100 kB in chunks of 10 kB, four of which had arrived");
    assert!(to.state.staging().install(&view.snapshot).expect("the disk works").is_ok());
}

#[test]
fn what_is_incomplete_or_altered_is_never_installed() {
    let (mut from, mut to) = (Node::new(), Node::new());
    from.fill(100);
    let view = from.state.reader().view().expect("the disk works");
    to.receive(&view, 4);
    assert_eq!(
        to.state.staging().install(&view.snapshot).expect("the disk works"),
        Err(InstallFailure::Damaged)
    );

    let place = to.begin(&view);
    let mut records = view.records_after(&place, usize::MAX).expect("the disk works");
    records.last_mut().expect("many records").value.push(1);
    assert!(to.state.staging().take(view.snapshot.last, &place, &records).expect("the disk works"));
    assert_eq!(
        to.state.staging().install(&view.snapshot).expect("the disk works"),
        Err(InstallFailure::Damaged)
    );
    assert_eq!(to.header(), Header::default());
}

/// The sender's fault, or that of the way here: this node's own disk is sound.
#[test]
fn a_header_that_nobody_can_read_is_damage_of_the_snapshot() {
    let (mut from, mut to) = (Node::new(), Node::new());
    from.fill(3);
    to.fill(1);
    let before = to.header();
    let view = from.state.reader().view().expect("the disk works");
    let records = view.records_after(&None, usize::MAX).expect("the disk works");
    let place = records.iter().position(|record| record.table == Table::Header).expect("there is a header");
    let change_format = |value: &mut Vec<u8>| value[0] ^= 0xff;
    let cut = |value: &mut Vec<u8>| value.truncate(20);
    for damage in [&change_format as &dyn Fn(&mut Vec<u8>), &cut] {
        let mut records = records.clone();
        damage(&mut records[place].value);
        assert_eq!(to.begin(&view), None);
        assert!(to.state.staging().take(view.snapshot.last, &None, &records).expect("the disk works"));
        let installed = to.state.staging().install(&view.snapshot).expect("its own disk is sound");
        assert_eq!(installed, Err(InstallFailure::Damaged));
        assert_eq!(to.header(), before);
    }
    to.receive(&view, usize::MAX);
    assert!(to.state.staging().install(&view.snapshot).expect("the disk works").is_ok());
}

#[test]
fn a_gap_or_another_snapshot_is_refused() {
    let (mut from, mut to) = (Node::new(), Node::new());
    from.fill(100);
    let view = from.state.reader().view().expect("the disk works");
    to.receive(&view, 2);
    let stale = view.records_after(&None, 10_000).expect("the disk works");
    assert!(!to.state.staging().take(view.snapshot.last, &None, &stale).expect("the disk works"));
    let another = Position { term: 9, index: 9 };
    to.state.staging().begin(another).expect("the disk works");
    assert!(!to.state.staging().take(view.snapshot.last, &None, &stale).expect("the disk works"));
}

#[test]
fn a_restart_forgets_what_was_staged() {
    let (mut from, mut to) = (Node::new(), Node::new());
    from.fill(100);
    let view = from.state.reader().view().expect("the disk works");
    to.receive(&view, 4);
    to.state.sync().expect("the disk works");
    let mut to = to.restart();
    assert_eq!(to.begin(&view), None);
    to.receive(&view, usize::MAX);
    assert!(to.state.staging().install(&view.snapshot).expect("the disk works").is_ok());
}
