//! The configuration is read again when it changes, and when somebody asks by SIGHUP.
//!
//! Every second the content of all files that the last reading looked at (the file, tokens, certificates, also those
//! that were not there) is compared with what it was then. A difference is read only once it has stayed the same for
//! two looks: an editor that writes a file in pieces must not make us drop the nodes of its second half. SIGHUP reads
//! at once, and tells the receivers even if nothing differs.
//!
//! A configuration with a problem changes nothing: the one that runs stays, the problems are logged once and can be
//! shown from [`Latest::refused`] until the file is good again. What of a good one takes effect without a restart is
//! for those who receive it to say.
//!
//! The environment and the command line of a running process do not change, so they are those of its start.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use super::files::Seen;
use super::{Loaded, Problems, Sources, read};

/// Between two looks at the files: a person waits for two of them, and the work is a few reads from the page cache.
const PERIOD: Duration = Duration::from_secs(1);

/// The configuration as it stands.
#[derive(Clone, Debug)]
pub struct Latest {
    /// The last good one: the one to run.
    pub loaded: Arc<Loaded>,
    /// What is wrong with the files as they lie there now; `None` = they are those of `loaded`.
    pub refused: Option<Arc<Problems>>,
}

/// Looks at the files; does no waiting of its own.
struct Watcher {
    sources: Sources,
    /// What the last reading saw.
    seen: Seen,
    /// A difference that was seen once.
    settling: Option<Seen>,
}

/// Watches from now on; `running` is what the program was started with. The task ends when no receiver is left.
///
/// # Errors
///
/// The system refuses to deliver SIGHUP to us.
pub fn watch(sources: Sources, running: Loaded) -> io::Result<watch::Receiver<Latest>> {
    Ok(watch_every(PERIOD, signal(SignalKind::hangup())?, sources, running))
}

fn watch_every(period: Duration, mut ask: Signal, sources: Sources, running: Loaded) -> watch::Receiver<Latest> {
    let (sender, receiver) = watch::channel(Latest { loaded: Arc::new(running), refused: None });
    tokio::spawn(async move {
        let mut watcher = Watcher { sources, seen: Seen::default(), settling: None };
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first look reads, so that a change between the start and now is not missed; it is news only if it differs.
        let mut first = true;
        loop {
            let asked = tokio::select! {
                _ = ticks.tick() => false,
                Some(()) = ask.recv() => true,
                () = sender.closed() => return,
            };
            let looked = tokio::task::spawn_blocking(move || {
                let result = watcher.look(first || asked);
                (watcher, result)
            });
            // The runtime drops blocking work only when it shuts down.
            let Ok((back, result)) = looked.await else { return };
            watcher = back;
            match result {
                Some(Ok(loaded)) if first && !asked && loaded == *sender.borrow().loaded => {}
                Some(result) => tell(&sender, result),
                None => {}
            }
            first = false;
        }
    });
    receiver
}

fn tell(sender: &watch::Sender<Latest>, result: Result<Loaded, Problems>) {
    match result {
        Ok(loaded) => {
            info!(nodes = loaded.config.nodes.len(), "the configuration was read again");
            sender.send_replace(Latest { loaded: Arc::new(loaded), refused: None });
        }
        Err(problems) => {
            error!(%problems, "the configuration has problems, the one that runs stays");
            sender.send_modify(|latest| latest.refused = Some(Arc::new(problems)));
        }
    }
}

// === impl Watcher ===

impl Watcher {
    /// One look: `None` when there is nothing to read, or not yet.
    fn look(&mut self, asked: bool) -> Option<Result<Loaded, Problems>> {
        if !asked {
            let now = self.seen.again();
            if now == self.seen {
                self.settling = None;
                return None;
            }
            if self.settling.as_ref() != Some(&now) {
                self.settling = Some(now);
                return None;
            }
        }
        let (result, seen) = read(&self.sources);
        self.seen = seen;
        self.settling = None;
        Some(result)
    }
}

#[cfg(test)]
mod tests;
