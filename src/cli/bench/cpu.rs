//! Processor time of local processes, for one operation: what a machine needs to serve a given load.

use std::{fs, str::FromStr, time::Duration};

use tokio::time::sleep_until;

use super::{
    super::{process_times::ProcessTimes, usage::UsageError},
    window::Window,
};

/// As much of a command line as tells processes apart.
const NAME_CHARS_MAX: usize = 40;
/// Linux keeps no more of a program's name.
const PROGRAM_CHARS_MAX: usize = 15;

/// Which processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Pid(u32),
    /// All of a program.
    Program(String),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(pid) => Ok(Self::Pid(pid)),
            Err(_)
                if text.is_empty() || text.chars().any(|letter| letter.is_whitespace() || letter == '/') =>
            {
                Err("write it as the number of a process, or the name of a program".to_owned())
            }
            Err(_) => Ok(Self::Program(text.to_owned())),
        }
    }
}

/// A process that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// The beginning of its command line.
    pub(super) name: String,
    started: u64,
}

/// What a process used within the window.
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub(super) process: Process,
    /// User and system; `None`: it ended meanwhile.
    pub(super) times: Option<(Duration, Duration)>,
}

/// Finds the processes that an option names.
///
/// # Errors
/// One is not there, or this system does not tell.
pub(super) fn find(option: &str, wanted: &[Wanted]) -> anyhow::Result<Vec<Process>> {
    if !wanted.is_empty() && this().is_none() {
        return Err(UsageError(format!("{option} reads /proc, which this system does not have")).into());
    }
    let mut found: Vec<Process> = Vec::new();
    for wanted in wanted {
        let processes = match wanted {
            Wanted::Pid(pid) => Process::of(*pid).into_iter().collect(),
            Wanted::Program(program) => of_program(program),
        };
        if processes.is_empty() {
            let what = match wanted {
                Wanted::Pid(pid) => format!("there is no process {pid}"),
                Wanted::Program(program) => {
                    format!("no process of the program '{program}' runs on this machine")
                }
            };
            return Err(UsageError(format!("{option}: {what}")).into());
        }
        let new = processes.into_iter().filter(|process| !found.contains(process)).collect::<Vec<_>>();
        found.extend(new);
    }
    Ok(found)
}

/// This process: the load generator.
pub(super) fn this() -> Option<Process> {
    Process::of(std::process::id())
}

/// What the processes use from the window's start to its end, when it completes.
pub(super) async fn watch(processes: Vec<Process>, window: Window) -> Vec<Used> {
    sleep_until(window.start).await;
    let before: Vec<_> = processes.iter().map(Process::times).collect();
    sleep_until(window.end).await;
    let used = |(process, before): (Process, Option<ProcessTimes>)| {
        let times = before.zip(process.times());
        let times = times.map(|(before, after)| (after.user - before.user, after.system - before.system));
        Used { process, times }
    };
    processes.into_iter().zip(before).map(used).collect()
}

/// User and system time of all of them together; `None`: not all lived to the end.
pub(super) fn sum(used: &[Used]) -> Option<(Duration, Duration)> {
    let times: Option<Vec<_>> = used.iter().map(|used| used.times).collect();
    Some(
        times?
            .into_iter()
            .fold((Duration::ZERO, Duration::ZERO), |sum, times| (sum.0 + times.0, sum.1 + times.1)),
    )
}

impl Process {
    fn of(pid: u32) -> Option<Self> {
        let started = ProcessTimes::of(&pid.to_string())?.started;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let name = match name(&String::from_utf8_lossy(&line)) {
            // Threads of the kernel have none.
            name if name.is_empty() => program(pid)?,
            name => name,
        };
        Some(Self { pid, name, started })
    }

    fn times(&self) -> Option<ProcessTimes> {
        ProcessTimes::of(&self.pid.to_string()).filter(|times| times.started == self.started)
    }
}

/// Its processes, but for this one.
fn of_program(name: &str) -> Vec<Process> {
    let wanted: String = name.chars().take(PROGRAM_CHARS_MAX).collect();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = pids.filter_map(|item| item.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let others = pids.into_iter().filter(|&pid| pid != std::process::id());
    others.filter(|&pid| program(pid).as_ref() == Some(&wanted)).filter_map(Process::of).collect()
}

fn program(pid: u32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// A command line, without the folder of its program, and no longer than a name should be.
fn name(line: &str) -> String {
    let mut words = line.split('\0').filter(|word| !word.is_empty());
    let program = words.next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or(program);
    let line = [program].into_iter().chain(words).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn processes_are_named_by_number_or_program() {
        assert_eq!("42".parse(), Ok(Wanted::Pid(42)));
        assert_eq!("etcd".parse(), Ok(Wanted::Program("etcd".to_owned())));
        for text in ["", "a b", "/usr/bin/etcd"] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
        assert_eq!(name(&["/usr/bin/conclave", "node", "--id", "1"].join("\0")), "conclave node --id 1");
        assert_eq!(name(&"x".repeat(100)).chars().count(), NAME_CHARS_MAX + 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_not_there_is_told_in_one_line() {
        let missing = |wanted: &str| {
            let wanted = wanted.parse().expect("it is well-formed");
            find("--cpu-of", &[wanted]).expect_err("it is not there").to_string()
        };
        assert_eq!(missing("4294967295"), "--cpu-of: there is no process 4294967295");
        assert!(missing("no-such-one").contains("no process of the program 'no-such-one' runs"));
        let pid = Wanted::Pid(std::process::id());
        let found = find("--cpu-of", &[pid.clone(), pid]).expect("this process runs");
        assert_eq!(found.len(), 1, "named twice, counted once");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_is_used_within_the_window_is_counted() {
        let start = Instant::now();
        let window = Window { start, end: start + Duration::from_millis(200) };
        let processes: Vec<Process> = this().into_iter().collect();
        let busy = std::thread::spawn(move || while Instant::now() < window.end {});
        let used = watch(processes.clone(), window).await;
        busy.join().expect("it ends");
        let (user, system) = sum(&used).expect("this process lives");
        assert!(user + system >= Duration::from_millis(20), "{used:?}");

        let gone = Process { started: 0, ..processes[0].clone() };
        let used = watch(vec![gone], Window { start, end: start }).await;
        assert!(sum(&used).is_none(), "another process has its number now");
    }
}
