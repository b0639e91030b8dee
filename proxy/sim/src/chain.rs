//! The one fake chain: blocks on branches, grown by the seed as time passes.
//!
//! Proposers that are not the validator client's are simulated: their block appears a short, seeded time into its slot.
//! A slot of the validator client's validators stays empty unless a block for it is published. Roots of simulated
//! blocks are sha256 of (seed, slot, branch), so two worlds of one seed have the same blocks.
//!
//! Branch 0 is what honest nodes follow, until a scripted reorg replaces its last blocks by a new branch. A minority
//! branch exists as soon as a node follows it, and grows as long as the world runs. The last [`KEPT_SLOTS`] slots are
//! kept; what is older is forgotten, as if it had never been asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::digest::{Address, Root, draw, hash};
use crate::preset::Preset;

/// Slots of history that are kept: as many as a beacon state of mainnet keeps roots for.
pub const KEPT_SLOTS: u64 = 8192;
/// Minority branches are numbered below this, branches made by reorgs from here on.
const FIRST_REORG_BRANCH: u32 = 1000;

/// A block, as far as anybody here looks into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its slot.
    pub slot: u64,
    /// Its root.
    pub root: Root,
    /// The root of its parent.
    pub parent: Root,
    /// The root of the state after it; for a published block this commits to the body.
    pub state: Root,
    /// Who proposed it.
    pub proposer: u64,
    /// Whom its payload pays.
    pub fee_recipient: Address,
    /// The node it was published to first; `None` for simulated proposers.
    pub publisher: Option<String>,
    /// When it appeared, in milliseconds since genesis.
    pub landed_ms: u64,
    /// On which branch it is.
    pub branch: u32,
}

/// A line of blocks from some slot on; before that it is its base.
#[derive(Clone, Copy, Debug)]
struct Branch {
    base: u32,
    from: u64,
}

/// A scripted reorg: the block at `slot` replaces the `depth` slots before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reorg {
    /// The slot whose block brings the reorg. If that slot is empty, the next one that is not.
    pub slot: u64,
    /// How many slots before it lose their blocks.
    pub depth: u64,
}

/// What shapes the chain.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Everything random comes from here.
    pub seed: u64,
    /// Sizes.
    pub preset: Preset,
    /// Slot length in milliseconds.
    pub slot_ms: u64,
    /// How many of 1,000 simulated slots stay empty.
    pub empty_per_mille: u64,
    /// Reorgs to come.
    pub reorgs: Vec<Reorg>,
    /// From this slot on, the own validators' slots wait for a published block; before it (history) they are simulated.
    pub live_from: u64,
    /// Validators whose blocks have to be published.
    pub own: BTreeSet<u64>,
}

/// What became of a published block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// It is in the chain.
    New,
    /// It was already.
    Known,
    /// Another block of this proposer for this slot is.
    Equivocation,
    /// Its parent is not the tip of any branch.
    StaleParent,
    /// Its slot has passed or has not come, or is not this proposer's.
    WrongSlot,
}

/// All blocks.
#[derive(Debug)]
pub struct Chain {
    rules: Rules,
    blocks: BTreeMap<(u32, u64), Block>,
    by_root: HashMap<Root, (u32, u64)>,
    branches: BTreeMap<u32, Branch>,
    /// Which branch is canonical from which millisecond on.
    canonical: Vec<(u64, u32)>,
    grown_to: u64,
    pending_reorgs: Vec<Reorg>,
}

// === impl Chain ===

