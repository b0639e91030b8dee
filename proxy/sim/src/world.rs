//! The whole world: a clock, a chain, some nodes, a script of faults, a validator client.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::chain::{Block, Reorg, Rules};
use crate::clock::Clock;
use crate::digest::{Address, stretch};
use crate::fault::Fault;
use crate::fork::{Fork, Schedule};
use crate::ground::Ground;
use crate::locked;
use crate::node::{Node, NodeSpec};
use crate::preset::Preset;
use crate::score::{self, Report};
use crate::script::Script;
use crate::vc::{Profile, ValidatorClient, VcSpec};

/// What a world is to be.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// Everything random comes from here.
    pub seed: u64,
    /// Sizes.
    pub preset: Preset,
    /// Slot length in milliseconds; 100 and up is kept up with.
    pub slot_ms: u64,
    /// The network's fork schedule.
    pub schedule: Schedule,
    /// How many validators there are.
    pub validators: u64,
    /// Which of them are the validator client's.
    pub own: Range<u64>,
    /// How many epochs have passed when the world starts.
    pub history_epochs: u64,
    /// How many of 1,000 simulated slots stay empty.
    pub empty_per_mille: u64,
    /// Reorgs to come, in absolute slots.
    pub reorgs: Vec<Reorg>,
    /// Faults to come, in absolute slots.
    pub script: Script,
    /// The nodes.
    pub nodes: Vec<NodeSpec>,
}

/// A running world.
#[derive(Debug)]
pub struct World {
    /// The chain that everybody here means.
    pub ground: Arc<Ground>,
    first_slot: u64,
    nodes: Vec<Arc<Node>>,
    vcs: Mutex<Vec<ValidatorClient>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            preset: Preset::Minimal,
            slot_ms: 500,
            schedule: Schedule::all(Fork::Electra),
            validators: 64,
            own: 0..16,
            history_epochs: 4,
            empty_per_mille: 0,
            reorgs: Vec::new(),
            script: Script::new(),
            nodes: Vec::new(),
        }
    }
}

impl World {
    /// Starts a world, and returns when its first slot begins, which is within a second.
    ///
    /// # Errors
    ///
    /// When a node's port cannot be bound.
    pub async fn start(config: WorldConfig) -> io::Result<Self> {
        let first_slot = config.preset.start(config.history_epochs);
        let clock = Clock::starting_at(first_slot, config.slot_ms);
        let own: BTreeSet<u64> = config.own.clone().collect();
        let rules = Rules {
            seed: config.seed,
            preset: config.preset,
            slot_ms: clock.slot_ms,
            empty_per_mille: config.empty_per_mille,
            reorgs: config.reorgs,
            live_from: first_slot,
            own,
        };
        let elsewhere =
            Rules { seed: config.seed ^ u64::MAX, own: BTreeSet::new(), reorgs: Vec::new(), ..rules.clone() };
        let ground = Arc::new(Ground::new(1, rules, clock, config.schedule, config.validators));
        let foreign = Arc::new(Ground::new(2, elsewhere, clock, config.schedule, config.validators));
        let mut nodes = Vec::new();
        for spec in config.nodes {
            nodes.push(Node::start(spec, Arc::clone(&ground), Arc::clone(&foreign))?);
        }
        clock.until_ms(clock.start_ms(first_slot)).await;
        let mut tasks = JoinSet::new();
        tasks.spawn(play(config.script, Arc::clone(&ground), nodes.clone()));
        Ok(Self { ground, first_slot, nodes, vcs: Mutex::default(), tasks: Mutex::new(tasks) })
    }

    /// The first slot after the history.
    #[must_use]
    pub fn first_slot(&self) -> u64 {
        self.first_slot
    }

    /// All nodes, in the order they were configured.
    #[must_use]
    pub fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// The node of that name.
    ///
    /// # Panics
    ///
    /// When there is none: a test that names a node wrongly tests nothing.
    #[must_use]
    pub fn node(&self, name: &str) -> &Arc<Node> {
        self.nodes.iter().find(|node| node.spec.name == name).expect("a node of that name was configured")
    }

