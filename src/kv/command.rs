//! What the log asks of the state machine.

use super::AlarmRequest;

/// Longest key, in bytes. Keys share the pages of a B-tree: longer ones would leave few to a page.
pub const KEY_BYTES_MAX: usize = 32 * 1024;

/// Longest value, in bytes: etcd's default limit of a request, 1.5 MiB, so that what fits there fits here. One entry
/// must also stay small enough to cross the network well within an election timeout.
pub const VALUE_BYTES_MAX: usize = 1536 * 1024;

/// One entry of the log, as the state machine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Wall clock of the leader that proposed it, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Present on every write of a session: what makes a retry apply once.
    pub stamp: Option<Stamp>,
    /// What to do.
    pub operation: Operation,
}

/// Names one write of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The session, as it was opened.
    pub session: u64,
    /// Counts the session's writes from 1.
    pub sequence: u64,
    /// Every sequence below this one has been answered: its cached reply may go.
    pub acknowledged_below: u64,
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes one pair.
    Put(Put),
    /// Deletes a key or a range of keys.
    DeleteRange(DeleteRange),
    /// Opens a session, unless it is open already.
    OpenSession {
        /// Drawn at random, for this session alone. Not 0.
        id: u64,
    },
    /// Gives up the past before a revision.
    Compact {
        /// The oldest revision that can be read from then on.
        revision: i64,
    },
    /// Asks about alarms, raises or clears one.
    Alarm(AlarmRequest),
}

/// Writes one pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// The key; not empty.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// Lease that keeps the key alive; 0 for none.
    pub lease: i64,
    /// Return the pair that was replaced.
    pub prev_kv: bool,
    /// Keep the present value (the key must exist, and no value be given).
    pub ignore_value: bool,
    /// Keep the present lease (the key must exist, and no lease be given).
    pub ignore_lease: bool,
}

/// Deletes a key or a range of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRange {
    /// First key of the range; not empty.
    pub key: Vec<u8>,
    /// End of the range, exclusive. Empty: the key alone. One zero byte: every key from `key` on.
    pub range_end: Vec<u8>,
    /// Return the pairs that were deleted.
    pub prev_kv: bool,
}

/// Checks what can be checked without the state: a proxy does so before it proposes, and the state machine again.
///
/// # Errors
/// What is wrong with the operation, in etcd's words where etcd has some.
pub fn validate(operation: &Operation) -> Result<(), String> {
    match operation {
        Operation::Put(Put { key, value, lease, prev_kv: _, ignore_value, ignore_lease }) => {
            validate_put(key, value, *lease, *ignore_value, *ignore_lease)
        }
        Operation::DeleteRange(DeleteRange { key, range_end, prev_kv: _ }) => validate_delete(key, range_end),
        Operation::OpenSession { id } => validate_session(*id),
        Operation::Compact { .. } | Operation::Alarm(_) => Ok(()),
    }
}

pub(crate) const KEY_NOT_PROVIDED: &str = "etcdserver: key is not provided";

/// [`validate`] for a put whose parts lie elsewhere.
pub(crate) fn validate_put(
    key: &[u8],
    value: &[u8],
    lease: i64,
    ignore_value: bool,
    ignore_lease: bool,
) -> Result<(), String> {
    require(!key.is_empty(), KEY_NOT_PROVIDED)?;
    require(!ignore_value || value.is_empty(), "etcdserver: value is provided")?;
    require(!ignore_lease || lease == 0, "etcdserver: lease is provided")?;
    // No operation grants leases, so none exists: to accept one would promise an expiry that never comes.
    require(lease == 0, "etcdserver: requested lease not found")?;
    limit("key", key.len(), KEY_BYTES_MAX)?;
    limit("value", value.len(), VALUE_BYTES_MAX)
}

/// [`validate`] for a delete whose parts lie elsewhere.
pub(crate) fn validate_delete(key: &[u8], range_end: &[u8]) -> Result<(), String> {
    // A bound may also be the successor of the longest key, which is one byte longer.
    const BOUND_BYTES_MAX: usize = KEY_BYTES_MAX + 1;
    require(!key.is_empty(), KEY_NOT_PROVIDED)?;
    limit("key", key.len(), BOUND_BYTES_MAX)?;
    limit("range end", range_end.len(), BOUND_BYTES_MAX)
}

/// [`validate`] for a session that is to be opened.
pub(crate) fn validate_session(id: u64) -> Result<(), String> {
    require(id != 0, "a session that is to be opened has no id")
}

fn require(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn limit(what: &str, bytes: usize, bytes_max: usize) -> Result<(), String> {
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(format!(
        "etcdserver: request is too large: the {what} has {bytes} bytes, at most {bytes_max} are allowed"
    ))
}
