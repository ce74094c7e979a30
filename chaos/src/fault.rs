//! What can go wrong, as data. What the simulation has too has the same name and the same fields there
//! (`sim/src/faults`), so that one file of faults strikes both worlds.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use crate::shape::{Machine, Shape};

/// A fault that strikes once, and heals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timed {
    /// When it strikes.
    pub(crate) at_ms: u64,
    /// How long until it heals.
    pub(crate) for_ms: u64,
    #[serde(rename = "kind")]
    pub(crate) fault: Fault,
}

/// Which node: its id, or the word `"leader"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Target {
    Node(u64),
    Word(Word),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Word {
    /// The node that leads when the fault strikes.
    Leader,
}

/// From the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    pub(crate) low: u64,
    pub(crate) high: u64,
}

/// A fault of any family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// kill -9; what the process gave to its operating system survives.
    Crash { node: Target },
    /// SIGSTOP, and SIGCONT when it heals.
    Pause { node: Target },
    /// SIGTERM: it hands leadership over and ends. It is started again when the fault heals.
    Stop { node: Target },
    /// The machines of one side do not reach the others, nor are they reached.
    Partition {
        side: Vec<u64>,
        #[serde(default)]
        proxies: Vec<u64>,
    },
    /// The leader is cut off, together with some proxies.
    IsolatedLeader { proxies: Vec<u64> },
    /// What one node sends does not arrive at another; the way back is open.
    CutOneWay { from: u64, to: u64 },
    /// A node hears nobody (inbound), or nobody hears it.
    OneWayIsolation { node: Target, inbound: bool },
    /// The two sides do not reach each other; everybody else reaches both.
    Bridge { sides: [Vec<u64>; 2] },
    /// Every message takes longer.
    SlowNetwork { latency_us: Range },
    /// Syncs take longer.
    SlowDisk { node: Target, disk_us: Range },
    /// Leadership is handed to a node.
    Transfer { to: u64 },
    /// kill -9 of a proxy, counted from 0.
    ProxyCrash { proxy: u64 },
    /// The wall clock is wrong; the node is started anew, for it reads it only then.
    ClockSkew { node: Target, ms: i64 },
    /// kill -9 of all nodes at once. Only here: the simulation cuts their power instead.
    CrashAll {},
    /// So many packets of 1000 that reach the node are lost. Only here: the simulation's streams lose nothing.
    Loss { node: Target, per_mille: u64 },
    /// No room on the node's disk. Only here.
    DiskFull { node: Target },
    /// fsync fails with EIO. Only here.
    FailingSync { node: Target },
}

