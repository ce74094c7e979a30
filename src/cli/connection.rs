//! How to reach the cluster: the options that all client commands share.

use std::time::Duration;

use super::{address::Address, daemon::clock, tls::TlsArgs};
use crate::client::{Client, Options};

/// Where the proxies are, and how long to wait for them.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Connection {
    /// Proxies to try, in this order
    #[arg(
        long,
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        default_value = "127.0.0.1:2379",
        env = "CONCLAVE_ENDPOINTS"
    )]
    pub(super) endpoints: Vec<Address>,

    /// How long a request may take, like 500ms or 5s [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub(super) timeout: Option<Duration>,

    #[command(flatten)]
    pub(super) tls: TlsArgs,
}

/// How long a request may take when nobody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Connection {
    /// A client that connects with its first request.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let options = Options { timeout: self.timeout.unwrap_or(TIMEOUT), security: self.tls.of_client()? };
        Ok(Client::new(&self.endpoint_texts(), options, clock())?)
    }

    /// Where the proxies are, as the client library takes them.
    pub(super) fn endpoint_texts(&self) -> Vec<String> {
        self.endpoints.iter().map(Address::to_string).collect()
    }
}

/// Parses a span of time: a number and one of `ms`, `s`, `m`; seconds if there is no unit.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits_end);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        _ => return Err(format!("'{unit}' is no unit of time; use ms, s or m")),
    };
    let milliseconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_ms));
    match milliseconds {
        Some(0) => Err("it must be longer than nothing".to_owned()),
        Some(milliseconds) if milliseconds <= SPAN_MS_MAX => Ok(Duration::from_millis(milliseconds)),
        Some(_) => Err("it must not be longer than a day".to_owned()),
        None => Err("write it as a number and a unit, like 500ms or 5s".to_owned()),
    }
}

/// Longer waits are mistakes, and would overflow clocks.
const SPAN_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_read_as_people_write_them() {
        assert_eq!(parse_span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_span("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_span("5"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_span("2m"), Ok(Duration::from_secs(120)));
    }

    #[test]
    fn nonsense_spans_are_refused() {
        for text in ["", "s", "0s", "-1s", "1.5s", "5 h", "1000000000000m", "99999999999999999999s", "5000m"]
        {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
