//! The merged event stream: what the VC hears of the chain, from all nodes, as from one that never dies.
//!
//! The fleet (policy) decides what is said; here it is framed once and shared with every subscriber. A stream stays
//! up while Rangelight lives: when every node is away it carries only comments, because Lodestar's VC never comes back
//! from a stream that was refused.
//!
//! Bounds: the newest [`BACKLOG`] events are kept for all subscribers together, not for each. While those kept fill
//! [`ROOM`] bytes, only what the view decides (heads and reorgs) is said, and the rest is dropped for everyone. A subscriber that has
//! fallen further behind has missed events that it acts on (a head, a reorg); its stream is ended cleanly, so that it
//! reconnects and reads the chain afresh, which is what validator clients do after an interruption.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use rangelight_policy::chain::{Root, Slot};
use rangelight_policy::events::{self, Head, HeadV2, Rule, Topic};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

use crate::nodes::Ears;
use crate::observe::{self, Meters};
use crate::reply::{Reply, ReplyBody};

mod held;

use held::Held;

/// Events kept for slow subscribers; some minutes of heads and blocks, some seconds of attestations.
pub const BACKLOG: usize = 1_024;

/// Bytes of all events that are kept; twenty times what a busy mainnet minute brings.
pub const ROOM: usize = 32 << 20;

/// A stream that said nothing for so long says a comment. Teku's VC gives up after 60 s without a byte; proxies on the
/// way earlier.
pub const COMMENT_EVERY: Duration = Duration::from_secs(10);

const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// One event, framed once.
#[derive(Clone, Debug)]
pub struct Said {
    topic: Topic,
    frame: Bytes,
    /// The head that it tells, if it tells one.
    head: Option<(Slot, Root)>,
}

/// Where events go in and subscribers come from.
pub struct Stream {
    said: broadcast::Sender<Said>,
    wanted: Wanted,
    ending: watch::Receiver<bool>,
    meters: Arc<Meters>,
    held: Arc<Held>,
    /// Bytes of the frames that anybody still holds.
    alive: Arc<AtomicUsize>,
    full: AtomicBool,
}

/// A frame, counted until its last copy is gone.
struct Framed {
    text: Vec<u8>,
    alive: Arc<AtomicUsize>,
}

/// How many subscribers want each topic, and the watched set of those that anyone wants.
#[derive(Clone)]
struct Wanted {
    counts: Arc<Mutex<BTreeMap<Topic, usize>>>,
    topics: watch::Sender<Vec<Topic>>,
}

/// A subscriber's interest; given back when its stream ends, however that happens.
struct Interest {
    topics: Vec<Topic>,
    wanted: Wanted,
    meters: Arc<Meters>,
}

/// One subscriber's place.
struct Subscriber {
    events: broadcast::Receiver<Said>,
    interest: Interest,
    caller: Arc<str>,
    held: Arc<Held>,
    ending: watch::Receiver<bool>,
    silent_until: Instant,
}

// === impl Stream ===

impl Stream {
    /// A stream that ends its subscribers when `ending` becomes true.
    #[must_use]
    pub fn new(ending: watch::Receiver<bool>, meters: Arc<Meters>) -> Self {
        let wanted = Wanted { counts: Arc::default(), topics: watch::Sender::new(Vec::new()) };
        let said = broadcast::Sender::new(BACKLOG);
        let (held, alive) = (Arc::default(), Arc::default());
        Self { said, wanted, ending, meters, held, alive, full: AtomicBool::new(false) }
    }

    /// Streams that are open now.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.said.receiver_count()
    }

    /// This caller has voted for this head: no other one of the slot is told him.
    pub fn hold(&self, caller: &Arc<str>, slot: Slot, head: Root) {
        self.held.hold(caller, slot, head);
    }

    /// Opens a stream of these topics for this caller.
    #[must_use]
    pub fn subscribe(&self, topics: Vec<Topic>, caller: Arc<str>) -> Reply {
        let subscriber = Subscriber {
            events: self.said.subscribe(),
            interest: Interest::new(topics, self.wanted.clone(), Arc::clone(&self.meters)),
            caller,
            held: Arc::clone(&self.held),
            ending: self.ending.clone(),
            silent_until: Instant::now() + COMMENT_EVERY,
        };
        let frames = stream::unfold(subscriber, |mut subscriber| async move {
            let frame = subscriber.next().await?;
            Some((Ok::<_, Infallible>(Frame::data(frame)), subscriber))
        });
        let mut reply = Response::new(ReplyBody::new(StreamBody::new(frames).map_err(|never| match never {})));
        *reply.status_mut() = StatusCode::OK;
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // nginx on the way would otherwise collect events before it passes them on.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        reply
    }
}

