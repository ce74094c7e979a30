//! What is answered over HTTP: metrics for Prometheus, health for load balancers and orchestrators.

use hyper::StatusCode;

use super::{
    super::http::{Response, TEXT, response},
    collector::Collector,
};
use crate::env::Environment;

const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn answer(path: &str, collector: &Collector, environment: &Environment) -> Response {
    let Environment { clock, health, .. } = environment;
    let on = |is_well: bool| if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match path {
        "/metrics" => response(StatusCode::OK, METRICS, collector.text()),
        "/healthz" => match health.is_alive(clock) {
            true => response(on(true), TEXT, "alive\n"),
            false => response(on(false), TEXT, "the task that decides shows no sign of life\n"),
        },
        "/readyz" => {
            let condition = health.condition();
            response(on(condition.is_ready() && health.is_alive(clock)), TEXT, format!("{condition}\n"))
        }
        _ => response(StatusCode::NOT_FOUND, TEXT, "here are /metrics, /healthz and /readyz\n"),
    }
}
