//! A page of a range: how much of it is asked for, which of it, and in which order.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::Found;

/// What is asked for of the pairs of a range, as etcd's requests have it. First those are left out whose revisions do not fit, then the
/// rest is ordered (equals by key), and then what is beyond the limit is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Page {
    /// 0: no limit.
    pub limit: usize,
    pub order: Order,
    /// The greatest first.
    pub descending: bool,
    pub shown: Shown,
    /// Of the latest write.
    pub mod_revisions: RevisionBounds,
    pub create_revisions: RevisionBounds,
    /// Any node may answer: serializable.
    pub of_any_node: bool,
}

/// What pairs are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    #[default]
    Key,
    Version,
    Creation,
    Modification,
    Value,
}

/// What of them is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    #[default]
    Pairs,
    /// Their values are not.
    Keys,
    /// Nothing but their number.
    Count,
}

/// Revisions from one to another; 0: no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RevisionBounds {
    pub low: i64,
    pub high: i64,
}

/// The answer to a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Paged {
    pub found: Vec<(String, Found)>,
    /// All pairs of the range, whatever is asked for of them.
    pub count: i64,
    /// The limit cut some off.
    pub more: bool,
}

impl RevisionBounds {
    fn contain(self, revision: i64) -> bool {
        (self.low == 0 || revision >= self.low) && (self.high == 0 || revision <= self.high)
    }
}

impl Page {
    /// Nothing is left out.
    pub fn shows_all(&self) -> bool {
        let Self { limit, shown, mod_revisions, create_revisions, .. } = *self;
        let has_bounds = [mod_revisions, create_revisions].iter().any(|it| *it != RevisionBounds::default());
        limit == 0 && shown == Shown::Pairs && !has_bounds
    }

    /// Whether an answer may be one to this, whatever the range holds.
    pub fn may_be(&self, (from, to): (&str, &str), paged: &Paged) -> bool {
        let Paged { found, count, more } = paged;
        let are_within = found.iter().all(|(key, _)| from <= key.as_str() && key.as_str() < to);
        let is_twice = |at: usize| found[..at].iter().any(|(key, _)| *key == found[at].0);
        let is_full = self.limit > 0 && found.len() == self.limit;
        // Where the values that give the order are not shown, any order may be it.
        let order = if self.shown == Shown::Keys && self.order == Order::Value { None } else { Some(found) };
        are_within
            && !(0..found.len()).any(is_twice)
            && *count >= (found.len() + usize::from(*more)) as i64
            && (!more || is_full)
            && order.is_none_or(|found| self.of(found).found == *found)
    }

    /// What it is of a whole range.
    pub fn of(&self, whole: &[(String, Found)]) -> Paged {
        let count = whole.len() as i64;
        if self.shown == Shown::Count {
            return Paged { found: Vec::new(), count, more: false };
        }
        let fits = |(_, found): &&(String, Found)| {
            self.mod_revisions.contain(found.mod_revision)
                && self.create_revisions.contain(found.create_revision)
        };
        let mut found: Vec<(String, Found)> = whole.iter().filter(fits).cloned().collect();
        found.sort_by(|a, b| self.compare(a, b).then_with(|| a.0.cmp(&b.0)));
        let more = self.limit > 0 && found.len() > self.limit;
        if more {
            found.truncate(self.limit);
        }
        if self.shown == Shown::Keys {
            found.iter_mut().for_each(|(_, found)| found.value.clear());
        }
        Paged { found, count, more }
    }

    fn compare(&self, (a_key, a): &(String, Found), (b_key, b): &(String, Found)) -> Ordering {
        let ascending = match self.order {
            Order::Key => a_key.cmp(b_key),
            Order::Version => a.version.cmp(&b.version),
            Order::Creation => a.create_revision.cmp(&b.create_revision),
            Order::Modification => a.mod_revision.cmp(&b.mod_revision),
            Order::Value => a.value.cmp(&b.value),
        };
        if self.descending { ascending.reverse() } else { ascending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Vec<(String, Found)> {
        let pair = |key: &str, value: &str, create_revision, mod_revision, version| {
            (key.to_owned(), Found { value: value.to_owned(), mod_revision, version, create_revision })
        };
        vec![pair("a", "3", 2, 9, 3), pair("b", "1", 3, 3, 1), pair("c", "2", 5, 5, 1)]
    }

    fn keys(page: Page) -> (String, i64, bool) {
        let Paged { found, count, more } = page.of(&whole());
        (found.into_iter().map(|(key, _)| key).collect(), count, more)
    }

    #[test]
    fn pairs_are_left_out_then_ordered_then_cut_off() {
        let page = Page::default();
        let written_by_5 = Page { mod_revisions: RevisionBounds { low: 0, high: 5 }, ..page };
        for (page, expected) in [
            (page, ("abc", false)),
            (Page { descending: true, ..page }, ("cba", false)),
            (Page { limit: 3, ..page }, ("abc", false)),
            (Page { limit: 2, ..page }, ("ab", true)),
            (Page { order: Order::Value, ..page }, ("bca", false)),
            (Page { order: Order::Modification, limit: 1, descending: true, ..page }, ("a", true)),
            (Page { order: Order::Version, ..page }, ("bca", false)),
            (Page { order: Order::Version, descending: true, ..page }, ("abc", false)),
            (written_by_5, ("bc", false)),
            (Page { limit: 2, ..written_by_5 }, ("bc", false)),
            (Page { create_revisions: RevisionBounds { low: 4, high: 0 }, ..page }, ("c", false)),
            (Page { shown: Shown::Count, limit: 1, ..page }, ("", false)),
        ] {
            assert_eq!(keys(page), (expected.0.to_owned(), 3, expected.1), "{page:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_page_is_told_without_the_range() {
        let page = Page { limit: 2, descending: true, ..Page::default() };
        let of = |keys: &[usize], count, more| {
            let found = keys.iter().map(|&at| whole()[at].clone()).collect();
            page.may_be(("a", "d"), &Paged { found, count, more })
        };
        assert!(of(&[2, 1], 3, true) && of(&[2, 1], 2, false) && of(&[0], 1, false) && of(&[], 0, false));
        for (keys, count, more) in [
            (&[1, 2][..], 3, true),
            (&[2, 1, 0], 3, false),
            (&[2, 2], 3, true),
            (&[2, 1], 2, true),
            (&[2, 1], 1, false),
            (&[2], 3, true),
        ] {
            assert!(!of(keys, count, more), "{keys:?} {count} {more}");
        }
        assert!(!page.may_be(("a", "b"), &page.of(&whole())), "it was not asked for");
        assert!(!page.shows_all() && Page { descending: true, ..Page::default() }.shows_all());
    }

    #[test]
    fn values_are_not_shown_but_may_give_the_order() {
        let page = Page { shown: Shown::Keys, order: Order::Value, ..Page::default() };
        assert_eq!(keys(page).0, "bca");
        assert!(page.of(&whole()).found.iter().all(|(_, found)| found.value.is_empty()));
    }
}
