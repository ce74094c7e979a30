//! The journal of the log: where a small commit becomes durable, by one write to one place and one sync.
//!
//! A commit of the engine writes seven pages to seven places, and costs ten times the processor time that its entries do. So small commits
//! are written here, one behind the other, and are handed to the engine together when there is no room for the next one. Then the
//! journal begins anew at its first block: what it held is in the engine.
//!
//! A commit begins on a block of its own, so that a crash which tears it leaves those before it whole. It bears its number, and the next one
//! follows the one before; what an earlier turn left behind it has a lower number. That a commit is durable, and others may have been
//! told of it, is noted where the next one will be (without a sync of its own: the next commit's takes it to the disk, or one as soon
//! as the log is idle), and each commit begins with that note, so that it stays when the commit is torn. So damage never passes for a
//! torn end: any note, and any whole commit, of a later number than can be read shows that something is missing.

use std::sync::Arc;

use super::{
    StorageError, codec,
    volume::{BLOCK_BYTES, Volume},
};
use crate::{
    env::{Buggify, buggify, sometimes},
    raft::{Compacted, Entry, Vote},
};

/// Number, length of the records, and a checksum over them.
const HEADER_BYTES: usize = 16;
/// A note of the commit before, and the header.
const BEGIN_BYTES: usize = 2 * HEADER_BYTES;
/// Instead of a length: the commit of this number is durable.
const NOTE: u32 = u32::MAX;
/// A commit that takes more of the journal than one in so many is large enough for the engine: here it would be written twice.
const LARGE_PART: usize = 4;

/// A change of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// This is the vote now.
    Vote(Vote),
    /// The log begins after this position.
    Base(Compacted),
    /// This entry is the last one: it, and what follows, replaces what is there.
    Entry(Entry),
    /// So long a promise of a lease may be in force, in microseconds.
    Promise(u64),
}

/// The commits that the engine has not got yet.
#[derive(Debug)]
pub(super) struct Journal {
    volume: Arc<Volume>,
    /// Told to no client: what one has stored never looks like a commit.
    incarnation: u64,
    /// Where the next commit goes, in blocks.
    end: usize,
    /// What is in the journal alone, in order.
    pending: Vec<Record>,
    /// Kept for its memory.
    commit: Vec<u8>,
}

