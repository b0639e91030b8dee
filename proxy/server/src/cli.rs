//! What can be typed, and the exit codes: 0 done, 1 it does not work, 2 the configuration or the command is wrong.
//!
//! Only this folder writes to standard output; everything else logs to standard error. Commands that talk to a running
//! Rangelight do so over its admin listener, found through the same configuration. A configuration with problems does
//! not keep them from it: as much of it as can be read says where to ask, else the default address. They then end with
//! 2 only if nothing answers there.
//!
//! A reader that goes away (`rangelight endpoints | head`) is no fault: what is left is not written.

#![allow(clippy::print_stdout, clippy::print_stderr)] // This is the part that talks to a terminal.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::{self, AdminConfig, Loaded, Overrides, Sources};

mod ask;
mod check;
mod demo;
mod endpoints;
mod guard;
mod run;
mod table;

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
    /// What the slashing guard remembers. Rangelight must be stopped for it.
    #[command(subcommand)]
    Guard(guard::Guard),
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

#[derive(Clone, Debug, Args)]
struct Where {
    /// The configuration file. Default: `$RANGELIGHT_CONFIG`, `./config.toml`, `/etc/rangelight/config.toml`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum NodeCommand {
    /// Takes a node out of reads (it still receives publications). Exit 1 if it is not safe to stop it now.
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
            raise_descriptors();
            let sources = sources(run.place, run.listen);
            load(&sources).and_then(|loaded| run::run(sources, loaded))
        }
        Command::Demo(demo) => {
            log_to_stderr(false, "warn");
            raise_descriptors();
            demo::run(&demo)
        }
        Command::Check(place) => load(&sources(place, None)).and_then(|loaded| check::run(&loaded)),
        Command::Status(place) => asking(place, ask::status),
        Command::Node(NodeCommand::Cordon { name, place }) => asking(place, |admin| ask::cordon(admin, &name, true)),
        Command::Node(NodeCommand::Uncordon { name, place }) => asking(place, |admin| ask::cordon(admin, &name, false)),
        Command::Guard(command) => {
            log_to_stderr(false, "warn");
            load(&sources(command.place(), None)).and_then(|loaded| guard::run(&command, &loaded.config))
        }
        Command::Endpoints(endpoints) => Ok(endpoints::run(&endpoints)),
    };
    outcome.unwrap_or_else(|failure| failure)
}

fn sources(place: Where, listen: Option<String>) -> Sources {
    Sources::of_process(Overrides { config: place.config, listen })
}

/// Reads the configuration; everything that is wrong with it is printed at once.
fn load(sources: &Sources) -> Result<Loaded, ExitCode> {
    config::load(sources).map_err(|problems| {
        complain(&problems.to_string());
        ExitCode::from(2)
    })
}

/// Asks the running Rangelight, whose configuration may be better than the file that lies there now: a file that is being
/// edited, or that only its user may read, must not hide what runs. If nothing answers, the file is to blame.
fn asking(place: Where, talk: impl FnOnce(&AdminConfig) -> Result<ExitCode, ExitCode>) -> Result<ExitCode, ExitCode> {
    let (admin, problems) = config::admin(&sources(place, None));
    let Some(problems) = problems else { return talk(&admin) };
    complain(&format!(
        "{problems}\nThe configuration has problems; asking the admin listener at {} all the same.",
        admin.address
    ));
    talk(&admin).map_err(|_| ExitCode::from(2))
}

/// Logs to standard error: what `RUST_LOG` says, else this level. A service manager gets no colours.
fn log_to_stderr(json: bool, level: &str) {
    let wanted = std::env::var("RUST_LOG").ok().filter(|wanted| !wanted.is_empty());
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(level)).unwrap_or_else(|error| {
        complain(&format!("RUST_LOG cannot be understood ({error}); logging at {level}"));
        EnvFilter::new(level)
    });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let set = match json {
        true => builder.json().flatten_event(true).try_init(),
        false => builder.with_ansi(io::stderr().is_terminal()).try_init(),
    };
    // A program that calls us may log in a way of its own.
    drop(set);
}

/// Lets this process have as many file descriptors as the system grants it.
///
/// Each caller and each exchange is a connection, and the usual soft limit of 1,024 is there for programs that call
/// `select`, which we don't. A burst of duties must not end at it.
fn raise_descriptors() -> bool {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    if let Err(cause) = &raised {
        tracing::warn!("the limit of file descriptors stays as it is: {cause}");
    }
    raised.is_ok()
}

/// Runs one command's talk with nodes or with the admin listener.
fn block_on<T>(talk: impl Future<Output = T>) -> Result<T, ExitCode> {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Ok(runtime.block_on(talk)),
        Err(error) => {
            complain(&format!("the runtime cannot be started: {error}"));
            Err(ExitCode::FAILURE)
        }
    }
}

/// Writes lines to standard output.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", text.strip_suffix('\n').unwrap_or(text)).and_then(|()| out.flush());
}

/// Writes lines to standard error.
fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text.strip_suffix('\n').unwrap_or(text));
}

#[cfg(test)]
mod tests {
    use rlimit::Resource;

    #[test]
    fn every_column_is_explained() {
        let page = include_str!("../../../docs/reference/commands.md");
        for (command, headings) in [("status", super::ask::HEADINGS), ("check", super::check::HEADINGS)] {
            let (_, section) = page.split_once(&format!("\n## `rangelight {command}`\n")).expect("it has a section");
            let section = section.split("\n## ").next().unwrap_or_default();
            let explained: Vec<&str> = section
                .lines()
                .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
                .map(|(column, _)| column)
                .take(headings.len())
                .collect();
            assert_eq!(explained, headings, "{command}");
        }
    }

    #[test]
    fn the_soft_limit_of_file_descriptors_becomes_the_hard_one() {
        let (_, hard) = Resource::NOFILE.get().expect("the limits");
        Resource::NOFILE.set(hard.min(512), hard).expect("a lower soft limit");
        assert!(super::raise_descriptors());
        assert_eq!(Resource::NOFILE.get().expect("the limits"), (hard, hard));
    }
}
