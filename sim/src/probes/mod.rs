//! Rare states that runs should reach, of all kinds: a state that no run of a campaign reaches is a hole in the tests.
//!
//! | kind | where it is reached |
//! | --- | --- |
//! | of the consensus | `sim/checks/src/probe.rs`: what an oracle is told |
//! | of what runs around the cores | `src/env/rare.rs`: `sometimes!` in the code of nodes, storage, proxies and clients |
//! | of the world | `world.rs` here: the events of the run, seen by `watch.rs` |
//!
//! What guides a campaign is finer: `combinations.rs`.

mod combinations;
mod watch;
mod world;

use std::{fmt, str::FromStr};

use conclave::env::Rare;
use conclave_checks::Probe as OfConsensus;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

pub use self::{combinations::Combination, world::OfWorld};
pub(crate) use self::{combinations::Combinations, watch::Watch};

/// A rare state. It is known by its name, in files and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    Consensus(OfConsensus),
    Around(Rare),
    World(OfWorld),
}

impl Probe {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        let consensus = OfConsensus::ALL.iter().copied().map(Self::Consensus);
        let around = Rare::ALL.iter().copied().map(Self::Around);
        consensus.chain(around).chain(OfWorld::ALL.iter().copied().map(Self::World))
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|probe| probe.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Consensus(probe) => probe.name(),
            Self::Around(rare) => rare.name(),
            Self::World(probe) => probe.name(),
        }
    }

    /// What is reached.
    pub fn statement(self) -> &'static str {
        match self {
            Self::Consensus(probe) => probe.statement(),
            Self::Around(rare) => rare.statement(),
            Self::World(probe) => probe.statement(),
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Probe {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::named(name).ok_or_else(|| format!("no probe is called {name}: 'cargo sim probes' lists them"))
    }
}

impl Serialize for Probe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Probe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_is_found_by_it() {
        let names: BTreeSet<&str> = Probe::all().map(Probe::name).collect();
        assert_eq!(names.len(), Probe::all().count());
        assert!(Probe::all().all(|probe| Probe::named(probe.name()) == Some(probe)));
        assert!(Probe::all().count() >= 60);
    }

    #[test]
    fn a_name_that_none_has_is_refused() {
        let error = serde_json::from_str::<Probe>(r#""no-such""#).expect_err("there is none");
        assert!(error.to_string().starts_with("no probe is called no-such"), "{error}");
    }
}
