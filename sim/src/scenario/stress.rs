//! What happens in some runs more often than in others, beside everything else: what takes several steps in a row is seldom seen where
//! all that can happen is equally likely.

use conclave_checks::draw::Draw;

use crate::trace::Moment;

/// What a seed has more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stress {
    Nothing,
    /// The members change again and again, in a cluster of a few nodes whose log is short; and nodes die in the middle of that.
    Members,
    /// Leaders fall as soon as they are elected, or before.
    Leaders,
    /// Ways between two nodes fail, now and then, and nothing else: the others go on as if nothing was. Little is written: who
    /// hears nothing any more has missed nothing.
    Lines,
}

impl Stress {
    pub(super) fn of(seed: u64) -> Self {
        match Draw::new(seed, "stress", 0).below(100) {
            0..25 => Self::Members,
            25..39 => Self::Leaders,
            39..49 => Self::Lines,
            _ => Self::Nothing,
        }
    }

    /// The families that are most of the faults.
    pub(super) fn families(self) -> &'static [&'static str] {
        match self {
            Self::Nothing => &[],
            Self::Members => &[
                "join",
                "remove",
                "replace",
                "promote",
                "mistake",
                "crash",
                "blackout",
                "slow-disk",
                "stalled-disk",
            ],
            Self::Leaders => &["crash", "power-loss", "isolated-leader", "transfer"],
            Self::Lines => &["cut-one-way", "bridge", "flapping"],
        }
    }

    /// Nothing else happens, and not much at a time.
    pub(super) fn is_sparse(self) -> bool {
        self == Self::Lines
    }

    /// The moments that faults wait for most.
    pub(super) fn moments(self) -> &'static [Moment] {
        match self {
            Self::Nothing | Self::Lines => Moment::MAIN,
            Self::Members => Moment::OF_MEMBERS,
            Self::Leaders => Moment::OF_LEADERS,
        }
    }

    /// So many of a hundred faults wait for one of them.
    pub(super) fn waiting_percent(self) -> u64 {
        if matches!(self, Self::Members | Self::Leaders) { 45 } else { 17 }
    }
}
