//! The feed: one node's event stream, read for as long as the node is configured.
//!
//! It asks for what the view needs and for what any subscriber wants, in the set that the node is known to accept
//! ([`TopicPlan`]): a node that refuses one topic refuses the whole stream. When the wanted set grows, the new stream
//! is opened before the old one is left, so that no event falls between.
//!
//! Bounds: [`WAITING`] events and [`ROOM`] bytes of a node wait for the keeper; then its stream is not read. Topics that
//! were not asked for are dropped.
//!
//! A stream that breaks is opened again after a delay that doubles from [`FIRST_DELAY`] to [`LAST_DELAY`], with
//! jitter, so that many Rangelights do not storm a friend's node that comes back. A stream that says nothing for
//! [`SILENCE`] is taken for dead: a connection cut without a word (a suspended laptop, a dropped NAT entry) looks just
//! like that. What was missed is repaired by the fleet, which asks for the head whenever a feed stands again.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rangelight_policy::events::{Framing, Topic, TopicPlan, Topics};
use rangelight_policy::fleet::Signal;
use rangelight_policy::node::NodeId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::nodes::control::Control;
use crate::nodes::jitter;
use crate::observe;

/// The first delay before a lost stream is opened again.
pub const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest delay. A node that comes back is heard within half a mainnet slot at the latest; the probes, which go
/// on meanwhile, see its head anyway.
pub const LAST_DELAY: Duration = Duration::from_secs(5);

/// A stream silent for so long is opened anew. Three mainnet slots: a head is due in each, most clients add comments.
pub const SILENCE: Duration = Duration::from_secs(36);

/// How long a stream that stands is read on before other topics are asked for again, at first.
const AGAIN: Duration = Duration::from_millis(500);

/// The same for a node that goes on refusing them.
const AGAIN_AT_MOST: Duration = Duration::from_secs(30);

/// What one node said and the keeper has not taken yet: so many events.
pub const WAITING: usize = 64;

/// And so many bytes. The longest event is a quarter of it.
pub const ROOM: u32 = 4 << 20;

/// The longest refusal that is read, to learn which topic a node did not like.
const REFUSAL: usize = 4_096;

/// The topics that are read whether or not anyone subscribed: they move the view.
pub const ALWAYS: [Topic; 6] = [
    Topic::Head,
    Topic::Block,
    Topic::FinalizedCheckpoint,
    Topic::ChainReorg,
    Topic::HeadV2,
    Topic::ExecutionPayloadAvailable,
];

/// Reads one node's event stream for ever.
pub struct Feed {
    id: NodeId,
    /// For the log.
    name: Arc<str>,
    control: Control,
    /// Where what it says goes, and the bytes that may wait there.
    tell: mpsc::Sender<Heard>,
    room: Arc<Semaphore>,
    /// What subscribers want.
    wanted: watch::Receiver<Vec<Topic>>,
    /// The node's version string; another one may know other topics.
    version: watch::Receiver<Arc<str>>,
}

/// What a feed said, with its part of the feed's room.
pub struct Heard {
    /// For the fleet.
    pub signal: Signal,
    _room: Option<OwnedSemaphorePermit>,
}

/// A replacement that is being opened, and the topics that it is asked for.
struct Opening {
    asked: Topics,
    opened: Pin<Box<dyn Future<Output = Opened> + Send>>,
}

/// What opening a stream came to.
pub enum Opened {
    /// The stream.
    Stream(reqwest::Response),
    /// The node refused one or more of the topics, with this message.
    Refused(String),
    /// There is no stream, for this reason.
    Nothing(String),
}

impl Feed {
    /// A feed of this node, and where it is heard.
    #[must_use]
    pub fn new(
        (id, name): (NodeId, Arc<str>),
        control: Control,
        wanted: watch::Receiver<Vec<Topic>>,
        version: watch::Receiver<Arc<str>>,
    ) -> (Self, mpsc::Receiver<Heard>) {
        let (tell, heard) = mpsc::channel(WAITING);
        (Self { id, name, control, tell, room: Arc::new(Semaphore::new(ROOM as usize)), wanted, version }, heard)
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        let mut plan = TopicPlan::default();
        let mut delay = FIRST_DELAY;
        loop {
            plan.on_version(&self.version.borrow_and_update().clone());
            let asked = plan.ask(&self.wishes());
            match open(&self.control, &asked).await {
                Opened::Stream(response) => {
                    plan.on_accepted(&asked);
                    delay = FIRST_DELAY;
                    self.signal(Signal::FeedConnected(self.id)).await;
                    self.read(response, &mut plan, asked).await;
                    self.signal(Signal::FeedLost(self.id)).await;
                }
                Opened::Refused(message) => {
                    plan.on_refused(&asked, &message);
                    // While something is learnt from refusals there is no reason to wait long.
                    if plan.ask(&self.wishes()) != asked {
                        delay = FIRST_DELAY;
                    }
                }
                Opened::Nothing(_) => {}
            }
            tokio::time::sleep(jitter(delay)).await;
            delay = (delay * 2).min(LAST_DELAY);
        }
    }

