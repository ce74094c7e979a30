//! What is measured of a proxy: each metric is declared here, and its handle held by who counts.

use std::{sync::OnceLock, time::Duration};

use metrics::{Counter, Gauge, Histogram};
use tonic::Code;

use super::view::View;
use crate::env::Metric;

const CALLS: Metric =
    Metric::count("conclave_proxy_calls_total", "Calls that have ended, by method and gRPC code");
const CALL_SECONDS: Metric = Metric::seconds(
    "conclave_proxy_call_duration_seconds",
    "How long calls took, by method, whatever their end",
);
const OUTSTANDING: Metric =
    Metric::count("conclave_proxy_calls_outstanding", "Calls that wait for their answer");
const RETRIES: Metric =
    Metric::count("conclave_proxy_retries_total", "Attempts to carry out a call after its first one");
const HAS_LEADER: Metric = Metric::count(
    "conclave_proxy_has_leader",
    "1 while this proxy knows who leads and has a stream to it, else 0",
);
const LEADER_CHANGES: Metric =
    Metric::count("conclave_proxy_leader_changes_total", "Leaderships that this proxy has heard of");
const SESSIONS: Metric = Metric::count(
    "conclave_proxy_sessions_opened_total",
    "Sessions opened with the cluster: more than one means that one expired, or the cluster is another",
);

/// What clients call, by its name in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Range,
    Put,
    DeleteRange,
    Compact,
    Alarm,
    ChangeMembers,
    Transfer,
    Status,
    Snapshot,
}

impl Method {
    const ALL: [Self; 9] = [
        Self::Range,
        Self::Put,
        Self::DeleteRange,
        Self::Compact,
        Self::Alarm,
        Self::ChangeMembers,
        Self::Transfer,
        Self::Status,
        Self::Snapshot,
    ];
}

/// The highest code of gRPC, and 1.
const CODES: usize = Code::Unauthenticated as usize + 1;

/// Of every method.
pub(super) struct CallMetrics(Vec<MethodMetrics>);

struct MethodMetrics {
    /// By code, from the first call that ends with it.
    ended: [OnceLock<Counter>; CODES],
    seconds: Histogram,
}

impl CallMetrics {
    pub(super) fn new() -> Self {
        let of = |method: Method| MethodMetrics {
            ended: Default::default(),
            seconds: CALL_SECONDS.histogram(&[("method", format!("{method:?}"))]),
        };
        Self(Method::ALL.into_iter().map(of).collect())
    }

    pub(super) fn ended(&self, method: Method, code: Code, took: Duration) {
        let of_method = &self.0[method as usize];
        of_method.seconds.record(took);
        let counter = || CALLS.counter(&[("method", format!("{method:?}")), ("code", code_name(code))]);
        of_method.ended[code as usize].get_or_init(counter).increment(1);
    }
}

/// As the field's metrics name codes.
fn code_name(code: Code) -> String {
    match code {
        Code::Ok => "OK".to_owned(),
        code => format!("{code:?}"),
    }
}

/// What the edge knows.
pub(super) struct EdgeMetrics {
    pub(super) outstanding: Gauge,
    pub(super) retries: Counter,
    has_leader: Gauge,
    leader_changes: Counter,
    sessions: Counter,
    /// Term and number of the last leader.
    led: (u64, u64),
    session: u64,
}

impl Default for EdgeMetrics {
    fn default() -> Self {
        Self {
            outstanding: OUTSTANDING.gauge(&[]),
            retries: RETRIES.counter(&[]),
            has_leader: HAS_LEADER.gauge(&[]),
            leader_changes: LEADER_CHANGES.counter(&[]),
            sessions: SESSIONS.counter(&[]),
            led: (0, 0),
            session: 0,
        }
    }
}

impl EdgeMetrics {
    /// The cluster looks so from now on.
    pub(super) fn viewed(&mut self, view: &View) {
        self.has_leader.set(f64::from(view.reaches_leader()));
        if let Some(leader) = &view.leader
            && std::mem::replace(&mut self.led, (leader.term, leader.id)) != (leader.term, leader.id)
        {
            self.leader_changes.increment(1);
        }
        if view.session != 0 && std::mem::replace(&mut self.session, view.session) != view.session {
            self.sessions.increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_its_place() {
        for (place, method) in Method::ALL.into_iter().enumerate() {
            assert_eq!(place, method as usize, "{method:?}");
        }
        let metrics = CallMetrics::new();
        metrics.ended(Method::Status, Code::Unauthenticated, Duration::ZERO);
    }
}
