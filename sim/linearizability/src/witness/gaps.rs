//! Revisions that nobody claims, and the writes of unknown outcome that may be there.

use std::collections::BTreeMap;

use super::{Contradiction, Reason, Testimony, Witnessed, order::Order};
use crate::Operation;

/// Where writes of unknown outcome went.
#[derive(Default)]
pub(super) struct Gaps {
    /// By revision: those that an answer shows.
    pub(super) shown: BTreeMap<i64, Shown>,
    /// The operations of unknown outcome that no answer shows, in the order of their calls.
    pub(super) spare: Vec<usize>,
}

/// A write of unknown outcome that happened.
pub(super) struct Shown {
    pub(super) operation: usize,
    /// The operation whose answer shows it.
    pub(super) by: usize,
}

impl Gaps {
    pub(super) fn find<M: Witnessed>(
        operations: &[Operation<M::Call, M::Return>],
        order: &Order,
    ) -> Result<Self, Testimony> {
        let deadlines = deadlines::<M>(operations, order)?;
        let mut spare = order.unknown.clone();
        if deadlines.is_empty() {
            return Ok(Self { spare, ..Self::default() });
        }
        let mut shown = BTreeMap::new();
        let mut of_call: BTreeMap<&M::Call, Vec<usize>> = BTreeMap::new();
        for &operation in &spare {
            of_call.entry(&operations[operation].call).or_default().push(operation);
        }
        // From the last on, each takes the latest call that is in time: one that is in time for an earlier revision is so
        // for a later one too.
        for (revision, (by, call)) in writes_shown::<M>(operations, order, &deadlines).into_iter().rev() {
            let equal = of_call.get_mut(&call);
            let in_time = equal.and_then(|equal| {
                let count = equal.partition_point(|&it| operations[it].called <= deadlines[&revision]);
                (count > 0).then(|| equal.remove(count - 1))
            });
            let Some(operation) = in_time else {
                let reason = Reason::NeverWritten(revision);
                let explained = explained(order, |place| order.placed[place].operation != by);
                let contradiction = Contradiction { operation: by, reason, by: None, explained };
                return Err(Testimony::Contradicted(contradiction));
            };
            shown.insert(revision, Shown { operation, by });
        }
        let mut is_shown = vec![false; operations.len()];
        shown.values().for_each(|it: &Shown| is_shown[it.operation] = true);
        spare.retain(|&operation| !is_shown[operation]);
        Ok(Self { shown, spare })
    }
}

/// Each revision that nobody claims, and when the write that led to it was called at the latest. There are no more of
/// them, up to each place, than writes of unknown outcome that were called in time.
fn deadlines<M: Witnessed>(
    operations: &[Operation<M::Call, M::Return>],
    order: &Order,
) -> Result<BTreeMap<i64, u64>, Testimony> {
    let mut deadlines = BTreeMap::new();
    let mut revision = M::revision(&M::initial());
    let mut in_time = 0;
    for (place, it) in order.placed.iter().enumerate() {
        while revision < it.before() {
            revision += 1;
            let deadline = order.deadlines[place];
            while order.unknown.get(in_time).is_some_and(|&it| operations[it].called <= deadline) {
                in_time += 1;
            }
            if deadlines.len() == in_time {
                let reason = Reason::NobodysRevision(revision);
                let explained = explained(order, |before| before < place);
                let contradiction = Contradiction { operation: it.operation, reason, by: None, explained };
                return Err(Testimony::Contradicted(contradiction));
            }
            deadlines.insert(revision, deadline);
        }
        revision = revision.max(it.revision);
    }
    Ok(deadlines)
}

/// The writes that answers show of revisions that nobody claims, by revision, with the operation that shows it first.
fn writes_shown<M: Witnessed>(
    operations: &[Operation<M::Call, M::Return>],
    order: &Order,
    wanted: &BTreeMap<i64, u64>,
) -> BTreeMap<i64, (usize, M::Call)> {
    let mut shown = BTreeMap::new();
    for it in &order.placed {
        let Operation { call, returned, .. } = &operations[it.operation];
        let Some((_, returned)) = returned else { continue };
        M::shows(call, returned, &mut |revision, write| {
            if wanted.contains_key(&revision) {
                shown.entry(revision).or_insert((it.operation, write));
            }
        });
    }
    shown
}

/// The operations of the places before the first that is not `before`.
fn explained(order: &Order, before: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..order.placed.len())
        .take_while(|&place| before(place))
        .map(|place| order.placed[place].operation)
        .collect()
}
