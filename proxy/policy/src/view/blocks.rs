//! Which block stands on which: what the view knows of the chain's shape.
//!
//! A head event names a block but not its parent. Three sources give links: a header read (exact: this is the parent), a
//! node whose head moved on from a block it had said before (a mere *claim* that the new block descends from the old,
//! believed until the node says `chain_reorg` of the two), and nothing else. So a walk down the links ends in yes, no, or
//! "unknown, and this header would help".
//!
//! [`REMEMBERED`] blocks are kept, the oldest word is forgotten first. Only nodes whose word counts add blocks, one for
//! each head and each header that was asked for, so 512 are far more than an epoch of them; a forgotten block makes an
//! answer unknown, never wrong.

use std::collections::{BTreeMap, VecDeque};

use crate::chain::{Clock, Epoch, Moment, Root, Slot};
use crate::events::Head;

/// How many blocks are kept.
pub(super) const REMEMBERED: usize = 512;
/// No walk is longer; two epochs of the longest preset.
pub(super) const LONGEST_WALK: usize = 64;

/// How one block stands to a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// It descends from it, or is it.
    Descends,
    /// It is on another branch.
    Apart,
    /// The header of this block would tell more.
    Unknown(Root),
}

/// The blocks that are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    known: BTreeMap<Root, Known>,
    by_age: VecDeque<Root>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    slot: Slot,
    state: Root,
    first_said: Moment,
    below: Option<Below>,
    /// What the duties of its epoch and of the next depend on, if a node said so.
    duties: Option<(Root, Root)>,
}

#[derive(Clone, Copy, Debug)]
enum Below {
    Parent(Root),
    Claim(Root),
    /// A node said that it left another branch for this block: only a header counts.
    Disputed,
}

impl Blocks {
    /// A node says this head; returns when it was first said.
    pub(super) fn say(&mut self, head: &Head, now: Moment) -> Moment {
        let duties = super::tell::duties(head);
        if let Some(known) = self.known.get_mut(&head.block) {
            known.duties = known.duties.or(duties);
            return known.first_said;
        }
        self.add(head.block, Known { slot: head.slot, state: head.state, first_said: now, below: None, duties });
        now
    }

    /// A header was read.
    pub(super) fn header(&mut self, header: &super::Header, now: Moment) {
        let below = Some(Below::Parent(header.parent));
        if let Some(known) = self.known.get_mut(&header.root) {
            known.below = below;
        } else {
            let (slot, state) = (header.slot, header.state);
            self.add(header.root, Known { slot, state, first_said: now, below, duties: None });
        }
    }

    fn add(&mut self, root: Root, known: Known) {
        self.known.insert(root, known);
        self.by_age.push_back(root);
        if self.by_age.len() > REMEMBERED
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// A node's head moved from `old` to `root`, as if it had been built on it.
    pub(super) fn claim(&mut self, root: Root, old: Root) {
        if let Some(known) = self.known.get_mut(&root)
            && known.below.is_none()
        {
            known.below = Some(Below::Claim(old));
        }
    }

    /// A node said that it left the branch of another block for this one.
    pub(super) fn dispute(&mut self, root: Root) {
        if let Some(known) = self.known.get_mut(&root)
            && !matches!(known.below, Some(Below::Parent(_)))
        {
            known.below = Some(Below::Disputed);
        }
    }

    pub(super) fn slot(&self, root: Root) -> Option<Slot> {
        self.known.get(&root).map(|known| known.slot)
    }

    pub(super) fn state(&self, root: Root) -> Option<Root> {
        self.known.get(&root).map(|known| known.state)
    }

    fn parent(&self, root: Root) -> Option<Root> {
        match self.known.get(&root)?.below {
            Some(Below::Parent(parent)) => Some(parent),
            _ => None,
        }
    }

    /// What the duties of a block's epoch and of the next depend on: as said, else derived from blocks below it whose
    /// duties are known; else the block whose header would tell more, if any would.
    pub(super) fn duties(&self, root: Root, clock: &Clock) -> Result<(Root, Root), Option<Root>> {
        let mut at = root;
        let mut last_before = None;
        let epoch = clock.epoch(self.slot(root).ok_or(None)?);
        for _ in 0..LONGEST_WALK {
            let known = self.known.get(&at).ok_or(Some(at))?;
            let here = clock.epoch(known.slot);
            if here < epoch && last_before.is_none() {
                last_before = Some(at);
            }
            if Epoch(here.0 + 1) < epoch {
                break;
            }
            if let Some((previous, current)) = known.duties {
                return Ok(last_before.map_or((previous, current), |last| (current, last)));
            }
            at = self.parent(at).ok_or(Some(at))?;
        }
        Err(None)
    }

    /// How `high` stands to `low`, which is at `slot`.
    pub(super) fn relation(&self, high: Root, low: Root, slot: Slot) -> Relation {
        let mut at = high;
        let mut exact = true;
        // The block last walked through: its header is what is missing when the walk ends below it.
        let mut above = high;
        for _ in 0..LONGEST_WALK {
            if at == low {
                return Relation::Descends;
            }
            let Some(known) = self.known.get(&at) else {
                // The parent of a block one slot above can only be at the slot or below it, and it is not `low`.
                let beside = exact && self.slot(above).is_some_and(|it| it.0 <= slot.0 + 1);
                return if beside { Relation::Apart } else { Relation::Unknown(at) };
            };
            if known.slot <= slot {
                let passed_over = !exact && known.slot < slot;
                return if passed_over { Relation::Unknown(above) } else { Relation::Apart };
            }
            match known.below {
                Some(Below::Parent(parent)) => (above, at, exact) = (at, parent, true),
                Some(Below::Claim(old)) => (above, at, exact) = (at, old, false),
                Some(Below::Disputed) | None => return Relation::Unknown(at),
            }
        }
        Relation::Unknown(above)
    }

    /// The slot of the last block that both branches share, or the block whose header would tell more.
    pub(super) fn fork(&self, one: Root, other: Root) -> Result<Slot, Root> {
        let (mut one, mut other) = (one, other);
        for _ in 0..2 * LONGEST_WALK {
            let slots = (self.known.get(&one).ok_or(one)?.slot, self.known.get(&other).ok_or(other)?.slot);
            if one == other {
                return Ok(slots.0);
            }
            // A claim may jump over the block where the branches part, so only parents count here.
            let higher = if slots.0 >= slots.1 { &mut one } else { &mut other };
            *higher = self.parent(*higher).ok_or(*higher)?;
        }
        Err(one)
    }

    /// Since when two branches are two: the slot of the later of their first blocks. Else the block whose header would
    /// tell more, and whether it is on the second branch.
    pub(super) fn parted(&self, one: Root, other: Root) -> Result<Slot, (Root, bool)> {
        let mut at = [one, other];
        let mut firsts = [Slot(0); 2];
        for _ in 0..2 * LONGEST_WALK {
            if at[0] == at[1] {
                return Ok(firsts[0].max(firsts[1]));
            }
            let slot = |side: usize| self.slot(at[side]).ok_or((at[side], side == 1));
            let slots = [slot(0)?, slot(1)?];
            let higher = usize::from(slots[1] > slots[0]);
            firsts[higher] = slots[higher];
            at[higher] = self.parent(at[higher]).ok_or((at[higher], higher == 1))?;
        }
        Err((one, false))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len().max(self.by_age.len())
    }
}
