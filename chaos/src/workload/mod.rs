//! Clients at work, and the record of what they asked and were told.
//!
//! | file | idea |
//! | --- | --- |
//! | `recorder.rs` | the history: one clock for all clients |
//! | `keys.rs` | which key is next: most for a while, some all the time |
//! | `value.rs` | values that name the write they come from, some of them large |
//! | `client.rs` | one operation after another through the client library |
//! | `machine.rs` | the clients of one machine, in its network namespace |

mod client;
mod keys;
mod machine;
mod recorder;
mod value;

pub(crate) use client::read_everything;
pub(crate) use keys::Keys;
pub(crate) use machine::{ClientMachine, Load};
pub(crate) use recorder::{Recorder, store};
