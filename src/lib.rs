//! Conclave: a replicated key-value store with leader election.
pub mod raft;
pub mod kv;
pub mod rpc;
