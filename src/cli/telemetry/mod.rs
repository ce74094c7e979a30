//! What a long-running program tells of itself: logs, metrics, health, and how it is to its service manager.
//!
//! | file | idea |
//! | --- | --- |
//! | `http.rs` | `/metrics`, `/healthz` and `/readyz`, for tools that look from outside |
//! | `collector.rs` | what was measured, as Prometheus reads it |
//! | `process.rs` | what every program measures of its own process |
//! | `traces.rs` | spans of calls, for an OpenTelemetry collector |
//! | `manager.rs` | `systemd`: up, stopping, alive |

mod collector;
mod http;
mod manager;
mod process;
mod traces;

use anyhow::ensure;

use super::{
    address::Address,
    logging::{self, LogFormat},
    usage::UsageError,
};
use crate::env::Environment;

/// The options of what a program tells of itself.
#[derive(Debug, clap::Args)]
pub(super) struct TelemetryArgs {
    /// Serve /metrics (Prometheus), /healthz and /readyz over HTTP here. It tells who asks how the cluster is: no address
    /// for everybody
    #[arg(long, value_name = "HOST:PORT")]
    metrics_listen: Option<Address>,
    /// How log lines look
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
    /// What is logged, like 'debug' or 'info,conclave::node=debug'
    #[arg(long, value_name = "FILTER", env = logging::FILTER_VARIABLE, default_value = "info")]
    log_filter: String,
    /// Send a span for each call to an OpenTelemetry collector there (OTLP over gRPC, without TLS): http://HOST:4317
    #[arg(long, value_name = "URL")]
    otlp_endpoint: Option<String>,
}

impl TelemetryArgs {
    /// All that can be checked before the program starts, which listens there.
    ///
    /// # Errors
    /// The filter or an address cannot be used.
    pub(super) fn check(&self, listen: &Address) -> anyhow::Result<()> {
        logging::check(&self.log_filter)?;
        if let Some(url) = &self.otlp_endpoint {
            traces::check(url)?;
        }
        if let Some(address) = &self.metrics_listen {
            ensure!(
                address != listen,
                UsageError(format!("--metrics-listen {address} is --listen, too: take another port"))
            );
            address.resolve()?;
        }
        Ok(())
    }

    /// Of a program of this name: starts logging, and what else is wanted. It comes first: what was counted before is lost.
    ///
    /// # Errors
    /// The address cannot be had, or the filter cannot be understood.
    pub(super) fn start(&self, program: &'static str, environment: &Environment) -> anyhow::Result<()> {
        let traces = self.otlp_endpoint.as_ref().map(|url| traces::layer(url, program)).transpose()?;
        logging::start(self.log_format, &self.log_filter, traces)?;
        if let Some(address) = &self.metrics_listen {
            let address = address.resolve()?;
            let listener = super::http::bind(address, "--metrics-listen")?;
            let collector = collector::install()?;
            tracing::info!(%address, "serves /metrics, /healthz and /readyz");
            let environment = environment.clone();
            let answer = move |path: &str| http::answer(path, &collector, &environment);
            tokio::spawn(super::http::serve(listener, answer));
        }
        manager::start(environment);
        Ok(())
    }
}

/// The program was told to stop.
pub(super) async fn stopping() {
    manager::stopping();
    traces::flush().await;
}
