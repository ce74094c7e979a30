//! Chaos on real processes: the `conclave` binary, on machines that are network namespaces, struck from a seed; what its
//! clients were told is judged as in the simulation.
//!
//! ```text
//!   seed ─▶ faults ─▶ run ( cluster, clients ) ─▶ history ─▶ verdict ─▶ report
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `shape.rs` | who there is |
//! | `fault.rs`, `schedule.rs` | what can go wrong, as data; when it does |
//! | `condition.rs` | what faults make true until they heal |
//! | `lab/` | the machines that are not there: namespaces, disks, packet filters |
//! | `cluster/` | the real processes, each on its machine |
//! | `workload/` | clients at work, and the record of it |
//! | `strike.rs` | how each fault is carried out |
//! | `plan.rs`, `run.rs` | what is to be run, as data; one run |
//! | `verdict/` | what it came to |
//! | `rendered/` | what cloud-init writes is what runs |
//! | `story.rs` | what happens, for a reader |
//! | `cli.rs` | the command line |
#![cfg_attr(not(madsim), allow(clippy::print_stderr))]

#[cfg(not(madsim))]
mod cli;
#[cfg(not(madsim))]
mod cluster;
#[cfg(not(madsim))]
mod condition;
#[cfg(not(madsim))]
mod fault;
#[cfg(not(madsim))]
mod lab;
#[cfg(not(madsim))]
mod plan;
#[cfg(not(madsim))]
mod rendered;
#[cfg(not(madsim))]
mod run;
#[cfg(not(madsim))]
mod schedule;
#[cfg(not(madsim))]
mod shape;
#[cfg(not(madsim))]
mod story;
#[cfg(not(madsim))]
mod strike;
#[cfg(not(madsim))]
mod verdict;
#[cfg(not(madsim))]
mod workload;

#[cfg(not(madsim))]
fn main() -> std::process::ExitCode {
    cli::main()
}

/// There are no real processes in a simulated world.
#[cfg(madsim)]
fn main() {}
