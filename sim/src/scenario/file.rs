//! A scenario as a file has it, and the refusal of what it cannot mean. A mistake is told in one line: the field, and
//! what is allowed there.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{about::About, ending::Ending, format::Format, timed::Timed};
use crate::{
    faults::{BANDWIDTH_MIN, DISK_US_MAX, LATENCY_US_MAX, Roster, check_range, check_within},
    probes::Probe,
    trace::Range,
    workload::{LargeValues, Workload},
    world::{Answers, Knobs, Leases, NUMBER_MAX, Rates, Retention},
};

/// A pause between two operations, and the patience of a client, are not longer than this.
const WAIT_MS_MAX: u64 = 60_000;

/// A value is not larger than this: it must be a write that is accepted.
const LARGE_BYTES_MAX: u64 = 1 << 20;

/// The shape's fields beside the others.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioFile {
    #[serde(default)]
    pub(super) format: Format,
    #[serde(default, skip_serializing_if = "About::is_nothing")]
    pub(super) about: About,
    pub(super) seed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) schedule: Option<u64>,
    pub(super) priorities: Vec<u32>,
    pub(super) proxies: u64,
    pub(super) clients: u64,
    pub(super) chaos_ms: u64,
    pub(super) latency_us: Range,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bandwidth_bytes_per_s: Option<u64>,
    pub(super) disk_us: Range,
    pub(super) heartbeat_ms: u64,
    pub(super) election_timeout_ms: u64,
    #[serde(default)]
    pub(super) retention: Retention,
    #[serde(default)]
    pub(super) answers: Answers,
    #[serde(default)]
    pub(super) lease_reads: Leases,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) leases_switch: bool,
    #[serde(default = "stated_drift", skip_serializing_if = "is_stated_drift")]
    pub(super) stated_drift_percent: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) beyond: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) swapped_peers: Option<u64>,
    #[serde(default)]
    pub(super) kept_revisions: Option<u32>,
    pub(super) workload: Workload,
    pub(super) faults: Vec<Timed>,
    #[serde(default, skip_serializing_if = "Ending::is_all_healed")]
    pub(super) ending: Ending,
    #[serde(default, skip_serializing_if = "Rates::is_empty")]
    pub(super) buggify: Rates,
    #[serde(default, skip_serializing_if = "Knobs::is_empty")]
    pub(super) knobs: Knobs,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) reaches: BTreeSet<Probe>,
}

/// As in production.
pub(super) fn stated_drift() -> u32 {
    10
}

fn is_stated_drift(percent: &u32) -> bool {
    *percent == stated_drift()
}

impl ScenarioFile {
    /// # Errors
    /// What it cannot mean.
    pub(super) fn check(&self) -> Result<(), String> {
        self.check_shape()?;
        self.check_workload()?;
        self.check_faults()?;
        self.ending.check(&self.roster()?)
    }

    fn check_shape(&self) -> Result<(), String> {
        check_within(
            "the number of priorities (one for each node)",
            self.priorities.len() as u64,
            1..=NUMBER_MAX,
        )?;
        if let Some(founder) = self.swapped_peers {
            check_within("swapped_peers", founder, 1..=self.priorities.len() as u64)?;
        }
        check_within("stated_drift_percent", self.stated_drift_percent.into(), 0..=99)?;
        check_within("proxies", self.proxies, 1..=NUMBER_MAX)?;
        check_within("clients", self.clients, 0..=NUMBER_MAX)?;
        check_within("chaos_ms", self.chaos_ms, 1..=3_600_000)?;
        check_range("latency_us", self.latency_us, LATENCY_US_MAX)?;
        if let Some(bytes_per_s) = self.bandwidth_bytes_per_s {
            check_within("bandwidth_bytes_per_s", bytes_per_s, BANDWIDTH_MIN..=u64::from(u32::MAX))?;
        }
        check_range("disk_us", self.disk_us, DISK_US_MAX)?;
        check_within("heartbeat_ms", self.heartbeat_ms, 1..=10_000)?;
        check_within("election_timeout_ms", self.election_timeout_ms, 2 * self.heartbeat_ms..=100_000)?;
        check_within("retention.sync_entries", self.retention.sync_entries, 1..=u64::from(u32::MAX))?;
        check_within("retention.log_entries", self.retention.log_entries, 1..=u64::from(u32::MAX))?;
        check_within("retention.piece_bytes", self.retention.piece_bytes, 1..=1 << 20)?;
        check_within("retention.pruned_events", self.retention.pruned_events, 1..=1 << 20)?;
        let Answers { short_records, slice_records, piece_bytes, held_bytes } = self.answers;
        check_within("answers.short_records", short_records, 1..=u64::from(u32::MAX))?;
        check_within("answers.slice_records", slice_records, 1..=u64::from(u32::MAX))?;
        check_within("answers.piece_bytes", piece_bytes, 1..=1 << 20)?;
        check_within("answers.held_bytes", held_bytes, 0..=1 << 40)
    }