impl Fault {
    /// The name of its family.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Pause { .. } => "pause",
            Self::Stop { .. } => "stop",
            Self::Partition { .. } => "partition",
            Self::IsolatedLeader { .. } => "isolated-leader",
            Self::CutOneWay { .. } => "cut-one-way",
            Self::OneWayIsolation { .. } => "one-way-isolation",
            Self::Bridge { .. } => "bridge",
            Self::SlowNetwork { .. } => "slow-network",
            Self::SlowDisk { .. } => "slow-disk",
            Self::Transfer { .. } => "transfer",
            Self::ProxyCrash { .. } => "proxy-crash",
            Self::ClockSkew { .. } => "clock-skew",
            Self::CrashAll {} => "crash-all",
            Self::Loss { .. } => "loss",
            Self::DiskFull { .. } => "disk-full",
            Self::FailingSync { .. } => "failing-sync",
        }
    }

    /// Whether it separates machines that run.
    pub(crate) fn is_partition(&self) -> bool {
        matches!(
            self,
            Self::Partition { .. }
                | Self::IsolatedLeader { .. }
                | Self::CutOneWay { .. }
                | Self::OneWayIsolation { .. }
                | Self::Bridge { .. }
        )
    }

    /// What a file gets wrong.
    pub(crate) fn check(&self, shape: &Shape) -> Result<(), String> {
        let nodes = |ids: &[u64]| match ids.iter().find(|id| !(1..=shape.node_count()).contains(*id)) {
            Some(id) => Err(format!("there is no node {id}, only 1 to {}", shape.node_count())),
            None => Ok(()),
        };
        let target = |target: &Target| match target {
            Target::Node(id) => nodes(&[*id]),
            Target::Word(Word::Leader) => Ok(()),
        };
        let proxies = |numbers: &[u64]| match numbers.iter().find(|number| **number >= shape.proxies) {
            Some(number) => Err(format!("there is no proxy {number}, only 0 to {}", shape.proxies - 1)),
            None => Ok(()),
        };
        match self {
            Self::Crash { node } | Self::Pause { node } | Self::Stop { node } => target(node),
            Self::OneWayIsolation { node, .. } | Self::SlowDisk { node, .. } => target(node),
            Self::ClockSkew { node, .. } | Self::DiskFull { node } | Self::FailingSync { node } => {
                target(node)
            }
            Self::Loss { per_mille: 1001.., .. } => Err("per_mille: at most 1000 packets of 1000".to_owned()),
            Self::Loss { node, .. } => target(node),
            Self::Partition { side, proxies: beside } => nodes(side).and_then(|()| proxies(beside)),
            Self::IsolatedLeader { proxies: beside } => proxies(beside),
            Self::CutOneWay { from, to } => nodes(&[*from, *to]),
            Self::Bridge { sides } => nodes(&sides.concat()),
            Self::Transfer { to } => nodes(&[*to]),
            Self::ProxyCrash { proxy } => proxies(&[*proxy]),
            Self::SlowNetwork { latency_us: Range { low, high } } if low > high => {
                Err(format!("latency_us: low is {low} and high is {high}: low is at most high"))
            }
            Self::SlowNetwork { .. } | Self::CrashAll {} => Ok(()),
        }
    }

    /// Draws one: kills of the leader and partitions are most of all.
    pub(crate) fn draw(draw: &mut Draw, shape: &Shape) -> Self {
        let any = |draw: &mut Draw| match draw.chance(40) {
            true => Target::Word(Word::Leader),
            false => Target::Node(draw.between(1, shape.node_count())),
        };
        let nodes: Vec<u64> = (1..=shape.node_count()).collect();
        let some_proxies =
            |draw: &mut Draw| -> Vec<u64> { (0..shape.proxies).filter(|_| draw.chance(40)).collect() };
        match draw.below(100) {
            0..32 => {
                Self::Crash { node: if draw.chance(85) { Target::Word(Word::Leader) } else { any(draw) } }
            }
            32..45 => Self::IsolatedLeader { proxies: some_proxies(draw) },
            45..53 => Self::Partition { side: vec![*draw.pick(&nodes)], proxies: some_proxies(draw) },
            53..58 => {
                let from = *draw.pick(&nodes);
                Self::CutOneWay { from, to: from % shape.node_count() + 1 }
            }
            58..65 => Self::OneWayIsolation { node: any(draw), inbound: draw.chance(50) },
            65..68 => Self::Bridge { sides: bridge(draw, shape) },
            68..75 => Self::Pause { node: any(draw) },
            75..78 => Self::Stop { node: any(draw) },
            78..81 => Self::Transfer { to: *draw.pick(&nodes) },
            81..85 => Self::ProxyCrash { proxy: draw.below(shape.proxies) },
            85..88 => Self::Loss { node: any(draw), per_mille: draw.between(20, 300) },
            88..90 => Self::SlowDisk {
                node: any(draw),
                disk_us: Range { low: 1_000, high: draw.between(5_000, 60_000) },
            },
            90..92 => {
                // A round trip stays below an election timeout.
                Self::SlowNetwork { latency_us: Range { low: 5_000, high: draw.between(10_000, 100_000) } }
            }
            92..94 => {
                Self::ClockSkew { node: any(draw), ms: *draw.pick(&[-3_600_000, -500, 500, 7_200_000]) }
            }
            94..97 => Self::DiskFull { node: any(draw) },
            97..99 => Self::FailingSync { node: any(draw) },
            _ => Self::CrashAll {},
        }
    }
}

