//! What a person reads.
//!
//! | file | idea |
//! | --- | --- |
//! | `story.rs` | an event in words |
//! | `selection.rs` | which events are shown |
//! | `page/` | a run as one page, with a lane a machine |
//! | `overview/` | a campaign as one page |
//! | `html.rs`, `colours.css` | what pages share |
//! | `report.rs` | the summary of a campaign, a failure with the line that replays it |

mod html;
mod overview;
mod page;
mod report;
mod selection;
mod story;

pub(crate) use self::{
    overview::overview,
    page::{page, what_led_to_it},
    report::{describe, failure, missed, reached_by, shrunk, subject, summary, within_limits},
    selection::{Kind, Level, Selected, Selection},
    story::{at, line},
};
