//! Large answers of a unary call: fields that are encoded already follow those of the message as they are. To encode
//! hundreds of megabytes at once would hold up a thread, and need as much room again.

use std::{
    any::Any,
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use http_body::Frame;
use tokio::sync::oneshot;
use tonic::{Response, Status, body::Body, codegen::http};

use crate::env::{Clock, Moment};

/// gRPC's frame around a message: a flag and the length.
const HEAD_BYTES: usize = 5;

/// An answer of which its caller takes nothing for so long is given up: it would hold its place for ever.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(20);

/// A field is taken in parts of so many bytes: a line on which one of them takes longer than [`IDLE_MAX`] is as good as none.
const PART_BYTES: usize = 32 << 10;

/// What follows the fields of a response's message. `None`: it was given up.
type Fields = Arc<Mutex<Option<Waiting>>>;

struct Waiting {
    fields: VecDeque<Bytes>,
    clock: Clock,
    /// When something of it was taken the last time, or else when it began to wait.
    taken: Moment,
    /// Dropped when all is sent, or nobody wants it any more.
    held: Box<dyn Any + Send + Sync>,
}

impl Waiting {
    fn new(fields: VecDeque<Bytes>, held: Box<dyn Any + Send + Sync>, clock: &Clock) -> Self {
        Self { fields, held, taken: clock.now(), clock: clock.clone() }
    }

    fn take(&mut self) -> Option<Bytes> {
        self.taken = self.clock.now();
        let mut field = self.fields.pop_front()?;
        if field.len() > PART_BYTES {
            let part = field.split_to(PART_BYTES);
            self.fields.push_front(field);
            return Some(part);
        }
        Some(field)
    }

    fn bytes(&self) -> usize {
        self.fields.iter().map(Bytes::len).sum()
    }
}

/// On its way to the body.
#[derive(Clone)]
struct Following {
    fields: Fields,
    /// Closed when the response has left.
    _lives: Arc<oneshot::Sender<()>>,
}

/// A response to a unary call whose message is encoded as `message` and then these fields. What is `held` is dropped when
/// the response has left, or its caller has not taken any of it for long.
///
/// # Errors
/// None here; in the other world the fields may be malformed.
pub fn respond_with<M>(
    message: M,
    fields: Vec<Bytes>,
    held: impl Any + Send + Sync,
    clock: &Clock,
) -> Result<Response<M>, Status> {
    let waiting = Waiting::new(fields.into(), Box::new(held), clock);
    let fields = Arc::new(Mutex::new(Some(waiting)));
    let (lives, left) = oneshot::channel();
    tokio::spawn(give_up_when_idle(fields.clone(), left, clock.clone(), IDLE_MAX));
    let mut response = Response::new(message);
    response.extensions_mut().insert(Following { fields, _lives: Arc::new(lives) });
    Ok(response)
}

async fn give_up_when_idle(
    fields: Fields,
    mut left: oneshot::Receiver<()>,
    clock: Clock,
    idle_max: Duration,
) {
    let mut patience = idle_max;
    while clock.timeout(patience, &mut left).await.is_err() {
        let mut fields = locked(&fields);
        let Some(waiting) = fields.as_mut() else { return };
        let idle = clock.now().since(waiting.taken);
        match idle_max.checked_sub(idle) {
            // The answer is whole: what was taken last may be on its way for long.
            _ if waiting.bytes() == 0 => {
                waiting.held = Box::new(());
                return;
            }
            None | Some(Duration::ZERO) => {
                *fields = None;
                return;
            }
            Some(rest) => patience = rest,
        }
    }
}

fn locked(fields: &Fields) -> MutexGuard<'_, Option<Waiting>> {
    fields.lock().expect("nobody panics with it")
}

/// Lets the fields that a service added follow its message.
pub(super) fn add_fields(mut response: http::Response<Body>) -> http::Response<Body> {
    match response.extensions_mut().remove::<Following>() {
        Some(following) => response.map(|body| Body::new(WithFields::new(body, following))),
        None => response,
    }
}

