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
    /// A later leadership of this node may reuse an index. Until something is committed there nobody knows what became of the earlier
    /// proposal: another node may have it still, and lead.
    pub(super) fn add(&mut self, waiter: Waiter) {
        if let Some(earlier) = self.0.insert(waiter.index, waiter) {
            sometimes!(WriteReplaced);
            refuse(earlier, Reason::Forgotten, "another entry took its place in this node's log");
        }
    }

    /// Who waits for what is applied at an index, and is to be answered.
    pub(super) fn take(&mut self, index: Index) -> Option<Waiter> {
        self.0.remove(&index)
    }

    /// Whoever still waits for an index that the state has passed waits in vain.
    pub(super) fn drop_up_to(&mut self, applied: Index, reason: Reason, why: &str) {
        let still_waiting = self.0.split_off(&(applied + 1));
        for (_, lost) in std::mem::replace(&mut self.0, still_waiting) {
            sometimes!(reason == Reason::Forgotten, WriteForgotten);
            refuse(lost, reason, why);
        }
    }
}

/// The entry at the index that is waited for, of a term, was applied with this reply.
pub(super) fn answer(waiter: Waiter, term: Term, reply: Reply, header: ResponseHeader) {
    match waiter.term == term {
        true => waiter.replies.send_or_forget(waiter.request, wire::reply_to_pb(reply, header)),
        false => refuse(waiter, Reason::Dropped, "another leader's entry took its place"),
    }
}

fn refuse(waiter: Waiter, reason: Reason, why: &str) {
    sometimes!(reason == Reason::Dropped, WriteDropped);
    waiter.replies.refuse(waiter.request, reason, why);
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;
    use crate::{node::reply, wire::pb::v1::reply::Outcome};

    fn waiter(request: u64, index: Index, term: Term, replies: &reply::ReplySender) -> Waiter {
        Waiter { index, term, request, replies: replies.clone() }
    }

    /// Why each request was refused, and `None` for what was answered.
    async fn told(receiver: &mut reply::ReplyReceiver) -> Vec<(u64, Option<Reason>)> {
        let replies = receiver.next().await.expect("the sender is there").replies;
        let why = |outcome: Option<Outcome>| match outcome {
            Some(Outcome::Refusal(refusal)) => Some(refusal.reason()),
            _ => None,
        };
        replies.into_iter().map(|reply| (reply.id, why(reply.outcome))).collect()
    }

    /// Node 1 proposed an entry in term 1 and lost the lead, node 2 truncated it, and node 1 leads once more. Node 3 may have the entry,
    /// and lead next: it would be committed then.
    #[tokio::test]
    async fn what_another_proposal_replaces_may_happen_yet_and_what_another_leader_committed_there_may_not() {
        let (replies, _, mut receiver) = reply::channel();
        let mut waiters = Waiters::default();
        waiters.add(waiter(1, 7, 1, &replies));
        waiters.add(waiter(2, 7, 3, &replies));
        assert_eq!(told(&mut receiver).await, [(1, Some(Reason::Forgotten))]);
        assert!(waiters.take(8).is_none());
        let later = waiters.take(7).expect("it waits");
        answer(later, 4, Reply::Compacted { revision: 1 }, ResponseHeader::default());
        assert_eq!(told(&mut receiver).await, [(2, Some(Reason::Dropped))]);
        answer(waiter(3, 8, 4, &replies), 4, Reply::Compacted { revision: 2 }, ResponseHeader::default());
        assert_eq!(told(&mut receiver).await, [(3, None)]);
    }
}
