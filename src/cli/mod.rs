//! The programs' faces: argument parsing, and one file per subcommand.
#![allow(clippy::print_stderr)]

mod address;
mod alarm;
mod bench;
mod cert;
mod compact;
mod config;
mod connection;
mod daemon;
mod del;
mod directory;
mod escape;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzzing;
mod get;
mod http;
mod limits;
mod logging;
mod member;
mod node;
mod output;
mod process_times;
mod proxy;
mod put;
mod scrape;
mod settings;
mod shell;
mod snapshot;
mod status;
mod status_watch;
mod stop;
mod telemetry;
#[cfg(test)]
mod testing;
mod tls;
mod transfer;
mod up;
mod upkeep;
mod usage;

#[cfg(any(test, feature = "fuzzing"))]
pub use fuzzing::lines as fuzz_lines;

use std::{ffi::OsString, num::NonZero, process::ExitCode, thread::available_parallelism};

use anyhow::Context;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio::runtime::Builder;

use self::{
    connection::Connection,
    output::{FAILED, describe, fail, print},
    settings::{SettingsFile, program_of},
    usage::UsageError,
};

const EXAMPLES: &str = "\
EXAMPLES
  conclave up                       three nodes and a proxy on this machine
  conclave client                   talk to them
  conclave put greeting hello       or in one shot
  conclave get greeting

Every command explains itself: conclave <COMMAND> --help";

/// Tells tokio how many threads carry out tasks.
const WORKER_THREADS_VARIABLE: &str = "TOKIO_WORKER_THREADS";

/// A replicated key-value store that elects its own leader.
#[derive(Debug, Parser)]
#[command(name = "conclave", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a cluster and a proxy on this machine until Ctrl+C
    Up(up::Args),
    /// Run one node of a cluster
    Node(Box<node::Args>),
    /// Run a proxy: what clients connect to
    Proxy(Box<proxy::Args>),
    /// Check and show the settings of nodes and proxies
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Make and show certificates
    #[command(subcommand)]
    Cert(cert::CertCommand),
    /// Open an interactive shell
    Client(shell::Args),
    /// Store a value under a key
    Put {
        #[command(flatten)]
        args: put::Args,
        #[command(flatten)]
        connection: Connection,
    },
    /// Read a key, a range of keys, or all keys with a prefix
    Get {
        #[command(flatten)]
        args: get::Args,
        #[command(flatten)]
        connection: Connection,
    },
    /// Delete a key, a range of keys, or all keys with a prefix
    Del {
        #[command(flatten)]
        args: del::Args,
        #[command(flatten)]
        connection: Connection,
    },
    /// Give up the past before a revision
    Compact {
        #[command(flatten)]
        args: compact::Args,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show and clear alarms
    Alarm(alarm::Args),
    /// Show how every node is and which one leads
    Status {
        #[command(flatten)]
        args: status_watch::Args,
        #[command(flatten)]
        connection: Connection,
    },
    /// Change who belongs to the cluster, or list who does
    Member(member::Args),
    /// Hand leadership over to another node
    Transfer {
        #[command(flatten)]
        args: transfer::Args,
        #[command(flatten)]
        connection: Connection,
    },
    /// Take backups, and make a new cluster of one
    #[command(subcommand)]
    Snapshot(snapshot::Args),
    /// Verify a stopped node's data directory
    Check(directory::check::Args),
    /// Make a stopped node's files smaller
    Defrag(directory::defrag::Args),
    /// Measure throughput, latency and interruptions
    Bench(bench::Args),
}

/// Exit code when the command line is wrong.
const MISUSED: u8 = 2;

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let file = match SettingsFile::of(&arguments) {
        Ok(file) => file,
        Err(error) => return fail(MISUSED, &error.to_string()),
    };
    match parse(&arguments, &file).map(run) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) if error.is::<UsageError>() => fail(MISUSED, &file.explain(&describe(&error))),
        Ok(Err(error)) => fail(FAILED, &describe(&error)),
        Err(Instead::Help(help)) => {
            // That nobody reads it is no failure.
            let _ = help.print();
            ExitCode::SUCCESS
        }
        Err(Instead::Shown(text)) => print(&text).unwrap_or_else(|error| fail(FAILED, &describe(&error))),
        Err(Instead::Wrong(message)) => fail(MISUSED, &message),
    }
}

