//! The ground that all nodes of one network stand on: clock, assignments, chain and ledger; and what one node sees of it.
//!
//! A [`Sight`] says how a node looks (how late blocks reach it, how far it lags, which branch it follows, where it
//! stopped); a [`View`] is what it then sees. Every answer of a node is computed from one view, so an answer never
//! mixes two moments.

use std::collections::BTreeSet;
use std::sync::Mutex;

use tokio::sync::watch;

use crate::assignment::Assignment;
use crate::chain::{Block, Chain, Landing, Rules};
use crate::clock::Clock;
use crate::digest::{Root, hash};
use crate::fork::Schedule;
use crate::ledger::Ledger;
use crate::locked;
use crate::preset::Preset;
use crate::vote::{AttestationData, Checkpoint};

/// One network.
#[derive(Debug)]
pub struct Ground {
    /// Everything random comes from here.
    pub seed: u64,
    /// The last byte of every fork version; differs between networks.
    pub network: u8,
    /// Sizes.
    pub preset: Preset,
    /// Time.
    pub clock: Clock,
    /// The fork schedule of the network, which an upgraded node has.
    pub schedule: Schedule,
    /// The validator client's validators.
    pub own: BTreeSet<u64>,
    /// Who has which duty.
    pub assignment: Assignment,
    /// What was heard.
    pub ledger: Mutex<Ledger>,
    chain: Mutex<Chain>,
    moved: watch::Sender<u64>,
}

/// How a node looks at the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// How late a block reaches it, in milliseconds, unless it was published here.
    pub delay_ms: u64,
    /// How many slots it is behind.
    pub lag: u64,
    /// The last slot it can see; `None` = no limit.
    pub stopped_at: Option<u64>,
    /// The minority branch it follows; `None` = the chain.
    pub branch: Option<u32>,
    /// The name blocks published to it carry.
    pub name: String,
}

/// What a node sees at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its head.
    pub head: Block,
    /// The branch it follows.
    pub branch: u32,
}

// === impl Ground ===

impl Ground {
    /// A network at its genesis.
    #[must_use]
    pub fn new(network: u8, rules: Rules, clock: Clock, schedule: Schedule, validators: u64) -> Self {
        Self {
            seed: rules.seed,
            network,
            preset: rules.preset,
            clock,
            schedule,
            own: rules.own.clone(),
            assignment: Assignment::new(rules.seed, rules.preset, validators),
            ledger: Mutex::default(),
            chain: Mutex::new(Chain::new(rules)),
            moved: watch::channel(0).0,
        }
    }

    /// `genesis_validators_root`.
    #[must_use]
    pub fn validators_root(&self) -> Root {
        hash(&[b"genesis validators", &self.seed.to_le_bytes()])
    }

    /// Looks at the chain, grown up to now.
    pub fn chain<T>(&self, look: impl FnOnce(&mut Chain) -> T) -> T {
        let mut chain = locked(&self.chain);
        chain.grow(self.clock.now_ms(), |slot| self.assignment.proposer(slot));
        look(&mut chain)
    }

    /// Told whenever a block was published.
    #[must_use]
    pub fn moves(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// A block published to a node.
    pub fn publish(&self, block: Block) -> Landing {
        locked(&self.ledger).block(block.slot, block.proposer, block.root);
        let proposer = self.assignment.proposer(block.slot);
        let landing = self.chain(|chain| chain.publish(block, proposer));
        if landing == Landing::New {
            self.moved.send_modify(|count| *count += 1);
        }
        landing
    }

    /// What a node sees now.
    #[must_use]
    pub fn view(&self, sight: &Sight) -> View {
        let now = self.clock.now_ms();
        self.chain(|chain| {
            let branch = sight.branch.unwrap_or_else(|| chain.canonical_at(now.saturating_sub(sight.delay_ms)));
            let mut slot = (now / self.clock.slot_ms).saturating_sub(sight.lag);
            slot = slot.min(sight.stopped_at.unwrap_or(u64::MAX));
            loop {
                let block = chain.tip(branch, slot);
                let own = block.publisher.as_deref() == Some(&sight.name);
                if block.slot == 0 || block.landed_ms + if own { 0 } else { sight.delay_ms } <= now {
                    return View { head: block.clone(), branch };
                }
                slot = block.slot - 1;
            }
        })
    }

    /// The root of the last block at or before a slot on the line of this view.
    #[must_use]
    pub fn root_at(&self, view: &View, slot: u64) -> Root {
        self.chain(|chain| chain.tip(view.branch, slot.min(view.head.slot)).root)
    }

    /// Where duties of an epoch hang: the root of the last block before the epoch before it; genesis if there is none.
    #[must_use]
    pub fn dependent_root(&self, view: &View, epoch: u64) -> Root {
        let slot = self.preset.start(epoch.saturating_sub(1)).saturating_sub(1);
        self.root_at(view, slot)
    }

    /// A checkpoint on the line of this view. Epoch 0 has the zero root, as in a genesis state.
    #[must_use]
    pub fn checkpoint(&self, view: &View, epoch: u64) -> Checkpoint {
        let root = if epoch == 0 { Root::default() } else { self.root_at(view, self.preset.start(epoch)) };
        Checkpoint { epoch, root }
    }

    /// The justified epoch in the state of this view's head, advanced to a slot.
    ///
    /// Honest validators are taken to vote with the chain, so the epoch before is justified as soon as two thirds of
    /// its slots were seen. On a minority branch nothing is justified that was not before it parted.
    #[must_use]
    pub fn justified(&self, view: &View, slot: u64) -> u64 {
        let head_epoch = self.preset.epoch(view.head.slot);
        let seen = view.head.slot - self.preset.start(head_epoch) + 1;
        let complete = self.preset.epoch(slot) > head_epoch && seen * 3 >= self.preset.slots_per_epoch() * 2;
        let justified = if complete { head_epoch } else { head_epoch.saturating_sub(1) };
        let parted = self.chain(|chain| chain.is_minority(view.branch).then(|| chain.parted_at(view.branch)));
        parted.map_or(justified, |slot| justified.min(self.preset.epoch(slot).saturating_sub(1)))
    }

    /// The attestation data that this view gives for a slot.
    #[must_use]
    pub fn attestation_data(&self, view: &View, slot: u64) -> AttestationData {
        let epoch = self.preset.epoch(slot);
        let target_root = self.root_at(view, self.preset.start(epoch));
        AttestationData {
            slot,
            index: 0,
            head: self.root_at(view, slot),
            source: self.checkpoint(view, self.justified(view, slot)),
            target: Checkpoint { epoch, root: target_root },
        }
    }

    /// Whether a node with this view knows a block: also one that was its head before a reorg, but none of a branch
    /// that it never followed.
    #[must_use]
    pub fn knows(&self, view: &View, root: Root) -> bool {
        self.chain(|chain| {
            chain.block(root).is_some_and(|block| {
                let followed = !chain.is_minority(block.branch) && !chain.is_minority(view.branch);
                block.slot <= view.head.slot && (followed || chain.is_ancestor(block, &view.head))
            })
        })
    }
}

#[cfg(test)]
mod tests;
