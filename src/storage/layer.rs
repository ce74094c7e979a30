//! Changes of the state in memory, above what the file holds: the newest one of each record.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Bound,
};

use redb::AccessGuard;
use smallvec::SmallVec;

use super::StorageError;
use crate::kv::{KeyRange, Table, Visit};

/// What a record costs beside its bytes.
const RECORD_OVERHEAD_BYTES: usize = 96;

/// Most keys are short, and lie in the tree itself: to compare them follows no pointer.
type Key = SmallVec<[u8; 24]>;

/// Changes that were made one after another; the later one of a record has taken the earlier one's place.
#[derive(Debug, Default)]
pub(super) struct Layer {
    tables: [BTreeMap<Key, Change>; Table::ALL.len()],
    /// About what it takes in memory.
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Change {
    /// `None`: removed.
    value: Option<Vec<u8>>,
    /// There is a record of this key below, which a removal must hide.
    covers: bool,
}

/// What a layer knows of a record.
pub(super) enum Known<'a> {
    Value(&'a [u8]),
    Removed,
    Nothing,
}

impl Layer {
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Known<'_> {
        match self.tables[table as usize].get(key) {
            Some(Change { value: Some(value), .. }) => Known::Value(value),
            Some(Change { value: None, .. }) => Known::Removed,
            None => Known::Nothing,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables.iter().all(BTreeMap::is_empty)
    }

    /// Stores a record; `below` finds what lies below the layer. Returns what was replaced.
    pub(super) fn insert(
        &mut self,
        table: Table,
        key: &[u8],
        value: Vec<u8>,
        below: impl FnOnce() -> Result<Option<Vec<u8>>, StorageError>,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let records = &mut self.tables[table as usize];
        self.bytes += value.len();
        if let Some(change) = records.get_mut(key) {
            let replaced = change.value.replace(value);
            self.bytes -= replaced.as_ref().map_or(0, Vec::len);
            return Ok(replaced);
        }
        let replaced = below()?;
        self.bytes += key.len() + RECORD_OVERHEAD_BYTES;
        records.insert(Key::from_slice(key), Change { value: Some(value), covers: replaced.is_some() });
        Ok(replaced)
    }

    /// Stores a record under a key that is nowhere.
    pub(super) fn append(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.cover_record(table as usize, Key::from_slice(key), Some(value), false);
    }

    /// Removes a record. Returns what was removed.
    pub(super) fn remove(
        &mut self,
        table: Table,
        key: &[u8],
        below: impl FnOnce() -> Result<Option<Vec<u8>>, StorageError>,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let records = &mut self.tables[table as usize];
        let Some(change) = records.get_mut(key) else {
            let removed = below()?;
            if removed.is_some() {
                self.bytes += key.len() + RECORD_OVERHEAD_BYTES;
                records.insert(Key::from_slice(key), Change { value: None, covers: true });
            }
            return Ok(removed);
        };
        let removed = change.value.take();
        self.bytes -= removed.as_ref().map_or(0, Vec::len);
        if !change.covers {
            self.bytes -= key.len() + RECORD_OVERHEAD_BYTES;
            records.remove(key);
        }
        Ok(removed)
    }

    /// Takes over the changes of the layer that lies right above.
    pub(super) fn cover(&mut self, above: Layer) {
        for (table, changes) in above.tables.into_iter().enumerate() {
            for (key, Change { value, covers }) in changes {
                self.cover_record(table, key, value, covers);
            }
        }
    }

    fn cover_record(&mut self, table: usize, key: Key, value: Option<Vec<u8>>, covers: bool) {
        let weight = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        match self.tables[table].entry(key) {
            Entry::Occupied(mut present) => {
                let change = present.get_mut();
                self.bytes = self.bytes + weight(&value) - weight(&change.value);
                change.value = value;
                if change.value.is_none() && !change.covers {
                    self.bytes -= present.key().len() + RECORD_OVERHEAD_BYTES;
                    present.remove();
                }
            }
            Entry::Vacant(absent) => {
                self.bytes += absent.key().len() + RECORD_OVERHEAD_BYTES + weight(&value);
                absent.insert(Change { value, covers });
            }
        }
    }

    /// The changes of a table in the order of keys; `None` for a removal.
    pub(super) fn changes(&self, table: Table) -> impl DoubleEndedIterator<Item = (&[u8], Option<&[u8]>)> {
        self.tables[table as usize].iter().map(shown)
    }

    fn range(
        &self,
        table: Table,
        range: KeyRange<'_>,
    ) -> impl DoubleEndedIterator<Item = (&[u8], Option<&[u8]>)> {
        self.tables[table as usize].range::<[u8], _>(range).map(shown)
    }
}

fn shown<'a>((key, change): (&'a Key, &'a Change)) -> (&'a [u8], Option<&'a [u8]>) {
    (key, change.value.as_deref())
}

type Bytes = &'static [u8];
pub(super) type Pair<'a> = (AccessGuard<'a, Bytes>, AccessGuard<'a, Bytes>);

/// Visits a range through layers, the newest first, and what lies below them.
pub(super) fn scan<'a>(
    layers: &[&Layer],
    below: impl DoubleEndedIterator<Item = Result<Pair<'a>, redb::StorageError>>,
    table: Table,
    range: KeyRange<'_>,
    back: bool,
    visit: Visit<'_>,
) -> Result<(), redb::StorageError> {
    let changes = layers.iter().map(|layer| layer.range(table, range));
    match back {
        false => merge(changes.collect(), below, |a, b| a < b, visit),
        true => merge(changes.map(Iterator::rev).collect(), below.rev(), |a, b| a > b, visit),
    }
}

