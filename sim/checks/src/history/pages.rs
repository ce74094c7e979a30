//! A page of a range is what is asked for of the whole range, as somebody read it at the same revision.

use std::collections::BTreeMap;

use super::{Answer, Broken, Call, Found, HistoryRule, Operation};

/// The keys from one to before another, at a revision.
type Place<'o> = (&'o str, &'o str, i64);
/// Who read it, and what it held.
type Whole<'o> = (&'o Operation, &'o [(String, Found)]);

/// Each page is so, if the whole range was read; and in any case such a page as was asked for.
pub(super) fn are_true(operations: &[Operation]) -> Result<(), Broken> {
    let wholes: BTreeMap<Place<'_>, Whole<'_>> = operations.iter().filter_map(whole).collect();
    for operation in operations {
        let Call::Page { from, to, page, .. } = &operation.call else { continue };
        let Some((_, Answer::Paged { revision: present, paged })) = &operation.answer else { continue };
        if !page.may_be((from, to), paged) {
            return Err(Broken::new(HistoryRule::PagesAreTrue, "no range has such a page", &[operation]));
        }
        let revision = operation.call.read_revision(*present);
        let Some(&(whole, pairs)) = wholes.get(&(from.as_str(), to.as_str(), revision)) else { continue };
        let expected = page.of(pairs);
        if *paged != expected {
            let expected = Answer::Paged { revision: *present, paged: expected };
            let detail = format!("a page is not what was asked for of its range, which is {expected}");
            return Err(Broken::new(HistoryRule::PagesAreTrue, &detail, &[whole, operation]));
        }
    }
    Ok(())
}

/// A range that was read whole, and where.
fn whole(operation: &Operation) -> Option<(Place<'_>, Whole<'_>)> {
    let (_, Answer::Ranged { revision: present, found }) = operation.answer.as_ref()? else { return None };
    let (from, to) = operation.call.span()?;
    let revision = operation.call.read_revision(*present);
    Some(((from, to, revision), (operation, found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Page, Paged};

    fn found(value: &str) -> Found {
        Found { value: value.into(), mod_revision: 2, version: 1, create_revision: 2 }
    }

    fn operation(call: Call, answer: Answer) -> Operation {
        Operation { client: 1, called_ns: 0, call, answer: Some((1, answer)) }
    }

    /// At revision 5 there are two keys.
    fn judge(revision: i64, page: Page, shown: &[&str], count: i64, more: bool) -> Result<(), Broken> {
        let (from, to) = ("a".to_owned(), "z".to_owned());
        let pair = |key: &&str| ((*key).to_owned(), found(key));
        let range = Call::Range { from: from.clone(), to: to.clone(), revision: 5 };
        let all = Answer::Ranged { revision: 7, found: ["b", "c"].iter().map(pair).collect() };
        let paged = Paged { found: shown.iter().map(pair).collect(), count, more };
        let present = if revision == 0 { 5 } else { 9 };
        let page = Call::Page { from, to, revision, page };
        are_true(&[operation(range, all), operation(page, Answer::Paged { revision: present, paged })])
    }

    #[test]
    fn a_page_of_its_range_passes_and_others_are_caught() {
        let first = Page { limit: 1, ..Page::default() };
        for revision in [0, 5] {
            assert_eq!(judge(revision, first, &["b"], 2, true), Ok(()));
            assert_eq!(judge(revision, Page { descending: true, ..first }, &["c"], 2, true), Ok(()));
            for (shown, count, more) in [
                (&["c"][..], 2, true),
                (&["b"], 1, true),
                (&["b"], 2, false),
                (&[], 2, true),
                (&["b", "c"], 2, true),
            ] {
                let failure = judge(revision, first, shown, count, more).expect_err("it is another page");
                assert_eq!(failure.rule, HistoryRule::PagesAreTrue);
            }
        }
        assert_eq!(judge(6, first, &["c"], 2, true), Ok(()), "nobody knows what there was then");
        assert!(judge(6, first, &["b", "c"], 2, true).is_err(), "one was asked for");
    }
}