/// What is said instead of running anything.
enum Instead {
    Help(Box<clap::Error>),
    Shown(String),
    Wrong(String),
}

/// The command line, with the settings of the environment and the file beneath it.
fn parse(arguments: &[OsString], file: &SettingsFile) -> Result<Command, Instead> {
    let wrong = |error: UsageError| Instead::Wrong(error.to_string());
    let explained = |error: clap::Error| match error.use_stderr() {
        true => Instead::Wrong(usage::one_line(&error)),
        false => Instead::Help(Box::new(error)),
    };
    let program = program_of(arguments);
    if let Some(program) = &program {
        file.check(Cli::command().find_subcommand(program).expect("it exists")).map_err(wrong)?;
    }
    let command = file.layer(Cli::command());
    let matches = command.try_get_matches_from(arguments).map_err(explained)?;
    if let Some(shown) = config::show(&Cli::command(), &matches, file) {
        return Err(Instead::Shown(shown));
    }
    Cli::from_arg_matches(&matches).map(|cli| cli.command).map_err(explained)
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(args) => block_on(up::run(args)),
        Command::Node(args) => daemon(node::run(*args)),
        Command::Proxy(args) => daemon(proxy::run(*args)),
        Command::Config(args) => print(&args.run()?),
        Command::Cert(args) => print(&args.run()?),
        Command::Client(args) => block_on(shell::run(args)),
        Command::Put { args, connection } => one_shot(async { args.run(&connection.client()?).await }),
        Command::Get { args, connection } => one_shot(async { args.run(&connection.client()?).await }),
        Command::Del { args, connection } => one_shot(async { args.run(&connection.client()?).await }),
        Command::Compact { args, connection } => one_shot(async { args.run(&connection.client()?).await }),
        Command::Alarm(args) => one_shot(args.run()),
        Command::Status { args, connection } => block_on(async { args.run(&connection.client()?).await }),
        Command::Member(args) => one_shot(args.run()),
        Command::Transfer { args, connection } => one_shot(async { args.run(&connection.client()?).await }),
        Command::Snapshot(args) => one_shot(args.run()),
        Command::Check(args) => Ok(args.run()),
        Command::Defrag(args) => print(&args.run()?),
        Command::Bench(args) => block_on(bench::run(args)),
    }
}

/// A program that other programs of the machine, and its own threads of the disk, work beside. With a thread for every processor
/// most of what a task wakes is another thread, which costs more than to go on with that by itself (docs/performance.md).
fn daemon(program: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    let mut builder = Builder::new_multi_thread();
    if std::env::var_os(WORKER_THREADS_VARIABLE).is_none() {
        let processors = available_parallelism().map_or(1, NonZero::get);
        builder.worker_threads((processors / 2).max(1));
    }
    run_on(&mut builder, program).map(|()| ExitCode::SUCCESS)
}

fn one_shot(command: impl Future<Output = anyhow::Result<String>>) -> anyhow::Result<ExitCode> {
    print(&block_on(command)?)
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    run_on(&mut Builder::new_multi_thread(), work)
}

fn run_on<T>(builder: &mut Builder, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = builder.enable_all().build().context("cannot start the runtime")?;
    let outcome = runtime.block_on(work);
    // A thread that waits for a line of input must not keep the process alive.
    runtime.shutdown_background();
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wrong_command_line_is_explained_in_one_line() {
        for (line, expected) in [
            ("conclave pit a b", "a similar subcommand exists: 'put'"),
            ("conclave get key --prefx", "a similar argument exists: '--prefix'"),
            ("conclave put key", "were not provided: <VALUE>"),
            ("conclave up --nodes zero", "invalid value 'zero' for '--nodes"),
            ("conclave", "usage: conclave <COMMAND>"),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
            let message = usage::one_line(&error);
            assert!(message.contains(expected), "{line}: {message}");
            assert!(!message.contains('\n'), "{line}: {message}");
        }
    }
}
