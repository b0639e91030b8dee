//! The one thread that makes records durable, many with one sync.
//!
//! Whoever decides puts the changes into a queue and gets a number. The thread takes all that has queued, commits it as
//! one, and publishes up to which number everything is durable. While a sync runs, the next commit gathers: a thousand
//! messages at once cost a few syncs, and one alone costs one.
//!
//! A commit that fails is kept and tried again with what came meanwhile, once a second; on a full disk at once, after the
//! room that was kept for it has been given up. Nothing that was queued is ever forgotten while this process lives.
//! *Trouble* is the time since which commits fail, or one has not returned; what follows from it is not decided here.
//!
//! Removals are chores: they change no decision, and after a long pause there may be very many. At most [`CHORES`] go with
//! one commit, so that no message waits behind them; what is left when we end is found again at the next start.
//!
//! Bounds: what is queued is what was let out during trouble, for at most an epoch, and what the window admits of it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rangelight_policy::slashing::Record;
use tokio::sync::watch;

use super::store::{Changes, Fault, Store};

/// A sync longer than this is worth an alarm: duties wait for it.
pub const SLOW: Duration = Duration::from_millis(500);

/// So often a failed commit is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Removals in one commit: some milliseconds.
const CHORES: usize = 512;

/// How the writing goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to this number is durable.
    pub durable: u64,
    /// Everything up to this number was tried.
    pub tried: u64,
    /// When the commit that runs was begun.
    pub committing: Option<Instant>,
    /// Since when commits fail, and with what.
    pub failing: Option<(Instant, Fault)>,
    /// The thread has ended; nothing more becomes durable.
    pub ended: bool,
}

/// What the owner should know of the writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A commit took this long.
    Slow(Duration),
    /// A commit failed.
    Failed(Fault),
    /// The disk is full, and the room that was kept for it has been given up.
    GaveRoom,
    /// Commits work again.
    Cured,
}

/// The thread, and the queue before it.
pub struct Writer {
    desk: Arc<Desk>,
    progress: watch::Receiver<Progress>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Desk {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Default)]
struct Queue {
    changes: Changes,
    chores: Vec<Record>,
    last: u64,
    closing: bool,
}

impl Writer {
    /// Starts the thread. `news` is called on it.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(store: Box<dyn Store>, news: impl Fn(News) + Send + 'static) -> std::io::Result<Self> {
        let desk = Arc::new(Desk { queue: Mutex::default(), filled: Condvar::new() });
        let (publish, progress) = watch::channel(Progress::default());
        let bench = Bench { desk: Arc::clone(&desk), store, publish, news: Box::new(news) };
        let thread = std::thread::Builder::new().name("guard".to_owned()).spawn(move || bench.work())?;
        Ok(Self { desk, progress, thread: Mutex::new(Some(thread)) })
    }

    /// Queues changes; the number that they become durable with. Without changes, that of all that was queued before.
    pub fn queue(&self, mut changes: Changes) -> u64 {
        let mut queue = self.desk.lock();
        if !changes.is_empty() {
            queue.chores.append(&mut changes.remove);
            queue.changes.then(changes);
            queue.last += 1;
            self.desk.filled.notify_one();
        }
        queue.last
    }

    /// How the writing goes, to wait on.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Lets the thread commit what is queued, and waits for its end. Blocks.
    pub fn close(&self) {
        self.end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It ends by itself or has panicked; either way the file is let go.
            let _ = thread.join();
        }
    }

    fn end(&self) {
        self.desk.lock().closing = true;
        self.desk.filled.notify_one();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Desk {
    /// What is in the queue is whole whoever panicked beside it.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own side.
struct Bench {
    desk: Arc<Desk>,
    store: Box<dyn Store>,
    publish: watch::Sender<Progress>,
    news: Box<dyn Fn(News) + Send>,
}

impl Bench {
    fn work(mut self) {
        self.store.reserve();
        let mut carried = Changes::default();
        while let Some((changes, last, closing)) = self.next(carried.is_empty()) {
            carried.then(changes);
            if !carried.is_empty() && self.commit(&carried, last) {
                carried = Changes::default();
            }
            if closing {
                break;
            }
        }
        // The file is let go before anybody is told that it is.
        drop(self.store);
        self.publish.send_modify(|progress| progress.ended = true);
    }

    /// Waits for something to do: what queued, its number, whether it is the last. With something carried it waits no
    /// longer than [`AGAIN`].
    fn next(&self, idle: bool) -> Option<(Changes, u64, bool)> {
        let mut queue = self.desk.lock();
        while queue.changes.is_empty() && queue.chores.is_empty() && !queue.closing {
            if idle {
                queue = self.desk.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
            } else {
                queue = self.desk.filled.wait_timeout(queue, AGAIN).unwrap_or_else(PoisonError::into_inner).0;
                break;
            }
        }
        let mut changes = std::mem::take(&mut queue.changes);
        if idle {
            let rest = queue.chores.len().saturating_sub(CHORES);
            changes.remove = queue.chores.split_off(rest);
        }
        if queue.closing && changes.is_empty() && idle { None } else { Some((changes, queue.last, queue.closing)) }
    }

    fn commit(&mut self, changes: &Changes, last: u64) -> bool {
        let began = Instant::now();
        self.publish.send_modify(|progress| progress.committing = Some(began));
        let mut done = self.store.commit(changes);
        if matches!(done, Err(Fault::Full(_))) && self.store.make_room() {
            (self.news)(News::GaveRoom);
            done = self.store.commit(changes);
        }
        let took = began.elapsed();
        if took > SLOW {
            (self.news)(News::Slow(took));
        }
        let failing = self.publish.borrow().failing.clone();
        match &done {
            Ok(()) if failing.is_some() => (self.news)(News::Cured),
            Err(fault) if failing.as_ref().is_none_or(|(_, known)| known != fault) => {
                (self.news)(News::Failed(fault.clone()));
            }
            Ok(()) | Err(_) => {}
        }
        self.publish.send_modify(|progress| {
            progress.committing = None;
            progress.tried = last;
            match &done {
                Ok(()) => (progress.durable, progress.failing) = (last, None),
                Err(fault) => progress.failing = Some((failing.map_or(began, |(since, _)| since), fault.clone())),
            }
        });
        done.is_ok()
    }
}
