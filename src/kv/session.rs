//! Sessions: what makes a retried write apply once (Raft thesis, section 6.3).
//!
//! A session remembers the reply to each of its writes until the client acknowledges it. A batch works on copies of
//! the sessions it touches and writes them back once, so that a stamped write costs one cached reply and no more.

use std::{
    collections::BTreeMap,
    ops::{
        Bound::{Included, Unbounded},
        ControlFlow::Continue,
        RangeInclusive,
    },
};

use super::{
    Error, KeyRange, Reply, Stamp, Table, Write,
    codec::{Decoder, Encode},
    error::{Corrupt, Direction, scan},
    ledger::Ledger,
};

/// A session that was idle for longer is removed when the next one is opened. An hour outlives every deadline and
/// every retry of a client that still lives, and bounds what the dead ones leave behind.
pub const SESSION_IDLE_MS_MAX: u64 = 60 * 60 * 1000;

/// What becomes of a stamped command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It was never applied: apply it.
    New,
    /// It was applied before, with this reply.
    Answered(Reply),
    /// Its answer was acknowledged.
    Stale,
    /// Nobody knows its session.
    Expired,
}

/// The stored record of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Session {
    active_ms: u64,
    acknowledged_below: u64,
    /// No sequence above this one was ever applied, so that most writes need not look for a cached reply.
    sequence_max: u64,
}

/// A session in the hands of the current batch.
#[derive(Clone, Copy, Debug)]
struct Touched {
    session: Session,
    /// Replies below this sequence were dropped by earlier batches.
    replies_from: u64,
}

/// The sessions touched by the current batch, by id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    touched: BTreeMap<u64, Touched>,
}

impl Sessions {
    /// Decides about a stamped command, and notes that its session lives and what it acknowledges.
    pub(crate) fn admit<W: Write>(
        &mut self,
        ledger: &Ledger<'_, W>,
        stamp: Stamp,
        now_ms: u64,
    ) -> Result<Admission, Error<W::Error>> {
        let Some(session) = self.touch(ledger, stamp.session)? else { return Ok(Admission::Expired) };
        session.active_ms = now_ms;
        session.acknowledged_below = session.acknowledged_below.max(stamp.acknowledged_below);
        if stamp.sequence < session.acknowledged_below {
            return Ok(Admission::Stale);
        }
        if stamp.sequence > session.sequence_max {
            session.sequence_max = stamp.sequence;
            return Ok(Admission::New);
        }
        match ledger.get(Table::Replies, &reply_key(stamp.session, stamp.sequence))? {
            Some(record) => Ok(Admission::Answered(Reply::decode(&record)?)),
            None => Ok(Admission::New),
        }
    }

    fn touch<W: Write>(
        &mut self,
        ledger: &Ledger<'_, W>,
        id: u64,
    ) -> Result<Option<&mut Session>, Error<W::Error>> {
        use std::collections::btree_map::Entry;
        let touched = match self.touched.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let Some(record) = ledger.get(Table::Sessions, &id.to_be_bytes())? else { return Ok(None) };
                let session = Session::decode(&record)?;
                entry.insert(Touched { session, replies_from: session.acknowledged_below })
            }
        };
        Ok(Some(&mut touched.session))
    }

    /// Keeps the reply to a command that was admitted as new.
    pub(crate) fn remember<W: Write>(
        &mut self,
        ledger: &mut Ledger<'_, W>,
        stamp: Stamp,
        reply: &Reply,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Error<W::Error>> {
        scratch.clear();
        reply.encode(scratch);
        ledger.append(Table::Replies, &reply_key(stamp.session, stamp.sequence), scratch)
    }

    /// Opens a session, and removes those that were idle for too long. One that is open already stays as it is: whoever opens
    /// it asks again until it is answered.
    pub(crate) fn open<W: Write>(
        &mut self,
        ledger: &mut Ledger<'_, W>,
        id: u64,
        now_ms: u64,
        idle_ms_max: u64,
    ) -> Result<(), Error<W::Error>> {
        if self.touch(ledger, id)?.is_some() {
            return Ok(());
        }
        self.flush(ledger)?;
        for idle in idle_sessions(ledger, now_ms, idle_ms_max)? {
            remove_replies(ledger, idle, 0..=u64::MAX)?;
            ledger.remove(Table::Sessions, &idle.to_be_bytes())?;
        }
        let session = Session { active_ms: now_ms, acknowledged_below: 0, sequence_max: 0 };
        self.touched.insert(id, Touched { session, replies_from: 0 });
        Ok(())
    }

    /// Writes back what the batch touched, and drops the replies that were acknowledged.
    pub(crate) fn flush<W: Write>(&mut self, ledger: &mut Ledger<'_, W>) -> Result<(), Error<W::Error>> {
        for (id, Touched { session, replies_from }) in std::mem::take(&mut self.touched) {
            if let Some(acknowledged) = session.acknowledged_below.checked_sub(1) {
                remove_replies(ledger, id, replies_from..=acknowledged)?;
            }
            ledger.insert(Table::Sessions, &id.to_be_bytes(), &session.encode())?;
        }
        Ok(())
    }
}

fn idle_sessions<W: Write>(
    ledger: &Ledger<'_, W>,
    now_ms: u64,
    idle_ms_max: u64,
) -> Result<Vec<u64>, Error<W::Error>> {
    let mut idle = Vec::new();
    scan(ledger.store, Table::Sessions, (Unbounded, Unbounded), Direction::Ascending, |key, record| {
        let id = Decoder::new(Table::Sessions, key).u64()?;
        if now_ms.saturating_sub(Session::decode(record)?.active_ms) > idle_ms_max {
            idle.push(id);
        }
        Ok(Continue(()))
    })?;
    Ok(idle)
}

fn remove_replies<W: Write>(
    ledger: &mut Ledger<'_, W>,
    session: u64,
    sequences: RangeInclusive<u64>,
) -> Result<(), Error<W::Error>> {
    if sequences.is_empty() {
        return Ok(());
    }
    let (first, last) = (reply_key(session, *sequences.start()), reply_key(session, *sequences.end()));
    let mut keys = Vec::new();
    let range: KeyRange<'_> = (Included(&first), Included(&last));
    scan(ledger.store, Table::Replies, range, Direction::Ascending, |key, _| {
        keys.push(key.to_vec());
        Ok(Continue(()))
    })?;
    keys.iter().try_for_each(|key| ledger.remove(Table::Replies, key))
}

fn reply_key(session: u64, sequence: u64) -> [u8; 16] {
    (u128::from(session) << 64 | u128::from(sequence)).to_be_bytes()
}

impl Session {
    fn encode(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(24);
        record.u64(self.active_ms);
        record.u64(self.acknowledged_below);
        record.u64(self.sequence_max);
        record
    }

    fn decode(record: &[u8]) -> Result<Session, Corrupt> {
        let mut decoder = Decoder::new(Table::Sessions, record);
        let session = Session {
            active_ms: decoder.u64()?,
            acknowledged_below: decoder.u64()?,
            sequence_max: decoder.u64()?,
        };
        decoder.end()?;
        Ok(session)
    }
}