    fn check_workload(&self) -> Result<(), String> {
        let Workload { keys, reads_percent, deletes_percent, pause_ms, patience_ms, .. } = &self.workload;
        let Workload { past_percent, compactions_percent, large, .. } = &self.workload;
        check_within("workload.past_percent", *past_percent, 0..=100)?;
        check_within("workload.compactions_percent", *compactions_percent, 0..=100 - past_percent)?;
        check_within("workload.keys", *keys, 1..=1_000_000)?;
        check_within("workload.reads_percent", *reads_percent, 0..=100)?;
        check_within("workload.deletes_percent", *deletes_percent, 0..=100 - reads_percent)?;
        check_within("workload.hot_percent", self.workload.hot_percent, 0..=100)?;
        check_within("workload.open_loops", self.workload.open_loops, 0..=NUMBER_MAX)?;
        if let Some(end_ms) = self.workload.writes_end_ms {
            check_within("workload.writes_end_ms", end_ms, 0..=self.chaos_ms)?;
        }
        for (share, percent) in self.workload.spans.shares() {
            let others = self.workload.spans.total() - percent;
            check_within(&format!("workload.spans.{share}"), percent, 0..=100_u64.saturating_sub(others))?;
        }
        check_range("workload.pause_ms", *pause_ms, WAIT_MS_MAX)?;
        check_within("workload.patience_ms", *patience_ms, 1..=WAIT_MS_MAX)?;
        let Some(LargeValues { keys, bytes, pause_ms }) = large else { return Ok(()) };
        check_within("workload.large.keys", *keys, 1..=1_000_000)?;
        check_range("workload.large.bytes", *bytes, LARGE_BYTES_MAX)?;
        check_range("workload.large.pause_ms", *pause_ms, WAIT_MS_MAX)
    }

    fn check_faults(&self) -> Result<(), String> {
        let mut roster = self.roster()?;
        let mut before_ms = 0;
        for (place, Timed { at_ms, for_ms: _, moment, fault }) in self.faults.iter().enumerate() {
            let field = |name: &str| format!("faults[{place}].{name}");
            check_within(&field("at_ms"), *at_ms, 0..=self.chaos_ms)?;
            if *at_ms < before_ms {
                return Err(format!(
                    "{}: {at_ms} comes after {before_ms}: faults are in order of time",
                    field("at_ms")
                ));
            }
            before_ms = *at_ms;
            roster.has_subject = moment.is_some();
            fault.check(&roster).map_err(|mistake| format!("{}.{mistake}", field(fault.name())))?;
        }
        Ok(())
    }

