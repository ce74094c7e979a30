//! The real processes, each on its machine.
//!
//! | file | idea |
//! | --- | --- |
//! | `certificates.rs` | who uses which, if connections are secured |
//! | `program.rs` | one process: started, signalled, its end explained |
//! | `operator.rs` | lets everything be as the conditions say; starts again what ended for a reason |
//! | `monitor.rs` | asks every node how it is, all the time |

mod certificates;
mod monitor;
mod operator;
mod program;

pub(crate) use monitor::{Monitor, true_clock};
pub(crate) use operator::{Cluster, Ended};

/// Where nodes listen.
pub(crate) const NODE_PORT: u16 = 23801;
/// Where proxies listen.
pub(crate) const PROXY_PORT: u16 = 2379;
