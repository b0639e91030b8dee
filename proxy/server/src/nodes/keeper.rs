//! The keeper: the one task that owns the fleet.
//!
//! It takes what probes, feeds, exchanges and operators tell, gives it to the fleet's state machine with the moment,
//! and does what follows: publishes the picture, sends events to subscribers in order, makes the reads that the fleet
//! asks for, logs notices. Everything is in one place and one order, so two signals can never be folded in two orders.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, SelectAll, StreamExt};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use rangelight_policy::chain::{Clock, Moment, Root, Slot};
use rangelight_policy::family::Versions;
use rangelight_policy::fleet::{Ask, Effects, Fleet, Signal};
use rangelight_policy::health::{Exchange, NetworkStanding};
use rangelight_policy::node::{NodeId, Profile, Tier, Trust};
use rangelight_policy::view::Header;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::NodeConfig;
use crate::nodes::cure;
use crate::nodes::feed::Heard;
use crate::nodes::network::{Chart, Network, Unsettled};
use crate::nodes::transport::{Repeat, SentHead};
use crate::nodes::{Answered, Ears, Node, Nodes, Picture, QUEUE, Surroundings, Told, profile};
use crate::observe::{self, Meters};
use crate::time;

/// Reads for the fleet that may run at one time; above it one is dropped, and the fleet decides without it.
const ASKS: usize = 64;

/// So long before a slot the connections to the nodes are warmed: long enough for TLS with a friend overseas, and
/// shorter than the shortest idle time of any client.
const WARM_BEFORE: u64 = 700;

/// The keeper of the fleet.
pub struct Keeper {
    fleet: Arc<Mutex<Fleet>>,
    answered: Answered,
    /// What the fleet says of our clock, for requests, which must not wait for its lock.
    offset: Arc<AtomicI64>,
    queue: mpsc::Receiver<Told>,
    around: Surroundings,
    nodes: HashMap<NodeId, Arc<Node>>,
    order: Vec<NodeId>,
    next_id: u16,
    chart: Chart,
    picture: watch::Sender<Arc<Picture>>,
    network: watch::Sender<Option<Arc<Network>>>,
    clock: watch::Sender<Option<Clock>>,
    versions: watch::Sender<Arc<HashMap<NodeId, Versions>>>,
    stream: Arc<dyn Ears>,
    meters: Arc<Meters>,
    asks: JoinSet<()>,
    /// What the feeds say, each in its turn.
    feeds: SelectAll<BoxStream<'static, Heard>>,
    /// The nodes that were compared and are of our network.
    ours: HashSet<NodeId>,
    /// Nodes of which nothing was logged since they were configured, and whether they have answered a probe.
    strangers: HashMap<NodeId, bool>,
    warmed: Option<Slot>,
}

/// The body of an answer about one header.
#[derive(Deserialize)]
struct HeaderBody {
    data: HeaderOuter,
    execution_optimistic: Option<bool>,
}

#[derive(Deserialize)]
struct HeaderOuter {
    root: Root,
    header: HeaderInner,
}

#[derive(Deserialize)]
struct HeaderInner {
    message: HeaderMessage,
}

#[derive(Deserialize)]
struct HeaderMessage {
    slot: Slot,
    parent_root: Root,
    state_root: Root,
}

impl Keeper {
    /// A keeper of no nodes yet, and the door to it.
    #[must_use]
    pub fn new(chart: Chart, stream: Arc<dyn Ears>, meters: Arc<Meters>) -> (Self, Nodes) {
        let (tell, queue) = mpsc::channel(QUEUE);
        let picture = watch::Sender::new(Arc::new(Picture::default()));
        let network = watch::Sender::new(None);
        let clock = watch::Sender::new(None);
        let versions = watch::Sender::new(Arc::default());
        let fleet = Arc::new(Mutex::new(Fleet::default()));
        let answered = Answered::default();
        let offset = Arc::new(AtomicI64::new(0));
        let nodes = Nodes {
            picture: picture.subscribe(),
            network: network.subscribe(),
            versions: versions.subscribe(),
            fleet: Arc::clone(&fleet),
            answered: answered.clone(),
            offset: Arc::clone(&offset),
            tell: tell.clone(),
        };
        let around = Surroundings { tell, clock: clock.subscribe(), wanted: stream.wanted() };
        let mut keeper = Self {
            fleet,
            answered,
            offset,
            queue,
            around,
            nodes: HashMap::new(),
            order: Vec::new(),
            next_id: 0,
            chart,
            picture,
            network,
            clock,
            versions,
            stream,
            meters,
            asks: JoinSet::new(),
            feeds: SelectAll::new(),
            ours: HashSet::new(),
            strangers: HashMap::new(),
            warmed: None,
        };
        keeper.publish_network();
        (keeper, nodes)
    }

