//! What the knobs of the programs (`src/env/knob.rs`) are set to, as a scenario has it: `{"proposals": 4}`. A knob that is not named
//! stands as in production.

use std::collections::BTreeMap;

use conclave::env::Knob;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The knobs that are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Knobs(BTreeMap<Knob, u64>);

impl Knobs {
    pub(crate) fn of(&self, knob: Knob) -> Option<u64> {
        self.0.get(&knob).copied()
    }

    pub fn set(&mut self, knob: Knob, value: u64) {
        self.0.insert(knob, value);
    }

    pub fn remove(&mut self, knob: Knob) {
        self.0.remove(&knob);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The knobs that are set, by name.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.set_ones().map(Knob::name)
    }

    pub(crate) fn set_ones(&self) -> impl Iterator<Item = Knob> {
        self.0.keys().copied()
    }
}

impl Serialize for Knobs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(knob, value)| (knob.name(), value)))
    }
}

impl<'de> Deserialize<'de> for Knobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = BTreeMap::<String, u64>::deserialize(deserializer)?;
        let read = |(name, value): (String, u64)| {
            let knob = Knob::ALL.iter().copied().find(|knob| knob.name() == name);
            let names = || Knob::ALL.iter().map(|knob| knob.name()).collect::<Vec<_>>().join(", ");
            let knob =
                knob.ok_or_else(|| D::Error::custom(format!("knobs.{name}: there are {}", names())))?;
            let allowed = knob.allowed();
            match allowed.contains(&value) {
                true => Ok((knob, value)),
                false => Err(D::Error::custom(format!(
                    "knobs.{name}: {value} is not allowed: {} to {} is",
                    allowed.start(),
                    allowed.end()
                ))),
            }
        };
        stored.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_draws_only_what_is_allowed() {
        let names: BTreeSet<&str> = Knob::ALL.iter().map(|knob| knob.name()).collect();
        assert_eq!(names.len(), Knob::ALL.len());
        for knob in Knob::ALL {
            assert!(knob.draws().iter().all(|value| knob.allowed().contains(value)), "{}", knob.name());
            assert!(!knob.draws().is_empty());
        }
    }

    #[test]
    fn knobs_are_read_as_they_are_written_and_mistakes_are_named() {
        let stored = r#"{"proposals":4,"reads":50}"#;
        let knobs: Knobs = serde_json::from_str(stored).expect("two knobs");
        assert_eq!((knobs.of(Knob::Proposals), knobs.of(Knob::Calls)), (Some(4), None));
        let written = serde_json::to_string(&knobs).expect("plain data");
        assert_eq!(serde_json::from_str::<Knobs>(&written).expect("what was written"), knobs);
        let mistake = |stored| serde_json::from_str::<Knobs>(stored).expect_err("a mistake").to_string();
        assert!(mistake(r#"{"proposal":4}"#).starts_with("knobs.proposal: there are append-bytes, "));
        let told = mistake(r#"{"proposals":0}"#);
        assert!(told.starts_with("knobs.proposals: 0 is not allowed: 1 to 20000 is"), "{told}");
    }
}
