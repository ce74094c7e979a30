//! The consensus core on trial: in stories told by golden scripts, and in random storms.
//!
//! | file | idea |
//! | --- | --- |
//! | `scripts/` | one story a file: the commands, and what the core did |
//! | `script.rs` | the language of the stories |
//! | `cluster.rs` | a few nodes, their disks and the network between them, moved by hand |
//! | `cluster/streams.rs` | the snapshots on their way between them |
//! | `show.rs` | how events are written |
//! | `storm.rs` | a few cores in a random storm, with every rule of `conclave-checks` checked at every step |
//! | `storm/profile.rs` | how likely each step of a storm is, in each another |
//! | `storm/network.rs` | what is under way between the nodes |
//! | `storm/recovery.rs` | the end of a storm, after which everything must come right |
//!
//! After a change that is meant, `UPDATE_GOLDENFILES=1 cargo test --test consensus` writes the stories anew: read
//! the difference.

mod cluster;
mod script;
mod show;
mod storm;
