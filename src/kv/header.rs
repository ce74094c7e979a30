//! The one record that says where the state machine stands.

use super::{
    Error, Read, Table, Write,
    codec::{Decoder, Encode},
    error::Corrupt,
    hash::{self, Digest},
    record::EventId,
};

const KEY: &[u8] = b"header";

/// Layout of every table, and what applying depends on beside the entry (`tests/format.rs` holds it). A program refuses a store of a format
/// that it does not know.
pub(super) const FORMAT: u8 = 3;

/// Where the state machine stands: what it has applied, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Term of the last entry applied; 0 before the first.
    pub applied_term: u64,
    /// Index of the last entry applied; 0 before the first.
    pub applied_index: u64,
    /// Store-wide revision: 1 while empty, one more with each write that changes something.
    pub revision: i64,
    /// Reads before this revision are refused; 0 while nothing was compacted.
    pub compacted_revision: i64,
    /// The store's clock, in milliseconds since 1970: the latest time that a leader stamped. It never runs backwards.
    pub timestamp_ms: u64,
    /// An alarm is raised: nothing is put until it is cleared.
    pub is_out_of_space: bool,
    /// Every record of every other table but what is compacted.
    pub content: Digest,
    /// Every record that was ever entered into the history and its index, compacted or not. Each event notes what it
    /// was before it: so what a compaction takes from the contents is known without reading it.
    pub history: Digest,
    /// As much of `history` as is compacted.
    pub compacted: Digest,
}

impl Default for Header {
    /// The header of an empty store.
    fn default() -> Self {
        Header {
            applied_term: 0,
            applied_index: 0,
            revision: 1,
            compacted_revision: 0,
            timestamp_ms: 0,
            is_out_of_space: false,
            content: Digest::default(),
            history: Digest::default(),
            compacted: Digest::default(),
        }
    }
}

impl Header {
    /// Reads the header of a store; an empty store has the default one.
    pub fn load<R: Read>(store: &R) -> Result<Header, Error<R::Error>> {
        match store.get(Table::Header, KEY).map_err(Error::Store)? {
            Some(record) => Ok(Header::decode(&record)?),
            None => Ok(Header::default()),
        }
    }

    /// Reads the header in the record of one.
    pub(crate) fn of_record(record: &[u8]) -> Result<Header, &'static str> {
        Self::decode(record).map_err(|corrupt| corrupt.what)
    }

    pub(crate) fn save<W: Write>(&self, store: &mut W) -> Result<(), Error<W::Error>> {
        store.insert(Table::Header, KEY, &self.encode()).map_err(Error::Store)?;
        Ok(())
    }

    /// What a record adds to [`Header::content`]: nothing if it is compacted.
    pub(crate) fn digest_of(&self, table: Table, key: &[u8], value: &[u8]) -> Digest {
        if self.is_compacted(table, key) { Digest::default() } else { Digest::of(table, key, value) }
    }

    /// A record of the history that no read needs any more: it belongs to the state no longer, and each node removes it
    /// when it has the time.
    pub(crate) fn is_compacted(&self, table: Table, key: &[u8]) -> bool {
        let revision = match table {
            Table::History => key.first_chunk(),
            Table::Index => key.last_chunk(),
            _ => None,
        };
        revision.is_some_and(|revision| i64::from_be_bytes(*revision) < self.compacted_revision)
    }

    /// Where the history begins, as far as it is part of the state. In the index what is compacted lies between the rest.
    pub(crate) fn first_kept(&self) -> [u8; 12] {
        EventId::first_of(self.compacted_revision).to_key()
    }

    /// One number that replicas compare: equal at equal applied index, whatever path led there.
    pub fn state_hash(&self) -> u64 {
        hash::of_words(&[
            self.applied_term,
            self.applied_index,
            self.revision as u64,
            self.compacted_revision as u64,
            self.timestamp_ms,
            self.is_out_of_space.into(),
            self.content.hash as u64,
            (self.content.hash >> 64) as u64,
            self.content.bytes,
            self.history.hash as u64,
            self.compacted.hash as u64,
        ])
    }

    fn encode(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(114);
        record.u8(FORMAT);
        record.u64(self.applied_term);
        record.u64(self.applied_index);
        record.i64(self.revision);
        record.i64(self.compacted_revision);
        record.u64(self.timestamp_ms);
        record.u8(self.is_out_of_space.into());
        for digest in [self.content, self.history, self.compacted] {
            record.digest(digest);
        }
        record
    }

    fn decode(record: &[u8]) -> Result<Header, Corrupt> {
        let mut decoder = Decoder::new(Table::Header, record);
        if decoder.u8()? != FORMAT {
            return Err(decoder.corrupt("this program does not know its format"));
        }
        let header = Header {
            applied_term: decoder.u64()?,
            applied_index: decoder.u64()?,
            revision: decoder.i64()?,
            compacted_revision: decoder.i64()?,
            timestamp_ms: decoder.u64()?,
            is_out_of_space: decoder.u8()? != 0,
            content: decoder.digest()?,
            history: decoder.digest()?,
            compacted: decoder.digest()?,
        };
        if header.revision < 1 || header.compacted_revision > header.revision {
            return Err(decoder.corrupt("its revisions are impossible"));
        }
        decoder.end()?;
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_and_an_impossible_one_is_refused() {
        let header = Header { applied_term: 2, applied_index: 7, revision: 5, ..Header::default() };
        let read = |header: &Header| Header::of_record(&header.encode());
        for (compacted_revision, is_possible) in [(0, true), (4, true), (5, true), (6, false)] {
            let header = Header { compacted_revision, ..header.clone() };
            assert_eq!(
                read(&header).ok(),
                is_possible.then(|| header.clone()),
                "compacted to {compacted_revision}"
            );
        }
        assert!(read(&Header { revision: 0, ..header }).is_err(), "the first revision is 1");
    }

    #[test]
    fn replicas_that_differ_in_anything_have_different_hashes() {
        let of = |hash| Digest { hash, bytes: 1 };
        let (one, low, high) = (of(1), of(2), of(1 | 1 << 64));
        let headers = [one, low, high].map(|content| Header { content, ..Header::default() });
        let hashes: BTreeSet<u64> = headers.iter().map(Header::state_hash).collect();
        assert_eq!(hashes.len(), headers.len());
    }

    #[test]
    fn what_is_compacted_is_no_part_of_the_state_in_the_history_or_in_the_index() {
        let header = Header { revision: 9, compacted_revision: 5, ..Header::default() };
        let event = |revision| EventId::first_of(revision).to_key();
        let index = |revision: i64| [b"key", &revision.to_be_bytes()[..]].concat();
        for (revision, is_compacted) in [(4, true), (5, false), (6, false)] {
            assert_eq!(
                header.is_compacted(Table::History, &event(revision)),
                is_compacted,
                "event {revision}"
            );
            assert_eq!(header.is_compacted(Table::Index, &index(revision)), is_compacted, "index {revision}");
            assert!(!header.is_compacted(Table::Current, &event(revision)));
            let nothing = header.digest_of(Table::History, &event(revision), b"") == Digest::default();
            assert_eq!(nothing, is_compacted);
        }
        assert_eq!(header.first_kept(), event(5));
    }
}
