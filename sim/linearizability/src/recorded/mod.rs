//! Histories that other systems left, and what those systems are: each with its format, and its sequential specification.
//!
//! | file | idea |
//! | --- | --- |
//! | `register.rs` | one register, as in Jepsen's tests of etcd |
//! | `append_map.rs` | a map of strings with put, append and get |
//! | `open.rs` | what processes have called, and not been answered |

mod append_map;
mod open;
mod register;

use std::fmt;

pub use self::{
    append_map::{AppendCall, AppendMap, Change, read_append_map},
    register::{Register, RegisterCall, RegisterReturn, read_register},
};

/// A line of a file that its format does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Malformed {}
