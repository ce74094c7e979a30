//! Alarms: what an operator has to know and to end. There is one kind, and what it means is part of the state.

use std::ops::{Bound::Unbounded, ControlFlow::Continue};

use super::{
    Error, Header, Reply, Table, Write,
    codec::Decoder,
    error::{Corrupt, Direction, scan},
    ledger::Ledger,
};

/// What is asked about the alarm of the kind NOSPACE: the state has outgrown a member's quota. While it is raised by
/// anyone, nothing is put; reads, deletions and compactions go on, for they are the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmRequest {
    /// Who has raised it?
    List,
    /// A member raises it.
    Raise(u64),
    /// What a member raised is over.
    Clear(u64),
}

/// The record of an alarm that is raised. It says of which kind, should there be others one day.
const NO_SPACE: &[u8] = &[1];

pub(crate) fn execute<W: Write>(
    header: &mut Header,
    ledger: &mut Ledger<'_, W>,
    request: AlarmRequest,
) -> Result<Reply, Error<W::Error>> {
    let raised = match request {
        AlarmRequest::List => raised_by(ledger)?,
        AlarmRequest::Raise(member) => {
            ledger.insert(Table::Alarms, &member.to_be_bytes(), NO_SPACE)?;
            vec![member]
        }
        AlarmRequest::Clear(member) => {
            let was_raised = raised_by(ledger)?.contains(&member);
            ledger.remove(Table::Alarms, &member.to_be_bytes())?;
            if was_raised { vec![member] } else { vec![] }
        }
    };
    header.is_out_of_space = !raised_by(ledger)?.is_empty();
    Ok(Reply::Alarms { revision: header.revision, raised })
}

fn raised_by<W: Write>(ledger: &Ledger<'_, W>) -> Result<Vec<u64>, Error<W::Error>> {
    let mut raised = Vec::new();
    scan(ledger.store, Table::Alarms, (Unbounded, Unbounded), Direction::Ascending, |key, record| {
        let mut decoder = Decoder::new(Table::Alarms, key);
        raised.push(decoder.u64()?);
        decoder.end()?;
        let unknown = Corrupt { table: Table::Alarms, what: "it is no kind of alarm" };
        if record == NO_SPACE { Ok(Continue(())) } else { Err(unknown) }
    })?;
    Ok(raised)
}
