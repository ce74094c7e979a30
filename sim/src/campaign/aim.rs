//! What a scenario is made small for: that it still breaks a rule, or that it still reaches rare states.

use std::{collections::BTreeSet, fmt};

use crate::{
    probes::Probe,
    scenario::{Scenario, version},
    verdict::{Rule, Verdict},
};

#[derive(Clone, Debug)]
pub(super) enum Aim {
    Breaks(Rule),
    /// All of them, in a run that is green.
    Reaches(BTreeSet<Probe>),
}

impl Aim {
    pub(super) fn is_met(&self, verdict: &Verdict) -> bool {
        match (self, &verdict.failure) {
            (Self::Breaks(rule), failure) => failure.as_ref().is_some_and(|failure| failure.rule == *rule),
            (Self::Reaches(probes), None) => {
                probes.iter().all(|probe| verdict.figures.probes.contains_key(probe))
            }
            (Self::Reaches(_), Some(_)) => false,
        }
    }

    /// The same scenario, which says where it comes from and what it is kept for.
    pub(super) fn noted_in(&self, scenario: &Scenario) -> Scenario {
        let mut noted = scenario.clone();
        noted.about.version.get_or_insert_with(version);
        match self {
            Self::Breaks(rule) => noted.about.rule = Some(rule.to_string()),
            Self::Reaches(probes) => noted.reaches = probes.clone(),
        }
        noted
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breaks(rule) => rule.fmt(f),
            Self::Reaches(probes) => {
                let names: Vec<&str> = probes.iter().map(|probe| probe.name()).collect();
                f.write_str(&names.join("+"))
            }
        }
    }
}
