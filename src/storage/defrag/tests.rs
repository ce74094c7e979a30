use super::*;
use crate::{
    kv::{Applier, Command, DeleteRange, Header, Operation, Pruner, Put},
    raft::{Compacted, Configuration, Entry, Payload, Persist, Position, Vote},
    storage::{
        Checkup, MemoryDisk, Opened, Recovered, check,
        testing::{identity, open_on},
    },
};

fn opened(disk: &MemoryDisk) -> Opened {
    open_on(disk, &identity("a", 1)).unwrap_or_else(|error| panic!("{error}"))
}

/// A node that has deleted and compacted most of what it had.
fn worn() -> (MemoryDisk, Recovered, Header) {
    let disk = MemoryDisk::default();
    let mut stores = opened(&disk);
    let mut write = |entries, compacted| {
        let write = Persist {
            ticket: 1,
            compacted,
            vote: Some(Vote { term: 1, candidate: None }),
            entries,
            promises: Vec::new(),
        };
        stores.log.write(&write).expect("the disk works");
    };
    let entry = |index| Entry { term: 1, index, payload: Payload::Command(vec![7; 4000].into()) };
    write((1..=400).map(entry).collect(), None);
    let (position, configuration) = (Position { term: 1, index: 390 }, Configuration::of([1, 2, 3]).into());
    write(Vec::new(), Some(Compacted { position, configuration }));
    let mut tables = stores.state.tables();
    let mut applier = Applier::begin(&mut tables).expect("the disk works");
    for index in 1..=400 {
        let operation = match index {
            399 => Operation::DeleteRange(DeleteRange {
                key: vec![0],
                range_end: vec![200],
                ..Default::default()
            }),
            400 => Operation::Compact { revision: 399 },
            index => {
                Operation::Put(Put { key: vec![(index % 250) as u8], value: vec![9; 4000], ..Put::default() })
            }
        };
        applier.apply((1, index), &Command { timestamp_ms: 1, stamp: None, operation }).expect("it works");
    }
    applier.finish().expect("the disk works");
    tables.finish().expect("the disk works");
    stores.state.sync().expect("the disk works");
    let mut tables = stores.state.tables();
    while Pruner::default().step(&mut tables, 1000).expect("the disk works") {}
    tables.finish().expect("the disk works");
    stores.state.sync().expect("the disk works");
    drop(stores);
    let Opened { recovered, header, .. } = opened(&disk);
    (disk, recovered, header)
}

fn expect_sound(disk: &MemoryDisk, recovered: &Recovered, header: &Header) {
    let Checkup { findings, log, state, .. } = check(&disk.clone());
    assert_eq!(findings, Vec::<String>::new());
    assert_eq!((log.as_ref(), state.as_ref()), (Some(recovered), Some(header)));
    let stores = opened(disk);
    assert_eq!((&stores.recovered, &stores.header), (recovered, header));
}

#[test]
fn the_files_become_smaller_and_hold_what_they_held() {
    let (disk, recovered, header) = worn();
    let files = defrag(&disk).unwrap_or_else(|error| panic!("{error}"));
    for Defragged { file, before, after } in &files {
        println!("{file}: {before} -> {after}");
        assert!(after * 2 < *before, "{file}: {before} -> {after}");
        assert_eq!(disk.file_bytes(file) as u64, *after);
    }
    expect_sound(&disk, &recovered, &header);
    let again = defrag(&disk).unwrap_or_else(|error| panic!("{error}"));
    assert!(again.iter().zip(&files).all(|(again, first)| again.after <= first.after));
    expect_sound(&disk, &recovered, &header);
}

#[test]
fn what_is_damaged_is_not_defragmented() {
    let (disk, ..) = worn();
    disk.change(STATE_FILE, |bytes| bytes.truncate(3500));
    let error = defrag(&disk).expect_err("it was cut").to_string();
    assert!(error.contains("state.redb is corrupt: it was cut to 3500 bytes"), "{error}");
}
