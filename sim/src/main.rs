//! `cargo sim`: the simulation's command line.
#![allow(clippy::print_stderr)]

/// As in production.
#[cfg(madsim)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(not(madsim))]
fn main() {
    eprintln!(
        "error: this binary was built without the simulator: run `cargo sim` with the RUSTFLAGS variable unset \
         (it overrides the flags that .cargo/config.toml gives)"
    );
    std::process::exit(2);
}

#[cfg(madsim)]
fn main() -> std::process::ExitCode {
    conclave_sim::campaign::main()
}
