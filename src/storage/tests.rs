//! Both files together: what is missing, another's, old or damaged is refused or heals, and nothing wrong is served.

use std::{fs, path::Path};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    testing::{copy, identity, open_as, open_on, opened, scratch, take_journal_away},
    volume::{BLOCK_BYTES, Volume},
    *,
};
use crate::{
    kv::{Applier, Command, Header, Operation, Put, RangeRequest, range, recompute_content},
    raft::{Entry, Payload, Persist, Position, Vote},
};

const FILES: [&str; 2] = [LOG_FILE, STATE_FILE];

/// Writes some entries with a vote, and applies them.
fn live(stores: &mut Opened, entries: u64) {
    let first = stores.header.applied_index + 1;
    let vote = Some(Vote { term: first, candidate: Some(2) });
    let command = |index: u64| Payload::Command(vec![index as u8; 300].into());
    for index in first..first + entries {
        let entries = vec![Entry { term: 1, index, payload: command(index) }];
        let write = Persist { ticket: 1, compacted: None, vote, entries, promises: Vec::new() };
        stores.log.write(&write).expect("the disk works");
    }
    let mut tables = stores.state.tables();
    let mut applier = Applier::begin(&mut tables).expect("the state is whole");
    for index in first..first + entries {
        let put = Put { key: key(index), value: vec![index as u8; 300], ..Put::default() };
        let command = Command { timestamp_ms: 1, stamp: None, operation: Operation::Put(put) };
        applier.apply((1, index), &command).expect("the disk works");
    }
    stores.header = applier.finish().expect("the disk works");
    tables.finish().expect("the disk works");
}

fn key(index: u64) -> Vec<u8> {
    format!("key {:05}", index * 7919 % 100_000).into_bytes()
}

fn refusal(directory: &Path) -> StorageError {
    open_as(directory, &identity("a", 1)).map(drop).expect_err("this cannot be opened")
}

fn assert_lost(directory: &Path, expected: &str) {
    let refusal = refusal(directory);
    assert!(matches!(&refusal, StorageError::Lost { what } if what.contains(expected)), "{refusal}");
    assert!(refusal.to_string().contains("conclave member replace"), "{refusal}");
}

#[test]
fn another_node_and_another_cluster_are_refused() {
    let scratch = scratch();
    open_as(scratch.path(), &identity("a", 2)).map(drop).expect("a new directory");
    for stranger in [identity("b", 2), identity("a", 1), identity("b", 1)] {
        let refusal = open_as(scratch.path(), &stranger).map(drop).expect_err("the data is another's");
        assert!(
            matches!(&refusal, StorageError::WrongIdentity { node, found_node: 2, .. } if *node == stranger.node),
            "{refusal}"
        );
    }
    open_as(scratch.path(), &identity("a", 2)).map(drop).expect("its own");
}

#[test]
fn the_state_of_another_node_is_refused() {
    let [own, other] = [scratch(), scratch()];
    drop(open_as(own.path(), &identity("a", 1)));
    drop(open_as(other.path(), &identity("a", 2)));
    fs::copy(other.path().join(STATE_FILE), own.path().join(STATE_FILE)).expect("writable");
    let refusal = refusal(own.path());
    assert!(matches!(refusal, StorageError::WrongIdentity { found_node: 2, .. }), "{refusal}");
}

#[test]
fn a_directory_has_one_holder() {
    let scratch = scratch();
    let _first = FileDisk::open(scratch.path()).expect("nobody holds it");
    let refusal = FileDisk::open(scratch.path()).expect_err("the first holds it");
    assert!(matches!(refusal, StorageError::Locked { .. }), "{refusal}");
}

#[test]
fn another_format_and_what_is_no_file_of_ours_are_refused() {
    for file in FILES {
        let of_this_program = if file == LOG_FILE { 5 } else { 4 };
        for (first, is_engines) in
            [(&b"redb\x1a\x0a\xa9\x0d\x0a"[..], true), (&b"nothing like it"[..], false)]
        {
            let scratch = scratch();
            fs::write(scratch.path().join(file), [first, &[0; 9000]].concat()).expect("writable");
            match refusal(scratch.path()) {
                StorageError::Format { found: 3, known, .. } if is_engines => {
                    assert_eq!(known, of_this_program)
                }
                StorageError::Corrupt { .. } if !is_engines => {}
                other => panic!("{other}"),
            }
        }
    }
}