impl Chain {
    /// A chain with its genesis block only.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let root = hash(&[b"genesis", &rules.seed.to_le_bytes()]);
        let genesis = Block {
            slot: 0,
            root,
            parent: Root::default(),
            state: hash(&[b"genesis state", &rules.seed.to_le_bytes()]),
            proposer: 0,
            fee_recipient: Address::default(),
            publisher: None,
            landed_ms: 0,
            branch: 0,
        };
        let pending_reorgs = rules.reorgs.clone();
        Self {
            rules,
            blocks: BTreeMap::from([((0, 0), genesis)]),
            by_root: HashMap::from([(root, (0, 0))]),
            branches: BTreeMap::from([(0, Branch { base: 0, from: 0 })]),
            canonical: vec![(0, 0)],
            grown_to: 0,
            pending_reorgs,
        }
    }

    /// Grows every branch up to the slot of `now_ms`. `proposer` says whose a slot is.
    pub fn grow(&mut self, now_ms: u64, proposer: impl Fn(u64) -> u64) {
        let now = now_ms / self.rules.slot_ms;
        while self.grown_to < now {
            self.grown_to += 1;
            let slot = self.grown_to;
            self.forget(slot.saturating_sub(KEPT_SLOTS));
            let whose = proposer(slot);
            let own = slot >= self.rules.live_from && self.rules.own.contains(&whose);
            let empty = draw(self.rules.seed, "empty", &[slot]) % 1000 < self.rules.empty_per_mille;
            if own || empty {
                continue;
            }
            self.reorg_if_due(slot);
            let main = self.canonical.last().map_or(0, |(_, branch)| *branch);
            let growing: Vec<u32> =
                self.branches.keys().copied().filter(|id| *id == main || self.is_minority(*id)).collect();
            for branch in growing {
                let block = self.simulated(slot, branch, whose);
                self.insert(block);
            }
        }
    }

    fn simulated(&self, slot: u64, branch: u32, proposer: u64) -> Block {
        let number = [slot.to_le_bytes(), u64::from(branch).to_le_bytes(), self.rules.seed.to_le_bytes()].concat();
        // Between 2 % and 12 % into the slot: early enough for every attester, late enough to be waited for.
        let delay = self.rules.slot_ms * (200 + draw(self.rules.seed, "delay", &[slot]) % 1000) / 10_000;
        Block {
            slot,
            root: hash(&[b"block", &number]),
            parent: self.tip(branch, slot.saturating_sub(1)).root,
            state: hash(&[b"state", &number]),
            proposer,
            fee_recipient: Address(crate::digest::stretch(&[b"recipient", &proposer.to_le_bytes()])),
            publisher: None,
            landed_ms: slot * self.rules.slot_ms + delay,
            branch,
        }
    }

    fn reorg_if_due(&mut self, slot: u64) {
        let Some(at) = self.pending_reorgs.iter().position(|reorg| reorg.slot <= slot) else { return };
        let reorg = self.pending_reorgs.remove(at);
        let old = self.canonical.last().map_or(0, |(_, branch)| *branch);
        let id = self.branches.keys().copied().max().unwrap_or(0).max(FIRST_REORG_BRANCH - 1) + 1;
        self.branches.insert(id, Branch { base: old, from: slot.saturating_sub(reorg.depth) });
        let landed = self.simulated(slot, id, 0).landed_ms;
        self.canonical.push((landed, id));
    }

    fn insert(&mut self, block: Block) {
        self.by_root.insert(block.root, (block.branch, block.slot));
        self.blocks.insert((block.branch, block.slot), block);
    }

    fn forget(&mut self, before: u64) {
        if before == 0 {
            return;
        }
        let old: Vec<(u32, u64)> =
            self.blocks.keys().copied().filter(|(_, slot)| *slot != 0 && *slot < before).collect();
        for key in old {
            if let Some(block) = self.blocks.remove(&key) {
                self.by_root.remove(&block.root);
            }
        }
    }

    /// Makes sure a minority branch exists; it parts from the canonical one at `from`.
    pub fn branch_off(&mut self, id: u32, from: u64) {
        let base = self.canonical.last().map_or(0, |(_, branch)| *branch);
        let id = id.clamp(1, FIRST_REORG_BRANCH - 1);
        self.branches.entry(id).or_insert(Branch { base, from });
    }

    /// Whether a branch is a minority's, not one that honest nodes follow or followed.
    #[must_use]
    pub fn is_minority(&self, branch: u32) -> bool {
        (1..FIRST_REORG_BRANCH).contains(&branch)
    }

    /// Where a branch parts from its base; slot 0 for the first branch.
    #[must_use]
    pub fn parted_at(&self, branch: u32) -> u64 {
        self.branches.get(&branch).map_or(0, |branch| branch.from)
    }

    /// The branch that honest nodes follow at a moment.
    #[must_use]
    pub fn canonical_at(&self, ms: u64) -> u32 {
        self.canonical.iter().rev().find(|(since, _)| *since <= ms).map_or(0, |(_, branch)| *branch)
    }

    /// The last block of a branch at or before a slot, whether or not anybody can see it yet.
    #[must_use]
    pub fn tip(&self, branch: u32, slot: u64) -> &Block {
        let (mut branch, mut slot) = (branch, slot);
        loop {
            let Branch { base, from } = self.branches.get(&branch).copied().unwrap_or(Branch { base: 0, from: 0 });
            if let Some((_, block)) = self.blocks.range((branch, from)..=(branch, slot.max(from))).next_back()
                && block.slot <= slot
            {
                return block;
            }
            if branch == 0 || from == 0 {
                break;
            }
            (branch, slot) = (base, slot.min(from - 1));
        }
        self.blocks.get(&(0, 0)).expect("the genesis block is never forgotten")
    }

    /// A block by its root.
    #[must_use]
    pub fn block(&self, root: Root) -> Option<&Block> {
        self.by_root.get(&root).and_then(|key| self.blocks.get(key))
    }

    /// Whether a block lies on the line that ends in `head`.
    #[must_use]
    pub fn is_ancestor(&self, block: &Block, head: &Block) -> bool {
        self.tip(head.branch, block.slot.min(head.slot)).root == block.root
    }

    /// A block that a node received from its caller. It lands if it extends a branch's tip within its own slot.
    pub fn publish(&mut self, block: Block, expected_proposer: u64) -> Landing {
        if self.by_root.contains_key(&block.root) {
            return Landing::Known;
        }
        let now_slot = block.landed_ms / self.rules.slot_ms;
        if block.slot != now_slot || block.proposer != expected_proposer {
            return Landing::WrongSlot;
        }
        let Some(parent) = self.block(block.parent).cloned() else { return Landing::StaleParent };
        let main = self.canonical_at(block.landed_ms);
        let branches = std::iter::once(main).chain(self.branches.keys().copied().filter(|id| *id != main));
        for branch in branches.collect::<Vec<_>>() {
            if self.blocks.get(&(branch, block.slot)).is_some_and(|there| there.proposer == block.proposer) {
                return Landing::Equivocation;
            }
            if self.tip(branch, block.slot - 1).root == parent.root && self.parted_at(branch) <= block.slot {
                self.insert(Block { branch, ..block });
                return Landing::New;
            }
        }
        Landing::StaleParent
    }
}

#[cfg(test)]
mod tests;
