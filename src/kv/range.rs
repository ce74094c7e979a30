//! Reading: one key or many, now or as the store was at an older revision.

use std::{cmp::Ordering, fmt, ops::ControlFlow::Continue};

use super::{
    Error, Header, KeyValue, Read, Table,
    command::KEY_NOT_PROVIDED,
    error::{Corrupt, Direction, scan},
    past::visit_past,
    record::Version,
    reply::{COMPACTED, FUTURE_REVISION},
    span::Span,
};

/// What to read. The default of each field but the key asks for nothing special.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeRequest {
    /// First key of the range; not empty.
    pub key: Vec<u8>,
    /// End of the range, exclusive. Empty: the key alone. One zero byte: every key from `key` on.
    pub range_end: Vec<u8>,
    /// Most pairs to return; 0 or less for all.
    pub limit: i64,
    /// Read the store as it was at this revision; 0 or less for now.
    pub revision: i64,
    /// Order of the pairs.
    pub sort_order: SortOrder,
    /// What the order goes by. Another target than the key is sorted by even when no order is named: ascending then.
    pub sort_target: SortTarget,
    /// Leave the values out.
    pub keys_only: bool,
    /// Return the count alone.
    pub count_only: bool,
    /// Leave out pairs last written before this revision; 0 for none.
    pub min_mod_revision: i64,
    /// Leave out pairs last written after this revision; 0 for none.
    pub max_mod_revision: i64,
    /// Leave out pairs created before this revision; 0 for none.
    pub min_create_revision: i64,
    /// Leave out pairs created after this revision; 0 for none.
    pub max_create_revision: i64,
}

/// Order of the pairs of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// As they lie in the store: ascending by key.
    #[default]
    None,
    /// Smallest first.
    Ascend,
    /// Greatest first.
    Descend,
}

/// What pairs are sorted by. Equals stay in ascending order of their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortTarget {
    /// The key.
    #[default]
    Key,
    /// The version.
    Version,
    /// The revision of creation.
    Create,
    /// The revision of the last write.
    Mod,
    /// The value.
    Value,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeReply {
    /// The store's revision now, also when an older one was read.
    pub revision: i64,
    /// The pairs.
    pub kvs: Vec<KeyValue>,
    /// The limit cut the reply short.
    pub more: bool,
    /// Pairs in the range at the revision read, whatever the limit and the bounds on their revisions.
    pub count: i64,
}

/// Why nothing was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeRejection {
    /// The revision lies before the oldest that is kept.
    Compacted {
        /// The oldest that is kept.
        oldest: i64,
    },
    /// The revision lies in the future.
    FutureRevision {
        /// The store's revision now.
        current: i64,
    },
    /// The request itself is wrong.
    Invalid(String),
}

impl fmt::Display for RangeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RangeRejection::Compacted { .. } => COMPACTED,
            RangeRejection::FutureRevision { .. } => FUTURE_REVISION,
            RangeRejection::Invalid(message) => message,
        })
    }
}

/// Reads a range of keys from a consistent view of the store.
pub fn range<R: Read>(
    store: &R,
    request: &RangeRequest,
) -> Result<Result<RangeReply, RangeRejection>, Error<R::Error>> {
    let header = Header::load(store)?;
    let revision = match request.revision_in(&header) {
        Ok(revision) => revision,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let mut harvest = read_current(store, request, revision)?;
    if revision < header.revision {
        harvest.merge(read_past(store, request, revision)?);
    }
    Ok(Ok(harvest.into_reply(header.revision)))
}

/// Gathers the latest versions, as far as they are not newer than a revision.
fn read_current<'q, R: Read>(
    store: &R,
    request: &'q RangeRequest,
    revision: i64,
) -> Result<Harvest<'q>, Error<R::Error>> {
    let mut harvest = Harvest::new(request);
    let mut offer = |key: &[u8], record: &[u8]| -> Result<(), Corrupt> {
        let version = Version::decode(record)?;
        if version.mod_revision <= revision {
            harvest.offer(key, version);
        }
        Ok(())
    };
    if let Span::Key(key) = request.span() {
        // The most frequent read of all: to find one key is cheaper than to begin a scan.
        let record = store.get(Table::Current, key).map_err(Error::Store)?;
        record.map(|record| offer(key, &record)).transpose()?;
    } else if let Some(range) = request.span().current() {
        scan(store, Table::Current, range, request.direction(), |key, record| {
            offer(key, record).map(Continue)
        })?;
    }
    Ok(harvest)
}

