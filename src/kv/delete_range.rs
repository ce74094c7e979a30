//! A deletion: every key of a range loses its version, which becomes history.

use std::ops::{
    Bound::Excluded,
    ControlFlow::{Break, Continue},
};

use super::{
    DeleteRange, Error, Header, KeyRange, PREV_KVS_BYTES_MAX, Read, Rejection, Reply, Table, Write,
    error::{Direction, scan},
    ledger::Ledger,
    record::{EventId, EventKind, Version},
    span::Span,
};

/// A key and its stored value.
type Record = (Vec<u8>, Vec<u8>);

/// What a deletion holds in memory at a time, however much lies in its range.
const STEP_BYTES_MAX: usize = 256 << 10;

/// All that one request deletes shares one revision. If there is nothing to delete, the store stays as it is.
pub(super) fn execute<W: Write>(
    header: &mut Header,
    ledger: &mut Ledger<'_, W>,
    delete: &DeleteRange,
    scratch: &mut Vec<u8>,
) -> Result<Reply, Error<W::Error>> {
    let span = Span::new(&delete.key, &delete.range_end);
    let unchanged = header.revision;
    let nothing = Reply::DeleteRange { revision: unchanged, deleted: 0, prev_kvs: vec![] };
    let Some((start, end)) = span.current() else { return Ok(nothing) };
    if delete.prev_kv && weighs_more_than(ledger.store, (start, end), PREV_KVS_BYTES_MAX)? {
        return Ok(Reply::Rejected(Rejection::PrevKvsTooLarge));
    }
    let (mut deleted, mut prev_kvs) = (0u32, Vec::new());
    let mut last: Option<Vec<u8>> = None;
    loop {
        let rest = (last.as_deref().map_or(start, Excluded), end);
        let doomed = first_records(ledger.store, rest)?;
        for (sub, (key, record)) in (deleted..).zip(&doomed) {
            let pair = delete_one(ledger, EventId { main: unchanged + 1, sub }, key, record, scratch)?;
            prev_kvs.extend(Some(pair).filter(|_| delete.prev_kv).map(|version| version.to_key_value(key)));
        }
        deleted += doomed.len() as u32;
        let Some((key, _)) = doomed.into_iter().next_back() else { break };
        last = Some(key);
    }
    if deleted == 0 {
        return Ok(nothing);
    }
    header.revision = unchanged + 1;
    Ok(Reply::DeleteRange { revision: unchanged + 1, deleted: deleted.into(), prev_kvs })
}

fn delete_one<'r, W: Write>(
    ledger: &mut Ledger<'_, W>,
    event: EventId,
    key: &[u8],
    record: &'r [u8],
    scratch: &mut Vec<u8>,
) -> Result<Version<'r>, Error<W::Error>> {
    let version = Version::decode(record)?;
    ledger.remove(Table::Current, key)?;
    ledger.record_event(event, EventKind::Deleted, key, record, scratch)?;
    Ok(version)
}

/// The first records of a range of live pairs: as many as one step may hold in memory, and at least one.
fn first_records<R: Read>(store: &R, range: KeyRange<'_>) -> Result<Vec<Record>, Error<R::Error>> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    scan(store, Table::Current, range, Direction::Ascending, |key, record| {
        bytes += key.len() + record.len();
        records.push((key.to_vec(), record.to_vec()));
        Ok(if bytes < STEP_BYTES_MAX { Continue(()) } else { Break(()) })
    })?;
    Ok(records)
}

fn weighs_more_than<R: Read>(
    store: &R,
    range: KeyRange<'_>,
    bytes_max: usize,
) -> Result<bool, Error<R::Error>> {
    let mut bytes = 0;
    scan(store, Table::Current, range, Direction::Ascending, |key, record| {
        bytes += key.len() + record.len();
        Ok(if bytes <= bytes_max { Continue(()) } else { Break(()) })
    })?;
    Ok(bytes > bytes_max)
}

#[cfg(test)]
mod tests {
    use std::ops::Bound::Unbounded;

    use super::*;
    use crate::kv::MemoryStore;

    const ALL: KeyRange<'static> = (Unbounded, Unbounded);

    /// So many records that weigh as much each, key and value.
    fn store_of(records: usize, bytes: usize) -> MemoryStore {
        let mut store = MemoryStore::default();
        for key in (b'a'..).take(records) {
            let Ok(_) = store.insert(Table::Current, &[key], &vec![0; bytes - 1]);
        }
        store
    }

    #[test]
    fn a_step_ends_with_the_record_that_fills_it() {
        let taken = |bytes| {
            let Ok(records) = first_records(&store_of(4, bytes), ALL) else { panic!("nothing is decoded") };
            records.len()
        };
        let half = 128 << 10;
        assert_eq!([2, half - 1, half, 2 * half, 9 * half].map(taken), [4, 3, 2, 1, 1]);
    }

    #[test]
    fn what_weighs_as_much_as_it_may_does_not_weigh_more() {
        let store = store_of(3, 100);
        let weighs =
            [0, 299, 300, 301].map(|most| weighs_more_than(&store, ALL, most).expect("nothing is decoded"));
        assert_eq!(weighs, [true, true, false, false]);
    }
}
