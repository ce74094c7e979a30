//! A view of the state, as the bytes of a backup.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{
    super::{
        StorageError,
        snapshot::{Place, StateView},
    },
    format::{About, BLOCK_BYTES, Kind, MAGIC, Trailer, encode_about, encode_records, encode_trailer, frame},
};

/// Makes the bytes of a backup, piece by piece. It keeps the view, and with it the room of what changed since.
pub struct BackupWriter {
    view: Arc<StateView>,
    about: About,
    next: Next,
    place: Place,
    frames: u64,
    trailer: Trailer,
    hasher: Sha256,
    written: u64,
}

enum Next {
    Header,
    Records,
    Trailer,
    Nothing,
}

impl BackupWriter {
    /// Of a state of this cluster, made by this node at this time.
    pub fn new(view: Arc<StateView>, cluster: &str, node: u64, unix_ms: u64) -> Self {
        let header = view.header();
        let about = About {
            cluster: cluster.to_owned(),
            node,
            taken_unix_ms: unix_ms,
            applied: view.snapshot.last,
            revision: header.revision,
            compacted_revision: header.compacted_revision,
            members: (*view.snapshot.configuration).clone(),
        };
        Self {
            view,
            about,
            next: Next::Header,
            place: None,
            frames: 0,
            trailer: Trailer::default(),
            hasher: Sha256::new(),
            written: 0,
        }
    }

    /// What is backed up.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// About how many bytes are still to come: all keys and values that have not been taken.
    pub fn remaining_bytes(&self) -> u64 {
        match self.next {
            Next::Nothing => 0,
            _ => self.view.header().content.bytes.saturating_sub(self.trailer.bytes),
        }
    }

    /// The next bytes, with records that weigh about `bytes_max`. None at the end.
    ///
    /// # Errors
    /// The disk failed.
    pub fn next(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, StorageError> {
        let bytes = match self.next {
            Next::Header => {
                self.next = Next::Records;
                let header = self.frame(Kind::Header, &encode_about(&self.about));
                [&MAGIC[..], &header].concat()
            }
            Next::Records => {
                let records = self.view.records_after(&self.place, bytes_max)?;
                match records.last() {
                    None => {
                        self.next = Next::Trailer;
                        return self.next(bytes_max);
                    }
                    Some(last) => self.place = Some((last.table, last.key.clone())),
                }
                self.trailer.records += records.len() as u64;
                self.trailer.bytes +=
                    records.iter().map(|record| record.key.len() + record.value.len()).sum::<usize>() as u64;
                self.frame(Kind::Records, &encode_records(&records))
            }
            Next::Trailer => {
                self.next = Next::Nothing;
                return Ok(Some(self.end()));
            }
            Next::Nothing => return Ok(None),
        };
        self.hasher.update(&bytes);
        self.written += bytes.len() as u64;
        Ok(Some(bytes))
    }

    fn frame(&mut self, kind: Kind, body: &[u8]) -> Vec<u8> {
        self.frames += 1;
        frame(self.frames, kind, body)
    }

    fn end(&mut self) -> Vec<u8> {
        let mut bytes = self.frame(Kind::Trailer, &encode_trailer(self.trailer));
        let end = (self.written + bytes.len() as u64).next_multiple_of(BLOCK_BYTES);
        bytes.resize((end - self.written) as usize, 0);
        self.hasher.update(&bytes);
        bytes.extend_from_slice(&std::mem::take(&mut self.hasher).finalize());
        bytes
    }
}
