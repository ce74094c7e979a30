//! One register with read, write and compare-and-set, absent at first.
//!
//! A line of the format: `INFO  jepsen.util - PROCESS :invoke|:ok|:fail|:info :read|:write|:cas ARGUMENT`. A compare-and-set that fails has
//! seen another value, a write that fails did not happen, and of what ends with `:info` nobody knows.

use std::fmt;

use super::{Malformed, open::Open};
use crate::{Model, Operation};

/// The register.
pub struct Register;

/// What is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub enum RegisterCall {
    /// Its value.
    Read,
    /// To hold this value.
    Write(i64),
    /// To hold the second if it holds the first.
    CompareAndSet(i64, i64),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq)]
pub enum RegisterReturn {
    /// What it holds; `None`: nothing yet.
    Value(Option<i64>),
    /// It was done.
    Done,
    /// The comparison failed.
    Failed,
}

impl Model for Register {
    type State = Option<i64>;
    type Call = RegisterCall;
    type Return = RegisterReturn;

    fn initial() -> Self::State {
        None
    }

    fn step(
        state: &Self::State,
        call: &RegisterCall,
        returned: Option<&RegisterReturn>,
    ) -> Option<Self::State> {
        let (after, would_return) = match call {
            RegisterCall::Read => (*state, RegisterReturn::Value(*state)),
            RegisterCall::Write(value) => (Some(*value), RegisterReturn::Done),
            RegisterCall::CompareAndSet(old, new) if *state == Some(*old) => {
                (Some(*new), RegisterReturn::Done)
            }
            RegisterCall::CompareAndSet(..) => (*state, RegisterReturn::Failed),
        };
        returned.is_none_or(|returned| *returned == would_return).then_some(after)
    }
    fn is_read(call: &RegisterCall, returned: &RegisterReturn) -> bool {
        matches!((call, returned), (RegisterCall::Read, _) | (_, RegisterReturn::Failed))
    }

    /// A value that is read was held or is written, and so was one that is replaced.
    fn can_answer(
        state: &Self::State,
        call: &RegisterCall,
        returned: &RegisterReturn,
        mut between: &mut dyn Iterator<Item = &RegisterCall>,
    ) -> bool {
        let wanted = match (call, returned) {
            (RegisterCall::Read, RegisterReturn::Value(value)) => *value,
            (RegisterCall::CompareAndSet(old, _), RegisterReturn::Done) => Some(*old),
            _ => return true,
        };
        let writes = |other: &RegisterCall| match other {
            RegisterCall::Write(value) | RegisterCall::CompareAndSet(_, value) => Some(*value) == wanted,
            RegisterCall::Read => false,
        };
        *state == wanted || Iterator::any(&mut between, writes)
    }
}

impl fmt::Display for RegisterCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("read"),
            Self::Write(value) => write!(f, "write {value}"),
            Self::CompareAndSet(old, new) => write!(f, "compare-and-set {old} to {new}"),
        }
    }
}

impl fmt::Display for RegisterReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(Some(value)) => write!(f, "{value}"),
            Self::Value(None) => f.write_str("nothing"),
            Self::Done => f.write_str("done"),
            Self::Failed => f.write_str("it holds another value"),
        }
    }
}

type RegisterOperation = Operation<RegisterCall, RegisterReturn>;

/// Reads a history. The time of an event is the number of its line. Reads that timed out are left out.
///
/// # Errors
/// The first line that the format does not allow. Lines of other programs in the same log are passed over.
pub fn read_register(text: &str) -> Result<Vec<RegisterOperation>, Malformed> {
    let mut operations = Vec::new();
    let mut open: Open<'_, RegisterCall, RegisterReturn> = Open::new();
    for (place, line) in text.lines().enumerate() {
        let malformed = |what: String| Malformed { line: place + 1, what };
        let Some((_, rest)) = line.split_once(" - ") else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let [process, kind, function, ..] = fields[..] else { continue };
        let (time, argument) = (place as u64 + 1, fields[3..].join(" "));
        match kind {
            ":invoke" => {
                let call = call(function, &argument)
                    .ok_or_else(|| malformed(format!("{function} {argument} is no call of a register")))?;
                open.call(process, time, call).map_err(malformed)?;
            }
            ":info" => operations.push(open.answer(process).map_err(malformed)?),
            ":ok" | ":fail" => {
                let mut operation = open.answer(process).map_err(malformed)?;
                let answer = match (kind, function) {
                    (":fail", ":cas") => RegisterReturn::Failed,
                    (":fail", _) => continue,
                    (_, ":read") => RegisterReturn::Value(value(&argument).map_err(malformed)?),
                    _ => RegisterReturn::Done,
                };
                operation.returned = Some((time, answer));
                operations.push(operation);
            }
            _ => return Err(malformed(format!("{kind} is none of :invoke, :ok, :fail and :info"))),
        }
    }
    operations.extend(open.rest());
    Ok(operations)
}

/// What a read saw.
fn value(argument: &str) -> Result<Option<i64>, String> {
    let is_no_value = |_| format!("a read saw {argument}: a number, or nil, is what it can see");
    if argument == "nil" { Ok(None) } else { argument.parse().map(Some).map_err(is_no_value) }
}

fn call(function: &str, argument: &str) -> Option<RegisterCall> {
    let numbers: Vec<i64> = argument
        .split(|c: char| !c.is_ascii_digit() && c != '-')
        .filter_map(|digits| digits.parse().ok())
        .collect();
    match (function, &numbers[..]) {
        (":read", _) => Some(RegisterCall::Read),
        (":write", [value]) => Some(RegisterCall::Write(*value)),
        (":cas", [old, new]) => Some(RegisterCall::CompareAndSet(*old, *new)),
        _ => None,
    }
}
