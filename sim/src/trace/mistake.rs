//! What operators ask for by mistake.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A request that is wrong whatever the cluster is like at the time: it is to be refused, and nothing may come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mistake {
    /// To add a node without a number.
    AddWithoutNumber,
    /// To add a founder as if it were new, at another address: it is a member, or left for good.
    AddFounderElsewhere,
    /// To add a node once more that left for good meanwhile.
    AddFormer,
    /// To add two nodes at one address.
    AddTwoAtOneAddress,
    /// To add a node twice, at two addresses.
    AddTwice,
    /// To move a node that never was a member.
    MoveStranger,
    /// To let such a node vote.
    PromoteStranger,
    /// To remove such a node.
    RemoveStranger,
    /// To hand leadership to such a node.
    TransferToStranger,
    /// To remove all nodes.
    RemoveEverybody,
}

impl Mistake {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::AddWithoutNumber,
        Self::AddFounderElsewhere,
        Self::AddFormer,
        Self::AddTwoAtOneAddress,
        Self::AddTwice,
        Self::MoveStranger,
        Self::PromoteStranger,
        Self::RemoveStranger,
        Self::TransferToStranger,
        Self::RemoveEverybody,
    ];

    /// Whether it may be begun, and come to nothing: by a leader that has yet to learn of what makes it wrong, or of an earlier change.
    pub fn may_wait(self) -> bool {
        matches!(self, Self::AddFormer | Self::RemoveEverybody)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AddWithoutNumber => "a node without a number is added",
            Self::AddFounderElsewhere => "a founder is added at another address",
            Self::AddFormer => "a node that left for good is added",
            Self::AddTwoAtOneAddress => "two nodes are added at one address",
            Self::AddTwice => "a node is added at two addresses",
            Self::MoveStranger => "a node that is no member is moved",
            Self::PromoteStranger => "a node that is no member is promoted",
            Self::RemoveStranger => "a node that is no member is removed",
            Self::TransferToStranger => "leadership goes to a node that is no member",
            Self::RemoveEverybody => "all nodes are removed",
        })
    }
}
