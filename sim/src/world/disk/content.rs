//! The bytes of a file, in blocks that copies share until one of them is written. What is on the platter and what a process sees of it
//! are mostly the same, and what was never written takes no room: so a run of many nodes fits into memory.

use std::{ops::Range, sync::Arc};

/// What is written in one piece, or in a wrong place: a page of memory.
pub(super) const BLOCK_BYTES: usize = 4096;

type Block = [u8; BLOCK_BYTES];

/// A file's bytes. Behind its end, and where nothing was written, there are zeros.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// `None`: nothing but zeros.
    blocks: Vec<Option<Arc<Block>>>,
    length: usize,
}

/// A part of a range that lies within one block.
struct Piece {
    block: usize,
    /// Where it lies in the block.
    within: Range<usize>,
    /// Where it lies in the range.
    at: usize,
}

fn pieces(bytes: Range<usize>) -> impl Iterator<Item = Piece> {
    let mut start = bytes.start;
    std::iter::from_fn(move || {
        let (block, at) = (start / BLOCK_BYTES, start - bytes.start);
        let end = bytes.end.min((block + 1) * BLOCK_BYTES);
        let within = start - block * BLOCK_BYTES..end.saturating_sub(block * BLOCK_BYTES);
        start = end;
        (within.start < within.end).then_some(Piece { block, within, at })
    })
}

impl Content {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Reads from a place on. False: the file ends before.
    pub(super) fn read(&self, start: usize, out: &mut [u8]) -> bool {
        let is_there = start + out.len() <= self.length;
        for Piece { block, within, at } in pieces(start..start + out.len()).filter(|_| is_there) {
            let target = &mut out[at..at + within.len()];
            match &self.blocks[block] {
                Some(block) => target.copy_from_slice(&block[within]),
                None => target.fill(0),
            }
        }
        is_there
    }

    /// Writes at a place. False: the file ends before, and nothing is written.
    pub(super) fn write(&mut self, start: usize, data: &[u8]) -> bool {
        let is_there = start + data.len() <= self.length;
        for Piece { block, within, at } in pieces(start..start + data.len()).filter(|_| is_there) {
            let piece = &data[at..at + within.len()];
            match <&Block>::try_from(piece) {
                Ok(whole) => self.replace(block, whole),
                Err(_) => self.block_mut(block)[within].copy_from_slice(piece),
            }
        }
        is_there
    }

    /// Cuts what is behind, or adds zeros.
    pub(super) fn resize(&mut self, bytes: usize) {
        self.blocks.resize(bytes.div_ceil(BLOCK_BYTES), None);
        let end = bytes % BLOCK_BYTES;
        if bytes < self.length && end > 0 && self.blocks.last().is_some_and(Option::is_some) {
            self.block_mut(bytes / BLOCK_BYTES)[end..].fill(0);
        }
        self.length = bytes;
    }

    /// Turns bits of one byte over.
    pub(super) fn flip(&mut self, offset: usize, bits: u8) {
        self.block_mut(offset / BLOCK_BYTES)[offset % BLOCK_BYTES] ^= bits;
    }

    /// Takes bytes over that are in both.
    pub(super) fn copy(&mut self, from: &Self, bytes: Range<usize>) {
        let mut piece = vec![0; bytes.len()];
        assert!(from.read(bytes.start, &mut piece) && self.write(bytes.start, &piece), "both have the bytes");
    }

    /// Takes a whole block over, as far as it is in both.
    pub(super) fn share(&mut self, from: &Self, block: usize) {
        if let (Some(own), Some(taken)) = (self.blocks.get_mut(block), from.blocks.get(block)) {
            own.clone_from(taken);
        }
    }

    /// What a block held is not copied first.
    fn replace(&mut self, block: usize, bytes: &Block) {
        match self.blocks[block].as_mut().and_then(Arc::get_mut) {
            Some(own) => own.copy_from_slice(bytes),
            None => self.blocks[block] = Some(Arc::new(*bytes)),
        }
    }

    fn block_mut(&mut self, block: usize) -> &mut Block {
        Arc::make_mut(self.blocks[block].get_or_insert_with(|| Arc::new([0; BLOCK_BYTES])))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Change {
        Write(usize, Vec<u8>),
        Resize(usize),
        Flip(usize, u8),
        /// What the copy has is taken over.
        Copy(Range<usize>),
        /// The copy is made anew.
        Clone,
    }

    fn any_change() -> impl Strategy<Value = Change> {
        let place = || 0..3 * BLOCK_BYTES;
        prop_oneof![
            (place(), prop::collection::vec(any::<u8>(), 0..2 * BLOCK_BYTES))
                .prop_map(|(at, data)| Change::Write(at, data)),
            place().prop_map(Change::Resize),
            (place(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
            (place(), 0..2 * BLOCK_BYTES).prop_map(|(at, count)| Change::Copy(at..at + count)),
            Just(Change::Clone),
        ]
    }

    fn bytes_of(content: &Content) -> Vec<u8> {
        let mut bytes = vec![1; content.len()];
        assert!(content.read(0, &mut bytes));
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_is_a_vector_of_bytes(changes in prop::collection::vec(any_change(), 0..12)) {
            let (mut content, mut copy) = (Content::default(), Content::default());
            let (mut bytes, mut bytes_of_copy) = (Vec::new(), Vec::new());
            for change in changes {
                match change {
                    Change::Write(at, data) => {
                        let is_there = at + data.len() <= bytes.len();
                        prop_assert_eq!(content.write(at, &data), is_there);
                        if is_there {
                            bytes[at..at + data.len()].copy_from_slice(&data);
                        }
                    }
                    Change::Resize(length) => {
                        content.resize(length);
                        bytes.resize(length, 0);
                    }
                    Change::Flip(at, bits) if at < bytes.len() => {
                        content.flip(at, bits);
                        bytes[at] ^= bits;
                    }
                    Change::Copy(range) if range.end <= bytes.len().min(bytes_of_copy.len()) => {
                        content.copy(&copy, range.clone());
                        bytes[range.clone()].copy_from_slice(&bytes_of_copy[range]);
                    }
                    Change::Clone => (copy, bytes_of_copy) = (content.clone(), bytes.clone()),
                    Change::Flip(..) | Change::Copy(_) => {}
                }
                prop_assert_eq!(&bytes_of(&content), &bytes);
                prop_assert_eq!(&bytes_of(&copy), &bytes_of_copy);
            }
        }
    }
}