    /// Whom the faults may name; the newcomers are all new, and each comes once.
    fn roster(&self) -> Result<Roster, String> {
        let founders = self.priorities.len() as u64;
        let mut newcomers = BTreeSet::new();
        for (place, Timed { fault, .. }) in self.faults.iter().enumerate() {
            let Some(new) = fault.newcomer() else { continue };
            let field = format!("faults[{place}].{}.new", fault.name());
            check_within(&field, new, founders + 1..=NUMBER_MAX)?;
            if !newcomers.insert(new) {
                return Err(format!("{field}: node {new} comes twice: another fault brings it too"));
            }
        }
        Ok(Roster {
            founders,
            newcomers,
            proxies: self.proxies,
            clients: self.clients,
            next_newcomer: founders + 1,
            has_subject: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::scenario::{Scenario, generate};

    fn stored_scenario() -> Value {
        let mut scenario = serde_json::to_value(generate(1)).expect("plain data");
        scenario["priorities"] = json!([0, 0, 0]);
        scenario["chaos_ms"] = json!(5_000);
        scenario["ending"] = json!({"outsiders": []});
        scenario["faults"] =
            json!([{"at_ms": 100, "for_ms": 10, "kind": {"join": {"new": 9, "learner": false}}}]);
        scenario
    }

    /// What a reader is told of a scenario with this change.
    fn mistake(change: impl FnOnce(&mut Value)) -> String {
        let mut scenario = stored_scenario();
        change(&mut scenario);
        let error = serde_json::from_value::<Scenario>(scenario).expect_err("a mistake");
        assert_eq!(error.to_string().lines().count(), 1);
        error.to_string()
    }

    #[test]
    fn aims_and_moments_are_read_and_mistakes_in_them_named() {
        let crash = |node: Value| fault(1, json!({"crash": {"node": node}}));
        for node in [json!(2), json!("leader"), json!({"follower": 1}), json!({"newcomer": 0})] {
            let mut scenario = stored_scenario();
            scenario["faults"] = json!([crash(node.clone())]);
            let read: Scenario = serde_json::from_value(scenario).expect("an aim");
            let written = serde_json::to_value(&read).expect("plain data");
            assert_eq!(written["faults"][0]["kind"]["crash"]["node"], node);
        }
        let mut waiting = crash(json!("subject"));
        let told = mistake(|scenario| scenario["faults"] = json!([waiting]));
        assert_eq!(told, "faults[0].crash.node: there is no subject without a moment to wait for");
        waiting["moment"] = json!("vote-granted");
        let mut scenario = stored_scenario();
        scenario["faults"] = json!([waiting]);
        assert!(serde_json::from_value::<Scenario>(scenario).is_ok());
        waiting["moment"] = json!("full-moon");
        let told = mistake(|scenario| scenario["faults"] = json!([waiting]));
        assert!(told.starts_with("no moment is called full-moon: there are vote-granted, "), "{told}");
        let told = mistake(|scenario| scenario["faults"] = json!([crash(json!("king"))]));
        assert!(told.contains("a target is a node's id"), "{told}");
    }

    fn fault(at_ms: u64, kind: Value) -> Value {
        json!({"at_ms": at_ms, "for_ms": 10, "kind": kind})
    }

    #[test]
    fn what_is_not_mistaken_is_read() {
        let read: Scenario = serde_json::from_value(stored_scenario()).expect("no mistake");
        assert_eq!(read.newcomers(), [9]);
    }

    #[test]
    fn mistakes_in_the_shape_and_the_workload_are_named() {
        let told = mistake(|scenario| scenario["workload"]["keys"] = json!(0));
        assert_eq!(told, "workload.keys: 0 is not allowed: 1 to 1000000 is");
        let told = mistake(|scenario| scenario["workload"]["deletes_percent"] = json!(200));
        assert!(told.starts_with("workload.deletes_percent: 200 is not allowed"), "{told}");
        let told = mistake(|scenario| scenario["priorities"] = json!([]));
        assert!(told.contains("one for each node): 0 is not allowed"), "{told}");
        let told = mistake(|scenario| scenario["disk_us"] = json!({"low": 9, "high": 3}));
        assert_eq!(told, "disk_us: low is 9 and high is 3: low is at most high");
        let told = mistake(|scenario| scenario["latency_us"] = json!({}));
        assert!(told.contains("missing field `low`"), "{told}");
        let told = mistake(|scenario| scenario["proxies"] = json!(0));
        assert_eq!(told, "proxies: 0 is not allowed: 1 to 250 is");
        let told = mistake(|scenario| scenario["nodes"] = json!(3));
        assert!(told.contains("unknown field `nodes`"), "{told}");
        let told = mistake(|scenario| scenario["buggify"] = json!({"short-batch": 2}));
        assert_eq!(told, "buggify.short-batch: 2 is not allowed: 0 to 0.5 is");
        let told = mistake(|scenario| scenario["reaches"] = json!(["the-moon"]));
        assert!(told.starts_with("no probe is called the-moon"), "{told}");
    }

    #[test]
    fn a_file_of_a_later_format_is_refused_before_anything_else() {
        let stored = r#"{"format": 99, "what_is_this": 1}"#;
        let told = serde_json::from_str::<Scenario>(stored).expect_err("it is newer").to_string();
        assert!(told.starts_with("format: 99 is newer than 1"), "{told}");
        let mut of_before = stored_scenario();
        of_before.as_object_mut().expect("fields").remove("format").expect("it is written");
        assert!(serde_json::from_value::<Scenario>(of_before).is_ok());
    }

    #[test]
    fn mistakes_in_the_ending_are_named() {
        let with = |outsiders: Value| mistake(|scenario| scenario["ending"]["outsiders"] = outsiders);
        let told = with(json!([{"machine": {"node": 99}, "fate": "down"}]));
        assert!(told.starts_with("ending.outsiders[0].machine: there is no node 99, only 1 to 3"), "{told}");
        let told =
            with(json!([{"machine": {"node": 1}, "fate": {"flapping": {"period_ms": 9, "bad_ms": 10}}}]));
        assert_eq!(told, "ending.outsiders[0].fate.flapping.bad_ms: 10 is not allowed: 0 to 9 is");
        let told = with(json!([{"machine": "console", "fate": "down"}]));
        assert!(told.starts_with("ending.outsiders: the console"), "{told}");
    }

    #[test]
    fn mistakes_in_faults_are_named() {
        let with = |faults: Value| mistake(|scenario| scenario["faults"] = faults);
        let told = with(json!([fault(1, json!({"crash": {"node": 9}}))]));
        assert_eq!(told, "faults[0].crash.node: there is no node 9, only 1 to 3");
        let told = with(json!([fault(1, json!({"partition": {"side": [1, 4]}}))]));
        assert_eq!(told, "faults[0].partition.side: there is no node 4, only 1 to 3");
        let told = with(json!([fault(9_000, json!("blackout"))]));
        assert_eq!(told, "faults[0].at_ms: 9000 is not allowed: 0 to 5000 is");
        let told = with(json!([fault(9, json!("blackout")), fault(8, json!("blackout"))]));
        assert_eq!(told, "faults[1].at_ms: 8 comes after 9: faults are in order of time");
        let join = || fault(1, json!({"join": {"new": 9, "learner": false}}));
        let told = with(json!([join(), join()]));
        assert_eq!(told, "faults[1].join.new: node 9 comes twice: another fault brings it too");
        let told = with(json!([join(), fault(1, json!({"remove": {"node": 8}}))]));
        assert_eq!(told, "faults[1].remove.node: there is no node 8, only 1 to 3 and the newcomers 9");
        let told = with(json!([fault(1, json!({"slow-network": {"latency_us": {"low": 2, "high": 1}}}))]));
        assert_eq!(told, "faults[0].slow-network.latency_us: low is 2 and high is 1: low is at most high");
        let told = with(json!([fault(1, json!({"proxy-crash": {"proxy": 7}}))]));
        assert!(told.starts_with("faults[0].proxy-crash.proxy: there is no proxy 7"), "{told}");
    }
}
