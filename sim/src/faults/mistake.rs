//! An operator asks for what cannot be.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
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
        let asked = if draw.chance(30) { Asked::AddFormer } else { *draw.pick(&Asked::ALL) };
        Self { asked }
    }

    fn strike(&self, world: &mut World) -> Healing {
        let nodes = match self.asked {
            Asked::AddFormer => match Target::Former(0).resolve(world) {
                Some(former) => vec![former],
                None => return Healing::missed(),
            },
            _ => world.nodes.clone(),
        };
        world.operators.mistake(self.asked, nodes);
        Healing::nothing()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by mistake {}", self.asked)
    }
}
