//! Who waits for an entry to be applied: a proposal took place if the entry at its index bears its term.

use std::collections::BTreeMap;

use super::job::Waiter;
use crate::{
    env::sometimes,
    kv::Reply,
    raft::{Index, Term},
    wire::{
        kv as wire,
        pb::{etcdserverpb::ResponseHeader, v1::refusal::Reason},
    },
};

#[derive(Default)]
pub(super) struct Waiters(BTreeMap<Index, Waiter>);

impl Waiters {
    /// A later leadership of this node may reuse an index: the earlier proposal is then known to be lost.
    pub(super) fn add(&mut self, waiter: Waiter) {
        if let Some(lost) = self.0.insert(waiter.index, waiter) {
            refuse(lost, Reason::Dropped, "another entry took its place");
        }
    }

    /// The entry at an index, of a term, was applied with this reply.
    pub(super) fn answer(&mut self, index: Index, term: Term, reply: Reply, header: ResponseHeader) {
        let Some(waiter) = self.0.remove(&index) else { return };
        match waiter.term == term {
            true => waiter.replies.send(waiter.request, wire::reply_to_pb(reply, header)),
            false => refuse(waiter, Reason::Dropped, "another leader's entry took its place"),
        }
    }

    /// Whoever still waits for an index that the state has passed waits in vain.
    pub(super) fn drop_up_to(&mut self, applied: Index, reason: Reason, why: &str) {
        let still_waiting = self.0.split_off(&(applied + 1));
        for (_, lost) in std::mem::replace(&mut self.0, still_waiting) {
            refuse(lost, reason, why);
        }
    }
}

fn refuse(waiter: Waiter, reason: Reason, why: &str) {
    sometimes!(reason == Reason::Dropped, WriteDropped);
    sometimes!(reason == Reason::Forgotten, WriteForgotten);
    waiter.replies.refuse(waiter.request, reason, why);
}
