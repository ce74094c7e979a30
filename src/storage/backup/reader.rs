//! The records of a backup, verified.

use std::io::Read;

use sha2::{Digest as _, Sha256};

use super::{
    super::{
        codec::applied_position,
        snapshot::{Place, Record},
    },
    error::BackupError,
    format::{
        About, BLOCK_BYTES, FRAME_BODY_BYTES_MAX, FRAME_HEAD_BYTES, FRAME_SUM_BYTES, HASH_BYTES, Kind, MAGIC,
        Trailer, decode_about, decode_records, decode_trailer, frame_sum,
    },
};
use crate::{
    kv::{Digest, Header, Table},
    raft::Position,
};

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Whose state it is.
    pub about: About,
    /// Keys that had a value.
    pub keys: u64,
    /// Records of the past.
    pub events: u64,
    /// Open sessions of proxies.
    pub sessions: u64,
    /// All records.
    pub records: u64,
    /// Bytes of all keys and values, the past included.
    pub state_bytes: u64,
    /// Equal to that of a node whose state it is.
    pub state_hash: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// The last bytes of the file: the hash of all others.
    pub sha256: [u8; HASH_BYTES],
}

/// Reads a backup from its beginning to its end. What it returns has a right checksum; only when it has returned all of it is
/// it certain that nothing is missing.
pub struct BackupReader<R> {
    source: R,
    hasher: Sha256,
    read: u64,
    frames: u64,
    about: About,
    /// That of the state machine, which is the first record.
    header: Option<Header>,
    place: Place,
    content: Digest,
    counts: Trailer,
    keys: u64,
    events: u64,
    sessions: u64,
    summary: Option<Summary>,
}

