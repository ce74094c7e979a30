use std::sync::{Arc, OnceLock};

use proptest::prelude::*;

use super::{
    super::{
        Disk, Founding, Identity, MemoryDisk, Opened, Record, Scrub, StateView, encode_members, open,
        testing::{identity, open_on},
    },
    *,
};
use crate::{
    kv::{Applier, Command, DeleteRange, Header, Operation, Pruner, Put, Stamp, Table, recompute_content},
    raft::{Configuration, Position},
};

fn stores() -> Opened {
    open_on(&MemoryDisk::default(), &identity("a", 1)).unwrap_or_else(|error| panic!("{error}"))
}

fn members() -> Configuration {
    let addresses = [(1, "old-1:1".to_owned()), (2, "old-2:1".to_owned())].into();
    Configuration { cluster: 77, addresses, gone: [9].into(), ..Configuration::of([1, 2]) }
}

/// A bit of everything: members, sessions, puts, deletions, and a past of which some is compacted.
fn fill(stores: &mut Opened, puts: u64) {
    let mut tables = stores.state.tables();
    let mut applier = Applier::begin(&mut tables).expect("the disk works");
    applier.set_members((1, 1), &encode_members(&members())).expect("the disk works");
    let mut index = 1;
    let mut apply = |operation, stamp| {
        index += 1;
        applier.apply((2, index), &Command { timestamp_ms: 9, stamp, operation }).expect("the disk works");
    };
    apply(Operation::OpenSession { id: 5 }, None);
    for number in 0..puts {
        let key = format!("key {:03}", number % 50).into_bytes();
        let put = Put { key, value: vec![number as u8; 200], ..Put::default() };
        let stamp = Stamp { session: 5, sequence: number + 1, acknowledged_below: number };
        apply(Operation::Put(put), Some(stamp));
    }
    let delete = DeleteRange { key: b"key 007".to_vec(), ..DeleteRange::default() };
    apply(Operation::DeleteRange(delete), None);
    apply(Operation::Compact { revision: puts as i64 / 3 }, None);
    stores.header = applier.finish().expect("the disk works");
    tables.finish().expect("the disk works");
}

fn view(stores: &Opened) -> Arc<StateView> {
    Arc::new(stores.state.reader().view().expect("the disk works"))
}

fn save(stores: &Opened, bytes_max: usize) -> Vec<u8> {
    let mut writer = BackupWriter::new(view(stores), "a", 1, 1234);
    let mut file = Vec::new();
    while let Some(piece) = writer.next(bytes_max).expect("the disk works") {
        assert!(piece.len() < bytes_max + 3000, "pieces are bounded");
        file.extend_from_slice(&piece);
    }
    assert_eq!(writer.remaining_bytes(), 0);
    file
}

fn verify(file: &[u8]) -> Result<Summary, BackupError> {
    BackupReader::open(file)?.finish()
}

fn restoration(node: u64, address: &str) -> Restoration {
    let members = [(1, address.to_owned()), (2, "new-2:1".to_owned()), (3, "new-3:1".to_owned())].into();
    Restoration { identity: identity("b", node), members, incarnation: 40 + node }
}

/// Both files on one disk: that they are not one directory before the log is moved is the business of the program.
fn restore_to(disk: &MemoryDisk, file: &[u8], node: u64) -> Result<(), BackupError> {
    let summary = verify(file)?;
    restore(disk, disk, BackupReader::open(file)?, &summary, &restoration(node, "new-1:1"))
}

fn open_restored(disk: &dyn Disk, node: u64) -> Opened {
    let identity = Identity { cluster: "b".to_owned(), node };
    let founding = Founding { identity, bootstrap: Configuration::of([8, 9]), incarnation: 99 };
    open(disk, &founding).unwrap_or_else(|error| panic!("{error}"))
}

/// All records but where it stands and who belongs to it.
fn contents(stores: &Opened) -> Vec<Record> {
    let mut records = view(stores).records_after(&None, usize::MAX).expect("the disk works");
    records.retain(|record| !matches!(record.table, Table::Header | Table::Members));
    records
}

