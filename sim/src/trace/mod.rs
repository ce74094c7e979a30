//! What happened in a run, as data. There is one stream of events: the story, the hash, the judges and the checks of
//! the recovery all read it.
//!
//! | file | idea |
//! | --- | --- |
//! | `event.rs` | what can happen |
//! | `names.rs` | who it happens to: nodes, proxies, clients |
//! | `condition.rs` | what a fault makes true until it heals |
//! | `moment.rs` | what a fault may wait for before it strikes |
//! | `mistake.rs` | what operators ask for by mistake |
//! | `history.rs` | what all clients asked and were told: a history, as `conclave_checks::history` judges it |
//! | `recorder.rs` | takes every event, with its time |
//! | `notes.rs`, `message.rs` | beside the trace, for who reads it: the messages between nodes, leases, when a rule broke |

mod condition;
mod event;
mod history;
mod message;
mod mistake;
mod moment;
mod names;
mod notes;
mod recorder;

pub use conclave_checks::history::{
    Answer, Asked, Call, Flooded, Found, History, LargeEvent, Operation, Order, Page, Paged, Part,
    RevisionBounds, Shown,
};

pub use condition::{Astray, Condition, DiskErrors, Poor, Range, Rhythm};
pub use event::{Change, ClientEvent, Event, FaultEvent, MachineEvent, OperatorEvent, Phase};
pub(crate) use history::take;
pub use message::{MessageKind, Sent};
pub use mistake::Mistake;
pub use moment::Moment;
pub use names::{CLIENT_LIVES, MachineId};
pub use notes::{LeaseChange, Notes};
pub use recorder::Recorder;
