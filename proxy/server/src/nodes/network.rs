//! The network as this Rangelight knows it, kept across restarts.
//!
//! Policy says which network it is, what is foreign, and what may be added to what we serve; here the nodes' words are
//! collected for it, and the picture is kept in the state directory, so that genesis and spec are served before any node
//! answers.
//!
//! What was kept is only what to say until the own nodes speak. If no network is configured, and at the first time that
//! all own nodes have spoken they are of another one, theirs is taken: the staker moved them and kept the folder.
//!
//! When nothing is configured and nothing was kept, the own nodes decide by majority. That waits for all of them, but
//! not longer than [`WAIT_FOR_OWN`] after the first: a node that is down must not keep the others' VC waiting, and a
//! node that is merely slow must not be outvoted by speed.

use std::collections::HashMap;
use std::sync::Arc;

use rangelight_policy::chain::{Clock, Epoch, Moment};
use rangelight_policy::health::NetworkStanding;
use rangelight_policy::network::{Comparison, Genesis, Lacks, NetworkChoice, Served, Spec, Told, Undefined, define};
use rangelight_policy::node::{NodeId, NodeState, Tier, Trust};
use rangelight_policy::view::Schedule;
use serde::{Deserialize, Serialize};

use crate::observe;
use crate::state::State;

/// How long the first own node's word waits for the others', in milliseconds.
pub const WAIT_FOR_OWN: u64 = 2_000;

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
pub struct Unsettled(#[from] Undefined);

/// What the nodes said of their network, and what follows.
pub struct Chart {
    choice: Option<NetworkChoice>,
    state: Option<Arc<State>>,
    network: Option<Arc<Network>>,
    words: HashMap<NodeId, Word>,
    own: Vec<NodeId>,
    first_own: Option<Moment>,
    /// The network is what was kept, and the own nodes have not all spoken yet.
    unproven: bool,
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
        let kept = state.as_deref().and_then(kept);
        let fits = |served: &Served| choice.is_none_or(|choice| served.genesis.validators_root == choice.0);
        let network = kept.filter(fits).map(|served| Arc::new(Network::new(served)));
        let unproven = network.is_some() && choice.is_none();
        let (words, own) = (HashMap::new(), Vec::new());
        Self { choice, state, network, words, own, first_own: None, unproven, compared_at: None }
    }

    /// The network, once known.
    #[must_use]
    pub fn network(&self) -> Option<&Arc<Network>> {
        self.network.as_ref()
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
        let Some(network) = &self.network else { return self.define(now) };
        if self.unproven && self.all_own_spoke() {
            self.unproven = false;
            if self.own_are_elsewhere(network, now) {
                observe::network_moved();
                return self.define(now);
            }
        }
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

    fn own_are_elsewhere(&self, network: &Network, now: Moment) -> bool {
        let epoch = network.served.epoch(now);
        let foreign = |word: &Word| !network.served.compare(&word.genesis, &word.spec, epoch).foreign.is_empty();
        self.own.iter().filter_map(|id| self.words.get(id)).all(foreign)
    }

    fn define(&mut self, now: Moment) -> Result<bool, Unsettled> {
        let told: Vec<(&NodeId, &Word)> = self.own.iter().filter_map(|id| self.words.get_key_value(id)).collect();
        let waited = self.first_own.is_some_and(|first| now.since(first) >= WAIT_FOR_OWN);
        let all = self.all_own_spoke();
        // With a choice the first own node on it defines the rest of the picture.
        if !all && !waited && self.choice.is_none() {
            return Ok(false);
        }
        let words = told.iter().map(|(_, word)| Told { node: &word.name, genesis: &word.genesis, spec: &word.spec });
        match define(self.choice, &words.collect::<Vec<_>>(), now) {
            Ok(served) => {
                self.take(served);
                Ok(true)
            }
            Err(Undefined::Silent) => Ok(false),
            // Another own node may still come that is on the chosen network.
            Err(Undefined::Elsewhere { .. }) if !all => Ok(false),
            Err(undefined) => Err(undefined.into()),
        }
    }

    fn take(&mut self, served: Served) {
        if let Some(state) = &self.state
            && let Err(error) = state.write(FILE, &Kept::from(&served))
        {
            observe::state_not_written(FILE, &error.to_string());
        }
        self.network = Some(Arc::new(Network::new(served)));
    }
}

fn kept(state: &State) -> Option<Served> {
    let kept: Kept = state.read(FILE).inspect_err(|error| observe::state_not_read(FILE, &error.to_string())).ok()??;
    let (genesis, spec) = (kept.genesis.to_string(), kept.spec.to_string());
    Some(Served { genesis: Genesis::read(genesis.as_bytes()).ok()?, spec: Spec::read(spec.as_bytes()).ok()? })
}

impl From<&Served> for Kept {
    fn from(served: &Served) -> Self {
        let read = |body: String| serde_json::from_str(&body).expect("the bodies that we serve are JSON");
        Self { genesis: read(served.genesis_body()), spec: read(served.spec_body()) }
    }
}

/// What a comparison means for a node.
#[must_use]
pub fn standing(comparison: &Comparison) -> NetworkStanding {
    if !comparison.foreign.is_empty() {
        let words = comparison.foreign.iter().map(|it| format!("{}: ours {}, its {}", it.key, it.reference, it.node));
        return NetworkStanding::Foreign(words.collect());
    }
    let mut gaps = comparison.behind.iter().chain(&comparison.not_ready);
    match gaps.find(|gap| gap.lacks != Lacks::Reference) {
        Some(gap) => NetworkStanding::Lacks { fork: gap.change.clone(), epoch: gap.epoch },
        None => NetworkStanding::Same,
    }
}
