use super::*;
use crate::{
    raft::Payload,
    storage::{
        MemoryDisk,
        testing::{identity, take_journal_away},
        volume::{BLOCK_BYTES, Owner},
    },
};

fn open(disk: &MemoryDisk) -> (LogStore, Recovered) {
    try_open(disk).expect("the log is whole")
}

/// Opens the log alone.
fn try_open(disk: &MemoryDisk) -> Result<(LogStore, Recovered), StorageError> {
    let mut volume = Volume::open(disk, LOG_FILE)?;
    if volume.owner().is_none() {
        volume.begin(&Owner { identity: identity("a", 1), incarnation: 1 })?;
    }
    LogStore::open(volume)?.recover(&Configuration::of([1, 2, 3]))
}

/// A disk with a log that the release before began, and nothing in it: it has no journal.
fn without_journal() -> MemoryDisk {
    let disk = MemoryDisk::default();
    drop(open(&disk));
    take_journal_away(&disk);
    disk
}

fn entry(term: u64, index: u64) -> Entry {
    Entry { term, index, payload: Payload::Command(vec![term as u8, index as u8].into()) }
}

fn persist(vote: Option<Vote>, entries: &[Entry]) -> Persist {
    Persist { ticket: 1, compacted: None, vote, entries: entries.to_vec(), promises: Vec::new() }
}

fn vote(term: u64) -> Option<Vote> {
    Some(Vote { term, candidate: Some(2) })
}

#[test]
fn a_new_log_is_empty_and_knows_its_first_members() {
    let (_, recovered) = open(&MemoryDisk::default());
    let expected = Recovered {
        vote: Vote::default(),
        compacted: Position::default(),
        configuration: Configuration::of([1, 2, 3]),
        entries: Vec::new(),
    };
    assert_eq!(recovered, expected);
}

#[test]
fn a_rebased_log_keeps_what_follows_its_new_beginning_and_nothing_else() {
    let begin_at = |term, index| {
        let disk = MemoryDisk::default();
        let (mut log, _) = open(&disk);
        log.write(&persist(vote(2), &[entry(1, 1), entry(1, 2), entry(2, 3)])).expect("the disk works");
        let position = Position { term, index };
        let compacted = Some(Compacted { position, configuration: Configuration::of([7]).into() });
        let first = Entry { term: 5, index: index.max(3) + 1, payload: Payload::Noop };
        let entries = if (term, index) == (1, 2) { vec![first] } else { Vec::new() };
        log.write(&Persist { compacted, ..persist(None, &entries) }).expect("the disk works");
        drop(log);
        let (_, recovered) = open(&disk);
        assert_eq!((recovered.compacted, recovered.configuration), (position, Configuration::of([7])));
        recovered.entries.iter().map(Entry::position).map(|at| (at.term, at.index)).collect::<Vec<_>>()
    };
    assert_eq!(begin_at(1, 2), [(2, 3), (5, 4)]);
    assert_eq!(begin_at(2, 2), []);
    assert_eq!(begin_at(3, 9), []);
}

#[test]
fn a_restart_recovers_vote_and_entries() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk);
    let noop = Entry { term: 1, index: 1, payload: Payload::Noop };
    let members =
        Entry { term: 1, index: 3, payload: Payload::Configuration(Configuration::of([1, 2]).into()) };
    log.write(&persist(vote(1), &[noop.clone(), entry(1, 2)])).expect("the disk works");
    log.write(&persist(vote(2), std::slice::from_ref(&members))).expect("the disk works");
    drop(log);
    let (_, recovered) = open(&disk);
    assert_eq!(Some(recovered.vote), vote(2));
    assert_eq!(recovered.entries, [noop, entry(1, 2), members]);
}

/// Each commit of one entry, of one as large as a journal, and of a promise: with a journal and without.
#[test]
fn a_log_without_a_journal_is_kept_as_it_is() {
    for (disk, has_journal) in [(MemoryDisk::default(), true), (without_journal(), false)] {
        for index in (1..80).step_by(2) {
            let (mut log, recovered) = open(&disk);
            assert_eq!(recovered.last().index + 1, index);
            let large = Entry { payload: Payload::Command(vec![7; 600_000].into()), ..entry(1, index + 1) };
            let next = if index % 20 == 1 { large } else { entry(1, index + 1) };
            log.write(&persist(vote(index), &[entry(1, index)])).expect("the disk works");
            log.write(&persist(None, std::slice::from_ref(&next))).expect("the disk works");
            assert_eq!(log.volume.journal_bytes() > 0, has_journal);
            drop(log);
            let (_, recovered) = open(&disk);
            assert_eq!(Some(recovered.vote), vote(index));
            assert_eq!(recovered.entries.last(), Some(&next));
        }
    }
}

#[test]
fn the_engine_takes_what_the_journal_has_no_room_for() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk);
    for index in 1..=1_000 {
        log.write(&persist(None, &[entry(1, index)])).expect("the disk works");
        assert!(log.journal.pending().len() <= 128);
    }
    // Of the last ones the journal holds some, and a conflict with them is replaced as anywhere.
    log.write(&persist(vote(2), &[entry(2, 990)])).expect("the disk works");
    drop(log);
    let (_, recovered) = open(&disk);
    assert_eq!(recovered.last(), Position { term: 2, index: 990 });
    assert_eq!(recovered.entries.len(), 990);
}

