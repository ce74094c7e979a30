//! The `conclave` program.
#![allow(clippy::print_stderr)]

use std::process::ExitCode;

#[cfg(not(madsim))]
fn main() -> ExitCode {
    conclave::cli::main()
}

#[cfg(madsim)]
fn main() -> ExitCode {
    eprintln!(
        "error: this binary was built for simulation; build it without '--cfg madsim', or run 'cargo sim'"
    );
    ExitCode::from(2)
}
