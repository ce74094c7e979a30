//! An operator takes a backup while everything goes on.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackUp {}

impl Inject for BackUp {
    const NAME: &'static str = "back-up";

    fn draw(_: &mut Draw, _: &Roster) -> Self {
        Self {}
    }

    fn strike(&self, world: &mut World) -> Healing {
        world.operators.back_up();
        Healing::nothing()
    }
}

impl fmt::Display for BackUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an operator takes a backup")
    }
}
