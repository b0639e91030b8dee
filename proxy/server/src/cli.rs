//! provisional
use clap::Parser;
use std::process::ExitCode;
mod demo;
mod run;
/// provisional
#[derive(Parser, Debug)]
pub struct Cli {
    cmd: Option<String>,
    #[command(flatten)]
    demo: demo::Demo,
    #[arg(long)]
    config: Option<std::path::PathBuf>,
}
/// provisional
pub fn run(c: Cli) -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    if c.cmd.as_deref() == Some("demo") {
        return demo::run(&c.demo).unwrap_or_else(|c| c);
    }
    let s = crate::config::Sources::of_process(crate::config::Overrides { config: c.config, listen: None });
    match crate::config::load(&s) {
        Ok(l) => run::run(s, l).unwrap_or_else(|c| c),
        Err(p) => {
            eprintln!("{p}");
            ExitCode::from(2)
        }
    }
}
