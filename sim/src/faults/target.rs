//! A node, by its id or by what it is at the moment when the fault strikes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

use crate::{trace::MachineId, world::World};

/// Which node a fault strikes. Stored as the id, or as the word `"leader"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Node(u64),
    /// The node that leads then: that of the latest term that has one.
    Leader,
}

impl Target {
    /// The node, now. `None`: nobody led yet.
    pub(crate) fn resolve(self, world: &World) -> Option<u64> {
        match self {
            Self::Node(id) => Some(id),
            Self::Leader => world.aim_at_leader(),
        }
    }

    /// Its machine.
    pub(crate) fn machine(self, world: &World) -> Option<MachineId> {
        self.resolve(world).map(MachineId::Node)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "node {id}"),
            Self::Leader => f.write_str("the leader"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Node(id) => serializer.serialize_u64(*id),
            Self::Leader => serializer.serialize_str("leader"),
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TargetVisitor)
    }
}

struct TargetVisitor;

impl Visitor<'_> for TargetVisitor {
    type Value = Target;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node's id or \"leader\"")
    }

    fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<Target, E> {
        Ok(Target::Node(id))
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Target, E> {
        match word {
            "leader" => Ok(Target::Leader),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
        }
    }
}
