//! A fault and its time.

use serde::{Deserialize, Serialize};

use crate::faults::Fault;

/// A fault that strikes once, and heals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timed {
    /// When it strikes.
    pub at_ms: u64,
    /// How long until it heals. What lasts beyond the chaos heals at its end, or stays outside of the core that is
    /// healed first.
    pub for_ms: u64,
    #[serde(rename = "kind")]
    pub fault: Fault,
}
