//! What a campaign came to.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Class, Failure, Figures, Rule};
use crate::scenario::BEYOND_SEEDS;

/// What a run was of: what is typed to replay it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    Seed(u64),
    /// A variation of a scenario that was kept, by its number. One that failed is stored, and known by its file.
    Variation(u64),
    /// A stored scenario, by the name of its file.
    File(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => seed.fmt(f),
            Self::Variation(number) => write!(f, "variation {number}"),
            Self::File(file) => f.write_str(file),
        }
    }
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    pub subject: Subject,
    pub failure: Failure,
    /// Faults that struck something until then.
    pub faults: u64,
    /// Events until it was over.
    pub events: u64,
}

impl Failed {
    /// What is left of a run when it has failed; otherwise nothing.
    pub fn of(subject: Subject, failure: Option<&Failure>, figures: &Figures) -> Option<Self> {
        let faults = figures.faults.values().sum();
        Some(Self { subject, failure: failure?.clone(), faults, events: figures.events })
    }
}

/// How far a campaign was at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// Milliseconds after it began.
    pub at_ms: u64,
    pub runs: u64,
    pub probes: usize,
}

/// How far it was is noted when a probe is reached for the first time, and this often.
const NOTED_MS: u64 = 5_000;

/// What a campaign came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Runs that ended.
    pub runs: u64,
    /// Of these, not of seeds but of variations.
    pub variations: u64,
    /// Of seeds that damage more than the system bears.
    pub beyond: u64,
    /// Their figures together.
    pub figures: Figures,
    /// Combinations of a change of role, a fault and a log that they met. `None`: nobody counted.
    pub combinations: Option<usize>,
    /// Real time.
    pub took: Duration,
    /// The most memory that the process had at a time. `None`: nobody knows.
    pub peak_bytes: Option<u64>,
    /// Of so many it was seen whether they are the same in another process.
    pub repeated: u64,
    /// How it went on.
    pub course: Vec<Moment>,
    /// The runs that failed, in the order in which they did.
    pub failures: Vec<Failed>,
    /// It was ended from outside.
    pub interrupted: bool,
}

impl Outcome {
    /// Runs of seeds: what so many green ones say of all, variations do not.
    pub fn seeds(&self) -> u64 {
        self.runs - self.variations
    }

    /// Adds a run that ended so long after the campaign began.
    pub fn add(&mut self, subject: Subject, failure: Option<&Failure>, figures: &Figures, at: Duration) {
        self.runs += 1;
        self.variations += u64::from(!matches!(subject, Subject::Seed(_)));
        self.beyond += u64::from(matches!(subject, Subject::Seed(BEYOND_SEEDS..)));
        self.figures.add(figures);
        self.failures.extend(Failed::of(subject, failure, figures));
        let (at_ms, before) = (at.as_millis() as u64, self.course.last().copied().unwrap_or_default());
        let now = Moment { at_ms, runs: self.runs, probes: self.figures.probes.len() };
        if self.runs == 1 || now.probes > before.probes || at_ms >= before.at_ms + NOTED_MS {
            self.course.push(now);
        }
    }

    /// The campaign is over, after so long.
    pub fn end(&mut self, took: Duration) {
        self.took = took;
        let at_ms = took.as_millis() as u64;
        self.course.push(Moment { at_ms, runs: self.runs, probes: self.figures.probes.len() });
    }

    /// The runs that failed, by the rule that broke; of each, the shortest story first: that with the fewest events until it
    /// broke, then that with the fewest faults.
    pub fn by_rule(&self) -> BTreeMap<(Class, Rule), Vec<&Failed>> {
        let mut groups = BTreeMap::<(Class, Rule), Vec<&Failed>>::new();
        for failed in &self.failures {
            let rule = failed.failure.rule;
            groups.entry((rule.class(), rule)).or_default().push(failed);
        }
        for group in groups.values_mut() {
            group.sort_by_key(|failed| (failed.events, failed.faults));
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::HistoryRule;

    #[test]
    fn failures_are_grouped_by_their_rule_the_gravest_and_the_shortest_first() {
        let failed = |seed, rule, faults, events| {
            let failure = Failure::new(rule, [], String::new());
            Failed { subject: Subject::Seed(seed), failure, faults, events }
        };
        let failures = vec![
            failed(1, Rule::CoreElects, 1, 1),
            failed(2, Rule::History(HistoryRule::Linearizable), 9, 5),
            failed(3, Rule::NoPanic, 1, 1),
            failed(4, Rule::History(HistoryRule::Linearizable), 9, 4),
            failed(5, Rule::History(HistoryRule::Linearizable), 2, 5),
        ];
        let outcome = Outcome { failures, ..Outcome::default() };
        let groups = outcome.by_rule();
        let shown: Vec<(Rule, Vec<String>)> = groups
            .iter()
            .map(|((_, rule), group)| {
                (*rule, group.iter().map(|failed| failed.subject.to_string()).collect())
            })
            .collect();
        let seeds = |seeds: &[&str]| seeds.iter().map(|&seed| seed.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            shown,
            [
                (Rule::History(HistoryRule::Linearizable), seeds(&["4", "5", "2"])),
                (Rule::NoPanic, seeds(&["3"])),
                (Rule::CoreElects, seeds(&["1"])),
            ]
        );
    }
}