/// Gathers the versions that were current at a revision and have ended since.
fn read_past<'q, R: Read>(
    store: &R,
    request: &'q RangeRequest,
    revision: i64,
) -> Result<Harvest<'q>, Error<R::Error>> {
    let mut harvest = Harvest::new(request);
    visit_past(store, request.span(), revision, request.direction(), |key, version| {
        harvest.offer(key, version);
    })?;
    Ok(harvest)
}

impl RangeRequest {
    fn span(&self) -> Span<'_> {
        Span::new(&self.key, &self.range_end)
    }

    /// The revision to read at, if it can be read.
    fn revision_in(&self, header: &Header) -> Result<i64, RangeRejection> {
        if self.key.is_empty() {
            return Err(RangeRejection::Invalid(KEY_NOT_PROVIDED.to_owned()));
        }
        if self.revision > header.revision {
            return Err(RangeRejection::FutureRevision { current: header.revision });
        }
        let revision = if self.revision > 0 { self.revision } else { header.revision };
        if revision < header.compacted_revision {
            return Err(RangeRejection::Compacted { oldest: header.compacted_revision });
        }
        Ok(revision)
    }

    /// The way to scan: the reply's own order when that goes by key.
    fn direction(&self) -> Direction {
        match (self.sort_target, self.sort_order) {
            (SortTarget::Key, SortOrder::Descend) => Direction::Descending,
            _ => Direction::Ascending,
        }
    }

    fn selects(&self, version: &Version<'_>) -> bool {
        let within = |revision, min, max| (min == 0 || revision >= min) && (max == 0 || revision <= max);
        within(version.mod_revision, self.min_mod_revision, self.max_mod_revision)
            && within(version.create_revision, self.min_create_revision, self.max_create_revision)
    }

    /// Most pairs worth keeping of those that a scan finds in its order: one more than the limit tells that there
    /// are more. If the pairs are yet to be sorted, any of them may come first.
    fn kept_max(&self) -> usize {
        match self.limit_pairs() {
            Some(limit) if self.sort_target == SortTarget::Key => limit.saturating_add(1),
            _ => usize::MAX,
        }
    }

    fn limit_pairs(&self) -> Option<usize> {
        (self.limit > 0).then(|| usize::try_from(self.limit).unwrap_or(usize::MAX))
    }

    fn compare(&self, a: &KeyValue, b: &KeyValue) -> Ordering {
        let ascending = match self.sort_target {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.create_revision.cmp(&b.create_revision),
            SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        };
        match self.sort_order {
            SortOrder::Descend => ascending.reverse(),
            SortOrder::None | SortOrder::Ascend => ascending,
        }
    }
}

/// What scans have found so far: the count of all, and as many pairs as the reply can need.
struct Harvest<'q> {
    request: &'q RangeRequest,
    kept_max: usize,
    count: i64,
    kept: Vec<KeyValue>,
}

impl<'q> Harvest<'q> {
    fn new(request: &'q RangeRequest) -> Self {
        let kept_max = if request.count_only { 0 } else { request.kept_max() };
        Harvest { request, kept_max, count: 0, kept: Vec::new() }
    }

    fn offer(&mut self, key: &[u8], version: Version<'_>) {
        self.count += 1;
        if self.kept.len() < self.kept_max && self.request.selects(&version) {
            self.kept.push(self.key_value(key, version));
        }
    }

    fn key_value(&self, key: &[u8], version: Version<'_>) -> KeyValue {
        let value_unused = self.request.keys_only && self.request.sort_target != SortTarget::Value;
        let value = if value_unused { &[] } else { version.value };
        Version { value, ..version }.to_key_value(key)
    }

    /// Joins what two scans found. A version lies in one table only, so none is counted twice.
    fn merge(&mut self, other: Harvest<'_>) {
        self.count += other.count;
        self.kept.extend(other.kept);
        self.kept.sort_by(|a, b| match self.request.direction() {
            Direction::Ascending => a.key.cmp(&b.key),
            Direction::Descending => b.key.cmp(&a.key),
        });
    }

    fn into_reply(self, revision: i64) -> RangeReply {
        let Harvest { request, mut kept, count, .. } = self;
        if request.sort_target != SortTarget::Key {
            kept.sort_by(|a, b| request.compare(a, b));
        }
        let limit = request.limit_pairs().unwrap_or(usize::MAX);
        let more = kept.len() > limit;
        kept.truncate(limit);
        if request.keys_only {
            kept.iter_mut().for_each(|pair| pair.value.clear());
        }
        RangeReply { revision, kvs: kept, more, count }
    }
}
