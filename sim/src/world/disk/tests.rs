//! What the simulated disk promises, and what the log and the state promise on top of it.
mod power_loss;

use proptest::prelude::*;

use super::*;

const FILE: &str = "a";

fn disk() -> SimDisk {
    let instant = Duration::ZERO..Duration::ZERO;
    SimDisk::new(1, 1, DiskTiming { before: instant.clone(), after: instant })
}

fn lose_power(disk: &SimDisk, draw: &mut Draw) {
    disk.power_loss(|| draw.number());
}

fn contents(disk: &SimDisk) -> Vec<u8> {
    let backend = disk.open(FILE).expect("the power is on");
    let mut bytes = vec![0xff; backend.len().expect("alive") as usize];
    backend.read(0, &mut bytes).expect("within the file");
    bytes
}

fn opened(disk: &SimDisk, bytes: u64) -> Box<dyn StorageBackend> {
    let backend = disk.open(FILE).expect("the power is on");
    backend.set_len(bytes).expect("alive");
    backend
}

#[derive(Clone, Debug)]
enum Step {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
    Sync,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..1500);
    let step = prop_oneof![
        4 => (0..3000_usize, bytes).prop_map(|(offset, bytes)| Step::Write { offset, bytes }),
        2 => (0..4000_usize).prop_map(Step::SetLen),
        1 => Just(Step::Sync),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 0..40)
}

#[test]
fn what_was_written_and_cut_off_again_is_not_synced() {
    let disk = disk();
    let backend = opened(&disk, 3_000);
    backend.write(0, b"gone").expect("within the file");
    backend.set_len(0).expect("alive");
    backend.sync_data().expect("alive");
    assert_eq!(contents(&disk), b"");
}

proptest! {
    #[test]
    fn a_process_reads_what_it_wrote_and_a_power_loss_keeps_what_was_synced(steps in steps(), seed: u64) {
        let disk = disk();
        let mut backend = opened(&disk, 0);
        let mut model: Vec<u8> = Vec::new();
        for step in steps {
            match step {
                Step::Write { offset, bytes } => {
                    let end = offset + bytes.len();
                    let written = backend.write(offset as u64, &bytes);
                    prop_assert_eq!(written.is_ok(), end <= model.len());
                    if let Some(target) = model.get_mut(offset..end) {
                        target.copy_from_slice(&bytes);
                    }
                }
                Step::SetLen(bytes) => {
                    backend.set_len(bytes as u64).expect("alive");
                    model.resize(bytes, 0);
                }
                Step::Sync => backend.sync_data().expect("alive"),
                Step::Crash => {
                    disk.crash();
                    backend = disk.open(FILE).expect("the power is on");
                }
            }
            prop_assert_eq!(&contents(&disk), &model);
        }
        backend.sync_data().expect("alive");
        lose_power(&disk, &mut Draw::new(seed, "test", 0));
        prop_assert_eq!(contents(&disk), model);
    }
}

#[test]
fn a_crash_keeps_what_was_written_and_silences_old_handles() {
    let disk = disk();
    let old = opened(&disk, 8);
    old.write(0, b"unsynced").expect("alive");
    disk.crash();
    assert!(old.write(0, b"the dead").is_err());
    assert!(old.set_len(0).is_err());
    assert!(old.sync_data().is_err());
    assert!(old.read(0, &mut [0]).is_err());
    drop(old);
    assert_eq!(contents(&disk), b"unsynced");
}

#[test]
fn a_power_loss_keeps_loses_and_tears_sectors() {
    let (mut kept, mut lost, mut torn, mut same_length) = (0, 0, 0, 0);
    for seed in 0..100 {
        let disk = disk();
        let backend = opened(&disk, 512);
        backend.write(0, &[1; 512]).expect("alive");
        backend.sync_data().expect("alive");
        backend.write(0, &[2; 512]).expect("alive");
        backend.set_len(4096).expect("alive");
        lose_power(&disk, &mut Draw::new(seed, "test", 0));
        let bytes = contents(&disk);
        assert!(bytes[..512].is_sorted_by(|a, b| a >= b), "the new part comes first");
        match (bytes[0], bytes[511]) {
            (2, 2) => kept += 1,
            (1, 1) => lost += 1,
            (2, 1) => torn += 1,
            other => panic!("neither new nor old: {other:?}"),
        }
        same_length += usize::from(bytes.len() == 512);
    }
    assert!(kept > 10 && lost > 10 && torn > 10, "kept {kept}, lost {lost}, torn {torn}");
    assert!((20..80).contains(&same_length), "{same_length}");
}