/// A key, and what a layer makes of it: a value, or nothing.
type Head<'l> = (&'l [u8], Option<&'l [u8]>);

/// Of equal keys the first layer's counts, then the next one's, and what lies below last.
fn merge<'l, 'a>(
    mut layers: Vec<impl Iterator<Item = Head<'l>>>,
    mut below: impl Iterator<Item = Result<Pair<'a>, redb::StorageError>>,
    before: impl Fn(&[u8], &[u8]) -> bool,
    visit: Visit<'_>,
) -> Result<(), redb::StorageError> {
    let mut heads: Vec<Option<Head<'l>>> = layers.iter_mut().map(Iterator::next).collect();
    let mut lowest = below.next().transpose()?;
    loop {
        let mut next: Option<Head<'l>> = None;
        for head in heads.iter().flatten() {
            if next.is_none_or(|(key, _)| before(head.0, key)) {
                next = Some(*head);
            }
        }
        let from_below = match (&lowest, next) {
            (None, None) => return Ok(()),
            (Some((key, _)), Some((changed, _))) => before(key.value(), changed),
            (lowest, _) => lowest.is_some(),
        };
        let flow = if from_below {
            let (key, value) = lowest.as_ref().expect("it was compared");
            visit(key.value(), value.value())
        } else {
            let (key, value) = next.expect("something is next");
            value.map_or(std::ops::ControlFlow::Continue(()), |value| visit(key, value))
        };
        if flow.is_break() {
            return Ok(());
        }
        if from_below
            || lowest.as_ref().is_some_and(|(key, _)| next.is_some_and(|(next, _)| key.value() == next))
        {
            lowest = below.next().transpose()?;
        }
        if let (false, Some((key, _))) = (from_below, next) {
            for (head, layer) in heads.iter_mut().zip(&mut layers) {
                if head.is_some_and(|(head, _)| head == key) {
                    *head = layer.next();
                }
            }
        }
    }
}

/// A range whose end lies before its beginning holds nothing; maps and redb take it for a mistake.
pub(super) fn is_empty(range: KeyRange<'_>) -> bool {
    use Bound::{Excluded, Included};
    match range {
        (Included(low), Included(high)) => low > high,
        (Included(low), Excluded(high)) | (Excluded(low), Included(high)) => low >= high,
        (Excluded(low), Excluded(high)) => low >= high,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: Table = Table::Current;

    proptest! {
        /// Layers over an empty file are one ordered map, whichever way they are read.
        #[test]
        fn layers_are_read_as_one_map(
            layers in prop::collection::vec(prop::collection::vec((0..12u8, prop::option::of(any::<u8>())), 0..12), 0..4),
            low in 0..12u8,
            high in 0..12u8,
            merged in 0..4usize,
        ) {
            let mut model = BTreeMap::new();
            let mut stack: Vec<Layer> = Vec::new();
            for changes in layers {
                let mut layer = Layer::default();
                for (key, value) in changes {
                    let below = || Ok(stack.iter().rev().find_map(|layer| match layer.get(TABLE, &[key]) {
                        Known::Value(value) => Some(Some(value.to_vec())),
                        Known::Removed => Some(None),
                        Known::Nothing => None,
                    }).flatten());
                    let (found, expected) = match value {
                        Some(value) => {
                            (layer.insert(TABLE, &[key], vec![value], below), model.insert(vec![key], vec![value]))
                        }
                        None => (layer.remove(TABLE, &[key], below), model.remove(&vec![key])),
                    };
                    prop_assert_eq!(found.expect("nothing fails"), expected);
                }
                stack.push(layer);
            }
            if merged + 1 < stack.len() {
                let above = stack.remove(merged + 1);
                stack[merged].cover(above);
                let stored = |(key, change): (&Key, &Change)| {
                    key.len() + RECORD_OVERHEAD_BYTES + change.value.as_ref().map_or(0, Vec::len)
                };
                let bytes: usize = stack[merged].tables[TABLE as usize].iter().map(stored).sum();
                prop_assert_eq!(stack[merged].bytes, bytes);
            }
            let newest_first: Vec<&Layer> = stack.iter().rev().collect();
            let (low, high) = ([low], [high]);
            let range: KeyRange<'_> = (Bound::Included(&low), Bound::Excluded(&high));
            if is_empty(range) {
                return Ok(());
            }
            for back in [false, true] {
                let mut seen = Vec::new();
                let visit: Visit<'_> = &mut |key, value| {
                    seen.push((key.to_vec(), value.to_vec()));
                    std::ops::ControlFlow::Continue(())
                };
                let nothing = std::iter::empty::<Result<Pair<'_>, redb::StorageError>>();
                scan(&newest_first, nothing, TABLE, range, back, visit).expect("nothing fails");
                let mut expected: Vec<_> =
                    model.range::<[u8], _>(range).map(|(key, value)| (key.clone(), value.clone())).collect();
                if back {
                    expected.reverse();
                }
                prop_assert_eq!(seen, expected);
            }
            let empty = Layer::default();
            prop_assert_eq!(empty.bytes, 0);
        }
    }
}
