//! What answers to duties have taught: who proposes in which slot, which key a validator has, and which node the
//! proposer duties of an epoch came from.
//!
//! Only own nodes teach: who proposes is used to refuse blocks, and a friend must not be able to do that. A later answer
//! replaces an earlier one, since a reorg can change who proposes. An answer is one node's word, so whoever refuses by it
//! should do so only where the request fits it too.
//!
//! Bounds: [`SLOTS`] proposers, [`EPOCHS`] nodes, [`KEYS`] keys. Beyond them the oldest slots and epochs go, and no
//! further keys are taken; then less is known, never something wrong.

use std::collections::BTreeMap;

use crate::chain::{Epoch, Slot};
use crate::node::NodeId;

/// Slots whose proposer is remembered: four epochs of mainnet and two epochs that may be asked ahead.
pub const SLOTS: usize = 192;

/// Epochs whose node is remembered. Validator clients ask for this one and the next.
pub const EPOCHS: usize = 4;

/// Keys that are remembered.
pub const KEYS: usize = 8_192;

/// A validator's public key.
pub type Pubkey = [u8; 48];

/// What is known of duties.
#[derive(Debug, Default)]
pub struct Duties {
    proposers: BTreeMap<Slot, u64>,
    keys: BTreeMap<u64, Pubkey>,
    nodes: BTreeMap<Epoch, NodeId>,
}

impl Duties {
    /// The validator that proposes in a slot, as an own node said last.
    #[must_use]
    pub fn proposer(&self, slot: Slot) -> Option<u64> {
        self.proposers.get(&slot).copied()
    }

    /// A validator's public key, as an own node said.
    #[must_use]
    pub fn pubkey(&self, validator: u64) -> Option<&Pubkey> {
        self.keys.get(&validator)
    }

    /// The node that the proposer duties of an epoch came from.
    #[must_use]
    pub fn node(&self, epoch: Epoch) -> Option<NodeId> {
        self.nodes.get(&epoch).copied()
    }

    /// Learns who proposes.
    pub fn proposes(&mut self, slot: Slot, validator: u64) {
        self.proposers.insert(slot, validator);
        trim(&mut self.proposers, SLOTS);
    }

    /// Learns a key.
    pub fn has_key(&mut self, validator: u64, key: Pubkey) {
        if self.keys.len() < KEYS || self.keys.contains_key(&validator) {
            self.keys.insert(validator, key);
        }
    }

    /// From now on the proposer duties of an epoch come from this node.
    pub fn came_from(&mut self, epoch: Epoch, node: NodeId) {
        self.nodes.insert(epoch, node);
        trim(&mut self.nodes, EPOCHS);
    }
}

fn trim<K: Ord, V>(map: &mut BTreeMap<K, V>, most: usize) {
    while map.len() > most {
        map.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_kept_and_the_rest_is_bounded() {
        let mut duties = Duties::default();
        for slot in 0..1_000 {
            duties.proposes(Slot(slot), slot + 1);
            duties.came_from(Epoch(slot), NodeId(7));
        }
        for validator in 0..20_000 {
            duties.has_key(validator, [1; 48]);
        }
        duties.proposes(Slot(999), 5);
        duties.has_key(3, [2; 48]);
        assert_eq!((duties.proposers.len(), duties.nodes.len(), duties.keys.len()), (SLOTS, EPOCHS, KEYS));
        assert_eq!(duties.proposer(Slot(999)), Some(5), "the later word counts");
        assert_eq!((duties.proposer(Slot(998)), duties.proposer(Slot(0))), (Some(999), None));
        assert_eq!(duties.pubkey(3), Some(&[2; 48]));
        assert_eq!((duties.node(Epoch(999)), duties.node(Epoch(0))), (Some(NodeId(7)), None));
    }
}
