//! stub
use clap::Parser;
use std::process::ExitCode;
mod run;
#[derive(Parser, Debug)]
pub struct Cli {
    cmd: Option<String>,
    #[arg(long)]
    config: Option<std::path::PathBuf>,
}
pub fn run(c: Cli) -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let s = crate::config::Sources::of_process(crate::config::Overrides { config: c.config, listen: None });
    match crate::config::load(&s) {
        Ok(l) => run::run(s, l).unwrap_or_else(|c| c),
        Err(p) => {
            eprintln!("{p}");
            ExitCode::from(2)
        }
    }
}
