//! The consensus core in every state: a cluster of three, within bounds, by the model checker stateright.
//!
//! The storm (`tests/consensus/storm.rs`) draws a few of very many long histories; here the histories are short, and
//! none is left out. The core is the one that runs in production, not a model of it; only the disks, the network and
//! the clock around it are models.
//!
//! | file | idea |
//! | --- | --- |
//! | `runs.rs` | what is checked: within which bounds |
//! | `consensus.rs` | what may happen in a state, and what comes of it |
//! | `state.rs`, `node.rs`, `history.rs` | a state of the cluster, of a node; what has happened |
//! | `always.rs`, `steps.rs` | the invariants, of states and of steps |
//! | `sometimes.rs` | what must happen somewhere, or the bounds are too tight |
//! | `letters.rs`, `twins.rs`, `hashed.rs` | fewer states, and cheaper ones |
//! | `bounds.rs`, `check.rs`, `caught.rs` | the bounds and how they are written, the checker's report, panics as findings |

mod always;
mod bounds;
mod caught;
mod check;
mod consensus;
mod hashed;
mod history;
mod letters;
mod node;
mod runs;
mod sometimes;
mod state;
mod steps;
mod twins;

/// States are small and many: else most of the time would go into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
