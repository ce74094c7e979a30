//! What is done to the directory of a stopped node.

pub(super) mod check;
pub(super) mod defrag;
pub(super) mod verify;
