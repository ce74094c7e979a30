//! A checksum of every block of the engine's file, verified on each read: what a failing disk returns never reaches
//! the engine, nor anybody whom it serves.
//!
//! A checksum of each record would not do. A record that cannot be found because a key, a length or a pointer beside
//! it is damaged looks like one that was never written; only checksums that cover all bytes notice.
//!
//! The first block of the engine's file is written in place, so a crash may tear it; it is left to the engine, which
//! has checksums in it, and to the number of commits ([`Volume`]). All others are written to free space before a
//! commit points at them: a block of a durable commit is never torn.

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use redb::StorageBackend;

use super::volume::{BLOCK_BYTES, Volume};

/// Checksums in one block of them; also the blocks that follow it.
const GROUP_BLOCKS: usize = BLOCK_BYTES / size_of::<u32>();

/// Where the checksums are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    /// In memory. The engine verifies the whole file when it is opened, and they are made from what it reads.
    InMemory,
    /// In blocks among the others, so that opening need not read the file.
    InFile,
}

/// A file whose blocks are verified.
#[derive(Debug)]
pub(super) struct BlockSums {
    volume: Arc<Volume>,
    keeping: Keeping,
    /// The engine verifies what it reads by itself, and tells a torn commit from a whole one.
    opening: AtomicBool,
    sums: Mutex<Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    /// By number of the block. 0: never written.
    sums: Vec<u32>,
    /// Groups whose checksums changed since they were last written.
    changed: BTreeSet<usize>,
}

