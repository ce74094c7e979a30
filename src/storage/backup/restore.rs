//! A data directory of a new cluster, of the state of an old one.

use std::{collections::BTreeMap, io::Read};

use sha2::{Digest as _, Sha256};

use super::{
    super::{
        Disk, Identity, LOG_FILE, LogStore, STATE_FILE, StateStore, StorageError,
        codec::encode_members,
        volume::{Owner, Volume},
    },
    error::BackupError,
    reader::{BackupReader, Summary},
};
use crate::{
    kv,
    raft::{ClusterId, Compacted, Configuration, NodeId, Persist, Snapshot, Vote},
};

/// What becomes of a backup: one node of a new cluster.
#[derive(Clone, Debug)]
pub struct Restoration {
    /// The node, and the name of the new cluster.
    pub identity: Identity,
    /// All members of the new cluster, and where they are reached.
    pub members: BTreeMap<NodeId, String>,
    /// A number drawn at random: it tells this directory from any other of the same node.
    pub incarnation: u64,
}

impl Restoration {
    /// The id of the new cluster. All who restore the same backup for the same members agree on it; it is not that of the
    /// cluster whose state it is, nor of a cluster of other members.
    pub fn cluster(&self, backup: &Summary) -> ClusterId {
        let mut hasher = Sha256::new_with_prefix("conclave restore");
        hasher.update(backup.sha256);
        let mut add = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        add(self.identity.cluster.as_bytes());
        for (id, address) in &self.members {
            add(&id.to_le_bytes());
            add(address.as_bytes());
        }
        let hash: [u8; 32] = hasher.finalize().into();
        let first = hash.first_chunk().expect("a hash is longer");
        // 0 would say that there is no cluster yet.
        u64::from_le_bytes(*first).max(1)
    }
}

/// Writes the state of a backup to `state_disk`, and to `log_disk` the log that begins after it. Both files belong into one
/// directory: without the log the state alone is of no use to anybody, so that the log is to be put there last.
///
/// The members count for nothing before each was heard by a leader: the directory of none is on record yet.
///
/// # Errors
/// The backup is not the one that was verified, or damaged; a disk is not empty, or failed.
pub fn restore(
    state_disk: &dyn Disk,
    log_disk: &dyn Disk,
    mut backup: BackupReader<impl Read>,
    verified: &Summary,
    restoration: &Restoration,
) -> Result<(), BackupError> {
    let configuration = Configuration {
        cluster: restoration.cluster(verified),
        addresses: restoration.members.clone(),
        ..Configuration::of(restoration.members.keys().copied())
    };
    let last = verified.about.applied;
    let snapshot = Snapshot { last, configuration: configuration.into() };
    let state = begin(state_disk, STATE_FILE, restoration)?;
    let log = begin(log_disk, LOG_FILE, restoration)?;
    let log = begin_log(log, &snapshot)?;
    let mut state = StateStore::open(state, log.commits())?;
    let mut place = state.staging().begin(last)?;
    while let Some(records) = backup.records()? {
        if !state.staging().take(last, &place, &records)? {
            return Err(BackupError::damaged("its records do not follow each other"));
        }
        place = records.into_iter().next_back().map(|record| (record.table, record.key)).or(place);
    }
    if backup.finish()? != *verified {
        return Err(BackupError::damaged("it was changed while it was read"));
    }
    if state.staging().install(&snapshot)?.is_err() {
        return Err(BackupError::damaged("what was written of it is not what was read"));
    }
    let mut tables = state.tables();
    kv::replace_members(&mut tables, &encode_members(&snapshot.configuration)).map_err(StorageError::from)?;
    tables.finish()?;
    state.sync()?;
    Ok(())
}

fn begin(disk: &dyn Disk, file: &'static str, restoration: &Restoration) -> Result<Volume, StorageError> {
    let mut volume = Volume::open(disk, file)?;
    if volume.owner().is_some() {
        return Err(StorageError::Open { file, reason: "it is there already".to_owned() });
    }
    volume.begin(&Owner { identity: restoration.identity.clone(), incarnation: restoration.incarnation })?;
    Ok(volume)
}

/// An empty log that begins after the state. The node has voted for nobody in the term of the last entry, and no vote of an
/// earlier term counts in the new cluster.
fn begin_log(volume: Volume, snapshot: &Snapshot) -> Result<LogStore, StorageError> {
    let Snapshot { last, configuration } = snapshot;
    let (mut log, _) = LogStore::open(volume)?.recover(configuration)?;
    log.write(&Persist {
        ticket: 1,
        compacted: Some(Compacted { position: *last, configuration: configuration.clone() }),
        vote: Some(Vote { term: last.term, candidate: None }),
        entries: Vec::new(),
        promises: Vec::new(),
    })?;
    Ok(log)
}
