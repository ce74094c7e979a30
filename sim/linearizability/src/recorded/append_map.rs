//! A map of strings with put, append and get; an absent key reads as the empty string.
//!
//! A line of the format: `{:process P, :type :invoke|:ok|:fail|:info, :f :get|:put|:append, :key "K", :value V}`. What fails did not
//! happen, and of what ends with `:info` nobody knows.

use std::fmt;

use super::{Malformed, open::Open};
use crate::{Model, Operation, partition_by_key};

/// The map. Its state is that of one key: keys do not concern each other.
pub struct AppendMap;

/// What is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AppendCall {
    /// Which key.
    pub key: String,
    /// What is to become of it.
    pub change: Change,
}

/// What is to become of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Nothing: it is read.
    Get,
    /// It holds this.
    Put(String),
    /// This is added to what it holds.
    Append(String),
}

impl Model for AppendMap {
    type State = String;
    type Call = AppendCall;
    /// What a get saw; nothing for the others.
    type Return = Option<String>;

    fn initial() -> String {
        String::new()
    }

    fn step(state: &String, call: &AppendCall, returned: Option<&Option<String>>) -> Option<String> {
        match &call.change {
            Change::Get => {
                let seen = returned.and_then(Option::as_ref);
                seen.is_none_or(|seen| seen == state).then(|| state.clone())
            }
            Change::Put(value) => Some(value.clone()),
            Change::Append(value) => Some(format!("{state}{value}")),
        }
    }

    fn is_read(call: &AppendCall, _: &Option<String>) -> bool {
        call.change == Change::Get
    }

    /// What a get saw begins with the value of the last put before it, and if there was none, with what is held.
    fn can_answer(
        state: &String,
        call: &AppendCall,
        returned: &Option<String>,
        mut between: &mut dyn Iterator<Item = &AppendCall>,
    ) -> bool {
        let (Change::Get, Some(seen)) = (&call.change, returned) else { return true };
        let explains = |other: &AppendCall| match &other.change {
            Change::Put(value) => other.key == call.key && seen.starts_with(value.as_str()),
            Change::Get | Change::Append(_) => false,
        };
        seen.starts_with(state.as_str()) || Iterator::any(&mut between, explains)
    }

    fn partition(operations: &[Operation<AppendCall, Option<String>>]) -> Vec<Vec<usize>> {
        partition_by_key(operations, |call| call.key.clone())
    }
}

impl fmt::Display for AppendCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.change {
            Change::Get => write!(f, "get {key:?}"),
            Change::Put(value) => write!(f, "put {key:?} {value:?}"),
            Change::Append(value) => write!(f, "append {value:?} to {key:?}"),
        }
    }
}

type AppendOperation = Operation<AppendCall, Option<String>>;

/// Reads a history. The time of an event is the number of its line.
///
/// # Errors
/// The first line that the format does not allow.
pub fn read_append_map(text: &str) -> Result<Vec<AppendOperation>, Malformed> {
    let mut operations = Vec::new();
    let mut open: Open<'_, AppendCall, Option<String>> = Open::new();
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let malformed = |what: String| Malformed { line: place + 1, what };
        let field = |name: &str| field(line, name).ok_or_else(|| malformed(format!("there is no {name}")));
        let (process, time) = (field(":process")?, place as u64 + 1);
        match field(":type")? {
            ":invoke" => {
                let change = match field(":f")? {
                    ":get" => Change::Get,
                    ":put" => Change::Put(field(":value")?.to_owned()),
                    ":append" => Change::Append(field(":value")?.to_owned()),
                    other => return Err(malformed(format!("{other} is none of :get, :put and :append"))),
                };
                let call = AppendCall { key: field(":key")?.to_owned(), change };
                open.call(process, time, call).map_err(malformed)?;
            }
            ":ok" => {
                let mut operation = open.answer(process).map_err(malformed)?;
                let seen = match operation.call.change {
                    Change::Get => Some(field(":value")?.to_owned()),
                    Change::Put(_) | Change::Append(_) => None,
                };
                operation.returned = Some((time, seen));
                operations.push(operation);
            }
            ":fail" => drop(open.answer(process).map_err(malformed)?),
            ":info" => operations.push(open.answer(process).map_err(malformed)?),
            other => return Err(malformed(format!("{other} is none of :invoke, :ok, :fail and :info"))),
        }
    }
    operations.extend(open.rest());
    Ok(operations)
}

/// What follows a name: what is in quotes, or a word.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("{name} "))?;
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split([',', '}']).next(),
    }
}