    /// Makes a fault hold at a node from now on.
    pub fn fault(&self, node: &str, fault: Fault) {
        self.node(node).fault(fault);
    }

    /// Ends every fault of a node.
    pub fn heal(&self, node: &str) {
        self.node(node).heal();
    }

    /// The current slot.
    #[must_use]
    pub fn slot(&self) -> u64 {
        self.ground.clock.slot()
    }

    /// Waits for the start of a slot.
    pub async fn wait_slot(&self, slot: u64) {
        self.ground.clock.until_ms(self.ground.clock.start_ms(slot)).await;
    }

    /// The fee recipient that the validator client of this world wants.
    #[must_use]
    pub fn fee_recipient(&self) -> Address {
        Address(stretch(&[b"own recipient", &self.ground.seed.to_le_bytes()]))
    }

    /// Starts the validator client against one URL. It is scored from the first slot after its start-up.
    pub fn start_vc(&self, url: &str, profile: Profile) {
        let spec = VcSpec {
            url: url.trim_end_matches('/').to_owned(),
            profile,
            seed: self.ground.seed,
            validators: self.ground.own.iter().copied().collect(),
            fee_recipient: self.fee_recipient(),
        };
        locked(&self.vcs).push(ValidatorClient::start(spec));
    }

    /// Waits until the validator client has finished its start-up, and gives the first slot that is scored. `None` if
    /// it has not within that time.
    pub async fn vc_ready(&self, patience: Duration) -> Option<u64> {
        let ready = locked(&self.vcs).last().map(ValidatorClient::ready)?;
        tokio::time::timeout(patience, ready).await.ok().flatten()
    }

    /// The block of a slot in the chain as it is now, if there is one.
    #[must_use]
    pub fn block(&self, slot: u64) -> Option<Block> {
        self.ground.chain(|chain| {
            let block = chain.tip(chain.canonical_at(u64::MAX), slot);
            (block.slot == slot).then(|| block.clone())
        })
    }

    /// The score of the validator client so far: of every slot since it was ready whose duties are over.
    #[must_use]
    pub fn report(&self) -> Report {
        let to = self.slot().saturating_sub(1);
        let from = locked(&self.vcs).first().and_then(ValidatorClient::counted_from).unwrap_or(to);
        self.report_of(from.min(to)..to)
    }

    /// The score of these slots. Slots that are not over count as missed.
    #[must_use]
    pub fn report_of(&self, slots: Range<u64>) -> Report {
        let errors = locked(&self.vcs).iter().flat_map(ValidatorClient::errors).collect();
        score::read(&self.ground, slots, self.fee_recipient(), errors)
    }

    /// Stops everything.
    pub fn stop(&self) {
        locked(&self.vcs).iter().for_each(ValidatorClient::stop);
        self.nodes.iter().for_each(|node| node.stop());
        locked(&self.tasks).abort_all();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Plays a script: a line's fault comes at the start of its first slot and goes at the start of the slot after its last.
async fn play(script: Script, ground: Arc<Ground>, nodes: Vec<Arc<Node>>) {
    let mut turns: BTreeSet<u64> = BTreeSet::new();
    for line in &script.lines {
        turns.extend([line.slots.start, line.slots.end]);
    }
    for slot in turns {
        ground.clock.until_ms(ground.clock.start_ms(slot)).await;
        for line in &script.lines {
            let Some(node) = nodes.iter().find(|node| node.spec.name == line.node) else { continue };
            let goes_on = |other: &crate::script::Line| {
                other.node == line.node && other.slots.contains(&slot) && other.fault.same_kind(&line.fault)
            };
            if line.slots.start == slot {
                node.fault(line.fault.clone());
            } else if line.slots.end == slot && !script.lines.iter().any(goes_on) {
                node.heal_kind(&line.fault);
            }
        }
    }
}

#[cfg(test)]
mod tests;