    /// Takes these nodes as configured, then runs until the last door is gone, or the network can't be settled.
    ///
    /// # Errors
    /// If the own nodes disagree about which network this is.
    pub async fn run(mut self, configured: Vec<NodeConfig>) -> Result<(), Unsettled> {
        self.configure(configured);
        let mut next_tick = Instant::now();
        loop {
            tokio::select! {
                // Feeds last: a node may flood its own, and probes, cordons and the time must not wait for it. Among
                // themselves the feeds take turns.
                biased;
                () = tokio::time::sleep_until(next_tick) => {
                    next_tick = Instant::now() + self.tick_length();
                    self.tick(time::now())?;
                }
                told = self.queue.recv() => match told {
                    Some(told) => self.take(told)?,
                    None => return Ok(()),
                },
                Some(_) = self.asks.join_next() => {}
                Some(heard) = self.feeds.next() => self.hear(heard),
            }
        }
    }

    fn tick(&mut self, now: Moment) -> Result<(), Unsettled> {
        for (from, ms) in self.answered.drain() {
            self.tell(Signal::Exchanged { from, exchange: Exchange::Answered { ms } });
        }
        let effects = self.lock(|fleet| fleet.tick(now));
        self.follow(effects);
        self.settle(now)?;
        self.warm(now);
        Ok(())
    }

    fn take(&mut self, told: Told) -> Result<(), Unsettled> {
        match told {
            Told::Signal(signal) => {
                let probed = match &signal {
                    Signal::Syncing { from, .. } => Some((*from, true)),
                    Signal::SyncingFailed { from, .. } => Some((*from, false)),
                    _ => None,
                };
                self.tell(signal);
                if let Some((from, answered)) = probed {
                    self.meet(from, answered);
                }
            }
            Told::Network { from, genesis, spec } => {
                if let Some(node) = self.nodes.get(&from) {
                    self.chart.heard(from, &node.config.name, genesis, *spec, time::now());
                    self.settle(time::now())?;
                    self.compare(from);
                }
            }
            Told::Versions { from, versions } => self.versions.send_modify(|all| {
                Arc::make_mut(all).insert(from, *versions);
            }),
            Told::Configure(nodes) => self.configure(nodes),
            Told::Cordon { name, cordoned, done } => {
                let known = self.nodes.iter().find(|(_, node)| node.config.name == name).map(|(id, _)| *id);
                if let Some(node) = known {
                    self.tell(Signal::Cordoned { node, cordoned });
                }
                let picture = self.picture.borrow().snapshot.clone();
                let _ = done.send(known.map(|_| picture));
            }
        }
        Ok(())
    }

    /// Logs a node that is away when its first questions are over: its tier began as away, so that no change tells it.
    fn meet(&mut self, node: NodeId, answered: bool) {
        let Some(before) = self.strangers.get(&node).copied() else { return };
        let picture = Arc::clone(&self.picture.borrow());
        let (Some(state), Some(way)) = (picture.snapshot.node(node), self.nodes.get(&node)) else { return };
        // Another tier was logged as a change. What a node tells of its network comes after its first answer, and which
        // network is ours may take others' words.
        if state.tier == Tier::Away {
            if answered && (!before || self.chart.knows(node)) {
                self.strangers.insert(node, true);
                return;
            }
            let reason = state.reasons.join("; ");
            observe::node_away_at_first(&way.config.name, &reason, &cure::unspoken(&way.config.url, &reason));
        }
        self.strangers.remove(&node);
    }

