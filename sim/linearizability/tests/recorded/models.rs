//! What the recorded systems are: a register, and a map of strings.

use linearizability::{Model, Operation, partition_by_key};

/// One register with read, write and compare-and-set, as in Jepsen's tests of etcd. Absent at first.
pub(crate) struct Register;

#[derive(Debug, PartialEq)]
pub(crate) enum RegisterCall {
    Read,
    Write(i64),
    /// Sets it to the second if it holds the first.
    CompareAndSet(i64, i64),
}

#[derive(Debug, PartialEq)]
pub(crate) enum RegisterReturn {
    Value(Option<i64>),
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
}

/// A map of strings with put, append and get; an absent key reads as the empty string. The state is that of one key.
pub(crate) struct AppendMap;

#[derive(Debug, PartialEq)]
pub(crate) struct AppendCall {
    pub(crate) key: String,
    pub(crate) change: Change,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Change {
    Get,
    Put(String),
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

    fn partition(operations: &[Operation<AppendCall, Option<String>>]) -> Vec<Vec<usize>> {
        partition_by_key(operations, |call| call.key.clone())
    }
}