/// The power failed while the engine began its file: nobody was promised anything of it.
#[test]
fn a_file_that_was_torn_while_it_was_begun_is_begun_anew() {
    for file in FILES {
        let scratch = scratch();
        drop(opened(scratch.path()));
        let path = scratch.path().join(file);
        let mut bytes = fs::read(&path).expect("readable");
        // As if no commit had been noted yet, and the engine's first block had not arrived.
        bytes[BLOCK_BYTES - 1024..BLOCK_BYTES].fill(0);
        bytes[BLOCK_BYTES..BLOCK_BYTES + 512].fill(0);
        fs::write(&path, bytes).expect("writable");
        drop(opened(scratch.path()));
    }
}

/// The power failed while a commit was noted. A seed found that the torn mark stayed, and after the next commit passed for one more.
#[test]
fn a_torn_mark_of_the_last_commit_is_mended() {
    for file in FILES {
        let scratch = scratch();
        let mut stores = opened(scratch.path());
        live(&mut stores, 3);
        stores.state.sync().expect("the disk works");
        drop(stores);
        let path = scratch.path().join(file);
        let mut bytes = fs::read(&path).expect("readable");
        let marks = [BLOCK_BYTES - 1024, BLOCK_BYTES - 512];
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let last = marks.into_iter().max_by_key(|&at| number(at)).expect("there are two");
        bytes[last + 4] ^= 1;
        fs::write(&path, bytes).expect("writable");
        for _ in 0..3 {
            let mut stores = opened(scratch.path());
            live(&mut stores, 1);
            stores.state.sync().expect("the disk works");
        }
    }
}

#[test]
fn a_log_or_a_state_that_is_gone_is_refused() {
    for file in FILES {
        for pristine in [true, false] {
            let scratch = scratch();
            let mut stores = opened(scratch.path());
            if !pristine {
                live(&mut stores, 5);
            }
            drop(stores);
            fs::remove_file(scratch.path().join(file)).expect("writable");
            assert_lost(scratch.path(), &format!("{file} is missing"));
            assert_lost(scratch.path(), &format!("{file} is missing"));
        }
    }
}

#[test]
fn files_under_each_others_names_are_refused() {
    let scratch = scratch();
    drop(opened(scratch.path()));
    let [log, state] = FILES.map(|file| scratch.path().join(file));
    let aside = scratch.path().join("aside");
    for (from, to) in [(&log, &aside), (&state, &log), (&aside, &state)] {
        fs::rename(from, to).expect("writable");
    }
    let refusal = refusal(scratch.path());
    assert!(matches!(refusal, StorageError::WrongFile { file: LOG_FILE, found: STATE_FILE }), "{refusal}");
}

#[test]
fn a_file_of_another_life_of_the_same_node_is_refused() {
    for file in FILES {
        let [one, other] = [scratch(), scratch()];
        drop((opened(one.path()), opened(other.path())));
        fs::copy(other.path().join(file), one.path().join(file)).expect("writable");
        assert_lost(one.path(), "not of one directory");
    }
}

#[test]
fn an_older_log_beside_the_state_is_refused() {
    let [now, backup] = [scratch(), scratch()];
    drop(lived(now.path()));
    copy(now.path(), backup.path());
    let mut stores = opened(now.path());
    vote_once(&mut stores);
    stores.state.sync().expect("the disk works");
    drop(stores);
    fs::copy(backup.path().join(LOG_FILE), now.path().join(LOG_FILE)).expect("writable");
    assert_lost(now.path(), "an older log");
}

/// A directory after some entries, all of them durable in the state too.
fn lived(directory: &Path) -> Opened {
    let mut stores = opened(directory);
    live(&mut stores, 5);
    stores.state.sync().expect("the disk works");
    stores
}

/// One vote, and nothing else.
fn vote_once(stores: &mut Opened) {
    let vote = Some(Vote { term: 99, candidate: Some(3) });
    let write = Persist { ticket: 1, compacted: None, vote, entries: Vec::new(), promises: Vec::new() };
    stores.log.write(&write).expect("the disk works");
}

