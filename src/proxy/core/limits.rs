//! Every limit of the core, with its reason.

/// Calls that may wait for an answer. More would only wait longer; their callers hear so at once.
pub(super) const CALLS_MAX: usize = 16_384;

/// A call of up to so many bytes is small. Small calls are bounded by their count alone: all of them take 64 MiB.
pub(in crate::proxy) const SMALL_CALL_BYTES_MAX: usize = 4 << 10;

/// Bytes of large calls that may wait: a hundred and sixty of the largest writes, as much as a leader admits.
pub(super) const LARGE_CALLS_BYTES_MAX: usize = 256 << 20;

/// Bytes under way to one link in each lane: what a leader has to take in, and to put into its log, before those that wait. A sign
/// of life and a small call wait for one message of it on the line; but in the log a small write stands behind all of it. One of
/// the largest writes (1.5 MiB) is under way at a time, and many that are smaller. With twice as much the small puts of
/// docs/limits.md waited 1.4 times as long, and no more large ones were done.
pub(super) const IN_FLIGHT_BYTES_MAX: usize = 2 << 20;

/// Writes that were sent, whose callers left, and which are only waited for so that their place in the session is known.
/// Each takes no more than its number; beyond this the oldest are forgotten, which the cluster bears (their late
/// attempts are refused as stale).
pub(super) const ABANDONED_MAX: usize = 16_384;

/// Attempts of one call of which an answer is still taken. Every change of leader adds one; the oldest are forgotten.
pub(super) const OPEN_ATTEMPTS_MAX: usize = 8;

/// First pause after a refusal. Most refusals come from a leader that has just lost leadership, and a new leader ends
/// the pause; without one there is no hurry.
pub(super) const RETRY_PAUSE_MIN_US: u64 = 10_000;

/// The pause doubles with every refusal up to this: a fraction of an election timeout.
pub(super) const RETRY_PAUSE_MAX_US: u64 = 320_000;

/// The pairs that an answer to a write brings are small up to so many bytes together: those of all calls take no more than 256 MiB. (A
/// node sends larger answers to reads in pieces.)
pub(super) const SMALL_ANSWER_BYTES_MAX: usize = 16 << 10;

/// Bytes that large answers may hold, all together, from their first piece until they are sent: a few of the largest
/// that anybody asks for. A caller of etcd's API gets its answer whole, and so the proxy has to hold it.
pub(in crate::proxy) const ANSWERS_BYTES_MAX: usize = 512 << 20;
