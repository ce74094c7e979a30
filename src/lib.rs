//! Conclave: a replicated key-value store with leader election.
pub mod clock;
pub mod kv;
pub mod raft;
pub mod rpc;
pub mod storage;
