//! What was measured, as Prometheus reads it.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::process::ProcessMetrics;

/// Bounds of the buckets of every histogram, in seconds: from what memory takes to what nobody waits for.
const BUCKETS_SECONDS: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// What histograms were told is sorted into buckets this often, even if nobody asks: until then it takes memory.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Reads what was measured. All clones are one.
#[derive(Clone)]
pub(super) struct Collector {
    handle: PrometheusHandle,
    process: Arc<ProcessMetrics>,
}

/// Whatever is counted from now on is collected.
///
/// # Errors
/// It is collected already.
pub(super) fn install() -> anyhow::Result<Collector> {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS_SECONDS).context("buckets of histograms")?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("metrics are collected already")?;
    let kept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_INTERVAL).await;
            kept.run_upkeep();
        }
    });
    Ok(Collector { handle, process: Arc::new(ProcessMetrics::new()) })
}

impl Collector {
    /// All metrics, in the text format of Prometheus.
    pub(super) fn text(&self) -> String {
        self.process.look();
        self.handle.render()
    }
}