/// What the journal held was handed to the engine when the older log was opened. That counted as the commit that it lacked, at once or at
/// the next start: a vote was forgotten.
#[test]
fn an_older_log_is_refused_again_and_again() {
    let [now, backup] = [scratch(), scratch()];
    let mut stores = lived(now.path());
    copy(now.path(), backup.path());
    vote_once(&mut stores);
    stores.state.sync().expect("the disk works");
    drop(stores);
    fs::copy(backup.path().join(LOG_FILE), now.path().join(LOG_FILE)).expect("writable");
    let findings = check(&ReadOnlyDisk::open(now.path()).expect("nobody runs there")).findings;
    assert!(findings.iter().any(|finding| finding.contains("an older log")), "{findings:?}");
    for _ in 0..3 {
        assert_lost(now.path(), "an older log");
    }
}

/// The beginning of a log is a commit of its own: one that was put there before that lacks it.
#[test]
fn a_log_without_its_first_commit_is_refused_beside_a_state_that_saw_it() {
    let disk = MemoryDisk::default();
    let mut stores = open_on_memory(&disk);
    stores.state.sync().expect("the disk works");
    drop(stores);
    let journal = Volume::open(&disk, LOG_FILE).expect("it is sound").journal_bytes();
    disk.change(LOG_FILE, |bytes| {
        bytes.truncate(BLOCK_BYTES + journal);
        bytes[BLOCK_BYTES - 1024..].fill(0);
    });
    for _ in 0..2 {
        let refusal = open_on(&disk, &identity("a", 1)).map(drop).expect_err("the log lacks a commit");
        assert!(
            matches!(&refusal, StorageError::Lost { what } if what.contains("an older log")),
            "{refusal}"
        );
    }
}

fn open_on_memory(disk: &MemoryDisk) -> Opened {
    open_on(disk, &identity("a", 1)).unwrap_or_else(|error| panic!("it is sound: {error}"))
}

/// With a journal, and without: each time the process was killed, once more between the log's hand-over and the opening of the state.
#[test]
fn a_log_is_never_taken_for_an_older_one_after_a_kill() {
    let assert_opens = |killed: MemoryDisk| {
        let in_between = killed.clone();
        defrag::hand_over_journal(&in_between).expect("it is sound");
        for disk in [killed, in_between] {
            (0..3).for_each(|_| drop(open_on_memory(&disk)));
        }
    };
    for has_journal in [true, false] {
        let mut disk = MemoryDisk::default();
        drop(open_on_memory(&disk));
        assert_opens(disk.clone());
        if !has_journal {
            take_journal_away(&disk);
        }
        for round in 0..4 {
            let mut stores = open_on_memory(&disk);
            assert_opens(disk.clone());
            live(&mut stores, 1 + round * 50);
            assert_opens(disk.clone());
            stores.state.sync().expect("the disk works");
            assert_opens(disk.clone());
            vote_once(&mut stores);
            stores.state.sync().expect("the disk works");
            disk = disk.clone();
            assert_opens(disk.clone());
        }
    }
}

/// The state records a commit of the log that is durable, and whose note is not: the power fails.
#[test]
fn a_log_whose_last_note_was_lost_is_no_older_one() {
    for has_journal in [true, false] {
        let disk = MemoryDisk::default();
        drop(open_on_memory(&disk));
        if !has_journal {
            take_journal_away(&disk);
        }
        let mut stores = open_on_memory(&disk);
        live(&mut stores, 3);
        let journal = Volume::open(&disk, LOG_FILE).expect("it is sound").journal_bytes();
        let mut before = Vec::new();
        disk.change(LOG_FILE, |bytes| before.clone_from(bytes));
        vote_once(&mut stores);
        stores.state.sync().expect("the disk works");
        let lost = disk.clone();
        lost.change(LOG_FILE, |bytes| {
            // The note is behind the commit in the journal, or in one of the marks.
            let places = if has_journal { BLOCK_BYTES } else { BLOCK_BYTES - 1024 }..BLOCK_BYTES + journal;
            let changed = |&at: &usize| bytes[at..at + 512] != before[at..at + 512];
            let note = places.step_by(512).rfind(changed).expect("the commit was noted");
            bytes[note..note + 512].copy_from_slice(&before[note..note + 512]);
        });
        for _ in 0..2 {
            assert_eq!(open_on_memory(&lost).recovered.vote, Vote { term: 99, candidate: Some(3) });
        }
    }
}

