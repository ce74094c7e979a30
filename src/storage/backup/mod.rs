//! The whole state in one file, which verifies itself: made from a view that stands still, and read again to found a new
//! cluster. Neither side ever holds more than a piece of it in memory.
//!
//! ```text
//!  magic │ header │ records │ records │ ... │ trailer │ zeros up to a multiple of 512 │ SHA-256 of everything before
//! ```
//!
//! Header, records and trailer are frames: kind, length and body, with a checksum that covers the number of the frame too. The
//! records are those of the state machine's tables in their order, its header with the content hash among them. The padding and
//! the hash are what etcd's clients expect at the end of a snapshot.
//!
//! | file | idea |
//! | --- | --- |
//! | `format.rs` | frames and what is in them |
//! | `writer.rs` | a view, as the bytes of a backup |
//! | `reader.rs` | the records of a backup, verified |
//! | `restore.rs` | a data directory of a new cluster |
//! | `error.rs` | what is wrong with a backup |

mod error;
mod format;
mod reader;
mod restore;
mod writer;

pub use error::BackupError;
pub use format::About;
pub use reader::{BackupReader, Summary};
pub use restore::{Restoration, restore};
pub use writer::BackupWriter;

#[cfg(all(test, not(madsim)))]
mod tests;
