//! A scenario is data: everything a run will do is decided before it begins, and can be stored, edited and replayed.
//!
//! | file | idea |
//! | --- | --- |
//! | `generator.rs` | from a seed to a scenario |
//! | `beyond.rs` | scenarios that damage more than the system bears |
//! | `agenda.rs` | its faults and their times |
//! | `stress.rs` | what some runs have more of |
//! | `format.rs` | which form of the file this is |
//! | `file.rs` | a scenario as a file has it, and the refusal of what it cannot mean |
//! | `timed.rs` | a fault and its time |
//! | `variation.rs` | another scenario, made of those that there are |
//! | `version.rs`, `fingerprint.rs` | whether a seed is the same scenario elsewhere |
//! | `about.rs` | what a stored scenario tells of itself |
//! | `ending.rs` | what stays broken when the rest is healed |
//! | `reference.rs` | what the testbed's own speed is measured by |

mod about;
mod agenda;
mod beyond;
mod ending;
mod file;
mod fingerprint;
mod format;
mod generator;
mod reference;
mod stress;
mod timed;
mod variation;
mod version;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::{
    about::About,
    beyond::BEYOND_SEEDS,
    ending::{Ending, Outside, Outsider},
    fingerprint::version,
    generator::generate,
    reference::{Load, reference},
    timed::Timed,
    variation::vary,
    version::Version,
};
use self::{file::ScenarioFile, format::Format};
use crate::{
    probes::Probe,
    workload::Workload,
    world::{Knobs, Rates, Shape},
};
pub(crate) use timed::WAIT_MS;

/// Everything a run will do. Spans are in milliseconds of simulated time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ScenarioFile", into = "ScenarioFile")]
pub struct Scenario {
    /// The machines, and how they are set up.
    pub shape: Shape,
    /// What clients do.
    pub workload: Workload,
    /// How long clients work and faults strike, before everything is healed.
    pub chaos_ms: u64,
    /// What goes wrong, in order of time.
    pub faults: Vec<Timed>,
    /// What stays broken at first when everything else is healed.
    pub ending: Ending,
    /// Seed of what the simulator draws by itself, from one stream: the latency of each message and the order of tasks. `None`: the
    /// scenario's own. Any edit of a scenario moves that stream; under several schedules it is seen whether that mattered.
    pub schedule: Option<u64>,
    /// Points in the programs that are switched on while faults strike.
    pub buggify: Rates,
    /// Limits of the programs that are set otherwise than in production.
    pub knobs: Knobs,
    /// The rare states that a stored scenario is kept for. One that does not reach them any more is stale.
    pub reaches: BTreeSet<Probe>,
    /// What a stored scenario tells a reader of itself.
    pub about: About,
}

impl Scenario {
    /// The ids of the nodes that come later.
    pub fn newcomers(&self) -> Vec<u64> {
        self.faults.iter().filter_map(|timed| timed.fault.newcomer()).collect()
    }
}

impl From<Scenario> for ScenarioFile {
    fn from(scenario: Scenario) -> Self {
        let Scenario { shape, workload, chaos_ms, faults, ending, schedule, buggify, knobs, reaches, about } =
            scenario;
        let Shape { seed, priorities, proxies, clients, latency_us, disk_us, .. } = shape;
        let Shape { bandwidth_bytes_per_s, heartbeat_ms, election_timeout_ms, retention, answers, .. } =
            shape;
        let Shape {
            lease_reads,
            leases_switch,
            stated_drift_percent,
            beyond,
            swapped_peers,
            kept_revisions,
            ..
        } = shape;
        Self {
            format: Format,
            about,
            seed,
            priorities,
            proxies,
            clients,
            chaos_ms,
            latency_us,
            bandwidth_bytes_per_s,
            disk_us,
            heartbeat_ms,
            election_timeout_ms,
            retention,
            answers,
            lease_reads,
            leases_switch,
            stated_drift_percent,
            beyond,
            swapped_peers,
            kept_revisions,
            workload,
            faults,
            ending,
            schedule,
            buggify,
            knobs,
            reaches,
        }
    }
}

impl TryFrom<ScenarioFile> for Scenario {
    type Error = String;

    fn try_from(file: ScenarioFile) -> Result<Self, String> {
        file.check()?;
        let ScenarioFile { seed, priorities, proxies, clients, chaos_ms, latency_us, disk_us, .. } = file;
        let ScenarioFile {
            bandwidth_bytes_per_s, heartbeat_ms, election_timeout_ms, retention, answers, ..
        } = file;
        let ScenarioFile { lease_reads, leases_switch, stated_drift_percent, beyond, swapped_peers, .. } =
            file;
        let ScenarioFile { kept_revisions, workload, .. } = file;
        let ScenarioFile { faults, ending, schedule, buggify, knobs, reaches, about, .. } = file;
        let shape = Shape {
            seed,
            priorities,
            proxies,
            clients,
            latency_us,
            bandwidth_bytes_per_s,
            disk_us,
            heartbeat_ms,
            election_timeout_ms,
            retention,
            answers,
            lease_reads,
            leases_switch,
            stated_drift_percent,
            beyond,
            swapped_peers,
            kept_revisions,
        };
        Ok(Self { shape, workload, chaos_ms, faults, ending, schedule, buggify, knobs, reaches, about })
    }
}
