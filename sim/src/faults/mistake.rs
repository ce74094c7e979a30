//! An operator asks for what cannot be.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster};
use crate::{
    trace::Mistake as Asked,
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    pub asked: Asked,
}

impl Inject for Mistake {
    const NAME: &'static str = "mistake";

    fn draw(draw: &mut Draw, _roster: &Roster) -> Self {
        Self { asked: *draw.pick(&Asked::ALL) }
    }

    fn strike(&self, world: &mut World) -> Healing {
        world.operators.mistake(self.asked, world.nodes.clone());
        Healing::nothing()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by mistake {}", self.asked)
    }
}
