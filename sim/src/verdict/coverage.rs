//! What many runs should have met, and did not: a kind of fault that never struck anything, and a rare state that no run reached, are
//! holes that no green seed shows.

use conclave::env::{Buggify, Knob};

use super::{Figures, Outcome};
use crate::{faults::Fault, probes::Probe};

/// So many seeds meet all that they can, but for [`SELDOM`].
pub(crate) const SEEDS: u64 = 20_000;

/// Rare states that so many seeds may miss: fewer than one of some thousand reaches them, for they ask for more than one rare thing at once
/// (docs/simulation.md, probes).
const SELDOM: &[&str] =
    &["piece-out-of-place", "piece-while-installing", "piece-superseded", "batch-broke-off", "half-founded"];

impl Outcome {
    /// The kinds of faults that struck nothing, whatever was drawn.
    pub(crate) fn never_struck(&self) -> Vec<&'static str> {
        let has_struck = |name: &str| self.figures.faults.get(name).is_some_and(|count| *count > 0);
        Fault::NAMES.iter().copied().filter(|name| !has_struck(name)).collect()
    }

    /// The probes that no run reached.
    pub(crate) fn never_reached(&self) -> Vec<Probe> {
        Probe::all().filter(|probe| !self.figures.probes.contains_key(probe)).collect()
    }

    /// Of these and of points and knobs what so many seeds should have met, by name; of fewer than [`SEEDS`], nothing.
    pub(crate) fn holes(&self) -> Vec<&'static str> {
        if self.seeds() - self.beyond < SEEDS {
            return Vec::new();
        }
        let Figures { buggify, knobs, .. } = &self.figures;
        let unreached = self.never_reached().into_iter().map(Probe::name);
        let has_fired = |point: &&str| buggify.get(*point).is_some_and(|it| it.fired > 0);
        let points = Buggify::ALL.iter().map(|point| point.name()).filter(|point| !has_fired(point));
        let knobs = Knob::ALL.iter().map(|knob| knob.name()).filter(|knob| !knobs.contains_key(*knob));
        let unreached = unreached.filter(|name| !SELDOM.contains(name));
        self.never_struck().into_iter().chain(unreached).chain(points).chain(knobs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Fired;

    fn outcome(runs: u64, faults: &[&str], probes: impl Iterator<Item = Probe>) -> Outcome {
        let faults = faults.iter().map(|name| ((*name).to_owned(), 1)).collect();
        let probes = probes.map(|probe| (probe, 1)).collect();
        let fired = |point: &Buggify| (point.name().to_owned(), Fired { asked: 1, fired: 1 });
        let buggify = Buggify::ALL.iter().map(fired).collect();
        let knobs = Knob::ALL.iter().map(|knob| (knob.name().to_owned(), 1)).collect();
        let figures = Figures { faults, probes, buggify, knobs, ..Figures::default() };
        Outcome { runs, figures, ..Outcome::default() }
    }

    #[test]
    fn many_seeds_that_meet_all_have_no_holes_and_few_are_not_asked() {
        assert!(outcome(SEEDS, Fault::NAMES, Probe::all()).holes().is_empty());
        assert!(outcome(SEEDS - 1, &[], std::iter::empty()).holes().is_empty());
    }

    #[test]
    fn what_many_seeds_did_not_meet_is_named() {
        let all_but_one = || Probe::all().skip(1);
        let first = Probe::all().next().expect("there are some").name();
        let outcome = outcome(SEEDS, &Fault::NAMES[1..], all_but_one());
        assert_eq!(outcome.holes(), [Fault::NAMES[0], first]);
    }

    #[test]
    fn what_is_seldom_is_a_probe() {
        assert!(SELDOM.iter().all(|name| Probe::named(name).is_some()), "{SELDOM:?}");
    }
}
