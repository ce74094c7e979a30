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
    disk.arm_power_loss_in_sync(1, 7);
    backend.write(0, b"first").expect("alive");
    backend.sync_data().expect("the first sync succeeds");
    backend.write(0, b"other").expect("alive");
    backend.sync_data().expect_err("the power fails");
    assert!(disk.tripped());
    assert!(backend.write(0, b"third").is_err());
    lose_power(&disk, &mut Draw::new(1, "test", 0));
    assert!(!disk.tripped());
    let bytes = contents(&disk);
    assert!((0..=5).any(|kept| bytes == [&b"other"[..kept], &b"first"[kept..]].concat()), "{bytes:?}");
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