#[test]
fn a_start_that_was_cut_off_goes_on() {
    let scratch = scratch();
    drop(opened(scratch.path()));
    let [log, state] = FILES.map(|file| scratch.path().join(file));
    let mut whole = fs::read(&log).expect("readable");
    // No commit was noted yet.
    whole[4096 - 1024..4096].fill(0);
    for bytes in [0, 4096] {
        fs::write(&log, &whole[..bytes]).expect("writable");
        let _ = fs::remove_file(&state);
        let mut stores = opened(scratch.path());
        live(&mut stores, 3);
        drop(stores);
        opened(scratch.path());
    }
}

/// The disk of a node that was stopped (or killed), and what it holds.
struct Sound {
    disk: MemoryDisk,
    recovered: Recovered,
    header: Header,
}

impl Sound {
    fn new(killed: bool) -> Self {
        let disk = MemoryDisk::default();
        let open = |disk: &MemoryDisk| open_on(disk, &identity("a", 1)).map_err(|error| error.to_string());
        let mut stores = open(&disk).expect("a new disk");
        for _ in 0..8 {
            live(&mut stores, 40);
            stores.state.sync().expect("the disk works");
        }
        let as_killed = disk.clone();
        drop(stores);
        let disk = if killed { as_killed } else { disk };
        let Opened { recovered, header, .. } = open(&disk.clone()).expect("it is sound");
        Self { disk, recovered, header }
    }

    /// Whether damage done to a copy is noticed, before anything wrong is served. It may also do no harm.
    fn notices(&self, file: &str, damage: impl FnOnce(&mut Vec<u8>)) -> bool {
        let damaged = self.disk.clone();
        damaged.change(file, damage);
        let is_found = !check(&damaged.clone()).findings.is_empty();
        let is_noticed = self.is_noticed(&damaged);
        assert!(is_found || !is_noticed, "a check finds what a node would stumble over");
        is_found
    }

    fn is_noticed(&self, damaged: &MemoryDisk) -> bool {
        match open_on(damaged, &identity("a", 1)) {
            Ok(stores) => {
                assert_eq!(stores.recovered, self.recovered, "another log was recovered");
                self.serves(&stores).map_err(|error| assert_says_what(&error)).is_err()
            }
            Err(error) => {
                assert_says_what(&error);
                true
            }
        }
    }

    fn serves(&self, stores: &Opened) -> Result<(), StorageError> {
        let tables = stores.state.tables();
        assert_eq!(stores.header, self.header, "another state was opened");
        for index in 1..=self.header.applied_index {
            let request = RangeRequest { key: key(index), ..RangeRequest::default() };
            let reply = range(&tables, &request)?.expect("it can be read");
            assert_eq!(reply.kvs.len(), 1, "key {index} is not there");
            assert_eq!(reply.kvs[0].value, [index as u8; 300], "key {index} has another value");
        }
        assert_eq!(recompute_content(&tables)?, self.header.content);
        Ok(())
    }
}

fn assert_says_what(error: &StorageError) {
    let text = error.to_string();
    assert!(FILES.iter().any(|file| text.contains(file)), "it does not say where: {text}");
}

