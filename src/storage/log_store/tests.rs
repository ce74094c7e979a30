use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;
use crate::{raft::Payload, storage::FileDisk};

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a scratch directory")
}

fn identity(cluster: &str, node: u64) -> Identity {
    Identity { cluster: cluster.to_owned(), node }
}

fn open_as(directory: &Path, identity: &Identity) -> Result<(LogStore, Recovered), StorageError> {
    LogStore::open(&FileDisk::open(directory)?, identity, &Configuration::of([1, 2, 3]))
}

fn open(directory: &Path) -> (LogStore, Recovered) {
    open_as(directory, &identity("a", 1)).expect("the log is whole")
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
    let (_, recovered) = open(scratch().path());
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
        let scratch = scratch();
        let (mut log, _) = open(scratch.path());
        log.write(&persist(vote(2), &[entry(1, 1), entry(1, 2), entry(2, 3)])).expect("the disk works");
        let position = Position { term, index };
        let compacted = Some(Compacted { position, configuration: Configuration::of([7]).into() });
        let first = Entry { term: 5, index: index.max(3) + 1, payload: Payload::Noop };
        let entries = if (term, index) == (1, 2) { vec![first] } else { Vec::new() };
        log.write(&Persist { compacted, ..persist(None, &entries) }).expect("the disk works");
        drop(log);
        let (_, recovered) = open(scratch.path());
        assert_eq!((recovered.compacted, recovered.configuration), (position, Configuration::of([7])));
        recovered.entries.iter().map(Entry::position).map(|at| (at.term, at.index)).collect::<Vec<_>>()
    };
    assert_eq!(begin_at(1, 2), [(2, 3), (5, 4)]);
    assert_eq!(begin_at(2, 2), []);
    assert_eq!(begin_at(3, 9), []);
}

#[test]
fn a_restart_recovers_vote_and_entries() {
    let scratch = scratch();
    let (mut log, _) = open(scratch.path());
    let noop = Entry { term: 1, index: 1, payload: Payload::Noop };
    let members =
        Entry { term: 1, index: 3, payload: Payload::Configuration(Configuration::of([1, 2]).into()) };
    log.write(&persist(vote(1), &[noop.clone(), entry(1, 2)])).expect("the disk works");
    log.write(&persist(vote(2), std::slice::from_ref(&members))).expect("the disk works");
    drop(log);
    let (_, recovered) = open(scratch.path());
    assert_eq!(Some(recovered.vote), vote(2));
    assert_eq!(recovered.entries, [noop, entry(1, 2), members]);
}

#[test]
fn a_conflicting_suffix_is_replaced() {
    let scratch = scratch();
    let (mut log, _) = open(scratch.path());
    log.write(&persist(None, &[entry(1, 1), entry(1, 2), entry(1, 3)])).expect("the disk works");
    log.write(&persist(None, &[entry(2, 2)])).expect("the disk works");
    drop(log);
    assert_eq!(open(scratch.path()).1.entries, [entry(1, 1), entry(2, 2)]);
}

#[test]
fn a_batch_counts_as_its_writes_one_after_another() {
    let scratch = scratch();
    let (mut log, _) = open(scratch.path());
    let writes = [
        persist(vote(1), &[entry(1, 1), entry(1, 2)]),
        persist(vote(3), &[entry(3, 2), entry(3, 3)]),
        persist(None, &[entry(3, 4)]),
        persist(None, &[]),
    ];
    log.write_all(&writes).expect("the disk works");
    drop(log);
    let (_, recovered) = open(scratch.path());
    assert_eq!(Some(recovered.vote), vote(3));
    assert_eq!(recovered.entries, [entry(1, 1), entry(3, 2), entry(3, 3), entry(3, 4)]);
}

#[test]
#[should_panic(expected = "entry 3 would leave a gap after 1")]
fn a_gap_is_a_bug() {
    let scratch = scratch();
    let (mut log, _) = open(scratch.path());
    log.write(&persist(None, &[entry(1, 1)])).expect("the disk works");
    let _ = log.write(&persist(None, &[entry(1, 3)]));
}

#[test]
fn another_node_and_another_cluster_are_refused() {
    let scratch = scratch();
    drop(open_as(scratch.path(), &identity("a", 2)).expect("a new directory"));
    for stranger in [identity("b", 2), identity("a", 1), identity("b", 1)] {
        let refusal = open_as(scratch.path(), &stranger).expect_err("the data is another's");
        assert!(
            matches!(&refusal, StorageError::WrongIdentity { node, found_node: 2, .. } if *node == stranger.node),
            "{refusal}"
        );
    }
    open_as(scratch.path(), &identity("a", 2)).expect("its own");
}

#[test]
fn a_directory_has_one_holder() {
    let scratch = scratch();
    let _first = FileDisk::open(scratch.path()).expect("nobody holds it");
    let refusal = FileDisk::open(scratch.path()).expect_err("the first holds it");
    assert!(matches!(refusal, StorageError::Locked { .. }), "{refusal}");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let scratch = scratch();
    fs::write(scratch.path().join(LOG_FILE), "not a database at all").expect("writable");
    let refusal = open_as(scratch.path(), &identity("a", 1)).map(|_| ());
    assert!(matches!(refusal, Err(StorageError::Open { .. })), "{refusal:?}");
}

/// What a log says when it is opened after its tables were changed behind its back.
fn tamper(change: impl FnOnce(&mut Meta<'_>, &mut Entries<'_>) -> Result<(), StorageError>) -> StorageError {
    let scratch = scratch();
    let (mut log, _) = open(scratch.path());
    log.write(&persist(None, &[entry(1, 1), entry(1, 2), entry(1, 3)])).expect("the disk works");
    log.transact(change).expect("the disk works");
    drop(log);
    open_as(scratch.path(), &identity("a", 1)).map(|_| ()).expect_err("the log is damaged")
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
fn another_format_is_refused() {
    let error = tamper(|meta, _| put(meta, FORMAT_KEY, &(FORMAT + 1).to_le_bytes()));
    assert!(matches!(error, StorageError::Format { found, .. } if found == FORMAT + 1), "{error}");
}
