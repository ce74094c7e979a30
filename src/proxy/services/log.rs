//! Calls that go through the log, whatever they write.

use prost::Message;
use tonic::{Request, Status};

use crate::{
    proxy::{
        call_queue::CallSender,
        core::{Answered, Operation},
        watched::Watched,
    },
    wire::{
        kv as wire,
        pb::v1::{command, reply::Outcome},
    },
};

/// Asks the cluster for what goes through its log. What cannot be served is refused here.
pub(super) async fn write<T: Message>(
    calls: &CallSender,
    request: Request<T>,
    operation: impl FnOnce(T) -> command::Operation,
    watched: &mut Watched<'_>,
) -> Result<Answered, Status> {
    let time = calls.time_for(&request);
    let request = request.into_inner();
    let bytes = request.encoded_len();
    let operation = operation(request);
    wire::check_write(&operation)?;
    Ok(calls.call(Operation::Write(operation), bytes, time, watched).await?)
}

/// An answer of another kind than the question would be a crossed wire: never passed on as if it fitted.
pub(super) fn crossed(outcome: &Outcome) -> Status {
    tracing::error!(?outcome, "an answer does not fit its question");
    Status::internal("the answer does not fit the question: this is a bug, please report it")
}
