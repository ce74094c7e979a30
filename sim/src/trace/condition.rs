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
    /// What `from` sends does not arrive at `to`, now and then.
    Flapping { from: MachineId, to: MachineId, rhythm: Rhythm },
    /// A firewall refuses what `from` sends to `to`: connections are refused, those that there are break.
    Refused { from: MachineId, to: MachineId },
    /// What `from` sends arrives late at `to`, or breaks its connection.
    PoorLine { from: MachineId, to: MachineId, poor: Poor },
    /// Single messages from a node to another are lost, doubled, or overtaken.
    Astray { from: MachineId, to: MachineId, astray: Astray },
    /// The machine's process is not started again.
    Down(MachineId),
    /// The machine's process is not started again once it dies in the middle of a job of its disk.
    DownOnceItDies(MachineId),
    /// The machine dies in the middle of a job of its disk, again and again: each time within so many changes of files, or syncs.
    DiesAgain { machine: MachineId, loses_power: bool, within: u64 },
    /// A node of another cluster of the same name runs on the machine, in place of its own.
    Foreign(MachineId),
    /// The machine stands still, and goes on later as if nothing had been.
    Paused(MachineId),
    /// The machine stands still with its clock, and goes on later as if no time had passed.
    Suspended(MachineId),
    /// The machine's clock runs fast by so many parts per million, or slow.
    ClockDrift { machine: MachineId, ppm: i64 },
    /// The machine's wall time is so many milliseconds ahead, or behind.
    ClockSkew { machine: MachineId, ms: i64 },
    /// A job of the machine's disk takes this many microseconds before and after it is done, or longer.
    SlowDisk { machine: MachineId, disk_us: Range },
    /// The node forgets its log as far as that is durable in its state, at every tick, however short it is.
    Compacts(MachineId),
    /// Jobs of the machine's disk stand still.
    StalledDisk(MachineId),
    /// The machine's disk fails now and then, or always.
    FailingDisk { machine: MachineId, errors: DiskErrors },
    /// A message takes this many microseconds, or longer.
    SlowNetwork { latency_us: Range },
    /// What the machine sends and is sent crosses at no more than this.
    SlowLink { machine: MachineId, bytes_per_s: u64 },
    /// So many clients put and read large values through the proxy, without a pause.
    Flood { proxy: u64, clients: u64 },
}

/// Something that comes and goes: it lasts `bad_ms` of each `period_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rhythm {
    pub period_ms: u64,
    pub bad_ms: u64,
}

/// What is wrong with a poor line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poor {
    /// It is poor so long, and sound in between.
    pub rhythm: Rhythm,
    /// A message takes so much longer.
    pub latency_us: Range,
    /// So many of a hundred messages are lost and sent again; what follows them waits.
    pub lost_percent: u64,
    /// So many of a thousand messages break their connection.
    pub breaking_permille: u64,
}

/// What becomes of single messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Astray {
    /// So many of a hundred never arrive.
    pub lost_percent: u64,
    /// So many arrive, and once more later.
    pub doubled_percent: u64,
    /// So many arrive later.
    pub late_percent: u64,
    /// So much later.
    pub late_ms: Range,
}

/// Errors that a disk reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskErrors {
    /// So many of a thousand reads fail.
    pub reads_permille: u64,
    /// So many of a thousand writes fail, and changes of a file's length.
    pub writes_permille: u64,
    /// So many of a thousand syncs fail.
    pub syncs_permille: u64,
    /// There is no room for more than what is there.
    pub is_full: bool,
}

impl DiskErrors {
    /// Two disks' errors in one.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self {
            reads_permille: self.reads_permille.max(other.reads_permille),
            writes_permille: self.writes_permille.max(other.writes_permille),
            syncs_permille: self.syncs_permille.max(other.syncs_permille),
            is_full: self.is_full || other.is_full,
        }
    }
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

impl Condition {
    /// The line that it is about, if it is about one.
    pub fn line(&self) -> Option<(MachineId, MachineId)> {
        match *self {
            Self::Cut { from, to }
            | Self::Flapping { from, to, .. }
            | Self::Refused { from, to }
            | Self::PoorLine { from, to, .. }
            | Self::Astray { from, to, .. } => Some((from, to)),
            _ => None,
        }
    }

    /// The one machine that it is about, if it is about one.
    pub fn machine(&self) -> Option<MachineId> {
        match *self {
            Self::Down(machine)
            | Self::DownOnceItDies(machine)
            | Self::Foreign(machine)
            | Self::Paused(machine)
            | Self::StalledDisk(machine)
            | Self::Compacts(machine)
            | Self::Suspended(machine)
            | Self::ClockDrift { machine, .. }
            | Self::ClockSkew { machine, .. }
            | Self::SlowDisk { machine, .. }
            | Self::FailingDisk { machine, .. }
            | Self::SlowLink { machine, .. }
            | Self::DiesAgain { machine, .. } => Some(machine),
            Self::Flood { proxy, .. } => Some(MachineId::Proxy(proxy)),
            _ => None,
        }
    }

    /// Whether it hampers this machine, or a line from or to it.
    pub fn is_about(&self, machine: MachineId) -> bool {
        match self.line() {
            Some((from, to)) => from == machine || to == machine,
            None => self.concerns(|other| other == machine),
        }
    }

    /// Whether it keeps these machines from working with each other.
    pub fn concerns(&self, is_among: impl Fn(MachineId) -> bool) -> bool {
        if let Some((from, to)) = self.line() {
            return is_among(from) && is_among(to);
        }
        // What is about no machine is about the network, which is everybody's.
        self.machine().is_none_or(is_among)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { from, to } => write!(f, "no way from {from} to {to}"),
            Self::Flapping { from, to, rhythm: Rhythm { period_ms, bad_ms } } => {
                write!(f, "no way from {from} to {to} for {bad_ms} of each {period_ms} ms")
            }
            Self::Refused { from, to } => write!(f, "what {from} sends to {to} is refused"),
            Self::PoorLine { from, to, .. } => write!(f, "the line from {from} to {to} is poor"),
            Self::Astray { from, to, .. } => write!(f, "messages from {from} to {to} go astray"),
            Self::Down(machine) => write!(f, "{machine} is down"),
            Self::DownOnceItDies(machine) => write!(f, "{machine} is down once it dies in a job of its disk"),
            Self::DiesAgain { machine, .. } => write!(f, "{machine} dies again and again"),
            Self::Foreign(machine) => write!(f, "a node of another cluster runs on {machine}"),
            Self::Paused(machine) => write!(f, "{machine} stands still"),
            Self::Suspended(machine) => write!(f, "{machine} and its clock stand still"),
            Self::ClockDrift { machine, ppm } => write!(f, "the clock of {machine} runs {ppm} ppm fast"),
            Self::ClockSkew { machine, ms } => write!(f, "the wall time of {machine} is {ms} ms ahead"),
            Self::SlowDisk { machine, .. } => write!(f, "the disk of {machine} is slow"),
            Self::Compacts(machine) => write!(f, "{machine} forgets its log"),
            Self::StalledDisk(machine) => write!(f, "the disk of {machine} stands still"),
            Self::FailingDisk { machine, .. } => write!(f, "the disk of {machine} fails"),
            Self::SlowLink { machine, .. } => write!(f, "the links of {machine} are slow"),
            Self::Flood { proxy, clients } => write!(f, "{clients} clients flood proxy {proxy}"),
            Self::SlowNetwork { .. } => f.write_str("the network is slow"),
        }
    }
}
