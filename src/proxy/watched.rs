//! What is noted of each call: how long it took, how it ended and, if it was slow or failed, a line in the log.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rand::Rng as _;
use tonic::{Code, Request, Response, Status};
use tracing::{
    Span,
    field::{debug, display},
};

use super::{
    core::Waits,
    metrics::{CallMetrics, Method},
    request_id::RequestId,
};
use crate::env::{Clock, Environment, Moment};

/// A call that takes longer is worth a line: many times what the loss of a leader costs.
const SLOW: Duration = Duration::from_secs(1);
/// When nothing works every call fails: a second has no more lines than these. How many were left out the next one says.
const LINES_PER_SECOND_MAX: u64 = 20;
/// Of a key the log has so many bytes: enough to know it again.
const KEY_BYTES_MAX: usize = 32;

/// Watches calls. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Watcher(Arc<Shared>);

struct Shared {
    clock: Clock,
    /// What the ids of this proxy begin with.
    proxy: u64,
    count: AtomicU64,
    metrics: CallMetrics,
    lines: Mutex<Lines>,
}

/// How many lines there were in the present second.
#[derive(Default)]
struct Lines {
    since: Moment,
    count: u64,
    left_out: u64,
}

impl Watcher {
    pub(super) fn new(environment: &Environment) -> Self {
        Self(Arc::new(Shared {
            clock: environment.clock.clone(),
            proxy: environment.random("request ids").random(),
            count: AtomicU64::new(0),
            metrics: CallMetrics::new(),
            lines: Mutex::default(),
        }))
    }

    /// A call begins. `key` is what it is about; empty if it is about no key.
    pub(super) fn begin<Q>(&self, method: Method, request: &Request<Q>, key: &Bytes) -> Watched<'_> {
        let Shared { clock, proxy, count, .. } = &*self.0;
        let made = || RequestId::Made { proxy: *proxy, count: count.fetch_add(1, Ordering::Relaxed) };
        Watched {
            watcher: self,
            method,
            id: RequestId::given(request.metadata()).unwrap_or_else(made),
            key: key.clone(),
            began: clock.now(),
            waits: None,
            has_ended: false,
        }
    }

    /// Whether there may be another line now; if so, how many were left out before it.
    fn line(&self) -> Option<u64> {
        let now = self.0.clock.now();
        let mut lines = self.0.lines.lock().expect("nobody panics with it");
        if now.since(lines.since) >= Duration::from_secs(1) {
            (lines.since, lines.count) = (now, 0);
        }
        lines.count += 1;
        if lines.count > LINES_PER_SECOND_MAX {
            lines.left_out += 1;
            return None;
        }
        Some(std::mem::take(&mut lines.left_out))
    }
}

/// A call under way.
pub(super) struct Watched<'a> {
    watcher: &'a Watcher,
    method: Method,
    id: RequestId,
    key: Bytes,
    began: Moment,
    waits: Option<Waits>,
    has_ended: bool,
}

impl Watched<'_> {
    /// What it waited for, if that was long.
    pub(super) fn waited(&mut self, waits: Option<Waits>) {
        self.waits = waits;
    }

    /// It ended so. The answer bears the id, if the client gave one, or needs one because it failed.
    pub(super) fn end<A>(mut self, mut answer: Result<Response<A>, Status>) -> Result<Response<A>, Status> {
        let (code, error) = match &answer {
            Ok(_) => (Code::Ok, ""),
            Err(status) => (status.code(), status.message()),
        };
        self.note(code, error);
        match &mut answer {
            Ok(response) if matches!(self.id, RequestId::Given(_)) => self.id.answer(response.metadata_mut()),
            Ok(_) => {}
            Err(status) => self.id.answer(status.metadata_mut()),
        }
        answer
    }

    fn note(&mut self, code: Code, error: &str) {
        self.has_ended = true;
        let Shared { clock, metrics, .. } = &*self.watcher.0;
        let took = clock.now().since(self.began);
        metrics.ended(self.method, code, took);
        self.record(code);
        if took >= SLOW || is_fault(code) {
            self.log(code, error, took);
        }
    }

    /// In the span of the call, if there is one.
    fn record(&self, code: Code) {
        let span = Span::current();
        if span.is_disabled() {
            return;
        }
        span.record("request_id", display(&self.id)).record("outcome", debug(code));
        if let Some(waits) = &self.waits {
            span.record("waits", display(waits));
        }
    }

    fn log(&self, code: Code, error: &str, took: Duration) {
        let Some(left_out) = self.watcher.line() else { return };
        let (method, key) = (format!("{:?}", self.method), shown(&self.key));
        let (code, took_ms) = (format!("{code:?}"), took.as_millis() as u64);
        let waits = self.waits.map(|waits| waits.to_string()).unwrap_or_default();
        let what = if took >= SLOW { "a call was slow" } else { "a call failed" };
        let request_id = self.id.to_string();
        tracing::warn!(request_id, method, key, code, error, took_ms, waits, left_out, "{what}");
    }
}

impl Drop for Watched<'_> {
    /// Its client left, or let its deadline pass.
    fn drop(&mut self) {
        if !self.has_ended {
            self.note(Code::Cancelled, "its client left before it had an answer");
        }
    }
}

/// The cluster, not the client, is to blame. What a client does wrong it hears itself.
fn is_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// The beginning of a key, fit for a line of the log.
fn shown(key: &[u8]) -> String {
    let (beginning, rest) = key.split_at(key.len().min(KEY_BYTES_MAX));
    match rest.len() {
        0 => beginning.escape_ascii().to_string(),
        more => format!("{}... ({more} bytes more)", beginning.escape_ascii()),
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shortened_and_escaped() {
        assert_eq!(shown(b"color"), "color");
        assert_eq!(shown(b"a\n\x1b[2J"), "a\\n\\x1b[2J");
        assert_eq!(shown(&[b'k'; 40]), format!("{}... (8 bytes more)", "k".repeat(32)));
    }

    #[tokio::test]
    async fn a_second_has_only_so_many_lines() {
        let (clock, control) = Clock::adjustable(Duration::ZERO);
        let waiting = clock.clone();
        let environment = Environment {
            clock,
            seed: 1,
            observer: Arc::new(crate::env::Nobody),
            health: crate::env::Health::default(),
        };
        let watcher = Watcher::new(&environment);
        let told = (0..LINES_PER_SECOND_MAX + 5).filter(|_| watcher.line().is_some()).count() as u64;
        assert_eq!(told, LINES_PER_SECOND_MAX);
        control.set_drift_ppm(999_000_000);
        waiting.sleep(Duration::from_secs(1)).await;
        assert_eq!(watcher.line(), Some(5));
        assert_eq!(watcher.line(), Some(0));
    }
}
