//! The way of a call from its service to the edge, and of its answer back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use tonic::Request;

use super::{
    core::{Answer, Call, CallId, Operation, Waits},
    watched::Watched,
};
use crate::{
    env::{Buggify, Clock, Knob, buggify, knob},
    rpc,
    wire::{CallError, etcd},
};

/// Calls that may wait for the edge to take them. It takes all that wait at once, so that the queue is as long as the
/// burst of one turn of the scheduler.
const CALL_QUEUE_LENGTH: usize = 4096;

/// A call is answered so much of its client's time before that has passed, so that the proxy's words arrive before the
/// client gives up and knows nothing: a tenth of the time, and at most this.
const ANSWER_MARGIN_MAX: Duration = Duration::from_millis(200);

/// How long a call may take: what its client says, less the margin for the answer, and at most so long.
pub(super) fn time_for<T>(request: &Request<T>, patience: Duration) -> Duration {
    match rpc::timeout_of(request) {
        Some(timeout) => (timeout - (timeout / 10).min(ANSWER_MARGIN_MAX)).min(patience),
        None => patience,
    }
}

/// A call on its way to the core, and the way back.
pub(super) struct IncomingCall {
    pub(super) call: Call,
    pub(super) answer: oneshot::Sender<(Answer, Option<Waits>)>,
}

/// What the edge receives.
pub(super) struct CallReceiver {
    pub(super) calls: mpsc::Receiver<IncomingCall>,
    pub(super) cancelled: mpsc::UnboundedReceiver<CallId>,
}

/// Hands calls to the edge. Cheap to clone.
#[derive(Clone)]
pub(super) struct CallSender {
    calls: mpsc::Sender<IncomingCall>,
    /// Unbounded: there is one for a call that was taken, at most.
    cancelled: mpsc::UnboundedSender<CallId>,
    count: Arc<AtomicU64>,
    clock: Clock,
    patience: Duration,
}

pub(super) fn channel(clock: Clock, patience: Duration) -> (CallSender, CallReceiver) {
    let (calls_tx, calls) = mpsc::channel(knob(Knob::CallQueue, CALL_QUEUE_LENGTH));
    let (cancelled_tx, cancelled) = mpsc::unbounded_channel();
    let sender =
        CallSender { calls: calls_tx, cancelled: cancelled_tx, count: Arc::default(), clock, patience };
    (sender, CallReceiver { calls, cancelled })
}

impl CallSender {
    /// How long a call may take, which is at most the proxy's own patience.
    pub(super) fn time_for<T>(&self, request: &Request<T>) -> Duration {
        time_for(request, self.patience)
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Hands a call to the core and waits for its one answer. To drop the future is to leave: the core is told.
    pub(super) async fn call(
        &self,
        operation: Operation,
        bytes: usize,
        time: Duration,
        watched: &mut Watched<'_>,
    ) -> Answer {
        let id = CallId::of_client(self.count.fetch_add(1, Ordering::Relaxed));
        let is_read = matches!(operation, Operation::Read(_));
        let deadline_us = self.clock.elapsed_us() + u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 2);
        let too_many =
            || CallError::etcd(etcd::TOO_MANY_REQUESTS, "too many calls arrive at once: try again later");
        if buggify(Buggify::CallsFull) {
            return Err(too_many());
        }
        let (answer_tx, answer_rx) = oneshot::channel();
        let call = Call { id, operation, deadline_us, bytes };
        self.calls.try_send(IncomingCall { call, answer: answer_tx }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => too_many(),
            mpsc::error::TrySendError::Closed(_) => CallError::etcd(etcd::STOPPED, ""),
        })?;
        let mut leaving = Leaving { id, cancelled: Some(&self.cancelled) };
        let answer = answer_rx.await;
        leaving.cancelled = None;
        match answer {
            Ok((answer, waits)) => {
                watched.waited(waits);
                answer
            }
            Err(_) => {
                let stopped = CallError::etcd(etcd::STOPPED, "");
                Err(if is_read { stopped } else { stopped.may_have_happened() })
            }
        }
    }
}

/// Tells the edge that a caller left, unless it has its answer.
struct Leaving<'a> {
    id: CallId,
    cancelled: Option<&'a mpsc::UnboundedSender<CallId>>,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if let Some(cancelled) = self.cancelled {
            let _ = cancelled.send(self.id);
        }
    }
}
