//! The way from a machine to another.

use std::net::IpAddr;

/// From a machine to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
}

impl Line {
    /// The way back.
    pub(super) fn back(self) -> Self {
        Self { from: self.to, to: self.from }
    }
}