    /// What a node's feed says counts once the node is known to be of our network. What is missed until then is made
    /// good by the fleet, which reads the head of a node that has told none.
    fn hear(&mut self, heard: Heard) {
        match &heard.signal {
            Signal::Event { from, .. } if !self.ours.contains(from) => {}
            _ => self.tell(heard.signal),
        }
    }

    fn tell(&mut self, signal: Signal) {
        let effects = self.lock(|fleet| fleet.observe(signal, time::now()));
        self.follow(effects);
    }

    fn follow(&mut self, effects: Effects) {
        if let Some(snapshot) = effects.snapshot {
            self.meters.pictured(&snapshot);
            let nodes = Arc::clone(&self.picture.borrow().nodes);
            self.picture.send_replace(Arc::new(Picture { snapshot, nodes }));
        }
        for (topic, json) in effects.events {
            self.stream.say(topic, &json);
        }
        for ask in effects.asks {
            self.ask(ask);
        }
        for notice in effects.notices {
            observe::notice(&notice, |id| self.nodes.get(&id).map(|node| Arc::clone(&node.config.name)));
        }
    }

    // === the nodes ===

    /// A node keeps its number, and what is known of it, while the way to it stays the same.
    fn configure(&mut self, configured: Vec<NodeConfig>) {
        let mut nodes = HashMap::new();
        let mut profiles: Vec<Arc<Profile>> = Vec::new();
        for config in configured {
            let before = self.nodes.iter().find(|(_, node)| same_way(&node.config, &config));
            let id = match before {
                Some((id, _)) => *id,
                None => {
                    let id = NodeId(self.next_id);
                    self.next_id = self.next_id.wrapping_add(1);
                    id
                }
            };
            profiles.push(Arc::new(profile(id, &config)));
            let node = match before {
                Some((_, node)) if node.config == config => Arc::clone(node),
                // Only what the policy knows of it changed; its connections and its watchers go on.
                Some((_, node)) => Arc::new(node.relabelled(config)),
                None => match Node::start(id, config.clone(), &self.around) {
                    Ok((node, heard)) => {
                        let heard = stream::unfold(heard, |mut heard| async { Some((heard.recv().await?, heard)) });
                        self.feeds.push(heard.boxed());
                        self.strangers.insert(id, false);
                        Arc::new(node)
                    }
                    Err(reason) => {
                        observe::node_unusable(&config.name, &reason);
                        profiles.pop();
                        continue;
                    }
                },
            };
            nodes.insert(id, node);
        }
        self.order = profiles.iter().map(|profile| profile.id).collect();
        let own = profiles.iter().filter(|profile| profile.trust == Trust::Own).map(|profile| profile.id);
        self.chart.configured(own.collect(), &self.order);
        self.nodes = nodes;
        self.ours.retain(|id| self.nodes.contains_key(id));
        self.strangers.retain(|id, _| self.nodes.contains_key(id));
        self.picture.send_modify(|picture| {
            let nodes = Arc::new(self.nodes.clone());
            *picture = Arc::new(Picture { snapshot: Arc::clone(&picture.snapshot), nodes });
        });
        self.tell(Signal::Configured(profiles));
    }

    // === the network ===

    fn settle(&mut self, now: Moment) -> Result<(), Unsettled> {
        let snapshot = Arc::clone(&self.picture.borrow().snapshot);
        if self.chart.settle(&snapshot.nodes, now)? {
            self.publish_network();
        }
        Ok(())
    }

    fn publish_network(&mut self) {
        let Some(network) = self.chart.network() else { return };
        let clock = network.clock;
        self.network.send_replace(Some(Arc::clone(network)));
        let schedule = network.schedule();
        self.clock.send_if_modified(|before| {
            let changed = *before != Some(clock);
            *before = Some(clock);
            changed
        });
        self.tell(Signal::Network(schedule));
        for id in self.order.clone() {
            self.compare(id);
        }
    }

