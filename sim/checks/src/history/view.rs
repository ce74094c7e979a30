//! What an answer tells of the store as it was at one revision, whatever was asked.

use super::{Answer, Call, Found, Operation, Page, Shown};

/// Keys at a revision: those that it covers and does not show were absent, if it shows all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View<'o> {
    /// A key, or the keys from one to before another.
    pub(super) span: (&'o str, Option<&'o str>),
    pub(super) revision: i64,
    pub(super) shows_all: bool,
    pub(super) found: Vec<(&'o str, &'o Found)>,
}

impl<'o> View<'o> {
    fn of_key(key: &'o str, revision: i64, found: Option<&'o Found>) -> Self {
        Self {
            span: (key, None),
            revision,
            shows_all: true,
            found: found.map(|found| (key, found)).into_iter().collect(),
        }
    }

    fn of_range(from: &'o str, to: &'o str, revision: i64, found: &'o [(String, Found)]) -> Self {
        let found = found.iter().map(|(key, found)| (key.as_str(), found)).collect();
        Self { span: (from, Some(to)), revision, shows_all: true, found }
    }

    /// Pairs whose values are not shown tell nothing.
    fn of_page(
        (from, to): (&'o str, &'o str),
        revision: i64,
        page: &Page,
        found: &'o [(String, Found)],
    ) -> Option<Self> {
        let view = Self::of_range(from, to, revision, found);
        (page.shown == Shown::Pairs).then_some(Self { shows_all: page.shows_all(), ..view })
    }

    pub(super) fn covers(&self, key: &str) -> bool {
        match self.span {
            (only, None) => key == only,
            (from, Some(to)) => from <= key && key < to,
        }
    }
}

/// What an answer tells, if it tells of any key. What was there before a write is told of the revision before its own.
pub(super) fn view(operation: &Operation) -> Option<View<'_>> {
    let (_, answer) = operation.answer.as_ref()?;
    let read = |present: &i64| operation.call.read_revision(*present);
    match (&operation.call, answer) {
        (Call::Get { key } | Call::GetPast { key, .. }, Answer::Got { revision, found }) => {
            Some(View::of_key(key, read(revision), found.as_ref()))
        }
        (Call::Replace { key, .. }, Answer::Replaced { revision, previous }) => {
            Some(View::of_key(key, revision - 1, previous.as_ref()))
        }
        (
            Call::Range { from, to, .. } | Call::RangeOfAny { from, to } | Call::Backup { from, to },
            Answer::Ranged { revision, found },
        ) => Some(View::of_range(from, to, read(revision), found)),
        (Call::Page { from, to, page, .. }, Answer::Paged { revision, paged }) => {
            View::of_page((from, to), read(revision), page, &paged.found)
        }
        (Call::DeleteRange { from, to, .. }, Answer::RangeDeleted { revision, count: 0, .. }) => {
            Some(View::of_range(from, to, *revision, &[]))
        }
        (
            Call::DeleteRange { from, to, .. },
            Answer::RangeDeleted { revision, previous: Some(found), .. },
        ) => Some(View::of_range(from, to, revision - 1, found)),
        _ => None,
    }
}
