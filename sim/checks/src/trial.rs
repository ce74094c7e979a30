//! What rules are tried with: a history has two versions, which differ in one thing. The first breaks a rule, the second is the
//! nearest one that breaks none.

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// It breaks the rule.
    Broken,
    /// It does not.
    Lawful,
}

impl Version {
    /// The one thing in which the versions differ.
    pub fn of<T>(self, broken: T, lawful: T) -> T {
        match self {
            Self::Broken => broken,
            Self::Lawful => lawful,
        }
    }

    /// The same, of terms.
    pub fn list(self, broken: &'static [u64], lawful: &'static [u64]) -> &'static [u64] {
        self.of(broken, lawful)
    }

    /// It is the first.
    pub fn is_broken(self) -> bool {
        self.of(true, false)
    }
}
