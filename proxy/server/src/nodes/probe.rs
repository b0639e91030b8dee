//! The probe: what we ask one node, again and again, to know how it is.
//!
//! | question | when |
//! |---|---|
//! | `genesis`, `spec`, `version` v1 and v2 | when the node answers for the first time or again, and each epoch |
//! | `syncing` | each slot at five sixths of it, and sooner after a failure or when the fleet asks |
//! | `finality_checkpoints` | each epoch |
//! | `peer_count` | each minute |
//!
//! Five sixths into the slot the block and the attestations are in, and a fault is known before the next duty. After a
//! failure the delay doubles from [`FIRST_DELAY`] to a slot, so that a node that restarted is back within its first
//! slot. Before the network is known there are no slots, and the probe runs at [`UNKNOWN_NETWORK`].

use std::sync::Arc;
use std::time::Duration;

use rangelight_policy::chain::{Checkpoint, Clock, Epoch};
use rangelight_policy::family::Versions;
use rangelight_policy::fleet::Signal;
use rangelight_policy::health::{Loss, Syncing};
use rangelight_policy::network::{Genesis, Spec};
use rangelight_policy::node::NodeId;
use serde::Deserialize;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use crate::nodes::control::{Control, Read, Unread};
use crate::nodes::{Told, jitter};
use crate::time;

/// The first delay after a failed probe.
pub const FIRST_DELAY: Duration = Duration::from_millis(250);

/// The pace while no network is known.
pub const UNKNOWN_NETWORK: Duration = Duration::from_secs(1);

/// How often the peers are counted.
pub const COUNT_PEERS: Duration = Duration::from_secs(60);

/// Probes one node for ever.
pub struct Probe {
    /// The node.
    pub id: NodeId,
    /// How it is reached.
    pub control: Control,
    /// Where the answers go.
    pub tell: mpsc::Sender<Told>,
    /// The network's clock, once known.
    pub clock: watch::Receiver<Option<Clock>>,
    /// Woken when the fleet wants the syncing probe before its time.
    pub soon: Arc<Notify>,
    /// Told the node's version string.
    pub version: watch::Sender<Arc<str>>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct SyncingBody {
    head_slot: rangelight_policy::chain::Slot,
    #[serde(deserialize_with = "rangelight_policy::chain::decimal")]
    sync_distance: u64,
    is_syncing: bool,
    is_optimistic: Option<bool>,
    el_offline: Option<bool>,
}

#[derive(Deserialize)]
struct PeersBody {
    #[serde(deserialize_with = "rangelight_policy::chain::decimal")]
    connected: u64,
}

#[derive(Deserialize)]
struct FinalityBody {
    finalized: Checkpoint,
}

impl Probe {
    /// Runs until it is dropped.
    pub async fn run(mut self) {
        let mut introduced: Option<Epoch> = None;
        let mut answering = false;
        let mut peers_at: Option<Instant> = None;
        let mut delay = FIRST_DELAY;
        loop {
            let answered = self.syncing().await;
            if answered {
                let epoch = self.epoch();
                if !answering || introduced != Some(epoch) {
                    let complete = self.introduce().await;
                    introduced = complete.then_some(epoch);
                }
                if peers_at.is_none_or(|at| at.elapsed() >= COUNT_PEERS) {
                    peers_at = Some(Instant::now());
                    self.peers().await;
                }
                delay = FIRST_DELAY;
            }
            answering = answered;
            let pause = if answered && introduced.is_some() {
                self.until_next()
            } else {
                let pause = delay;
                delay = (delay * 2).min(self.slot());
                jitter(pause)
            };
            // Asked for sooner, or the network became known, which changes the pace.
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.soon.notified() => {}
                Ok(()) = self.clock.changed() => {}
            }
        }
    }

    /// Asks for the sync state; false if there was no usable answer.
    async fn syncing(&self) -> bool {
        let read = self.control.read("/eth/v1/node/syncing").await;
        let (loss, reason) = match &read {
            Ok(read) => {
                if let Some(date) = read.date {
                    self.signal(Signal::Dated { from: self.id, date }).await;
                }
                match syncing(read) {
                    Ok(said) => {
                        self.signal(Signal::Syncing { from: self.id, said }).await;
                        return true;
                    }
                    Err(reason) => (Loss::Silent, reason),
                }
            }
            Err(Unread::Ours) => return false,
            Err(Unread::Refused) => (Loss::Refused, Unread::Refused.to_string()),
            Err(Unread::Silent(reason)) => (Loss::Silent, reason.clone()),
        };
        self.signal(Signal::SyncingFailed { from: self.id, loss, reason }).await;
        false
    }