impl<R: Read> BackupReader<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    /// It is no backup, or damaged; or it cannot be read.
    pub fn open(source: R) -> Result<Self, BackupError> {
        let about = About {
            cluster: String::new(),
            node: 0,
            taken_unix_ms: 0,
            applied: Position::default(),
            revision: 0,
            compacted_revision: 0,
            members: Default::default(),
        };
        let mut reader = Self {
            source,
            hasher: Sha256::new(),
            read: 0,
            frames: 0,
            about,
            header: None,
            place: None,
            content: Digest::default(),
            counts: Trailer::default(),
            keys: 0,
            events: 0,
            sessions: 0,
            summary: None,
        };
        match reader.take(MAGIC.len()) {
            Ok(first) if first == MAGIC => {}
            Err(error @ BackupError::Read(_)) => return Err(error),
            _ => return Err(BackupError::Foreign),
        }
        match reader.frame()? {
            (Kind::Header, body) => reader.about = decode_about(&body)?,
            _ => return Err(BackupError::damaged("it does not begin with its header")),
        }
        Ok(reader)
    }

    /// Whose state it is.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The next records; none at the end, when all of it was verified.
    ///
    /// # Errors
    /// It is damaged, or cannot be read.
    pub fn records(&mut self) -> Result<Option<Vec<Record>>, BackupError> {
        if self.summary.is_some() {
            return Ok(None);
        }
        match self.frame()? {
            (Kind::Records, body) => {
                let unreadable = || BackupError::damaged(format!("the records of piece {}", self.frames));
                let records = decode_records(&body).ok_or_else(unreadable)?;
                records.iter().try_for_each(|record| self.count(record))?;
                Ok(Some(records))
            }
            (Kind::Trailer, body) => {
                self.end(&body)?;
                Ok(None)
            }
            (Kind::Header, _) => Err(BackupError::damaged("it begins twice")),
        }
    }

    /// Reads all the rest, and tells what it holds.
    ///
    /// # Errors
    /// It is damaged, or cannot be read.
    pub fn finish(mut self) -> Result<Summary, BackupError> {
        while self.records()?.is_some() {}
        Ok(self.summary.expect("it was read to its end"))
    }

    fn count(&mut self, record: &Record) -> Result<(), BackupError> {
        let Record { table, key, value } = record;
        if self.place.as_ref().is_some_and(|(reached, last)| (reached, last) >= (table, key)) {
            return Err(BackupError::damaged(format!("piece {} is out of order", self.frames)));
        }
        match (*table, &self.header) {
            (Table::Header, None) => self.header = Some(self.read_header(value)?),
            (Table::Header, Some(_)) | (_, None) => {
                return Err(BackupError::damaged("it does not hold the one header of a state"));
            }
            (_, Some(header)) => {
                self.content = self.content.plus(header.digest_of(*table, key, value));
            }
        }
        match table {
            Table::Current => self.keys += 1,
            Table::History => self.events += 1,
            Table::Sessions => self.sessions += 1,
            _ => {}
        }
        self.counts.records += 1;
        self.counts.bytes += (key.len() + value.len()) as u64;
        self.place = Some((*table, key.clone()));
        Ok(())
    }

    fn read_header(&self, record: &[u8]) -> Result<Header, BackupError> {
        let header = Header::of_record(record)
            .map_err(|what| BackupError::damaged(format!("the header of its state: {what}")))?;
        let position = applied_position(&header);
        let About { applied, revision, compacted_revision, .. } = &self.about;
        if (position, header.revision, header.compacted_revision)
            != (*applied, *revision, *compacted_revision)
        {
            return Err(BackupError::damaged("its header is not that of its state"));
        }
        Ok(header)
    }

    /// All that can only be said of the whole.
    fn end(&mut self, trailer: &[u8]) -> Result<(), BackupError> {
        if decode_trailer(trailer) != Some(self.counts) {
            return Err(BackupError::damaged("it does not hold as many records as were written"));
        }
        let Some(header) = self.header.take() else {
            return Err(BackupError::damaged("it holds no state"));
        };
        if header.content != self.content {
            let what = "its records are not those that were applied (content hash)";
            return Err(BackupError::damaged(what));
        }
        let padding = self.read.next_multiple_of(BLOCK_BYTES) - self.read;
        if self.take(padding as usize)?.iter().any(|byte| *byte != 0) {
            return Err(BackupError::damaged("its end"));
        }
        let computed: [u8; HASH_BYTES] = std::mem::take(&mut self.hasher).finalize().into();
        let sha256 = self.take(HASH_BYTES)?;
        if sha256 != computed {
            return Err(BackupError::damaged("its SHA-256 is not that of what it holds"));
        }
        if self.source.read(&mut [0]).map_err(BackupError::Read)? != 0 {
            return Err(BackupError::damaged("something follows its end"));
        }
        self.summary = Some(Summary {
            about: self.about.clone(),
            keys: self.keys,
            events: self.events,
            sessions: self.sessions,
            records: self.counts.records,
            state_bytes: header.content.bytes,
            state_hash: header.state_hash(),
            file_bytes: self.read,
            sha256: computed,
        });
        Ok(())
    }

    fn frame(&mut self) -> Result<(Kind, Vec<u8>), BackupError> {
        self.frames += 1;
        let number = self.frames;
        let broken = || BackupError::damaged(format!("piece {number} is not what was written"));
        let head = self.take(FRAME_HEAD_BYTES)?;
        let length = u32::from_le_bytes(head[1..].try_into().expect("four bytes")) as usize;
        if length > FRAME_BODY_BYTES_MAX {
            return Err(broken());
        }
        let body = self.take(length)?;
        let sum = self.take(FRAME_SUM_BYTES)?;
        if sum != frame_sum(number, &head, &body).to_le_bytes() {
            return Err(broken());
        }
        Ok((Kind::of(head[0]).ok_or_else(broken)?, body))
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = Vec::new();
        let mut source = self.source.by_ref().take(length as u64);
        source.read_to_end(&mut bytes).map_err(BackupError::Read)?;
        self.read += bytes.len() as u64;
        if bytes.len() < length {
            return Err(BackupError::damaged(format!("it ends after {} bytes: it was cut off", self.read)));
        }
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}
