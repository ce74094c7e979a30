//! What a person reads.
//!
//! | file | idea |
//! | --- | --- |
//! | `story.rs` | an event in words |
//! | `report.rs` | the summary of a campaign, a failure with the line that replays it |

mod report;
mod story;

pub(crate) use self::{
    report::{describe, failure, shrunk, summary},
    story::line,
};