impl Journal {
    /// Notes the last commit again: a power loss may have forgotten that it was durable, or a crash left it in the system's memory alone.
    /// To be called before anything else is written: what a disk writes over that commit, and a crash then, must not make it look
    /// like one that never was.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn note_again(volume: &Arc<Volume>) -> Result<(), StorageError> {
        volume.sync()?;
        let mut journal = Self::of(volume.clone());
        let bytes = journal.read()?;
        let (commits, end) = journal.turn(&bytes);
        let Some(&(last, _)) = commits.last() else { return Ok(()) };
        // These are commits of an earlier turn where the first one of this turn is missing: what shows that stays, for `open` to see.
        if journal.shown(&bytes) > last {
            return Ok(());
        }
        journal.end = end;
        match journal.is_full() {
            true if last > volume.commits => volume.check_commits(last)?,
            true => {}
            false => journal.note(last)?,
        }
        volume.sync()
    }

    /// Reads what the engine has not got, whose last commit is `durable`. Returns the number of the last commit of both too.
    ///
    /// # Errors
    /// A commit is missing that was durable, or is not what this program writes; or the disk failed.
    pub(super) fn open(volume: Arc<Volume>, durable: u64) -> Result<(Self, u64), StorageError> {
        let mut journal = Self::of(volume);
        let bytes = journal.read()?;
        let (commits, end) = journal.turn(&bytes);
        let mut last = durable;
        if commits.first().is_some_and(|&(number, _)| number == durable + 1) {
            for (number, body) in commits {
                let records = decode(body);
                journal.pending.extend(records.ok_or_else(|| journal.corrupt(format!("commit {number}")))?);
                last = number;
            }
            journal.end = end;
        }
        let shown = journal.shown(&bytes);
        sometimes!(shown > last, JournalDamaged);
        if shown > last {
            return Err(journal.corrupt(format!("one of the commits {} to {shown}", last + 1)));
        }
        // What the first block notes is a commit of the engine, or the last one for which there was room here.
        let is_last_in_first_block = journal.is_full() || journal.volume.commits > durable;
        journal.volume.check_commits(if is_last_in_first_block { last } else { durable })?;
        Ok((journal, last))
    }

    fn of(volume: Arc<Volume>) -> Self {
        let incarnation = volume.owner().map_or(0, |owner| owner.incarnation);
        Self { volume, incarnation, end: 0, pending: Vec::new(), commit: Vec::new() }
    }

    fn read(&self) -> Result<Vec<u8>, StorageError> {
        let mut bytes = vec![0; self.volume.journal_bytes()];
        self.volume.read_journal(0, &mut bytes)?;
        Ok(bytes)
    }

    /// The commits that follow one another from the first block on, and the block behind them.
    fn turn<'a>(&self, bytes: &'a [u8]) -> (Vec<(u64, &'a [u8])>, usize) {
        let (mut commits, mut end) = (Vec::<(u64, &[u8])>::new(), 0);
        while let Some((number, body)) = self.commit_at(&bytes[end * BLOCK_BYTES..])
            && commits.last().is_none_or(|(before, _)| number == before + 1)
        {
            commits.push((number, body));
            end += (BEGIN_BYTES + body.len()).div_ceil(BLOCK_BYTES);
        }
        (commits, end)
    }

    /// The commit that begins there, if one does and is whole: its number, and its records.
    fn commit_at<'a>(&self, bytes: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let (header, rest) = bytes.get(HEADER_BYTES..)?.split_first_chunk()?;
        let (number, length) = numbers_of(header);
        let body = rest.get(..length as usize)?;
        (number > 0 && *header == self.header(number, length, body)).then_some((number, body))
    }

    /// The last commit that was durable, by all that is there.
    fn shown(&self, bytes: &[u8]) -> u64 {
        let blocks = (0..bytes.len()).step_by(BLOCK_BYTES);
        blocks.filter_map(|at| self.shown_by(&bytes[at..])).max().unwrap_or(0)
    }

    /// The same, by what begins there.
    fn shown_by(&self, bytes: &[u8]) -> Option<u64> {
        let note = bytes.first_chunk()?;
        let (noted, _) = numbers_of(note);
        let noted = (*note == self.header(noted, NOTE, &[])).then_some(noted);
        // Behind a new note a commit of an earlier turn may stand.
        noted.max(self.commit_at(bytes).map(|(number, _)| number))
    }

    /// What the engine has not got, in order.
    pub(super) fn pending(&self) -> &[Record] {
        &self.pending
    }

    /// Makes a commit durable, if it is small and there is room for it; else nothing is done.
    ///
    /// # Errors
    /// The disk failed: whether the commit is durable is unknown.
    pub(super) fn append(&mut self, number: u64, records: &[Record]) -> Result<bool, StorageError> {
        let room = self.volume.journal_bytes();
        if room == 0 || size_bytes(records) > room / LARGE_PART || buggify(Buggify::JournalFull) {
            return Ok(false);
        }
        let mut commit = std::mem::take(&mut self.commit);
        commit.clear();
        commit.resize(BEGIN_BYTES, 0);
        records.iter().for_each(|record| encode(record, &mut commit));
        let at = self.end * BLOCK_BYTES;
        let is_room = at + commit.len().next_multiple_of(BLOCK_BYTES) <= room;
        if is_room {
            let body = &commit[BEGIN_BYTES..];
            let header = self.header(number, body.len() as u32, body);
            commit[..HEADER_BYTES].copy_from_slice(&self.header(number - 1, NOTE, &[]));
            commit[HEADER_BYTES..BEGIN_BYTES].copy_from_slice(&header);
            commit.resize(commit.len().next_multiple_of(BLOCK_BYTES), 0);
            self.volume.write_journal(at, &commit)?;
            self.volume.sync()?;
            self.end += commit.len() / BLOCK_BYTES;
            self.pending.extend_from_slice(records);
        } else {
            sometimes!(JournalFull);
        }
        self.commit = commit;
        Ok(is_room)
    }

    /// The engine has everything, durably: the next commit is the first one again.
    pub(super) fn restart(&mut self) {
        self.end = 0;
        self.pending.clear();
    }

    /// Notes that a commit is durable. To be called after it, and before anybody is told of it.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn note(&self, number: u64) -> Result<(), StorageError> {
        match self.is_full() {
            true => self.volume.note_commit(number),
            false => self.volume.write_journal(self.end * BLOCK_BYTES, &self.header(number, NOTE, &[])),
        }
    }

    /// Whether there is no room behind the last commit, not even for its note.
    fn is_full(&self) -> bool {
        self.end * BLOCK_BYTES >= self.volume.journal_bytes()
    }

    fn header(&self, number: u64, length: u32, body: &[u8]) -> [u8; HEADER_BYTES] {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.incarnation.to_le_bytes());
        hasher.update(&number.to_le_bytes());
        hasher.update(&length.to_le_bytes());
        hasher.update(body);
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(&number.to_le_bytes());
        header[8..12].copy_from_slice(&length.to_le_bytes());
        header[12..].copy_from_slice(&hasher.finalize().to_le_bytes());
        header
    }

    fn corrupt(&self, what: String) -> StorageError {
        StorageError::Corrupt { file: self.volume.file, what: format!("its journal: {what}") }
    }
}

