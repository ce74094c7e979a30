//! The deterministic simulation testbed of Conclave.
//!
//! ```text
//!   seed ─▶ scenario ─▶ phases ( world, faults, workload; watched by the oracle ) ─▶ trace ─▶ verdict
//! ```
//!
//! | room | idea |
//! | --- | --- |
//! | `trace/` | what happened, as data: the one stream of events of a run |
//! | `probes/` | rare states that runs should reach |
//! | `workload/` | clients and operators at work |
//! | `world/` | machines, network, disks, clocks |
//! | `faults/` | what can go wrong: a file a family |
//! | `scenario/` | everything a run will do, as data, from a seed or a file |
//! | `verdict/` | what a run came to: which rule broke, and where |
//! | `phases/` | chaos, recovery, judgement |
//! | `run.rs` | one run: a scenario in, a verdict out |
//! | `shrink/` | the smallest scenario that still fails the same way |
//! | `explain/` | what a person reads |
//! | `campaign/` | many runs, the command line |
//!
//! A room knows those above it in this list, and none below. The checks of the consensus and of what clients were told are
//! a package of their own (`sim/checks`), and so is the search for a linear order (`sim/linearizability`). Outside of the
//! simulated world this package is empty.
#![cfg(madsim)]
#![allow(missing_docs, reason = "the fields of events, scenarios and faults are named for what they are")]

pub mod campaign;
mod explain;
pub mod faults;
mod phases;
pub mod probes;
pub mod run;
pub mod scenario;
mod shrink;
pub mod trace;
pub mod verdict;
pub mod workload;
pub mod world;
