//! Large answers of a unary call: fields that are encoded already follow those of the message as they are. To encode
//! hundreds of megabytes at once would hold up a thread, and need as much room again.

use std::{
    any::Any,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    vec,
};

use bytes::{BufMut, Bytes, BytesMut};
use http_body::Frame;
use tonic::{Response, Status, body::Body, codegen::http};

/// gRPC's frame around a message: a flag and the length.
const HEAD_BYTES: usize = 5;

/// What follows the fields of a response's message.
struct Fields {
    fields: Vec<Bytes>,
    /// Dropped when all is sent, or nobody wants it any more.
    held: Box<dyn Any + Send + Sync>,
}

/// A response to a unary call whose message is encoded as `message` and then these fields. What is `held` is dropped when
/// the response has left.
///
/// # Errors
/// None here; in the other world the fields may be malformed.
pub fn respond_with<M>(
    message: M,
    fields: Vec<Bytes>,
    held: impl Any + Send + Sync,
) -> Result<Response<M>, Status> {
    let mut response = Response::new(message);
    response.extensions_mut().insert(Arc::new(Fields { fields, held: Box::new(held) }));
    Ok(response)
}

/// Lets the fields that a service added follow its message.
pub(super) fn add_fields(mut response: http::Response<Body>) -> http::Response<Body> {
    match response.extensions_mut().remove::<Arc<Fields>>().and_then(Arc::into_inner) {
        Some(fields) => response.map(|body| Body::new(WithFields::new(body, fields))),
        None => response,
    }
}

/// The body: head, message, fields, trailers.
struct WithFields {
    message: Body,
    fields: vec::IntoIter<Bytes>,
    fields_bytes: usize,
    is_head_sent: bool,
    _held: Box<dyn Any + Send + Sync>,
}

impl WithFields {
    fn new(message: Body, Fields { fields, held }: Fields) -> Self {
        let fields_bytes = fields.iter().map(Bytes::len).sum();
        Self { message, fields: fields.into_iter(), fields_bytes, is_head_sent: false, _held: held }
    }

    /// The first frame: the length of the message counts the fields.
    fn with_length(&self, first: &Bytes) -> Result<Bytes, Status> {
        let malformed = || Status::internal("the answer is not encoded as expected: this is a bug");
        let (head, message) = first.split_at_checked(HEAD_BYTES).ok_or_else(malformed)?;
        let [0, length @ ..] = head else { return Err(malformed()) };
        let length = <[u8; 4]>::try_from(length).map(u32::from_be_bytes).map_err(|_| malformed())?;
        if length as usize != message.len() {
            return Err(malformed());
        }
        let too_large =
            |_| Status::resource_exhausted("the answer has more bytes than gRPC can carry: ask with a limit");
        let length = u32::try_from(message.len() + self.fields_bytes).map_err(too_large)?;
        let mut whole = BytesMut::with_capacity(first.len());
        whole.put_u8(0);
        whole.put_u32(length);
        whole.put_slice(message);
        Ok(whole.freeze())
    }
}

impl http_body::Body for WithFields {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_head_sent
            && let Some(field) = self.fields.next()
        {
            return Poll::Ready(Some(Ok(Frame::data(field))));
        }
        let frame = ready!(Pin::new(&mut self.message).poll_frame(context));
        let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
        let frame = match frame.into_data() {
            Ok(first) => {
                self.is_head_sent = true;
                self.with_length(&first).map(Frame::data)
            }
            // Trailers.
            Err(frame) => Ok(frame),
        };
        Poll::Ready(Some(frame))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fields", self.fields.len())
    }
}