/// The number and the length in a header.
fn numbers_of(header: &[u8; HEADER_BYTES]) -> (u64, u32) {
    let number = u64::from_le_bytes(header[..8].try_into().expect("eight bytes"));
    (number, u32::from_le_bytes(header[8..12].try_into().expect("four bytes")))
}

const VOTE: u8 = 1;
const BASE: u8 = 2;
const ENTRY: u8 = 3;
const PROMISE: u8 = 4;
/// Kind and length.
const RECORD_HEADER_BYTES: usize = 5;

/// About as many bytes as records take: what is large of them is the entries.
fn size_bytes(records: &[Record]) -> usize {
    let entries = records.iter().filter_map(|record| match record {
        Record::Entry(entry) => Some(entry.size_bytes()),
        _ => None,
    });
    entries.sum()
}

fn encode(record: &Record, commit: &mut Vec<u8>) {
    let at = commit.len();
    commit.extend_from_slice(&[0; RECORD_HEADER_BYTES]);
    let kind = match record {
        Record::Vote(vote) => {
            commit.extend_from_slice(&codec::encode_vote(*vote));
            VOTE
        }
        Record::Base(Compacted { position, configuration }) => {
            commit.extend_from_slice(&codec::encode_base(*position, configuration));
            BASE
        }
        Record::Entry(entry) => {
            commit.extend_from_slice(&entry.index.to_le_bytes());
            codec::append_entry(entry, commit);
            ENTRY
        }
        Record::Promise(promise_us) => {
            commit.extend_from_slice(&promise_us.to_le_bytes());
            PROMISE
        }
    };
    let body_bytes = (commit.len() - at - RECORD_HEADER_BYTES) as u32;
    commit[at] = kind;
    commit[at + 1..at + RECORD_HEADER_BYTES].copy_from_slice(&body_bytes.to_le_bytes());
}

fn decode(mut bytes: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    while let Some((&kind, rest)) = bytes.split_first() {
        let (length, rest) = rest.split_first_chunk()?;
        let (body, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        records.push(match kind {
            VOTE => Record::Vote(codec::decode_vote(body)?),
            BASE => {
                let (position, configuration) = codec::decode_base(body)?;
                Record::Base(Compacted { position, configuration: configuration.into() })
            }
            ENTRY => {
                let (index, body) = body.split_first_chunk()?;
                Record::Entry(codec::decode_entry(u64::from_le_bytes(*index), body)?)
            }
            PROMISE => Record::Promise(u64::from_le_bytes(body.try_into().ok()?)),
            _ => return None,
        });
    }
    Some(records)
}

#[cfg(all(test, not(madsim)))]
mod tests;
