//! The simulated world is another build of the same code: tests run it by cargo, as a person would.

use std::process::{Command, Output};

/// Runs an alias of .cargo/config.toml. Flags from outside would override those that make the world a simulated one.
pub(crate) fn cargo(alias: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .arg(alias)
        .args(arguments)
        .output()
        .expect("cargo runs, for it runs this test")
}

pub(crate) fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
