//! Half of a guided campaign's runs are variations of scenarios that reached something new. What they find is stored: they have no seed.

use std::{collections::BTreeSet, path::PathBuf};

use conclave_checks::draw::Draw;

use super::failure::FOLDER;
use crate::{
    probes::{Combination, Probe},
    scenario::{Scenario, vary},
    verdict::Verdict,
};

/// What has been reached so far, and by what.
pub(super) struct Guidance {
    /// The first seed of the campaign: variations are drawn from it.
    seed: u64,
    /// Otherwise it only counts what was met.
    varies: bool,
    combinations: BTreeSet<Combination>,
    probes: BTreeSet<Probe>,
    kept: Vec<Scenario>,
    /// Variations so far.
    variations: u64,
}

impl Guidance {
    pub(super) fn new(seed: u64, varies: bool) -> Self {
        let (combinations, probes) = Default::default();
        Self { seed, varies, combinations, probes, kept: Vec::new(), variations: 0 }
    }

    /// Combinations that were met so far.
    pub(super) fn combinations(&self) -> usize {
        self.combinations.len()
    }

    /// A run has ended. Its scenario is kept if it was green and met something new: one that failed is told, stored and made small.
    pub(super) fn learn(&mut self, scenario: &Scenario, verdict: &Verdict) {
        let before = self.combinations.len() + self.probes.len();
        self.combinations.extend(&verdict.combinations);
        self.probes.extend(verdict.figures.probes.keys());
        let is_new = self.combinations.len() + self.probes.len() > before;
        if self.varies && is_new && verdict.failure.is_none() {
            self.kept.push(scenario.clone());
        }
    }

    /// The next variation, and its number; none as long as nothing is kept.
    pub(super) fn vary(&mut self) -> Option<(u64, Scenario)> {
        let number = self.variations;
        let mut draw = Draw::new(self.seed, "variation", number);
        let count = self.kept.len() as u64;
        if count == 0 {
            return None;
        }
        self.variations += 1;
        // Those that were kept last met what is rarest.
        let latest = draw.below(count).max(draw.below(count));
        let (scenario, other) = (&self.kept[latest as usize], &self.kept[draw.below(count) as usize]);
        Some((number, vary(scenario, other, &mut draw)))
    }

    /// Where a variation is stored that failed.
    pub(super) fn file(&self, number: u64) -> PathBuf {
        PathBuf::from(format!("{FOLDER}/variation-{}-{number}.json", self.seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        scenario::generate,
        trace::Notes,
        verdict::{Failure, Figures, Rule},
    };

    fn verdict(probe: usize, failure: Option<Failure>) -> Verdict {
        let probe = Probe::all().nth(probe).expect("there are many");
        let figures = Figures { probes: [(probe, 1)].into(), ..Figures::default() };
        let (story, notes, combinations) = (Vec::new(), Notes::default(), BTreeSet::new());
        Verdict { seed: 1, trace_hash: 0, failure, figures, story, notes, combinations }
    }

    #[test]
    fn what_met_something_new_and_was_green_is_varied() {
        let mut guidance = Guidance::new(1, true);
        assert_eq!(guidance.vary(), None);
        let red = Failure::new(Rule::NoPanic, [], String::new());
        guidance.learn(&generate(1), &verdict(0, Some(red)));
        guidance.learn(&generate(2), &verdict(0, None));
        assert_eq!(guidance.vary(), None, "what the first one met is not new");
        guidance.learn(&generate(3), &verdict(1, None));
        let (number, varied) = guidance.vary().expect("something is kept");
        assert_eq!((number, varied.shape.seed), (0, 3));
        assert_ne!(varied, generate(3));
        assert_ne!(guidance.vary().map(|(number, _)| number), Some(0));
        let mut counts_only = Guidance::new(1, false);
        counts_only.learn(&generate(2), &verdict(0, None));
        assert_eq!(counts_only.vary(), None);
    }
}
