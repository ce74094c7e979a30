//! Which operation cannot be, and what contradicts it.

use std::fmt;

/// What a witness comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Testimony {
    /// The claimed order explains every answer.
    Linearizable,
    /// No order does.
    Contradicted(Contradiction),
    /// The work was cut short, or an answer claims nothing: here is what could not be placed.
    Undecided(Contradiction),
}

/// An operation that has no place in the order. All numbers are positions in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The operation.
    pub operation: usize,
    /// What is wrong with it.
    pub reason: Reason,
    /// The operation that contradicts it, if it is one.
    pub by: Option<usize>,
    /// What comes before it in the order.
    pub explained: Vec<usize>,
}

/// What is wrong with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Another write claims its revision.
    RevisionTaken,
    /// It had returned when one that claims an earlier place was called.
    BeforeItsTime,
    /// It shows a write of this revision that nobody can have made by then.
    NeverWritten(i64),
    /// It claims a place after this revision, which no write can have led to by then.
    NobodysRevision(i64),
    /// One copy of the data would have answered otherwise.
    WrongAnswer,
    /// Its answer tells no revision.
    NoClaim,
    /// There was no time to place it.
    NotReached,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RevisionTaken => f.write_str("another write has its revision"),
            Self::BeforeItsTime => {
                f.write_str("it had returned when an operation of an earlier revision was called")
            }
            Self::NeverWritten(revision) => {
                write!(f, "it shows a write of revision {revision} that nobody can have made")
            }
            Self::NobodysRevision(revision) => {
                write!(f, "revision {revision} comes before it, and no write can have led to that")
            }
            Self::WrongAnswer => f.write_str("one copy of the data would have answered otherwise"),
            Self::NoClaim => f.write_str("its answer tells no revision"),
            Self::NotReached => f.write_str("the search was cut short before it"),
        }
    }
}
