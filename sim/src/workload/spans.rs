//! What clients ask of more than one key, and in other ways than a single put or read of the present.

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::Workload;
use crate::trace::{Call, Order, Page, RevisionBounds, Shown};

/// How far back a client looks, in revisions.
pub(super) const PAST_REVISIONS: u64 = 40;
/// Keys of a range, or so.
const KEYS_MAX: u64 = 12;
/// Half of the pages are in the order of keys.
const ORDERS: [Order; 8] = {
    use Order::*;
    [Key, Key, Key, Key, Version, Creation, Modification, Value]
};

/// Of a hundred operations so many are of another kind than puts, reads and deletes of one key. The rest is as it would be without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spans {
    /// Ranges and prefixes are read.
    pub ranges_percent: u64,
    /// The same, at an old revision.
    pub past_ranges_percent: u64,
    /// The same, of any node: serializable.
    pub any_node_percent: u64,
    /// They are deleted; half of these deletes ask what was there.
    pub deletes_percent: u64,
    /// A put asks what was there.
    pub replaces_percent: u64,
    /// Some of a range is read, in some order, and then all of it, as of the same revision.
    pub pages_percent: u64,
}

impl Spans {
    /// The number of each share, as in a file.
    pub(crate) fn shares(&self) -> [(&'static str, u64); 6] {
        let Self { ranges_percent, past_ranges_percent, any_node_percent, .. } = *self;
        let Self { deletes_percent, replaces_percent, pages_percent, .. } = *self;
        [
            ("ranges_percent", ranges_percent),
            ("past_ranges_percent", past_ranges_percent),
            ("any_node_percent", any_node_percent),
            ("deletes_percent", deletes_percent),
            ("replaces_percent", replaces_percent),
            ("pages_percent", pages_percent),
        ]
    }

    pub(crate) fn total(&self) -> u64 {
        self.shares().iter().map(|(_, share)| share).sum()
    }

    /// What is asked instead of what else would be; the client knows of a revision, and a value that it never put.
    pub(super) fn instead(
        &self,
        draw: &mut Draw,
        workload: &Workload,
        revision: i64,
        value: impl FnOnce() -> String,
    ) -> Option<Call> {
        let mut lot = draw.below(100);
        let kind = self.shares().iter().position(|(_, share)| {
            let is_it = lot < *share;
            lot = lot.saturating_sub(*share);
            is_it
        })?;
        let (from, to) = span(draw, workload.keys);
        Some(match kind {
            0 => Call::Range { from, to, revision: 0 },
            1 => {
                let revision = (revision - draw.below(PAST_REVISIONS) as i64).max(1);
                Call::Range { from, to, revision }
            }
            2 => Call::RangeOfAny { from, to },
            3 => Call::DeleteRange { from, to, previous: draw.chance(50) },
            4 => Call::Replace { key: workload.draw_key(draw), value: value() },
            _ => draw_page(draw, from, to, revision),
        })
    }
}

/// Any page: of now or before, all of it or some, in any order.
fn draw_page(draw: &mut Draw, from: String, to: String, latest: i64) -> Call {
    let near = |draw: &mut Draw, percent| match draw.chance(percent) {
        true => (latest - draw.below(PAST_REVISIONS) as i64).max(1),
        false => 0,
    };
    let revision = near(draw, 30);
    let bounds = |draw: &mut Draw| RevisionBounds { low: near(draw, 15), high: near(draw, 15) };
    let page = Page {
        mod_revisions: bounds(draw),
        create_revisions: bounds(draw),
        limit: *draw.pick(&[0, 1, 2, 5]),
        order: *draw.pick(&ORDERS),
        descending: draw.chance(50),
        shown: *draw.pick(&[Shown::Pairs, Shown::Pairs, Shown::Pairs, Shown::Keys, Shown::Count]),
        of_any_node: draw.chance(20),
    };
    Call::Page { from, to, revision, page }
}

/// The keys from one to before another; or all that begin as one does. They are in the order of their names.
fn span(draw: &mut Draw, keys: u64) -> (String, String) {
    let first = draw.below(keys);
    let from = Workload::key(first);
    if draw.chance(40) {
        let to = format!("{from}~");
        return (from, to);
    }
    let last = Workload::key((first + draw.below(KEYS_MAX)).min(keys - 1));
    let (from, last) = if from <= last { (from, last) } else { (last, from) };
    (from, last + "~")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn pages_are_of_all_kinds() {
        let mut draw = Draw::new(1, "spans", 0);
        let mut kinds = BTreeSet::new();
        for _ in 0..2_000 {
            let call = draw_page(&mut draw, "a".to_owned(), "b".to_owned(), 50);
            let Call::Page { revision, page, .. } = call else { panic!("{call} is no page") };
            assert!((0..=50).contains(&revision), "{page}");
            kinds.insert((page.order as u8, page.descending, page.shown as u8, revision > 0));
        }
        assert_eq!(kinds.len(), 5 * 2 * 3 * 2);
    }

    #[test]
    fn spans_are_no_longer_than_a_prefix_and_never_the_wrong_way_round() {
        let mut draw = Draw::new(1, "spans", 0);
        for _ in 0..1_000 {
            let (from, to) = span(&mut draw, 200);
            assert!(from < to && from.starts_with("key-"), "{from} to {to}");
        }
    }
}
