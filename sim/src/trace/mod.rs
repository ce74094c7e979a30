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
//! | `large.rs` | what clients of large values ask, and what they are told |
//! | `history.rs` | the operations of all clients, which are those of `conclave_checks::history` |
//! | `recorder.rs` | takes every event, with its time |
//! | `notes.rs`, `message.rs` | beside the trace, for who reads it: the messages between nodes, leases, when a rule broke |

mod condition;
mod event;
mod history;
mod large;
mod message;
mod mistake;
mod moment;
mod names;
mod notes;
mod recorder;

pub use conclave_checks::history::{
    Answer, Call, Found, Operation, Order, Page, Paged, RevisionBounds, Shown,
};

pub use condition::{Astray, Condition, DiskErrors, Poor, Range, Rhythm};
pub use event::{Change, ClientEvent, Event, FaultEvent, MachineEvent, OperatorEvent, Phase};
pub use history::History;
pub use large::{Asked, Flooded, LargeEvent, Part};
pub use message::{MessageKind, Sent};
pub use mistake::Mistake;
pub use moment::Moment;
pub use names::{CLIENT_LIVES, MachineId};
pub use notes::{LeaseChange, Notes};
pub use recorder::Recorder;
