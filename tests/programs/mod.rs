//! Real processes on loopback: started, waited for within bounds, and never left behind.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Nothing in these tests takes longer, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program, with quiet logs.
pub(crate) fn conclave<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    conclave_of(Path::new(env!("CARGO_BIN_EXE_conclave")), arguments)
}

/// Another build of the program.
fn conclave_of<'a>(program: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("CONCLAVE_LOG", "warn").env_remove("CONCLAVE_ENDPOINTS");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Splits a command line at blanks and runs it to its end.
pub(crate) fn run(line: &str) -> Output {
    finish(conclave(line.split_whitespace()).spawn().expect("the program starts"), line)
}

/// Runs with these lines on stdin.
pub(crate) fn run_fed(line: &str, input: &str) -> Output {
    let mut command = conclave(line.split_whitespace());
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(input.as_bytes()).expect("the program reads");
    drop(stdin);
    finish(child, line)
}

/// Waits for the end of a process, and reads what it said.
pub(crate) fn finish(child: Child, what: &str) -> Output {
    let pid = child.id();
    let (done_tx, done_rx) = mpsc::channel();
    thread::spawn(move || done_tx.send(child.wait_with_output()));
    match done_rx.recv_timeout(PATIENCE) {
        Ok(output) => output.expect("its output can be read"),
        Err(_) => {
            send_signal(pid, Signal::SIGKILL);
            panic!("'{what}' did not end in time");
        }
    }
}

/// What a command that must work prints.
pub(crate) fn succeed(line: &str) -> String {
    let output = run(line);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "'{line}' failed: {stdout}{stderr}");
    stdout
}

/// The one line that a command that must fail complains with.
pub(crate) fn complaint(output: &Output, what: &str) -> String {
    let stderr = text(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code == 1 || code == 2), "{what}: {:?}", output.status);
    assert!(!stderr.contains("panicked"), "{what}: {stderr}");
    assert!(stderr.starts_with("error: "), "{what}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{what}: {stderr}");
    stderr
}

/// The text of an output.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is text")
}

/// Status and body, as a tool gets them; none if nobody answers.
pub(crate) fn http_get(address: &str, path: &str) -> Option<(u16, String)> {
    http_ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

pub(crate) fn http_ask(address: &str, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// A row of ports that are free now, outside the range from which the system takes ports for connections.
pub(crate) fn free_ports(count: u16) -> u16 {
    const FIRST: u16 = 10_000;
    const LAST: u16 = 30_000;
    (0..1_000)
        .map(|_| rand::random_range(FIRST..LAST - count))
        .find(|&base| {
            let row: Vec<_> =
                (base..base + count).map(|port| TcpListener::bind(("127.0.0.1", port))).collect();
            row.iter().all(Result::is_ok)
        })
        .expect("some ports are free")
}

/// Asks until it is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process runs. One that ended and was not waited for does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else {
        return !Path::new("/proc/self").exists() && kill(as_pid(pid), None).is_ok();
    };
    !status.lines().any(|line| line.starts_with("State:") && line.contains('Z'))
}

/// Sends a signal; that the process is gone already is fine.
pub(crate) fn send_signal(pid: u32, signal: Signal) {
    let _ = kill(as_pid(pid), signal);
}

fn as_pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("a process number fits"))
}

/// A long-running process, killed when the test ends, however it ends.
pub(crate) struct Program(Option<Child>);

impl Program {
    /// Starts it.
    pub(crate) fn start(line: &str) -> Self {
        Self(Some(conclave(line.split_whitespace()).spawn().expect("the program starts")))
    }

    /// Starts it, with what it logs in a file.
    pub(crate) fn start_logging(line: &str, log: &Path) -> Self {
        let log = std::fs::File::create(log).expect("a log can be created");
        let mut command = conclave(line.split_whitespace());
        Self(Some(command.stdout(Stdio::null()).stderr(log).spawn().expect("the program starts")))
    }

    /// Starts another build of it.
    pub(crate) fn start_other(program: &Path, line: &str) -> Self {
        Self(Some(conclave_of(program, line.split_whitespace()).spawn().expect("the program starts")))
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child().id()
    }

    /// The lines of its stdout, as they come; taken once.
    pub(crate) fn lines(&mut self) -> mpsc::Receiver<String> {
        let stdout = self.0.as_mut().and_then(|child| child.stdout.take()).expect("stdout is taken once");
        let (lines_tx, lines_rx) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|l| lines_tx.send(l))
        });
        lines_rx
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> ExitStatus {
        finish(self.0.take().expect("it is there until its end"), "the program").status
    }

    fn child(&self) -> &Child {
        self.0.as_ref().expect("it is there until its end")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `conclave up`, ready.
pub(crate) struct Up {
    /// The process of `conclave up` itself.
    pub(crate) program: Program,
    /// The processes that it started: the nodes in their order, then the proxy.
    pub(crate) children: Vec<u32>,
    /// What it prints from now on.
    pub(crate) lines: mpsc::Receiver<String>,
    /// Where its proxy listens.
    pub(crate) endpoint: String,
}

impl Up {
    /// Starts it with three nodes, and waits until there is a leader.
    pub(crate) fn start(data_dir: &Path) -> Self {
        let base_port = free_ports(4);
        let endpoint = format!("127.0.0.1:{}", base_port + 3);
        let data_dir = data_dir.display();
        let line = format!("up --listen {endpoint} --base-port {base_port} --data-dir {data_dir}");
        let mut program = Program::start(&line);
        let lines = program.lines();
        let mut children = Vec::new();
        loop {
            let line = lines.recv_timeout(PATIENCE).expect("'up' gets ready in time");
            assert!(!line.contains("ended"), "{line}");
            children.extend(pid_in(&line));
            if line.contains("leads") {
                return Self { program, children, lines, endpoint };
            }
        }
    }

    /// Runs a client command against it, which must work.
    pub(crate) fn succeed(&self, line: &str) -> String {
        succeed(&format!("{line} --endpoints {}", self.endpoint))
    }

    /// Whether a process that it started runs.
    pub(crate) fn has_living_children(&self) -> bool {
        self.children.iter().any(|&pid| is_alive(pid))
    }
}

fn pid_in(line: &str) -> Option<u32> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "pid");
    words.nth(1)?.parse().ok()
}