impl BlockSums {
    /// Reads the checksums of a file.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn open(volume: Arc<Volume>, keeping: Keeping) -> io::Result<Self> {
        let opening = AtomicBool::new(keeping == Keeping::InMemory);
        let blocks = Self { volume, keeping, opening, sums: Mutex::default() };
        let count = (blocks.len()? as usize).div_ceil(BLOCK_BYTES);
        let mut sums = Vec::with_capacity(count);
        if keeping == Keeping::InFile {
            let mut block = [0; BLOCK_BYTES];
            for group in 0..count.div_ceil(GROUP_BLOCKS) {
                blocks.volume.read(place_of_sums(group), &mut block)?;
                sums.extend(block.as_chunks().0.iter().map(|sum| u32::from_le_bytes(*sum)));
            }
        }
        sums.resize(count, 0);
        blocks.sums().sums = sums;
        Ok(blocks)
    }

    /// From now on every block that is read must be what was verified or written.
    pub(super) fn opened(&self) {
        self.opening.store(false, Ordering::Relaxed);
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().expect("nothing panics while it holds the checksums")
    }

    /// Splits a range of the engine's file where checksums lie in between: offset in the file below, and the part.
    fn pieces(&self, offset: u64, bytes: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
        let group_bytes = match self.keeping {
            Keeping::InMemory => u64::MAX,
            Keeping::InFile => (GROUP_BLOCKS * BLOCK_BYTES) as u64,
        };
        let mut done = 0;
        std::iter::from_fn(move || {
            let at = offset + done as u64;
            let rest = bytes.checked_sub(done).filter(|rest| *rest > 0)?;
            let length = rest.min(usize::try_from(group_bytes - at % group_bytes).unwrap_or(usize::MAX));
            let sums_before = if group_bytes == u64::MAX { 0 } else { at / group_bytes + 1 };
            let part = done..done + length;
            done += length;
            Some((at + sums_before * BLOCK_BYTES as u64, part))
        })
    }

    fn verify(&self, first: usize, data: &[u8]) -> io::Result<()> {
        let blocks = data.chunks(BLOCK_BYTES);
        if self.opening.load(Ordering::Relaxed) {
            let found: Vec<u32> =
                (first..).zip(blocks).map(|(number, block)| sum_of(number, block)).collect();
            self.sums().set(first, &found);
            return Ok(());
        }
        let expected = self.sums().sums.get(first..first + blocks.len()).map(<[u32]>::to_vec);
        let expected = expected.ok_or(io::ErrorKind::UnexpectedEof)?;
        for ((number, block), expected) in (first..).zip(blocks).zip(expected) {
            let whole = match expected {
                _ if number == 0 => true,
                0 => block.iter().all(|byte| *byte == 0),
                sum => sum == sum_of(number, block),
            };
            if !whole {
                let what = format!("block {number} is not what was written");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        Ok(())
    }
}

impl Sums {
    fn set(&mut self, first: usize, found: &[u32]) {
        if let Some(sums) = self.sums.get_mut(first..first + found.len()) {
            sums.copy_from_slice(found);
            self.changed.extend(first / GROUP_BLOCKS..=(first + found.len() - 1) / GROUP_BLOCKS);
        }
    }
}

impl StorageBackend for BlockSums {
    fn len(&self) -> io::Result<u64> {
        let bytes = self.volume.len()?;
        let groups = match self.keeping {
            Keeping::InMemory => 0,
            Keeping::InFile => bytes.div_ceil(((GROUP_BLOCKS + 1) * BLOCK_BYTES) as u64),
        };
        Ok(bytes.saturating_sub(groups * BLOCK_BYTES as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = offset as usize / BLOCK_BYTES * BLOCK_BYTES;
        let end = (offset as usize + out.len()).next_multiple_of(BLOCK_BYTES);
        let aligned = (start as u64, end - start) == (offset, out.len());
        if aligned || end <= BLOCK_BYTES {
            self.pieces(offset, out.len()).try_for_each(|(at, part)| self.volume.read(at, &mut out[part]))?;
            return if aligned { self.verify(start / BLOCK_BYTES, out) } else { Ok(()) };
        }
        let mut blocks = vec![0; end - start];
        self.read(start as u64, &mut blocks)?;
        let from = offset as usize - start;
        out.copy_from_slice(&blocks[from..from + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let count = (len as usize).div_ceil(BLOCK_BYTES);
        let groups = if self.keeping == Keeping::InFile { count.div_ceil(GROUP_BLOCKS) } else { 0 };
        self.volume.set_len(len + (groups * BLOCK_BYTES) as u64)?;
        let mut sums = self.sums();
        if count < sums.sums.len() {
            sums.changed.retain(|group| *group < groups);
            sums.changed.extend(groups.checked_sub(1));
        }
        sums.sums.resize(count, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.keeping == Keeping::InFile {
            let changed = std::mem::take(&mut self.sums().changed);
            for group in changed {
                let mut block = Vec::with_capacity(BLOCK_BYTES);
                let first = group * GROUP_BLOCKS;
                for sum in self.sums().sums.iter().skip(first).take(GROUP_BLOCKS) {
                    block.extend_from_slice(&sum.to_le_bytes());
                }
                block.resize(BLOCK_BYTES, 0);
                self.volume.write(place_of_sums(group), &block)?;
            }
        }
        self.volume.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.pieces(offset, data.len()).try_for_each(|(at, part)| self.volume.write(at, &data[part]))?;
        let start = offset as usize;
        if start + data.len() <= BLOCK_BYTES {
            return Ok(());
        }
        if !start.is_multiple_of(BLOCK_BYTES) || !data.len().is_multiple_of(BLOCK_BYTES) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the engine writes whole blocks"));
        }
        let first = start / BLOCK_BYTES;
        let written = (first..).zip(data.chunks(BLOCK_BYTES)).map(|(number, block)| sum_of(number, block));
        let written: Vec<u32> = written.collect();
        self.sums().set(first, &written);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.volume.close()
    }
}

/// Where the checksums of a group lie, in the file below.
fn place_of_sums(group: usize) -> u64 {
    (group * (GROUP_BLOCKS + 1) * BLOCK_BYTES) as u64
}

/// The number is part of the sum: a block that was written to another's place is noticed.
fn sum_of(number: usize, block: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(number as u64).to_le_bytes());
    hasher.update(block);
    hasher.finalize().max(1)
}
