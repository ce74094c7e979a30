//! What a fault may wait for before it strikes.

use std::fmt;

use conclave::env::Rare;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Something that happens at a node, and that a fault strikes in the middle of. It is known by its name; any rare state of the
/// programs is such a moment too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// A node has stored its vote for another one, and has not said so yet.
    VoteGranted,
    /// A node has come to lead.
    Elected,
    /// The members are changing: the node is whoever leads.
    MembersChange,
    /// Two configurations are in force at some node, and both must agree: the node is whoever leads.
    MembersJoint,
    /// A node has stored that two configurations must agree, and has not said so yet.
    MembersStored,
    /// A node has stored how a change of members ends, and has not said so yet.
    MembersSettled,
    /// A node comes to this.
    Reached(Rare),
}

impl Moment {
    /// Those that a campaign waits for most: in all of them a node is half-way through something.
    pub const MAIN: &'static [Self] = &[
        Self::VoteGranted,
        Self::Elected,
        Self::MembersChange,
        Self::MembersJoint,
        Self::MembersStored,
        Self::MembersSettled,
        Self::Reached(Rare::FlushBegins),
        Self::Reached(Rare::SnapshotPieceTaken),
        Self::Reached(Rare::SnapshotInstalls),
    ];
    /// Those of a change of members.
    pub const OF_MEMBERS: &'static [Self] =
        &[Self::MembersChange, Self::MembersJoint, Self::MembersStored, Self::MembersSettled];
    /// Those of a change of leaders.
    pub const OF_LEADERS: &'static [Self] = &[Self::VoteGranted, Self::Elected];

    fn named(name: &str) -> Option<Self> {
        let rare = Rare::ALL.iter().copied().map(Self::Reached);
        Self::MAIN.iter().copied().chain(rare).find(|moment| moment.name() == name)
    }

    /// As in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::VoteGranted => "vote-granted",
            Self::Elected => "elected",
            Self::MembersChange => "members-change",
            Self::MembersJoint => "members-joint",
            Self::MembersStored => "members-stored",
            Self::MembersSettled => "members-settled",
            Self::Reached(rare) => rare.name(),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VoteGranted => f.write_str("a node has stored its vote for another"),
            Self::Elected => f.write_str("a node has come to lead"),
            Self::MembersChange => f.write_str("the members are changing"),
            Self::MembersJoint => f.write_str("two configurations must agree"),
            Self::MembersStored => f.write_str("a node has stored that two configurations must agree"),
            Self::MembersSettled => f.write_str("a node has stored how a change of members ends"),
            Self::Reached(rare) => f.write_str(rare.statement()),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let names = || Self::MAIN.iter().map(|moment| moment.name()).collect::<Vec<_>>().join(", ");
        Self::named(&name).ok_or_else(|| {
            D::Error::custom(format!(
                "no moment is called {name}: there are {}, and all rare states",
                names()
            ))
        })
    }
}