#[test]
fn an_armed_disk_loses_power_in_the_nth_sync() {
    let disk = disk();
    let backend = opened(&disk, 5);
    disk.arm(Death::PowerLoss, 1, 7);
    backend.write(0, b"first").expect("alive");
    backend.sync_data().expect("the first sync succeeds");
    backend.write(0, b"other").expect("alive");
    backend.sync_data().expect_err("the power fails");
    assert!(disk.death().is_some());
    assert!(backend.write(0, b"third").is_err());
    lose_power(&disk, &mut Draw::new(1, "test", 0));
    assert!(disk.death().is_none());
    let bytes = contents(&disk);
    assert!((0..=5).any(|kept| bytes == [&b"other"[..kept], &b"first"[kept..]].concat()), "{bytes:?}");
}

#[test]
fn a_process_is_killed_between_two_changes_or_within_one() {
    let mut found = std::collections::BTreeSet::new();
    for (nth, seed) in (0..4).flat_map(|nth| (0..20).map(move |seed| (nth, seed))) {
        let disk = disk();
        let backend = opened(&disk, 2 * SECTOR_BYTES as u64);
        disk.arm(Death::Crash, nth, seed);
        let changes: [&dyn Fn() -> io::Result<()>; 4] = [
            &|| backend.write(0, &[1; 2 * SECTOR_BYTES]),
            &|| backend.sync_data(),
            &|| backend.write(0, &[2; SECTOR_BYTES]),
            &|| backend.set_len(0),
        ];
        let made = changes.iter().take_while(|change| change().is_ok()).count();
        assert_eq!(made as u64, nth, "what comes later is not made either");
        assert_eq!(disk.death(), Some(Death::Crash));
        assert!(backend.read(0, &mut [0]).is_err());
        disk.crash();
        assert_eq!(disk.death(), None);
        let bytes = contents(&disk);
        found.insert((nth, bytes[0], bytes[SECTOR_BYTES]));
    }
    let whole_or_part = [(0, 0, 0), (0, 1, 0), (0, 1, 1), (1, 1, 1), (2, 1, 1), (2, 2, 1), (3, 2, 1)];
    assert_eq!(found, whole_or_part.into_iter().collect());
}

fn failing(rates: DiskErrors) -> SimDisk {
    let disk = disk();
    let backend = opened(&disk, SECTOR_BYTES as u64);
    backend.write(0, &[1; SECTOR_BYTES]).expect("nothing fails yet");
    backend.sync_data().expect("nothing fails yet");
    disk.set_errors(rates);
    disk
}

#[test]
fn a_sync_that_fails_says_so_once_and_what_it_was_to_write_is_kept_lost_or_only_in_memory() {
    let mut fates = std::collections::BTreeSet::new();
    for seed in 0..30 {
        let instant = Duration::ZERO..Duration::ZERO;
        let disk = SimDisk::new(seed, 1, DiskTiming { before: instant.clone(), after: instant });
        let backend = opened(&disk, SECTOR_BYTES as u64);
        backend.write(0, &[1; SECTOR_BYTES]).expect("alive");
        backend.sync_data().expect("nothing fails yet");
        backend.write(0, &[2; SECTOR_BYTES]).expect("alive");
        disk.set_errors(DiskErrors { syncs_permille: 1_000, ..DiskErrors::default() });
        assert_eq!(backend.sync_data().expect_err("it fails").raw_os_error(), Some(5));
        assert!(disk.has_failed());
        disk.set_errors(DiskErrors::default());
        backend.sync_data().expect("the error was reported");
        let mut shown = [0];
        backend.read(0, &mut shown).expect("alive");
        lose_power(&disk, &mut Draw::new(1, "test", 0));
        assert!(!disk.has_failed(), "the next process was told of nothing");
        fates.insert((shown[0], contents(&disk)[0]));
    }
    assert_eq!(
        fates,
        [(1, 1), (2, 1), (2, 2)].into_iter().collect(),
        "what is shown, and what is on the platter"
    );
}

#[test]
fn who_opens_a_file_sees_what_is_on_the_platter_although_a_sync_failed() {
    for seed in 0..30 {
        let instant = Duration::ZERO..Duration::ZERO;
        let disk = SimDisk::new(seed, 1, DiskTiming { before: instant.clone(), after: instant });
        let backend = opened(&disk, 8 * SECTOR_BYTES as u64);
        backend.write(0, &[2; 8 * SECTOR_BYTES]).expect("alive");
        disk.set_errors(DiskErrors { syncs_permille: 1_000, ..DiskErrors::default() });
        backend.sync_data().expect_err("it fails");
        disk.set_errors(DiskErrors::default());
        disk.crash();
        let shown = contents(&disk);
        lose_power(&disk, &mut Draw::new(1, "test", 0));
        assert_eq!(shown, contents(&disk));
    }
}

