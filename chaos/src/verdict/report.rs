//! Figures and failures, for machines and for people.

use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;

use super::availability::Gaps;

/// How a run was.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) took_s: f64,
    pub(crate) proxies: u64,
    pub(crate) clients: u64,
    /// Of each node.
    pub(crate) priorities: Vec<u32>,
    pub(crate) lease_reads: bool,
    pub(crate) tls: bool,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) leader_kills: u64,
    pub(crate) node_kills: u64,
    pub(crate) partitions: u64,
    pub(crate) transfers: u64,
    pub(crate) failed_transfers: u64,
    pub(crate) disk_stops: u64,
    pub(crate) leaders: usize,
    pub(crate) states_compared: usize,
    pub(crate) operations: Totals,
    pub(crate) gaps: Gaps,
    pub(crate) judged_in_ms: u64,
    /// What may not be. None: the run is green.
    pub(crate) failures: Vec<String>,
}

/// Operations, by what their clients were told.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Totals {
    pub(crate) all: usize,
    /// What the judge explains: all of known outcome, and writes of unknown outcome.
    pub(crate) checked: usize,
    pub(crate) puts: usize,
    pub(crate) gets: usize,
    pub(crate) deletes: usize,
    /// Writes that may have happened.
    pub(crate) unknown: usize,
    pub(crate) did_not_happen: usize,
    /// Their client did not wait.
    pub(crate) reads_without_answer: usize,
}

impl Report {
    /// As one word.
    pub(crate) fn verdict(&self) -> &'static str {
        if self.failures.is_empty() { "green" } else { "RED" }
    }

    /// A page.
    pub(crate) fn markdown(&self) -> String {
        let mut page = format!("# Chaos, seed {}: {}\n\n", self.seed, self.verdict());
        for failure in &self.failures {
            let _ = writeln!(page, "- FAILED: {failure}");
        }
        if !self.failures.is_empty() {
            page.push('\n');
        }
        page += "| what | how many |\n| --- | --- |\n";
        for (what, count) in self.rows() {
            let _ = writeln!(page, "| {what} | {count} |");
        }
        page += "\n| fault | strikes |\n| --- | --- |\n";
        for (fault, count) in &self.faults {
            let _ = writeln!(page, "| {fault} | {count} |");
        }
        page
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let Self { operations, gaps, .. } = self;
        let longest: Vec<String> =
            gaps.longest.iter().map(|(at, ms)| format!("{ms:.0} ms at {at:.1} s")).collect();
        let set_up = format!(
            "{} nodes{}{}{}, {} proxies, {} clients",
            self.priorities.len(),
            if self.priorities.iter().any(|&priority| priority > 0) {
                ", some preferred as leader"
            } else {
                ""
            },
            if self.lease_reads { ", lease reads" } else { "" },
            if self.tls { ", TLS" } else { "" },
            self.proxies,
            self.clients
        );
        vec![
            ("set up", set_up),
            ("length", format!("{} s", self.took_s)),
            ("kills of the leader", self.leader_kills.to_string()),
            ("kills of nodes", self.node_kills.to_string()),
            ("partitions, full and one-way", self.partitions.to_string()),
            (
                "leadership handed over on request, and in vain",
                format!("{}, {}", self.transfers, self.failed_transfers),
            ),
            ("nodes that stopped for their disk", self.disk_stops.to_string()),
            ("terms whose leader was seen", self.leaders.to_string()),
            ("applied indexes at which states were compared", self.states_compared.to_string()),
            ("operations", operations.all.to_string()),
            ("operations checked", operations.checked.to_string()),
            (
                "puts, gets, deletes answered",
                format!("{}, {}, {}", operations.puts, operations.gets, operations.deletes),
            ),
            ("writes of unknown outcome", operations.unknown.to_string()),
            ("refused: did not happen", operations.did_not_happen.to_string()),
            ("reads whose client did not wait", operations.reads_without_answer.to_string()),
            ("time with a connected majority", format!("{:.1} s", gaps.serving_s)),
            (
                "gaps of 100 ms or more without any answer in it",
                format!("{}, together {:.1} s", gaps.count, gaps.total_s),
            ),
            ("their p50, p99, max", format!("{:.0}, {:.0}, {:.0} ms", gaps.p50_ms, gaps.p99_ms, gaps.max_ms)),
            ("the longest", longest.join(", ")),
            ("judged in", format!("{} ms", self.judged_in_ms)),
            ("verdict", self.verdict().to_owned()),
        ]
    }
}
