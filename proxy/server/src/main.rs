//! The command line: parse, then hand over to the command.

use std::process::ExitCode;

use clap::Parser;
use rangelight::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
