//! Pieces of a snapshot, from whoever calls itself a leader.

use super::{
    files::{fill, open_on},
    messages,
};
use crate::{
    kv::{Header, recompute_content},
    raft::{Body, Message},
    storage::{MemoryDisk, Opened, Record, StorageError},
    wire::{
        self,
        pb::v1::{self, snapshot_piece::Piece},
    },
};

const PIECES_MAX: usize = 32;

/// Pieces, each behind its length, to a node with a state of its own.
///
/// # Panics
/// What is served afterwards is not what it says it is.
pub fn pieces(bytes: &[u8]) {
    let disk = MemoryDisk::default();
    let Ok(mut stores) = open_on(&disk) else { panic!("a new disk") };
    filled(&stores, 3);
    for piece in messages::<v1::SnapshotPiece>(bytes, PIECES_MAX) {
        // What is broken is an error to the node: it stops. It never serves what it does not understand.
        if take(&mut stores, piece).is_err() {
            return;
        }
    }
    let tables = stores.state.tables();
    let Ok(header) = Header::load(&tables) else { return };
    let content = recompute_content(&tables).unwrap_or_else(|error| panic!("it was installed: {error}"));
    assert_eq!(content, header.content, "what is served is not what it says it is");
    drop(tables);
    let _ = stores.state.sync();
}

fn take(stores: &mut Opened, piece: v1::SnapshotPiece) -> Result<(), StorageError> {
    let Ok(last) = wire::position_from_pb(piece.last) else { return Ok(()) };
    let staging = stores.state.staging();
    match piece.piece {
        None => Ok(()),
        Some(Piece::Begin(v1::SnapshotBegin {})) => staging.begin(last).map(drop),
        Some(Piece::Records(v1::SnapshotRecords { after, records })) => {
            let records: Result<Vec<Record>, _> = records.into_iter().map(Record::try_from).collect();
            match (wire::place_from_pb(after), records) {
                (Ok(after), Ok(records)) => staging.take(last, &after, &records).map(drop),
                _ => Ok(()),
            }
        }
        Some(Piece::End(message)) => match Message::try_from(message).map(|message| message.body) {
            Ok(Body::InstallSnapshot { snapshot, .. }) => staging.install(&snapshot).map(drop),
            _ => Ok(()),
        },
    }
}

fn filled(stores: &Opened, entries: u64) {
    let mut tables = stores.state.tables();
    fill(&mut tables, entries).unwrap_or_else(|error| panic!("{error}"));
    tables.finish().unwrap_or_else(|error| panic!("{error}"));
}

/// The pieces of a sound snapshot.
#[cfg(test)]
pub(super) fn sound() -> Vec<v1::SnapshotPiece> {
    use crate::raft::{Configuration, Origin, Snapshot};
    let Ok(stores) = open_on(&MemoryDisk::default()) else { panic!("a new disk") };
    filled(&stores, 6);
    let view = stores.state.reader().view().expect("the disk works");
    let last = view.snapshot.last;
    let piece =
        |piece| v1::SnapshotPiece { last: Some(last.into()), piece: Some(piece), ..Default::default() };
    let mut pieces = vec![piece(Piece::Begin(v1::SnapshotBegin {}))];
    let mut place: crate::storage::Place = None;
    loop {
        let records = view.records_after(&place, 1500).expect("the disk works");
        let Some(end) = records.last().map(|record| (record.table, record.key.clone())) else { break };
        let after = wire::place_to_pb(place.as_ref());
        let records = records.into_iter().map(Into::into).collect();
        pieces.push(piece(Piece::Records(v1::SnapshotRecords { after, records })));
        place = Some(end);
    }
    let body = Body::InstallSnapshot {
        snapshot: Snapshot { last, configuration: Configuration::of([1, 2, 3]).into() },
        stream: 1,
    };
    let end = Message { from: 1, to: 1, origin: Origin::default(), term: 2, body };
    pieces.push(piece(Piece::End(end.into())));
    pieces
}
