//! Which calls a server takes: from callers with the right certificate, and not more of one caller than it may ask.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use pin_project_lite::pin_project;
use tonic::{
    Status,
    body::Body,
    codegen::{Service, http},
    server::NamedService,
};

use super::refusals::Refusals;
use crate::{
    env::Clock,
    rpc::{
        ServerLimits,
        caller::{Caller, Callers, Proof},
        error::did_not_happen,
        metrics::REFUSED_CALLS,
    },
};

/// Clients whose calls are counted; beyond these the ones that have been quiet are forgotten.
const COUNTED_CLIENTS_MAX: usize = 10_000;

/// Counts the calls of each client.
#[derive(Clone)]
struct Pace(Option<Arc<DefaultKeyedRateLimiter<String>>>);

impl Pace {
    fn new(limits: &ServerLimits) -> Self {
        Self(limits.calls_per_second_max.map(|max| Arc::new(RateLimiter::keyed(Quota::per_second(max)))))
    }

    fn check(&self, caller: &Caller) -> Result<(), Status> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        if matches!((&caller.proof, caller.address), (Proof::NotAsked, None)) {
            return Ok(());
        }
        let client = caller.to_string();
        if limiter.len() > COUNTED_CLIENTS_MAX {
            limiter.retain_recent();
        }
        limiter.check_key(&client).map_err(|_| {
            did_not_happen(Status::resource_exhausted(format!(
                "{client} calls more often than --calls-per-second-max allows: nothing was done; slow down"
            )))
        })
    }
}

/// Decides which calls are taken. Cheap to clone.
#[derive(Clone)]
pub(super) struct Guard {
    pace: Pace,
    refusals: Refusals,
}

impl Guard {
    pub(super) fn new(limits: &ServerLimits, clock: &Clock) -> Self {
        Self { pace: Pace::new(limits), refusals: Refusals::new("call", &REFUSED_CALLS, clock) }
    }

    fn check(&self, request: &http::Request<Body>, callers: Callers) -> Result<(), Status> {
        let caller = request.extensions().get::<Caller>().cloned().unwrap_or_default();
        let checked = caller.check_role(callers).and_then(|()| self.pace.check(&caller));
        checked.inspect_err(|status| {
            self.refusals.note(&caller, &format!("{}: {}", request.uri().path(), status.message()));
        })
    }
}

/// A service that only some may call.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    pub(super) service: S,
    pub(super) callers: Callers,
    pub(super) guard: Guard,
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Guarded<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match self.guard.check(&request, self.callers) {
            Ok(()) => Answering::Served { answer: self.service.call(request) },
            Err(status) => Answering::Refused { response: Some(status.into_http()) },
        }
    }
}

pin_project! {
    #[project = AnsweringProjection]
    pub(super) enum Answering<F> {
        Served {
            #[pin]
            answer: F,
        },
        Refused { response: Option<http::Response<Body>> },
    }
}

impl<F> Future for Answering<F>
where
    F: Future<Output = Result<http::Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnsweringProjection::Served { answer } => answer.poll(context),
            AnsweringProjection::Refused { response } => {
                Poll::Ready(Ok(response.take().expect("a future is not polled after its end")))
            }
        }
    }
}
