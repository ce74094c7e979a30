//! Large answers of a unary call: fields that are encoded already are put into the message, for messages cross as objects.

use std::{any::Any, sync::Arc};

use bytes::Bytes;
use prost::Message;
use tonic::{Extensions, Response, Status};

use crate::env::Clock;

/// What is held until a response has left.
#[derive(Clone)]
struct Held {
    _held: Arc<dyn Any + Send + Sync>,
}

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
    let mut response = Response::new(message);
    response.extensions_mut().insert(Held { _held: Arc::new(held) });
    Ok(response)
}

/// A response with these extensions has left: what it holds is dropped.
pub(super) fn let_go(extensions: &mut Extensions) {
    extensions.remove::<Held>();
}
