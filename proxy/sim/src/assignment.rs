//! Who has which duty, and who the validators are: all by the seed.
//!
//! Duties do not depend on the branch here, as they would through RANDAO. A node on another branch still shows it: the
//! dependent roots it gives with the duties are those of its branch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::digest::{Address, draw, first, hash, hex, shuffled, stretch};
use crate::locked;
use crate::preset::Preset;

/// How many epochs of committees are kept; older ones are computed again when somebody asks.
const KEPT_EPOCHS: usize = 8;
/// Of so many members of a committee one should aggregate (`TARGET_AGGREGATORS_PER_COMMITTEE` of the specification).
const TARGET_AGGREGATORS: u64 = 16;
/// Subnets of the sync committee.
pub const SYNC_SUBCOMMITTEES: u64 = 4;

/// One attester duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttesterDuty {
    /// Whose.
    pub validator: u64,
    /// When.
    pub slot: u64,
    /// In which committee of the slot.
    pub committee: u64,
    /// How many members it has.
    pub length: u64,
    /// The validator's place in it.
    pub position: u64,
}

/// The duties of one epoch.
#[derive(Debug, Default)]
pub struct EpochDuties {
    /// One per validator, by validator index.
    pub attesters: Vec<AttesterDuty>,
    /// Members by (slot, committee).
    pub committees: BTreeMap<(u64, u64), Vec<u64>>,
    /// Committees in every slot.
    pub committees_per_slot: u64,
}

/// All assignments of one world.
#[derive(Debug)]
pub struct Assignment {
    seed: u64,
    preset: Preset,
    validators: u64,
    epochs: Mutex<BTreeMap<u64, Arc<EpochDuties>>>,
    periods: Mutex<BTreeMap<u64, Arc<Vec<u64>>>>,
}

/// A validator's public key.
#[must_use]
pub fn pubkey(seed: u64, validator: u64) -> [u8; 48] {
    stretch(&[b"pubkey", &seed.to_le_bytes(), &validator.to_le_bytes()])
}

/// A validator's signature: not cryptography, but the same key and message always give the same 96 bytes.
#[must_use]
pub fn sign(pubkey: &[u8; 48], purpose: &str, message: &[u8]) -> [u8; 96] {
    stretch(&[b"signature", pubkey, purpose.as_bytes(), message])
}

/// Whether this selection proof makes its owner the aggregator of a committee of that length.
#[must_use]
pub fn aggregates(proof: &[u8; 96], length: u64) -> bool {
    selected(proof, (length / TARGET_AGGREGATORS).max(1))
}

/// Whether this selection proof makes its owner an aggregator of a sync subcommittee.
#[must_use]
pub fn contributes(proof: &[u8; 96], preset: Preset) -> bool {
    selected(proof, (preset.sync_committee_size() / SYNC_SUBCOMMITTEES / TARGET_AGGREGATORS).max(1))
}

fn selected(proof: &[u8; 96], modulo: u64) -> bool {
    u64::from_le_bytes(first(&hash(&[proof]).0)).is_multiple_of(modulo)
}

/// The address a node pays when nobody told it whom to pay for a validator.
#[must_use]
pub fn default_recipient(seed: u64, node: &str) -> Address {
    Address(stretch(&[b"default recipient", &seed.to_le_bytes(), node.as_bytes()]))
}

// === impl Assignment ===

impl Assignment {
    /// Assignments for so many validators.
    #[must_use]
    pub fn new(seed: u64, preset: Preset, validators: u64) -> Self {
        Self { seed, preset, validators, epochs: Mutex::default(), periods: Mutex::default() }
    }

    /// Who proposes at a slot.
    #[must_use]
    pub fn proposer(&self, slot: u64) -> u64 {
        draw(self.seed, "proposer", &[slot]) % self.validators.max(1)
    }

    /// The attester duties of an epoch.
    #[must_use]
    pub fn epoch(&self, epoch: u64) -> Arc<EpochDuties> {
        if let Some(found) = locked(&self.epochs).get(&epoch) {
            return Arc::clone(found);
        }
        let made = Arc::new(self.make_epoch(epoch));
        let mut epochs = locked(&self.epochs);
        epochs.insert(epoch, Arc::clone(&made));
        while epochs.len() > KEPT_EPOCHS {
            epochs.pop_first();
        }
        made
    }

