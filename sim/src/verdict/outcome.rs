//! What a campaign came to.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Class, Failure, Figures, Rule, Verdict};

/// What a run was of: what is typed to replay it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    Seed(u64),
    /// A stored scenario, by the name of its file.
    File(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => seed.fmt(f),
            Self::File(file) => f.write_str(file),
        }
    }
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub subject: Subject,
    pub failure: Failure,
    /// Faults of its scenario.
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

/// What a campaign came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Runs that ended.
    pub runs: u64,
    /// Their figures together.
    pub figures: Figures,
    /// Real time.
    pub took: Duration,
    /// Of so many it was seen whether they are the same in another process.
    pub repeated: u64,
    /// The runs that failed, in the order in which they did.
    pub failures: Vec<Failed>,
    /// It was ended from outside.
    pub interrupted: bool,
}

impl Outcome {
    /// Adds a run.
    pub fn add(&mut self, subject: Subject, verdict: &Verdict) {
        self.runs += 1;
        self.figures.add(&verdict.figures);
        self.failures.extend(Failed::of(subject, verdict.failure.as_ref(), &verdict.figures));
    }

    /// The runs that failed, by the rule that broke; of each, the shortest story first: that with the fewest faults, then that with
    /// the fewest events.
    pub fn by_rule(&self) -> BTreeMap<(Class, Rule), Vec<&Failed>> {
        let mut groups = BTreeMap::<(Class, Rule), Vec<&Failed>>::new();
        for failed in &self.failures {
            let rule = failed.failure.rule;
            groups.entry((rule.class(), rule)).or_default().push(failed);
        }
        for group in groups.values_mut() {
            group.sort_by_key(|failed| (failed.faults, failed.events));
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_grouped_by_their_rule_the_gravest_and_the_shortest_first() {
        let failed = |seed, rule, faults, events| {
            let failure = Failure::new(rule, [], String::new());
            Failed { subject: Subject::Seed(seed), failure, faults, events }
        };
        let failures = vec![
            failed(1, Rule::CoreElects, 1, 1),
            failed(2, Rule::Linearizable, 9, 5),
            failed(3, Rule::NoPanic, 1, 1),
            failed(4, Rule::Linearizable, 9, 4),
            failed(5, Rule::Linearizable, 2, 70),
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
                (Rule::Linearizable, seeds(&["5", "4", "2"])),
                (Rule::NoPanic, seeds(&["3"])),
                (Rule::CoreElects, seeds(&["1"])),
            ]
        );
    }
}
