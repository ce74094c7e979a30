//! What the rules of a run are tried with: inputs in two versions, which differ in one thing. The first breaks a rule, the second is the
//! nearest one that breaks none. (The checks have the same for the consensus: `trial.rs` there.)

use super::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Broken,
    Lawful,
}

impl Version {
    /// The one thing in which the versions differ.
    pub(crate) fn of<T>(self, broken: T, lawful: T) -> T {
        match self {
            Self::Broken => broken,
            Self::Lawful => lawful,
        }
    }

    pub(crate) fn is_broken(self) -> bool {
        self.of(true, false)
    }
}

/// An input of a rule.
pub(crate) struct Trial {
    /// Makes a version of it, and has it judged.
    pub(crate) judge: fn(Version) -> Result<(), Failure>,
    /// What the failure says of the broken one.
    pub(crate) says: &'static str,
}
