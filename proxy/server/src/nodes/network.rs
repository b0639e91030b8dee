//! The network as this Rangelight knows it, kept across restarts.
//!
//! Policy says which network it is, what is foreign, and what may be added to what we serve; here the nodes' words are
//! collected for it, and the picture is kept in the state directory, so that genesis and spec are served before any node
//! answers.
//!
//! What is served is *proven* once the configuration names the network, or all own nodes have spoken, or most of those
//! that are configured agree. Until then it can be replaced: what was kept from another time, because the staker moved
//! his nodes and kept the folder; and what one early node said, because it may be the one that is wrong. Only what is
//! proven is written.
//!
//! When nothing is configured and nothing was kept, the own nodes decide by majority. That waits for all of them, but
//! not longer than [`WAIT_FOR_OWN`] after the first: a node that is down must not keep the others' VC waiting, and a
//! node that is merely slow must not be outvoted by speed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rangelight_policy::chain::{Clock, Epoch, Moment};
use rangelight_policy::health::NetworkStanding;
use rangelight_policy::network::{Comparison, Genesis, Lacks, NetworkChoice, Served, Spec, Told, Undefined, define};
use rangelight_policy::node::{NodeId, NodeState, Tier, Trust};
use rangelight_policy::view::Schedule;
use serde::{Deserialize, Serialize};

use crate::observe;
use crate::state::{State, StateError};

/// How long the first own node's word waits for the others', in milliseconds.
pub const WAIT_FOR_OWN: u64 = 2_000;

/// Differences of a node that are named. A node of a network with another preset differs in some eighty values.
const NAMED: usize = 16;

const FILE: &str = "network.json";

/// The network, once known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Genesis and spec as we serve them.
    pub served: Served,
    /// Its slots and epochs.
    pub clock: Clock,
}

/// Why the network can't be settled; the start ends with it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unsettled(#[from] pub Undefined);

/// What the nodes said of their network, and what follows.
#[derive(Default)]
pub struct Chart {
    choice: Option<NetworkChoice>,
    state: Option<Arc<State>>,
    network: Option<Arc<Network>>,
    words: HashMap<NodeId, Word>,
    own: Vec<NodeId>,
    first_own: Option<Moment>,
    /// The choice, all own nodes, or most of those configured stand behind what is served.
    proven: bool,
    /// Pictures given to be written so far.
    pictures: u64,
    /// The number of the one written last; held while one is written.
    written: Arc<Mutex<u64>>,
    compared_at: Option<Epoch>,
}

/// The form in which the network is kept: the two bodies that we serve.
#[derive(Deserialize, Serialize)]
struct Kept {
    genesis: serde_json::Value,
    spec: serde_json::Value,
}

struct Word {
    name: Arc<str>,
    trust: Trust,
    genesis: Genesis,
    spec: Spec,
}

// === impl Network ===

impl Network {
    /// The network of this genesis and spec.
    #[must_use]
    pub fn new(served: Served) -> Self {
        let clock = served.spec.clock(&served.genesis);
        Self { served, clock }
    }

    /// What the fleet has to know of it.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let forks = self.served.spec.forks.iter().filter(|fork| fork.is_scheduled());
        Schedule { clock: self.clock, forks: forks.map(|fork| (fork.epoch, fork.name.clone())).collect() }
    }
}

// === impl Chart ===

impl Chart {
    /// An empty chart, or the one that was kept if it is of the chosen network.
    #[must_use]
    pub fn new(choice: Option<NetworkChoice>, state: Option<Arc<State>>) -> Self {
        let kept = state.as_deref().and_then(|state| {
            let kept = state.read(FILE).inspect_err(|error| observe::state_not_read(FILE, &error.to_string()));
            served(&kept.ok()??)
        });
        Self { state, ..Self::resumed(choice, kept) }
    }

    /// A chart that begins with what was kept, if it is of the chosen network, and keeps nothing itself.
    #[must_use]
    pub fn resumed(choice: Option<NetworkChoice>, kept: Option<Served>) -> Self {
        let fits = |served: &Served| choice.is_none_or(|choice| served.genesis.validators_root == choice.0);
        let network = kept.filter(fits).map(|served| Arc::new(Network::new(served)));
        Self { choice, network, ..Self::default() }
    }

