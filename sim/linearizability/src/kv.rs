//! A store of keys whose answers carry revisions, as etcd has them: put, delete, get and range, across all keys.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound::{Excluded, Included},
    sync::Arc,
};

use crate::{Claim, Later, Model, Outlook, Witnessed};

/// The store.
pub struct Kv;

/// What is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KvCall {
    /// A key is to hold a value.
    Put(Arc<str>, Arc<str>),
    /// A key is to hold nothing.
    Delete(Arc<str>),
    /// What a key holds.
    Get(Arc<str>),
    /// What all keys hold, from the first on and before the second.
    Range(Arc<str>, Arc<str>),
}

/// What it answers, and the revision of the store when it did: after a write, that of the write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvReturn {
    /// How many writes changed something by then, and one.
    pub revision: i64,
    /// The answer.
    pub answer: KvAnswer,
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvAnswer {
    /// It was put.
    Put,
    /// Whether there was something to delete. If not, nothing changed.
    Deleted(bool),
    /// What the key holds.
    Got(Option<Pair>),
    /// What the keys of a range hold, in their order.
    Ranged(Vec<(Arc<str>, Pair)>),
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The value of the latest write.
    pub value: Arc<str>,
    /// The revision that the latest write led to.
    pub mod_revision: i64,
    /// How many writes there were since the key held nothing.
    pub version: i64,
}

/// What the store holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KvState {
    revision: i64,
    pairs: BTreeMap<Arc<str>, Pair>,
}

/// What takes a step back: what the key held that was written.
pub struct KvUndo(Option<(Arc<str>, Option<Pair>)>);

impl Model for Kv {
    type State = KvState;
    type Call = KvCall;
    type Return = KvReturn;

    /// An empty store has revision 1.
    fn initial() -> KvState {
        KvState { revision: 1, pairs: BTreeMap::new() }
    }

    fn step(state: &KvState, call: &KvCall, returned: Option<&KvReturn>) -> Option<KvState> {
        let mut after = state.clone();
        Self::advance(&mut after, call, returned).map(|_| after)
    }

    fn is_read(_: &KvCall, returned: &KvReturn) -> bool {
        matches!(Self::claim(returned), Claim::Read(_))
    }

    fn revision(state: &KvState) -> i64 {
        state.revision
    }

    fn latest_revision(returned: &KvReturn) -> i64 {
        match Self::claim(returned) {
            Claim::Wrote(revision) => revision.saturating_sub(1),
            Claim::Read(_) | Claim::Nothing => returned.revision,
        }
    }
}

impl Witnessed for Kv {
    type Undo = KvUndo;
    type Key = str;

    fn claim(returned: &KvReturn) -> Claim {
        match returned.answer {
            KvAnswer::Put | KvAnswer::Deleted(true) => Claim::Wrote(returned.revision),
            KvAnswer::Deleted(false) | KvAnswer::Got(_) | KvAnswer::Ranged(_) => {
                Claim::Read(returned.revision)
            }
        }
    }

    fn advance(state: &mut KvState, call: &KvCall, returned: Option<&KvReturn>) -> Option<KvUndo> {
        let is_write = match call {
            KvCall::Put(..) => true,
            KvCall::Delete(key) => state.pairs.contains_key(key),
            KvCall::Get(_) | KvCall::Range(..) => false,
        };
        let revision = state.revision + i64::from(is_write);
        if let Some(returned) = returned
            && (returned.revision != revision || !state.would_answer(call, &returned.answer))
        {
            return None;
        }
        state.revision = revision;
        let KvUndo(written) = state.write(call);
        Some(KvUndo(written.filter(|_| is_write)))
    }

    fn undo(state: &mut KvState, KvUndo(written): KvUndo) {
        let Some((key, before)) = written else { return };
        state.revision -= 1;
        match before {
            Some(pair) => state.pairs.insert(key, pair),
            None => state.pairs.remove(&key),
        };
    }

    fn concerns(write: &KvCall, later: &KvCall) -> bool {
        let (KvCall::Put(key, _) | KvCall::Delete(key)) = write else { return false };
        later.concerns(key)
    }

    fn refutes(write: &KvCall, revision: i64, later: &KvCall, returned: &KvReturn) -> bool {
        let (KvCall::Put(key, _) | KvCall::Delete(key)) = write else { return false };
        let seen = match &returned.answer {
            KvAnswer::Got(found) => found.as_ref(),
            KvAnswer::Ranged(pairs) => pairs.iter().find(|(it, _)| it == key).map(|(_, pair)| pair),
            KvAnswer::Put | KvAnswer::Deleted(_) => return false,
        };
        let is_last = returned.revision == revision;
        later.concerns(key)
            && match (write, seen) {
                (KvCall::Put(_, value), Some(seen)) if seen.mod_revision == revision => seen.value != *value,
                (_, Some(seen)) => seen.mod_revision <= revision,
                (KvCall::Put(..), None) => is_last,
                _ => false,
            }
    }

    fn shows(call: &KvCall, returned: &KvReturn, show: &mut dyn FnMut(i64, KvCall)) {
        let mut show = |key: &Arc<str>, pair: &Pair| {
            show(pair.mod_revision, KvCall::Put(key.clone(), pair.value.clone()));
        };
        match (call, &returned.answer) {
            (KvCall::Get(key), KvAnswer::Got(Some(pair))) => show(key, pair),
            (_, KvAnswer::Ranged(pairs)) => pairs.iter().for_each(|(key, pair)| show(key, pair)),
            _ => {}
        }
    }

