use super::*;
use crate::{
    raft::{Configuration, Payload, Position},
    storage::{LOG_FILE, MemoryDisk, testing::identity, volume::Owner},
};

/// The journal of a disk's log, of which the engine has the commits up to `durable`.
fn open(disk: &MemoryDisk, durable: u64) -> Result<(Journal, u64), StorageError> {
    let mut volume = Volume::open(disk, LOG_FILE)?;
    if volume.owner().is_none() {
        volume.begin(&Owner { identity: identity("a", 1), incarnation: 77 })?;
    }
    let volume = Arc::new(volume);
    Journal::note_again(&volume)?;
    Journal::open(volume, durable)
}

fn bytes(disk: &MemoryDisk) -> Vec<u8> {
    let mut bytes = Vec::new();
    disk.change(LOG_FILE, |content| bytes.clone_from(content));
    bytes
}

fn entry(index: u64, bytes: usize) -> Record {
    Record::Entry(Entry { term: 3, index, payload: Payload::Command(vec![index as u8; bytes].into()) })
}

fn append(journal: &mut Journal, number: u64, records: &[Record]) -> bool {
    journal.append(number, records).expect("the disk works")
}

#[test]
fn what_was_written_is_read_in_its_order() {
    let disk = MemoryDisk::default();
    let (mut journal, last) = open(&disk, 7).expect("it is new");
    assert_eq!((last, journal.pending()), (7, &[][..]));
    let compacted = Compacted {
        position: Position { term: 2, index: 8 },
        configuration: Configuration::of([1, 2]).into(),
    };
    let commits = [
        vec![Record::Vote(Vote { term: 3, candidate: None }), Record::Base(compacted), entry(9, 300)],
        vec![entry(10, 20_000), entry(11, 0), Record::Promise(5)],
        vec![entry(12, BLOCK_BYTES)],
    ];
    for (number, records) in (8..).zip(&commits) {
        assert!(append(&mut journal, number, records));
    }
    drop(journal);
    let (journal, last) = open(&disk, 7).expect("it is whole");
    assert_eq!((last, journal.pending()), (10, &commits.concat()[..]));
    let (journal, last) = open(&disk, 12).expect("the engine has more");
    assert_eq!((last, journal.pending()), (12, &[][..]));
    let error = open(&disk, 6).map(drop).expect_err("commit 7 is missing").to_string();
    assert!(error.contains("one of the commits 7 to 10"), "{error}");
}

#[test]
fn what_is_large_or_has_no_room_is_left_to_the_engine() {
    let disk = MemoryDisk::default();
    let (mut journal, _) = open(&disk, 0).expect("it is new");
    assert!(!append(&mut journal, 1, &[entry(1, 1 << 20)]));
    for number in 1..=128 {
        assert!(append(&mut journal, number, &[entry(number, 1)]));
    }
    assert!(!append(&mut journal, 129, &[entry(129, 1)]));
    drop(journal);
    let (mut journal, last) = open(&disk, 0).expect("it is whole");
    assert_eq!((last, journal.pending().len()), (128, 128));
    journal.restart();
    assert!(append(&mut journal, 130, &[entry(130, 1)]));
    drop(journal);
    let (journal, last) = open(&disk, 129).expect("what an earlier turn left is not read");
    assert_eq!((last, journal.pending()), (130, &[entry(130, 1)][..]));
}

/// A crash leaves any part of the last commit: those before it stay.
#[test]
fn a_torn_commit_leaves_those_before_it() {
    let disk = MemoryDisk::default();
    let (mut journal, _) = open(&disk, 0).expect("it is new");
    assert!(append(&mut journal, 1, &[entry(1, 100)]));
    let before = bytes(&disk);
    assert!(append(&mut journal, 2, &[entry(2, 9_000)]));
    drop(journal);
    let after = bytes(&disk);
    for sector in (0..after.len()).step_by(512).filter(|&at| before[at..at + 512] != after[at..at + 512]) {
        let torn = disk.clone();
        torn.change(LOG_FILE, |bytes| {
            bytes[sector..sector + 512].copy_from_slice(&before[sector..sector + 512]);
        });
        let (journal, last) = open(&torn, 0).expect("a torn end is an end");
        assert_eq!((last, journal.pending()), (1, &[entry(1, 100)][..]));
    }
}

/// Damage of a commit that others were told of is no torn end: not of the last one either, and not of one that fills the journal. (A seed
/// found a write that was never made, whose commit no note showed any more, but only the next commit.)
#[test]
fn a_damaged_commit_that_was_durable_is_noticed() {
    for (count, notes) in [(3, 3), (3, 2), (128, 128)] {
        let disk = MemoryDisk::default();
        let (mut journal, _) = open(&disk, 0).expect("it is new");
        for number in 1..=count {
            assert!(append(&mut journal, number, &[entry(number, 100)]));
            if number <= notes {
                journal.note(number).expect("the disk works");
            }
        }
        drop(journal);
        assert_eq!(open(&disk, 0).expect("it is whole").1, count);
        for number in 1..=notes {
            let damaged = disk.clone();
            damaged.change(LOG_FILE, |bytes| bytes[number as usize * BLOCK_BYTES + 50] ^= 1);
            let error = open(&damaged, 0).map(drop).expect_err("it was durable").to_string();
            let expected =
                [format!("one of the commits {number} to {count}"), format!("commit {number} is damaged")];
            assert!(expected.iter().any(|expected| error.contains(expected)), "{number} of {count}: {error}");
            open(&damaged, count).expect("the engine has it all");
        }
    }
}

