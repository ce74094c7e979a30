//! One write that a disk reports as made, and makes nowhere or in a wrong place.

use std::collections::BTreeMap;

use conclave_checks::draw::Draw;

use super::{content::BLOCK_BYTES, file::File};

/// After so many changes of files the process is killed, at most, so that it sees what is left.
const CRASHES_AFTER: u64 = 30;
/// After so many the next commit of the file has not ended: what was lost is the last one. In the log's journal that is to be noted, and
/// the next one to be written and synced.
const CRASHES_AT_ONCE_AFTER: u64 = 3;

/// The block of a file that notes how many commits are durable (`src/storage/volume.rs`).
const NOTES: usize = 0;

/// Where a write goes that is reported as made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplaced {
    /// Nowhere.
    Nowhere,
    /// Over another block, of this file or of another one of the disk.
    Elsewhere,
}

/// What the disk will do.
#[derive(Debug)]
pub(super) struct FalseWrite {
    /// In the write of a block after this many others that syncs make.
    pub(super) after: u64,
    pub(super) goes: Misplaced,
    pub(super) draw: Draw,
}

impl FalseWrite {
    /// Carries out a sync of a file. Once the false write is made, it returns after how many changes the process is to be killed.
    ///
    /// The number of the last commit is durable with the sync that follows. Whoever loses both has a disk that lies and a power loss
    /// within a moment, which nothing can tell from a torn commit: so the files then keep all that they hold until their next sync.
    /// Nor does the block that notes it go over the very commit that it is to note: it goes over a block of another file, or nowhere. (A
    /// block of the log's journal may: what it holds tells by itself.)
    pub(super) fn sync(&mut self, files: &mut BTreeMap<String, File>, name: &str) -> Option<u64> {
        let file = files.get_mut(name).expect("an open file exists");
        let blocks = file.dirty_blocks();
        let count = blocks.len() as u64;
        let Some(&block) = blocks.get(usize::try_from(self.after).unwrap_or(usize::MAX)) else {
            self.after -= count;
            file.sync();
            return None;
        };
        let bytes = file.sync_but(block, self.draw.chance(50));
        file.keeps_all = true;
        if self.goes == Misplaced::Elsewhere {
            let may_be_hit = |other: &str| block != NOTES || other != name;
            let mut others: Vec<&mut File> =
                files.iter_mut().filter(|(other, _)| may_be_hit(other)).map(|(_, file)| file).collect();
            if !others.is_empty() {
                let other = self.draw.below(others.len() as u64) as usize;
                self.overwrite(others[other], &bytes);
            }
        }
        let crashes_after = if self.draw.chance(50) { CRASHES_AT_ONCE_AFTER } else { CRASHES_AFTER };
        Some(self.draw.below(crashes_after))
    }

    fn overwrite(&mut self, file: &mut File, bytes: &[u8]) {
        let blocks = file.durable.len() / BLOCK_BYTES;
        if blocks > 0 {
            file.overwrite(self.draw.below(blocks as u64) as usize, bytes);
            file.keeps_all = true;
        }
    }
}
