//! Bytes from outside, given to what reads them. Each target is a function of any bytes that must not panic: what is wrong is
//! refused, and what is refused changes nothing that others rely on.
//!
//! `cargo test` gives each target a few seconds' worth of damaged samples, the same ones every time. The feature `fuzzing` is for a
//! fuzzer outside of this package. Not part of the product: only tests and the feature `fuzzing` have it.
//!
//! | target | bytes | given to |
//! | --- | --- | --- |
//! | `peer` | an envelope of node messages | the wire's conversions, and a core as follower, candidate and leader |
//! | `commands` | commands, one after another | the checks at a proxy and at a node, the log, the state machine |
//! | `reads` | a request to read | the checks, and the scan over a state with a past |
//! | `pieces` | pieces of a snapshot | the conversions, the staging and the state that comes of it |
//! | `files` | damage to the files of a node | opening, reading and scrubbing them |
//! | `replies` | batches of answers from a hostile node | the proxy's core |
//! | `lines` | a line of text | the shell, addresses, peers, spans |

mod client;
mod files;
mod peer;
mod pieces;
#[cfg(test)]
mod tests;

pub use client::{commands, reads};
pub use files::files;
pub use peer::peer;
pub use pieces::pieces;

pub use crate::cli::fuzz_lines as lines;

use bytes::Buf;
use prost::Message;

use crate::{proxy::fuzz_replies, wire::pb::v1};

/// Batches of answers, each behind its length, to a proxy's core.
///
/// # Panics
/// A call has no answer, or two.
pub fn replies(bytes: &[u8]) {
    fuzz_replies(messages::<v1::ReplyBatch>(bytes, 64));
}

/// Messages, each behind its length, up to the first that is none.
fn messages<M: Message + Default>(mut bytes: &[u8], most: usize) -> Vec<M> {
    let mut found = Vec::new();
    while bytes.has_remaining() && found.len() < most {
        let Ok(message) = M::decode_length_delimited(&mut bytes) else { break };
        found.push(message);
    }
    found
}
