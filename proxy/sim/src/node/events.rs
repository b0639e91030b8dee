//! The event stream of a node: one pump that watches the node's view, and a body per subscriber.
//!
//! The hub holds the last [`QUEUE`] events for readers that are slow. One that falls further behind is told so or
//! cut off, as its family does. A node that stands still sends nothing, also no comments; one whose fault is to drop
//! events sends comments only.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::reply::{Reply, bare, streamed};
use super::serve::{Ask, going_on};
use super::{Node, damage};
use crate::chain::Block;
use crate::fault::Fault;
use crate::ground::View;
use crate::manner::Stream;

/// Events kept for slow readers.
const QUEUE: usize = 1024;
/// Between two looks at the view: a fortieth of a slot, within these.
const LOOK: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(50));

/// Topics that every family has. Those that nothing here causes are silent.
const TOPICS: &[&str] = &[
    "head",
    "block",
    "block_gossip",
    "attestation",
    "single_attestation",
    "voluntary_exit",
    "bls_to_execution_change",
    "proposer_slashing",
    "attester_slashing",
    "finalized_checkpoint",
    "chain_reorg",
    "contribution_and_proof",
    "light_client_finality_update",
    "light_client_optimistic_update",
    "payload_attributes",
    "blob_sidecar",
    "data_column_sidecar",
];

/// One event, already as text.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    topic: &'static str,
    line: Arc<str>,
}

/// Where a node's events go out.
#[derive(Debug)]
pub(crate) struct Hub {
    sender: broadcast::Sender<Event>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { sender: broadcast::channel(QUEUE).0 }
    }
}

impl Hub {
    fn send(&self, topic: &'static str, value: &Value) {
        // Nobody listening is no failure.
        _ = self.sender.send(Event { topic, line: value.to_string().into() });
    }
}

// === the pump ===

/// Watches the node's view and tells what changed, for as long as the node runs.
pub(crate) async fn pump(node: Arc<Node>) {
    let look = Duration::from_millis(node.home.clock.slot_ms / 40).clamp(LOOK.0, LOOK.1);
    let mut moves = node.home.moves();
    let mut told = node.view().head;
    let mut finalized = finalized_epoch(&node, &node.view());
    loop {
        tokio::select! {
            () = tokio::time::sleep(look) => {}
            Ok(()) = moves.changed() => {}
        }
        going_on(&node).await;
        let view = node.view();
        if view.head.root != told.root {
            tell_head(&node, &told, &view);
            told = view.head.clone();
        }
        let now_final = finalized_epoch(&node, &view);
        if now_final > finalized {
            finalized = now_final;
            let at = node.ground().checkpoint(&view, now_final);
            let optimistic = node.has(&Fault::Optimistic);
            let value = json!({"block": at.root.to_string(), "state": at.root.to_string(),
                "epoch": now_final.to_string(), "execution_optimistic": optimistic});
            node.hub.send("finalized_checkpoint", &value);
        }
    }
}

fn finalized_epoch(node: &Node, view: &View) -> u64 {
    node.ground().justified(view, view.head.slot).saturating_sub(1)
}

fn tell_head(node: &Node, old: &Block, view: &View) {
    let ground = node.ground();
    let head = &view.head;
    let optimistic = node.has(&Fault::Optimistic);
    let epoch = ground.preset.epoch(head.slot);
    let (block, state) = (head.root.to_string(), head.state.to_string());
    let slot = head.slot.to_string();
    node.hub.send("block", &json!({"slot": slot, "block": block, "execution_optimistic": optimistic}));
    node.hub.send("block_gossip", &json!({"slot": slot, "block": block}));
    let common = ground.chain(|chain| {
        let below = old.slot.min(head.slot);
        (0..=below).rev().find(|slot| chain.tip(old.branch, *slot).root == chain.tip(view.branch, *slot).root)
    });
    let common = common.unwrap_or(0);
    if common < old.slot {
        let depth = (old.slot - common).to_string();
        node.hub.send(
            "chain_reorg",
            &json!({
                "slot": slot, "depth": depth, "epoch": epoch.to_string(),
                "old_head_block": old.root.to_string(), "old_head_state": old.state.to_string(),
                "new_head_block": block, "new_head_state": state, "execution_optimistic": optimistic,
            }),
        );
    }
    let transition = epoch > ground.preset.epoch(old.slot);
    let current = ground.dependent_root(view, epoch).to_string();
    let next = ground.dependent_root(view, epoch + 1).to_string();
    node.hub.send(
        "head",
        &json!({
            "slot": slot, "block": block, "state": state, "epoch_transition": transition,
            "previous_duty_dependent_root": current, "current_duty_dependent_root": next,
            "execution_optimistic": optimistic,
        }),
    );
    if node.manner.stream.head_v2 {
        let data = json!({
            "slot": slot, "block": block, "state": state, "payload_status": "full", "epoch_transition": transition,
            "current_epoch_dependent_root": current, "next_epoch_dependent_root": next,
            "execution_optimistic": optimistic,
        });
        node.hub.send("head_v2", &json!({"version": node.fork(head.slot).name(), "data": data}));
    }
}

