//! Applying the log: a pure function of the state and the entry, so that every replica goes through the same states.

use super::{
    Command, Error, Header, Operation, Read, Rejection, Reply, Stamp, Table, Write, alarm, compaction,
    delete_range,
    ledger::Ledger,
    put,
    session::{Admission, SESSION_IDLE_MS_MAX, Sessions},
    validate,
};

const MEMBERS_KEY: &[u8] = b"members";

/// The members as the last change applied left them; `None` before the first.
pub fn members<R: Read>(store: &R) -> Result<Option<Vec<u8>>, Error<R::Error>> {
    store.get(Table::Members, MEMBERS_KEY).map_err(Error::Store)
}

/// Puts other members in the place of those that were applied: a new cluster begins with the state of an old one.
pub(crate) fn replace_members<W: Write>(store: &mut W, members: &[u8]) -> Result<(), Error<W::Error>> {
    let mut header = Header::load(store)?;
    let mut ledger = Ledger { store, content: header.content, history: header.history };
    ledger.insert(Table::Members, MEMBERS_KEY, members)?;
    header.content = ledger.content;
    header.save(store)
}

/// Applies one batch of entries within one transaction.
///
/// Invariants: entries are applied in the order of the log, each once, none left out; and how the log is cut into
/// batches leaves no mark on the state. After an error the transaction is in pieces and must be dropped.
pub struct Applier<'a, W: Write> {
    header: Header,
    ledger: Ledger<'a, W>,
    sessions: Sessions,
    session_idle_ms: u64,
    /// Where records are encoded: one allocation for the whole batch.
    scratch: Vec<u8>,
}

impl<'a, W: Write> Applier<'a, W> {
    /// Begins a batch where the store stands.
    pub fn begin(store: &'a mut W) -> Result<Self, Error<W::Error>> {
        let header = Header::load(store)?;
        let ledger = Ledger { store, content: header.content, history: header.history };
        let (sessions, session_idle_ms) = (Sessions::default(), SESSION_IDLE_MS_MAX);
        Ok(Applier { header, ledger, sessions, session_idle_ms, scratch: Vec::new() })
    }

    /// Sessions that were idle for longer are removed when another is opened, instead of after [`SESSION_IDLE_MS_MAX`]. All who
    /// apply a log must agree on it.
    #[must_use]
    pub fn with_session_idle_ms(self, session_idle_ms: u64) -> Self {
        Self { session_idle_ms, ..self }
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
            Operation::Put(put) => put::execute(&mut self.header, &mut self.ledger, put, &mut self.scratch),
            Operation::DeleteRange(delete) => {
                delete_range::execute(&mut self.header, &mut self.ledger, delete, &mut self.scratch)
            }
            Operation::OpenSession { id } => self.open_session(*id),
            Operation::Compact { revision } => self.compact(*revision),
            Operation::Alarm(request) => alarm::execute(&mut self.header, &mut self.ledger, *request),
        }
    }

    fn compact(&mut self, revision: i64) -> Result<Reply, Error<W::Error>> {
        Ok(match compaction::compact(&mut self.header, &mut self.ledger, revision)? {
            Ok(()) => Reply::Compacted { revision: self.header.revision },
            Err(rejection) => Reply::Rejected(rejection),
        })
    }

    fn open_session(&mut self, session: u64) -> Result<Reply, Error<W::Error>> {
        let (now_ms, idle_ms_max) = (self.header.timestamp_ms, self.session_idle_ms);
        self.sessions.open(&mut self.ledger, session, now_ms, idle_ms_max)?;
        Ok(Reply::SessionOpened { session })
    }
}
