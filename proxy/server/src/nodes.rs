//! The nodes: how each is reached, and what is known of all of them.
//!
//! One task, the [`keeper`], owns the fleet's state machine. Probes and feeds tell it what they learnt; it publishes a
//! picture, which is replaced whole, so that a request decides by one consistent picture from start to end. Reading it
//! costs an `Arc` clone.
//!
//! Bounds: signals queue up to [`QUEUE`]; probes wait when it is full, ends of exchanges are dropped then (they only order
//! nodes, and the next one says the same). Each feed has a queue of its own ([`feed`]), so that no node's flood comes
//! before what the others say.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rangelight_policy::chain::Clock;
use rangelight_policy::events::Topic;
use rangelight_policy::family::Versions;
use rangelight_policy::fleet::{Fleet, Signal};
use rangelight_policy::health::Exchange;
use rangelight_policy::network::{Genesis, Spec};
use rangelight_policy::node::{NodeId, Profile, Snapshot};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::config::NodeConfig;
use crate::nodes::control::Control;
use crate::nodes::feed::{Feed, Heard};
use crate::nodes::probe::Probe;
use crate::nodes::transport::Transport;

pub mod control;
pub mod cure;
pub mod exchange;
pub mod feed;
pub mod keeper;
pub mod network;
pub mod probe;
pub mod tls;
pub mod transport;

#[cfg(test)]
pub(crate) mod tests;

/// Signals that may wait for the keeper. A mainnet slot brings some dozens for each node.
pub const QUEUE: usize = 4_096;

/// One configured node: how it is reached, and the tasks that watch it, which end with it.
pub struct Node {
    /// Its configuration.
    pub config: NodeConfig,
    /// Its data plane.
    pub transport: Transport,
    control: Control,
    soon: Arc<Notify>,
    watchers: Arc<Watchers>,
}

/// The tasks that watch a node; they end with the last that knows it.
struct Watchers([AbortHandle; 2]);

/// All nodes at one moment: what is known of them, and how they are reached.
#[derive(Clone, Default)]
pub struct Picture {
    /// What is known.
    pub snapshot: Arc<Snapshot>,
    /// How they are reached.
    pub nodes: Arc<HashMap<NodeId, Arc<Node>>>,
}

/// Where the fleet's events go, and what is wanted of them: the merged stream.
pub trait Ears: Send + Sync + 'static {
    /// Hears an event.
    fn say(&self, topic: Topic, json: &str);

    /// The topics that anyone wants now, for the feeds to ask the nodes for.
    fn wanted(&self) -> watch::Receiver<Vec<Topic>>;
}

/// What the keeper is told.
pub enum Told {
    /// Something for the fleet.
    Signal(Signal),
    /// A node told its genesis and spec.
    Network {
        /// The node.
        from: NodeId,
        /// Its genesis.
        genesis: Genesis,
        /// Its spec.
        spec: Box<Spec>,
    },
    /// A node told its version strings.
    Versions {
        /// The node.
        from: NodeId,
        /// What it said.
        versions: Box<Versions>,
    },
    /// These nodes are configured now.
    Configure(Vec<NodeConfig>),
    /// A node is to be taken out of reads, or back in.
    Cordon {
        /// Its name.
        name: Arc<str>,
        /// True = taken out.
        cordoned: bool,
        /// Told the picture afterwards, or nothing if there is no such node.
        done: oneshot::Sender<Option<Arc<Snapshot>>>,
    },
}

/// The door to the nodes, for everybody else.
#[derive(Clone)]
pub struct Nodes {
    picture: watch::Receiver<Arc<Picture>>,
    network: watch::Receiver<Option<Arc<network::Network>>>,
    versions: watch::Receiver<Arc<HashMap<NodeId, Versions>>>,
    fleet: Arc<Mutex<Fleet>>,
    answered: Answered,
    offset: Arc<AtomicI64>,
    tell: mpsc::Sender<Told>,
}

/// How long answered exchanges took, until the keeper's next tick.
///
/// Waking the keeper for each good answer would cost more than the rest of a small request's policy, and nothing depends
/// on learning a latency at once. A fault is told at once.
#[derive(Clone, Debug, Default)]
pub struct Answered(Arc<Mutex<Vec<(NodeId, u64)>>>);

/// Latencies that wait for a tick; above it they are dropped, for a sample is enough.
const SAMPLES: usize = 512;

// === impl Nodes ===

impl Nodes {
    /// All nodes now.
    #[must_use]
    pub fn picture(&self) -> Arc<Picture> {
        Arc::clone(&self.picture.borrow())
    }

