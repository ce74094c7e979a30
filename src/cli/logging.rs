//! Structured logs, on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, prelude::*};

use super::usage::UsageError;

/// The variable that says what is logged.
pub(super) const FILTER_VARIABLE: &str = "CONCLAVE_LOG";

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

/// Something else that takes what is logged.
pub(super) type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Reads a filter. A bare word that is no level would be taken for the name of a crate that does not exist, and nothing would be
/// logged: it is most likely a level that is misspelt.
///
/// # Errors
/// It cannot be understood.
pub(super) fn check(filter: &str) -> Result<EnvFilter, UsageError> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let refused = |why: &str| {
        UsageError(format!(
            "--log-filter '{filter}' ({FILTER_VARIABLE}) is no log filter: {why}; try 'info' or 'conclave=debug'"
        ))
    };
    for directive in filter.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let is_word = directive.chars().all(|letter| letter.is_ascii_alphanumeric());
        let is_level =
            LEVELS.contains(&directive.to_ascii_lowercase().as_str()) || directive.parse::<u8>().is_ok();
        if is_word && !is_level && directive != env!("CARGO_PKG_NAME") {
            return Err(refused(&format!("'{directive}' is no level, these are {}", LEVELS.join(", "))));
        }
    }
    EnvFilter::try_new(filter).map_err(|error| refused(&error.to_string()))
}

/// Starts logging of what `filter` says, in the syntax of `RUST_LOG`; `other` takes what it wants itself.
///
/// # Errors
/// The filter cannot be understood, or logging was started before.
pub(super) fn start(format: LogFormat, filter: &str, other: Option<AnyLayer>) -> anyhow::Result<()> {
    let parsed = check(filter)?;
    let logs = fmt::layer().with_writer(io::stderr);
    let logs = match format {
        LogFormat::Text => logs.with_ansi(io::stderr().is_terminal()).with_filter(parsed).boxed(),
        LogFormat::Json => logs.json().with_filter(parsed).boxed(),
    };
    let layers: Vec<AnyLayer> = [logs].into_iter().chain(other).collect();
    tracing_subscriber::registry()
        .with(layers)
        .try_init()
        .map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_refused() {
        for filter in ["info", "WARN", "debug,conclave::node=trace", "conclave", "h2=off, info", "off", ""] {
            assert!(check(filter).is_ok(), "{filter}");
        }
        for (filter, expected) in [
            ("inof", "'inof' is no level"),
            ("info,x=y=z", "no log filter"),
            ("conclave=foo", "no log filter"),
        ] {
            let error = check(filter).expect_err(filter).to_string();
            assert!(error.contains(expected), "{filter}: {error}");
        }
    }
}
