//! A read in steps, each of a bounded cost, over a state that stands still meanwhile. So a long read can make room for
//! others, end early when nobody waits for it, and give its pairs away piece by piece.
//!
//! Pairs in the order of keys leave with the step that finds them. Any other order needs all of them first: those are
//! gathered up to [`SORTED_BYTES_MAX`], sorted, and then leave in steps too.
//!
//! The count takes a look at every key of the range, as etcd's does; what a step may look at is bounded instead.

use std::{
    cmp::Ordering,
    collections::VecDeque,
    ops::{
        Bound::{Excluded, Included},
        ControlFlow::{self, Break, Continue},
    },
};

use super::{
    Error, Header, KeyValue, RangeRejection, RangeRequest, RangeSummary, Read, SortTarget, Table,
    error::{Direction, scan},
    past::{PAST_KEY_RECORDS, visit_past},
    range::SORTED_BYTES_MAX,
    record::Version,
    span::{OwnedRange, Span, lend},
};

/// What one step may cost: it ends with the first record beyond either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepBudget {
    /// Records looked at.
    pub records: usize,
    /// Bytes of pairs found.
    pub bytes: usize,
}

/// A read that has begun.
#[derive(Debug)]
pub struct RangeScan {
    request: RangeRequest,
    /// The store's revision when it began.
    store_revision: i64,
    /// The revision to read at.
    revision: i64,
    /// The keys that were not looked at yet. `None`: all were.
    rest: Option<OwnedRange>,
    /// The part of it in which a read of the past may find versions that are current still. `None`: none are left.
    rest_lasting: Option<OwnedRange>,
    count: i64,
    /// Pairs found so far that the request selects.
    selected: usize,
    sorting: Option<Sorting>,
}

/// Pairs on their way into another order than that of their keys.
#[derive(Debug, Default)]
struct Sorting {
    pairs: VecDeque<KeyValue>,
    bytes: usize,
    is_sorted: bool,
}

