//! What can be typed, and the exit codes: 0 done, 1 it does not work, 2 the configuration or the command is wrong.
//!
//! Only this folder writes to standard output; everything else logs. Commands that talk to a running Rangelight do so
//! over its admin listener, found through the same configuration.

#![allow(clippy::print_stdout, clippy::print_stderr)] // This is the part that talks to a terminal.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::{self, Config, Overrides};

mod ask;
mod check;
mod demo;
mod endpoints;
mod run;

/// A reverse proxy for Ethereum solo stakers: one validator client sees one perfect beacon node.
#[derive(Debug, Parser)]
#[command(name = "rangelight", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the proxy.
    Run(Run),
    /// Shows the main job on simulated nodes, with a validator client and a tour of faults. Needs nothing.
    Demo(demo::Demo),
    /// Shows the effective settings with their origin, and contacts every node. Exit 1 if none is usable.
    Check(Where),
    /// Shows the nodes as the running proxy sees them. Exit 1 if no node is ready.
    Status(Where),
    /// Maintenance of a node.
    #[command(subcommand)]
    Node(NodeCommand),
    /// Lists every operation: method, path, strategy, scope, deadline, media types.
    Endpoints(endpoints::Endpoints),
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    place: Where,
    /// Replaces `[listen] address`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Log as JSON, one object per line.
    #[arg(long)]
    log_json: bool,
}

#[derive(Debug, Args)]
struct Where {
    /// The configuration file. Default: `$RANGELIGHT_CONFIG`, `./config.toml`, `/etc/rangelight/config.toml`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum NodeCommand {
    /// Takes a node out of reads (it still receives publications) and says whether it may be stopped now.
    Cordon {
        /// The node's name.
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// Lets a node take part again.
    Uncordon {
        /// The node's name.
        name: String,
        #[command(flatten)]
        place: Where,
    },
}

/// Runs what was typed.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Run(run) => {
            log_to_stderr(run.log_json, "info");
            load(&run.place, run.listen).and_then(|loaded| run::run(&run.place, loaded))
        }
        Command::Demo(demo) => {
            log_to_stderr(false, "warn");
            demo::run(&demo)
        }
        Command::Check(place) => load(&place, None).and_then(|loaded| check::run(&loaded)),
        Command::Status(place) => load(&place, None).and_then(|loaded| ask::status(&loaded.config)),
        Command::Node(NodeCommand::Cordon { name, place }) => {
            load(&place, None).and_then(|loaded| ask::cordon(&loaded.config, &name, true))
        }
        Command::Node(NodeCommand::Uncordon { name, place }) => {
            load(&place, None).and_then(|loaded| ask::cordon(&loaded.config, &name, false))
        }
        Command::Endpoints(endpoints) => Ok(endpoints::run(&endpoints)),
    };
    outcome.unwrap_or_else(|failure| failure)
}