    fn make_epoch(&self, epoch: u64) -> EpochDuties {
        let slots = self.preset.slots_per_epoch();
        let per_slot = (self.validators / slots / self.preset.target_committee_size())
            .clamp(1, self.preset.max_committees_per_slot());
        let order = shuffled(self.seed, "committees", epoch, self.validators);
        let count = slots * per_slot;
        let mut duties = EpochDuties { committees_per_slot: per_slot, ..EpochDuties::default() };
        for number in 0..count {
            let bound = |n: u64| usize::try_from(self.validators * n / count).unwrap_or(usize::MAX).min(order.len());
            let members = order[bound(number)..bound(number + 1)].to_vec();
            let (slot, committee) = (self.preset.start(epoch) + number / per_slot, number % per_slot);
            for (position, validator) in members.iter().enumerate() {
                duties.attesters.push(AttesterDuty {
                    validator: *validator,
                    slot,
                    committee,
                    length: members.len() as u64,
                    position: position as u64,
                });
            }
            duties.committees.insert((slot, committee), members);
        }
        duties.attesters.sort_unstable_by_key(|duty| duty.validator);
        duties
    }

    /// The sync committee of an epoch: a validator per position, in committee order.
    #[must_use]
    pub fn sync_committee(&self, epoch: u64) -> Arc<Vec<u64>> {
        let period = epoch / self.preset.epochs_per_sync_period();
        let mut periods = locked(&self.periods);
        if let Some(found) = periods.get(&period) {
            return Arc::clone(found);
        }
        let order = shuffled(self.seed, "sync committee", period, self.validators.max(1));
        let size = usize::try_from(self.preset.sync_committee_size()).unwrap_or(0);
        let made: Arc<Vec<u64>> = Arc::new(order.iter().copied().cycle().take(size).collect());
        periods.insert(period, Arc::clone(&made));
        while periods.len() > KEPT_EPOCHS {
            periods.pop_first();
        }
        made
    }

    /// A validator's positions in the sync committee of an epoch.
    #[must_use]
    pub fn sync_positions(&self, epoch: u64, validator: u64) -> Vec<u64> {
        let committee = self.sync_committee(epoch);
        (0u64..).zip(committee.iter()).filter(|(_, member)| **member == validator).map(|(i, _)| i).collect()
    }

    /// The index behind a validator id of the Beacon API: a decimal index or a public key in hex.
    #[must_use]
    pub fn validator(&self, id: &str) -> Option<u64> {
        let index = if id.starts_with("0x") {
            (0..self.validators).find(|index| hex(&pubkey(self.seed, *index)).eq_ignore_ascii_case(id))
        } else {
            id.parse().ok()
        };
        index.filter(|index| *index < self.validators)
    }

    /// How many validators there are.
    #[must_use]
    pub fn validators(&self) -> u64 {
        self.validators
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_validator_attests_once_an_epoch_in_both_presets() {
        for (preset, validators) in [(Preset::Mainnet, 64), (Preset::Minimal, 64), (Preset::Mainnet, 10_000)] {
            let duties = Assignment::new(3, preset, validators).epoch(5);
            assert_eq!(duties.attesters.len() as u64, validators, "{preset:?}");
            assert!((0u64..).zip(&duties.attesters).all(|(index, duty)| duty.validator == index));
            assert!(duties.attesters.iter().all(|duty| preset.epoch(duty.slot) == 5 && duty.position < duty.length));
        }
        assert_eq!(Assignment::new(3, Preset::Minimal, 64).epoch(5).committees_per_slot, 2);
        assert_eq!(Assignment::new(3, Preset::Mainnet, 64).epoch(5).committees_per_slot, 1);
    }

    #[test]
    fn the_sync_committee_is_full_and_stays_for_its_period() {
        let assignment = Assignment::new(3, Preset::Minimal, 20);
        assert_eq!(assignment.sync_committee(8).len(), 32);
        assert_eq!(assignment.sync_committee(8), assignment.sync_committee(15));
        assert_ne!(assignment.sync_committee(8), assignment.sync_committee(16));
        let positions: usize = (0..20).map(|validator| assignment.sync_positions(8, validator).len()).sum();
        assert_eq!(positions, 32);
    }

    #[test]
    fn validators_are_found_by_index_and_by_key() {
        let assignment = Assignment::new(3, Preset::Minimal, 20);
        assert_eq!(assignment.validator("7"), Some(7));
        assert_eq!(assignment.validator(&hex(&pubkey(3, 7))), Some(7));
        for unknown in ["20", "x", "", "0x00", "-1"] {
            assert_eq!(assignment.validator(unknown), None, "{unknown}");
        }
    }
}
