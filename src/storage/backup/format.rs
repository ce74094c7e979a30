//! Frames, and what is in them. Integers are little-endian.

use super::{
    super::{
        codec::{decode_members, encode_members},
        snapshot::Record,
    },
    error::BackupError,
};
use crate::{
    kv::Table,
    raft::{Configuration, Position},
};

pub(super) const MAGIC: [u8; 8] = *b"cnclvbak";
/// Another one is refused.
pub(super) const FORMAT: u64 = 1;

/// The file without its hash is a multiple of this: etcd's clients know by it that there is a hash.
pub(super) const BLOCK_BYTES: u64 = 512;
/// Bytes of the SHA-256 at the end.
pub(super) const HASH_BYTES: usize = 32;

/// A frame's kind and the length of its body.
pub(super) const FRAME_HEAD_BYTES: usize = 5;
/// A frame's checksum.
pub(super) const FRAME_SUM_BYTES: usize = 4;
/// No frame has a longer body: one piece, and the largest record over that.
pub(super) const FRAME_BODY_BYTES_MAX: usize = 64 << 20;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Header = 1,
    Records = 2,
    Trailer = 3,
}

impl Kind {
    pub(super) fn of(number: u8) -> Option<Self> {
        [Self::Header, Self::Records, Self::Trailer].into_iter().find(|kind| *kind as u8 == number)
    }
}

/// Whose state a backup holds, and as of when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Name of the cluster.
    pub cluster: String,
    /// The node that made it.
    pub node: u64,
    /// When, in milliseconds since 1970 by that node's clock.
    pub taken_unix_ms: u64,
    /// The last entry applied.
    pub applied: Position,
    /// Revision of the store.
    pub revision: i64,
    /// Reads before this revision are refused; 0 while nothing was compacted.
    pub compacted_revision: i64,
    /// The members, and the id of the cluster.
    pub members: Configuration,
}

/// What must be there at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) records: u64,
    /// Of keys and values.
    pub(super) bytes: u64,
}

/// A frame, sealed. The number is part of the checksum: frames that were exchanged, lost or doubled are noticed.
pub(super) fn frame(number: u64, kind: Kind, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a piece is far smaller");
    let mut frame = Vec::with_capacity(FRAME_HEAD_BYTES + body.len() + FRAME_SUM_BYTES);
    frame.push(kind as u8);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(body);
    let sum = frame_sum(number, &frame, &[]);
    frame.extend_from_slice(&sum.to_le_bytes());
    frame
}

/// The checksum of a frame's head and body.
pub(super) fn frame_sum(number: u64, head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

pub(super) fn encode_about(about: &About) -> Vec<u8> {
    let About { cluster, node, taken_unix_ms, applied, revision, compacted_revision, members } = about;
    let mut body = Vec::new();
    let numbers = [
        FORMAT,
        *node,
        *taken_unix_ms,
        applied.term,
        applied.index,
        *revision as u64,
        *compacted_revision as u64,
        cluster.len() as u64,
    ];
    numbers.iter().for_each(|number| body.extend_from_slice(&number.to_le_bytes()));
    body.extend_from_slice(cluster.as_bytes());
    body.extend_from_slice(&encode_members(members));
    body
}

pub(super) fn decode_about(body: &[u8]) -> Result<About, BackupError> {
    let broken = || BackupError::damaged("its header cannot be read");
    let number = |place: usize| {
        let bytes = body.get(8 * place..8 * (place + 1)).ok_or_else(broken)?;
        Ok::<u64, BackupError>(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
    };
    let found = number(0)?;
    if found != FORMAT {
        return Err(BackupError::Format { found, known: FORMAT });
    }
    let length = usize::try_from(number(7)?).map_err(|_| broken())?;
    let (name, members) = body[64..].split_at_checked(length).ok_or_else(broken)?;
    Ok(About {
        cluster: String::from_utf8(name.to_vec()).map_err(|_| broken())?,
        node: number(1)?,
        taken_unix_ms: number(2)?,
        applied: Position { term: number(3)?, index: number(4)? },
        revision: number(5)? as i64,
        compacted_revision: number(6)? as i64,
        members: decode_members(members).ok_or_else(broken)?,
    })
}

pub(super) fn encode_records(records: &[Record]) -> Vec<u8> {
    let mut body = Vec::new();
    for Record { table, key, value } in records {
        body.push(*table as u8);
        for bytes in [key, value] {
            let length = u32::try_from(bytes.len()).expect("keys and values are far smaller");
            body.extend_from_slice(&length.to_le_bytes());
            body.extend_from_slice(bytes);
        }
    }
    body
}

pub(super) fn decode_records(mut body: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    while let Some((number, rest)) = body.split_first() {
        let table = *Table::ALL.get(usize::from(*number))?;
        let (key, rest) = split_bytes(rest)?;
        let (value, rest) = split_bytes(rest)?;
        records.push(Record { table, key: key.to_vec(), value: value.to_vec() });
        body = rest;
    }
    Some(records)
}

fn split_bytes(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = body.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

pub(super) fn encode_trailer(trailer: Trailer) -> Vec<u8> {
    [trailer.records, trailer.bytes].map(u64::to_le_bytes).as_flattened().to_vec()
}

pub(super) fn decode_trailer(body: &[u8]) -> Option<Trailer> {
    let (numbers, rest) = body.as_chunks::<8>();
    match (numbers, rest) {
        ([records, bytes], []) => {
            Some(Trailer { records: u64::from_le_bytes(*records), bytes: u64::from_le_bytes(*bytes) })
        }
        _ => None,
    }
}
