//! A simulated disk under the very engine that production runs: it keeps what was synced, and of what was not it
//! keeps, loses or tears each sector when the power goes.

use std::{
    collections::BTreeMap,
    io,
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use conclave::storage::{Disk, Job};
use redb::StorageBackend;

use conclave_checks::draw::Draw;

/// What a disk writes as a whole, or tears.
const SECTOR_BYTES: usize = 512;

/// One node's disk. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<Inner>>);

/// How long a disk takes before and after each job: a crash may fall into either.
#[derive(Clone, Debug)]
pub struct DiskTiming {
    /// Until the job is done.
    pub before: Range<Duration>,
    /// Until its end is known.
    pub after: Range<Duration>,
}

#[derive(Debug)]
struct Inner {
    files: BTreeMap<String, File>,
    /// Counts the lives of the process that uses the disk: a handle of an earlier life is refused.
    incarnation: u64,
    power: Power,
    timing: DiskTiming,
    latency: Draw,
}

#[derive(Debug)]
enum Power {
    On,
    /// Will fail in the sync after this many others.
    FailsInSync {
        after: u64,
        draw: Draw,
    },
    /// Failed in the middle of a sync; the process does not know yet.
    Tripped,
}

/// What is on the platter, and what is on its way there.
#[derive(Debug, Default)]
struct File {
    durable: Vec<u8>,
    /// The file as the process sees it.
    seen: Vec<u8>,
    /// Sectors written since the last sync.
    dirty: std::collections::BTreeSet<usize>,
    /// The file was cut to this length since the last sync, whatever was written behind it thereafter.
    cut: usize,
}

impl SimDisk {
    /// The empty disk of a node.
    pub fn new(seed: u64, node: u64, timing: DiskTiming) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            files: BTreeMap::new(),
            incarnation: 0,
            power: Power::On,
            timing,
            latency: Draw::new(seed, "disk", node),
        })))
    }

    /// Every job takes this long from now on.
    pub fn set_timing(&self, timing: DiskTiming) {
        self.inner().timing = timing;
    }

    /// The process died: its handles are worth nothing, what it wrote is with the operating system.
    pub fn crash(&self) {
        self.inner().incarnation += 1;
    }

    /// The power fails: each unsynced sector is kept, lost or torn as drawn.
    pub fn power_loss(&self, mut draw: impl FnMut() -> u64) {
        let mut inner = self.inner();
        inner.incarnation += 1;
        inner.power = Power::On;
        for file in inner.files.values_mut() {
            file.lose_unsynced(&mut draw);
        }
    }

    /// The power will fail in the middle of a sync: the next one for `nth` 0.
    pub fn arm_power_loss_in_sync(&self, nth: u64, seed: u64) {
        self.inner().power = Power::FailsInSync { after: nth, draw: Draw::new(seed, "torn-sync", 0) };
    }

    /// No power loss is due any more.
    pub fn disarm(&self) {
        let mut inner = self.inner();
        if matches!(inner.power, Power::FailsInSync { .. }) {
            inner.power = Power::On;
        }
    }

    /// The power failed in the middle of a sync: the process must be killed.
    pub fn tripped(&self) -> bool {
        matches!(self.inner().power, Power::Tripped)
    }

    /// Nothing is left, as on a disk that was exchanged.
    pub fn wipe(&self) {
        let mut inner = self.inner();
        inner.incarnation += 1;
        inner.files.clear();
    }

    /// Bits turn over, each in a file and at a place that is drawn. Everything was written back before: what is damaged lies on
    /// the platter.
    pub fn rot(&self, flips: u64, draw: &mut Draw) {
        let mut inner = self.inner();
        inner.files.values_mut().for_each(File::sync);
        for _ in 0..flips {
            let files: Vec<&mut File> =
                inner.files.values_mut().filter(|file| !file.durable.is_empty()).collect();
            let count = files.len() as u64;
            let Some(file) = files.into_iter().nth(draw.below(count.max(1)) as usize) else { return };
            let offset = draw.below(file.durable.len() as u64) as usize;
            let flip = 1 << draw.below(8);
            file.durable[offset] ^= flip;
            file.seen[offset] ^= flip;
        }
    }

    /// Flips bits of a file's durable bytes, as a failing platter does.
    pub fn corrupt(&self, file: &str, offset: usize, flip: u8) {
        let mut inner = self.inner();
        let file = inner.files.get_mut(file).expect("the file exists");
        file.durable[offset] ^= flip;
        file.seen[offset] ^= flip;
    }

    /// Length of a file in bytes.
    pub fn file_len(&self, file: &str) -> usize {
        self.inner().files.get(file).map_or(0, |file| file.seen.len())
    }

    /// Who holds the disk: each clone, and each open file.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("a disk does not panic")
    }

    fn delays(&self) -> (Duration, Duration) {
        let mut inner = self.inner();
        let DiskTiming { before, after } = inner.timing.clone();
        let mut between = |range: Range<Duration>| {
            let span_ns = (range.end - range.start).as_nanos() as u64;
            range.start + Duration::from_nanos(inner.latency.below(span_ns.max(1)))
        };
        (between(before), between(after))
    }
}

