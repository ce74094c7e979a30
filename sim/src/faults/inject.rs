//! What a family of faults has to say of itself.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Serialize, de::DeserializeOwned};

use super::roster::Roster;
use crate::world::{Healing, World};

/// A family of faults. `Display` describes a fault in a few words.
pub(crate) trait Inject:
    Clone + Eq + fmt::Debug + fmt::Display + Serialize + DeserializeOwned
{
    /// Its name in scenarios and reports.
    const NAME: &'static str;
    /// Names that stored scenarios may still call it by.
    const FORMER_NAMES: &'static [&'static str] = &[];
    /// So many nodes must have founded a cluster that one is drawn for.
    const FOUNDERS_MIN: u64 = 1;

    /// It lasts so many times as long as faults of other families do.
    const LASTS: u64 = 1;

    /// One of this family, for those whom the roster lists.
    fn draw(draw: &mut Draw, roster: &Roster) -> Self;

    /// Refuses what a scenario cannot mean.
    ///
    /// # Errors
    /// The field, and what is allowed there.
    fn check(&self, _roster: &Roster) -> Result<(), String> {
        Ok(())
    }

    /// The node that it brings, which is no founder.
    fn newcomer(&self) -> Option<u64> {
        None
    }

    /// Strikes. What is returned holds until the fault heals.
    fn strike(&self, world: &mut World) -> Healing;
}
