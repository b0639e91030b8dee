//! What one validator has signed.
//!
//! Two lists in the order of slot and target, and under them two watermarks that stand for everything that was let go or
//! is only known in sum. A new message is compared with every record that could contradict it, and with the marks:
//!
//! - a vote whose target is not later than the mark's could be a double of what is gone, or surrounded by it;
//! - a vote whose source is earlier than the mark's could surround what is gone;
//! - a block whose slot is not later than the mark's could be a double.
//!
//! So a mark refuses all that could contradict what it stands for, and some that would not. An honest validator's
//! sources and targets only grow, and meets it never.
//!
//! The lists hold a few dozen records ([`MOST_KEPT`]); a binary search finds the place, and what is before and after it
//! is looked through for the greatest and the least source. An import may name several messages of one target, so a
//! target is not a key.

use super::{Conflict, Decision, Deed, Named, Record, Validator};
use crate::chain::{Epoch, Root, Slot};

/// How many votes, and how many blocks, of one validator survive a pruning. More than the window can ever hold (34 slots,
/// two targets), so that what is judged is compared with complete records; with it a validator takes at most 7 KiB.
pub const MOST_KEPT: usize = 64;

/// A vote; ordered by target first, because that is how it is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Vote {
    target: Epoch,
    source: Epoch,
    named: Named,
}

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    slot: Slot,
    named: Named,
}

/// Votes up to `target`, and from before `source`, are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    source: Epoch,
    target: Epoch,
}

/// What one validator has signed; see the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    votes: Vec<Vote>,
    blocks: Vec<Block>,
    vote_mark: Option<Mark>,
    block_mark: Option<Slot>,
}

impl Past {
    /// Whether a message may go out beside these. `root` is its signing root, if that is known.
    pub(super) fn judge(&self, record: &Record, root: Option<Root>) -> Decision {
        let verdict = match record.deed {
            Deed::Block { slot } => self.judge_block(record, slot, root),
            Deed::Vote { source, target } => self.judge_vote(record, Mark { source, target }, root),
        };
        verdict.map_or_else(Decision::Refused, |known| if known { Decision::Known } else { Decision::New })
    }

    /// `Ok(true)`: the same went out; `Ok(false)`: nothing against it.
    fn judge_block(&self, record: &Record, slot: Slot, root: Option<Root>) -> Result<bool, Conflict> {
        let from = self.blocks.partition_point(|block| block.slot < slot);
        let rivals = || self.blocks[from..].iter().take_while(|block| block.slot == slot);
        if rivals().any(|block| same(block.named, record.named, root)) {
            return Ok(true);
        }
        if let Some(block) = rivals().next() {
            return Err(Conflict::DoubleProposal(block.record(record.validator)));
        }
        match self.block_mark {
            Some(mark) if slot <= mark => Err(Conflict::BelowWatermark(Deed::Block { slot: mark })),
            _ => Ok(false),
        }
    }

    fn judge_vote(&self, record: &Record, new: Mark, root: Option<Root>) -> Result<bool, Conflict> {
        let Mark { source, target } = new;
        if source > target {
            return Err(Conflict::SourceAfterTarget);
        }
        let from = self.votes.partition_point(|vote| vote.target < target);
        let to = self.votes.partition_point(|vote| vote.target <= target);
        let (before, rivals, after) = (&self.votes[..from], &self.votes[from..to], &self.votes[to..]);
        if rivals.iter().any(|vote| vote.source == source && same(vote.named, record.named, root)) {
            return Ok(true);
        }
        if let Some(vote) = rivals.first() {
            return Err(Conflict::DoubleVote(vote.record(record.validator)));
        }
        if let Some(vote) = before.iter().max_by_key(|vote| vote.source).filter(|vote| source < vote.source) {
            return Err(Conflict::Surrounds(vote.record(record.validator)));
        }
        if let Some(vote) = after.iter().min_by_key(|vote| vote.source).filter(|vote| vote.source < source) {
            return Err(Conflict::Surrounded(vote.record(record.validator)));
        }
        match self.vote_mark {
            Some(mark) if target <= mark.target || source < mark.source => {
                Err(Conflict::BelowWatermark(Deed::Vote { source: mark.source, target: mark.target }))
            }
            _ => Ok(false),
        }
    }

