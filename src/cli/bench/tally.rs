//! What one client counts by itself, so that clients do not wait for one another; merged at the end.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

use super::workload::Kind;
use crate::client::ClientError;

/// Latencies are kept to three digits.
const DIGITS: u8 = 3;
/// An hour: no deadline lets an operation take longer, and histograms grow with their greatest value.
const MICROSECONDS_MAX: u64 = 3_600_000_000;

/// Counts and latencies of one client, or of all.
pub(super) struct Tally {
    /// Microseconds of each success.
    puts: Histogram<u32>,
    gets: Histogram<u32>,
    /// Successes before time was up: what throughput is made of.
    in_time: u64,
    failures: BTreeMap<String, u64>,
    last_error: Option<ClientError>,
}

impl Tally {
    pub(super) fn new() -> Self {
        let empty = || Histogram::new(DIGITS).expect("three digits are allowed");
        Self { puts: empty(), gets: empty(), in_time: 0, failures: BTreeMap::new(), last_error: None }
    }

    /// Counts an operation that ended.
    pub(super) fn record(
        &mut self,
        kind: Kind,
        took: Duration,
        in_time: bool,
        result: Result<(), ClientError>,
    ) {
        if let Err(error) = result {
            *self.failures.entry(format!("{:?}", error.code)).or_default() += 1;
            self.last_error = Some(error);
            return;
        }
        let latencies = match kind {
            Kind::Put => &mut self.puts,
            Kind::Get => &mut self.gets,
        };
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).clamp(1, MICROSECONDS_MAX);
        latencies.record(microseconds).expect("it grows as needed");
        self.in_time += u64::from(in_time);
    }

    /// Adds another client's counts.
    pub(super) fn merge(&mut self, other: &Self) {
        self.puts.add(&other.puts).expect("it grows as needed");
        self.gets.add(&other.gets).expect("it grows as needed");
        self.in_time += other.in_time;
        for (code, count) in &other.failures {
            *self.failures.entry(code.clone()).or_default() += count;
        }
        self.last_error = self.last_error.take().or_else(|| other.last_error.clone());
    }

    pub(super) fn puts(&self) -> &Histogram<u32> {
        &self.puts
    }

    pub(super) fn gets(&self) -> &Histogram<u32> {
        &self.gets
    }

    pub(super) fn in_time(&self) -> u64 {
        self.in_time
    }

    pub(super) fn successes(&self) -> u64 {
        self.puts.len() + self.gets.len()
    }

    /// How many failed, by gRPC code.
    pub(super) fn failures(&self) -> &BTreeMap<String, u64> {
        &self.failures
    }

    pub(super) fn last_error(&self) -> Option<&ClientError> {
        self.last_error.as_ref()
    }
}
