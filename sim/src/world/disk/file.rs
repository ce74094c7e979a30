//! A file of a simulated disk: what is on the platter, and what is on its way there.

use std::{collections::BTreeSet, io, ops::Range};

use conclave_checks::draw::Draw;

use super::content::{BLOCK_BYTES, Content};

/// What a disk writes as a whole, or tears.
pub(super) const SECTOR_BYTES: usize = 512;
const BLOCK_SECTORS: usize = BLOCK_BYTES / SECTOR_BYTES;

/// What is on the platter, and what is on its way there.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) durable: Content,
    /// The file as the process sees it.
    pub(super) seen: Content,
    /// Sectors written since the last sync.
    pub(super) dirty: BTreeSet<usize>,
    /// Sectors that are clean in memory, and are not on the platter: their sync failed.
    stale: BTreeSet<usize>,
    /// So many bytes have room on the platter: who writes behind them needs more.
    pub(super) room: usize,
    /// Nothing that is unsynced is lost until the next sync: see `false_write.rs`.
    pub(super) keeps_all: bool,
    /// The file was cut to this length since the last sync, whatever was written behind it thereafter.
    pub(super) cut: usize,
}

/// What a process does with it.
impl File {
    pub(super) fn read(&self, start: usize, out: &mut [u8]) -> io::Result<()> {
        match self.seen.read(start, out) {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    pub(super) fn write(&mut self, start: usize, data: &[u8]) -> io::Result<()> {
        let end = start + data.len();
        if !self.seen.write(start, data) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for sector in start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            self.dirty.insert(sector);
            self.stale.remove(&sector);
        }
        self.room = self.room.max(end);
        Ok(())
    }

    pub(super) fn set_len(&mut self, bytes: usize) -> io::Result<()> {
        self.seen.resize(bytes);
        self.cut = self.cut.min(bytes);
        self.room = self.room.min(bytes);
        self.stale.retain(|sector| (sector + 1) * SECTOR_BYTES <= bytes);
        Ok(())
    }
}

/// What becomes of what was written.
impl File {
    pub(super) fn sync(&mut self) {
        self.keeps_all = false;
        self.sync_length();
        for block in self.dirty_blocks() {
            let sectors = block * BLOCK_SECTORS..(block + 1) * BLOCK_SECTORS;
            // But for what is dirty or stale both are the same.
            if self.stale.range(sectors.clone()).next().is_none() {
                self.durable.share(&self.seen, block);
                continue;
            }
            for &sector in self.dirty.range(sectors) {
                self.durable.copy(&self.seen, self.sector(sector));
            }
        }
        self.dirty.clear();
    }

    fn sync_length(&mut self) {
        self.durable.resize(self.cut.min(self.durable.len()));
        self.durable.resize(self.seen.len());
        self.cut = self.seen.len();
    }

    /// A sync fails, and nothing is dirty any more, as on Linux: each unsynced sector was written, or is lost, or is in memory as it
    /// was written and not on the platter. Later syncs succeed.
    pub(super) fn fail_sync(&mut self, draw: &mut Draw) {
        if self.keeps_all {
            return self.sync();
        }
        self.sync_length();
        for sector in std::mem::take(&mut self.dirty) {
            let bytes = self.sector(sector);
            match draw.below(3) {
                0 => self.durable.copy(&self.seen, bytes),
                1 => self.seen.copy(&self.durable, bytes),
                _ => drop(self.stale.insert(sector)),
            }
        }
    }

    /// Clean sectors are read from the platter when they are read next.
    pub(super) fn forget_clean(&mut self) {
        for sector in std::mem::take(&mut self.stale) {
            let bytes = self.sector(sector);
            self.seen.copy(&self.durable, bytes);
        }
    }

    /// All that is unsynced is kept, or all is lost, or each sector has a fate of its own.
    pub(super) fn lose_unsynced(&mut self, draw: &mut impl FnMut() -> u64) {
        match draw() % 4 {
            _ if self.keeps_all => self.sync(),
            0 => self.sync(),
            1 => self.dirty.clear(),
            _ => self.tear_unsynced(draw),
        }
        self.seen = self.durable.clone();
        self.stale.clear();
        self.room = self.room.min(self.seen.len());
        self.cut = self.seen.len();
    }

    /// The blocks that a sync writes, in its order.
    pub(super) fn dirty_blocks(&self) -> Vec<usize> {
        let blocks: BTreeSet<usize> = self.dirty.iter().map(|sector| sector / BLOCK_SECTORS).collect();
        blocks.into_iter().collect()
    }

    /// A sync that makes all writes but those of one block. Memory shows them still, or not. Returns what the block should hold.
    pub(super) fn sync_but(&mut self, block: usize, is_shown: bool) -> Vec<u8> {
        let unmade: Vec<usize> =
            self.dirty.range(block * BLOCK_SECTORS..(block + 1) * BLOCK_SECTORS).copied().collect();
        for sector in &unmade {
            self.dirty.remove(sector);
        }
        let start = (block * BLOCK_BYTES).min(self.seen.len());
        let mut bytes = vec![0; BLOCK_BYTES.min(self.seen.len() - start)];
        assert!(self.seen.read(start, &mut bytes), "they are in the file");
        self.sync();
        self.stale.extend(unmade);
        if !is_shown {
            self.forget_clean();
        }
        bytes
    }

    /// Bits of a byte turn over.
    pub(super) fn flip(&mut self, offset: usize, bits: u8) {
        self.durable.flip(offset, bits);
        self.seen.flip(offset, bits);
    }

    /// A block is written over, whatever it held.
    pub(super) fn overwrite(&mut self, block: usize, bytes: &[u8]) {
        let start = block * BLOCK_BYTES;
        let end = (start + bytes.len()).min(self.durable.len()).min(self.seen.len());
        for place in [&mut self.durable, &mut self.seen].into_iter().filter(|_| start < end) {
            assert!(place.write(start, &bytes[..end - start]), "they are in the file");
        }
    }

    /// Each unsynced sector is kept, lost, or torn: its first part new, the rest old. So is the length.
    fn tear_unsynced(&mut self, draw: &mut impl FnMut() -> u64) {
        if draw().is_multiple_of(2) || self.seen.len() < self.durable.len() {
            self.durable.resize(self.seen.len().max(self.durable.len()));
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
                self.durable.copy(&self.seen, kept);
            }
        }
    }

    fn sector(&self, number: usize) -> Range<usize> {
        let start = number * SECTOR_BYTES;
        start.min(self.seen.len())..(start + SECTOR_BYTES).min(self.seen.len())
    }
}
