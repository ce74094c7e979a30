//! What a call waited for: an operator who wonders why it took long reads it.

use std::{fmt, time::Duration};

use super::call::{Place, Queue};

/// A call that takes longer is slow: it is many times what the loss of a leader costs.
const SLOW_US: u64 = 1_000_000;

/// How long a call was at each kind of place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::proxy) struct Waits {
    leader_us: u64,
    session_us: u64,
    pause_us: u64,
    answer_us: u64,
    /// How often it was sent.
    attempts: u16,
}

impl Waits {
    /// It leaves a place where it was for so long.
    pub(super) fn leave(&mut self, place: Place, span_us: u64) {
        match place {
            Place::Waiting(Queue::Leader(_) | Queue::AnyNode(_)) => self.leader_us += span_us,
            Place::Waiting(Queue::Session) => self.session_us += span_us,
            Place::BackingOff { .. } => self.pause_us += span_us,
            Place::Sent(_) => {
                self.answer_us += span_us;
                self.attempts = self.attempts.saturating_add(1);
            }
        }
    }

    pub(super) fn total_us(&self) -> u64 {
        self.leader_us + self.session_us + self.pause_us + self.answer_us
    }

    pub(super) fn are_long(&self) -> bool {
        self.total_us() >= SLOW_US
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leader_us, session_us, pause_us, answer_us, attempts } = *self;
        let spans = [
            (leader_us, "for a leader that is reached, or for room on the way to it"),
            (session_us, "for a session"),
            (pause_us, "in pauses after a refusal"),
            (answer_us, "for an answer"),
        ];
        for (span_us, what) in spans.into_iter().filter(|(span_us, _)| *span_us >= 1_000) {
            write!(f, "{:?} {what}, ", Duration::from_millis(span_us / 1_000))?;
        }
        write!(f, "sent {attempts} times")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::core::call::Lane;

    #[test]
    fn it_is_told_what_was_waited_for() {
        let mut waits = Waits::default();
        waits.leave(Place::Waiting(Queue::Leader(Lane::Small)), 990_000);
        assert!(!waits.are_long());
        waits.leave(Place::BackingOff { until_us: 0 }, 20_000);
        assert!(waits.are_long());
        assert_eq!(
            waits.to_string(),
            "990ms for a leader that is reached, or for room on the way to it, 20ms in pauses after a refusal, sent 0 times"
        );
    }
}
