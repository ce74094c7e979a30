//! What comes later in the order and concerns a write.

use std::{collections::BTreeMap, iter::Peekable, slice::Iter};

use super::{Later, Witnessed, gaps::Gaps, order::Order};
use crate::Operation;

/// An operation that happened: the revision after it, whether it is a read, its position.
type Happened = (i64, bool, usize);

/// Those operations that happened, by their keys.
pub(super) struct Ahead<'a, M: Witnessed> {
    operations: &'a [Operation<M::Call, M::Return>],
    of_key: BTreeMap<&'a M::Key, Vec<Happened>>,
    /// Those that are about more than one.
    of_all: Vec<Happened>,
}

impl<'a, M: Witnessed> Ahead<'a, M> {
    /// In the order, for the keys of the spare operations.
    pub(super) fn new(operations: &'a [Operation<M::Call, M::Return>], order: &Order, gaps: &Gaps) -> Self {
        let keys = gaps.spare.iter().filter_map(|&spare| M::key(&operations[spare].call));
        let mut ahead =
            Self { operations, of_key: keys.map(|key| (key, Vec::new())).collect(), of_all: Vec::new() };
        let mut shown =
            gaps.shown.iter().map(|(&revision, shown)| (revision, false, shown.operation)).peekable();
        for it in &order.placed {
            while let Some(happened) = shown.next_if(|(revision, ..)| *revision <= it.before()) {
                ahead.add(happened);
            }
            ahead.add((it.revision, !it.is_write, it.operation));
        }
        ahead
    }

    fn add(&mut self, happened: Happened) {
        match M::key(&self.operations[happened.2].call) {
            None => self.of_all.push(happened),
            Some(key) => {
                if let Some(own) = self.of_key.get_mut(key) {
                    own.push(happened);
                }
            }
        }
    }

    /// What concerns a write that leads to this revision.
    pub(super) fn of(
        &self,
        write: &'a M::Call,
        revision: i64,
    ) -> impl Iterator<Item = Later<'a, M::Call, M::Return>> {
        let own = M::key(write).and_then(|key| self.of_key.get(key)).map_or(&[][..], Vec::as_slice);
        let (mut own, mut of_all) = (from(own, revision), from(&self.of_all, revision));
        let operations = self.operations;
        std::iter::from_fn(move || {
            loop {
                let of_all_comes = match (own.peek(), of_all.peek()) {
                    (Some(own), Some(of_all)) => (of_all.0, of_all.1) < (own.0, own.1),
                    (own, _) => own.is_none(),
                };
                let &(revision, _, operation) = if of_all_comes { of_all.next()? } else { own.next()? };
                let Operation { call, returned, .. } = &operations[operation];
                if M::concerns(write, call) {
                    let returned = returned.as_ref().map(|(_, returned)| returned);
                    return Some(Later { revision, call, returned });
                }
            }
        })
    }
}

/// Those from a revision on.
fn from(happened: &[Happened], revision: i64) -> Peekable<Iter<'_, Happened>> {
    happened[happened.partition_point(|it| it.0 < revision)..].iter().peekable()
}
