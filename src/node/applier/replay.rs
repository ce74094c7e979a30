//! Entries into the state: what whoever applies the log does, and nothing else.

use crate::{
    env::{Knob, knob},
    kv::{Applier as Transaction, Header, Reply, SESSION_IDLE_MS_MAX},
    raft::{Entry, Payload},
    storage::{self, Recovered, StateStore, StorageError, Tables},
    wire::kv::{self as wire, NoCommand},
};

/// Entries that are applied in one transaction when nobody waits for them.
const BATCH_ENTRIES: usize = 1_000;

/// Applies the next entry. A command is answered.
pub(super) fn apply_entry(
    transaction: &mut Transaction<'_, Tables<'_>>,
    entry: &Entry,
) -> Result<Option<Reply>, StorageError> {
    let position = (entry.term, entry.index);
    match &entry.payload {
        Payload::Command(bytes) => {
            let command = wire::decode_command(bytes).map_err(|why| unreadable(entry, why))?;
            return Ok(Some(transaction.apply(position, &command)?));
        }
        Payload::Configuration(configuration) => {
            transaction.set_members(position, &storage::encode_members(configuration))?;
        }
        Payload::Noop => transaction.skip(position),
    }
    Ok(None)
}

/// Sessions that were idle for longer may be removed: the same at all nodes.
pub(super) fn session_idle_ms() -> u64 {
    knob(Knob::SessionIdleMs, SESSION_IDLE_MS_MAX as usize) as u64
}

/// Applies the entries of a log that follow a state which stands at `header`, committed or not: see [`Recovered::following`].
///
/// # Errors
/// The disk failed, or an entry cannot be read.
pub fn replay(state: &StateStore, header: &Header, log: &Recovered) -> Result<(), StorageError> {
    let following = log.following(storage::applied_position(header));
    for batch in following.chunks(knob(Knob::ReplayedEntries, BATCH_ENTRIES)) {
        let mut tables = state.tables();
        let mut transaction = Transaction::begin(&mut tables)?.with_session_idle_ms(session_idle_ms());
        for entry in batch {
            apply_entry(&mut transaction, entry)?;
        }
        transaction.finish()?;
        tables.finish()?;
    }
    Ok(())
}

fn unreadable(entry: &Entry, why: NoCommand) -> StorageError {
    let what = format!("entry {}: {why}", entry.index);
    match why {
        NoCommand::Corrupt => StorageError::Corrupt { file: "the log", what },
        NoCommand::UnknownOperation => StorageError::Unknown { what },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is told that a disk is damaged replaces the node.
    #[test]
    fn an_operation_of_a_later_release_is_not_called_damage() {
        let entry = Entry { term: 1, index: 7, payload: Payload::Noop };
        let told = |why| unreadable(&entry, why).to_string();
        let later = told(NoCommand::UnknownOperation);
        assert!(later.contains("entry 7") && later.contains("later release"), "{later}");
        assert!(!later.contains("corrupt") && !later.contains("conclave member replace"), "{later}");
        assert!(told(NoCommand::Corrupt).contains("corrupt: entry 7"));
    }
}