impl Disk for SimDisk {
    fn open(&self, file: &str) -> io::Result<Box<dyn StorageBackend>> {
        let mut inner = self.inner();
        inner.files.entry(file.to_owned()).or_default();
        let handle = Handle { disk: self.clone(), file: file.to_owned(), incarnation: inner.incarnation };
        Ok(Box::new(handle))
    }

    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (before, after) = self.delays();
        Box::pin(async move {
            tokio::time::sleep(before).await;
            job();
            tokio::time::sleep(after).await;
        })
    }
}

/// An open file of one life of the process.
#[derive(Debug)]
struct Handle {
    disk: SimDisk,
    file: String,
    incarnation: u64,
}

impl Handle {
    /// The file, if this handle's process still lives and has power. Destructors of a dead process run too, and what
    /// they write must not reach the disk.
    fn with<T>(&self, act: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
        let mut inner = self.disk.inner();
        if inner.incarnation != self.incarnation || matches!(inner.power, Power::Tripped) {
            return Err(io::Error::other("this process is dead"));
        }
        act(inner.files.get_mut(&self.file).expect("an open file exists"))
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        self.with(|file| Ok(file.seen.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|file| {
            let start = offset as usize;
            let bytes = file.seen.get(start..start + out.len());
            out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|file| {
            file.seen.resize(len as usize, 0);
            file.cut = file.cut.min(len as usize);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|_| Ok(()))?;
        let mut inner = self.disk.inner();
        if let Power::FailsInSync { after, draw } = &mut inner.power {
            if *after == 0 {
                let mut draw = draw.clone();
                inner.power = Power::Tripped;
                let file = inner.files.get_mut(&self.file).expect("an open file exists");
                file.lose_unsynced(&mut || draw.number());
                return Err(io::Error::other("the power failed"));
            }
            *after -= 1;
        }
        inner.files.get_mut(&self.file).expect("an open file exists").sync();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|file| {
            let start = offset as usize;
            let end = start + data.len();
            let target = file.seen.get_mut(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
            target.copy_from_slice(data);
            file.dirty.extend(start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
            Ok(())
        })
    }
}

impl File {
    fn sync(&mut self) {
        self.durable.truncate(self.cut);
        self.durable.resize(self.seen.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            let bytes = self.sector(sector);
            self.durable[bytes.clone()].copy_from_slice(&self.seen[bytes]);
        }
        self.cut = self.seen.len();
    }

    /// All that is unsynced is kept, or all is lost, or each sector has a fate of its own.
    fn lose_unsynced(&mut self, draw: &mut impl FnMut() -> u64) {
        match draw() % 4 {
            0 => self.sync(),
            1 => self.dirty.clear(),
            _ => self.tear_unsynced(draw),
        }
        self.seen = self.durable.clone();
        self.cut = self.seen.len();
    }

    /// Each unsynced sector is kept, lost, or torn: its first part new, the rest old. So is the length.
    fn tear_unsynced(&mut self, draw: &mut impl FnMut() -> u64) {
        if draw().is_multiple_of(2) || self.seen.len() < self.durable.len() {
            self.durable.resize(self.seen.len().max(self.durable.len()), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            let bytes = self.sector(sector);
            let kept = match draw() % 3 {
                0 => 0,
                1 => bytes.len(),
                _ => (draw() as usize) % SECTOR_BYTES,
            };
            let kept = bytes.start..(bytes.start + kept).min(bytes.end).min(self.durable.len());
            if !kept.is_empty() {
                self.durable[kept.clone()].copy_from_slice(&self.seen[kept]);
            }
        }
    }

    fn sector(&self, number: usize) -> Range<usize> {
        let start = number * SECTOR_BYTES;
        start.min(self.seen.len())..(start + SECTOR_BYTES).min(self.seen.len())
    }
}

#[cfg(test)]
mod tests;
