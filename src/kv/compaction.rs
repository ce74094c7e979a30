//! Compaction: the past before a revision is given up. What that takes from the state is settled in a moment, in the
//! same entry on every replica; to remove the records is each node's own affair, little by little.

use std::ops::{
    Bound::{Excluded, Included, Unbounded},
    ControlFlow::{Break, Continue},
};

use super::{
    Error, Header, Rejection, Table, Write,
    error::{Direction, scan},
    ledger::Ledger,
    record::{Event, EventId, index_key},
};

/// Gives up every version that ended before a revision. At that revision the store can still be read, and its own events
/// stay (as etcd keeps them, a deletion too), for who watches from there on.
pub(crate) fn compact<W: Write>(
    header: &mut Header,
    ledger: &mut Ledger<'_, W>,
    revision: i64,
) -> Result<Result<(), Rejection>, Error<W::Error>> {
    if revision <= header.compacted_revision {
        return Ok(Err(Rejection::Compacted));
    }
    if revision > header.revision {
        return Ok(Err(Rejection::FutureRevision));
    }
    let first_kept = EventId::first_of(revision).to_key();
    let mut before = ledger.history;
    let kept = (Included(&first_kept[..]), Unbounded);
    scan(ledger.store, Table::History, kept, Direction::Ascending, |_, record| {
        before = Event::decode(record)?.before;
        Ok(Break(()))
    })?;
    ledger.content = ledger.content.minus(before.minus(header.compacted));
    (header.compacted, header.compacted_revision) = (before, revision);
    Ok(Ok(()))
}

/// What one step reads, about, however many events it may remove: each holds a value.
const STEP_BYTES_MAX: usize = 1 << 20;

/// An event of the history and, if it ended a version, the entry of the index that names it.
type Doomed = (Vec<u8>, Option<Vec<u8>>);

/// Removes what is compacted. It leaves no mark on the state: replicas may be at different places.
#[derive(Debug, Default)]
pub struct Pruner {
    /// The last event that was removed: what lies before is gone, but still to be passed over where the store keeps
    /// removals for a while.
    last: Option<Vec<u8>>,
}

impl Pruner {
    /// Removes the next events, at most so many. False: nothing is left to remove, until more is compacted.
    ///
    /// # Errors
    /// The store failed, or holds a corrupt record.
    pub fn step<W: Write>(&mut self, store: &mut W, events_max: usize) -> Result<bool, Error<W::Error>> {
        let compacted_revision = Header::load(store)?.compacted_revision;
        let (doomed, is_more) = self.next_events(store, compacted_revision, events_max)?;
        for (event, index) in &doomed {
            store.remove(Table::History, event).map_err(Error::Store)?;
            if let Some(index) = index {
                store.remove(Table::Index, index).map_err(Error::Store)?;
            }
        }
        self.last = doomed.into_iter().next_back().map(|(event, _)| event).or(self.last.take());
        Ok(is_more)
    }

    fn next_events<W: Write>(
        &self,
        store: &W,
        compacted_revision: i64,
        events_max: usize,
    ) -> Result<(Vec<Doomed>, bool), Error<W::Error>> {
        let first_kept = EventId::first_of(compacted_revision).to_key();
        let start = self.last.as_deref().map_or(Unbounded, Excluded);
        let (mut doomed, mut bytes, mut is_more) = (Vec::new(), 0, false);
        scan(store, Table::History, (start, Excluded(&first_kept)), Direction::Ascending, |key, record| {
            let event = Event::decode(record)?;
            let ended = EventId::from_key(key)?.main;
            doomed.push((key.to_vec(), event.previous.map(|_| index_key(event.key, ended))));
            bytes += key.len() + record.len();
            is_more = doomed.len() >= events_max || bytes >= STEP_BYTES_MAX;
            Ok(if is_more { Break(()) } else { Continue(()) })
        })?;
        Ok((doomed, is_more))
    }
}
