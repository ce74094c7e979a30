//! `conclave client`: the interactive shell.

mod command;
mod input;

use std::{io::Write, process::ExitCode};

use self::{
    command::Outcome,
    input::{Input, Line},
};
use super::{
    connection::Connection,
    output::{FAILED, INTERRUPTED, describe, print, tell},
};
use crate::client::Client;

const EXAMPLES: &str = "\
EXAMPLES
  conclave client
  conclave client --endpoints 10.0.0.5:2379,10.0.0.6:2379
  echo 'put greeting hello' | conclave client      lines from a pipe or a file; exit code 1 if one fails

In the shell, 'help' lists the commands.";

/// Open an interactive shell
///
/// It reads a command a line: put, get, del, status, help, exit. A wrong line is explained, and the shell goes on.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    connection: Connection,
}

/// Whether a line is understood, without carrying it out.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn check_line(line: &str) -> Result<(), String> {
    command::parse(line).map(drop)
}

/// Reads lines and carries them out until the input ends. Ctrl+C ends the process at once, whatever it is doing.
pub(super) async fn run(Args { connection }: Args) -> anyhow::Result<ExitCode> {
    let client = connection.client()?;
    let mut input = Input::open()?;
    tokio::spawn(die_on_ctrl_c());
    if input.is_interactive() {
        greet(&connection);
    }
    let mut has_failed = false;
    loop {
        // Other tasks run on other threads, so this one may wait for the keyboard.
        let outcome = match tokio::task::block_in_place(|| input.next_line())? {
            Line::Text(text) => carry_out(&client, &text).await,
            Line::Unreadable(reason) => Err(reason),
            Line::End => Ok(Outcome::Leave),
            Line::Interrupt => std::process::exit(INTERRUPTED.into()),
        };
        match outcome {
            Ok(Outcome::Stay) => {}
            // Who types has read what failed; a script looks at the exit code.
            Ok(Outcome::Leave) if has_failed && !input.is_interactive() => return Ok(ExitCode::from(FAILED)),
            Ok(Outcome::Leave) => return Ok(ExitCode::SUCCESS),
            Err(message) => {
                complain(&message);
                has_failed = true;
            }
        }
    }
}

async fn carry_out(client: &Client, line: &str) -> Result<Outcome, String> {
    let Some(request) = command::parse(line)? else { return Ok(Outcome::Stay) };
    let answered = request.run(client).await.and_then(|(text, outcome)| print(&text).map(|_| outcome));
    answered.map_err(|error| describe(&error))
}

fn greet(connection: &Connection) {
    let endpoints = connection.endpoint_texts().join(", ");
    tell(&format!("conclave at {endpoints}; 'help' lists the commands, Ctrl+D leaves\n"));
}

/// Says what is wrong with a line, and the shell goes on.
fn complain(message: &str) {
    let _ = std::io::stdout().flush();
    eprintln!("error: {message}");
}

/// A client that dies in the middle of its work: the others must not notice, so there is nothing to tidy up.
async fn die_on_ctrl_c() {
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(INTERRUPTED.into());
    }
}
