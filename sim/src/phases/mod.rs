//! A run in its phases: faults strike and heal while clients work; then everything is healed, and the cluster must come
//! right; then the history is judged.
//!
//! | file | idea |
//! | --- | --- |
//! | `chaos.rs` | faults strike and heal, by the scenario |
//! | `ending/` | a core is healed, and must get on alone |
//! | `beyond.rs` | instead of both, where more is damaged than the system bears: no answer is wrong |
//! | `recovery/` | what a healed cluster must come to, one file a requirement |
//! | `supervise.rs` | meanwhile: broken rules, processes that ended, power losses that are due |

mod beyond;
mod chaos;
pub(crate) mod ending;
mod recovery;
mod supervise;

use conclave_checks::history;

use crate::{
    scenario::Scenario,
    trace::{Event, History, Phase},
    verdict::{Failure, Times},
    world::{Instruments, Watch, World},
};

/// Lives through all phases of a scenario.
///
/// # Errors
/// The first thing that went wrong.
pub(crate) async fn live(
    world: &mut World,
    scenario: &Scenario,
    instruments: &Instruments,
    times: &mut Times,
) -> Result<(), Failure> {
    enter(world, Phase::Chaos);
    if !scenario.shape.beyond {
        world.watch = Some(Watch::new(ending::bounds::availability(world, scenario), &world.shape));
    }
    instruments.switch_on(scenario.shape.seed, &scenario.buggify);
    let lasting = chaos::chaos(world, scenario).await?;
    instruments.switch_off();
    while world.end_stalls() {
        supervise::pass(world).await?;
    }
    match scenario.shape.beyond {
        true => {
            enter(world, Phase::Recovery);
            beyond::settle(world, scenario, lasting).await?;
        }
        false => come_right(world, scenario, lasting, times).await?,
    }
    enter(world, Phase::Judgement);
    let nodes_compact = world.shape.kept_revisions.is_some();
    Ok(history::judge(&History { nodes_compact, ..world.recorder.history() })?)
}

/// A core gets on alone, then everything is healed, and the cluster comes right.
async fn come_right(
    world: &mut World,
    scenario: &Scenario,
    lasting: chaos::Lasting,
    times: &mut Times,
) -> Result<(), Failure> {
    ending::ending(world, scenario, lasting, times).await?;
    enter(world, Phase::Recovery);
    if scenario.ending.blackout {
        recovery::black_out(world);
    }
    recovery::recovery(world, &scenario.workload).await?;
    if scenario.ending.blackout {
        recovery::read_out(world).await?;
    }
    recovery::is_sound(world)
}

fn enter(world: &World, phase: Phase) {
    world.recorder.record(Event::Phase(phase));
}

#[cfg(test)]
pub(crate) mod tests;
