//! The simulated world is another build of the same code: tests run it by cargo, as a person would.

use std::{
    io::Write,
    process::{Command, Output},
    sync::{
        Once,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

/// What makes a campaign one of several machines: tests run whole ones, wherever they run.
const SHARDS: [&str; 2] = ["AWS_BATCH_JOB_ARRAY_INDEX", "JOB_COMPLETION_INDEX"];
/// Who waits this long is told what for. A build that has nothing to do is over before.
const SILENCE: Duration = Duration::from_secs(10);

/// Runs an alias of .cargo/config.toml. Flags from outside would override those that make the world a simulated one.
pub(crate) fn cargo(alias: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    for variable in SHARDS {
        command.env_remove(variable);
    }
    let (ended, is_running) = mpsc::channel::<()>();
    let alias = alias.to_owned();
    command.arg(&alias).args(arguments);
    let teller = std::thread::spawn(move || {
        if is_running.recv_timeout(SILENCE) == Err(RecvTimeoutError::Timeout) {
            tell_once(&alias);
        }
    });
    let output = command.output().expect("cargo runs, for it runs this test");
    drop(ended);
    teller.join().expect("it only tells");
    output
}

/// Past the test harness, which keeps what is printed: a terminal that is silent for minutes looks broken.
fn tell_once(alias: &str) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        let words = format!(
            "cargo {alias} works: it builds the simulated world (target/sim; some minutes the first time), and runs it\n"
        );
        drop(std::io::stderr().write_all(words.as_bytes()));
    });
}

pub(crate) fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
