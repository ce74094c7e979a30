//! Command lines, for the tests of those who declare options.

use clap::Parser;

#[derive(Debug, Parser)]
struct Line<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

/// The options of a command line, without the name of the program.
pub(super) fn options<A: clap::Args>(line: &str) -> Result<A, clap::Error> {
    let words = std::iter::once("conclave").chain(line.split_whitespace());
    Line::try_parse_from(words).map(|line| line.args)
}