    /// To wait for another picture.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Picture>> {
        self.picture.clone()
    }

    /// The network, once it is known.
    #[must_use]
    pub fn network(&self) -> Option<Arc<network::Network>> {
        self.network.borrow().clone()
    }

    /// The network, waited for at most so long: at a first start it takes the own nodes' words.
    pub async fn network_within(&self, patience: Duration) -> Option<Arc<network::Network>> {
        let mut network = self.network.clone();
        let known = tokio::time::timeout(patience, network.wait_for(Option::is_some)).await;
        known.ok()?.ok()?.clone()
    }

    /// The network's clock, once it is known.
    #[must_use]
    pub fn clock(&self) -> Option<Clock> {
        self.network.borrow().as_ref().map(|network| network.clock)
    }

    /// What the nodes said of their versions.
    #[must_use]
    pub fn versions(&self) -> Arc<HashMap<NodeId, Versions>> {
        Arc::clone(&self.versions.borrow())
    }

    /// The fleet itself, for answers that depend on the moment. Never hold it across an await.
    pub fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds to add to our clock, as own nodes agree.
    #[must_use]
    pub fn offset_ms(&self) -> i64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// Tells how an exchange ended. Dropped if the keeper has too much to do.
    pub fn exchanged(&self, from: NodeId, exchange: Exchange) {
        match exchange {
            Exchange::Answered { ms } => self.answered.add(from, ms),
            Exchange::Faulted | Exchange::Outlasted { .. } | Exchange::Refused => {
                let _ = self.tell.try_send(Told::Signal(Signal::Exchanged { from, exchange }));
            }
        }
    }

    /// Replaces the configured nodes.
    pub async fn configure(&self, nodes: Vec<NodeConfig>) {
        let _ = self.tell.send(Told::Configure(nodes)).await;
    }

    /// Takes a node out of reads, or back in; the picture afterwards, or `None` if there is no such node.
    pub async fn cordon(&self, name: &str, cordoned: bool) -> Option<Arc<Snapshot>> {
        let (done, told) = oneshot::channel();
        self.tell.send(Told::Cordon { name: name.into(), cordoned, done }).await.ok()?;
        told.await.ok().flatten()
    }
}

// === impl Answered ===

impl Answered {
    fn add(&self, node: NodeId, ms: u64) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < SAMPLES {
            waiting.push((node, ms));
        }
    }

    fn drain(&self) -> Vec<(NodeId, u64)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Node ===

/// What a node's watchers need from the house.
#[derive(Clone)]
pub struct Surroundings {
    /// Where they tell what they learnt.
    pub tell: mpsc::Sender<Told>,
    /// The network's clock, once known.
    pub clock: watch::Receiver<Option<Clock>>,
    /// The topics that subscribers want.
    pub wanted: watch::Receiver<Vec<Topic>>,
}

impl Node {
    /// Prepares a node and starts watching it; what its feed says comes out of the receiver.
    ///
    /// # Errors
    /// In a few words, if its TLS files cannot be used.
    pub fn start(
        id: NodeId,
        config: NodeConfig,
        around: &Surroundings,
    ) -> Result<(Self, mpsc::Receiver<Heard>), String> {
        let tls = tls::client_config(&config).map_err(|error| error.to_string())?;
        let transport = Transport::new(&config, tls.clone());
        let control = Control::new(&config, tls).map_err(|error| error.to_string())?;
        let soon = Arc::new(Notify::new());
        let (version, versions) = watch::channel(Arc::from(""));
        let probe = Probe {
            id,
            control: control.clone(),
            tell: around.tell.clone(),
            clock: around.clock.clone(),
            soon: Arc::clone(&soon),
            version,
        };
        let (feed, heard) = Feed::new((id, Arc::clone(&config.name)), control.clone(), around.wanted.clone(), versions);
        let watchers = [tokio::spawn(probe.run()).abort_handle(), tokio::spawn(feed.run()).abort_handle()];
        Ok((Self { config, transport, control, soon, watchers: Arc::new(Watchers(watchers)) }, heard))
    }

    /// The same node, reached in the same way, under a changed configuration.
    #[must_use]
    pub fn relabelled(&self, config: NodeConfig) -> Self {
        Self {
            config,
            transport: self.transport.clone(),
            control: self.control.clone(),
            soon: Arc::clone(&self.soon),
            watchers: Arc::clone(&self.watchers),
        }
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        for watcher in &self.0 {
            watcher.abort();
        }
    }
}

/// What the policy has to know of a configured node.
#[must_use]
pub fn profile(id: NodeId, config: &NodeConfig) -> Profile {
    Profile {
        id,
        name: Arc::clone(&config.name),
        trust: config.trust,
        participation: config.participation,
        operator: config.operator.clone(),
        consensus: config.consensus.unwrap_or_default(),
        execution: config.execution.unwrap_or_default(),
    }
}

/// A delay between half and all of the one given, so that many who wait for one node do not come at once.
///
/// The fraction comes from the clock's lowest bits: it must differ between processes, not be unpredictable.
#[must_use]
pub fn jitter(delay: Duration) -> Duration {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    delay / 2 + delay / 2 * (nanos % 1_024) / 1_024
}