    fn compare(&mut self, node: NodeId) {
        if let Some(standing) = self.chart.standing(node, time::now()) {
            match standing {
                NetworkStanding::Same | NetworkStanding::Lacks { .. } => self.ours.insert(node),
                NetworkStanding::Unknown | NetworkStanding::Foreign(_) => self.ours.remove(&node),
            };
            self.tell(Signal::Compared { from: node, standing });
        }
    }

    // === reads of our own ===

    fn ask(&mut self, ask: Ask) {
        let (Ask::Header { from, .. } | Ask::HeadHeader { from } | Ask::Syncing { from }) = ask;
        let Some(node) = self.nodes.get(&from).map(Arc::clone) else { return };
        if self.asks.len() >= ASKS {
            return;
        }
        let tell = self.around.tell.clone();
        self.asks.spawn(async move {
            let signal = match ask {
                Ask::Syncing { .. } => {
                    node.soon.notify_one();
                    return;
                }
                Ask::HeadHeader { .. } => header(&node, "head").await.map(|header| Signal::HeadHeader { from, header }),
                Ask::Header { root, .. } => Some(match header(&node, &root.to_string()).await {
                    Some(header) => Signal::Header { from, header },
                    None => Signal::HeaderFailed { from, root },
                }),
            };
            if let Some(signal) = signal {
                let _ = tell.send(Told::Signal(signal)).await;
            }
        });
    }

    /// Shortly before a slot, opens a connection to every usable node, or keeps one from going idle.
    fn warm(&mut self, now: Moment) {
        let Some(clock) = *self.clock.borrow() else { return };
        let Some(next) = clock.slot(now).map(|slot| Slot(slot.0 + 1)) else { return };
        let before = WARM_BEFORE.min(clock.slot_ms / 4);
        if self.warmed == Some(next) || now.plus(before) < clock.start(next) {
            return;
        }
        self.warmed = Some(next);
        let snapshot = Arc::clone(&self.picture.borrow().snapshot);
        for state in &snapshot.nodes {
            if matches!(state.tier, Tier::Away | Tier::Foreign) || self.asks.len() >= ASKS {
                continue;
            }
            let Some(node) = self.nodes.get(&state.profile.id).map(Arc::clone) else { continue };
            self.asks.spawn(async move {
                let target = PathAndQuery::from_static("/eth/v1/node/version");
                let head = SentHead { method: Method::GET, target, headers: HeaderMap::new() };
                let warmed = node.transport.send(&head, bytes::Bytes::new(), Repeat::OnNewConnection);
                if let Ok(Ok(response)) = tokio::time::timeout(Duration::from_secs(1), warmed).await {
                    // Read to its end, so that the connection goes back to the pool.
                    let body = http_body_util::Limited::new(response.into_body(), 64 << 10);
                    let _ = http_body_util::BodyExt::collect(body).await;
                }
            });
        }
    }

    fn tick_length(&self) -> Duration {
        let slot_ms = self.clock.borrow().map_or(4_000, |clock| clock.slot_ms);
        Duration::from_millis((slot_ms / 16).clamp(25, 1_000))
    }

    fn lock<T>(&self, act: impl FnOnce(&mut Fleet) -> T) -> T {
        let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        let acted = act(&mut fleet);
        self.offset.store(fleet.clock_offset_ms(), Ordering::Relaxed);
        acted
    }
}

async fn header(node: &Node, id: &str) -> Option<Header> {
    let read = node.control.read(&format!("/eth/v1/beacon/headers/{id}")).await.ok()?;
    let body = (read.status == 200).then(|| serde_json::from_slice::<HeaderBody>(&read.body).ok())??;
    let HeaderMessage { slot, parent_root: parent, state_root: state } = body.data.header.message;
    Some(Header { root: body.data.root, slot, parent, state, optimistic: body.execution_optimistic })
}

/// Whether two configurations reach the same node in the same way.
fn same_way(before: &NodeConfig, after: &NodeConfig) -> bool {
    before.name == after.name
        && before.url == after.url
        && before.authorization == after.authorization
        && before.headers == after.headers
        && before.tls == after.tls
}
