//! `conclave up --dashboard`: a page that shows the cluster at a glance. It asks this process alone, which looks once a
//! second: at the status, through the proxy, and at the proxy's metrics.

mod sample;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, interval, timeout};

use self::sample::Sample;
use super::super::{
    http::{self, Response, TEXT, response},
    scrape::scrape,
    status,
};
use crate::client::Client;

const PAGE: &str = include_str!("page.html");
const INTERVAL: Duration = Duration::from_secs(1);
/// Five minutes.
const SAMPLES_MAX: usize = 300;
/// A look that takes longer shows nothing.
pub(super) const PATIENCE: Duration = Duration::from_millis(900);

/// What the page is told, as JSON.
type Shown = Arc<Mutex<String>>;

/// Serves the page and looks at the cluster, as long as this is awaited.
///
/// # Errors
/// The address cannot be had.
pub(super) fn start(
    address: SocketAddr,
    client: Client,
    metrics: SocketAddr,
) -> anyhow::Result<impl Future<Output = ()>> {
    let listener = http::bind(address, "--dashboard")?;
    let shown = Shown::default();
    let asked = shown.clone();
    let serving = http::serve(listener, move |path: &str| answer(path, &asked));
    Ok(async move {
        tokio::join!(serving, look(client, metrics, shown));
    })
}

fn answer(path: &str, shown: &Shown) -> Response {
    match path {
        "/" => response(StatusCode::OK, "text/html; charset=utf-8", PAGE),
        "/api" => {
            let json = shown.lock().expect("nobody panics with it").clone();
            response(StatusCode::OK, "application/json", json)
        }
        _ => response(StatusCode::NOT_FOUND, TEXT, "here is /\n"),
    }
}

async fn look(client: Client, metrics: SocketAddr, shown: Shown) {
    let started = Instant::now();
    let mut ticks = interval(INTERVAL);
    let (mut history, mut before) = (VecDeque::new(), None::<Sample>);
    loop {
        ticks.tick().await;
        let (status, metrics) = tokio::join!(client.status(), timeout(PATIENCE, scrape(metrics)));
        let metrics = metrics.ok().and_then(Result::ok);
        let status = status.map_or(Value::Null, |status| status::as_json(&status));
        if let Some(metrics) = metrics {
            let commits =
                status["nodes"].as_array().into_iter().flatten().filter_map(|node| node["commit"].as_f64());
            let known = before.as_ref().map_or(0.0, |before| before.commit);
            let sample =
                Sample::read(started.elapsed().as_secs_f64(), commits.fold(known, f64::max), &metrics);
            history.extend(before.replace(sample.clone()).map(|before| sample.since(&before)));
        }
        while history.len() > SAMPLES_MAX {
            history.pop_front();
        }
        let json = json!({ "status": status, "now": started.elapsed().as_secs_f64(), "history": history });
        *shown.lock().expect("nobody panics with it") = json.to_string();
    }
}
