//! Single messages between nodes are lost, arrive twice, or so late that others overtake them, and an election may be over. The
//! consensus promises to bear it, whatever streams do.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_range, check_within},
    target::Target,
};
use crate::{
    trace::{self, Condition, MachineId, Range},
    world::{Healing, World},
};

/// Later than this nothing arrives: longer than any election takes.
const LATE_MS_MAX: u64 = 60_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Astray {
    /// Those from and to this node. Without it: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Target>,
    pub messages: trace::Astray,
}

impl Inject for Astray {
    const NAME: &'static str = "astray";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let target = roster.any_target(draw);
        let messages = trace::Astray {
            lost_percent: *draw.pick(&[0, 2, 10, 30]),
            doubled_percent: *draw.pick(&[0, 5, 30]),
            late_percent: *draw.pick(&[0, 5, 30]),
            late_ms: Range { low: 0, high: *draw.pick(&[20, 300, 2_000, 8_000]) },
        };
        Self { node: draw.chance(50).then_some(target), messages }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        if let Some(node) = self.node {
            roster.check_target("node", node)?;
        }
        let trace::Astray { lost_percent, doubled_percent, late_percent, late_ms } = self.messages;
        check_within("messages.lost_percent", lost_percent, 0..=100)?;
        check_within("messages.doubled_percent", doubled_percent, 0..=100 - lost_percent)?;
        let left = 100 - lost_percent - doubled_percent;
        check_within("messages.late_percent", late_percent, 0..=left)?;
        check_range("messages.late_ms", late_ms, LATE_MS_MAX)
    }

    /// Without a leader, if it is meant, nothing happens.
    fn strike(&self, world: &mut World) -> Healing {
        let about = match self.node.map(|node| node.machine(world)) {
            Some(None) => return Healing::missed(),
            Some(Some(node)) => Some(node),
            None => None,
        };
        let nodes: Vec<MachineId> =
            world.network.servers().filter(|id| matches!(id, MachineId::Node(_))).collect();
        let pairs = nodes.iter().flat_map(|&from| nodes.iter().map(move |&to| (from, to)));
        let is_meant = |(from, to): &(MachineId, MachineId)| {
            from != to && about.is_none_or(|node| [*from, *to].contains(&node))
        };
        let lines: Vec<_> = pairs.filter(is_meant).collect();
        world.hold(lines.into_iter().map(|(from, to)| Condition::Astray { from, to, astray: self.messages }))
    }
}

impl fmt::Display for Astray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trace::Astray { lost_percent, doubled_percent, late_percent, late_ms } = self.messages;
        write!(f, "{lost_percent} % of the messages ")?;
        match self.node {
            Some(node) => write!(f, "from and to {node}")?,
            None => f.write_str("between nodes")?,
        }
        write!(f, " are lost, {doubled_percent} % doubled, {late_percent} % late, up to {} ms", late_ms.high)
    }
}
