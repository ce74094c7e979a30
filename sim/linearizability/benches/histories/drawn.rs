//! Histories of any length, linearizable by construction.

use std::{collections::BTreeMap, sync::Arc};

use linearizability::{
    Operation,
    kv::{KvAnswer, KvCall, KvReturn, Pair},
    recorded::{AppendCall, Change},
};

/// What a history of a store is like.
pub(crate) struct Load {
    pub(crate) operations: usize,
    pub(crate) keys: u64,
    pub(crate) clients: u64,
    /// Of so many writes in a thousand nobody knows the outcome. Half of them happened.
    pub(crate) lost_in_a_thousand: u64,
}

/// Marsaglia's xorshift: the same numbers everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// One operation takes effect every ten units of time. It was called, and is answered, at most as long before and after
/// as keeps all clients busy.
pub(crate) fn store(seed: u64, load: &Load) -> Vec<Operation<KvCall, KvReturn>> {
    let mut draw = Draw(seed);
    let keys: Vec<Arc<str>> = (0..load.keys).map(|key| format!("key-{key:06}").into()).collect();
    let (mut revision, mut pairs) = (1, BTreeMap::<Arc<str>, Pair>::new());
    let mut operations = Vec::with_capacity(load.operations);
    for number in 0..load.operations as u64 {
        let at = 10 * (load.clients + number);
        let (called, returned) = (at - draw.below(5 * load.clients), at + draw.below(5 * load.clients));
        let key = keys[draw.below(load.keys) as usize].clone();
        let kind = draw.below(100);
        let is_lost = kind < 50 && draw.below(1000) < load.lost_in_a_thousand;
        let happens = !is_lost || draw.below(2) == 0;
        let call = match kind {
            0..45 => KvCall::Put(key.clone(), format!("value-{number}").into()),
            45..50 => KvCall::Delete(key.clone()),
            50..98 => KvCall::Get(key.clone()),
            _ => KvCall::Range(key.clone(), format!("{}~", &key[..key.len() - 1]).into()),
        };
        let answer = match &call {
            _ if !happens => None,
            KvCall::Put(_, value) => {
                revision += 1;
                let version = pairs.get(&key).map_or(0, |pair: &Pair| pair.version) + 1;
                pairs.insert(key, Pair { value: value.clone(), mod_revision: revision, version });
                Some(KvAnswer::Put)
            }
            KvCall::Delete(key) => {
                let was_there = pairs.remove(key).is_some();
                revision += i64::from(was_there);
                Some(KvAnswer::Deleted(was_there))
            }
            KvCall::Get(key) => Some(KvAnswer::Got(pairs.get(key).cloned())),
            KvCall::Range(from, to) => {
                let held = pairs.range(from.clone()..to.clone());
                Some(KvAnswer::Ranged(held.map(|(key, pair)| (key.clone(), pair.clone())).collect()))
            }
        };
        let answer = answer.filter(|_| !is_lost);
        let returned = answer.map(|answer| (returned, KvReturn { revision, answer }));
        operations.push(Operation { called, returned, call });
    }
    operations
}

/// A map of ten keys; each client does so many operations, one after another.
pub(crate) fn map(seed: u64, clients: u64, each: u64) -> Vec<Operation<AppendCall, Option<String>>> {
    let mut draw = Draw(seed);
    let mut free: Vec<u64> = vec![0; clients as usize];
    // When each takes effect, with its call and return.
    let mut spans = Vec::new();
    for _ in 0..each {
        for free in &mut free {
            let called = *free + draw.below(20);
            let at = called + draw.below(100);
            let returned = at + draw.below(100);
            *free = returned + 1;
            spans.push((at, called, returned));
        }
    }
    spans.sort_unstable();
    let mut held = BTreeMap::<String, String>::new();
    let operations = spans.into_iter().enumerate().map(|(number, (_, called, returned))| {
        let key = draw.below(10).to_string();
        let value = held.entry(key.clone()).or_default();
        let change = match draw.below(10) {
            0..5 => Change::Get,
            5..9 => Change::Append(format!("x {number} y")),
            _ => Change::Put(format!("x {number} y")),
        };
        match &change {
            Change::Get => {}
            Change::Put(put) => value.clone_from(put),
            Change::Append(more) => value.push_str(more),
        }
        let seen = (change == Change::Get).then(|| value.clone());
        Operation { called, returned: Some((returned, seen)), call: AppendCall { key, change } }
    });
    operations.collect()
}
