//! A file of a node. Its first block says whose it is, and how many commits are known to be durable; in the log's file the
//! journal follows (`journal.rs`), then in both the engine's file.
//!
//! The number of commits is what makes a silent fall-back impossible. The engine commits with one fsync; if the last
//! commit cannot be read after a crash it takes the one before, because the crash may have torn the last one. That is
//! right only for a commit that nobody was told of. So each commit bears a number, and after its fsync the number is
//! noted in the first block. A file that opens with a lower number than was noted has lost a commit to damage. Until the next fsync the
//! page cache alone holds the note, which survives the process, but not the power: of the log the note is synced at once (not where
//! there is no journal: the next commit's fsync takes it to the disk, or one as soon as the log is idle); of the state it is not, for
//! what is lost of it is replayed from the log. (The journal notes its own.)

use std::{fmt, io};

use redb::StorageBackend;

use super::{Disk, LOG_FILE, STATE_FILE, StorageError};
use crate::env::{Knob, knob, sometimes};

/// The unit of the file's layout, and of checksums. The engine's pages are multiples of it.
pub(super) const BLOCK_BYTES: usize = 4096;

/// Layout of the log's file and of everything in it. Another one is refused, but for the one before.
const LOG_FORMAT: u64 = 5;
/// A log without a journal, as releases before began it. It is kept as it is.
const LOG_FORMAT_WITHOUT_JOURNAL: u64 = 4;
/// Layout of the state's file and of everything in it. Another one is refused.
const STATE_FORMAT: u64 = 4;
/// Room for the journal: 128 commits of a few small entries. What waits there is replayed at the next start, and every so often written
/// to the engine in one commit, which takes as long as some ten commits of one entry: too little to be seen in a percentile.
const JOURNAL_BYTES: usize = 128 * BLOCK_BYTES;
const MAGIC: [u8; 8] = *b"conclave";
/// What a file without a first block of ours begins with: format 2 and before.
const ENGINE_MAGIC: [u8; 4] = *b"redb";
const FORMAT_WITHOUT_FIRST_BLOCK: u64 = 3;

/// Two places for the number of commits, for even ones and odd ones, in sectors of their own: a torn one leaves the other, which is older.
const MARKS: [usize; 2] = [BLOCK_BYTES - 1024, BLOCK_BYTES - 512];
const MARK_BYTES: usize = 12;
/// Where the checksum of what goes before lies.
const OWNER_SUM: usize = MARKS[0] - 4;
/// Magic, format, file, incarnation, node, and the length of the cluster's name.
const OWNER_FIXED_BYTES: usize = 48;

/// Whose data this is. A node refuses the data of another: it would break promises that the other made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the cluster.
    pub cluster: String,
    /// Id of the node.
    pub node: u64,
}

/// What the first block says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) identity: Identity,
    /// Drawn when the directory was begun, and equal in both files: a file of another life of the same node differs.
    pub(super) incarnation: u64,
}

/// An open file.
pub(super) struct Volume {
    pub(super) file: &'static str,
    backend: Box<dyn StorageBackend>,
    /// `None`: nobody's yet.
    owner: Option<Owner>,
    /// Where the engine's file begins.
    engine_at: usize,
    /// The highest number noted when the file was opened; 0 for none.
    pub(super) commits: u64,
    /// A mark that cannot be read, if there was one.
    torn_mark: Option<usize>,
}

impl Volume {
    /// Opens a file, and reads whose it is.
    ///
    /// # Errors
    /// It is no file of this program, of another format, another file's, or damaged; or the disk failed.
    pub(super) fn open(disk: &dyn Disk, file: &'static str) -> Result<Self, StorageError> {
        let failed = |error: io::Error| StorageError::Open { file, reason: error.to_string() };
        let backend = disk.open(file).map_err(failed)?;
        let mut first = vec![0; BLOCK_BYTES];
        let file_bytes = backend.len().map_err(failed)?;
        let bytes = BLOCK_BYTES.min(file_bytes as usize);
        backend.read(0, &mut first[..bytes]).map_err(failed)?;
        let begun_at = engine_at(file, format_of(file));
        let (owner, engine_at) = match read_owner(file, &first) {
            // The first block is written into a file that is as long already. What is shorter was cut, and what it says of commits
            // with it: it must not pass for a file without any.
            Ok(_) if bytes < BLOCK_BYTES => {
                let what = format!("it was cut to {file_bytes} bytes, within its first block");
                return Err(StorageError::Corrupt { file, what });
            }
            Ok((_, format)) if file_bytes < engine_at(file, format) as u64 => {
                if noted(&first).0 > 0 {
                    let what = format!("it was cut to {file_bytes} bytes, within its journal");
                    return Err(StorageError::Corrupt { file, what });
                }
                // The process died while it began the file.
                (None, begun_at)
            }
            Ok((owner, format)) => (Some(owner), engine_at(file, format)),
            Err(StorageError::Corrupt { .. })
                if [0, BLOCK_BYTES, begun_at].contains(&(file_bytes as usize)) =>
            {
                (None, begun_at)
            }
            Err(error) => return Err(error),
        };
        let (commits, torn_mark) = noted(&first);
        Ok(Self { file, backend, owner, engine_at, commits, torn_mark })
    }