    /// Asks who it is and which network it serves; false if its genesis or spec did not come.
    async fn introduce(&self) -> bool {
        let (genesis, spec, version, versions, finality) = tokio::join!(
            self.control.read("/eth/v1/beacon/genesis"),
            self.control.read("/eth/v1/config/spec"),
            self.control.read("/eth/v1/node/version"),
            self.control.read("/eth/v2/node/version"),
            self.control.read("/eth/v1/beacon/states/head/finality_checkpoints"),
        );
        if let Some(versions) = versions_of(version.ok().as_ref(), versions.ok().as_ref()) {
            self.versions(versions).await;
        }
        if let Some(finality) = finality.ok().and_then(|read| body::<FinalityBody>(&read).ok()) {
            self.signal(Signal::Finality { from: self.id, finalized: finality.finalized }).await;
        }
        let genesis = genesis.ok().filter(|read| read.status == 200).and_then(|read| Genesis::read(&read.body).ok());
        let spec = spec.ok().filter(|read| read.status == 200).and_then(|read| Spec::read(&read.body).ok());
        let (Some(genesis), Some(spec)) = (genesis, spec) else { return false };
        let _ = self.tell.send(Told::Network { from: self.id, genesis, spec: Box::new(spec) }).await;
        true
    }

    async fn versions(&self, versions: Versions) {
        let string: Arc<str> = versions.consensus_version.as_str().into();
        self.version.send_if_modified(|before| {
            let changed = *before != string;
            *before = Arc::clone(&string);
            changed
        });
        let (consensus, execution) = (versions.consensus, versions.execution);
        self.signal(Signal::Versions { from: self.id, consensus, execution }).await;
        let _ = self.tell.send(Told::Versions { from: self.id, versions: Box::new(versions) }).await;
    }

    async fn peers(&self) {
        if let Some(connected) =
            self.control.read("/eth/v1/node/peer_count").await.ok().and_then(|read| peers(&read).ok())
        {
            self.signal(Signal::Peers { from: self.id, connected }).await;
        }
    }

    fn slot(&self) -> Duration {
        self.clock.borrow().map_or(UNKNOWN_NETWORK, |clock| Duration::from_millis(clock.slot_ms))
    }

    fn epoch(&self) -> Epoch {
        let clock = *self.clock.borrow();
        clock.and_then(|clock| Some(clock.epoch(clock.slot(time::now())?))).unwrap_or_default()
    }

    /// To five sixths of this slot, or of the next one.
    fn until_next(&self) -> Duration {
        let Some(clock) = *self.clock.borrow() else { return UNKNOWN_NETWORK };
        let now = time::now();
        let Some(slot) = clock.slot(now) else { return Duration::from_millis(clock.slot_ms) };
        let due = clock.start(slot).plus(clock.component(8_333));
        let due = if due > now { due } else { due.plus(clock.slot_ms) };
        Duration::from_millis(due.since(now))
    }

    async fn signal(&self, signal: Signal) {
        let _ = self.tell.send(Told::Signal(signal)).await;
    }
}

/// What the answers to `GET /eth/v1/node/version` and v2 say together; `None` if neither can be used.
#[must_use]
pub fn versions_of(v1: Option<&Read>, v2: Option<&Read>) -> Option<Versions> {
    let body = |read: Option<&Read>| read.filter(|read| read.status == 200).map(|read| read.body.clone());
    // v2 names the execution client too; older nodes have only v1.
    let versions = body(v2).and_then(|body| Versions::from_v2_body(&body).ok());
    versions.or_else(|| body(v1).and_then(|body| Versions::from_v1_body(&body).ok()))
}

/// What an answer to `GET /eth/v1/node/syncing` says.
///
/// # Errors
/// Why nothing, in a few words.
pub fn syncing(read: &Read) -> Result<Syncing, String> {
    let SyncingBody { head_slot, sync_distance, is_syncing, is_optimistic, el_offline } = body(read)?;
    Ok(Syncing { head_slot, sync_distance, is_syncing, is_optimistic, el_offline })
}

/// How many peers an answer to `GET /eth/v1/node/peer_count` says.
///
/// # Errors
/// Why nothing, in a few words.
pub fn peers(read: &Read) -> Result<u64, String> {
    body(read).map(|PeersBody { connected }| connected)
}

/// The `data` of an answer; else why not, in a few words.
fn body<T: for<'de> Deserialize<'de>>(read: &Read) -> Result<T, String> {
    if !(200..300).contains(&read.status) {
        return Err(format!("answered {}", read.status));
    }
    let parsed = serde_json::from_slice::<Envelope<T>>(&read.body);
    parsed.map(|envelope| envelope.data).map_err(|_| "answered something else than expected".to_owned())
}