#[test]
fn a_full_disk_writes_over_what_is_there_and_nothing_else() {
    let disk = failing(DiskErrors { is_full: true, ..DiskErrors::default() });
    let backend = disk.open(FILE).expect("the power is on");
    backend.write(0, &[3; SECTOR_BYTES]).expect("there is room for that");
    backend.sync_data().expect("nothing is wrong with it");
    assert_eq!(backend.set_len(4096).expect_err("no room").raw_os_error(), Some(28));
    backend.set_len(0).expect("that takes no room");
}

#[test]
fn reads_and_writes_fail_as_often_as_they_are_to() {
    let disk = failing(DiskErrors { reads_permille: 500, writes_permille: 100, ..DiskErrors::default() });
    let backend = disk.open(FILE).expect("the power is on");
    let failures = |act: &dyn Fn() -> io::Result<()>| (0..1_000).filter(|_| act().is_err()).count();
    let (reads, writes) =
        (failures(&|| backend.read(0, &mut [0])), failures(&|| backend.write(0, &[4; SECTOR_BYTES])));
    assert!((400..600).contains(&reads) && (50..150).contains(&writes), "{reads} reads, {writes} writes");
    assert_eq!(failures(&|| backend.sync_data()), 0);
}

const BLOCK: usize = content::BLOCK_BYTES;

/// Four blocks are written and synced, one is none of those that reach their place. Returns what is shown then, and what is on the
/// platter.
fn after_a_false_write(nth: u64, goes: Misplaced, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let disk = disk();
    let backend = opened(&disk, 4 * BLOCK as u64);
    disk.arm_false_write(nth, goes, seed);
    for block in 0..4 {
        backend.write((block * BLOCK) as u64, &[block as u8 + 1; BLOCK]).expect("alive");
    }
    backend.sync_data().expect("it says that all is written");
    let mut shown = vec![0; 4 * BLOCK];
    backend.read(0, &mut shown).expect("alive");
    lose_power(&disk, &mut Draw::new(seed, "test", 0));
    (shown, contents(&disk))
}

fn of_blocks(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.chunks(BLOCK).all(|block| block.iter().all(|byte| *byte == block[0])), "blocks are whole");
    bytes.iter().step_by(BLOCK).copied().collect()
}

#[test]
fn a_lost_write_is_reported_as_made_and_is_nowhere() {
    let mut shown_as = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let (shown, kept) = after_a_false_write(2, Misplaced::Nowhere, seed);
        assert_eq!(of_blocks(&kept), [1, 2, 0, 4]);
        shown_as.insert(of_blocks(&shown));
    }
    assert_eq!(
        shown_as,
        [vec![1, 2, 0, 4], vec![1, 2, 3, 4]].into_iter().collect(),
        "memory shows it, or not"
    );
}

#[test]
fn a_misdirected_write_is_over_another_block() {
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..60 {
        found.insert(of_blocks(&after_a_false_write(2, Misplaced::Elsewhere, seed).1));
    }
    let places = [vec![3, 2, 0, 4], vec![1, 3, 0, 4], vec![1, 2, 3, 4], vec![1, 2, 0, 3]];
    assert_eq!(found, places.into_iter().collect());
}

/// A seed found that a node forgot an entry that it had stored: the block that was to note the last commit lay over that commit.
#[test]
fn what_notes_a_commit_does_not_go_over_that_commit() {
    for seed in 0..60 {
        assert_eq!(of_blocks(&after_a_false_write(0, Misplaced::Elsewhere, seed).1), [0, 2, 3, 4]);
    }
}

#[test]
fn a_process_is_killed_soon_after_a_false_write() {
    let disk = disk();
    let backend = opened(&disk, BLOCK as u64);
    disk.arm_false_write(0, Misplaced::Nowhere, 1);
    let lived = (0..100).take_while(|_| backend.write(0, &[1]).and_then(|()| backend.sync_data()).is_ok());
    assert!(lived.count() < 30);
    assert_eq!(disk.death(), Some(Death::Crash));
}

#[test]
fn delays_follow_from_the_seed_and_stay_in_range() {
    let timing = DiskTiming {
        before: Duration::from_millis(1)..Duration::from_millis(3),
        after: Duration::ZERO..Duration::from_millis(1),
    };
    let delays = |seed| {
        let disk = SimDisk::new(seed, 1, timing.clone());
        (0..50).map(|_| disk.delays()).collect::<Vec<_>>()
    };
    assert_eq!(delays(1), delays(1));
    assert_ne!(delays(1), delays(2));
    let within = |(before, after)| timing.before.contains(before) && timing.after.contains(after);
    assert!(delays(1).iter().all(|(before, after)| within((before, after))));
}
