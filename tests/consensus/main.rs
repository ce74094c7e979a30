//! The consensus core on trial: in stories told by golden scripts, and in random storms.
//!
//! | file | idea |
//! | --- | --- |
//! | `scripts/` | one story a file: the commands, and what the core did |
//! | `script.rs` | the language of the stories |
//! | `cluster.rs` | a few nodes, their disks and the network between them, moved by hand |
//! | `show.rs` | how events are written |
//! | `disk.rs` | a disk that tells written from durable |
//! | `storm.rs` | a few cores in a random storm, watched by the simulation's own checks |
//! | `storm/weather.rs` | what a storm is made of, each of something else |
//! | `storm/calm.rs` | the calm after it, in which everything must come right |
//!
//! After a change that is meant, `UPDATE_GOLDENFILES=1 cargo test --test consensus` writes the stories anew: read
//! the difference.

mod cluster;
mod disk;
mod script;
mod show;
mod storm;
