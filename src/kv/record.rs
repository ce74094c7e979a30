//! The stored forms of a key's versions.
//!
//! [`Table::Current`](super::Table::Current) maps a key to its latest [`Version`].
//! [`Table::History`](super::Table::History) maps a key and the revision of a version to a [`Past`].

use super::{
    KeyValue, Table,
    codec::{Decoder, Encode},
    error::Corrupt,
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

/// What the history tells of one revision of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past<'a> {
    /// The key had this version until revision `ended`, when it was overwritten or deleted. Knowing its end, a read
    /// at an old revision judges each record by itself.
    Version { ended: i64, version: Version<'a> },
    /// The key was deleted. No read needs it: it is what a watcher of the history is told.
    Tombstone,
}

const TOMBSTONE: u8 = 0;
const VERSION: u8 = 1;

impl<'a> Past<'a> {
    /// Writes a version that has ended; `record` is its encoded form, taken over as it is.
    pub(crate) fn encode_version(ended: i64, version: &[u8], record: &mut Vec<u8>) {
        record.u8(VERSION);
        record.i64(ended);
        record.extend_from_slice(version);
    }

    pub(crate) fn encode_tombstone(record: &mut Vec<u8>) {
        record.u8(TOMBSTONE);
    }

    pub(crate) fn decode(record: &'a [u8]) -> Result<Self, Corrupt> {
        let mut decoder = Decoder::new(Table::History, record);
        match decoder.u8()? {
            TOMBSTONE => decoder.end().map(|()| Past::Tombstone),
            VERSION => Ok(Past::Version { ended: decoder.i64()?, version: Version::take(decoder)? }),
            _ => Err(decoder.corrupt("it is neither a version nor a tombstone")),
        }
    }

    /// The version, if the key had it at a revision.
    pub(crate) fn at(self, revision: i64) -> Option<Version<'a>> {
        match self {
            Past::Version { ended, version } if (version.mod_revision..ended).contains(&revision) => {
                Some(version)
            }
            _ => None,
        }
    }
}

const ESCAPED: u8 = 0xff;
const END: u8 = 0x00;

/// Where the history of a key begins: the key with its zero bytes escaped, then an end mark that sorts before every
/// longer key. So the history is ordered by key, and within a key by revision.
pub(crate) fn history_prefix(key: &[u8]) -> Vec<u8> {
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

/// The key of one revision of a key in the history.
pub(crate) fn history_key(key: &[u8], revision: i64) -> Vec<u8> {
    let mut history_key = history_prefix(key);
    history_key.i64(revision);
    history_key
}

/// Takes a history key apart: the key and its revision.
pub(crate) fn parse_history_key(history_key: &[u8]) -> Result<(Vec<u8>, i64), Corrupt> {
    let mut decoder = Decoder::new(Table::History, history_key);
    let mut key = Vec::with_capacity(history_key.len());
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
    let revision = decoder.i64()?;
    decoder.end()?;
    Ok((key, revision))
}