    /// Whose file this is; `None` for nobody's yet.
    pub(super) fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }

    /// Begins the file, durably.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn begin(&mut self, owner: &Owner) -> Result<(), StorageError> {
        let first = encode_owner(self.file, owner).ok_or_else(|| StorageError::Open {
            file: self.file,
            reason: format!("a cluster's name has at most {} bytes", OWNER_SUM - OWNER_FIXED_BYTES),
        })?;
        // The journal is written, not only reserved: a sync of a block that the file system has no place for yet costs twice as much.
        let mut begun = first;
        begun.resize(engine_at(self.file, format_of(self.file)), 0);
        let written = self.backend.set_len(0).and_then(|()| self.backend.set_len(begun.len() as u64));
        let written = written.and_then(|()| self.backend.write(0, &begun));
        written.and_then(|()| self.backend.sync_data()).map_err(|error| self.failed(&error))?;
        self.owner = Some(owner.clone());
        (self.engine_at, self.commits, self.torn_mark) = (begun.len(), 0, None);
        Ok(())
    }

    /// Forgets everything that the engine holds.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn empty(&self) -> Result<(), StorageError> {
        self.backend.set_len(self.engine_at as u64).map_err(|error| self.failed(&error))
    }

    /// Bytes of the whole file.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn file_bytes(&self) -> Result<u64, StorageError> {
        self.backend.len().map_err(|error| self.failed(&error))
    }

    /// Room for the journal, in bytes; 0 where there is none.
    pub(super) fn journal_bytes(&self) -> usize {
        let room = (self.engine_at - BLOCK_BYTES).min(knob(Knob::JournalBytes, JOURNAL_BYTES));
        room / BLOCK_BYTES * BLOCK_BYTES
    }

    /// Reads a part of the journal.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn read_journal(&self, offset: usize, out: &mut [u8]) -> Result<(), StorageError> {
        self.backend.read((BLOCK_BYTES + offset) as u64, out).map_err(|error| self.failed(&error))
    }

    /// Writes a part of the journal.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn write_journal(&self, offset: usize, data: &[u8]) -> Result<(), StorageError> {
        self.backend.write((BLOCK_BYTES + offset) as u64, data).map_err(|error| self.failed(&error))
    }

    /// Notes that a commit is durable. To be called after its fsync, and before anybody is told of it.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn note_commit(&self, number: u64) -> Result<(), StorageError> {
        self.write_mark(MARKS[(number % 2) as usize], number)
    }

    fn write_mark(&self, place: usize, number: u64) -> Result<(), StorageError> {
        let mut mark = number.to_le_bytes().to_vec();
        mark.extend_from_slice(&crc32fast::hash(&mark).to_le_bytes());
        self.backend.write(place as u64, &mark).map_err(|error| self.failed(&error))
    }

    /// Makes the journal and the number noted last durable.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        self.backend.sync_data().map_err(|error| self.failed(&error))
    }

    /// Refuses a file whose last commit is older than what was noted. The number of one that is later is noted: a power loss may
    /// have taken it, or torn the mark. A torn mark does not stay, or after the next commit it would pass for one more.
    ///
    /// # Errors
    /// It is older, or the disk failed.
    pub(super) fn check_commits(&self, found: u64) -> Result<(), StorageError> {
        if found < self.commits {
            let what = format!("commit {} is damaged: what can be read is commit {found}", self.commits);
            return Err(StorageError::Corrupt { file: self.file, what });
        }
        sometimes!(found > self.commits, CommitNumberLost);
        match self.torn_mark {
            // The other one stays as it is: if the power fails again, what is torn then is no more than this.
            Some(place) => self.write_mark(place, found),
            None if found > self.commits => self.note_commit(found),
            None => Ok(()),
        }
    }

    fn failed(&self, error: &io::Error) -> StorageError {
        StorageError::Disk { file: self.file, reason: error.to_string() }
    }
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Volume({})", self.file)
    }
}

