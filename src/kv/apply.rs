//! Applying the log: a pure function of the state and the entry, so that every replica goes through the same states.

use std::ops::{
    Bound::Excluded,
    ControlFlow::{Break, Continue},
};

use super::{
    Command, DeleteRange, Error, Header, KeyRange, Operation, PREV_KVS_BYTES_MAX, Put, Read, Rejection,
    Reply, Stamp, Table, Write, alarm, compaction,
    error::{Direction, scan},
    ledger::Ledger,
    record::{Event, EventId, EventKind, Version, index_key},
    session::{Admission, Sessions},
    span::Span,
    validate,
};

/// A key and its stored value.
type Record = (Vec<u8>, Vec<u8>);

/// What a deletion holds in memory at a time, however much lies in its range.
const STEP_BYTES_MAX: usize = 256 << 10;

const MEMBERS_KEY: &[u8] = b"members";

/// The members as the last change applied left them; `None` before the first.
pub fn members<R: Read>(store: &R) -> Result<Option<Vec<u8>>, Error<R::Error>> {
    store.get(Table::Members, MEMBERS_KEY).map_err(Error::Store)
}

/// Applies one batch of entries within one transaction.
///
/// Invariants: entries are applied in the order of the log, each once, none left out; and how the log is cut into
/// batches leaves no mark on the state. After an error the transaction is in pieces and must be dropped.
pub struct Applier<'a, W: Write> {
    header: Header,
    ledger: Ledger<'a, W>,
    sessions: Sessions,
    /// Where records are encoded: one allocation for the whole batch.
    scratch: Vec<u8>,
}

impl<'a, W: Write> Applier<'a, W> {
    /// Begins a batch where the store stands.
    pub fn begin(store: &'a mut W) -> Result<Self, Error<W::Error>> {
        let header = Header::load(store)?;
        let ledger = Ledger { store, content: header.content, history: header.history };
        Ok(Applier { header, ledger, sessions: Sessions::default(), scratch: Vec::new() })
    }

    /// Applies the command of the entry at a position (term, index).
    ///
    /// # Panics
    /// When the entry is not the one that follows the last applied: to go on would let replicas diverge.
    pub fn apply(&mut self, position: (u64, u64), command: &Command) -> Result<Reply, Error<W::Error>> {
        self.advance(position);
        self.header.timestamp_ms = self.header.timestamp_ms.max(command.timestamp_ms);
        match command.stamp {
            Some(stamp) => self.execute_once(stamp, &command.operation),
            None => self.execute(&command.operation),
        }
    }

    /// Applies a change of membership: `members` is kept as it is given, for [`members`] to find.
    ///
    /// # Panics
    /// As [`Applier::apply`] does.
    pub fn set_members(&mut self, position: (u64, u64), members: &[u8]) -> Result<(), Error<W::Error>> {
        self.advance(position);
        self.ledger.insert(Table::Members, MEMBERS_KEY, members)
    }

    /// Passes over an entry that carries no command.
    ///
    /// # Panics
    /// As [`Applier::apply`] does.
    pub fn skip(&mut self, position: (u64, u64)) {
        self.advance(position);
    }

    /// Ends the batch: writes what was gathered, and the header once.
    pub fn finish(mut self) -> Result<Header, Error<W::Error>> {
        self.sessions.flush(&mut self.ledger)?;
        (self.header.content, self.header.history) = (self.ledger.content, self.ledger.history);
        self.header.save(self.ledger.store)?;
        Ok(self.header)
    }

    fn advance(&mut self, (term, index): (u64, u64)) {
        let header = &mut self.header;
        assert!(
            index > header.applied_index,
            "entry {index} is applied already, up to {}",
            header.applied_index
        );
        assert!(
            index == header.applied_index + 1,
            "entry {index} leaves a gap after {}",
            header.applied_index
        );
        assert!(
            term >= header.applied_term,
            "entry {index} goes back from term {} to {term}",
            header.applied_term
        );
        (header.applied_term, header.applied_index) = (term, index);
    }

    fn execute_once(&mut self, stamp: Stamp, operation: &Operation) -> Result<Reply, Error<W::Error>> {
        match self.sessions.admit(&self.ledger, stamp, self.header.timestamp_ms)? {
            Admission::New => {
                let reply = self.execute(operation)?;
                self.sessions.remember(&mut self.ledger, stamp, &reply, &mut self.scratch)?;
                Ok(reply)
            }
            Admission::Answered(reply) => Ok(reply),
            Admission::Stale => Ok(Reply::Rejected(Rejection::Stale)),
            Admission::Expired => Ok(Reply::Rejected(Rejection::SessionExpired)),
        }
    }

    fn execute(&mut self, operation: &Operation) -> Result<Reply, Error<W::Error>> {
        if let Err(message) = validate(operation) {
            return Ok(Reply::Rejected(Rejection::Invalid(message)));
        }
        match operation {
            Operation::Put(put) => self.put(put),
            Operation::DeleteRange(delete) => self.delete_range(delete),
            Operation::OpenSession { id } => self.open_session(*id),
            Operation::Compact { revision } => self.compact(*revision),
            Operation::Alarm(request) => alarm::execute(&mut self.header, &mut self.ledger, *request),
        }
    }