    /// The network, once known.
    #[must_use]
    pub fn network(&self) -> Option<&Arc<Network>> {
        self.network.as_ref()
    }

    /// Whether this node has told its genesis and spec.
    #[must_use]
    pub fn knows(&self, node: NodeId) -> bool {
        self.words.contains_key(&node)
    }

    /// Forgets nodes that are no longer configured, and learns which are own.
    pub fn configured(&mut self, own: Vec<NodeId>, all: &[NodeId]) {
        self.words.retain(|id, _| all.contains(id));
        for (id, word) in &mut self.words {
            word.trust = if own.contains(id) { Trust::Own } else { Trust::Friend };
        }
        self.own = own;
    }

    /// A node told its genesis and spec.
    pub fn heard(&mut self, from: NodeId, name: &Arc<str>, genesis: Genesis, spec: Spec, now: Moment) {
        let trust = if self.own.contains(&from) { Trust::Own } else { Trust::Friend };
        if trust == Trust::Own {
            self.first_own.get_or_insert(now);
        }
        self.words.insert(from, Word { name: Arc::clone(name), trust, genesis, spec });
    }

    /// Settles which network it is, or takes additions to what is served; true if what is served changed, or if an
    /// epoch began, at which forks come into force and every node is to be compared anew.
    ///
    /// # Errors
    /// If the own nodes are on different networks and none can be chosen.
    pub fn settle(&mut self, nodes: &[NodeState], now: Moment) -> Result<bool, Unsettled> {
        if !self.proven && self.prove(now)? {
            return Ok(true);
        }
        let Some(network) = &self.network else { return Ok(false) };
        let epoch = network.served.epoch(now);
        let ready: Vec<&Spec> = nodes
            .iter()
            .filter(|node| node.profile.trust == Trust::Own && node.tier == Tier::Ready)
            .filter_map(|node| self.words.get(&node.profile.id).map(|word| &word.spec))
            .collect();
        let mut served = network.served.clone();
        let changes = served.learn(&ready, epoch);
        let begun = self.compared_at.replace(epoch) != Some(epoch);
        if changes.is_empty() {
            return Ok(begun);
        }
        for change in &changes {
            observe::spec_changed(change);
        }
        self.take(served);
        Ok(true)
    }

    /// How a node's network compares; `None` until both are known.
    #[must_use]
    pub fn standing(&self, node: NodeId, now: Moment) -> Option<NetworkStanding> {
        let (network, word) = (self.network.as_ref()?, self.words.get(&node)?);
        let epoch = network.served.epoch(now);
        Some(standing(&network.served.compare(&word.genesis, &word.spec, epoch)))
    }

    fn all_own_spoke(&self) -> bool {
        !self.own.is_empty() && self.own.iter().all(|id| self.words.contains_key(id))
    }

    /// Compares what is served with what the nodes say, until it is proven; true if something else is served now.
    fn prove(&mut self, now: Moment) -> Result<bool, Unsettled> {
        let voters = self.voters();
        let told = |word: &&Word| (Arc::clone(&word.name), word.genesis.clone(), word.spec.clone());
        let told: Vec<_> = voters.iter().map(told).collect();
        let words: Vec<Told<'_>> = told.iter().map(|(node, genesis, spec)| Told { node, genesis, spec }).collect();
        let all = self.all_own_spoke();
        let served = match define(self.choice, &words, now) {
            Ok(served) => served,
            // Another own node may still come; and while something is served there is no reason to end.
            Err(Undefined::Elsewhere { .. } | Undefined::Tie { .. }) if !all || self.network.is_some() => {
                return Ok(false);
            }
            Err(Undefined::Silent) => return Ok(false),
            Err(undefined) => return Err(undefined.into()),
        };
        let epoch = served.epoch(now);
        let agrees = |word: &Told<'_>| served.compare(word.genesis, word.spec, epoch).foreign.is_empty();
        let side = words.iter().filter(|word| agrees(word)).count();
        self.proven = self.choice.is_some() || all || side * 2 > self.own.len();
        let waited = self.first_own.is_some_and(|first| now.since(first) >= WAIT_FOR_OWN);
        if !self.proven && (self.network.is_some() || !waited) {
            return Ok(false);
        }
        let stands = self
            .network
            .as_ref()
            .is_some_and(|network| network.served.compare(&served.genesis, &served.spec, epoch).foreign.is_empty());
        if !stands {
            if self.network.is_some() {
                observe::network_moved();
            }
            self.network = Some(Arc::new(Network::new(served)));
        }
        self.keep();
        Ok(!stands)
    }

