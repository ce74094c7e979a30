//! Deadlines of calls: the caller sets one, both sides keep it, and it ends as DEADLINE_EXCEEDED in both worlds.

use std::time::Duration;

use tonic::{IntoRequest, Request};

/// The request, to be answered within `deadline` from the moment it is sent. A stream must begin to answer by then
/// and may go on for longer.
pub fn with_deadline<T>(request: impl IntoRequest<T>, deadline: Duration) -> Request<T> {
    let mut request = request.into_request();
    request.set_timeout(deadline);
    request
}

/// The time that the caller gives a request from the moment it is sent, if it says so.
pub fn timeout_of<T>(request: &Request<T>) -> Option<Duration> {
    parse_span(request.metadata().get(TIMEOUT_HEADER)?.to_str().ok()?)
}

pub(super) const TIMEOUT_HEADER: &str = "grpc-timeout";

/// Reads a `grpc-timeout` header: up to eight digits and a unit.
pub(super) fn parse_span(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => count.checked_mul(3600).map(Duration::from_secs),
        "M" => count.checked_mul(60).map(Duration::from_secs),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_timeout_is_read_in_every_unit_and_nonsense_is_not() {
        assert_eq!(parse_span("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(parse_span("3M"), Some(Duration::from_secs(180)));
        assert_eq!(parse_span("4S"), Some(Duration::from_secs(4)));
        assert_eq!(parse_span("500m"), Some(Duration::from_millis(500)));
        assert_eq!(parse_span("60000000u"), Some(Duration::from_secs(60)));
        assert_eq!(parse_span("7n"), Some(Duration::from_nanos(7)));
        for nonsense in ["", "S", "10", "-1S", "1s", "1é", "99999999999999999999S", "9999999999999999999H"] {
            assert_eq!(parse_span(nonsense), None, "{nonsense}");
        }
    }
}
