//! Conclave: a replicated key-value store with leader election.
//!
//! | room | idea |
//! | --- | --- |
//! | [`raft`] | the consensus core: pure; inputs in, effects out |
//! | [`kv`] | the replicated state machine: pure; command in, reply out |
//! | [`storage`] | the log and the state on redb, through one [`storage::Disk`] seam |
//! | [`wire`] | what crosses the network: generated types, conversions, limits, error codes |
//! | [`env`] | the world around a process: clock, randomness, observer |
//! | [`rpc`] | the only place that builds servers and channels; real and simulated differ here |
//! | [`node`] | the event loop: events in, effects carried out; peers; services |
//! | [`proxy`] | the client-facing API: find the leader, route, retry exactly once |
//! | [`client`] | the client library |
//! | `cli` | the programs: one file a subcommand |
//!
//! The same code runs in two worlds: on real machines, and compiled with `--cfg madsim` inside the seeded world of
//! the `sim` package.

#[cfg(not(madsim))]
pub mod cli;
pub mod client;
pub mod env;
#[cfg(all(not(madsim), any(test, feature = "fuzzing")))]
pub mod fuzzing;
pub mod kv;
pub mod node;
pub mod proxy;
pub mod raft;
pub mod rpc;
pub mod storage;
pub mod wire;
