//! A simulated disk under the very engine that production runs: it keeps what was synced, and of what was not it
//! keeps, loses or tears each sector when the power goes.

mod content;
mod errors;
mod false_write;
mod file;

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

pub use self::false_write::Misplaced;
use self::{
    errors::Errors,
    false_write::FalseWrite,
    file::{File, SECTOR_BYTES},
};
use crate::trace::DiskErrors;

/// A stalled disk goes on so much later than it could, at most.
const STALLED_FOR: Duration = Duration::from_millis(3);

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
    process: Process,
    errors: Errors,
    false_write: Option<FalseWrite>,
    timing: DiskTiming,
    latency: Draw,
    is_stalled: bool,
}

/// The process that uses the disk, as far as the disk ends it.
#[derive(Debug)]
enum Process {
    Lives,
    /// Its power will fail in the sync after this many others.
    LosesPowerInSync {
        after: u64,
        draw: Draw,
    },
    /// It will be killed in the change of a file after this many others.
    DiesInChange {
        after: u64,
        draw: Draw,
    },
    /// It died in the middle of a job, and does not know yet.
    Died(Death),
}

/// How a process dies in the middle of a job of its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// Its machine's power failed in a sync.
    PowerLoss,
    /// It was killed between two changes of its files, or within one.
    Crash,
}

