//! The stores over a disk that loses power: nothing acknowledged is ever lost, and nothing comes back in halves.

use std::ops::{Bound, ControlFlow};

use conclave::{
    kv::{Read, Table, Write},
    raft::{Configuration, Entry, Payload, Persist, Position, Vote},
    storage::{self, Founding, Identity, LOG_FILE, LogStore, Opened, Recovered, StateStore, StorageError},
};
use conclave_checks::draw::Draw;

use super::{Death, disk, lose_power};
use crate::world::SimDisk;

const POWER_LOSSES: u64 = 300;

fn open(disk: &SimDisk) -> Result<Opened, StorageError> {
    let identity = Identity { cluster: "c".into(), node: 1 };
    storage::open(disk, &Founding { identity, bootstrap: Configuration::of([1, 2, 3]), incarnation: 1 })
}

fn open_log(disk: &SimDisk) -> Result<(LogStore, Recovered), StorageError> {
    open(disk).map(|opened| (opened.log, opened.recovered))
}

fn open_state(disk: &SimDisk) -> Result<StateStore, StorageError> {
    open(disk).map(|opened| opened.state)
}

fn empty_log() -> Recovered {
    Recovered {
        vote: Vote::default(),
        compacted: Position::default(),
        configuration: Configuration::of([1, 2, 3]),
        entries: Vec::new(),
    }
}

/// One step of the log, as a change of what it must recover to.
fn change_log(model: &mut Recovered, log: &mut LogStore, draw: &mut Draw) -> Result<(), StorageError> {
    let last = model.entries.len() as u64;
    let vote = draw.chance(50).then_some(Vote { term: model.vote.term + 1, candidate: Some(2) });
    model.vote = vote.unwrap_or(model.vote);
    let first = draw.between(last.saturating_sub(3), last) + 1;
    let entries: Vec<Entry> = (first..first + draw.below(5))
        .map(|index| {
            let command: Vec<u8> = (0..draw.below(2000)).map(|_| draw.number() as u8).collect();
            Entry { term: model.vote.term, index, payload: Payload::Command(command.into()) }
        })
        .collect();
    if !entries.is_empty() {
        model.entries.truncate(first as usize - 1);
        model.entries.extend(entries.iter().cloned());
    }
    log.write(&Persist { ticket: 1, compacted: None, vote, entries, promises: Vec::new() })
}

#[test]
fn the_log_never_loses_what_it_acknowledged() {
    let mut draw = Draw::new(7, "test", 0);
    let disk = disk();
    let mut acknowledged = empty_log();
    let mut in_flight = acknowledged.clone();
    let (mut in_sync, mut survived_unacknowledged) = (0, 0);
    for round in 0..POWER_LOSSES {
        if draw.chance(70) {
            disk.arm(Death::PowerLoss, draw.below(20), round);
        }
        match open_log(&disk) {
            Ok((mut log, recovered)) => {
                assert!(recovered == acknowledged || recovered == in_flight, "round {round}: {recovered:?}");
                survived_unacknowledged += usize::from(recovered != acknowledged);
                acknowledged = recovered.clone();
                in_flight = recovered;
                for _ in 0..draw.below(8) {
                    if change_log(&mut in_flight, &mut log, &mut draw).is_err() {
                        break;
                    }
                    acknowledged = in_flight.clone();
                }
            }
            Err(error) => assert!(disk.death().is_some(), "only a power failure may refuse the log: {error}"),
        }
        in_sync += u64::from(disk.death().is_some());
        lose_power(&disk, &mut draw);
    }
    assert!(in_sync > POWER_LOSSES / 10, "{in_sync} losses hit a write");
    assert!(survived_unacknowledged > 0, "a write cut off half-way may survive");
}

/// The header and the data as one moment left them, or a panic.
fn read_state(state: &StateStore) -> u64 {
    let tables = state.tables();
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
    let applied = tables.get(Table::Header, b"applied").expect("readable");
    let applied = applied.map_or(0, |bytes| number(&bytes));
    let mut seen = Vec::new();
    let collect = &mut |key: &[u8], value: &[u8]| {
        seen.push((u64::from(key[0]), number(value)));
        ControlFlow::Continue(())
    };
    tables.scan(Table::Current, (Bound::Unbounded, Bound::Unbounded), collect).expect("readable");
    let latest = |key: u64| (1..=applied).rev().find(|applied| applied % 7 == key);
    let expected: Vec<(u64, u64)> = (0..7).filter_map(|key| Some((key, latest(key)?))).collect();
    assert_eq!(seen, expected, "the data is of another moment than the header {applied}");
    applied
}

