//! What a run came to.
//!
//! | file | idea |
//! | --- | --- |
//! | `availability.rs` | how long clients went without an answer while a majority was connected |
//! | `loss.rs` | what was acknowledged is there in the end |
//! | `convergence.rs` | all nodes come to one state |
//! | `report.rs` | figures and failures, for machines and for people |

mod availability;
mod convergence;
mod loss;
mod report;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::Result;
use conclave_checks::history::{Answer, Call, History, Operation, judge as judge_history};

pub(crate) use availability::Availability;
pub(crate) use convergence::has_converged;
pub(crate) use report::{Report, Totals};

use crate::{cluster::Cluster, lab::command::run, plan::Plan, strike::Tally, workload::store};

/// The history of a run that failed.
pub(crate) const HISTORY: &str = "history.jsonl";

/// What was seen during a run.
#[derive(Default)]
pub(crate) struct Evidence {
    /// Faults that struck, by family.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) availability: Availability,
    /// Nodes that stopped with an error of their disk, as they must.
    pub(crate) disk_stops: u64,
    /// Terms whose leader was seen.
    pub(crate) leaders: usize,
    /// Applied indexes at which the states of several nodes were compared.
    pub(crate) states_compared: usize,
    pub(crate) failures: Vec<String>,
}

/// Judges a history, and says how the run was.
pub(crate) fn judge(
    plan: &Plan,
    operations: Vec<Operation>,
    mut evidence: Evidence,
    tally: &Tally,
    took: Duration,
) -> Result<Report> {
    let began = Instant::now();
    let history = History { operations, nodes_compact: true, ..History::default() };
    if let Err(broken) = judge_history(&history) {
        evidence.failures.push(format!("{}: {broken}", broken.rule));
    }
    let (judged_in, operations) = (began.elapsed(), history.operations);
    evidence.failures.extend(loss::lost(&operations));
    let mut successes: Vec<u64> = operations.iter().filter_map(success).collect();
    successes.sort_unstable();
    let gaps = evidence.availability.gaps(&successes);
    if gaps.max_ms > plan.gap_max.as_secs_f64() * 1e3 {
        let at = gaps.longest.first().map_or(0.0, |(at, _)| *at);
        evidence.failures.push(format!(
            "no client was answered for {:.1} s from {at:.1} s on, though a majority was connected: {:?} is allowed",
            gaps.max_ms / 1e3,
            plan.gap_max
        ));
    }
    if !evidence.failures.is_empty() {
        store(&operations, &plan.folder.join(HISTORY))?;
    }
    Ok(Report {
        seed: plan.seed,
        took_s: took.as_secs_f64().round(),
        proxies: plan.shape.proxies,
        clients: plan.clients,
        priorities: plan.shape.priorities.clone(),
        lease_reads: plan.shape.lease_reads,
        tls: plan.shape.tls,
        faults: evidence.faults,
        leader_kills: tally.leader_kills,
        node_kills: tally.node_kills,
        partitions: tally.partitions,
        transfers: tally.transfers.load(Ordering::Relaxed),
        failed_transfers: tally.failed_transfers.load(Ordering::Relaxed),
        disk_stops: evidence.disk_stops,
        leaders: evidence.leaders,
        states_compared: evidence.states_compared,
        operations: Totals::of(&operations),
        gaps,
        judged_in_ms: judged_in.as_millis() as u64,
        failures: evidence.failures,
    })
}

/// When a client was told that what it asked for was done.
fn success(operation: &Operation) -> Option<u64> {
    let is_last_reading = operation.client == 0;
    match &operation.answer {
        Some((at, answer)) if !answer.is_error() && !is_last_reading => Some(*at),
        _ => None,
    }
}

impl Totals {
    fn of(operations: &[Operation]) -> Self {
        let mut totals = Self { all: operations.len(), ..Self::default() };
        for operation in operations {
            match (&operation.answer, &operation.call) {
                (Some((_, Answer::Put { .. })), _) => totals.puts += 1,
                (Some((_, Answer::Got { .. })), _) => totals.gets += 1,
                (Some((_, Answer::Deleted { .. })), _) => totals.deletes += 1,
                (Some((_, Answer::DidNotHappen(_))), _) => totals.did_not_happen += 1,
                (_, Call::Get { .. }) => totals.reads_without_answer += 1,
                _ => totals.unknown += 1,
            }
        }
        totals.checked = totals.puts + totals.gets + totals.deletes + totals.unknown;
        totals
    }
}

/// Copies the data of all nodes beside the logs. What cannot be copied is left.
pub(crate) fn keep_data(cluster: &Cluster, folder: &Path) {
    for (machine, data) in cluster.data_dirs() {
        let kept = folder.join("data").join(machine.short());
        let _ = run(&format!("mkdir -p {}", kept.display()));
        let _ = run(&format!("cp -r --sparse=always {}/. {}", data.display(), kept.display()));
    }
}
