//! `rangelight run`: starts, reloads when the configuration changes, drains when told to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use crate::Rangelight;
use crate::config::{Loaded, Sources, watch};
use crate::limits::Limits;
use crate::state::State;

/// The whole drain (DESIGN 4.18): service managers kill after ten seconds.
const DRAIN: Duration = Duration::from_secs(8);

/// Runs until a signal ends it.
pub(super) fn run(sources: Sources, loaded: Loaded) -> Result<ExitCode, ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| {
        error!("the runtime cannot be started: {cause}");
        ExitCode::FAILURE
    })?;
    let code = runtime.block_on(serve(sources, loaded));
    // Everything that must end well has; a connection that a node never answers must not hold the process.
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(code)
}

async fn serve(sources: Sources, loaded: Loaded) -> ExitCode {
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    let started = start(&loaded).await;
    let (mut rangelight, mut ends) = match started {
        Ok(started) => started,
        Err(reason) => {
            error!("{reason}");
            return ExitCode::FAILURE;
        }
    };
    let mut latest = match watch::watch(sources, loaded) {
        Ok(latest) => Some(latest),
        Err(cause) => {
            error!("the configuration will not be reloaded: {cause}");
            None
        }
    };
    loop {
        let changed = async {
            match &mut latest {
                Some(latest) => latest.changed().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            true = changed => {
                let loaded = latest.as_mut().map(|latest| Arc::clone(&latest.borrow_and_update().loaded));
                if let Some(loaded) = loaded {
                    rangelight.reconfigure(&loaded.config).await;
                    info!(nodes = loaded.config.nodes.len(), "the nodes are those of the new configuration; \
                        listeners, mode, network and state change with the next start");
                }
            }
            reason = rangelight.failed() => {
                error!("{reason}");
                return ExitCode::FAILURE;
            }
            () = ends.received() => break,
        }
    }
    info!("draining: no new connections; requests and publications in flight go on for up to {DRAIN:?}");
    match rangelight.drain(DRAIN).await {
        0 => ExitCode::SUCCESS,
        left => {
            warn!(publications = left, "ended before these publications had reached every node");
            ExitCode::SUCCESS
        }
    }
}

async fn start(loaded: &Loaded) -> Result<(Rangelight, Ends), String> {
    let ends = Ends::new().map_err(|cause| format!("signals cannot be received: {cause}"))?;
    let state = State::open(&loaded.config.state).map_err(|error| error.to_string())?;
    let rangelight = Rangelight::start(&loaded.config, Some(Arc::new(state)), &Limits::default());
    Ok((rangelight.map_err(|unstarted| unstarted.to_string())?, ends))
}

/// The signals that end us.
struct Ends {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Ends {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