    fn key(call: &KvCall) -> Option<&str> {
        match call {
            KvCall::Put(key, _) | KvCall::Delete(key) | KvCall::Get(key) => Some(key),
            KvCall::Range(..) => None,
        }
    }

    fn outlook(
        state: &KvState,
        write: &KvCall,
        later: &mut dyn Iterator<Item = Later<'_, KvCall, KvReturn>>,
    ) -> Outlook {
        let Some(key) = Self::key(write) else { return Outlook::Denied };
        let is_put = matches!(write, KvCall::Put(..));
        let mut without = state.pairs.get(key).map(Trace::of);
        let mut with = Trace::after(without, write, state.revision + 1);
        if with == without {
            return Outlook::Denied;
        }
        // A deletion comes too late after the next write of the key, a put after the last one that is seen.
        let mut until = None;
        for Later { revision, call, returned } in later {
            let seen = match (call, returned.map(|returned| &returned.answer)) {
                (KvCall::Get(_), Some(KvAnswer::Got(found))) => found.as_ref(),
                (KvCall::Range(..), Some(KvAnswer::Ranged(pairs))) => {
                    pairs.iter().find(|(it, _)| **it == *key).map(|(_, pair)| pair)
                }
                (KvCall::Delete(_), Some(KvAnswer::Deleted(was_there))) => {
                    return match (with.is_some() == *was_there, without.is_some() == *was_there) {
                        (true, false) => Outlook::Needed(until.unwrap_or(revision)),
                        (false, true) => Outlook::Denied,
                        _ => Outlook::Possible,
                    };
                }
                _ => {
                    with = Trace::after(with, call, revision);
                    without = Trace::after(without, call, revision);
                    until = if is_put { Some(revision) } else { until.or(Some(revision)) };
                    continue;
                }
            };
            let seen = seen.map(Trace::of);
            if Trace::is_nearer(with, without, seen) {
                return Outlook::Needed(until.unwrap_or(revision));
            } else if Trace::is_nearer(without, with, seen) {
                return Outlook::Denied;
            }
        }
        Outlook::Possible
    }
}

/// What tells whether a write took place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Trace {
    mod_revision: i64,
    version: i64,
}

impl Trace {
    fn of(pair: &Pair) -> Self {
        Self { mod_revision: pair.mod_revision, version: pair.version }
    }

    /// What a key holds after a write of this revision.
    fn after(held: Option<Self>, write: &KvCall, revision: i64) -> Option<Self> {
        let version = held.map_or(0, |held| held.version) + 1;
        matches!(write, KvCall::Put(..)).then_some(Self { mod_revision: revision, version })
    }

    /// Whether one explains what was seen, or would with more writes, and the other would not.
    fn is_nearer(one: Option<Self>, other: Option<Self>, seen: Option<Self>) -> bool {
        let explains = |held: Option<Self>| match (held, seen) {
            (None, None) => Some(0),
            (Some(held), Some(seen)) if held.mod_revision == seen.mod_revision => {
                Some(seen.version - held.version).filter(|&more| more >= 0)
            }
            _ => None,
        };
        match (explains(one), explains(other)) {
            (Some(one), Some(other)) => one < other,
            (one, other) => one.is_some() && other.is_none(),
        }
    }
}

impl KvCall {
    /// Whether it is about this key.
    fn concerns(&self, key: &str) -> bool {
        match self {
            Self::Put(own, _) | Self::Delete(own) | Self::Get(own) => **own == *key,
            Self::Range(from, to) => **from <= *key && *key < **to,
        }
    }
}

impl KvState {
    /// What a key holds.
    pub fn pair(&self, key: &str) -> Option<&Pair> {
        self.pairs.get(key)
    }

    /// Whether this is the answer, apart from its revision.
    fn would_answer(&self, call: &KvCall, answer: &KvAnswer) -> bool {
        match (call, answer) {
            (KvCall::Put(..), KvAnswer::Put) => true,
            (KvCall::Delete(key), KvAnswer::Deleted(was_there)) => self.pairs.contains_key(key) == *was_there,
            (KvCall::Get(key), KvAnswer::Got(found)) => self.pairs.get(key) == found.as_ref(),
            (KvCall::Range(from, to), KvAnswer::Ranged(pairs)) if from < to => {
                let held = self.pairs.range::<str, _>((Included(&**from), Excluded(&**to)));
                held.eq(pairs.iter().map(|(key, pair)| (key, pair)))
            }
            (KvCall::Range(..), KvAnswer::Ranged(pairs)) => pairs.is_empty(),
            _ => false,
        }
    }

    /// Writes what is asked for, at the present revision.
    fn write(&mut self, call: &KvCall) -> KvUndo {
        match call {
            KvCall::Put(key, value) => {
                let mut pair = Pair { value: value.clone(), mod_revision: self.revision, version: 1 };
                let before = match self.pairs.get_mut(key) {
                    Some(held) => {
                        pair.version += held.version;
                        Some(std::mem::replace(held, pair))
                    }
                    None => self.pairs.insert(key.clone(), pair),
                };
                KvUndo(Some((key.clone(), before)))
            }
            KvCall::Delete(key) => KvUndo(Some((key.clone(), self.pairs.remove(key)))),
            KvCall::Get(_) | KvCall::Range(..) => KvUndo(None),
        }
    }
}

impl fmt::Display for KvCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(key, value) => write!(f, "put {key:?} {value:?}"),
            Self::Delete(key) => write!(f, "delete {key:?}"),
            Self::Get(key) => write!(f, "get {key:?}"),
            Self::Range(from, to) => write!(f, "range {from:?} to {to:?}"),
        }
    }
}
