//! The feed: one node's event stream, read for as long as the node is configured.
//!
//! It asks for what the view needs and for what any subscriber wants, in the set that the node is known to accept
//! ([`TopicPlan`]): a node that refuses one topic refuses the whole stream. When the wanted set grows, the new stream
//! is opened before the old one is left, so that no event falls between.
//!
//! A stream that breaks is opened again after a delay that doubles from [`FIRST_DELAY`] to [`LAST_DELAY`], with
//! jitter, so that many Rangelights do not storm a friend's node that comes back. A stream that says nothing for
//! [`SILENCE`] is taken for dead: a connection cut without a word (a suspended laptop, a dropped NAT entry) looks just
//! like that. What was missed is repaired by the fleet, which asks for the head whenever a feed stands again.

use std::sync::Arc;
use std::time::Duration;

use rangelight_policy::events::{Framing, Topic, TopicPlan, Topics};
use rangelight_policy::fleet::Signal;
use rangelight_policy::node::NodeId;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::nodes::control::Control;
use crate::nodes::{Told, jitter};
use crate::observe;

/// The first delay before a lost stream is opened again.
pub const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest delay. A node that comes back is heard within half a mainnet slot at the latest; the probes, which go
/// on meanwhile, see its head anyway.
pub const LAST_DELAY: Duration = Duration::from_secs(5);

/// A stream silent for so long is opened anew. Three mainnet slots: a head is due in each, most clients add comments.
pub const SILENCE: Duration = Duration::from_secs(36);

/// How long a stream that stands is read on before other topics are asked for again.
const AGAIN: Duration = Duration::from_millis(500);

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
    /// The node.
    pub id: NodeId,
    /// How it is reached.
    pub control: Control,
    /// Where what it says goes.
    pub tell: mpsc::Sender<Told>,
    /// What subscribers want.
    pub wanted: watch::Receiver<Vec<Topic>>,
    /// The node's version string; another one may know other topics.
    pub version: watch::Receiver<Arc<str>>,
}

/// Why a stream was left.
enum Left {
    /// Other topics should be asked for.
    Topics,
    /// It broke, ended or fell silent.
    Lost,
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

    /// Reads a stream, and those that replace it because other topics are wanted, until one is lost. A replacement
    /// that does not come leaves the old one standing, and is tried again after [`AGAIN`].
    async fn read(&mut self, mut response: reqwest::Response, plan: &mut TopicPlan, mut asked: Topics) {
        let mut framing = Framing::default();
        let mut not_before = Instant::now();
        while let Left::Topics = self.follow(&mut response, &mut framing, plan, &asked, not_before).await {
            let next = plan.ask(&self.wishes());
            match open(&self.control, &next).await {
                Opened::Stream(replacement) => {
                    plan.on_accepted(&next);
                    (response, asked, framing) = (replacement, next, Framing::default());
                }
                Opened::Refused(message) => plan.on_refused(&next, &message),
                Opened::Nothing(_) => {}
            }
            not_before = Instant::now() + AGAIN;
        }
        if framing.dropped() > 0 {
            observe::events_dropped(self.id, framing.dropped());
        }
    }

    async fn follow(
        &mut self,
        response: &mut reqwest::Response,
        framing: &mut Framing,
        plan: &mut TopicPlan,
        asked: &Topics,
        not_before: Instant,
    ) -> Left {
        loop {
            let other = plan.ask(&self.wishes()) != *asked;
            if other && Instant::now() >= not_before {
                return Left::Topics;
            }
            let chunk = tokio::select! {
                chunk = timeout(SILENCE, response.chunk()) => chunk,
                () = sleep_until(not_before), if other => continue,
                Ok(()) = self.wanted.changed() => continue,
                Ok(()) = self.version.changed() => {
                    plan.on_version(&self.version.borrow_and_update().clone());
                    continue;
                }
            };
            let Ok(Ok(Some(bytes))) = chunk else { return Left::Lost };
            for frame in framing.feed(&bytes) {
                if let Some(topic) = Topic::from_name(&frame.event) {
                    self.signal(Signal::Event { from: self.id, topic, json: frame.json }).await;
                }
            }
        }
    }

    fn wishes(&self) -> Topics {
        ALWAYS.into_iter().chain(self.wanted.borrow().iter().copied()).collect()
    }

    async fn signal(&self, signal: Signal) {
        // A full channel slows the feed down, which slows the node's sending; nothing is lost and nothing grows. A
        // closed one means that Rangelight is ending.
        let _ = self.tell.send(Told::Signal(signal)).await;
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
