//! What the state machine answers.

use std::fmt;

use super::{
    Table,
    codec::{Decoder, Encode},
    error::Corrupt,
};

/// Largest weight of the pairs that a deletion returns, in bytes of records. It bounds the answer, and so what a
/// session keeps of it and what crosses the network. A deletion that would return more is rejected, whole.
pub const PREV_KVS_BYTES_MAX: usize = 8 << 20;

/// The answer to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The pair was written.
    Put {
        /// The store's revision, which the pair now bears.
        revision: i64,
        /// The pair that was replaced, if it was asked for and there was one.
        prev_kv: Option<KeyValue>,
    },
    /// Whatever lay in the range is gone.
    DeleteRange {
        /// The store's revision; a new one only if something was deleted.
        revision: i64,
        /// How many pairs were deleted.
        deleted: i64,
        /// The deleted pairs, if they were asked for.
        prev_kvs: Vec<KeyValue>,
    },
    /// The session is open.
    SessionOpened {
        /// Its id.
        session: u64,
    },
    /// The past before the revision that was named is given up.
    Compacted {
        /// The store's revision.
        revision: i64,
    },
    /// The members whose alarm was asked for, raised or cleared.
    Alarms {
        /// The store's revision.
        revision: i64,
        /// Their ids.
        raised: Vec<u64>,
    },
    /// This attempt changed nothing.
    Rejected(Rejection),
}

/// A pair, as clients see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Vec<u8>,
    /// Store revision at which this life of the key began.
    pub create_revision: i64,
    /// Store revision of the latest write to the key.
    pub mod_revision: i64,
    /// Number of writes since the key was created; a delete starts over.
    pub version: i64,
    /// Lease that keeps the key alive; 0 for none.
    pub lease: i64,
    /// The value.
    pub value: Vec<u8>,
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The put keeps the value or the lease of a key that does not exist.
    KeyNotFound,
    /// The pairs to delete and to return weigh more than an answer may.
    PrevKvsTooLarge,
    /// An alarm is raised: the state has outgrown its quota.
    NoSpace,
    /// The revision to compact to is compacted already.
    Compacted,
    /// The revision to compact to lies in the future.
    FutureRevision,
    /// The session is unknown, or was idle for too long: this attempt did nothing, an earlier one may have.
    SessionExpired,
    /// The session has already acknowledged the answer to this write: it was applied at most once, and is not again.
    Stale,
    /// The operation itself is wrong, and always will be.
    Invalid(String),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rejection::KeyNotFound => "etcdserver: key not found",
            Rejection::PrevKvsTooLarge => {
                return write!(
                    f,
                    "the pairs to delete weigh more than {PREV_KVS_BYTES_MAX} bytes, which is the most that prev_kv \
                     returns; nothing was deleted"
                );
            }
            Rejection::NoSpace => "etcdserver: mvcc: database space exceeded",
            Rejection::Compacted => COMPACTED,
            Rejection::FutureRevision => FUTURE_REVISION,
            Rejection::SessionExpired => "the session has expired: an earlier attempt may have been applied",
            Rejection::Stale => "the session has already acknowledged the answer to this write",
            Rejection::Invalid(message) => message,
        })
    }
}

pub(crate) const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
pub(crate) const FUTURE_REVISION: &str = "etcdserver: mvcc: required revision is a future revision";

const PUT: u8 = 1;
const DELETE_RANGE: u8 = 2;
const SESSION_OPENED: u8 = 3;
const KEY_NOT_FOUND: u8 = 4;
const SESSION_EXPIRED: u8 = 5;
const STALE: u8 = 6;
const INVALID: u8 = 7;
const PREV_KVS_TOO_LARGE: u8 = 8;
const COMPACTION: u8 = 9;
const ALARMS: u8 = 10;
const NO_SPACE: u8 = 11;
const COMPACTED_ALREADY: u8 = 12;
const IN_THE_FUTURE: u8 = 13;

impl Reply {
    /// Bytes that it takes in memory, near enough for a limit.
    pub(crate) fn size_bytes(&self) -> usize {
        let pairs = match self {
            Reply::Put { prev_kv, .. } => prev_kv.as_slice(),
            Reply::DeleteRange { prev_kvs, .. } => prev_kvs,
            _ => &[],
        };
        size_of::<Self>() + pairs.iter().map(|pair| pair.key.len() + pair.value.len()).sum::<usize>()
    }

    /// Writes the reply as the sessions cache it.
    pub(crate) fn encode(&self, record: &mut Vec<u8>) {
        match self {
            Reply::Put { revision, prev_kv } => {
                record.u8(PUT);
                record.i64(*revision);
                encode_pairs(prev_kv.as_slice(), record);
            }
            Reply::DeleteRange { revision, deleted, prev_kvs } => {
                record.u8(DELETE_RANGE);
                record.i64(*revision);
                record.i64(*deleted);
                encode_pairs(prev_kvs, record);
            }
            Reply::SessionOpened { session } => {
                record.u8(SESSION_OPENED);
                record.u64(*session);
            }
            Reply::Compacted { revision } => {
                record.u8(COMPACTION);
                record.i64(*revision);
            }
            Reply::Alarms { revision, raised } => {
                record.u8(ALARMS);
                record.i64(*revision);
                record.u64(raised.len() as u64);
                raised.iter().for_each(|member| record.u64(*member));
            }
            Reply::Rejected(rejection) => rejection.encode(record),
        }
    }

