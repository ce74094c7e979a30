//! The deterministic simulation testbed of Conclave.
//!
//! ```text
//!   seed ─▶ generator ─▶ scenario ─▶ run ( world + chaos + clients, watched by the oracle ) ─▶ verdict ─▶ report
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `scenario.rs`, `generator.rs` | everything a run will do, as data, from a seed |
//! | `world.rs` | the machines, and the powers over them |
//! | `chaos.rs` | faults strike and heal |
//! | `operator.rs` | operators change members and leaders meanwhile |
//! | `client.rs`, `history.rs` | clients at work, and what they were told |
//! | `disk.rs` | a disk that loses what was not synced |
//! | `oracle.rs`, `checks/` | the invariants, checked at every step |
//! | `judge.rs`, `linearizability/` | the clients' history, judged |
//! | `trace.rs` | the one stream of events; its hash proves that two runs were the same |
//! | `run.rs`, `verdict.rs` | a scenario in, a verdict out |
//! | `campaign.rs`, `report.rs`, `cli.rs` | many seeds, and what a person reads |

pub use conclave_checks::draw;

pub mod disk;
pub mod generator;
pub mod history;
pub mod judge;
pub mod linearizability;
pub mod oracle;
pub mod scenario;
pub mod trace;
pub mod verdict;

#[cfg(madsim)]
pub mod campaign;
#[cfg(madsim)]
mod chaos;
#[cfg(madsim)]
pub mod cli;
#[cfg(madsim)]
mod client;
#[cfg(madsim)]
mod operator;
#[cfg(madsim)]
pub mod report;
#[cfg(madsim)]
pub mod run;
#[cfg(madsim)]
mod world;
