//! What rules are tried with: a history has two versions, which differ in one thing. The first breaks a rule, the second is the
//! nearest one that breaks none.

#[derive(Clone, Copy, Debug)]
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

    pub(crate) fn list(self, broken: &'static [u64], lawful: &'static [u64]) -> &'static [u64] {
        self.of(broken, lawful)
    }

    pub(crate) fn is_broken(self) -> bool {
        self.of(true, false)
    }
}
