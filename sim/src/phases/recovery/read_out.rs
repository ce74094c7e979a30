//! All of the history is read once more: the present through every proxy, and the past at many a revision. The judges see what is
//! told. Too much for one answer may be refused, and what is compacted is gone.

use super::{super::supervise::look, waiting::ask_through};
use crate::{
    trace::{Answer, Call},
    verdict::Failure,
    workload::Workload,
    world::World,
};

/// Revisions that are read, the present one not counted.
const REVISIONS: i64 = 40;

pub(in crate::phases) async fn read_out(world: &mut World) -> Result<(), Failure> {
    let (from, to) = Workload::all_keys();
    let range = |revision| Call::Range { from: from.clone(), to: to.clone(), revision };
    let mut latest = 1;
    for proxy in 0..world.shape.proxies {
        let answer = ask_through(world, proxy, range(0)).await;
        latest = latest.max(answer.revision());
        look(world)?;
    }
    let step = (latest / REVISIONS).max(1);
    // Backwards: at what is compacted it ends.
    for revision in (1..=latest).rev().step_by(step as usize) {
        let answer = ask_through(world, revision as u64 % world.shape.proxies, range(revision)).await;
        look(world)?;
        if answer == Answer::Gone {
            break;
        }
    }
    Ok(())
}
