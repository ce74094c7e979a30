//! Many scenarios, from the outside of any simulation: `cargo sim`.
//!
//! | file | idea |
//! | --- | --- |
//! | `plan.rs` | which seeds, for how long, how many at a time |
//! | `shard.rs` | one of several machines |
//! | `results/` | what a campaign found, as a file; several of them as one |
//! | `overview.rs` | its page |
//! | `execution.rs` | carries a plan out |
//! | `guidance.rs` | variations of what reached something new |
//! | `repetition.rs`, `difference.rs` | runs that are carried out twice, and where two of them part |
//! | `progress.rs` | what a campaign shows while it lasts |
//! | `check.rs` | a history in a file, judged |
//! | `failure.rs` | what is done with a scenario that fails: shrunk, stored, shown |
//! | `aim.rs` | what a scenario is made small for |
//! | `save.rs` | a scenario becomes part of the corpus |
//! | `refresh.rs` | a stored scenario reaches again what it is kept for |
//! | `bugs/` | known bugs put back in, and hunted |
//! | `bench/` | how fast the simulation is |
//! | `subject.rs`, `replay.rs` | a seed or a file; one run again |
//! | `memory.rs` | how much memory it takes |
//! | `exit.rs` | exit codes |
//! | `output.rs` | standard output that may be closed, folders that may have to be made |
//! | `cli.rs` | the command line |

mod aim;
mod bench;
mod bugs;
mod check;
mod cli;
mod difference;
mod execution;
mod exit;
mod failure;
mod guidance;
mod memory;
mod output;
mod overview;
mod plan;
mod progress;
mod refresh;
mod repetition;
mod replay;
mod results;
mod save;
mod shard;
mod subject;

pub use self::{
    cli::main,
    plan::{Limit, Plan},
};
