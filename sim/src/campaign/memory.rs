//! How much memory this process took.

use std::fs;

/// The most that it had at a time, in bytes. `None`: the system does not say.
pub(super) fn peak_bytes() -> Option<u64> {
    peak_in(&fs::read_to_string("/proc/self/status").ok()?)
}

fn peak_in(status: &str) -> Option<u64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = kib.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes() {
        assert_eq!(peak_in("Name:\tconclave-sim\nVmHWM:\t  2048 kB\nVmRSS:\t 9 kB\n"), Some(2 << 20));
        assert_eq!(peak_in("Name:\tconclave-sim\n"), None);
    }
}
