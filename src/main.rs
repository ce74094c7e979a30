//! The `conclave` program.
#![allow(clippy::print_stderr)]

use std::process::ExitCode;

// A proxy and a node mostly allocate and free small messages, on several threads.
#[cfg(not(madsim))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
