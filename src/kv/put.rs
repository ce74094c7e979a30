//! A put: one key gets a new version, and the one before becomes history.

use super::{
    Error, Header, Put, Rejection, Reply, Table, Write,
    ledger::Ledger,
    record::{EventId, EventKind, Version},
};

pub(super) fn execute<W: Write>(
    header: &mut Header,
    ledger: &mut Ledger<'_, W>,
    put: &Put,
    scratch: &mut Vec<u8>,
) -> Result<Reply, Error<W::Error>> {
    if header.is_out_of_space {
        return Ok(Reply::Rejected(Rejection::NoSpace));
    }
    let stored = ledger.get(Table::Current, &put.key)?;
    let previous = stored.as_deref().map(Version::decode).transpose()?;
    if previous.is_none() && (put.ignore_value || put.ignore_lease) {
        return Ok(Reply::Rejected(Rejection::KeyNotFound));
    }
    let revision = header.revision + 1;
    scratch.clear();
    next_version(put, previous, revision).encode(scratch);
    ledger.insert(Table::Current, &put.key, scratch)?;
    let kind = if previous.is_some() { EventKind::Replaced } else { EventKind::Created };
    ledger.record_event(
        EventId::first_of(revision),
        kind,
        &put.key,
        stored.as_deref().unwrap_or_default(),
        scratch,
    )?;
    header.revision = revision;
    let prev_kv = previous.filter(|_| put.prev_kv).map(|version| version.to_key_value(&put.key));
    Ok(Reply::Put { revision, prev_kv })
}

/// The version that a put makes of the previous one.
fn next_version<'v>(put: &'v Put, previous: Option<Version<'v>>, revision: i64) -> Version<'v> {
    let fresh = Version {
        create_revision: revision,
        mod_revision: revision,
        version: 1,
        lease: put.lease,
        value: &put.value,
    };
    let Some(previous) = previous else { return fresh };
    Version {
        create_revision: previous.create_revision,
        version: previous.version + 1,
        lease: if put.ignore_lease { previous.lease } else { put.lease },
        value: if put.ignore_value { previous.value } else { &put.value },
        ..fresh
    }
}