    /// Reads a stream, and those that replace it because other topics are wanted, until one is lost. The old one is
    /// read on while its replacement opens. One that does not come is tried again after a delay that doubles from
    /// [`AGAIN`] to [`AGAIN_AT_MOST`]; one that stands tells so, and the head is read for what fell between.
    async fn read(&mut self, mut response: reqwest::Response, plan: &mut TopicPlan, mut asked: Topics) {
        let mut framing = Framing::default();
        let mut opening: Option<Opening> = None;
        let (mut again, mut not_before) = (AGAIN, Instant::now());
        let mut heard_at = Instant::now();
        loop {
            let next = plan.ask(&self.wishes());
            let other = next != asked && opening.is_none();
            if other && Instant::now() >= not_before {
                opening = Some(Opening::new(self.control.clone(), next));
                continue;
            }
            tokio::select! {
                chunk = timeout_at(heard_at + SILENCE, response.chunk()) => {
                    let Ok(Ok(Some(bytes))) = chunk else { break };
                    self.forward(&mut framing, &bytes, &asked).await;
                    heard_at = Instant::now();
                }
                (opened, next) = Opening::of(&mut opening) => {
                    opening = None;
                    not_before = Instant::now() + again;
                    match opened {
                        Opened::Stream(replacement) => {
                            plan.on_accepted(&next);
                            while let Some(Ok(Some(bytes))) = response.chunk().now_or_never() {
                                self.forward(&mut framing, &bytes, &asked).await;
                            }
                            self.dropped(&framing);
                            (response, asked, framing) = (replacement, next, Framing::default());
                            (again, heard_at) = (AGAIN, Instant::now());
                            self.signal(Signal::FeedConnected(self.id)).await;
                        }
                        Opened::Refused(message) => {
                            plan.on_refused(&next, &message);
                            // While something is learnt from refusals there is no reason to wait long.
                            again = if plan.ask(&self.wishes()) == next { (again * 2).min(AGAIN_AT_MOST) } else { AGAIN };
                        }
                        Opened::Nothing(_) => again = (again * 2).min(AGAIN_AT_MOST),
                    }
                }
                () = sleep_until(not_before), if other => {}
                Ok(()) = self.wanted.changed() => {
                    self.wanted.borrow_and_update();
                    (again, not_before) = (AGAIN, not_before.min(Instant::now() + AGAIN));
                }
                Ok(()) = self.version.changed() => plan.on_version(&self.version.borrow_and_update().clone()),
            }
        }
        self.dropped(&framing);
    }

    /// Passes on what was asked for. A node may not choose what we hear of it.
    async fn forward(&self, framing: &mut Framing, bytes: &[u8], asked: &Topics) {
        for frame in framing.feed(bytes) {
            let topic = Topic::from_name(&frame.event).filter(|topic| asked.contains(topic));
            if let Some(topic) = topic {
                self.signal(Signal::Event { from: self.id, topic, json: frame.json }).await;
            }
        }
    }

    fn dropped(&self, framing: &Framing) {
        if framing.dropped() > 0 {
            observe::events_dropped(&self.name, framing.dropped());
        }
    }

    fn wishes(&self) -> Topics {
        ALWAYS.into_iter().chain(self.wanted.borrow().iter().copied()).collect()
    }

    async fn signal(&self, signal: Signal) {
        // A full queue slows the feed down, which slows the node's sending; nothing is lost and nothing grows. A closed
        // one means that Rangelight is ending.
        let bytes = match &signal {
            Signal::Event { json, .. } => u32::try_from(json.len()).unwrap_or(u32::MAX).min(ROOM),
            _ => 0,
        };
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await.ok();
        let _ = self.tell.send(Heard { signal, _room: room }).await;
    }
}

impl Opening {
    fn new(control: Control, asked: Topics) -> Self {
        let topics = asked.clone();
        Self { asked, opened: Box::pin(async move { open(&control, &topics).await }) }
    }

    /// The end of what is being opened; never, if nothing is.
    async fn of(opening: &mut Option<Self>) -> (Opened, Topics) {
        match opening {
            Some(opening) => (opening.opened.as_mut().await, opening.asked.clone()),
            None => std::future::pending().await,
        }
    }
}

/// Asks a node for a stream of these topics.
pub async fn open(control: &Control, asked: &Topics) -> Opened {
    // Repeated, not comma-separated: every family understands both, and Nimbus' older releases only this.
    let query: Vec<String> = asked.iter().map(|topic| format!("topics={}", topic.name())).collect();
    match control.open(&format!("/eth/v1/events?{}", query.join("&"))).await {
        Ok(response) if response.status() == 200 => Opened::Stream(response),
        // Only a 400 says something about topics; 503 or 404 say that the node is not up yet.
        Ok(response) if response.status() != 400 => Opened::Nothing(format!("answered {}", response.status().as_u16())),
        Ok(mut response) => {
            let mut message = Vec::new();
            while let Ok(Ok(Some(chunk))) = timeout(Duration::from_secs(1), response.chunk()).await {
                message.extend_from_slice(&chunk);
                if message.len() > REFUSAL {
                    break;
                }
            }
            message.truncate(REFUSAL);
            Opened::Refused(String::from_utf8_lossy(&message).into_owned())
        }
        Err(reason) => Opened::Nothing(reason),
    }
}

#[cfg(test)]
mod tests;
