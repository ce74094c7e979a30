//! What the rules of a run are tried with: inputs in two versions, as histories of the consensus are.

pub(crate) use conclave_checks::trial::Version;

use super::Failure;

/// An input of a rule.
pub(crate) struct Trial {
    /// Makes a version of it, and has it judged.
    pub(crate) judge: fn(Version) -> Result<(), Failure>,
    /// What the failure says of the broken one.
    pub(crate) says: &'static str,
}
