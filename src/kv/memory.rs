//! A store in memory, for tests and models.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    ops::{Bound, ControlFlow},
};

use super::{KeyRange, Read, Table, Visit, Write};

type Tree = BTreeMap<Vec<u8>, Vec<u8>>;

/// A store in memory. A clone is a snapshot; two are equal when they hold the same records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStore {
    tables: [Tree; Table::ALL.len()],
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        MemoryStore::default()
    }

    fn tree(&self, table: Table) -> &Tree {
        &self.tables[table as usize]
    }
}

impl Read for MemoryStore {
    type Error = Infallible;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.tree(table).get(key).cloned())
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), Infallible> {
        if !is_empty(range) {
            visit_all(self.tree(table).range::<[u8], _>(range), visit);
        }
        Ok(())
    }

    fn scan_back(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), Infallible> {
        if !is_empty(range) {
            visit_all(self.tree(table).range::<[u8], _>(range).rev(), visit);
        }
        Ok(())
    }
}

impl Write for MemoryStore {
    fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.tables[table as usize].insert(key.to_vec(), value.to_vec()))
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.tables[table as usize].remove(key))
    }
}

fn visit_all<'a>(pairs: impl Iterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>, visit: Visit<'_>) {
    for (key, value) in pairs {
        if let ControlFlow::Break(()) = visit(key, value) {
            break;
        }
    }
}

/// `BTreeMap::range` panics on a range whose start lies past its end; a store just finds nothing there.
fn is_empty(range: KeyRange<'_>) -> bool {
    use Bound::{Excluded, Included};
    match range {
        (Included(start), Included(end)) => start > end,
        (Included(start) | Excluded(start), Included(end) | Excluded(end)) => start >= end,
        _ => false,
    }
}