    fn put(&mut self, put: &Put) -> Result<Reply, Error<W::Error>> {
        if self.header.is_out_of_space {
            return Ok(Reply::Rejected(Rejection::NoSpace));
        }
        let stored = self.ledger.get(Table::Current, &put.key)?;
        let previous = stored.as_deref().map(Version::decode).transpose()?;
        if previous.is_none() && (put.ignore_value || put.ignore_lease) {
            return Ok(Reply::Rejected(Rejection::KeyNotFound));
        }
        let revision = self.header.revision + 1;
        self.scratch.clear();
        next_version(put, previous, revision).encode(&mut self.scratch);
        self.ledger.insert(Table::Current, &put.key, &self.scratch)?;
        let kind = if previous.is_some() { EventKind::Replaced } else { EventKind::Created };
        self.record(EventId::first_of(revision), kind, &put.key, stored.as_deref().unwrap_or_default())?;
        self.header.revision = revision;
        let prev_kv = previous.filter(|_| put.prev_kv).map(|version| version.to_key_value(&put.key));
        Ok(Reply::Put { revision, prev_kv })
    }

    /// All that one request deletes shares one revision. If there is nothing to delete, the store stays as it is.
    fn delete_range(&mut self, delete: &DeleteRange) -> Result<Reply, Error<W::Error>> {
        let span = Span::new(&delete.key, &delete.range_end);
        let unchanged = self.header.revision;
        let nothing = Reply::DeleteRange { revision: unchanged, deleted: 0, prev_kvs: vec![] };
        let Some((start, end)) = span.current() else { return Ok(nothing) };
        if delete.prev_kv && self.weighs_more_than((start, end), PREV_KVS_BYTES_MAX)? {
            return Ok(Reply::Rejected(Rejection::PrevKvsTooLarge));
        }
        let (mut deleted, mut prev_kvs) = (0u32, Vec::new());
        let mut last: Option<Vec<u8>> = None;
        loop {
            let rest = (last.as_deref().map_or(start, Excluded), end);
            let doomed = self.first_records(rest)?;
            for (sub, (key, record)) in (deleted..).zip(&doomed) {
                let pair = self.delete(EventId { main: unchanged + 1, sub }, key, record)?;
                prev_kvs
                    .extend(Some(pair).filter(|_| delete.prev_kv).map(|version| version.to_key_value(key)));
            }
            deleted += doomed.len() as u32;
            let Some((key, _)) = doomed.into_iter().next_back() else { break };
            last = Some(key);
        }
        if deleted == 0 {
            return Ok(nothing);
        }
        self.header.revision = unchanged + 1;
        Ok(Reply::DeleteRange { revision: unchanged + 1, deleted: deleted.into(), prev_kvs })
    }

    fn delete<'r>(
        &mut self,
        event: EventId,
        key: &[u8],
        record: &'r [u8],
    ) -> Result<Version<'r>, Error<W::Error>> {
        let version = Version::decode(record)?;
        self.ledger.remove(Table::Current, key)?;
        self.record(event, EventKind::Deleted, key, record)?;
        Ok(version)
    }

    /// The first records of a range of live pairs: as many as one step may hold in memory, and at least one.
    fn first_records(&self, range: KeyRange<'_>) -> Result<Vec<Record>, Error<W::Error>> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        scan(self.ledger.store, Table::Current, range, Direction::Ascending, |key, record| {
            bytes += key.len() + record.len();
            records.push((key.to_vec(), record.to_vec()));
            Ok(if bytes < STEP_BYTES_MAX { Continue(()) } else { Break(()) })
        })?;
        Ok(records)
    }

    fn weighs_more_than(&self, range: KeyRange<'_>, bytes_max: usize) -> Result<bool, Error<W::Error>> {
        let mut bytes = 0;
        scan(self.ledger.store, Table::Current, range, Direction::Ascending, |key, record| {
            bytes += key.len() + record.len();
            Ok(if bytes <= bytes_max { Continue(()) } else { Break(()) })
        })?;
        Ok(bytes > bytes_max)
    }

    /// Enters an event into the history; `previous` is the record of the version that it ends, if it ends one.
    fn record(
        &mut self,
        event: EventId,
        kind: EventKind,
        key: &[u8],
        previous: &[u8],
    ) -> Result<(), Error<W::Error>> {
        self.scratch.clear();
        Event::encode(self.ledger.history, kind, key, previous, &mut self.scratch);
        self.ledger.append_history(Table::History, &event.to_key(), &self.scratch)?;
        if kind != EventKind::Created {
            let (key, sub) = (index_key(key, event.main), event.sub.to_be_bytes());
            self.ledger.append_history(Table::Index, &key, &sub)?;
        }
        Ok(())
    }

    fn compact(&mut self, revision: i64) -> Result<Reply, Error<W::Error>> {
        Ok(match compaction::compact(&mut self.header, &mut self.ledger, revision)? {
            Ok(()) => Reply::Compacted { revision: self.header.revision },
            Err(rejection) => Reply::Rejected(rejection),
        })
    }

    fn open_session(&mut self, session: u64) -> Result<Reply, Error<W::Error>> {
        self.sessions.open(&mut self.ledger, session, self.header.timestamp_ms)?;
        Ok(Reply::SessionOpened { session })
    }
}

/// The version that a put makes of the previous one.
fn next_version<'v>(put: &'v Put, previous: Option<Version<'v>>, revision: i64) -> Version<'v> {
    let fresh = Version {
        create_revision: revision,
        mod_revision: revision,
        version: 1,
        lease: put.lease,
        value: &put.value,
    };
    let Some(previous) = previous else { return fresh };
    Version {
        create_revision: previous.create_revision,
        version: previous.version + 1,
        lease: if put.ignore_lease { previous.lease } else { put.lease },
        value: if put.ignore_value { previous.value } else { &put.value },
        ..fresh
    }
}
