//! What every program measures of its own process, under the names that all of Prometheus's clients use.

use std::{fs, time::SystemTime};

use metrics::{Counter, Gauge};

use super::super::process_times::ProcessTimes;
use crate::env::Metric;

const RESIDENT: Metric = Metric::bytes("process_resident_memory_bytes", "Resident memory");
const VIRTUAL: Metric = Metric::bytes("process_virtual_memory_bytes", "Virtual memory");
const OPEN_FDS: Metric = Metric::count("process_open_fds", "Open file descriptors");
const MAX_FDS: Metric = Metric::count("process_max_fds", "File descriptors that may be open");
const THREADS: Metric = Metric::count("process_threads", "Threads");
const CPU: Metric = Metric::seconds("process_cpu_seconds_total", "User and system time");
const START: Metric =
    Metric::seconds("process_start_time_seconds", "When the process started, in seconds since 1970");
const BUILD: Metric = Metric::count("conclave_build_info", "1; the version is a label");

pub(super) struct ProcessMetrics {
    resident: Gauge,
    virtual_memory: Gauge,
    open_fds: Gauge,
    max_fds: Gauge,
    threads: Gauge,
    cpu: Counter,
}

impl ProcessMetrics {
    pub(super) fn new() -> Self {
        BUILD.gauge(&[("version", env!("CARGO_PKG_VERSION").to_owned())]).set(1);
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        START.gauge(&[]).set(now.as_secs_f64());
        Self {
            resident: RESIDENT.gauge(&[]),
            virtual_memory: VIRTUAL.gauge(&[]),
            open_fds: OPEN_FDS.gauge(&[]),
            max_fds: MAX_FDS.gauge(&[]),
            threads: THREADS.gauge(&[]),
            cpu: CPU.counter(&[]),
        }
    }

    /// Looks how the process is now. Where the system does not tell, nothing is claimed.
    pub(super) fn look(&self) {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let status = read("status");
        let set =
            |gauge: &Gauge, value: Option<u64>| value.into_iter().for_each(|value| gauge.set(value as f64));
        set(&self.resident, field(&status, "VmRSS:").map(|kib| kib * 1024));
        set(&self.virtual_memory, field(&status, "VmSize:").map(|kib| kib * 1024));
        set(&self.threads, field(&status, "Threads:"));
        set(&self.max_fds, field(&read("limits"), "Max open files"));
        set(&self.open_fds, fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count() as u64));
        if let Some(times) = ProcessTimes::of("self") {
            self.cpu.absolute(times.total().as_secs());
        }
    }
}

/// The first number after a name.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_understood() {
        assert_eq!(field("VmPeak: 1 kB\nVmRSS:\t  2048 kB\n", "VmRSS:"), Some(2048));
        assert_eq!(
            field("Max open files            1024                 4096     files", "Max open files"),
            Some(1024)
        );
        assert_eq!(field("", "VmRSS:"), None);
    }
}
