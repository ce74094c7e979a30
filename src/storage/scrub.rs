//! Reads everything that the state's file holds, so that damage in what nobody reads is found while the others are
//! whole. Each block is verified as it is read; all records together must be what was applied.

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use super::{Reader, STATE_FILE, StorageError, durable::Durable, snapshot::Place};
use crate::kv::{Digest, Header, Read, Table};

/// One pass over the file, as its last commit left it. As long as it lives, no page that it may still read is used again.
pub struct Scrub {
    durable: Arc<Durable>,
    place: Place,
    content: Digest,
    /// Records read so far.
    pub records: u64,
    /// What all records weigh, as the state's header says: known from the first step on. What is compacted and not yet removed is read,
    /// and not counted.
    pub state_bytes: u64,
}

impl Scrub {
    /// Begins a pass.
    pub fn new(reader: &Reader) -> Self {
        let (durable, content) = (reader.durable(), Digest::default());
        Self { durable, place: None, content, records: 0, state_bytes: 0 }
    }

    /// Reads on: about so many bytes. True: that was all, and it is sound.
    ///
    /// # Errors
    /// The state is damaged, or the disk failed.
    pub fn step(&mut self, bytes_max: usize) -> Result<bool, StorageError> {
        let header = Header::load(&*self.durable)?;
        self.state_bytes = header.content.bytes;
        let place = self.place.take();
        let mut bytes = 0;
        for table in Table::ALL.into_iter().filter(|table| *table != Table::Header) {
            let start = match &place {
                Some((reached, _)) if table < *reached => continue,
                Some((reached, key)) if table == *reached => Bound::Excluded(key.as_slice()),
                _ => Bound::Unbounded,
            };
            let (mut last, mut content, mut records) = (None, self.content, self.records);
            self.durable.scan(table, (start, Bound::Unbounded), &mut |key, value| {
                content = content.plus(header.digest_of(table, key, value));
                records += 1;
                bytes += key.len() + value.len();
                if bytes < bytes_max {
                    return ControlFlow::Continue(());
                }
                last = Some(key.to_vec());
                ControlFlow::Break(())
            })?;
            (self.content, self.records) = (content, records);
            if let Some(key) = last {
                self.place = Some((table, key));
                return Ok(false);
            }
        }
        match header.content == self.content {
            true => Ok(true),
            false => Err(StorageError::Corrupt {
                file: STATE_FILE,
                what: format!("its {} records are not those that were applied (content hash)", self.records),
            }),
        }
    }
}
