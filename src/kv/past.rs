//! Reading the past: the versions of keys that had begun at a revision and have ended since.

use std::ops::{
    Bound::{Excluded, Included},
    ControlFlow::{self, Break},
};

use super::{
    Error, KeyRange, Read, Table,
    error::{Corrupt, Direction, scan},
    record::{Event, EventId, Version, decode_sub, index_key, index_prefix, parse_index_key},
    span::{index_range, lend},
};

/// Searches that a key of the past costs at most, however many versions it has had: a step is charged as many records for it.
pub(crate) const PAST_KEY_RECORDS: usize = 3;

/// Shows the keys of a range that have a past, in their order, each with its version of that kind, if it has one. A key
/// costs [`PAST_KEY_RECORDS`] searches at most.
pub(crate) fn visit_past<R: Read>(
    store: &R,
    range: KeyRange<'_>,
    revision: i64,
    direction: Direction,
    mut visit: impl FnMut(&[u8], Option<Version<'_>>) -> ControlFlow<()>,
) -> Result<(), Error<R::Error>> {
    let mut rest = index_range(range);
    while let Some(next) = first(store, lend(&rest), direction)? {
        let ended = first_after(store, &next.key, revision)?;
        let record = ended.map(|event| event_record(store, event)).transpose()?;
        let event = record.as_deref().map(Event::decode).transpose()?;
        if event.is_some_and(|event| event.key != next.key) {
            let what = "it names an event of another key";
            return Err(Corrupt { table: Table::Index, what }.into());
        }
        let previous = event.and_then(|event| event.previous);
        if visit(&next.key, previous.filter(|version| version.mod_revision <= revision)).is_break() {
            break;
        }
        match direction {
            Direction::Ascending => rest.0 = Excluded(index_key(&next.key, i64::MAX)),
            Direction::Descending => rest.1 = Excluded(index_prefix(&next.key)),
        }
    }
    Ok(())
}

/// An entry of the index: a version of the key ended with this event.
struct Ended {
    key: Vec<u8>,
    event: EventId,
}

/// The first end of a version of a key after a revision that is not the latest.
fn first_after<R: Read>(store: &R, key: &[u8], revision: i64) -> Result<Option<EventId>, Error<R::Error>> {
    let later = (Included(index_key(key, revision + 1)), Included(index_key(key, i64::MAX)));
    Ok(first(store, lend(&later), Direction::Ascending)?.map(|ended| ended.event))
}

fn event_record<R: Read>(store: &R, event: EventId) -> Result<Vec<u8>, Error<R::Error>> {
    let record = store.get(Table::History, &event.to_key()).map_err(Error::Store)?;
    let what = "it names an event that the history does not hold";
    Ok(record.ok_or(Corrupt { table: Table::Index, what })?)
}

fn first<R: Read>(
    store: &R,
    range: KeyRange<'_>,
    direction: Direction,
) -> Result<Option<Ended>, Error<R::Error>> {
    let mut first = None;
    scan(store, Table::Index, range, direction, |key, record| {
        let (key, main) = parse_index_key(key)?;
        first = Some(Ended { key, event: EventId { main, sub: decode_sub(record)? } });
        Ok(Break(()))
    })?;
    Ok(first)
}
