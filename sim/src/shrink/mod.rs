//! The smallest scenario that still fails the same way: what a person reads instead of forty faults.
//!
//! | file | idea |
//! | --- | --- |
//! | `smaller.rs` | what a scenario can do without |
//! | `search.rs` | tries it, under several schedules, as long as the rule that breaks stays the same (delta debugging, Zeller 2002) |

mod search;
mod smaller;

pub(crate) use self::search::{Budget, Shrunk, shrink};
