//! Messages on their way over a line, in order: what is late holds up what follows it, and nothing passes a cut.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use super::{
    Payload,
    faults::{Crossing, Retransmission},
    line::Line,
    network::{KEEPALIVE, Network},
};

/// The messages of a stream, in one direction.
pub(super) struct Transit {
    network: Arc<Network>,
    line: Line,
    queue: VecDeque<(Crossing, Duration, Payload)>,
    /// When the first of them is tried next.
    attempt_at: Duration,
    retransmission: Retransmission,
    blocked_since: Option<Duration>,
}

/// The connection is broken.
#[derive(Debug)]
pub(super) struct Broken;

impl Transit {
    pub(super) fn new(network: Arc<Network>, line: Line) -> Self {
        Self {
            network,
            line,
            queue: VecDeque::new(),
            attempt_at: Duration::ZERO,
            retransmission: Retransmission::default(),
            blocked_since: None,
        }
    }

    /// Nothing is under way, and nothing is wrong with the line: what comes may pass as if there were no transit.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.network.is_sound(self.line)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// A message is on its way from now on.
    pub(super) fn push(&mut self, payload: Payload) {
        let now = self.network.now();
        let crossing = self.network.crossing(self.line);
        let delay = if let Crossing::Delayed(delay) = crossing { delay } else { Duration::ZERO };
        if self.queue.is_empty() {
            self.attempt_at = now + delay;
        }
        self.queue.push_back((crossing, now + delay, payload));
    }

    /// The next message, when it has crossed. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Payload, Broken> {
        if self.queue.is_empty() {
            pending::<()>().await;
        }
        loop {
            let now = self.network.now();
            if now < self.attempt_at {
                self.network.sleep(self.attempt_at - now).await;
            } else if self.network.refuses(self.line) {
                return Err(Broken);
            } else if !self.network.is_cut(self.line) {
                return self.pass();
            } else {
                let blocked_since = *self.blocked_since.get_or_insert(now);
                if now >= blocked_since + KEEPALIVE {
                    return Err(Broken);
                }
                self.attempt_at = (now + self.retransmission.next()).min(blocked_since + KEEPALIVE);
            }
        }
    }

    fn pass(&mut self) -> Result<Payload, Broken> {
        (self.retransmission, self.blocked_since) = Default::default();
        let (crossing, _, payload) = self.queue.pop_front().expect("there is one");
        if let Some((_, arrival, _)) = self.queue.front() {
            self.attempt_at = *arrival;
        }
        match crossing {
            Crossing::Delayed(_) => Ok(payload),
            Crossing::Breaks => Err(Broken),
        }
    }
}