    /// Takes a record in, whatever it contradicts. What is there already changes nothing.
    pub(super) fn insert(&mut self, deed: Deed, named: Named) {
        match (deed, named) {
            (Deed::Block { slot }, Named::Watermark) => self.block_mark = self.block_mark.max(Some(slot)),
            (Deed::Vote { source, target }, Named::Watermark) => raise(&mut self.vote_mark, Mark { source, target }),
            (Deed::Block { slot }, _) => put(&mut self.blocks, Block { slot, named }),
            (Deed::Vote { source, target }, _) => put(&mut self.votes, Vote { target, source, named }),
        }
    }

    /// Lets go of the votes with targets before `epoch`, of the blocks before `slot`, and of the oldest above
    /// [`MOST_KEPT`]; the marks stand for them afterwards. Says what is gone, the replaced marks among it, and the new
    /// marks.
    pub(super) fn prune(&mut self, validator: Validator, epoch: Epoch, slot: Slot, pruned: &mut super::Pruned) {
        let old = self.votes.partition_point(|vote| vote.target < epoch);
        let votes = self.votes.drain(..old.max(self.votes.len().saturating_sub(MOST_KEPT)));
        let (mark, mut gone) = (self.vote_mark, Vec::new());
        for vote in votes {
            raise(&mut self.vote_mark, Mark { source: vote.source, target: vote.target });
            gone.push(vote.record(validator));
        }
        if mark != self.vote_mark {
            pruned.gone.extend(mark.map(|mark| mark.record(validator)));
            pruned.marks.extend(self.vote_mark.map(|mark| mark.record(validator)));
        }
        pruned.gone.append(&mut gone);

        let old = self.blocks.partition_point(|block| block.slot < slot);
        let blocks = self.blocks.drain(..old.max(self.blocks.len().saturating_sub(MOST_KEPT)));
        let mark = self.block_mark;
        for block in blocks {
            self.block_mark = self.block_mark.max(Some(block.slot));
            gone.push(block.record(validator));
        }
        if mark != self.block_mark {
            pruned.gone.extend(mark.map(|slot| mark_of_blocks(validator, slot)));
            pruned.marks.extend(self.block_mark.map(|slot| mark_of_blocks(validator, slot)));
        }
        pruned.gone.append(&mut gone);
    }

    /// Everything, the marks first.
    pub(super) fn records(&self, validator: Validator) -> impl Iterator<Item = Record> + '_ {
        let block_mark = self.block_mark.map(|slot| mark_of_blocks(validator, slot));
        let vote_mark = self.vote_mark.map(|mark| mark.record(validator));
        let blocks = self.blocks.iter().map(move |block| block.record(validator));
        let votes = self.votes.iter().map(move |vote| vote.record(validator));
        block_mark.into_iter().chain(vote_mark).chain(blocks).chain(votes)
    }
}

/// Whether a record and a message (its name, and its signing root if known) are one. What is known by nothing equals
/// nothing.
fn same(known: Named, named: Named, root: Option<Root>) -> bool {
    match known {
        Named::Signature(_) => known == named,
        Named::Root(_) => known == named || root.map(Named::Root) == Some(known),
        Named::Unknown | Named::Watermark => false,
    }
}

fn raise(mark: &mut Option<Mark>, to: Mark) {
    let mark = mark.get_or_insert(to);
    *mark = Mark { source: mark.source.max(to.source), target: mark.target.max(to.target) };
}

/// Keeps a list in order. Records come nearly always in order, so this appends.
fn put<T: Copy + Ord>(list: &mut Vec<T>, item: T) {
    let at = list.partition_point(|kept| *kept < item);
    if list.get(at) != Some(&item) {
        list.insert(at, item);
    }
}

fn mark_of_blocks(validator: Validator, slot: Slot) -> Record {
    Record { validator, deed: Deed::Block { slot }, named: Named::Watermark }
}

impl Vote {
    fn record(&self, validator: Validator) -> Record {
        Record { validator, deed: Deed::Vote { source: self.source, target: self.target }, named: self.named }
    }
}

impl Block {
    fn record(&self, validator: Validator) -> Record {
        Record { validator, deed: Deed::Block { slot: self.slot }, named: self.named }
    }
}

impl Mark {
    fn record(&self, validator: Validator) -> Record {
        let deed = Deed::Vote { source: self.source, target: self.target };
        Record { validator, deed, named: Named::Watermark }
    }
}
