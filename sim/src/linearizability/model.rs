//! What one copy of the data would answer.

/// A sequential specification.
pub trait Model {
    /// What the copy holds.
    type State: Clone + Ord;
    /// What is asked of it.
    type Call: PartialEq;
    /// What it answers.
    type Return;

    /// What it holds at first.
    fn initial() -> Self::State;

    /// The state after a call that was answered so; `None` when it would have answered otherwise. Without an answer
    /// (the outcome is unknown) any answer will do.
    fn step(state: &Self::State, call: &Self::Call, answer: Option<&Self::Return>) -> Option<Self::State>;

    /// How often the state was changed at least, if the system counts; it never falls.
    fn revision(_: &Self::State) -> i64 {
        0
    }

    /// The last revision of a state that could have answered so. It spares the search every order in which an
    /// answer would come too late.
    fn latest_revision(_: &Self::Return) -> i64 {
        i64::MAX
    }
}

/// One register with read, write and compare-and-set, as in Jepsen's tests of etcd.
#[derive(Debug)]
pub struct Register;

/// What is asked of a [`Register`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterCall {
    /// Read it.
    Read,
    /// Set it.
    Write(i64),
    /// Set it to the second if it holds the first.
    CompareAndSet(i64, i64),
}

/// What a [`Register`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterReturn {
    /// A read saw this.
    Value(Option<i64>),
    /// It was written.
    Done,
    /// The comparison failed.
    Failed,
}

impl Model for Register {
    type State = Option<i64>;
    type Call = RegisterCall;
    type Return = RegisterReturn;

    fn initial() -> Self::State {
        None
    }

    fn step(
        state: &Self::State,
        call: &RegisterCall,
        answer: Option<&RegisterReturn>,
    ) -> Option<Self::State> {
        let (after, would_answer) = match call {
            RegisterCall::Read => (*state, RegisterReturn::Value(*state)),
            RegisterCall::Write(value) => (Some(*value), RegisterReturn::Done),
            RegisterCall::CompareAndSet(old, new) if *state == Some(*old) => {
                (Some(*new), RegisterReturn::Done)
            }
            RegisterCall::CompareAndSet(..) => (*state, RegisterReturn::Failed),
        };
        answer.is_none_or(|answer| *answer == would_answer).then_some(after)
    }
}

/// One key of a map of strings with put, append and get; an absent key reads as the empty string.
#[derive(Debug)]
pub struct AppendMap;

/// What is asked of an [`AppendMap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendCall {
    /// Read it.
    Get,
    /// Replace it.
    Put(String),
    /// Add to its end.
    Append(String),
}

impl Model for AppendMap {
    type State = String;
    type Call = AppendCall;
    /// What a get saw; nothing for the others.
    type Return = Option<String>;

    fn initial() -> String {
        String::new()
    }

    fn step(state: &String, call: &AppendCall, answer: Option<&Option<String>>) -> Option<String> {
        match call {
            AppendCall::Get => {
                let seen = answer.and_then(Option::as_ref);
                seen.is_none_or(|seen| seen == state).then(|| state.clone())
            }
            AppendCall::Put(value) => Some(value.clone()),
            AppendCall::Append(value) => Some(format!("{state}{value}")),
        }
    }
}

/// One key of Conclave, revisions included.
#[derive(Debug)]
pub struct KeyModel;

/// What a key holds. The revision of a write whose outcome is unknown is not known until it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyState {
    value: Option<String>,
    mod_revision: Option<i64>,
    version: i64,
    /// The store's revision when it was last told.
    store_revision: i64,
}

/// What is asked of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyCall {
    /// Write this value, which no other put writes.
    Put {
        /// The value.
        value: String,
        /// What reads of the value told of the write: its revision and version.
        learned: Option<(i64, i64)>,
    },
    /// Read it.
    Get,
    /// Delete it.
    Delete,
}

/// What a key answers, with the revision of the store at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReturn {
    /// The store's revision: it never falls, and each write that changes something raises it.
    pub revision: i64,
    /// The answer itself.
    pub answer: KeyAnswer,
}

/// What a key answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// Written.
    Put,
    /// Read: value, mod revision and version; or absent.
    Got(Option<(String, i64, i64)>),
    /// Deleted: whether it was there.
    Deleted(bool),
}

impl Model for KeyModel {
    type State = KeyState;
    type Call = KeyCall;
    type Return = KeyReturn;

    fn initial() -> KeyState {
        KeyState::default()
    }

    fn step(state: &KeyState, call: &KeyCall, returned: Option<&KeyReturn>) -> Option<KeyState> {
        let Some(KeyReturn { revision, answer }) = returned else { return state.after_unknown(call) };
        if state.store_revision > returned.map_or(i64::MAX, Self::latest_revision) {
            return None;
        }
        let after = match (call, answer) {
            (KeyCall::Put { value, learned }, KeyAnswer::Put) => {
                let fits = learned.is_none_or(|learned| learned == (*revision, state.version + 1));
                fits.then(|| state.written(value, *revision, true))
            }
            (KeyCall::Get, KeyAnswer::Got(found)) => state.read_as(found.as_ref()),
            (KeyCall::Delete, KeyAnswer::Deleted(was_there)) => {
                (state.value.is_some() == *was_there).then(KeyState::default)
            }
            _ => None,
        };
        after.map(|after| KeyState { store_revision: *revision, ..after })
    }

    fn revision(state: &KeyState) -> i64 {
        state.store_revision
    }

    fn latest_revision(returned: &KeyReturn) -> i64 {
        let changes = matches!(returned.answer, KeyAnswer::Put | KeyAnswer::Deleted(true));
        returned.revision - i64::from(changes)
    }
}

impl KeyState {
    /// The state after a write of unknown outcome, if it took place now.
    fn after_unknown(&self, call: &KeyCall) -> Option<Self> {
        let revision_min = self.store_revision + 1;
        match call {
            KeyCall::Put { value, .. } => Some(self.written(value, revision_min, false)),
            KeyCall::Delete if self.value.is_some() => {
                Some(Self { store_revision: revision_min, ..Self::default() })
            }
            KeyCall::Get | KeyCall::Delete => Some(self.clone()),
        }
    }

    fn written(&self, value: &str, revision: i64, is_known: bool) -> Self {
        Self {
            value: Some(value.to_owned()),
            mod_revision: is_known.then_some(revision),
            version: self.version + 1,
            store_revision: revision,
        }
    }

    /// The state, if a read could have seen this; a revision that was unknown is known from then on.
    fn read_as(&self, found: Option<&(String, i64, i64)>) -> Option<Self> {
        let Some((value, mod_revision, version)) = found else {
            return self.value.is_none().then(|| self.clone());
        };
        let fits = self.value.as_ref() == Some(value)
            && self.version == *version
            && self.mod_revision.map_or(self.store_revision <= *mod_revision, |known| known == *mod_revision);
        fits.then(|| Self { mod_revision: Some(*mod_revision), ..self.clone() })
    }
}
