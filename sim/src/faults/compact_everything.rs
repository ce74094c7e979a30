//! An operator gives up all of the past.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompactEverything {}

impl Inject for CompactEverything {
    const NAME: &'static str = "compact-everything";

    fn draw(_: &mut Draw, _: &Roster) -> Self {
        Self {}
    }

    fn strike(&self, world: &mut World) -> Healing {
        world.operators.compact_everything();
        Healing::nothing()
    }
}

impl fmt::Display for CompactEverything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an operator compacts the past")
    }
}
