//! What a metric is: its name, unit and meaning, declared once, in the `metrics.rs` of the room that measures it.
//!
//! Who measures holds a handle, made at the start: to count is then an atomic addition, without a look-up. Where nobody
//! collects (a simulation, a program without `--metrics-listen`) handles are empty, and to count does nothing.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

/// A metric, or a family of them that differ in their labels.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    name: &'static str,
    unit: Unit,
    help: &'static str,
}

/// Names and values.
type Labels<'a> = &'a [(&'static str, String)];

impl Metric {
    /// A number of things.
    pub const fn count(name: &'static str, help: &'static str) -> Self {
        Self { name, unit: Unit::Count, help }
    }

    /// A time in seconds.
    pub const fn seconds(name: &'static str, help: &'static str) -> Self {
        Self { name, unit: Unit::Seconds, help }
    }

    /// A size in bytes.
    pub const fn bytes(name: &'static str, help: &'static str) -> Self {
        Self { name, unit: Unit::Bytes, help }
    }

    /// What only grows.
    pub fn counter(&self, labels: Labels<'_>) -> Counter {
        describe_counter!(self.name, self.unit, self.help);
        counter!(self.name, labels)
    }

    /// What grows and shrinks.
    pub fn gauge(&self, labels: Labels<'_>) -> Gauge {
        describe_gauge!(self.name, self.unit, self.help);
        gauge!(self.name, labels)
    }

    /// How often it was how much.
    pub fn histogram(&self, labels: Labels<'_>) -> Histogram {
        describe_histogram!(self.name, self.unit, self.help);
        histogram!(self.name, labels)
    }
}