impl SimDisk {
    /// The empty disk of a node.
    pub fn new(seed: u64, node: u64, timing: DiskTiming) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            files: BTreeMap::new(),
            incarnation: 0,
            process: Process::Lives,
            errors: Errors::new(seed, node),
            false_write: None,
            timing,
            latency: Draw::new(seed, "disk", node),
            is_stalled: false,
        })))
    }

    /// Every job takes this long from now on.
    pub fn set_timing(&self, timing: DiskTiming) {
        self.inner().timing = timing;
    }

    /// The process died: its handles are worth nothing, what it wrote is with the operating system.
    pub fn crash(&self) {
        let mut inner = self.inner();
        inner.incarnation += 1;
        inner.errors.were_told = false;
        if matches!(inner.process, Process::DiesInChange { .. } | Process::Died(Death::Crash)) {
            inner.process = Process::Lives;
        }
    }

    /// The power fails: each unsynced sector is kept, lost or torn as drawn.
    pub fn power_loss(&self, mut draw: impl FnMut() -> u64) {
        let mut inner = self.inner();
        inner.incarnation += 1;
        inner.errors.were_told = false;
        inner.process = Process::Lives;
        for file in inner.files.values_mut() {
            file.lose_unsynced(&mut draw);
        }
    }

    /// The process will die in the middle of a job: its power fails in a sync, or it is killed in a change of a file (a write, another
    /// length, a sync), of which a part may be made. For `nth` 0 that is the next one.
    pub(crate) fn arm(&self, death: Death, nth: u64, seed: u64) {
        self.inner().process = match death {
            Death::PowerLoss => {
                Process::LosesPowerInSync { after: nth, draw: Draw::new(seed, "torn-sync", 0) }
            }
            Death::Crash => Process::DiesInChange { after: nth, draw: Draw::new(seed, "crash-in-change", 0) },
        };
    }

    /// One write of a block will be reported as made, and go elsewhere or nowhere: of those that syncs make the next one for `nth` 0.
    /// The process is killed soon after, in the middle of a job.
    pub fn arm_false_write(&self, nth: u64, goes: Misplaced, seed: u64) {
        let draw = Draw::new(seed, "false-write", 0);
        self.inner().false_write = Some(FalseWrite { after: nth, goes, draw });
    }

    /// No death in the middle of a job is due any more.
    pub fn disarm(&self) {
        let mut inner = self.inner();
        if !matches!(inner.process, Process::Died(_)) {
            inner.process = Process::Lives;
        }
        inner.false_write = None;
    }

    /// The process died in the middle of a job: it must be killed.
    pub(crate) fn death(&self) -> Option<Death> {
        match self.inner().process {
            Process::Died(death) => Some(death),
            _ => None,
        }
    }

    /// No job ends, or goes on, as long as it is stalled.
    pub fn set_stalled(&self, is_stalled: bool) {
        self.inner().is_stalled = is_stalled;
    }

    /// It fails so often from now on.
    pub fn set_errors(&self, rates: DiskErrors) {
        self.inner().errors.rates = rates;
    }

    /// The process was told of an error: it must stop.
    pub fn has_failed(&self) -> bool {
        self.inner().errors.were_told
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
            file.flip(offset, flip);
        }
    }

    /// Flips bits of a file's durable bytes, as a failing platter does.
    pub fn corrupt(&self, file: &str, offset: usize, flip: u8) {
        let mut inner = self.inner();
        let file = inner.files.get_mut(file).expect("the file exists");
        file.flip(offset, flip);
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

    /// Waits until it is not stalled.
    async fn go_on(&self) {
        while self.inner().is_stalled {
            tokio::time::sleep(STALLED_FOR).await;
        }
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
        inner.files.entry(file.to_owned()).or_default().forget_clean();
        let handle = Handle { disk: self.clone(), file: file.to_owned(), incarnation: inner.incarnation };
        Ok(Box::new(handle))
    }

    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (before, after) = self.delays();
        let disk = self.clone();
        let work = async move {
            tokio::time::sleep(before).await;
            disk.go_on().await;
            job();
            tokio::time::sleep(after).await;
            disk.go_on().await;
        };
        // It goes on when nobody waits for it any more, as a thread's work does, and ends with its process.
        Box::pin(async {
            tokio::spawn(work).await.expect("a disk job returns its errors and does not panic")
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
    /// The file, if this handle's process still lives. Destructors of a dead process run too, and what they write must not reach the
    /// disk.
    fn with<T>(&self, act: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
        act(self.alive()?.file(&self.file))
    }

    /// The same, for who changes the file: `part` is carried out of what a process is killed in, with what is drawn.
    fn change(
        &self,
        act: impl FnOnce(&mut File) -> io::Result<()>,
        part: impl FnOnce(&mut File, &mut Draw),
    ) -> io::Result<()> {
        let mut inner = self.alive()?;
        if let Process::DiesInChange { after, draw } = &mut inner.process {
            if *after == 0 {
                let mut draw = draw.clone();
                inner.process = Process::Died(Death::Crash);
                part(inner.file(&self.file), &mut draw);
                return Err(io::Error::other("this process was killed"));
            }
            *after -= 1;
        }
        act(inner.file(&self.file))
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, Inner>> {
        let inner = self.disk.inner();
        match inner.incarnation == self.incarnation && !matches!(inner.process, Process::Died(_)) {
            true => Ok(inner),
            false => Err(io::Error::other("this process is dead")),
        }
    }
}

impl Inner {
    fn file(&mut self, name: &str) -> &mut File {
        self.files.get_mut(name).expect("an open file exists")
    }

    /// The power fails in this sync of a file, if it was to.
    fn lose_power_in_sync(&mut self, file: &str) -> io::Result<()> {
        let Process::LosesPowerInSync { after, draw } = &mut self.process else { return Ok(()) };
        if *after > 0 {
            *after -= 1;
            return Ok(());
        }
        let mut draw = draw.clone();
        self.process = Process::Died(Death::PowerLoss);
        self.file(file).lose_unsynced(&mut || draw.number());
        Err(io::Error::other("the power failed"))
    }
}

impl Inner {
    fn sync(&mut self, file: &str) {
        match &mut self.false_write {
            None => self.file(file).sync(),
            Some(false_write) => {
                if let Some(after) = false_write.sync(&mut self.files, file) {
                    let draw = false_write.draw.clone();
                    (self.process, self.false_write) = (Process::DiesInChange { after, draw }, None);
                }
            }
        }
    }

    /// This sync of a file fails, if it is one of those that do.
    fn fail_in_sync(&mut self, file: &str) -> io::Result<()> {
        let Self { errors, files, .. } = self;
        errors.in_sync().inspect_err(|_| {
            files.get_mut(file).expect("an open file exists").fail_sync(&mut errors.draw);
        })
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        self.with(|file| Ok(file.seen.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.alive()?.errors.in_read()?;
        self.with(|file| file.read(offset as usize, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let grows = len > self.len()?;
        self.alive()?.errors.in_change(grows)?;
        self.change(|file| file.set_len(len as usize), |_, _| {})
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.alive()?;
        inner.lose_power_in_sync(&self.file)?;
        inner.fail_in_sync(&self.file)?;
        drop(inner);
        self.change(|_| Ok(()), |_, _| {})?;
        self.alive()?.sync(&self.file);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = offset as usize;
        let grows = self.with(|file| Ok(start + data.len() > file.room))?;
        self.alive()?.errors.in_change(grows)?;
        self.change(
            |file| file.write(start, data),
            |file, draw| {
                // The operating system stops between two pages; between two sectors is a finer cut of the same.
                let sectors = data.len().div_ceil(SECTOR_BYTES) as u64;
                let bytes = draw.below(sectors + 1) as usize * SECTOR_BYTES;
                let _ = file.write(start, &data[..bytes.min(data.len())]);
            },
        )
    }
}

#[cfg(test)]
mod tests;
