//! What a fault makes true until it heals.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::MachineId;

/// Something that is wrong with the world for a while. Several faults may hold the same condition: it ends when the last
/// of them heals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// What `from` sends does not arrive at `to`.
    Cut { from: MachineId, to: MachineId },
    /// The machine's process is not started again.
    Down(MachineId),
    /// The machine's process is not started again if its power fails in a sync.
    DownAfterPowerLoss(MachineId),
    /// A node of another cluster of the same name runs on the machine, in place of its own.
    Foreign(MachineId),
    /// The machine stands still, and goes on later as if nothing had been.
    Paused(MachineId),
    /// The machine's clock runs fast by so many parts per million, or slow.
    ClockDrift { machine: MachineId, ppm: i64 },
    /// The machine's wall time is so many milliseconds ahead, or behind.
    ClockSkew { machine: MachineId, ms: i64 },
    /// A job of the machine's disk takes this many microseconds before and after it is done, or longer.
    SlowDisk { machine: MachineId, disk_us: Range },
    /// A message takes this many microseconds, or longer.
    SlowNetwork { latency_us: Range },
    /// What the machine sends and is sent crosses at no more than this.
    SlowLink { machine: MachineId, bytes_per_s: u64 },
    /// So many clients put and read large values through the proxy, without a pause.
    Flood { proxy: u64, clients: u64 },
}

/// From `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub low: u64,
    pub high: u64,
}

impl Range {
    /// The range from the higher of both lower ends to the higher of both upper ends: two delays at a time.
    #[must_use]
    pub fn slower(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.max(other.high) }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { from, to } => write!(f, "no way from {from} to {to}"),
            Self::Down(machine) => write!(f, "{machine} is down"),
            Self::DownAfterPowerLoss(machine) => write!(f, "{machine} is down once its power fails"),
            Self::Foreign(machine) => write!(f, "a node of another cluster runs on {machine}"),
            Self::Paused(machine) => write!(f, "{machine} stands still"),
            Self::ClockDrift { machine, ppm } => write!(f, "the clock of {machine} runs {ppm} ppm fast"),
            Self::ClockSkew { machine, ms } => write!(f, "the wall time of {machine} is {ms} ms ahead"),
            Self::SlowDisk { machine, .. } => write!(f, "the disk of {machine} is slow"),
            Self::SlowLink { machine, .. } => write!(f, "the links of {machine} are slow"),
            Self::Flood { proxy, clients } => write!(f, "{clients} clients flood proxy {proxy}"),
            Self::SlowNetwork { .. } => f.write_str("the network is slow"),
        }
    }
}