impl RangeScan {
    /// Begins to read.
    ///
    /// # Errors
    /// The store failed.
    pub fn begin<R: Read>(
        store: &R,
        request: RangeRequest,
    ) -> Result<Result<Self, RangeRejection>, Error<R::Error>> {
        let header = Header::load(store)?;
        let revision = match request.revision_in(&header) {
            Ok(revision) => revision,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let is_sorted_by_key = request.sort_target == SortTarget::Key || request.count_only;
        let rest =
            request.span().current().map(|(start, end)| (start.map(<[u8]>::to_vec), end.map(<[u8]>::to_vec)));
        Ok(Ok(Self {
            sorting: (!is_sorted_by_key).then(Sorting::default),
            store_revision: header.revision,
            revision,
            rest_lasting: rest.clone(),
            rest,
            count: 0,
            selected: 0,
            request,
        }))
    }

    /// Nothing is left to be done.
    pub fn is_done(&self) -> bool {
        let is_given_away = |sorting: &Sorting| sorting.is_sorted && sorting.pairs.is_empty();
        self.rest.is_none() && self.sorting.as_ref().is_none_or(is_given_away)
    }

    /// What there is to say beside the pairs, once it is done.
    pub fn summary(&self) -> RangeSummary {
        let more =
            !self.request.count_only && self.selected > self.request.limit_pairs().unwrap_or(usize::MAX);
        RangeSummary { revision: self.store_revision, more, count: self.count }
    }

    /// Goes on, and returns the pairs that are found. The state must be the one that the read began with.
    ///
    /// # Errors
    /// The store failed.
    pub fn step<R: Read>(
        &mut self,
        store: &R,
        budget: StepBudget,
    ) -> Result<Result<Vec<KeyValue>, RangeRejection>, Error<R::Error>> {
        if let Some(rest) = self.rest.take() {
            let mut found = Vec::new();
            self.rest = match self.revision == self.store_revision {
                true => self.look_at_current(store, rest, budget, &mut found)?,
                false => self.look_at_past(store, rest, budget, &mut found)?,
            };
            let Some(sorting) = &mut self.sorting else { return Ok(Ok(found)) };
            sorting.bytes += found.iter().map(weight).sum::<usize>();
            sorting.pairs.extend(found);
            if sorting.bytes > SORTED_BYTES_MAX {
                return Ok(Err(RangeRejection::TooLargeToSort));
            }
        }
        Ok(Ok(self.give_sorted(budget)))
    }

    /// Looks at the latest versions. Returns the keys that are left.
    fn look_at_current<R: Read>(
        &mut self,
        store: &R,
        rest: OwnedRange,
        budget: StepBudget,
        found: &mut Vec<KeyValue>,
    ) -> Result<Option<OwnedRange>, Error<R::Error>> {
        if let Span::Key(key) = self.request.span() {
            // The most frequent read of all: to find one key is cheaper than to begin a scan.
            let key = key.to_vec();
            let record = store.get(Table::Current, &key).map_err(Error::Store)?;
            if let Some(record) = record {
                self.offer(&key, Version::decode(&record)?, found);
            }
            return Ok(None);
        }
        let mut reached = None;
        let (mut records, mut bytes) = (0, 0);
        let direction = self.request.direction();
        scan(store, Table::Current, lend(&rest), direction, |key, record| {
            records += 1;
            bytes += self.offer(key, Version::decode(record)?, found);
            if records < budget.records && bytes < budget.bytes {
                return Ok(Continue(()));
            }
            reached = Some(key.to_vec());
            Ok(Break(()))
        })?;
        Ok(reached.map(|key| beyond(rest, key, direction)))
    }

    /// Looks at the versions that a key had at the revision: those that are current still, and those that have ended since.
    /// The first kind is looked at as far as the budget goes; the second, which costs more, no further than that. Both are taken up to
    /// the nearer end, and the next step begins the first look at the first version of its kind behind there: to come to that may cost
    /// much, for a store passes what was removed and is not on the disk yet. Returns the keys that are left.
    fn look_at_past<R: Read>(
        &mut self,
        store: &R,
        rest: OwnedRange,
        budget: StepBudget,
        found: &mut Vec<KeyValue>,
    ) -> Result<Option<OwnedRange>, Error<R::Error>> {
        let direction = self.request.direction();
        let mut lasting = Look::new(budget);
        if let Some(rest) = &self.rest_lasting {
            scan(store, Table::Current, lend(rest), direction, |key, record| {
                let version = Version::decode(record)?;
                let was_there = version.mod_revision <= self.revision;
                Ok(lasting.take(1, key, was_there.then(|| version.to_key_value(key))))
            })?;
        }
        let part = match &lasting.reached {
            Some(key) => up_to(rest.clone(), key.clone(), direction),
            None => rest.clone(),
        };
        let mut ended = Look::new(budget);
        visit_past(store, lend(&part), self.revision, direction, |key, version| {
            ended.take(PAST_KEY_RECORDS, key, version.map(|version| version.to_key_value(key)))
        })?;
        let reached = ended.reached.or_else(|| lasting.reached.clone());
        self.rest_lasting = lasting.left_behind(reached.as_deref(), &rest, direction);
        // A version is of one kind only, so none is there twice.
        let mut pairs = lasting.pairs;
        pairs.extend(ended.pairs);
        pairs.sort_by(|a, b| order(&a.key, &b.key, direction));
        for pair in &pairs {
            if reached.as_ref().is_none_or(|reached| order(&pair.key, reached, direction).is_le()) {
                self.offer_pair(pair, found);
            }
        }
        let is_one_key = matches!(self.request.span(), Span::Key(_));
        Ok(reached.filter(|_| !is_one_key).map(|key| beyond(rest, key, direction)))
    }

    /// Counts a version, and takes it as far as it is asked for. Returns its weight, if it was taken.
    fn offer(&mut self, key: &[u8], version: Version<'_>, found: &mut Vec<KeyValue>) -> usize {
        self.count += 1;
        if !self.wants(version.mod_revision, version.create_revision) {
            return 0;
        }
        let value_unused = self.request.keys_only && self.request.sort_target != SortTarget::Value;
        let value = if value_unused { &[] } else { version.value };
        let pair = Version { value, ..version }.to_key_value(key);
        let bytes = weight(&pair);
        found.push(pair);
        bytes
    }

    fn offer_pair(&mut self, pair: &KeyValue, found: &mut Vec<KeyValue>) {
        let KeyValue { create_revision, mod_revision, version, lease, .. } = *pair;
        let version = Version { create_revision, mod_revision, version, lease, value: &pair.value };
        self.offer(&pair.key, version, found);
    }

    /// Whether the answer may need a version of these revisions, beside its being counted.
    fn wants(&mut self, mod_revision: i64, create_revision: i64) -> bool {
        if self.request.count_only || !self.request.selects(mod_revision, create_revision) {
            return false;
        }
        self.selected += 1;
        self.sorting.is_some() || self.selected <= self.request.limit_pairs().unwrap_or(usize::MAX)
    }

    /// The next of the sorted pairs, once all are found.
    fn give_sorted(&mut self, budget: StepBudget) -> Vec<KeyValue> {
        let mut given = Vec::new();
        let Some(sorting) = &mut self.sorting else { return given };
        if self.rest.is_some() {
            return given;
        }
        if !sorting.is_sorted {
            let request = &self.request;
            let pairs = sorting.pairs.make_contiguous();
            pairs.sort_by(|a, b| request.compare(a, b));
            sorting.pairs.truncate(request.limit_pairs().unwrap_or(usize::MAX));
            sorting.is_sorted = true;
        }
        let mut bytes = 0;
        while given.len() < budget.records
            && bytes < budget.bytes
            && let Some(mut pair) = sorting.pairs.pop_front()
        {
            if self.request.keys_only {
                pair.value.clear();
            }
            bytes += weight(&pair);
            given.push(pair);
        }
        given
    }
}

/// What was read of a whole range.
#[cfg(test)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeReply {
    pub(crate) revision: i64,
    pub(crate) kvs: Vec<KeyValue>,
    pub(crate) more: bool,
    pub(crate) count: i64,
}

