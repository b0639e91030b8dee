//! One answer per duty: single flight and memo.
//!
//! Validator clients ask twice: for each of their keys, again after a hang-up, once more when they aggregate. They must
//! get the same bytes, since a second answer may differ, and what was signed over the first would not fit it. So the
//! first request under a key makes the answer, those that come meanwhile wait for it, and later ones get it from here.
//!
//! An answer holds as long as what it was made under (the view, mostly) and not beyond its time. It can be frozen: when
//! something signed with it has gone out, it stays as it is until its time is over, whatever the view does.
//!
//! A failure is never kept: the next one asks again. If the one who makes the answer hangs up, the next who waits makes
//! it. Bounds: [`ENTRIES`] keys and [`BYTES`] bytes; beyond them expired answers go, then those that expire soonest,
//! which costs a caller no more than a second race. An answer that streams is passed on and not kept.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dashmap::DashMap;
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use rangelight_policy::chain::{Moment, Root};
use rangelight_policy::duty;

use crate::reply::{Refusal, Reply, whole};

#[cfg(test)]
mod tests;

/// Keys at one time. A VC of a thousand keys asks for some hundred different duties in an epoch.
pub const ENTRIES: usize = 4_096;

/// Bytes of all kept answers: a few blocks with blobs and everything small. They are part of the body budget.
pub const BYTES: usize = 64 << 20;

/// So often what has expired is looked for, in milliseconds.
const TIDY_MS: u64 = 2_000;

/// The answers that are kept.
#[derive(Debug, Default)]
pub struct Memo {
    entries: DashMap<String, Arc<Entry>>,
    tidied: AtomicU64,
}

/// By which name an answer is kept, if it can be frozen at all.
#[derive(Clone, Copy, Debug)]
pub struct Named(pub Option<Root>);

/// One key. The turn is held by the one who makes the answer.
#[derive(Debug, Default)]
struct Entry {
    turn: tokio::sync::Mutex<()>,
    kept: Mutex<Option<Kept>>,
}

#[derive(Clone, Debug)]
struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    under: Root,
    until: Moment,
    name: Option<Root>,
    frozen: bool,
}

// === Memo ===

impl Memo {
    /// The kept answer, else the one that `make` gives, which is then kept if it is a success and `keep` names it.
    ///
    /// # Errors
    /// What `make` refuses.
    pub async fn answer(
        &self,
        wanted: &duty::Memo,
        now: Moment,
        make: impl Future<Output = Result<Reply, Refusal>>,
        keep: impl FnOnce(&Parts, &Bytes) -> Option<Named>,
    ) -> Result<Reply, Refusal> {
        let entry = Arc::clone(&self.entries.entry(wanted.key.clone()).or_default());
        let _turn = entry.turn.lock().await;
        if let Some(kept) = entry.kept(wanted, now) {
            return Ok(kept.reply());
        }
        let reply = make.await?;
        if !reply.status().is_success() || reply.body().size_hint().exact().is_none() {
            return Ok(reply);
        }
        let (parts, body) = reply.into_parts();
        let body =
            body.collect().await.map_err(|_| Refusal::unavailable("the answer broke off on its way"))?.to_bytes();
        if let Some(Named(name)) = keep(&parts, &body) {
            entry.keep(Kept {
                status: parts.status,
                headers: parts.headers.clone(),
                body: body.clone(),
                under: wanted.under,
                until: wanted.until,
                name,
                frozen: false,
            });
        }
        if now.0 / TIDY_MS != self.tidied.swap(now.0 / TIDY_MS, Ordering::Relaxed) || self.entries.len() > ENTRIES {
            self.tidy(now);
        }
        Ok(Reply::from_parts(parts, whole(body)))
    }

    /// Freezes what is meant, as it is now. False if nothing of it is kept.
    pub fn freeze(&self, meant: &duty::Freeze) -> bool {
        let mut frozen = false;
        for entry in self.entries.iter().filter(|entry| entry.key().starts_with(&meant.keys)) {
            if let Some(kept) = lock(&entry.kept).as_mut().filter(|kept| kept.name == Some(meant.name)) {
                kept.frozen = true;
                frozen = true;
            }
        }
        frozen
    }

    fn tidy(&self, now: Moment) {
        // An entry that somebody works with has another owner beside the map.
        self.entries.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.until().is_some_and(|until| until > now));
        let mut kept: Vec<(Moment, usize, String)> = self
            .entries
            .iter()
            .filter_map(|entry| Some((entry.until()?, entry.bytes(), entry.key().clone())))
            .collect();
        let mut bytes: usize = kept.iter().map(|(_, bytes, _)| bytes).sum();
        if kept.len() <= ENTRIES && bytes <= BYTES {
            return;
        }
        kept.sort_unstable();
        let mut count = kept.len();
        for (_, size, key) in kept {
            if count <= ENTRIES && bytes <= BYTES {
                return;
            }
            self.entries.remove(&key);
            count -= 1;
            bytes -= size;
        }
    }
}

// === Entry, Kept ===

impl Entry {
    fn kept(&self, wanted: &duty::Memo, now: Moment) -> Option<Kept> {
        let holds = |kept: &&Kept| kept.until > now && (kept.frozen || kept.under == wanted.under);
        lock(&self.kept).as_ref().filter(holds).cloned()
    }

    fn keep(&self, kept: Kept) {
        *lock(&self.kept) = Some(kept);
    }

    fn until(&self) -> Option<Moment> {
        lock(&self.kept).as_ref().map(|kept| kept.until)
    }

    fn bytes(&self) -> usize {
        lock(&self.kept).as_ref().map_or(0, |kept| kept.body.len())
    }
}

impl Kept {
    fn reply(self) -> Reply {
        let mut reply = Reply::new(whole(self.body));
        *reply.status_mut() = self.status;
        *reply.headers_mut() = self.headers;
        reply
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A holder only moves values; whatever panicked elsewhere left it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