// === subscribers ===

/// Opens a stream, or refuses the whole request for one topic, as all families do.
pub(crate) fn open(ask: &Ask<'_>) -> Reply {
    let manner = ask.manner.stream;
    let topics: Vec<String> = ask.params("topics").into_iter().map(str::to_owned).collect();
    if topics.is_empty() {
        return ask.bad("topics is required");
    }
    let known = |topic: &String| TOPICS.contains(&topic.as_str()) || (topic == "head_v2" && manner.head_v2);
    if let Some(unknown) = topics.iter().find(|topic| !known(topic)) {
        return ask.bad(&manner.unknown_topic.replace("{}", unknown));
    }
    let twice = topics.iter().enumerate().any(|(at, topic)| topics[..at].contains(topic));
    if twice && manner.unique_topics {
        return ask.bad("topics must be unique");
    }
    if ask.node.has(&Fault::ResetMidBody) {
        return bare(500).into();
    }
    let subscriber = Subscriber {
        node: Arc::clone(ask.node),
        events: ask.node.hub.sender.subscribe(),
        topics,
        manner,
        keep_alive: manner.keep_alive.map(|pause| ask.ground.clock.scaled(pause).max(LOOK.1)),
        due: Instant::now(),
        ended: false,
    };
    let frames = stream::unfold(subscriber, |mut subscriber| async move {
        let text = subscriber.next().await?;
        Some((Ok::<_, io::Error>(Frame::data(text)), subscriber))
    });
    let mut response = streamed("text/event-stream", StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert("cache-control", http::HeaderValue::from_static("no-cache"));
    Reply::Streamed(Box::new(response))
}

struct Subscriber {
    node: Arc<Node>,
    events: broadcast::Receiver<Event>,
    topics: Vec<String>,
    manner: Stream,
    keep_alive: Option<Duration>,
    /// When the next comment is due.
    due: Instant,
    ended: bool,
}

impl Subscriber {
    /// The next piece of the stream; `None` when the node hangs up.
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        loop {
            let due = self.keep_alive.map(|_| self.due);
            let event = tokio::select! {
                event = self.events.recv() => Some(event),
                () = async { match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                } } => None,
            };
            going_on(&self.node).await;
            if let Some(pause) = self.keep_alive {
                self.due = Instant::now() + pause;
            }
            match event {
                None => return Some(Bytes::from_static(b":\n\n")),
                Some(Err(broadcast::error::RecvError::Closed)) => return None,
                Some(Err(broadcast::error::RecvError::Lagged(_))) => match self.manner.lagged {
                    Some(comment) => return Some(Bytes::from(format!(":{comment}\n\n"))),
                    None => return None,
                },
                Some(Ok(event)) => {
                    if let Some(text) = self.told(&event) {
                        return Some(text);
                    }
                }
            }
        }
    }

    fn told(&mut self, event: &Event) -> Option<Bytes> {
        let wanted = self.topics.iter().any(|topic| topic == event.topic);
        if !wanted || self.node.has(&Fault::DropEvents) {
            return None;
        }
        if self.node.has(&Fault::Garbage) || self.node.has(&Fault::WrongType) {
            return Some([damage::noise(200).as_ref(), b"\ndata: 7\n\n"].concat().into());
        }
        if self.node.has(&Fault::Truncate) {
            self.ended = true;
            return Some(Bytes::from(format!("event: {}\ndata: {{\"slot", event.topic)));
        }
        let colon = self.manner.colon;
        Some(Bytes::from(format!("event{colon}{}\ndata{colon}{}\n\n", event.topic, event.line)))
    }
}
