//! Between the wire's records of a snapshot and the storage's.

use super::{Malformed, pb::v1};
use crate::{
    kv::Table,
    storage::{Place, Record},
};

impl From<Record> for v1::SnapshotRecord {
    fn from(Record { table, key, value }: Record) -> Self {
        Self { table: table as u32, key: key.into(), value: value.into() }
    }
}

impl TryFrom<v1::SnapshotRecord> for Record {
    type Error = Malformed;

    fn try_from(wire: v1::SnapshotRecord) -> Result<Self, Malformed> {
        Ok(Self { table: table(wire.table)?, key: wire.key.into(), value: wire.value.into() })
    }
}

pub(crate) fn place_to_pb(place: Option<&(Table, Vec<u8>)>) -> Option<v1::SnapshotPlace> {
    place.map(|(table, key)| v1::SnapshotPlace { table: *table as u32, key: key.clone().into() })
}

/// # Errors
/// It names a table that this program does not know.
pub(crate) fn place_from_pb(wire: Option<v1::SnapshotPlace>) -> Result<Place, Malformed> {
    wire.map(|place| Ok((table(place.table)?, place.key.into()))).transpose()
}

/// A table by its place in [`Table::ALL`].
fn table(number: u32) -> Result<Table, Malformed> {
    let unknown = Malformed("a record of a table that this program does not know");
    Table::ALL.get(number as usize).copied().ok_or(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_keep_their_numbers() {
        for (number, expected) in (0..).zip(Table::ALL) {
            assert_eq!(expected as u32, number);
            assert_eq!(table(number).expect("a known table"), expected);
        }
        assert!(table(Table::ALL.len() as u32).is_err());
    }
}
