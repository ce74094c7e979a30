//! What one key of the store answers, revisions included.

use linearizability::{Model, Operation, partition_by_key};

/// One key of Conclave, revisions included.
pub(super) struct KeyModel;

/// What a key holds. The revision of a write whose outcome is unknown is not known until it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyState {
    value: Option<String>,
    mod_revision: Option<i64>,
    version: i64,
    /// The store's revision when it was last told.
    store_revision: i64,
}

/// What is asked of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyCall {
    pub(super) key: String,
    pub(super) change: KeyChange,
}

/// What is asked of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyChange {
    /// Writes a value, which no other put writes.
    Put {
        value: String,
        /// What reads of the value told of the write: its revision and version.
        learned: Option<(i64, i64)>,
    },
    Get,
    Delete,
}

/// What a key answers, with the revision of the store at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyReturn {
    /// The store's revision: it never falls, and each write that changes something raises it.
    pub(super) revision: i64,
    /// What it was before, at most.
    pub(super) before: i64,
    pub(super) answer: KeyAnswer,
}

/// A pair: value, mod revision and version.
pub(super) type Seen = (String, i64, i64);

/// What a key answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyAnswer {
    Put,
    /// Written, and what was there.
    Replaced(Option<Seen>),
    /// Read.
    Got(Option<Seen>),
    /// Deleted: whether it was there, as far as that was told.
    Deleted(Option<bool>),
}

impl Model for KeyModel {
    type State = KeyState;
    type Call = KeyCall;
    type Return = KeyReturn;

    fn initial() -> KeyState {
        KeyState::default()
    }

    fn step(state: &KeyState, call: &KeyCall, returned: Option<&KeyReturn>) -> Option<KeyState> {
        let Some(KeyReturn { revision, before, answer }) = returned else {
            return state.after_unknown(&call.change);
        };
        if state.store_revision > *before {
            return None;
        }
        let after = match (&call.change, answer) {
            (KeyChange::Put { value, learned }, KeyAnswer::Put) => state.put(value, *learned, *revision),
            (KeyChange::Put { value, learned }, KeyAnswer::Replaced(previous)) => {
                state.read_as(previous.as_ref()).and_then(|state| state.put(value, *learned, *revision))
            }
            (KeyChange::Get, KeyAnswer::Got(found)) => state.read_as(found.as_ref()),
            (KeyChange::Delete, KeyAnswer::Deleted(was_there)) => {
                was_there.is_none_or(|was_there| was_there == state.value.is_some()).then(KeyState::default)
            }
            _ => None,
        };
        after.map(|after| KeyState { store_revision: *revision, ..after })
    }

    fn is_read(_: &KeyCall, returned: &KeyReturn) -> bool {
        matches!(returned.answer, KeyAnswer::Got(_) | KeyAnswer::Deleted(Some(false)))
    }

    fn can_answer(
        state: &KeyState,
        call: &KeyCall,
        returned: &KeyReturn,
        _: &mut dyn Iterator<Item = &KeyCall>,
    ) -> bool {
        match (&call.change, &returned.answer) {
            (_, KeyAnswer::Got(Some(found)) | KeyAnswer::Replaced(Some(found))) => {
                state.read_as(Some(found)).is_some() || state.can_become(found.1, found.2)
            }
            (KeyChange::Put { learned: Some((revision, version)), .. }, _) => {
                state.can_become(*revision, *version)
            }
            _ => true,
        }
    }

    fn partition(operations: &[Operation<KeyCall, KeyReturn>]) -> Vec<Vec<usize>> {
        partition_by_key(operations, |call| call.key.clone())
    }

    fn revision(state: &KeyState) -> i64 {
        state.store_revision
    }

    /// Who answers is bound by the store's revision to come no earlier, and by nothing else of it.
    fn without_revision(state: &KeyState) -> KeyState {
        KeyState { store_revision: 0, ..state.clone() }
    }

    fn latest_revision(returned: &KeyReturn) -> i64 {
        returned.before
    }
}

impl KeyState {
    /// The state after a write of unknown outcome, if it took place now.
    fn after_unknown(&self, change: &KeyChange) -> Option<Self> {
        let revision_min = self.store_revision + 1;
        match change {
            KeyChange::Put { value, .. } => Some(self.written(value, revision_min, false)),
            KeyChange::Delete if self.value.is_some() => {
                Some(Self { store_revision: revision_min, ..Self::default() })
            }
            KeyChange::Get | KeyChange::Delete => Some(self.clone()),
        }
    }

    /// The state after a put whose outcome is known.
    fn put(&self, value: &str, learned: Option<(i64, i64)>, revision: i64) -> Option<Self> {
        let fits = learned.is_none_or(|learned| learned == (revision, self.version + 1));
        fits.then(|| self.written(value, revision, true))
    }

    fn written(&self, value: &str, revision: i64, is_known: bool) -> Self {
        Self {
            value: Some(value.to_owned()),
            mod_revision: is_known.then_some(revision),
            version: self.version + 1,
            store_revision: revision,
        }
    }

    /// Whether writes to come can lead to a pair of this revision and version: each raises both, the revision by one or more.
    fn can_become(&self, mod_revision: i64, version: i64) -> bool {
        version - self.version <= mod_revision - self.store_revision
    }

    /// The state, if a read could have seen this; a revision that was unknown is known from then on.
    fn read_as(&self, found: Option<&Seen>) -> Option<Self> {
        let Some((value, mod_revision, version)) = found else {
            return self.value.is_none().then(|| self.clone());
        };
        let fits = self.value.as_ref() == Some(value)
            && self.version == *version
            && self.mod_revision.map_or(self.store_revision <= *mod_revision, |known| known == *mod_revision);
        fits.then(|| Self { mod_revision: Some(*mod_revision), ..self.clone() })
    }
}

#[cfg(test)]
mod tests;