fn apply(state: &StateStore, applied: u64) -> Result<(), StorageError> {
    let mut tables = state.tables();
    tables.insert(Table::Current, &[(applied % 7) as u8], &applied.to_be_bytes())?;
    tables.insert(Table::Header, b"applied", &applied.to_be_bytes())?;
    tables.finish()
}

#[test]
fn the_state_falls_back_at_most_to_its_last_sync_and_always_whole() {
    let mut draw = Draw::new(8, "test", 0);
    let disk = disk();
    let (mut synced, mut attempted, mut fell_back) = (0, 0, 0);
    for round in 0..POWER_LOSSES {
        if draw.chance(70) {
            disk.arm(Death::PowerLoss, draw.below(30), round);
        }
        match open_state(&disk) {
            Ok(mut state) => {
                let applied = read_state(&state);
                assert!((synced..=attempted).contains(&applied), "{synced} <= {applied} <= {attempted}");
                fell_back += u64::from(applied < attempted);
                (synced, attempted) = (applied, applied);
                for _ in 0..draw.below(20) {
                    if apply(&state, attempted + 1).is_err() {
                        break;
                    }
                    attempted += 1;
                    assert_eq!(read_state(&state), attempted, "changes are seen at once");
                    if draw.chance(20) {
                        match state.sync() {
                            Ok(_) => synced = attempted,
                            Err(_) => break,
                        }
                    }
                }
            }
            Err(error) => {
                assert!(disk.death().is_some(), "only a power failure may refuse the state: {error}")
            }
        }
        lose_power(&disk, &mut draw);
    }
    assert!(fell_back > POWER_LOSSES / 10, "{fell_back} losses took changes back");
}

#[test]
fn the_dead_do_not_write_when_they_are_dropped() {
    let disk = disk();
    let mut state = open_state(&disk).expect("a new disk");
    apply(&state, 1).expect("alive");
    state.sync().expect("alive");
    apply(&state, 2).expect("alive");
    lose_power(&disk, &mut Draw::new(1, "test", 0));
    drop(state);
    let state = open_state(&disk).expect("the disk is whole");
    assert_eq!(read_state(&state), 1, "nothing was flushed from the grave");
}

/// A log on a disk, closed, and what it holds.
fn closed_log() -> (SimDisk, Recovered) {
    let disk = disk();
    let mut draw = Draw::new(10, "test", 0);
    let (mut log, mut model) = open_log(&disk).expect("a new disk");
    for _ in 0..30 {
        change_log(&mut model, &mut log, &mut draw).expect("alive");
    }
    drop(log);
    (disk, model)
}

#[test]
fn damage_is_refused_or_harmless_but_never_answered_with_less() {
    let mut draw = Draw::new(11, "test", 0);
    let mut refused = 0;
    for _ in 0..150 {
        let (disk, model) = closed_log();
        let offset = draw.below(disk.file_len(LOG_FILE) as u64) as usize;
        disk.corrupt(LOG_FILE, offset, 1 << draw.below(8));
        match open_log(&disk) {
            Ok((_, recovered)) => assert_eq!(recovered, model, "byte {offset}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 10, "{refused} of the flips hit something in use");
}

/// The engine falls back to the commit before, and nothing but the number of the last one tells that it did: a seed found a node
/// that had forgotten an entry.
#[test]
fn a_damaged_last_commit_of_an_idle_log_is_noticed_after_a_power_loss() {
    let mut noticed = 0;
    for seed in 0..300 {
        let mut draw = Draw::new(seed, "test", 0);
        let disk = disk();
        let (mut log, mut model) = (open_log(&disk).expect("the disk works").0, empty_log());
        for _ in 0..5 {
            change_log(&mut model, &mut log, &mut draw).expect("the disk works");
        }
        log.sync_number().expect("the disk works");
        disk.crash();
        drop(log);
        for _ in 0..20 {
            let offset = draw.below(disk.file_len(LOG_FILE) as u64) as usize;
            disk.corrupt(LOG_FILE, offset, 1 << draw.below(8));
        }
        lose_power(&disk, &mut draw);
        match open_log(&disk) {
            Ok((_, recovered)) => assert_eq!(recovered, model, "seed {seed}"),
            Err(_) => noticed += 1,
        }
    }
    assert!(noticed > 0);
}
