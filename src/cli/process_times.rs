//! How much processor time a process has used, as Linux tells.

use std::{fs, time::Duration};

/// Linux counts times of processes in hundredths of a second, whatever the kernel's own clock does.
const TICK: Duration = Duration::from_millis(10);

/// Of all threads of a process, those that have ended included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcessTimes {
    pub(super) user: Duration,
    pub(super) system: Duration,
    /// When it started, in ticks since the machine did. A number of a process is given again; not together with this.
    pub(super) started: u64,
}

impl ProcessTimes {
    /// Of a process by its number, or `self`. `None`: there is no such process, or the system does not tell.
    pub(super) fn of(process: &str) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// User and system time and the start are the 14th, 15th and 22nd field of `/proc/PID/stat`, of which the second may
    /// hold blanks.
    fn parse(stat: &str) -> Option<Self> {
        let (_, after_name) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let time = |field| Some(TICK * u32::try_from(number(field)?).ok()?);
        Some(Self { user: time(14)?, system: time(15)?, started: number(22)? })
    }

    pub(super) fn total(&self) -> Duration {
        self.user + self.system
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_understood() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 8 0 100 0 0";
        let times = ProcessTimes::parse(stat).expect("it is of the system's form");
        assert_eq!((times.user, times.system), (Duration::from_millis(2_500), Duration::from_millis(500)));
        assert_eq!((times.total(), times.started), (Duration::from_secs(3), 100));
        assert_eq!(ProcessTimes::parse("gone"), None);
        assert_eq!(ProcessTimes::of("0"), None);
    }
}
