//! Large answers of a unary call: fields that are encoded already are put into the message, for no bytes cross here.

use std::any::Any;

use bytes::Bytes;
use prost::Message;
use tonic::{Response, Status};

use crate::env::Clock;

/// A response to a unary call with `message`, and these fields of it. What is `held` is dropped when the response has left.
///
/// # Errors
/// The fields are malformed.
pub fn respond_with<M: Message>(
    mut message: M,
    fields: Vec<Bytes>,
    held: impl Any + Send + Sync,
    _: &Clock,
) -> Result<Response<M>, Status> {
    for field in fields {
        let malformed = |error| Status::internal(format!("a part of the answer is malformed: {error}"));
        message.merge(field).map_err(malformed)?;
    }
    drop(held);
    Ok(Response::new(message))
}
