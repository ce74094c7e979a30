//! A file that stays as it is: what is written to it is remembered in memory, above it.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard},
};

use redb::StorageBackend;

use super::volume::BLOCK_BYTES;

/// A file, and what was written since it was opened.
pub(super) struct Overlay {
    below: Box<dyn StorageBackend>,
    written: Mutex<Written>,
}

struct Written {
    blocks: BTreeMap<u64, Vec<u8>>,
    len: u64,
    /// So much of the file below has not been cut off.
    below_len: u64,
}

impl Overlay {
    pub(super) fn new(below: Box<dyn StorageBackend>) -> io::Result<Self> {
        let len = below.len()?;
        let written = Mutex::new(Written { blocks: BTreeMap::new(), len, below_len: len });
        Ok(Self { below, written })
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().expect("nobody panics with it")
    }

    fn block(&self, written: &Written, number: u64) -> io::Result<Vec<u8>> {
        if let Some(block) = written.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = vec![0; BLOCK_BYTES];
        let start = number * BLOCK_BYTES as u64;
        let bytes = written.below_len.saturating_sub(start).min(BLOCK_BYTES as u64) as usize;
        if bytes > 0 {
            self.below.read(start, &mut block[..bytes])?;
        }
        Ok(block)
    }
}

impl std::fmt::Debug for Overlay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Overlay({} blocks)", self.written().blocks.len())
    }
}

/// Blocks, and the part of each that lies in a range of the file.
fn blocks(
    offset: u64,
    bytes: usize,
) -> impl Iterator<Item = (u64, std::ops::Range<usize>, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let rest = bytes.checked_sub(done).filter(|rest| *rest > 0)?;
        let at = offset + done as u64;
        let within = (at % BLOCK_BYTES as u64) as usize;
        let length = rest.min(BLOCK_BYTES - within);
        let part = done..done + length;
        done += length;
        Some((at / BLOCK_BYTES as u64, within..within + length, part))
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        if offset + out.len() as u64 > written.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // What nobody wrote is read at once.
        let end = offset + out.len() as u64;
        let first = offset / BLOCK_BYTES as u64;
        if end <= written.below_len
            && written.blocks.range(first..end.div_ceil(BLOCK_BYTES as u64)).next().is_none()
        {
            return self.below.read(offset, out);
        }
        for (number, within, part) in blocks(offset, out.len()) {
            out[part].copy_from_slice(&self.block(&written, number)?[within]);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written();
        let below_len = written.below_len.min(len);
        let last = len / BLOCK_BYTES as u64;
        if len < written.len && !len.is_multiple_of(BLOCK_BYTES as u64) {
            let mut block = self.block(&written, last)?;
            block[(len % BLOCK_BYTES as u64) as usize..].fill(0);
            written.blocks.insert(last, block);
        }
        written.blocks.retain(|number, _| number * (BLOCK_BYTES as u64) < len);
        (written.len, written.below_len) = (len, below_len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written();
        if offset + data.len() as u64 > written.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (number, within, part) in blocks(offset, data.len()) {
            let mut block = self.block(&written, number)?;
            block[within].copy_from_slice(&data[part]);
            written.blocks.insert(number, block);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, Vec<u8>),
        SetLen(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let write = (0..20_000u64, prop::collection::vec(any::<u8>(), 1..9000))
            .prop_map(|(at, data)| Step::Write(at, data));
        let set_len = (0..20_000u64).prop_map(Step::SetLen);
        prop::collection::vec(prop_oneof![3 => write, 1 => set_len], 0..12)
    }

    proptest! {
        /// It behaves as a file, and the file below stays as it was.
        #[test]
        fn what_is_written_is_seen_and_nothing_else_is_changed(steps in steps(), len in 0..20_000u64) {
            let below = InMemoryBackend::new();
            below.set_len(len).expect("memory");
            let mut model: Vec<u8> = (0..len).map(|at| at as u8).collect();
            below.write(0, &model).expect("memory");
            let before = model.clone();
            let overlay = Overlay::new(Box::new(below)).expect("memory");
            for step in steps {
                match step {
                    Step::SetLen(len) => {
                        overlay.set_len(len).expect("memory");
                        model.resize(len as usize, 0);
                    }
                    Step::Write(at, data) => {
                        let written = overlay.write(at, &data);
                        let part = model.get_mut(at as usize..at as usize + data.len());
                        prop_assert_eq!(written.is_ok(), part.is_some());
                        part.into_iter().for_each(|part| part.copy_from_slice(&data));
                    }
                }
                let mut seen = vec![0; model.len()];
                overlay.read(0, &mut seen).expect("memory");
                prop_assert!(seen == model);
            }
            let mut after = vec![0; len as usize];
            overlay.below.read(0, &mut after).expect("memory");
            prop_assert!(after == before);
        }
    }
}
