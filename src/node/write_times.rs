//! How long writes take at the leader: from the proposal to the commit, and from there to the state.

use std::{collections::VecDeque, time::Duration};

use super::metrics::WriteMetrics;
use crate::raft::{Index, Raft};

/// The batches of writes that are under way, oldest first.
#[derive(Default)]
pub(super) struct WriteTimes {
    proposed: VecDeque<Batch>,
    committed: VecDeque<Batch>,
    metrics: WriteMetrics,
}

struct Batch {
    last: Index,
    count: usize,
    /// When it was proposed, or committed.
    since_us: u64,
}

impl WriteTimes {
    /// After every step, which began at this time and proposed so many writes. The state stands at `applied`.
    pub(super) fn stepped(&mut self, core: &Raft, applied: Index, now_us: u64, proposed: usize) {
        if !core.is_leader() {
            self.proposed.clear();
            self.committed.clear();
            return;
        }
        if proposed > 0 {
            self.proposed.push_back(Batch { last: core.last().index, count: proposed, since_us: now_us });
        }
        while let Some(batch) = self.proposed.pop_front_if(|batch| batch.last <= core.commit()) {
            self.metrics.commit_seconds.record_many(batch.time(now_us), batch.count);
            self.committed.push_back(Batch { since_us: now_us, ..batch });
        }
        while let Some(batch) = self.committed.pop_front_if(|batch| batch.last <= applied) {
            self.metrics.apply_seconds.record_many(batch.time(now_us), batch.count);
        }
    }
}

impl Batch {
    fn time(&self, now_us: u64) -> Duration {
        Duration::from_micros(now_us.saturating_sub(self.since_us))
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use std::sync::Arc;

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::raft::{Configuration, InitialState, Options};

    #[test]
    fn each_write_counts_from_its_proposal_to_its_commit_and_to_the_state() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let configuration = Arc::new(Configuration::of([1]));
            let mut core =
                Raft::new(Options::plain(1), InitialState { configuration, ..InitialState::default() });
            let mut times = WriteTimes::default();
            let persisted = |core: &mut Raft| {
                while let Some(persist) = core.effects().persist {
                    core.persisted(persist.ticket);
                }
            };
            while !core.is_leader() {
                core.tick();
                persisted(&mut core);
            }
            core.propose(vec![b"a"[..].into(), b"b"[..].into()]).expect("it leads");
            times.stepped(&core, 0, 1_000, 2);
            persisted(&mut core);
            assert_eq!(core.commit(), core.last().index);
            times.stepped(&core, 0, 3_000_000, 0);
            times.stepped(&core, core.last().index, 4_000_000, 0);
        });
        let shown = recorder.handle().render();
        for series in [
            "conclave_raft_commit_duration_seconds_count 2",
            "conclave_raft_commit_duration_seconds_sum 5.998",
            "conclave_raft_apply_duration_seconds_sum 2",
        ] {
            assert!(shown.lines().any(|line| line == series), "{series}: {shown}");
        }
    }
}
