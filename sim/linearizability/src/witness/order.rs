//! The claimed order: is it one, and is it that of real time?

use super::{Claim, Contradiction, Reason, Testimony, Witnessed};
use crate::Operation;

/// An operation of known outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) operation: usize,
    /// The revision of the state after it.
    pub(super) revision: i64,
    pub(super) is_write: bool,
    called: u64,
    returned: u64,
}

/// The order that the answers claim.
pub(super) struct Order {
    /// A write comes before the reads of its revision; these are in the order of their calls.
    pub(super) placed: Vec<Placed>,
    /// What comes before a place was called by then, at the latest: the first return from that place on.
    pub(super) deadlines: Vec<u64>,
    /// The operations of unknown outcome, in the order of their calls.
    pub(super) unknown: Vec<usize>,
}

impl Placed {
    /// The revision of the state before it.
    pub(super) fn before(&self) -> i64 {
        self.revision.saturating_sub(i64::from(self.is_write))
    }
}

impl Order {
    pub(super) fn claimed<M: Witnessed>(
        operations: &[Operation<M::Call, M::Return>],
    ) -> Result<Self, Testimony> {
        let (mut placed, mut unknown) = (Vec::with_capacity(operations.len()), Vec::new());
        for (operation, it) in operations.iter().enumerate() {
            let Some((returned_at, returned)) = &it.returned else {
                unknown.push(operation);
                continue;
            };
            let (revision, is_write) = match M::claim(returned) {
                Claim::Wrote(revision) => (revision, true),
                Claim::Read(revision) => (revision, false),
                Claim::Nothing => {
                    let (reason, by) = (Reason::NoClaim, None);
                    let explained = Vec::new();
                    return Err(Testimony::Undecided(Contradiction { operation, reason, by, explained }));
                }
            };
            let (called, returned) = (it.called, *returned_at);
            placed.push(Placed { operation, revision, is_write, called, returned });
        }
        unknown.sort_by_key(|&operation| operations[operation].called);
        placed.sort_unstable_by_key(|it| (it.revision, !it.is_write, it.called, it.operation));
        Self::is_one(&placed)?;
        Self::follows_time(&placed)?;
        let mut deadlines = vec![u64::MAX; placed.len()];
        let mut deadline = u64::MAX;
        for (place, it) in placed.iter().enumerate().rev() {
            deadline = deadline.min(it.returned);
            deadlines[place] = deadline;
        }
        Ok(Self { placed, deadlines, unknown })
    }

    fn is_one(placed: &[Placed]) -> Result<(), Testimony> {
        let twice = |pair: &[Placed]| {
            let [one, other] = pair else { return false };
            one.is_write && other.is_write && one.revision == other.revision
        };
        match placed.windows(2).position(twice) {
            None => Ok(()),
            Some(place) => Err(contradicted(placed, place + 1, Reason::RevisionTaken, placed[place])),
        }
    }

    /// Nobody had returned when something that comes before was called.
    fn follows_time(placed: &[Placed]) -> Result<(), Testimony> {
        let mut latest = placed.first();
        for (place, it) in placed.iter().enumerate() {
            if let Some(&latest) = latest.filter(|latest| it.returned < latest.called) {
                return Err(contradicted(placed, place, Reason::BeforeItsTime, latest));
            }
            latest = latest.filter(|latest| latest.called >= it.called).or(Some(it));
        }
        Ok(())
    }
}

fn contradicted(placed: &[Placed], place: usize, reason: Reason, by: Placed) -> Testimony {
    let operation = placed[place].operation;
    let explained = placed[..place].iter().map(|it| it.operation).collect();
    Testimony::Contradicted(Contradiction { operation, reason, by: Some(by.operation), explained })
}
