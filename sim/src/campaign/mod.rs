//! Many scenarios, from the outside of any simulation: `cargo sim`.
//!
//! | file | idea |
//! | --- | --- |
//! | `run.rs` | a scenario in, a verdict out |
//! | `plan.rs` | which seeds, for how long, how many at a time |
//! | `execution.rs` | carries a plan out |
//! | `progress.rs` | what a campaign shows while it lasts |
//! | `output.rs` | standard output that may be closed |
//! | `cli.rs` | the command line |

mod cli;
mod execution;
mod output;
mod plan;
mod progress;
mod run;

pub use self::{
    cli::main,
    plan::{Limit, Plan},
    run::run,
};
