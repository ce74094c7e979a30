//! What is due when, of all calls.

use std::collections::BTreeSet;

use super::call::CallId;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Timers {
    /// When each call must have its answer, if there is such a time.
    pub(super) deadlines: BTreeSet<(u64, CallId)>,
    /// When the pause of each call that pauses is over.
    pub(super) retries: BTreeSet<(u64, CallId)>,
}

impl Timers {
    /// A call whose deadline has come.
    pub(super) fn overdue(&self, now_us: u64) -> Option<CallId> {
        self.deadlines.first().filter(|(deadline_us, _)| *deadline_us <= now_us).map(|(_, id)| *id)
    }

    /// A call that has paused for long enough.
    pub(super) fn paused_until(&self, now_us: u64) -> Option<CallId> {
        self.retries.first().filter(|(until_us, _)| *until_us <= now_us).map(|(_, id)| *id)
    }

    /// All calls that pause.
    pub(super) fn all_pausing(&self) -> Vec<CallId> {
        self.retries.iter().map(|(_, id)| *id).collect()
    }

    /// When something is due next.
    pub(super) fn next_due_us(&self) -> Option<u64> {
        let deadline = self.deadlines.first().map(|(at_us, _)| *at_us);
        let retry = self.retries.first().map(|(at_us, _)| *at_us);
        deadline.into_iter().chain(retry).min()
    }
}