/// Reads a whole range, in steps of this size.
#[cfg(test)]
pub(crate) fn range_in_steps<R: Read>(
    store: &R,
    request: &RangeRequest,
    budget: StepBudget,
) -> Result<Result<RangeReply, RangeRejection>, Error<R::Error>> {
    let mut scan = match RangeScan::begin(store, request.clone())? {
        Ok(scan) => scan,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let mut kvs = Vec::new();
    while !scan.is_done() {
        match scan.step(store, budget)? {
            Ok(found) => kvs.extend(found),
            Err(rejection) => return Ok(Err(rejection)),
        }
    }
    let RangeSummary { revision, more, count } = scan.summary();
    Ok(Ok(RangeReply { revision, kvs, more, count }))
}

/// Reads a whole range at once.
#[cfg(test)]
pub(crate) fn range<R: Read>(
    store: &R,
    request: &RangeRequest,
) -> Result<Result<RangeReply, RangeRejection>, Error<R::Error>> {
    range_in_steps(store, request, StepBudget { records: usize::MAX, bytes: usize::MAX })
}

/// What a pair takes, here and in an answer.
fn weight(pair: &KeyValue) -> usize {
    size_of::<KeyValue>() + pair.key.len() + pair.value.len()
}

/// A look at keys as they were.
struct Look {
    budget: StepBudget,
    records: usize,
    bytes: usize,
    pairs: Vec<KeyValue>,
    /// The last key, if the look ended with the budget.
    reached: Option<Vec<u8>>,
}

impl Look {
    fn new(budget: StepBudget) -> Self {
        Self { budget, records: 0, bytes: 0, pairs: Vec::new(), reached: None }
    }

    /// Takes a key whose version cost as much as so many records.
    fn take(&mut self, records: usize, key: &[u8], pair: Option<KeyValue>) -> ControlFlow<()> {
        self.records += records;
        self.bytes += pair.as_ref().map_or(0, weight);
        self.pairs.extend(pair);
        if self.records < self.budget.records && self.bytes < self.budget.bytes {
            return Continue(());
        }
        self.reached = Some(key.to_vec());
        Break(())
    }

    /// The part of the range in which this look found a version behind that key, or did not look.
    fn left_behind(
        &self,
        key: Option<&[u8]>,
        range: &OwnedRange,
        direction: Direction,
    ) -> Option<OwnedRange> {
        let is_behind = |pair: &&KeyValue| key.is_some_and(|key| order(&pair.key, key, direction).is_gt());
        match (self.pairs.iter().find(is_behind), &self.reached) {
            (Some(pair), _) => Some(from(range.clone(), pair.key.clone(), direction)),
            (None, Some(reached)) => Some(beyond(range.clone(), reached.clone(), direction)),
            (None, None) => None,
        }
    }
}

/// How keys follow each other in a scan.
fn order(a: &[u8], b: &[u8], direction: Direction) -> Ordering {
    match direction {
        Direction::Ascending => a.cmp(b),
        Direction::Descending => b.cmp(a),
    }
}

/// What is left of a range behind a key.
fn beyond((start, end): OwnedRange, key: Vec<u8>, direction: Direction) -> OwnedRange {
    match direction {
        Direction::Ascending => (Excluded(key), end),
        Direction::Descending => (start, Excluded(key)),
    }
}

/// The part of a range from a key on, inclusive.
fn from((start, end): OwnedRange, key: Vec<u8>, direction: Direction) -> OwnedRange {
    match direction {
        Direction::Ascending => (Included(key), end),
        Direction::Descending => (start, Included(key)),
    }
}

/// The part of a range up to a key, inclusive.
fn up_to((start, end): OwnedRange, key: Vec<u8>, direction: Direction) -> OwnedRange {
    match direction {
        Direction::Ascending => (start, Included(key)),
        Direction::Descending => (Included(key), end),
    }
}
