//! What was published and heard by the network: votes, sync messages, aggregates, contributions.
//!
//! The score reads this and the chain, never what the validator client believes it sent. Messages of the last
//! 256 epochs are kept. Two different messages for one duty are both kept, and counted: that is what a
//! slashing is made of.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Root;
use crate::vote::AttestationData;

/// Epochs of messages that are kept: more than any run here lasts, and bounded all the same.
const KEPT_EPOCHS: u64 = 256;
/// Different messages kept for one duty; two prove the offence.
const KEPT_VARIANTS: usize = 4;

/// A message and when the first node heard it, in milliseconds since genesis.
pub type Heard<T> = (T, u64);

/// All messages heard.
#[derive(Debug, Default)]
pub struct Ledger {
    votes: BTreeMap<(u64, u64), Vec<Heard<AttestationData>>>,
    syncs: BTreeMap<(u64, u64), Vec<Heard<Root>>>,
    aggregates: BTreeSet<(u64, u64)>,
    contributions: BTreeSet<(u64, u64, u64)>,
    blocks: BTreeMap<(u64, u64), BTreeSet<Root>>,
}

/// Whether a message was news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nobody had heard it.
    New,
    /// The same message was heard before.
    Known,
    /// Another message for the same duty was heard before.
    Conflict,
}

fn record<T: PartialEq>(there: &mut Vec<Heard<T>>, what: T, at_ms: u64) -> News {
    if there.iter().any(|(known, _)| *known == what) {
        return News::Known;
    }
    let news = if there.is_empty() { News::New } else { News::Conflict };
    if there.len() < KEPT_VARIANTS {
        there.push((what, at_ms));
    }
    news
}

impl Ledger {
    /// A validator's vote.
    pub fn vote(&mut self, validator: u64, data: AttestationData, at_ms: u64) -> News {
        let oldest = data.target.epoch.saturating_sub(KEPT_EPOCHS);
        while self.votes.first_key_value().is_some_and(|((epoch, _), _)| *epoch < oldest) {
            self.votes.pop_first();
        }
        record(self.votes.entry((data.target.epoch, validator)).or_default(), data, at_ms)
    }

    /// A validator's sync committee message.
    pub fn sync(&mut self, slot: u64, validator: u64, root: Root, at_ms: u64) -> News {
        let oldest = slot.saturating_sub(KEPT_EPOCHS * 32);
        while self.syncs.first_key_value().is_some_and(|((slot, _), _)| *slot < oldest) {
            self.syncs.pop_first();
        }
        record(self.syncs.entry((slot, validator)).or_default(), root, at_ms)
    }

    /// An aggregate by a validator in a slot. False if it was known.
    pub fn aggregate(&mut self, slot: u64, validator: u64) -> bool {
        self.aggregates.retain(|(old, _)| old + KEPT_EPOCHS * 32 > slot);
        self.aggregates.insert((slot, validator))
    }

    /// A contribution by a validator for a subcommittee in a slot. False if it was known.
    pub fn contribution(&mut self, slot: u64, validator: u64, subcommittee: u64) -> bool {
        self.contributions.retain(|(old, _, _)| old + KEPT_EPOCHS * 32 > slot);
        self.contributions.insert((slot, validator, subcommittee))
    }

    /// A signed block, whether or not it lands.
    pub fn block(&mut self, slot: u64, proposer: u64, root: Root) {
        while self.blocks.first_key_value().is_some_and(|((old, _), _)| old + KEPT_EPOCHS * 32 < slot) {
            self.blocks.pop_first();
        }
        let roots = self.blocks.entry((slot, proposer)).or_default();
        if roots.len() < KEPT_VARIANTS {
            roots.insert(root);
        }
    }

    /// The vote of a validator for a target epoch that counts: the first heard.
    #[must_use]
    pub fn voted(&self, epoch: u64, validator: u64) -> Option<&Heard<AttestationData>> {
        self.votes.get(&(epoch, validator)).and_then(|votes| votes.first())
    }

    /// The sync message of a validator in a slot that counts: the first heard.
    #[must_use]
    pub fn synced(&self, slot: u64, validator: u64) -> Option<&Heard<Root>> {
        self.syncs.get(&(slot, validator)).and_then(|messages| messages.first())
    }

