//! The stored forms of a key's versions.
//!
//! [`Table::Current`](super::Table::Current) maps a key to its latest [`Version`].
//! [`Table::History`](super::Table::History) maps an [`EventId`] to an [`Event`]: what is new goes to its end.
//! [`Table::Index`](super::Table::Index) maps a key, and a revision at which a version of it ended, to the rest of the
//! event's id. So the version that a key had at a revision is the one that ends at the first such revision after it, if
//! it had begun by then; or the current one.

use super::{
    KeyValue, Table,
    codec::{Decoder, Encode},
    error::Corrupt,
    hash::Digest,
};

/// One version of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version<'a> {
    pub(crate) create_revision: i64,
    pub(crate) mod_revision: i64,
    pub(crate) version: i64,
    pub(crate) lease: i64,
    pub(crate) value: &'a [u8],
}

impl<'a> Version<'a> {
    pub(crate) fn encode(&self, record: &mut Vec<u8>) {
        record.i64(self.create_revision);
        record.i64(self.mod_revision);
        record.i64(self.version);
        record.i64(self.lease);
        record.bytes(self.value);
    }

    pub(crate) fn decode(record: &'a [u8]) -> Result<Self, Corrupt> {
        Version::take(Decoder::new(Table::Current, record))
    }

    /// Decodes a version that fills the rest of a record.
    fn take(mut decoder: Decoder<'a>) -> Result<Self, Corrupt> {
        let version = Version {
            create_revision: decoder.i64()?,
            mod_revision: decoder.i64()?,
            version: decoder.i64()?,
            lease: decoder.i64()?,
            value: decoder.bytes()?,
        };
        let writes_max = version.mod_revision.saturating_sub(version.create_revision).saturating_add(1);
        if version.create_revision < 1 || !(1..=writes_max).contains(&version.version) {
            return Err(decoder.corrupt("its revisions are impossible"));
        }
        decoder.end()?;
        Ok(version)
    }

    pub(crate) fn to_key_value(self, key: &[u8]) -> KeyValue {
        KeyValue {
            key: key.to_vec(),
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
            lease: self.lease,
            value: self.value.to_vec(),
        }
    }
}

/// What happened at one place of the history: a key was written or deleted.
///
/// It holds what the key was before, not what it became: that is told by the next event that ended a version of the key,
/// which [`Table::Index`] finds, or by [`Table::Current`]. So a value lies in one place only, and who compacts the
/// history drops its beginning and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Everything that was ever entered into the history before this: see [`Header::history`](super::Header::history).
    pub(crate) before: Digest,
    pub(crate) key: &'a [u8],
    /// The version that ended here; none if this event created the key.
    pub(crate) previous: Option<Version<'a>>,
}

/// What happened to the key. Reads do not ask; who watches is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Created = 0,
    Replaced = 1,
    Deleted = 2,
}

impl EventKind {
    const ALL: [EventKind; 3] = [EventKind::Created, EventKind::Replaced, EventKind::Deleted];
}

impl<'a> Event<'a> {
    /// Writes an event; `previous` is the encoded form of the version that ended, taken over as it is: nothing for a key
    /// that was created.
    pub(crate) fn encode(before: Digest, kind: EventKind, key: &[u8], previous: &[u8], record: &mut Vec<u8>) {
        record.digest(before);
        record.u8(kind as u8);
        record.bytes(key);
        record.extend_from_slice(previous);
    }

    pub(crate) fn decode(record: &'a [u8]) -> Result<Self, Corrupt> {
        let mut decoder = Decoder::new(Table::History, record);
        let before = decoder.digest()?;
        let kind = EventKind::ALL
            .get(usize::from(decoder.u8()?))
            .ok_or(decoder.corrupt("it is no kind of event"))?;
        let key = decoder.bytes()?;
        let previous = match kind {
            EventKind::Created => decoder.end().map(|()| None)?,
            EventKind::Replaced | EventKind::Deleted => Some(Version::take(decoder)?),
        };
        Ok(Event { before, key, previous })
    }
}

/// Where an event lies in the history: its revision, and its place among those of the same revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) main: i64,
    pub(crate) sub: u32,
}

impl EventId {
    /// The first event of a revision.
    pub(crate) fn first_of(main: i64) -> Self {
        EventId { main, sub: 0 }
    }

    pub(crate) fn from_key(key: &[u8]) -> Result<Self, Corrupt> {
        let mut decoder = Decoder::new(Table::History, key);
        let (main, sub) = (decoder.i64()?, u32::from_be_bytes(decoder.array()?));
        decoder.end()?;
        Ok(EventId { main, sub })
    }

    pub(crate) fn to_key(self) -> [u8; 12] {
        let mut key = [0; 12];
        key[..8].copy_from_slice(&self.main.to_be_bytes());
        key[8..].copy_from_slice(&self.sub.to_be_bytes());
        key
    }
}

const ESCAPED: u8 = 0xff;
const END: u8 = 0x00;

/// Where the index of a key begins: the key with its zero bytes escaped, then an end mark that sorts before every longer
/// key. So the index is ordered by key, and within a key by revision.
pub(crate) fn index_prefix(key: &[u8]) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(key.len() + 2 + 8);
    for byte in key {
        prefix.push(*byte);
        if *byte == 0 {
            prefix.push(ESCAPED);
        }
    }
    prefix.extend_from_slice(&[0, END]);
    prefix
}

/// The key of the index for a version of a key that ended at a revision.
pub(crate) fn index_key(key: &[u8], ended: i64) -> Vec<u8> {
    let mut index_key = index_prefix(key);
    index_key.i64(ended);
    index_key
}

/// Takes a key of the index apart: the key, and the revision at which a version of it ended.
pub(crate) fn parse_index_key(index_key: &[u8]) -> Result<(Vec<u8>, i64), Corrupt> {
    let mut decoder = Decoder::new(Table::Index, index_key);
    let mut key = Vec::with_capacity(index_key.len());
    loop {
        match decoder.u8()? {
            0 => match decoder.u8()? {
                ESCAPED => key.push(0),
                END => break,
                _ => return Err(decoder.corrupt("its key is badly escaped")),
            },
            byte => key.push(byte),
        }
    }
    let ended = decoder.i64()?;
    decoder.end()?;
    Ok((key, ended))
}

/// What the index holds under such a key.
pub(crate) fn decode_sub(record: &[u8]) -> Result<u32, Corrupt> {
    let mut decoder = Decoder::new(Table::Index, record);
    let sub = u32::from_be_bytes(decoder.array()?);
    decoder.end()?;
    Ok(sub)
}
