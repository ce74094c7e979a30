//! Opens a node's two files as one. Neither may be missing, older or another's beside the other: a node that has lost
//! what it promised would break the promises.

use super::{
    Disk, Identity, LOG_FILE, LogStore, Recovered, STATE_FILE, StateStore, StorageError,
    codec::applied_position,
    volume::{Owner, Volume},
};
use crate::{env::sometimes, kv::Header, raft::Configuration};

/// With what an empty directory begins.
#[derive(Clone, Debug)]
pub struct Founding {
    /// Whose data it will be; data that is there already must be the same one's.
    pub identity: Identity,
    /// The first members, as far as this node knows them.
    pub bootstrap: Configuration,
    /// A number drawn at random: it tells this directory from a later one of the same node.
    pub incarnation: u64,
}

/// A node's stores.
pub struct Opened {
    /// The log.
    pub log: LogStore,
    /// What it holds.
    pub recovered: Recovered,
    /// The state.
    pub state: StateStore,
    /// Where the state stands.
    pub header: Header,
    /// The number that was drawn when the directory was begun.
    pub incarnation: u64,
}

/// Opens the log and the state, or begins both.
///
/// # Errors
/// A file is another node's, damaged, of an unknown format, missing beside the other, or older than the other knows
/// it; a restore into the directory has not ended; or the disk failed.
pub fn open(disk: &dyn Disk, founding: &Founding) -> Result<Opened, StorageError> {
    if disk.is_half_restored() {
        return Err(StorageError::HalfRestored);
    }
    let mut log = Volume::open(disk, LOG_FILE)?;
    let mut state = Volume::open(disk, STATE_FILE)?;
    let incarnation = claim(&mut log, &mut state, founding)?;
    let log = LogStore::open(log)?;
    // Before the log commits anything: a commit of this start is none of those that the state saw.
    let state = StateStore::open(state, log.commits())?;
    let (log, recovered) = log.recover(&founding.bootstrap)?;
    let header = Header::load(&state.reader().slice())?;
    if let Some(what) = recovered.gap_after(applied_position(&header)) {
        return Err(StorageError::Lost { what });
    }
    // Later, when the log may be lost, it would say that the state is half of a restore.
    disk.end_restore();
    Ok(Opened { log, recovered, state, header, incarnation })
}

/// Makes sure that both files are this node's, and of one directory; begins them where there are none. The log is
/// begun first, and commits nothing before the state is begun too.
fn claim(log: &mut Volume, state: &mut Volume, founding: &Founding) -> Result<u64, StorageError> {
    for file in [&*log, &*state] {
        file.owner().map(|owner| check_identity(owner, &founding.identity)).transpose()?;
    }
    let incarnation = match (log.owner(), state.owner()) {
        (Some(log_owner), Some(state_owner)) if log_owner.incarnation != state_owner.incarnation => {
            let what =
                format!("{LOG_FILE} and {STATE_FILE} are not of one directory: one of them was exchanged");
            return Err(StorageError::Lost { what });
        }
        (None, Some(_)) => return Err(missing(LOG_FILE, STATE_FILE)),
        (Some(_), None) if log.commits > 0 => return Err(missing(STATE_FILE, LOG_FILE)),
        (Some(owner), state) => {
            sometimes!(state.is_none(), HalfFounded);
            owner.incarnation
        }
        (None, None) => founding.incarnation,
    };
    let owner = Owner { identity: founding.identity.clone(), incarnation };
    for file in [log, state] {
        if file.owner().is_none() {
            file.begin(&owner)?;
        } else if file.commits == 0 {
            // Whoever began it may have died before that was durable.
            file.sync()?;
        }
    }
    Ok(incarnation)
}

fn missing(file: &str, beside: &str) -> StorageError {
    StorageError::Lost { what: format!("{file} is missing or empty beside {beside}") }
}

fn check_identity(owner: &Owner, identity: &Identity) -> Result<(), StorageError> {
    if owner.identity == *identity {
        return Ok(());
    }
    Err(StorageError::WrongIdentity {
        node: identity.node,
        cluster: identity.cluster.clone(),
        found_node: owner.identity.node,
        found_cluster: owner.identity.cluster.clone(),
    })
}
