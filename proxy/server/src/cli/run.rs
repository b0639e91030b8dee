//! `rangelight run`: starts, reloads when the configuration changes, drains when told to stop.
//!
//! Under systemd it says when it is ready, reloading and stopping (`Type=notify-reload`), and feeds the watchdog.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use crate::Rangelight;
use crate::config::watch::{self, Latest};
use crate::config::{self, Loaded, NodeChanges, Sources};
use crate::limits::Limits;
use crate::observe;
use crate::state::State;

/// The whole drain of a stop: service managers kill after ten seconds.
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
    let begun = loaded.config.clone();
    let mut running = loaded.config.nodes.clone();
    let mut latest = match watch::watch(sources, loaded) {
        Ok(latest) => Some(latest),
        Err(cause) => {
            error!("the configuration will not be reloaded: {cause}");
            None
        }
    };
    announce(&[NotifyState::Ready]);
    let watchdog = tokio::spawn(feed_watchdog());
    let code = loop {
        let changed = async {
            match &mut latest {
                Some(latest) => latest.changed().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            true = changed => {
                let now = latest.as_mut().map(|latest| latest.borrow_and_update().clone());
                // What is wrong with a refused one was logged; the nodes stay as they are.
                if let Some(Latest { loaded, refused: None }) = now {
                    let since = NotifyState::monotonic_usec_now().ok();
                    announce(&[NotifyState::Reloading].into_iter().chain(since).collect::<Vec<_>>());
                    rangelight.reconfigure(&loaded.config).await;
                    observe::nodes_reloaded(&NodeChanges::between(&running, &loaded.config.nodes));
                    running.clone_from(&loaded.config.nodes);
                    let waiting = config::waiting(&begun, &loaded.config);
                    if !waiting.is_empty() {
                        observe::options_wait(&waiting);
                    }
                    announce(&[NotifyState::Ready]);
                }
            }
            reason = rangelight.failed() => {
                error!("{reason}");
                break ExitCode::FAILURE;
            }
            () = ends.received() => break ExitCode::SUCCESS,
        }
    };
    announce(&[NotifyState::Stopping]);
    watchdog.abort();
    info!("draining: no new connections; requests and publications in flight go on for up to {DRAIN:?}");
    tokio::select! {
        // What did not end is logged there, by name.
        _ = rangelight.drain(DRAIN) => {}
        () = ends.received() => warn!("told to stop again: what was still in flight is cut"),
    }
    code
}

async fn start(loaded: &Loaded) -> Result<(Rangelight, Ends), String> {
    let ends = Ends::new().map_err(|cause| format!("signals cannot be received: {cause}"))?;
    let state = State::open(&loaded.config.state).map_err(|error| error.to_string())?;
    let rangelight = Rangelight::start(&loaded.config, Some(Arc::new(state)), &Limits::default());
    Ok((rangelight.map_err(|unstarted| unstarted.to_string())?, ends))
}

/// Tells systemd, if it started us. A failure changes nothing for the validator client.
fn announce(state: &[NotifyState<'_>]) {
    if let Err(cause) = sd_notify::notify(state) {
        warn!("systemd was not told: {cause}");
    }
}

/// Shows the service manager that the runtime still turns, twice as often as it wants to see it.
async fn feed_watchdog() {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    loop {
        announce(&[NotifyState::Watchdog]);
        tokio::time::sleep(patience / 2).await;
    }
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
