//! Damage to a node's files: whatever comes of them is an error that names the file, or what was written.

use std::ops::Bound::Unbounded;

use crate::{
    kv::{Applier, Command, Error, Header, Operation, Put, Read, Table, recompute_content},
    raft::{Configuration, Entry, Payload, Persist, Vote},
    storage::{
        Founding, Identity, LOG_FILE, MemoryDisk, Opened, Recovered, STATE_FILE, Scrub, StorageError, open,
    },
};

const ENTRIES: u64 = 12;
/// File, kind, place and what is written there.
const EDIT_BYTES: usize = 7;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Edits to the files of a node, each of seven bytes.
///
/// # Panics
/// Something wrong was served, or an error does not say where it is.
pub fn files(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    let sound = Sound::write(&disk);
    for edit in bytes.chunks_exact(EDIT_BYTES).take(16) {
        let file = if edit[0] % 2 == 0 { LOG_FILE } else { STATE_FILE };
        let place = u32::from_le_bytes([edit[2], edit[3], edit[4], edit[5]]) as usize;
        disk.change(file, |content| damage(content, edit[1], place, edit[6]));
    }
    if let Err(error) = sound.check(&disk) {
        let text = error.to_string();
        assert!(text.contains(LOG_FILE) || text.contains(STATE_FILE), "it does not say where: {text}");
    }
}

fn damage(content: &mut Vec<u8>, kind: u8, place: usize, value: u8) {
    if content.is_empty() {
        return;
    }
    let place = place % content.len();
    match kind % 4 {
        0 => content[place] ^= value,
        1 => content[place] = value,
        2 => content.truncate(place),
        _ => {
            let start = place / 4096 * 4096;
            let end = content.len().min(start + 4096);
            content[start..end].fill(value);
        }
    }
}

/// What was written before the damage.
struct Sound {
    recovered: Recovered,
    header: Header,
    pairs: Pairs,
}

pub(super) fn open_on(disk: &MemoryDisk) -> Result<Opened, StorageError> {
    let identity = Identity { cluster: "a".to_owned(), node: 1 };
    open(disk, &Founding { identity, bootstrap: Configuration::of([1, 2, 3]), incarnation: 5 })
}

impl Sound {
    fn write(disk: &MemoryDisk) -> Self {
        let Ok(mut stores) = open_on(disk) else { panic!("a new disk") };
        for index in 1..=ENTRIES {
            let entry = Entry { term: 1, index, payload: Payload::Command(vec![index as u8; 300].into()) };
            let vote = Some(Vote { term: index, candidate: Some(2) });
            let write =
                Persist { ticket: 1, compacted: None, vote, entries: vec![entry], promises: Vec::new() };
            stores.log.write(&write).unwrap_or_else(|error| panic!("{error}"));
        }
        let mut tables = stores.state.tables();
        fill(&mut tables, ENTRIES).unwrap_or_else(|error| panic!("{error}"));
        tables.finish().unwrap_or_else(|error| panic!("{error}"));
        stores.state.sync().unwrap_or_else(|error| panic!("{error}"));
        drop(stores);
        let Ok(stores) = open_on(disk) else { panic!("it is sound") };
        let pairs = pairs(&stores).unwrap_or_else(|error| panic!("{error}"));
        Self { recovered: stores.recovered, header: stores.header, pairs }
    }

    /// Opens the files and reads all of them.
    fn check(&self, disk: &MemoryDisk) -> Result<(), StorageError> {
        let stores = open_on(disk)?;
        assert_eq!(stores.recovered, self.recovered, "another log was recovered");
        // A state that cannot be read, and both of whose notes of its commits are damaged, is begun anew: the log, which is whole, is
        // applied to it again.
        if stores.header == Header::default() && stores.recovered.compacted.index == 0 {
            assert!(pairs(&stores)?.is_empty(), "a state without a header has pairs");
            return Ok(());
        }
        assert_eq!(stores.header, self.header, "another state was opened");
        assert_eq!(pairs(&stores)?, self.pairs, "another state was read");
        assert_eq!(recompute_content(&stores.state.tables())?, self.header.content);
        let mut scrub = Scrub::new(&stores.state.reader());
        while !scrub.step(1000)? {}
        Ok(())
    }
}

/// Applies so many puts as the first entries.
pub(super) fn fill<W: crate::kv::Write>(store: &mut W, entries: u64) -> Result<Header, Error<W::Error>> {
    let mut applier = Applier::begin(store)?;
    for index in 1..=entries {
        let put = Put { key: vec![b'k', index as u8], value: vec![index as u8; 300], ..Put::default() };
        let command = Command { timestamp_ms: 1, stamp: None, operation: Operation::Put(put) };
        applier.apply((1, index), &command)?;
    }
    applier.finish()
}

fn pairs(stores: &Opened) -> Result<Pairs, StorageError> {
    let mut pairs = Vec::new();
    stores.state.tables().scan(Table::Current, (Unbounded, Unbounded), &mut |key, value| {
        pairs.push((key.to_vec(), value.to_vec()));
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(pairs)
}