    /// Whether a validator's aggregate for a slot was heard.
    #[must_use]
    pub fn aggregated(&self, slot: u64, validator: u64) -> bool {
        self.aggregates.contains(&(slot, validator))
    }

    /// Whether a validator's contribution was heard.
    #[must_use]
    pub fn contributed(&self, slot: u64, validator: u64, subcommittee: u64) -> bool {
        self.contributions.contains(&(slot, validator, subcommittee))
    }

    /// Validators that voted for a target epoch and those that sent a sync message in its slots: who is live.
    #[must_use]
    pub fn live(&self, epoch: u64, slots: std::ops::Range<u64>, validator: u64) -> bool {
        self.voted(epoch, validator).is_some() || slots.into_iter().any(|slot| self.synced(slot, validator).is_some())
    }

    /// Duties for which two different messages were heard: double votes, surround votes, double blocks.
    #[must_use]
    pub fn slashable(&self, validators: &BTreeSet<u64>) -> u64 {
        let double_votes = self.votes.iter().filter(|((_, v), votes)| validators.contains(v) && votes.len() > 1);
        let double_blocks = self.blocks.iter().filter(|((_, v), roots)| validators.contains(v) && roots.len() > 1);
        let surrounds = validators.iter().filter(|validator| self.surrounds(**validator));
        (double_votes.count() + double_blocks.count() + surrounds.count()) as u64
    }

    fn surrounds(&self, validator: u64) -> bool {
        let spans: Vec<(u64, u64)> = self
            .votes
            .iter()
            .filter(|((_, whose), _)| *whose == validator)
            .flat_map(|(_, votes)| votes.iter().map(|(data, _)| (data.source.epoch, data.target.epoch)))
            .collect();
        spans.iter().any(|outer| spans.iter().any(|inner| outer.0 < inner.0 && inner.1 < outer.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vote::Checkpoint;

    fn vote(source: u64, target: u64, head: u8) -> AttestationData {
        let at = |epoch| Checkpoint { epoch, root: Root([1; 32]) };
        AttestationData { slot: target * 8, index: 0, head: Root([head; 32]), source: at(source), target: at(target) }
    }

    #[test]
    fn offences_are_seen_and_repetitions_are_not_offences() {
        let cases: [(&str, &[AttestationData], u64); 5] = [
            ("one vote", &[vote(1, 2, 1)], 0),
            ("the same vote twice", &[vote(1, 2, 1), vote(1, 2, 1)], 0),
            ("one epoch after the other", &[vote(1, 2, 1), vote(2, 3, 1)], 0),
            ("two heads in one epoch", &[vote(1, 2, 1), vote(1, 2, 2)], 1),
            ("a vote around another", &[vote(2, 3, 1), vote(1, 4, 1)], 1),
        ];
        for (name, votes, offences) in cases {
            let mut ledger = Ledger::default();
            for data in votes {
                ledger.vote(5, *data, 0);
            }
            assert_eq!(ledger.slashable(&BTreeSet::from([5])), offences, "{name}");
            assert_eq!(ledger.slashable(&BTreeSet::from([6])), 0, "{name}, of another validator");
        }
    }

    #[test]
    fn two_blocks_in_one_slot_are_an_offence() {
        let mut ledger = Ledger::default();
        ledger.block(9, 5, Root([1; 32]));
        ledger.block(9, 5, Root([1; 32]));
        assert_eq!(ledger.slashable(&BTreeSet::from([5])), 0);
        ledger.block(9, 5, Root([2; 32]));
        assert_eq!(ledger.slashable(&BTreeSet::from([5])), 1);
    }

    #[test]
    fn the_first_message_heard_is_the_one_that_counts() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.sync(9, 5, Root([1; 32]), 10), News::New);
        assert_eq!(ledger.sync(9, 5, Root([1; 32]), 20), News::Known);
        assert_eq!(ledger.sync(9, 5, Root([2; 32]), 30), News::Conflict);
        assert_eq!(ledger.synced(9, 5), Some(&(Root([1; 32]), 10)));
        assert!(ledger.live(1, 8..16, 5) && !ledger.live(1, 8..9, 5));
    }
}