#[test]
fn what_is_restored_is_what_was_saved_in_a_new_cluster() {
    let mut old = stores();
    fill(&mut old, 200);
    let file = save(&old, 4000);
    let summary = verify(&file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((summary.keys, summary.sessions), (49, 1));
    assert_eq!((summary.about.revision, summary.about.compacted_revision), (202, 66));
    assert_eq!(summary.about.applied, Position { term: 2, index: 204 });
    assert_eq!((summary.about.members.clone(), summary.about.taken_unix_ms), (members(), 1234));
    assert_eq!(summary.state_hash, old.header.state_hash());
    assert_eq!((file.len() - 32) % 512, 0, "etcd's clients look for that");

    let headers: Vec<Header> = (1..=3)
        .map(|node| {
            let disk = MemoryDisk::default();
            restore_to(&disk, &file, node).unwrap_or_else(|error| panic!("{error}"));
            let new = open_restored(&disk, node);
            expect_restored(&old, &new, &summary, node);
            new.header
        })
        .collect();
    assert!(headers.iter().all(|header| header.state_hash() == headers[0].state_hash()), "all agree");
    assert_ne!(headers[0].state_hash(), old.header.state_hash(), "the members are others");
}

fn expect_restored(old: &Opened, new: &Opened, summary: &Summary, node: u64) {
    assert_eq!(contents(new), contents(old));
    let expected = Header { content: new.header.content, ..old.header.clone() };
    assert_eq!(new.header, expected);
    assert_eq!(recompute_content(&new.state.tables()).expect("the disk works"), new.header.content);
    let mut scrub = Scrub::new(&new.state.reader());
    while !scrub.step(1000).expect("it is sound") {}
    let restoration = restoration(node, "new-1:1");
    let configuration = new.state.configuration().expect("the disk works").expect("it has members");
    assert_eq!(configuration.cluster, restoration.cluster(summary));
    assert_eq!((&configuration.addresses, configuration.gone.len()), (&restoration.members, 0));
    assert_eq!(new.incarnation, restoration.incarnation);
    let recovered = &new.recovered;
    assert_eq!(recovered.compacted, summary.about.applied);
    assert_eq!((&recovered.configuration, recovered.entries.len()), (&configuration, 0));
    assert_eq!((recovered.vote.term, recovered.vote.candidate), (2, None));
}

#[test]
fn the_new_cluster_has_an_id_of_its_own() {
    let mut old = stores();
    fill(&mut old, 10);
    let (first, later) = (save(&old, 4000), BackupWriter::new(view(&old), "a", 1, 9999));
    let first = verify(&first).expect("it is sound");
    let id = restoration(1, "new-1:1").cluster(&first);
    assert_eq!(restoration(3, "new-1:1").cluster(&first), id, "all members agree");
    assert_ne!(restoration(1, "elsewhere:1").cluster(&first), id);
    let other_name = Restoration { identity: identity("c", 1), ..restoration(1, "new-1:1") };
    assert_ne!(other_name.cluster(&first), id);
    assert_eq!(later.about().taken_unix_ms, 9999);
    assert!(![0, 77].contains(&id), "it is not the old one's");
}

#[test]
fn a_directory_in_use_is_refused() {
    let mut old = stores();
    fill(&mut old, 10);
    let file = save(&old, 4000);
    let disk = MemoryDisk::default();
    restore_to(&disk, &file, 1).expect("an empty disk");
    let error = restore_to(&disk, &file, 1).expect_err("it is not empty any more").to_string();
    assert!(error.contains("state.redb: it is there already"), "{error}");
}

/// Until the log is put beside it, the state is of no use to anybody.
#[test]
fn a_restore_that_broke_off_does_not_start() {
    let mut old = stores();
    fill(&mut old, 10);
    let file = save(&old, 4000);
    let (state, log) = (MemoryDisk::default(), MemoryDisk::default());
    let summary = verify(&file).expect("it is sound");
    let reader = BackupReader::open(&file[..]).expect("it is sound");
    restore(&state, &log, reader, &summary, &restoration(1, "new-1:1")).expect("empty disks");
    let error = open_on(&state, &identity("b", 1)).map(drop).expect_err("the log is missing").to_string();
    assert!(error.contains("log.redb is missing or empty beside state.redb"), "{error}");
}

#[test]
fn compacted_records_that_nobody_removed_yet_are_left_out() {
    let mut old = stores();
    fill(&mut old, 200);
    let before = verify(&save(&old, 4000)).expect("it is sound");
    let mut tables = old.state.tables();
    while Pruner::default().step(&mut tables, 1000).expect("the disk works") {}
    tables.finish().expect("the disk works");
    let after = verify(&save(&old, 4000)).expect("it is sound");
    assert_eq!((after.records, after.sha256), (before.records, before.sha256));
}

#[test]
fn what_is_no_backup_is_said_to_be_none() {
    for (bytes, expected) in [
        (&b""[..], "no backup of conclave"),
        (b"cnclv", "no backup of conclave"),
        (b"SQLite format 3 and more", "no backup of conclave"),
        (b"cnclvbak", "it ends after 8 bytes: it was cut off"),
    ] {
        let error = verify(bytes).map(drop).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_backup_that_is_exchanged_while_it_is_restored_is_noticed() {
    let mut old = stores();
    fill(&mut old, 10);
    let first = verify(&save(&old, 4000)).expect("it is sound");
    let second = save(&old, 1000);
    let disk = MemoryDisk::default();
    let reader = BackupReader::open(&second[..]).expect("it is sound");
    let restored = restore(&disk, &disk, reader, &first, &restoration(1, "new-1:1"));
    let error = restored.expect_err("it is another one").to_string();
    assert!(error.contains("changed while it was read"), "{error}");
}

/// A state that is damaged in memory or on its way does not become a backup that looks sound.
#[test]
fn a_state_that_is_not_what_was_applied_makes_no_sound_backup() {
    let mut old = stores();
    fill(&mut old, 10);
    let mut tables = old.state.tables();
    crate::kv::Write::remove(&mut tables, Table::Current, b"key 003").expect("the disk works");
    tables.finish().expect("the disk works");
    let error = verify(&save(&old, 4000)).map(drop).expect_err("a record is missing").to_string();
    assert!(error.contains("content hash"), "{error}");
}

fn sound() -> &'static Vec<u8> {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let mut old = stores();
        fill(&mut old, 60);
        save(&old, 2000)
    })
}

proptest! {
    #[test]
    fn every_flipped_byte_is_noticed(place in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let mut file = sound().clone();
        let place = place.index(file.len());
        file[place] ^= flip;
        prop_assert!(verify(&file).is_err(), "byte {place} of {}", file.len());
    }

    #[test]
    fn every_cut_is_noticed(place in any::<prop::sample::Index>()) {
        let file = sound();
        let cut = verify(&file[..place.index(file.len())]);
        prop_assert!(cut.is_err());
    }

    #[test]
    fn bytes_that_follow_are_noticed(more in prop::collection::vec(any::<u8>(), 1..600)) {
        let file = [sound().as_slice(), &more].concat();
        prop_assert!(verify(&file).is_err());
    }

    /// Whatever it is: an error in one line, and no panic, nor memory for lengths that are lies.
    #[test]
    fn nonsense_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let file = [b"cnclvbak", bytes.as_slice()].concat();
        let error = verify(&file).map(drop).expect_err("nonsense").to_string();
        prop_assert!(!error.contains('\n'));
    }
}

#[test]
fn the_sound_one_is_sound() {
    verify(sound()).unwrap_or_else(|error| panic!("{error}"));
    assert!(restore_to(&MemoryDisk::default(), sound(), 1).is_ok());
}