    /// Whose words say which network it is: own nodes', in configured order. Who has only friends' nodes has named the
    /// network; then those that are on it tell the rest, and two that tell it differently tell nothing.
    fn voters(&self) -> Vec<&Word> {
        if self.own.is_empty() && self.choice.is_some() {
            let mut words: Vec<_> = self.words.iter().collect();
            words.sort_by_key(|(id, _)| **id);
            return words.into_iter().map(|(_, word)| word).collect();
        }
        self.own.iter().filter_map(|id| self.words.get(id)).collect()
    }

    fn take(&mut self, served: Served) {
        self.network = Some(Arc::new(Network::new(served)));
        self.keep();
    }

    /// Keeps what is served for the next start, once it is proven. Beside the keeper's task, because a slow disk must
    /// not hold up a head; an older picture never follows a newer one.
    fn keep(&mut self) {
        let (Some(state), Some(network), true) = (&self.state, &self.network, self.proven) else { return };
        self.pictures += 1;
        let (state, kept, written) = (Arc::clone(state), Kept::from(&network.served), Arc::clone(&self.written));
        let number = self.pictures;
        tokio::task::spawn_blocking(move || {
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            if *written > number {
                return;
            }
            *written = number;
            if let Err(error) = state.write(FILE, &kept) {
                observe::state_not_written(FILE, &error.to_string());
            }
        });
    }
}

/// The network that a run with this state folder kept; `None` if none did. Looks only: the folder may be in use.
///
/// # Errors
/// If the file cannot be read.
pub fn kept_in(folder: &Path) -> Result<Option<Served>, StateError> {
    Ok(State::look(folder, FILE)?.as_ref().and_then(served))
}

fn served(kept: &Kept) -> Option<Served> {
    let (genesis, spec) = (kept.genesis.to_string(), kept.spec.to_string());
    Some(Served { genesis: Genesis::read(genesis.as_bytes()).ok()?, spec: Spec::read(spec.as_bytes()).ok()? })
}

impl From<&Served> for Kept {
    fn from(served: &Served) -> Self {
        let read = |body: String| serde_json::from_str(&body).expect("the bodies that we serve are JSON");
        Self { genesis: read(served.genesis_body()), spec: read(served.spec_body()) }
    }
}

/// What a comparison means for a node. Everything that differs is named, up to [`NAMED`] lines.
#[must_use]
pub fn standing(comparison: &Comparison) -> NetworkStanding {
    if !comparison.foreign.is_empty() {
        let words = comparison.foreign.iter().map(|it| format!("{}: ours {}, its {}", it.key, it.reference, it.node));
        return NetworkStanding::Foreign(named(words));
    }
    let gaps = || comparison.behind.iter().chain(&comparison.not_ready).filter(|gap| gap.lacks != Lacks::Reference);
    let Some(first) = gaps().min_by_key(|gap| gap.epoch) else { return NetworkStanding::Same };
    let others = gaps().filter(|gap| *gap != first).map(ToString::to_string);
    NetworkStanding::Lacks { change: first.change.clone(), epoch: first.epoch, also: named(others) }
}

/// The first [`NAMED`] of them, and how many more there are.
fn named(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut words: Vec<String> = words.collect();
    let more = words.len().saturating_sub(NAMED);
    if more > 0 {
        words.truncate(NAMED);
        words.push(format!("and {more} more"));
    }
    words
}

#[cfg(test)]
mod tests;