impl Framed {
    fn new(text: Vec<u8>, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(text.len(), Ordering::Relaxed);
        Self { text, alive: Arc::clone(alive) }
    }
}

impl AsRef<[u8]> for Framed {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Drop for Framed {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.text.len(), Ordering::Relaxed);
    }
}

impl Ears for Stream {
    /// Gives an event to all subscribers that want its topic.
    fn say(&self, topic: Topic, json: &str) {
        let full = self.alive.load(Ordering::Relaxed) >= ROOM;
        if self.full.swap(full, Ordering::Relaxed) != full && full {
            observe::events_fill_memory(ROOM);
        }
        if full && topic.rule() != Rule::Head {
            self.meters.events_dropped.increment(1);
            return;
        }
        self.meters.event(topic.name());
        let frame = Framed::new(Vec::from(events::frame(topic, json)), &self.alive);
        // Nobody listening is no fault.
        let head = match topic {
            Topic::Head => Head::read(json),
            Topic::HeadV2 => HeadV2::read(json).map(|it| it.head),
            _ => None,
        };
        let head = head.map(|head| (head.slot, head.block));
        let _ = self.said.send(Said { topic, frame: Bytes::from_owner(frame), head });
    }

    fn wanted(&self) -> watch::Receiver<Vec<Topic>> {
        self.wanted.topics.subscribe()
    }
}

impl Subscriber {
    /// The next bytes to write; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        let Self { interest, caller, held, ending, .. } = self;
        let wants = |said: &Said| {
            interest.topics.contains(&said.topic) && said.head.is_none_or(|head| held.lets_pass(caller, head))
        };
        loop {
            tokio::select! {
                biased;
                _ = ending.wait_for(|ending| *ending) => return None,
                said = self.events.recv() => match said {
                    Ok(said) if wants(&said) => {
                        self.silent_until = Instant::now() + COMMENT_EVERY;
                        return Some(said.frame);
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => {
                        interest.meters.subscribers_lost.increment(1);
                        return None;
                    }
                    Err(RecvError::Closed) => return None,
                },
                () = sleep_until(self.silent_until) => {
                    self.silent_until = Instant::now() + COMMENT_EVERY;
                    return Some(COMMENT);
                }
            }
        }
    }
}

// === impl Interest ===

impl Interest {
    fn new(topics: Vec<Topic>, wanted: Wanted, meters: Arc<Meters>) -> Self {
        meters.subscribers.increment(1.0);
        let interest = Self { topics, wanted, meters };
        interest.count(|n| n + 1);
        interest
    }

    fn count(&self, change: impl Fn(usize) -> usize) {
        let mut counts = self.wanted.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in &self.topics {
            let count = counts.entry(*topic).or_default();
            *count = change(*count);
        }
        counts.retain(|_, count| *count > 0);
        let now: Vec<Topic> = counts.keys().copied().collect();
        self.wanted.topics.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.count(|n| n.saturating_sub(1));
        self.meters.subscribers.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_nobody_reads_fill_no_more_than_their_room() {
        let stream = Stream::new(watch::channel(false).1, Arc::new(Meters::new()));
        let slow = stream.subscribe(vec![Topic::VoluntaryExit, Topic::Head], "vc".into());
        let long = "x".repeat(1 << 20);
        for _ in 0..100 {
            stream.say(Topic::VoluntaryExit, &long);
        }
        let kept = stream.alive.load(Ordering::Relaxed);
        assert!((ROOM..ROOM + (2 << 20)).contains(&kept), "{kept}");
        stream.say(Topic::Head, "{}");
        assert!(stream.alive.load(Ordering::Relaxed) > kept, "heads are said all the same");
        let fits = ROOM.div_ceil(long.len());
        let counted = format!("rangelight_events_dropped_total {}", 100 - fits);
        let metrics = stream.meters.render();
        let line = metrics.lines().find(|line| line.starts_with("rangelight_events_dropped_total"));
        assert_eq!(line, Some(counted.as_str()), "what was dropped is counted");
        drop(slow);
        drop(stream.said);
        assert_eq!(stream.alive.load(Ordering::Relaxed), 0, "and what is gone is given back");
    }
}
