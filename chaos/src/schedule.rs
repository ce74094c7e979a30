//! When which fault strikes: drawn from a seed, or read from a file.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, anyhow, ensure};
use conclave_checks::draw::Draw;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    fault::{Fault, Target, Timed},
    shape::Shape,
};

/// The clients are left alone at first: the cluster has a leader, and keys have values.
const CALM_MS: u64 = 1_000;
/// Between two strikes.
const PAUSE_MS: (u64, u64) = (700, 2_900);
/// How long a fault lasts: often shorter than an election timeout, sometimes several.
const SPAN_MS: (u64, u64) = (100, 2_800);
/// A full disk is noticed only when a file grows.
const FULL_MS: (u64, u64) = (3_000, 8_000);
/// In so many of 100 strikes all nodes are told to stop and started again, one after the other.
const ROLLING_PERCENT: u64 = 3;
/// Between two stops of a rolling restart.
const ROLLING_MS: u64 = 1_200;

/// The faults of a run of this length.
pub(crate) fn generate(seed: u64, shape: &Shape, length: Duration) -> Vec<Timed> {
    let length_ms = length.as_millis() as u64;
    let mut draw = Draw::new(seed, "faults", 0);
    let mut faults = Vec::new();
    let mut at_ms = CALM_MS;
    while at_ms < length_ms {
        if draw.chance(ROLLING_PERCENT) {
            faults.extend((1..=shape.node_count()).map(|id| Timed {
                at_ms: at_ms + (id - 1) * ROLLING_MS,
                for_ms: ROLLING_MS / 2,
                fault: Fault::Stop { node: Target::Node(id) },
            }));
            at_ms += shape.node_count() * ROLLING_MS;
        } else {
            let fault = Fault::draw(&mut draw, shape);
            let (low, high) = if matches!(fault, Fault::DiskFull { .. }) { FULL_MS } else { SPAN_MS };
            faults.push(Timed { at_ms, for_ms: draw.between(low, high), fault });
        }
        at_ms += draw.between(PAUSE_MS.0, PAUSE_MS.1);
    }
    faults.retain(|timed| timed.at_ms < length_ms);
    faults
}

/// The faults of a file, in the order of time: a list, or a scenario of the simulation, whose shape is taken as well. Of a
/// scenario that which is only simulated is left out.
pub(crate) struct Stored {
    pub(crate) faults: Vec<Timed>,
    /// The names of what is left out.
    pub(crate) left_out: Vec<String>,
    /// How long faults strike, if the file says so.
    pub(crate) length: Option<Duration>,
}

/// What is taken of a scenario.
#[derive(Deserialize)]
struct Scenario {
    priorities: Vec<u32>,
    proxies: u64,
    chaos_ms: u64,
    #[serde(default)]
    lease_reads: bool,
    faults: Vec<Value>,
}

/// More machines of a kind have longer names than interfaces may have.
const MACHINES_MAX: u64 = 9;

impl Stored {
    /// Reads a file; `shape` becomes that of a scenario.
    ///
    /// # Errors
    /// It holds no faults, or one that cannot be meant.
    pub(crate) fn read(path: &Path, shape: &mut Shape) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Self::parse(&text, shape).with_context(|| path.display().to_string())
    }

    fn parse(text: &str, shape: &mut Shape) -> Result<Self> {
        let file: Value = serde_json::from_str(text).context("it is no JSON")?;
        let (list, length) = match file {
            Value::Array(list) => (list, None),
            scenario => {
                let scenario: Scenario =
                    serde_json::from_value(scenario).context("it is neither faults nor a scenario")?;
                let counts = [scenario.priorities.len() as u64, scenario.proxies];
                ensure!(
                    counts.iter().all(|count| (1..=MACHINES_MAX).contains(count)),
                    "1 to {MACHINES_MAX} nodes and proxies can be had here, not {counts:?}"
                );
                shape.priorities = scenario.priorities;
                shape.proxies = scenario.proxies;
                shape.lease_reads = scenario.lease_reads;
                (scenario.faults, Some(Duration::from_millis(scenario.chaos_ms)))
            }
        };
        let mut stored = Self { faults: Vec::new(), left_out: Vec::new(), length };
        for (place, entry) in list.into_iter().enumerate() {
            let wrong = |what: String| anyhow!("faults[{place}]: {what}");
            let kind = &entry["kind"];
            let name = kind.as_str().or_else(|| kind.as_object()?.keys().next().map(String::as_str));
            // A list of faults was written for this program.
            if let Some(name) = name.filter(|name| stored.length.is_some() && !is_known(name)) {
                stored.left_out.push(name.to_owned());
                continue;
            }
            let timed: Timed = serde_json::from_value(entry).map_err(|error| wrong(error.to_string()))?;
            match timed.fault.check(shape) {
                // Of a node that another fault brings.
                Err(_) if stored.length.is_some() => stored.left_out.push(timed.fault.name().to_owned()),
                checked => {
                    checked.map_err(wrong)?;
                    stored.faults.push(timed);
                }
            }
        }
        stored.faults.sort_by_key(|timed| timed.at_ms);
        Ok(stored)
    }
}

