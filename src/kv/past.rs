//! Reading the past: the versions of keys that had begun at a revision and have ended since.

use std::ops::{
    Bound::{Excluded, Included},
    ControlFlow::Break,
};

use super::{
    Error, KeyRange, Read, Table,
    error::{Corrupt, Direction, scan},
    record::{Event, EventId, Version, decode_sub, index_key, index_prefix, parse_index_key},
    span::{Span, lend},
};

/// Shows each such version of a span, in the order of keys. A key costs two searches at most, however many versions it
/// has had.
pub(crate) fn visit_past<R: Read>(
    store: &R,
    span: Span<'_>,
    revision: i64,
    direction: Direction,
    mut visit: impl FnMut(&[u8], Version<'_>),
) -> Result<(), Error<R::Error>> {
    let Some(mut rest) = span.index() else { return Ok(()) };
    while let Some(next) = first(store, lend(&rest), direction)? {
        if let Some(event) = first_after(store, &next.key, revision)? {
            let record = store.get(Table::History, &event.to_key()).map_err(Error::Store)?;
            let record = record.ok_or(Corrupt {
                table: Table::Index,
                what: "it names an event that the history does not hold",
            })?;
            let event = Event::decode(&record)?;
            if event.key != next.key {
                let what = "it names an event of another key";
                return Err(Corrupt { table: Table::Index, what }.into());
            }
            if let Some(version) = event.previous.filter(|version| version.mod_revision <= revision) {
                visit(&next.key, version);
            }
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