/// The body: head, message, fields, trailers.
struct WithFields {
    message: Body,
    following: Following,
    fields_bytes: usize,
    is_head_sent: bool,
}

impl WithFields {
    fn new(message: Body, following: Following) -> Self {
        let fields_bytes = locked(&following.fields).as_ref().map_or(0, Waiting::bytes);
        Self { message, following, fields_bytes, is_head_sent: false }
    }

    /// The next field, if there is one.
    fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let given_up = || Status::aborted(format!("nothing of the answer was taken for {IDLE_MAX:?}"));
        locked(&self.following.fields).as_mut().map(Waiting::take).ok_or_else(given_up)
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
            && let Some(field) = self.next().transpose()
        {
            return Poll::Ready(Some(field.map(Frame::data)));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(count: usize) -> (Fields, Arc<()>, Clock) {
        let (held, clock) = (Arc::new(()), Clock::new(Duration::ZERO));
        let fields = vec![Bytes::from_static(b"field"); count].into();
        let waiting = Waiting::new(fields, Box::new(held.clone()), &clock);
        (Arc::new(Mutex::new(Some(waiting))), held, clock)
    }

    #[tokio::test]
    async fn an_answer_of_which_nothing_is_taken_is_given_up_and_holds_nothing() {
        let (fields, held, clock) = waiting(2);
        let (_lives, left) = oneshot::channel();
        give_up_when_idle(fields.clone(), left, clock, Duration::from_millis(5)).await;
        assert!(locked(&fields).is_none());
        assert_eq!(Arc::strong_count(&held), 1);
    }

    /// What the windows of HTTP/2 have room for is taken at once, of an answer that its caller does not read, too.
    #[tokio::test]
    async fn it_is_held_no_longer_than_that_after_something_was_taken() {
        let idle_max = Duration::from_millis(500);
        for taken in [0, 1] {
            let (fields, _held, clock) = waiting(2);
            let (_lives, left) = oneshot::channel();
            for _ in 0..taken {
                locked(&fields).as_mut().expect("it is there").take();
            }
            give_up_when_idle(fields.clone(), left, clock.clone(), idle_max).await;
            assert!(locked(&fields).is_none());
            let lasted = clock.now().since(Moment::default());
            assert!((idle_max..2 * idle_max).contains(&lasted), "{taken} taken, held for {lasted:?}");
        }
    }

    #[tokio::test]
    async fn one_that_is_taken_slowly_is_not() {
        let (fields, held, clock) = waiting(20);
        let (lives, left) = oneshot::channel();
        let watching =
            tokio::spawn(give_up_when_idle(fields.clone(), left, clock.clone(), Duration::from_millis(200)));
        for _ in 0..10 {
            clock.sleep(Duration::from_millis(50)).await;
            locked(&fields).as_mut().expect("it is not given up").take();
        }
        drop(lives);
        watching.await.expect("it ends with the answer");
        assert_eq!(Arc::strong_count(&held), 2);
    }

    #[tokio::test]
    async fn one_that_was_taken_as_a_whole_holds_nothing_and_ends_well() {
        let (fields, held, clock) = waiting(1);
        let (_lives, left) = oneshot::channel();
        locked(&fields).as_mut().expect("it is there").take();
        give_up_when_idle(fields.clone(), left, clock, Duration::from_millis(5)).await;
        assert_eq!(locked(&fields).as_mut().expect("it is not given up").take(), None);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_large_field_is_taken_in_parts() {
        let large = Bytes::from(vec![7; 2 * PART_BYTES + 1]);
        let clock = Clock::new(Duration::ZERO);
        let mut waiting = Waiting::new(VecDeque::from([large]), Box::new(()), &clock);
        let parts: Vec<usize> = std::iter::from_fn(|| waiting.take()).map(|part| part.len()).collect();
        assert_eq!(parts, [PART_BYTES, PART_BYTES, 1]);
    }
}