/// Whether a family of this name is here: then what is said of it names its fields.
fn is_known(name: &str) -> bool {
    let error = serde_json::from_value::<Fault>(serde_json::json!({ name: {} })).err();
    error.is_none_or(|error| !error.to_string().starts_with("unknown variant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_form_has_enough_leader_kills_and_partitions() {
        for seed in 0..20 {
            let faults = generate(seed, &Shape::default(), Duration::from_secs(15 * 60));
            let counted = |timed: &&Timed| {
                timed.fault.is_partition() || matches!(timed.fault, Fault::Crash { node: Target::Word(_) })
            };
            let count = faults.iter().filter(counted).count();
            assert!(count > 230, "seed {seed}: {count} of {}", faults.len());
        }
    }

    #[test]
    fn a_seed_gives_the_same_faults_again() {
        let (shape, length) = (Shape::default(), Duration::from_secs(60));
        assert_eq!(generate(7, &shape, length), generate(7, &shape, length));
        assert_ne!(generate(7, &shape, length), generate(8, &shape, length));
    }

    #[test]
    fn of_a_scenario_the_shape_is_taken_and_what_is_only_simulated_is_left_out() {
        let scenario = r#"{"seed": 4, "priorities": [0, 5, 0, 0, 0], "proxies": 1, "chaos_ms": 9000, "clients": 6,
            "lease_reads": true, "faults": [
                {"at_ms": 100, "for_ms": 10, "kind": "blackout"},
                {"at_ms": 200, "for_ms": 10, "kind": {"crash": {"node": 5}}},
                {"at_ms": 300, "for_ms": 10, "kind": {"crash": {"node": 6}}},
                {"at_ms": 400, "for_ms": 10, "kind": {"join": {"new": 6, "learner": false}}}]}"#;
        let mut shape = Shape::default();
        let stored = Stored::parse(scenario, &mut shape).expect("a scenario");
        assert_eq!(stored.faults.len(), 1);
        assert_eq!(stored.left_out, ["blackout", "crash", "join"]);
        assert_eq!((shape.node_count(), shape.proxies, shape.lease_reads), (5, 1, true));
        assert_eq!(stored.length, Some(Duration::from_secs(9)));
    }

    #[test]
    fn mistakes_in_a_list_are_named() {
        let mistake = |text: &str| {
            format!("{:#}", Stored::parse(text, &mut Shape::default()).err().expect("a mistake"))
        };
        let told = mistake(r#"[{"at_ms": 1, "for_ms": 1, "kind": {"crash": {"node": 9}}}]"#);
        assert_eq!(told, "faults[0]: there is no node 9, only 1 to 3");
        let told = mistake(r#"[{"at_ms": 1, "for_ms": 1, "kind": {"rot": {"node": 1}}}]"#);
        assert!(told.starts_with("faults[0]: unknown variant `rot`, expected one of `crash`"), "{told}");
        assert!(mistake("{}").contains("neither faults nor a scenario"));
    }
}