#[test]
fn a_conflicting_suffix_is_replaced() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk);
    log.write(&persist(None, &[entry(1, 1), entry(1, 2), entry(1, 3)])).expect("the disk works");
    log.write(&persist(None, &[entry(2, 2)])).expect("the disk works");
    drop(log);
    assert_eq!(open(&disk).1.entries, [entry(1, 1), entry(2, 2)]);
}

#[test]
fn a_batch_counts_as_its_writes_one_after_another() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk);
    let writes = [
        persist(vote(1), &[entry(1, 1), entry(1, 2)]),
        persist(vote(3), &[entry(3, 2), entry(3, 3)]),
        persist(None, &[entry(3, 4)]),
        persist(None, &[]),
    ];
    log.write_all(&writes).expect("the disk works");
    drop(log);
    let (_, recovered) = open(&disk);
    assert_eq!(Some(recovered.vote), vote(3));
    assert_eq!(recovered.entries, [entry(1, 1), entry(3, 2), entry(3, 3), entry(3, 4)]);
}

#[test]
#[should_panic(expected = "entry 3 would leave a gap after 1")]
fn a_gap_is_a_bug() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk);
    log.write(&persist(None, &[entry(1, 1)])).expect("the disk works");
    let _ = log.write(&persist(None, &[entry(1, 3)]));
}

/// What a log says when it is opened after its tables were changed behind its back.
fn tamper(change: impl FnOnce(&mut Meta<'_>, &mut Entries<'_>) -> Result<(), StorageError>) -> StorageError {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk);
    log.write(&persist(None, &[entry(1, 1), entry(1, 2), entry(1, 3)])).expect("the disk works");
    log.transact(|meta, entries, last| change(meta, entries).map(|()| last)).expect("the disk works");
    drop(log);
    try_open(&disk).map(drop).expect_err("the log is damaged")
}

fn assert_corrupt(error: &StorageError, expected: &str) {
    assert!(matches!(error, StorageError::Corrupt { what, .. } if what.starts_with(expected)), "{error}");
}

#[test]
fn a_missing_entry_is_corruption() {
    let error = tamper(|_, entries| entries.remove(2).map(drop).map_err(failed));
    assert_corrupt(&error, "entry 2");
}

#[test]
fn an_entry_in_anothers_place_is_corruption() {
    let error = tamper(|_, entries| {
        let record = entries.get(3).map_err(failed)?.expect("written").value().to_vec();
        entries.insert(2, record.as_slice()).map_err(failed)?;
        Ok(())
    });
    assert_corrupt(&error, "entry 2");
}

#[test]
fn a_missing_vote_is_corruption() {
    let error = tamper(|meta, _| meta.remove(VOTE_KEY).map(drop).map_err(failed));
    assert_corrupt(&error, "the vote");
}

#[test]
fn an_altered_vote_is_corruption() {
    let error = tamper(|meta, _| {
        let mut record = meta.get(VOTE_KEY).map_err(failed)?.expect("written").value().to_vec();
        *record.last_mut().expect("a record has a body") ^= 1;
        meta.insert(VOTE_KEY, record.as_slice()).map_err(failed)?;
        Ok(())
    });
    assert_corrupt(&error, "the vote");
}

#[test]
fn a_promise_is_noted_beside_the_entries() {
    let disk = MemoryDisk::default();
    for (index, promise_us) in (1..).zip([500, 300, 0]) {
        let (mut log, recovered) = open(&disk);
        assert_eq!(recovered.last().index + 1, index);
        log.note_promise(promise_us).expect("the disk works");
        log.write(&persist(None, &[entry(1, index)])).expect("the disk works");
        drop(log);
        assert_eq!(open(&disk).0.promise_us().expect("it is whole"), promise_us);
    }
    assert_eq!(open(&MemoryDisk::default()).0.promise_us().expect("it is whole"), 0);
}

/// A power loss has taken the note of the last commit. The log is opened, writes something over that commit, and dies at any of its writes.
/// (A seed found that the engine wrote before there was a note again.)
#[test]
fn no_write_of_a_start_hides_a_commit() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk);
    log.write(&persist(vote(7), &[])).expect("the disk works");
    disk.change(LOG_FILE, |bytes| bytes[2 * BLOCK_BYTES..3 * BLOCK_BYTES].fill(0));
    let cut_off = disk.clone();
    drop(log);
    for writes in 1.. {
        let disk = cut_off.clone();
        disk.fail_after(Some(writes));
        let opened = try_open(&disk);
        let is_done = opened.is_ok();
        disk.fail_after(None);
        disk.change(LOG_FILE, |bytes| bytes[BLOCK_BYTES + 50] ^= 1);
        match try_open(&disk) {
            Ok((_, recovered)) => assert_eq!(Some(recovered.vote), vote(7), "after {writes} writes"),
            Err(error) => assert_corrupt(&error, "its journal: one of the commits"),
        }
        if is_done {
            return assert!(writes > 5, "the engine wrote, too");
        }
    }
}
