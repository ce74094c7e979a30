//! A fault and its time.

use serde::{Deserialize, Serialize};

use crate::{faults::Fault, trace::Moment};

/// A fault that strikes once, and heals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timed {
    /// When it strikes.
    pub at_ms: u64,
    /// How long until it heals. What lasts beyond the chaos heals at its end, or stays outside of the core that is
    /// healed first.
    pub for_ms: u64,
    /// From its time on it waits for this, for [`WAIT_MS`] at most, and strikes then. If it has waited in vain it strikes all the
    /// same, unless it aims at the node that the moment would have been about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moment: Option<Moment>,
    #[serde(rename = "kind")]
    pub fault: Fault,
}

/// How long a fault waits for its moment: time for a few elections and flushes.
pub(crate) const WAIT_MS: u64 = 2_000;
