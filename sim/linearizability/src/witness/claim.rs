//! What an answer claims, and what a model says of it.

use crate::Model;

/// The place in the order that an answer claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is the write that led to this revision.
    Wrote(i64),
    /// It changed nothing, and saw the state of this revision.
    Read(i64),
    /// It tells no revision: the witness cannot decide.
    Nothing,
}

/// A model whose answers carry revisions. [`Model::revision`] counts changes: each call that changes the state raises
/// it by one.
pub trait Witnessed: Model<Call: Ord> {
    /// What takes a step back.
    type Undo;
    /// What a call is about.
    type Key: Ord + ?Sized;

    /// What an answer claims.
    fn claim(returned: &Self::Return) -> Claim;

    /// [`Model::step`] in place. `None`, and the state is as before: it would have been answered otherwise.
    fn advance(
        state: &mut Self::State,
        call: &Self::Call,
        returned: Option<&Self::Return>,
    ) -> Option<Self::Undo>;

    /// Takes the latest step back.
    fn undo(state: &mut Self::State, undo: Self::Undo);

    /// Whether what is asked after a write could be answered otherwise without it. True is always safe, and slow.
    fn concerns(write: &Self::Call, later: &Self::Call) -> bool;

    /// Whether an answer cannot be if an earlier write led to this revision, whatever happened besides. False is always
    /// safe; true spares looking for another explanation.
    fn refutes(_write: &Self::Call, _revision: i64, _later: &Self::Call, _returned: &Self::Return) -> bool {
        false
    }

    /// Tells `show` of each write that an answer shows: the revision that it led to, and the only call that it can be.
    fn shows(_call: &Self::Call, _returned: &Self::Return, _show: &mut dyn FnMut(i64, Self::Call)) {}

    /// The key that a call is about, if it is about one alone: calls of other keys do not concern it.
    fn key(call: &Self::Call) -> Option<&Self::Key>;

    /// A guess that saves work: what follows, as far as it is known, of a write that may take effect next.
    fn outlook(
        _state: &Self::State,
        _write: &Self::Call,
        _later: &mut dyn Iterator<Item = Later<'_, Self::Call, Self::Return>>,
    ) -> Outlook {
        Outlook::Possible
    }
}

/// What follows of a write of unknown outcome, if it takes effect now and nothing else of unknown outcome does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlook {
    /// An answer asks for it, and not later than before this revision.
    Needed(i64),
    /// No answer tells.
    Possible,
    /// An answer contradicts it.
    Denied,
}

/// An operation that concerns a write, and comes later in the order.
#[derive(Debug)]
pub struct Later<'a, C, R> {
    /// The revision of the state after it.
    pub revision: i64,
    /// What was asked.
    pub call: &'a C,
    /// What was answered; `None`: nobody knows, but it happened.
    pub returned: Option<&'a R>,
}
