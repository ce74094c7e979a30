//! Which key is next. Most operations go to keys that live for some seconds, so that each key's history stays short enough
//! to be judged fast; some go to keys that live as long as the run, so that what was written early is still asked for late.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use conclave_checks::draw::Draw;

/// Keys that are in use together.
const KEYS_AT_A_TIME: u64 = 16;
/// Operations before other keys take their place: each key gets some 150, over several seconds.
const OPERATIONS_A_GENERATION: u64 = KEYS_AT_A_TIME * 150;
/// So many of 100 operations go to the generation before.
const PREVIOUS_PERCENT: u64 = 25;
/// So many of 100 go to keys that live as long as the run.
const LASTING_PERCENT: u64 = 5;
/// How many of these there are: each gets some hundreds of operations in the long form.
const LASTING_KEYS: u64 = 96;

/// The keys of a run. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Keys {
    operations: Arc<AtomicU64>,
}

impl Keys {
    /// The key of the next operation.
    pub(crate) fn next(&self, draw: &mut Draw) -> String {
        let generation = self.operations.fetch_add(1, Ordering::Relaxed) / OPERATIONS_A_GENERATION;
        if draw.chance(LASTING_PERCENT) {
            return format!("lasting/{:03}", draw.below(LASTING_KEYS));
        }
        let generation =
            if draw.chance(PREVIOUS_PERCENT) { generation.saturating_sub(1) } else { generation };
        format!("key/{generation:06}/{:02}", draw.below(KEYS_AT_A_TIME))
    }
}
