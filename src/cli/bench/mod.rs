//! `conclave bench`: many clients, each sending its next request when the last is answered, or all together at a given rate.
//!
//! | file | idea |
//! | --- | --- |
//! | `args.rs` | what it is told |
//! | `window.rs` | when it measures |
//! | `pace.rs` | when a client sends its next request |
//! | `workload.rs` | what clients ask for |
//! | `tally.rs` | what a client counts by itself |
//! | `pulse.rs` | what all clients share: when the cluster last answered, how far it is |
//! | `timeline.rs` | how it went second by second |
//! | `cpu.rs` | processor time of local processes |
//! | `breakdown.rs` | where the time of a put goes, by the programs' own metrics |
//! | `side.rs` | one measurement of one cluster |
//! | `report.rs` | its result |
//! | `compare.rs` | two clusters in turns |

mod args;
mod breakdown;
mod compare;
mod cpu;
mod pace;
mod pulse;
mod report;
mod side;
mod tally;
mod timeline;
mod window;
mod workload;

use std::process::ExitCode;

pub(super) use self::args::Args;
use self::{compare::compare, report::Report, side::Side};
use super::output::print;

/// Runs the measurement and prints its result.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    args.check()?;
    let side = Side::find(&args, &args.connection, ("--cpu-of", &args.cpu_of)).await?;
    if !args.compare.is_empty() {
        return compare(&args, side).await;
    }
    side.prepare(&args).await?;
    let measured = side.measure(&args).await?;
    let report = Report::new(&args, &measured);
    let printed = print(&if args.json { report.json() } else { report.text() });
    measured.check()?;
    printed
}