/// One node between two others.
fn bridge(draw: &mut Draw, shape: &Shape) -> [Vec<u64>; 2] {
    let between = draw.between(1, shape.node_count());
    let others: Vec<u64> = (1..=shape.node_count()).filter(|&id| id != between).collect();
    let (left, right) = others.split_at(others.len() / 2);
    [left.to_vec(), right.to_vec()]
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => Machine::Node(*id).fmt(f),
            Self::Word(Word::Leader) => f.write_str("the leader"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash { node } => write!(f, "crash of {node}"),
            Self::Pause { node } => write!(f, "pause of {node}"),
            Self::Stop { node } => write!(f, "stop of {node}"),
            Self::Partition { side, proxies } => {
                write!(f, "partition of nodes {side:?} and proxies {proxies:?} from the rest")
            }
            Self::IsolatedLeader { proxies } => {
                write!(f, "partition of the leader and proxies {proxies:?} from the rest")
            }
            Self::CutOneWay { from, to } => write!(f, "cut of the way from node {from} to node {to}"),
            Self::OneWayIsolation { node, inbound: true } => write!(f, "{node} hears nobody"),
            Self::OneWayIsolation { node, inbound: false } => write!(f, "nobody hears {node}"),
            Self::Bridge { sides: [left, right] } => write!(f, "cut between nodes {left:?} and {right:?}"),
            Self::SlowDisk { node, disk_us } => write!(f, "slow disk of {node}, {} us a sync", disk_us.high),
            Self::SlowNetwork { latency_us: Range { low, high } } => {
                write!(f, "slow network, {} to {} ms a message", low / 1000, high / 1000)
            }
            Self::Transfer { to } => write!(f, "leadership to node {to}"),
            Self::ProxyCrash { proxy } => write!(f, "crash of proxy {proxy}"),
            Self::ClockSkew { node, ms } => {
                write!(f, "wall time {ms} ms ahead at {node}, which is started anew")
            }
            Self::CrashAll {} => f.write_str("crash of all nodes"),
            Self::Loss { node, per_mille } => write!(f, "loss of {per_mille} packets of 1000 at {node}"),
            Self::DiskFull { node } => write!(f, "full disk of {node}"),
            Self::FailingSync { node } => write!(f, "failing syncs of {node}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The families that the simulation does not have.
    const ONLY_HERE: [&str; 3] = ["crash-all", "loss", "disk-full"];

    fn read(text: &str) -> Result<Fault, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_fault_is_written_as_in_the_simulation() {
        let crash = Fault::Crash { node: Target::Word(Word::Leader) };
        assert_eq!(serde_json::to_string(&crash).expect("plain data"), r#"{"crash":{"node":"leader"}}"#);
        assert_eq!(read(r#"{"crash":{"node":3}}"#), Ok(Fault::Crash { node: Target::Node(3) }));
        assert!(read(r#"{"crash":{"node":3,"nth":1}}"#).is_err());
    }

    /// Every family that is drawn is one of the simulation's, or said to be only here.
    #[test]
    fn the_names_are_those_of_the_simulation() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sim/src/faults");
        let mut known = BTreeSet::new();
        for file in fs::read_dir(folder).expect("the families of the simulation").flatten() {
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            let name =
                text.split_once("const NAME: &'static str = \"").and_then(|(_, rest)| rest.split('"').next());
            known.extend(name.map(str::to_owned));
        }
        assert!(known.len() > 20, "{known:?}");
        let (mut draw, shape) = (Draw::new(1, "faults", 0), Shape::default());
        for fault in std::iter::repeat_with(|| Fault::draw(&mut draw, &shape)).take(2_000) {
            let name = fault.name();
            let written = serde_json::to_value(&fault).expect("plain data");
            assert!(written.get(name).is_some(), "{written} is not called {name}");
            assert_ne!(known.contains(name), ONLY_HERE.contains(&name), "{name}");
            assert_eq!(fault.check(&shape), Ok(()));
        }
    }
}