    pub(crate) fn decode(record: &[u8]) -> Result<Reply, Corrupt> {
        let mut decoder = Decoder::new(Table::Replies, record);
        let reply = match decoder.u8()? {
            PUT => Reply::Put { revision: decoder.i64()?, prev_kv: decode_pairs(&mut decoder)?.pop() },
            DELETE_RANGE => Reply::DeleteRange {
                revision: decoder.i64()?,
                deleted: decoder.i64()?,
                prev_kvs: decode_pairs(&mut decoder)?,
            },
            SESSION_OPENED => Reply::SessionOpened { session: decoder.u64()? },
            COMPACTION => Reply::Compacted { revision: decoder.i64()? },
            ALARMS => Reply::Alarms { revision: decoder.i64()?, raised: decode_members(&mut decoder)? },
            NO_SPACE => Reply::Rejected(Rejection::NoSpace),
            COMPACTED_ALREADY => Reply::Rejected(Rejection::Compacted),
            IN_THE_FUTURE => Reply::Rejected(Rejection::FutureRevision),
            KEY_NOT_FOUND => Reply::Rejected(Rejection::KeyNotFound),
            PREV_KVS_TOO_LARGE => Reply::Rejected(Rejection::PrevKvsTooLarge),
            SESSION_EXPIRED => Reply::Rejected(Rejection::SessionExpired),
            STALE => Reply::Rejected(Rejection::Stale),
            INVALID => Reply::Rejected(Rejection::Invalid(decode_text(&mut decoder)?)),
            _ => return Err(decoder.corrupt("it is no kind of reply")),
        };
        decoder.end()?;
        Ok(reply)
    }
}

impl Rejection {
    fn encode(&self, record: &mut Vec<u8>) {
        record.u8(match self {
            Rejection::KeyNotFound => KEY_NOT_FOUND,
            Rejection::PrevKvsTooLarge => PREV_KVS_TOO_LARGE,
            Rejection::NoSpace => NO_SPACE,
            Rejection::Compacted => COMPACTED_ALREADY,
            Rejection::FutureRevision => IN_THE_FUTURE,
            Rejection::SessionExpired => SESSION_EXPIRED,
            Rejection::Stale => STALE,
            Rejection::Invalid(_) => INVALID,
        });
        if let Rejection::Invalid(message) = self {
            record.bytes(message.as_bytes());
        }
    }
}

fn encode_pairs(pairs: &[KeyValue], record: &mut Vec<u8>) {
    record.u64(pairs.len() as u64);
    for pair in pairs {
        record.bytes(&pair.key);
        record.i64(pair.create_revision);
        record.i64(pair.mod_revision);
        record.i64(pair.version);
        record.i64(pair.lease);
        record.bytes(&pair.value);
    }
}

/// The count is not trusted with an allocation: a corrupt one runs into the end of the record instead.
fn decode_pairs(decoder: &mut Decoder<'_>) -> Result<Vec<KeyValue>, Corrupt> {
    let count = decoder.u64()?;
    (0..count).map(|_| decode_pair(decoder)).collect()
}

fn decode_pair(decoder: &mut Decoder<'_>) -> Result<KeyValue, Corrupt> {
    Ok(KeyValue {
        key: decoder.bytes()?.to_vec(),
        create_revision: decoder.i64()?,
        mod_revision: decoder.i64()?,
        version: decoder.i64()?,
        lease: decoder.i64()?,
        value: decoder.bytes()?.to_vec(),
    })
}

fn decode_members(decoder: &mut Decoder<'_>) -> Result<Vec<u64>, Corrupt> {
    let count = decoder.u64()?;
    (0..count).map(|_| decoder.u64()).collect()
}

fn decode_text(decoder: &mut Decoder<'_>) -> Result<String, Corrupt> {
    let text =
        std::str::from_utf8(decoder.bytes()?).map_err(|_| decoder.corrupt("its message is not text"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_weighs_what_its_pairs_weigh() {
        let pair = |bytes| KeyValue { key: vec![0; 10], value: vec![0; bytes], ..KeyValue::default() };
        let small = Reply::Put { revision: 1, prev_kv: None }.size_bytes();
        let put = Reply::Put { revision: 1, prev_kv: Some(pair(1_000)) };
        assert_eq!(put.size_bytes(), small + 1_010);
        let delete = Reply::DeleteRange { revision: 1, deleted: 2, prev_kvs: vec![pair(5), pair(6)] };
        assert_eq!(delete.size_bytes(), small + 31);
    }
}