/// A power loss takes the note of the last commit, which is read when the node starts; then something is written over it, and the process
/// ends before the engine has it. (A seed found that the note was not made again.)
#[test]
fn a_commit_that_was_read_is_noted_again() {
    for count in [1, 3, 128] {
        let disk = MemoryDisk::default();
        let (mut journal, _) = open(&disk, 0).expect("it is new");
        for number in 1..=count {
            assert!(append(&mut journal, number, &[entry(number, 100)]));
        }
        drop(journal);
        assert_eq!(open(&disk, 0).expect("it is whole").1, count);
        disk.change(LOG_FILE, |bytes| bytes[count as usize * BLOCK_BYTES + 50] ^= 1);
        let error = open(&disk, 0).map(drop).expect_err("it was durable").to_string();
        assert!(error.contains("commit") && error.contains(&count.to_string()), "{error}");
    }
}

/// A write that was never made, and a crash within the next one: what is left of that still notes the one before.
#[test]
fn a_torn_commit_hides_no_damage_of_the_one_before() {
    let disk = MemoryDisk::default();
    let (mut journal, _) = open(&disk, 0).expect("it is new");
    assert!(append(&mut journal, 1, &[entry(1, 100)]));
    journal.note(1).expect("the disk works");
    let before = bytes(&disk);
    assert!(append(&mut journal, 2, &[entry(2, 9_000)]));
    drop(journal);
    let after = bytes(&disk);
    let written = 2 * BLOCK_BYTES..5 * BLOCK_BYTES;
    for end in written.clone().step_by(512) {
        let torn = disk.clone();
        torn.change(LOG_FILE, |bytes| {
            bytes.copy_from_slice(&before);
            bytes[written.start..end].copy_from_slice(&after[written.start..end]);
            bytes[BLOCK_BYTES..2 * BLOCK_BYTES].fill(0);
        });
        let error = open(&torn, 0).map(drop).expect_err("commit 1 was durable").to_string();
        assert!(error.contains("one of the commits 1 to "), "{error}");
    }
}

/// A seed found that a note was overlooked, before a commit of an earlier turn that stood behind it.
#[test]
fn a_note_counts_whatever_stands_behind_it() {
    let disk = MemoryDisk::default();
    let (mut journal, _) = open(&disk, 0).expect("it is new");
    for number in 1..=3 {
        assert!(append(&mut journal, number, &[entry(number, 100)]));
    }
    journal.restart();
    assert!(append(&mut journal, 5, &[entry(5, 100)]));
    journal.note(5).expect("the disk works");
    drop(journal);
    disk.change(LOG_FILE, |bytes| bytes[BLOCK_BYTES + 50] ^= 1);
    let error = open(&disk, 4).map(drop).expect_err("commit 5 was durable").to_string();
    assert!(error.contains("one of the commits 5 to 5"), "{error}");
}

/// The first commit of a turn was never made, and what an earlier turn left there is whole. (A seed found that this one was noted again,
/// over the note of the one that is missing.)
#[test]
fn a_note_of_a_later_commit_is_not_written_over() {
    let disk = MemoryDisk::default();
    let (mut journal, _) = open(&disk, 0).expect("it is new");
    assert!(append(&mut journal, 1, &[entry(1, 100)]));
    let before = bytes(&disk);
    journal.restart();
    assert!(append(&mut journal, 3, &[entry(3, 100)]));
    journal.note(3).expect("the disk works");
    drop(journal);
    let block = BLOCK_BYTES..2 * BLOCK_BYTES;
    disk.change(LOG_FILE, |bytes| bytes[block.clone()].copy_from_slice(&before[block]));
    for _ in 0..2 {
        let error = open(&disk, 2).map(drop).expect_err("commit 3 was durable").to_string();
        assert!(error.contains("one of the commits 3 to 3"), "{error}");
    }
}

/// What clients store is theirs to choose: it never passes for a commit.
#[test]
fn a_commit_of_another_directory_is_none() {
    let [own, other] = [77, 78].map(|incarnation| {
        let disk = MemoryDisk::default();
        let mut volume = Volume::open(&disk, LOG_FILE).expect("the disk works");
        volume.begin(&Owner { identity: identity("a", 1), incarnation }).expect("the disk works");
        let (mut journal, _) = Journal::open(Arc::new(volume), 0).expect("it is new");
        assert!(append(&mut journal, 1, &[entry(1, 10)]));
        drop(journal);
        disk
    });
    let foreign = bytes(&other)[BLOCK_BYTES..2 * BLOCK_BYTES].to_vec();
    own.change(LOG_FILE, |bytes| bytes[BLOCK_BYTES..2 * BLOCK_BYTES].copy_from_slice(&foreign));
    let (journal, last) = open(&own, 0).expect("nothing is there");
    assert_eq!((last, journal.pending()), (0, &[][..]));
}
