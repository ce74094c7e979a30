//! How often the points of `src/env/buggify.rs` fire, as a scenario has it: `{"short-batch": 0.1}`. A point that is not named never
//! does.

use std::collections::BTreeMap;

use conclave::env::Buggify;
use conclave_checks::draw::Draw;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const MILLION: u64 = 1_000_000;
/// What happens more often than not is a way to run, and no rare moment: a node that always takes a step for nothing does nothing else.
const RATE_MAX: f64 = 0.5;

/// The points that are switched on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates(BTreeMap<Buggify, Rate>);

/// Of so many parts in a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

impl Rate {
    /// As often as not.
    pub(super) const MAX: Self = Self((MILLION as f64 * RATE_MAX) as u64);

    pub const fn per_million(parts: u64) -> Self {
        Self(parts)
    }

    /// Whether this draw is one of those.
    pub(super) fn includes(self, draw: &mut Draw) -> bool {
        draw.below(MILLION) < self.0
    }
}

impl Rates {
    pub fn of(&self, point: Buggify) -> Option<Rate> {
        self.0.get(&point).copied()
    }

    pub fn set(&mut self, point: Buggify, rate: Rate) {
        self.0.insert(point, rate);
    }

    pub fn remove(&mut self, point: Buggify) {
        self.0.remove(&point);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The points that are switched on.
    pub fn points(&self) -> impl Iterator<Item = Buggify> {
        self.0.keys().copied()
    }
}

impl Serialize for Rates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rates = self.0.iter().map(|(point, rate)| (point.name(), rate.0 as f64 / MILLION as f64));
        serializer.collect_map(rates)
    }
}

impl<'de> Deserialize<'de> for Rates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = BTreeMap::<String, f64>::deserialize(deserializer)?;
        let read = |(name, rate): (String, f64)| {
            let point = Buggify::ALL.iter().copied().find(|point| point.name() == name);
            let names = || Buggify::ALL.iter().map(|point| point.name()).collect::<Vec<_>>().join(", ");
            let point =
                point.ok_or_else(|| D::Error::custom(format!("buggify.{name}: there are {}", names())))?;
            match (0.0..=RATE_MAX).contains(&rate) {
                true => Ok((point, Rate((rate * MILLION as f64).round() as u64))),
                false => Err(D::Error::custom(format!(
                    "buggify.{name}: {rate} is not allowed: 0 to {RATE_MAX} is"
                ))),
            }
        };
        stored.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(stored: &str) -> String {
        serde_json::from_str::<Rates>(stored).expect_err("a mistake").to_string()
    }

    #[test]
    fn rates_are_read_as_they_are_written() {
        let stored = r#"{"short-batch":0.1,"lost-link":0.000001}"#;
        let rates: Rates = serde_json::from_str(stored).expect("two points");
        assert_eq!(rates.of(Buggify::ShortBatch), Some(Rate::per_million(100_000)));
        assert_eq!(rates.of(Buggify::LostLink), Some(Rate::per_million(1)));
        assert_eq!(rates.of(Buggify::LateApply), None);
        let written = serde_json::to_string(&rates).expect("plain data");
        assert_eq!(serde_json::from_str::<Rates>(&written).expect("what was written"), rates);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(
            mistake(r#"{"short-bach":0.1}"#).starts_with("buggify.short-bach: there are early-election, ")
        );
        assert!(
            mistake(r#"{"short-batch":0.6}"#)
                .starts_with("buggify.short-batch: 0.6 is not allowed: 0 to 0.5 is")
        );
        assert!(mistake(r#"{"short-batch":-1}"#).starts_with("buggify.short-batch: -1 is not allowed"));
    }
}