/// The engine's file, behind what is ours. Locks are not passed on: the whole directory is this process's.
impl StorageBackend for Volume {
    fn len(&self) -> io::Result<u64> {
        Ok(self.backend.len()?.saturating_sub(self.engine_at as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset + self.engine_at as u64, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.backend.set_len(len + self.engine_at as u64)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.backend.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.backend.write(offset + self.engine_at as u64, data)
    }

    fn close(&self) -> io::Result<()> {
        self.backend.close()
    }
}

/// Whose a file is, by its first block, if it says so.
#[cfg(not(madsim))]
pub(super) fn identity_in(file: &'static str, first: &[u8]) -> Option<Identity> {
    read_owner(file, first.get(..BLOCK_BYTES)?).ok().map(|(owner, _)| owner.identity)
}

/// The format of files that are begun now.
fn format_of(file: &str) -> u64 {
    if file == LOG_FILE { LOG_FORMAT } else { STATE_FORMAT }
}

/// Where the engine's file begins.
fn engine_at(file: &str, format: u64) -> usize {
    let has_journal = file == LOG_FILE && format == LOG_FORMAT;
    BLOCK_BYTES + if has_journal { JOURNAL_BYTES } else { 0 }
}

fn number_of(file: &str) -> u64 {
    if file == LOG_FILE { 1 } else { 2 }
}

fn encode_owner(file: &str, Owner { identity, incarnation }: &Owner) -> Option<Vec<u8>> {
    let mut first = MAGIC.to_vec();
    let length = identity.cluster.len() as u64;
    for number in [format_of(file), number_of(file), *incarnation, identity.node, length] {
        first.extend_from_slice(&number.to_le_bytes());
    }
    first.extend_from_slice(identity.cluster.as_bytes());
    if first.len() > OWNER_SUM {
        return None;
    }
    first.resize(OWNER_SUM, 0);
    first.extend_from_slice(&crc32fast::hash(&first).to_le_bytes());
    first.resize(BLOCK_BYTES, 0);
    Some(first)
}

/// Whose file it is, and its format.
fn read_owner(file: &'static str, first: &[u8]) -> Result<(Owner, u64), StorageError> {
    let corrupt = |what: &str| StorageError::Corrupt { file, what: what.to_owned() };
    if first.starts_with(&ENGINE_MAGIC) {
        return Err(StorageError::Format { file, found: FORMAT_WITHOUT_FIRST_BLOCK, known: format_of(file) });
    }
    let sum = u32::from_le_bytes(first[OWNER_SUM..MARKS[0]].try_into().expect("four bytes"));
    if !first.starts_with(&MAGIC) || crc32fast::hash(&first[..OWNER_SUM]) != sum {
        return Err(corrupt("its first block, which says whose it is"));
    }
    let numbers: Vec<u64> = (first[MAGIC.len()..OWNER_FIXED_BYTES].as_chunks::<8>().0.iter())
        .map(|bytes| u64::from_le_bytes(*bytes))
        .collect();
    let [format, number, incarnation, node, length] = numbers[..] else {
        return Err(corrupt("its first block"));
    };
    if number != number_of(file) {
        let found = if number == number_of(LOG_FILE) { LOG_FILE } else { STATE_FILE };
        return Err(StorageError::WrongFile { file, found });
    }
    let is_known = format == format_of(file) || file == LOG_FILE && format == LOG_FORMAT_WITHOUT_JOURNAL;
    if !is_known {
        return Err(StorageError::Format { file, found: format, known: format_of(file) });
    }
    let cluster = first.get(OWNER_FIXED_BYTES..OWNER_FIXED_BYTES + length as usize);
    let cluster = cluster.and_then(|name| String::from_utf8(name.to_vec()).ok());
    let cluster = cluster.ok_or_else(|| corrupt("its first block: the cluster's name"))?;
    Ok((Owner { identity: Identity { cluster, node }, incarnation }, format))
}

/// The number of commits that a first block notes, 0 for none; and the place of a mark that cannot be read.
///
/// Of two marks the one that is written is the older. If it cannot be read, power failed meanwhile, and the commit that it was to note
/// was durable before: so there is at least one more than the other mark says. Should that commit not be there, mark and commit are damaged.
fn noted(first: &[u8]) -> (u64, Option<usize>) {
    let mark = |place: usize| &first[place..place + MARK_BYTES];
    let is_torn =
        |&place: &usize| read_mark(mark(place)).is_none() && mark(place).iter().any(|byte| *byte != 0);
    let highest = MARKS.into_iter().filter_map(|place| read_mark(mark(place))).max().unwrap_or(0);
    let torn = MARKS.into_iter().find(is_torn);
    (highest + u64::from(torn.is_some()), torn)
}

fn read_mark(bytes: &[u8]) -> Option<u64> {
    let (number, sum) = bytes[..MARK_BYTES].split_first_chunk::<8>()?;
    (sum == crc32fast::hash(number).to_le_bytes()).then(|| u64::from_le_bytes(*number))
}
