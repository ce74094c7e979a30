//! An operator restarts all nodes, and perhaps all proxies, one after the other, as for a new version.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_within},
};
use crate::{
    trace::MachineId,
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollingRestart {
    /// From the moment at which a machine is up again to the next one's turn.
    pub pause_ms: u64,
    /// The proxies have their turn after the nodes.
    #[serde(default)]
    pub proxies: bool,
}

impl Inject for RollingRestart {
    const NAME: &'static str = "rolling-restart";

    fn draw(draw: &mut Draw, _: &Roster) -> Self {
        Self { pause_ms: *draw.pick(&[0, 100, 1_000]), proxies: draw.chance(50) }
    }

    fn check(&self, _: &Roster) -> Result<(), String> {
        check_within("pause_ms", self.pause_ms, 0..=60_000)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let nodes = world.known_nodes().into_iter().map(MachineId::Node);
        let proxies = (0..world.shape.proxies).map(MachineId::Proxy).filter(|_| self.proxies);
        world.rolling.begin(nodes.chain(proxies).collect(), self.pause_ms);
        Healing::nothing()
    }
}

impl fmt::Display for RollingRestart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = if self.proxies { "nodes and proxies" } else { "nodes" };
        write!(f, "all {whom} are restarted, one after the other, with pauses of {} ms", self.pause_ms)
    }
}
