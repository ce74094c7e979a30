//! A scenario is data: everything a run will do is decided before it begins, and can be stored, edited and replayed.
//!
//! | file | idea |
//! | --- | --- |
//! | `generator.rs` | from a seed to a scenario |
//! | `stored.rs` | the stored form, and the refusal of what it cannot mean |

mod generator;
mod stored;

use serde::{Deserialize, Serialize};

pub use self::generator::generate;
use self::stored::Stored;
use crate::{faults::Fault, workload::Workload, world::Shape};

/// Everything a run will do. Spans are in milliseconds of simulated time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Scenario {
    /// The machines, and how they are set up.
    pub shape: Shape,
    /// What clients do.
    pub workload: Workload,
    /// How long clients work and faults strike, before everything is healed.
    pub chaos_ms: u64,
    /// What goes wrong, in order of time.
    pub faults: Vec<Timed>,
}

/// A fault and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timed {
    /// When it strikes.
    pub at_ms: u64,
    /// How long until it heals. What lasts beyond the chaos heals at its end.
    pub for_ms: u64,
    #[serde(rename = "kind")]
    pub fault: Fault,
}

impl Scenario {
    /// The ids of the nodes that come later.
    pub fn newcomers(&self) -> Vec<u64> {
        self.faults.iter().filter_map(|timed| timed.fault.newcomer()).collect()
    }
}
