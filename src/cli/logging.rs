//! Structured logs, on stderr.

use std::io;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one object a line.
    Json,
}

impl LogFormat {
    /// The name that selects this format on a command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Starts logging. `CONCLAVE_LOG` says what is logged, in the syntax of `RUST_LOG`; "info" if it says nothing.
///
/// # Errors
/// `CONCLAVE_LOG` cannot be understood, or logging was started before.
pub(super) fn start(format: LogFormat) -> anyhow::Result<()> {
    use std::io::IsTerminal;
    const VARIABLE: &str = "CONCLAVE_LOG";
    let directives = std::env::var(VARIABLE).unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_new(&directives).map_err(|error| {
        anyhow::anyhow!("{VARIABLE}='{directives}' is no log filter: {error}; try 'info' or 'conclave=debug'")
    })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => logs.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}
