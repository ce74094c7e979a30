//! A corrupt record is an error that names its table: never a panic, never a wrong answer.

use std::ops::{Bound::Unbounded, ControlFlow::Continue};

use super::{record::index_key, *};

/// A machine with records in every table.
fn machine() -> Machine {
    let mut machine = Machine::default();
    let session = machine.open_session();
    machine.put("a", "1");
    machine.put("a", "2");
    machine.delete("a", "");
    machine.put("a", "3");
    machine.run(Some(Stamp { session, sequence: 1, acknowledged_below: 0 }), put("b", "1"));
    machine.alarm(AlarmRequest::Raise(1));
    machine
}

/// Does something that reads every record of the table.
fn exercise(machine: &mut Machine, table: Table) -> Result<(), Error<std::convert::Infallible>> {
    let past = RangeRequest { revision: 3, ..everything() };
    let retry = Stamp { session: 1, sequence: 1, acknowledged_below: 0 };
    let stamp = (table == Table::Replies).then_some(retry);
    let operation = match table {
        Table::Sessions => Operation::OpenSession { id: 9 },
        Table::History => Operation::Compact { revision: 6 },
        Table::Alarms => Operation::Alarm(AlarmRequest::List),
        _ => put("c", "1"),
    };
    range(&machine.store, &past)?.expect("revision 3 exists");
    let mut applier = Applier::begin(&mut machine.store)?;
    applier.apply((1, 8), &Command { timestamp_ms: 0, stamp, operation })?;
    applier.finish()?;
    while Pruner::default().step(&mut machine.store, 2)? {}
    Ok(())
}

fn records(store: &MemoryStore, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records = Vec::new();
    let Ok(()) = store.scan(table, (Unbounded, Unbounded), &mut |key, value| {
        records.push((key.to_vec(), value.to_vec()));
        Continue(())
    });
    records
}

#[test]
fn every_record_that_was_cut_or_grew_is_refused() {
    for table in Table::ALL {
        let sound = machine();
        exercise(&mut sound.clone(), table).expect("nothing is corrupt yet");
        for (key, value) in records(&sound.store, table) {
            let cut = (0..value.len()).map(|length| value[..length].to_vec());
            for record in cut.chain([[&value[..], &[0]].concat()]) {
                let mut corrupt = sound.clone();
                let Ok(_) = corrupt.store.insert(table, &key, &record);
                let refused = exercise(&mut corrupt, table);
                assert!(
                    matches!(refused, Err(Error::Corrupt { table: named, .. }) if named == table),
                    "{table:?} {key:?} with {} of {} bytes: {refused:?}",
                    record.len(),
                    value.len(),
                );
            }
        }
    }
}

#[test]
fn a_key_of_the_index_that_is_none_is_refused() {
    for key in [&b"a"[..], b"a\0", b"a\0\0", b"a\0\0\0\0\0\0\0\0\0", b"a\0\0\0\0\0\0\0\0\0\x02\0", b"a\0\x07"]
    {
        let mut machine = machine();
        let (_, value) = records(&machine.store, Table::Index).swap_remove(1);
        let Ok(_) = machine.store.insert(Table::Index, key, &value);
        let refused = exercise(&mut machine, Table::Index);
        assert!(matches!(refused, Err(Error::Corrupt { table: Table::Index, .. })), "{key:?}: {refused:?}");
    }
}

#[test]
fn an_entry_of_the_index_that_names_no_event_or_another_keys_is_refused() {
    for (sub, ended) in [(9u32, 4), (0, 6)] {
        let mut machine = machine();
        let Ok(_) = machine.store.remove(Table::Index, &index_key(b"a", 4));
        let Ok(_) = machine.store.insert(Table::Index, &index_key(b"a", ended), &sub.to_be_bytes());
        let refused = exercise(&mut machine, Table::Index);
        assert!(matches!(refused, Err(Error::Corrupt { table: Table::Index, .. })), "{ended}: {refused:?}");
    }
}

#[test]
fn a_key_of_the_history_that_is_none_is_refused() {
    for key in [&b""[..], b"\0\0\0", &[0; 13]] {
        let mut machine = machine();
        let (_, value) = records(&machine.store, Table::History).swap_remove(1);
        let Ok(_) = machine.store.insert(Table::History, key, &value);
        let refused = exercise(&mut machine, Table::History);
        assert!(matches!(refused, Err(Error::Corrupt { table: Table::History, .. })), "{key:?}: {refused:?}");
    }
}

#[test]
fn a_store_of_another_format_is_refused() {
    let mut machine = machine();
    let (key, mut value) = records(&machine.store, Table::Header).swap_remove(0);
    value[0] += 1;
    let Ok(_) = machine.store.insert(Table::Header, &key, &value);
    let error = Header::load(&machine.store).expect_err("the format is unknown");
    assert_eq!(error.to_string(), "corrupt record in table Header: this program does not know its format");
}

#[test]
fn any_changed_byte_shows_in_the_recomputed_content_hash() {
    let machine = machine();
    assert_eq!(recompute_content(&machine.store), Ok(machine.header.content));
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Header) {
        for (key, value) in records(&machine.store, table) {
            for place in 0..value.len() {
                let mut corrupt = machine.store.clone();
                let mut value = value.clone();
                value[place] ^= 0x10;
                let Ok(_) = corrupt.insert(table, &key, &value);
                assert_ne!(recompute_content(&corrupt), Ok(machine.header.content));
            }
        }
    }
}
