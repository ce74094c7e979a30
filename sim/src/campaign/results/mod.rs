//! What a campaign found, as a file: a line a run, written when the run ends, so that a campaign that is killed has told what it had.
//!
//! | file | idea |
//! | --- | --- |
//! | `line.rs` | the lines: what the campaign is, a run that ended, how the campaign ended |
//! | `writer.rs` | writes them |
//! | `reader.rs` | reads them, of several files in order of time |
//! | `merge.rs` | `cargo sim merge`: several files as one campaign |

mod line;
mod merge;
mod reader;
mod writer;

pub(super) use self::{
    line::{Ended, Header, RunLine},
    merge::merge,
    writer::Writer,
};
