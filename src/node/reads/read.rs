//! One read, and whether anybody still waits for it.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    super::reply::{ReadReplies, ReplySender},
    admission::Permit,
};
use crate::{
    env::{Alarm, Clock, Moment},
    raft::{Index, Term},
    wire::pb::{etcdserverpb::RangeRequest, v1::refusal::Reason},
};

/// A proxy's stream as its requests see it: where they are answered, and where reads go to be served.
#[derive(Clone, Debug)]
pub(in crate::node) struct Caller {
    pub(in crate::node) replies: ReplySender,
    lane: mpsc::UnboundedSender<Read>,
    awaited: Awaited,
}

/// The reads of a stream that are ready to be served, and where their answers go. Their number is bounded by the reads
/// that a node admits.
#[derive(Debug)]
pub(in crate::node) struct LaneEnd {
    pub(super) reads: mpsc::UnboundedReceiver<Read>,
    pub(super) replies: ReadReplies,
}

impl Caller {
    /// Whoever asks through a stream that is answered so.
    pub(in crate::node) fn new(replies: ReplySender, read_replies: ReadReplies) -> (Self, LaneEnd) {
        let (lane, reads) = mpsc::unbounded_channel();
        let caller = Self { replies, lane, awaited: Awaited::default() };
        (caller, LaneEnd { reads, replies: read_replies })
    }

    /// Nobody waits for the answer to this read any more.
    pub(in crate::node) fn cancel(&self, request: u64) {
        self.awaited.cancel(request);
    }
}

/// The reads of one stream that are awaited, by their requests.
#[derive(Clone, Debug, Default)]
struct Awaited(Arc<Mutex<BTreeMap<u64, oneshot::Sender<()>>>>);

impl Awaited {
    /// Nobody waits for the answer to this request any more.
    fn cancel(&self, request: u64) {
        self.locked().remove(&request);
    }

    fn add(&self, request: u64) -> oneshot::Receiver<()> {
        let (stays, left) = oneshot::channel();
        self.locked().insert(request, stays);
        left
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<()>>> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// A read of a proxy.
#[derive(Debug)]
pub(in crate::node) struct Read {
    pub(super) request: u64,
    pub(super) range: RangeRequest,
    /// It is served from the state at this index or a later one.
    pub(super) index: Index,
    /// What its answer names.
    pub(super) term: Term,
    caller: Caller,
    deadline: Option<Moment>,
    /// Closed: it was cancelled.
    left: oneshot::Receiver<()>,
    _permit: Permit,
}

impl Read {
    pub(super) fn new(
        caller: Caller,
        request: u64,
        range: RangeRequest,
        deadline: Option<Moment>,
        permit: Permit,
    ) -> Self {
        let left = caller.awaited.add(request);
        Self { request, range, index: 0, term: 0, caller, deadline, left, _permit: permit }
    }

    pub(super) fn refuse(self, reason: Reason, message: &str) {
        self.caller.replies.refuse(self.request, reason, message);
    }

    /// Into the lane of its stream.
    pub(super) fn go(mut self, index: Index, term: Term) {
        (self.index, self.term) = (index, term);
        let _ = self.caller.lane.clone().send(self);
    }

    pub(super) fn is_awaited(&mut self, now: Moment) -> bool {
        let is_cancelled = matches!(self.left.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        let is_late = self.deadline.is_some_and(|deadline| deadline <= now);
        !is_cancelled && !is_late && !self.caller.replies.is_closed()
    }

    /// Completes when nobody waits for the answer any more.
    pub(super) async fn left(&mut self, clock: &Clock) {
        let (deadline, left, replies) = (self.deadline, &mut self.left, &self.caller.replies);
        let overdue = async {
            match deadline {
                Some(deadline) => Alarm::after(clock, deadline.since(clock.now())).ring().await,
                None => pending().await,
            }
        };
        tokio::select! { biased;
            _ = left => {}
            () = replies.closed() => {}
            () = overdue => {}
        }
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        self.caller.cancel(self.request);
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::{super::admission::Load, *};
    use crate::node::reply;

    #[tokio::test]
    async fn a_read_is_awaited_until_it_is_cancelled_or_late_or_its_stream_ends() {
        let clock = Clock::new(Duration::ZERO);
        let (replies, read_replies, receiver) = reply::channel();
        let (caller, _lane) = Caller::new(replies, read_replies);
        let load = Arc::<Load>::default();
        let new = |request, deadline| {
            let permit = load.admit(&RangeRequest::default()).expect("there is room");
            Read::new(caller.clone(), request, RangeRequest::default(), deadline, permit)
        };
        let (now, soon) = (clock.now(), clock.now() + Duration::from_millis(20));

        let mut kept = new(1, None);
        let mut cancelled = new(2, None);
        let mut late = new(3, Some(soon));
        caller.cancel(2);
        let mut left = new(4, None);
        caller.cancel(4);
        caller.cancel(5);
        assert_eq!(
            [&mut kept, &mut cancelled, &mut late].map(|read| read.is_awaited(now)),
            [true, false, true]
        );
        assert!(!late.is_awaited(soon));
        left.left(&clock).await;
        late.left(&clock).await;

        drop(receiver);
        assert!(!kept.is_awaited(now));
        kept.left(&clock).await;
    }

    #[tokio::test]
    async fn the_end_of_a_read_does_not_end_a_later_one_of_another_name() {
        let clock = Clock::new(Duration::ZERO);
        let (replies, read_replies, _receiver) = reply::channel();
        let (caller, _lane) = Caller::new(replies, read_replies);
        let load = Arc::<Load>::default();
        let new = |request| {
            let permit = load.admit(&RangeRequest::default()).expect("there is room");
            Read::new(caller.clone(), request, RangeRequest::default(), None, permit)
        };
        let (first, mut second) = (new(1), new(2));
        drop(first);
        assert!(second.is_awaited(clock.now()));
    }
}
