//! Many scenarios, from the outside of any simulation: `cargo sim`.
//!
//! | file | idea |
//! | --- | --- |
//! | `plan.rs` | which seeds, for how long, how many at a time |
//! | `execution.rs` | carries a plan out |
//! | `repetition.rs`, `difference.rs` | runs that are carried out twice, and where two of them part |
//! | `progress.rs` | what a campaign shows while it lasts |
//! | `check.rs` | a history in a file, judged |
//! | `failure.rs` | what is done with a scenario that fails: shrunk, stored, shown |
//! | `refresh.rs` | a stored scenario reaches again what it is kept for |
//! | `bugs/` | known bugs put back in, and hunted |
//! | `bench/` | how fast the simulation is |
//! | `output.rs` | standard output that may be closed |
//! | `cli.rs` | the command line |

mod bench;
mod bugs;
mod check;
mod cli;
mod difference;
mod execution;
mod failure;
mod output;
mod plan;
mod progress;
mod refresh;
mod repetition;

pub use self::{
    cli::main,
    plan::{Limit, Plan},
};
