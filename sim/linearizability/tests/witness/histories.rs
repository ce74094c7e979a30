//! Operations of a store, in a few words.

use linearizability::{
    Operation,
    kv::{KvAnswer, KvCall, KvReturn, Pair},
};

pub(crate) type KvOperation = Operation<KvCall, KvReturn>;

/// Called, returned.
pub(crate) type Span = (u64, u64);

pub(crate) fn put(key: &str, value: &str, revision: i64, span: Span) -> KvOperation {
    known(KvCall::Put(key.into(), value.into()), KvAnswer::Put, revision, span)
}

pub(crate) fn delete(key: &str, was_there: bool, revision: i64, span: Span) -> KvOperation {
    known(KvCall::Delete(key.into()), KvAnswer::Deleted(was_there), revision, span)
}

pub(crate) fn got(key: &str, found: Option<Pair>, revision: i64, span: Span) -> KvOperation {
    known(KvCall::Get(key.into()), KvAnswer::Got(found), revision, span)
}

pub(crate) fn ranged(from: &str, to: &str, pairs: &[(&str, Pair)], revision: i64, span: Span) -> KvOperation {
    let pairs = pairs.iter().map(|(key, pair)| ((*key).into(), pair.clone())).collect();
    known(KvCall::Range(from.into(), to.into()), KvAnswer::Ranged(pairs), revision, span)
}

pub(crate) fn unknown(call: KvCall, called: u64) -> KvOperation {
    Operation { called, returned: None, call }
}

pub(crate) fn maybe_put(key: &str, value: &str, called: u64) -> KvOperation {
    unknown(KvCall::Put(key.into(), value.into()), called)
}

pub(crate) fn maybe_deleted(key: &str, called: u64) -> KvOperation {
    unknown(KvCall::Delete(key.into()), called)
}

pub(crate) fn pair(value: &str, mod_revision: i64, version: i64) -> Pair {
    Pair { value: value.into(), mod_revision, version }
}

fn known(call: KvCall, answer: KvAnswer, revision: i64, (called, returned): Span) -> KvOperation {
    Operation { called, returned: Some((returned, KvReturn { revision, answer })), call }
}