/// What is damaged is never served: of each kind so many random places, in either file, closed or killed.
#[test]
fn damage_is_noticed_or_harmless_and_never_served() {
    let mut random = StdRng::seed_from_u64(7);
    for killed in [false, true] {
        let sound = Sound::new(killed);
        for file in FILES {
            let bytes = sound.disk.file_bytes(file);
            let journal = Volume::open(&sound.disk, file).expect("it is sound").journal_bytes();
            // Much of the journal holds nothing that counts any more: it is damaged apart.
            let outside = |place: usize| if place < BLOCK_BYTES { place } else { place + journal };
            let mut noticed = [0; 3];
            for _ in 0..125 {
                let place = outside(random.random_range(0..bytes - journal));
                let bit = 1 << random.random_range(0..8);
                noticed[0] += usize::from(sound.notices(file, |bytes| bytes[place] ^= bit));
            }
            for _ in 0..25 {
                let block = outside(random.random_range(0..(bytes - journal) / 4096) * 4096);
                noticed[1] += usize::from(sound.notices(file, |bytes| bytes[block..block + 4096].fill(0)));
                let length = random.random_range(0..bytes);
                noticed[2] += usize::from(sound.notices(file, |bytes| bytes.truncate(length)));
            }
            let mut in_journal = 0;
            for _ in 0..if journal > 0 { 125 } else { 0 } {
                let place = random.random_range(BLOCK_BYTES..BLOCK_BYTES + journal);
                in_journal += usize::from(sound.notices(file, |bytes| bytes[place] ^= 1));
            }
            assert!(journal == 0 || in_journal > 0, "no damage of the journal was noticed");
            println!("{file} of {bytes} bytes, killed: {killed}: noticed {noticed:?} of [125, 25, 25]");
            assert!(noticed.iter().zip([20, 5, 25]).all(|(noticed, min)| *noticed >= min), "{noticed:?}");
        }
    }
}

/// The blocks that say where everything else is: every bit of them.
#[test]
fn damage_of_the_first_blocks_is_noticed_or_harmless() {
    let used = (0..80).chain(4096 - 1028..4096 - 1000).chain(4096 - 512..4096 - 496);
    for (file, engine_at) in [(LOG_FILE, 4096), (STATE_FILE, 8192)] {
        let sound = Sound::new(true);
        let places: Vec<usize> = used.clone().chain(engine_at..engine_at + 320).collect();
        for (turn, place) in places.into_iter().enumerate() {
            let bit = 1 << (turn % 8);
            sound.notices(file, |bytes| bytes[place] ^= bit);
        }
        for bit in 0..8 {
            sound.notices(file, |bytes| bytes[engine_at + 9] ^= 1 << bit);
        }
    }
}

fn scrub(stores: &Opened) -> Result<u64, StorageError> {
    let mut scrub = Scrub::new(&stores.state.reader());
    while !scrub.step(1000)? {}
    Ok(scrub.records)
}

#[test]
fn a_scrub_reads_all_and_finds_a_record_that_nobody_removed() {
    let disk = MemoryDisk::default();
    let mut stores = open_on(&disk, &identity("a", 1)).unwrap_or_else(|error| panic!("{error}"));
    live(&mut stores, 40);
    stores.state.sync().expect("the disk works");
    // Each key once: a pair and an event; the header is not part of the contents.
    assert_eq!(scrub(&stores).expect("it is sound"), 80);
    let mut tables = stores.state.tables();
    crate::kv::Write::remove(&mut tables, crate::kv::Table::Current, &key(7)).expect("the disk works");
    tables.finish().expect("the disk works");
    assert_eq!(scrub(&stores).expect("it is not in the file yet"), 80);
    stores.state.sync().expect("the disk works");
    let error = scrub(&stores).expect_err("a record is missing").to_string();
    assert!(error.contains("state.redb") && error.contains("conclave member replace"), "{error}");
}

/// The note of its commits is cut off with the rest: that must not pass for a file in which nothing was committed.
#[test]
fn a_file_that_was_cut_within_its_first_block_is_damaged() {
    for file in FILES {
        let sound = Sound::new(true);
        for length in (1..BLOCK_BYTES).step_by(97).chain([3072, 3084, 3090, 3600, BLOCK_BYTES - 1]) {
            let cut = sound.disk.clone();
            cut.change(file, |bytes| bytes.truncate(length));
            let error = open_on(&cut, &identity("a", 1)).map(drop).expect_err("it was cut").to_string();
            assert!(error.starts_with(file), "{length}: {error}");
            assert!(!check(&cut).findings.is_empty(), "{length}");
        }
    }
}

/// Both at once: a node that begins anew would have forgotten its vote.
#[test]
fn two_files_that_were_cut_within_their_first_blocks_are_damaged() {
    let sound = Sound::new(true);
    for length in [1, 600, 3071, 3072, 3500, BLOCK_BYTES - 1] {
        let cut = sound.disk.clone();
        FILES.iter().for_each(|file| cut.change(file, |bytes| bytes.truncate(length)));
        let error = open_on(&cut, &identity("a", 1)).map(drop).expect_err("they were cut").to_string();
        assert!(error.contains("log.redb is corrupt"), "{length}: {error}");
    }
}

fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).expect("readable").map(|entry| entry.expect("readable"));
    let mut files: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("readable"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_check_changes_nothing_and_keeps_nodes_away() {
    let (scratch, killed) = (scratch(), scratch());
    let mut stores = opened(scratch.path());
    live(&mut stores, 40);
    stores.state.sync().expect("the disk works");
    copy(scratch.path(), killed.path());
    let node = FileDisk::open(scratch.path()).expect("nobody else runs there");
    let running = ReadOnlyDisk::open(scratch.path()).expect_err("a node runs there").to_string();
    assert!(running.contains("is in use by another process"), "{running}");
    let header = stores.header.clone();
    drop((stores, node));
    for directory in [scratch.path(), killed.path()] {
        let before = contents(directory);
        let disk = ReadOnlyDisk::open(directory).expect("nobody runs there");
        let _another = ReadOnlyDisk::open(directory).expect("others may look too");
        let checkup = check(&disk);
        assert_eq!(checkup.findings, Vec::<String>::new());
        assert_eq!((checkup.identity, checkup.state), (Some(identity("a", 1)), Some(header.clone())));
        assert_eq!(checkup.records, 80);
        assert!(matches!(refusal(directory), StorageError::Locked { .. }), "no node starts meanwhile");
        assert!(contents(directory) == before, "nothing was changed");
    }
}

/// Node 1 led, was cut off with a long log, and was sent a snapshot when it came back: it ended before its log began after that.
#[test]
fn a_log_that_a_snapshot_replaced_is_sound_and_worth_nothing() {
    let scratch = scratch();
    let mut stores = opened(scratch.path());
    live(&mut stores, 10);
    // The log holds entry 11 of term 1, and entry 12; the state stands at entry 11 of a later term.
    for index in [11, 12] {
        let entries = vec![Entry { term: 1, index, payload: Payload::Noop }];
        let write = Persist { ticket: 1, compacted: None, vote: None, entries, promises: Vec::new() };
        stores.log.write(&write).expect("the disk works");
    }
    let mut tables = stores.state.tables();
    let mut applier = Applier::begin(&mut tables).expect("the state is whole");
    applier.skip((4, 11));
    applier.finish().expect("the disk works");
    tables.finish().expect("the disk works");
    stores.state.sync().expect("the disk works");
    drop(stores);
    let disk = ReadOnlyDisk::open(scratch.path()).expect("nobody runs there");
    let checkup = check(&disk);
    assert_eq!(checkup.findings, Vec::<String>::new());
    assert_eq!(checkup.last(), Position { term: 4, index: 11 });
    drop(disk);
    let stores = opened(scratch.path());
    assert_eq!(stores.recovered.following(checkup.last()), []);
    assert_eq!(stores.recovered.following(Position { term: 1, index: 10 }).len(), 2);
}

#[test]
fn a_check_names_what_is_missing_older_or_exchanged() {
    let finds = |directory: &Path, expected: &str| {
        let disk = ReadOnlyDisk::open(directory).expect("nobody runs there");
        let findings = check(&disk).findings;
        assert!(findings.iter().any(|finding| finding.contains(expected)), "{findings:?}");
    };
    let (now, early, other) = (scratch(), scratch(), scratch());
    drop(lived(now.path()));
    copy(now.path(), early.path());
    drop(lived(now.path()));
    drop(opened(other.path()));
    let (log, state) = (now.path().join(LOG_FILE), now.path().join(STATE_FILE));
    let log_bytes = fs::read(&log).expect("readable");
    fs::copy(early.path().join(LOG_FILE), &log).expect("writable");
    finds(now.path(), "an older log was put in its place");
    fs::copy(other.path().join(LOG_FILE), &log).expect("writable");
    finds(now.path(), "are not of one directory");
    fs::remove_file(&log).expect("it is there");
    finds(now.path(), "cannot open log.redb");
    fs::write(&log, log_bytes).expect("writable");
    fs::write(&state, b"").expect("writable");
    finds(now.path(), "state.redb is missing or empty");
}
