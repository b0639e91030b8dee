//! What a node was told and keeps in memory only: gone after a restart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::digest::{Address, Root};
use crate::vote::AttestationData;

/// Slots for which votes heard here are kept for aggregation.
const KEPT_SLOTS: u64 = 64;
/// Different attestation data and own proposals that are kept; a slot has a handful.
const KEPT_ROOTS: usize = 1024;

/// A node's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Fee recipient by validator index, from `prepare_beacon_proposer`.
    pub prepared: BTreeMap<u64, Address>,
    /// Fee recipient by public key in lower-case hex, from `register_validator`.
    pub registered: BTreeMap<String, Address>,
    /// (slot, committee) with a subscription for aggregation.
    pub committees: BTreeSet<(u64, u64)>,
    /// Validators subscribed to sync committee subnets.
    pub sync_committees: BTreeSet<u64>,
    /// Votes that were published here, by (slot, validator).
    votes: BTreeMap<(u64, u64), AttestationData>,
    /// Sync messages that were published here, by (slot, validator).
    syncs: BTreeMap<(u64, u64), Root>,
    /// Attestation data that was handed out or published here, by tree root.
    known_data: VecDeque<(Root, AttestationData)>,
    /// State roots of blocks made here.
    proposals: VecDeque<Root>,
}

impl Standing {
    pub(crate) fn heard_vote(&mut self, validator: u64, data: AttestationData) {
        self.votes.insert((data.slot, validator), data);
        self.votes.retain(|(slot, _), _| slot + KEPT_SLOTS > data.slot);
        self.committees.retain(|(slot, _)| slot + KEPT_SLOTS > data.slot);
        self.learn(data);
    }

    pub(crate) fn heard_sync(&mut self, slot: u64, validator: u64, root: Root) {
        self.syncs.insert((slot, validator), root);
        self.syncs.retain(|(old, _), _| old + KEPT_SLOTS > slot);
    }

    pub(crate) fn learn(&mut self, data: AttestationData) {
        let root = data.tree_root();
        if self.known_data.iter().all(|(known, _)| *known != root) {
            self.known_data.push_back((root, data));
        }
        if self.known_data.len() > KEPT_ROOTS {
            self.known_data.pop_front();
        }
    }

    pub(crate) fn made(&mut self, state: Root) {
        self.proposals.push_back(state);
        if self.proposals.len() > KEPT_ROOTS {
            self.proposals.pop_front();
        }
    }

    pub(crate) fn has_made(&self, state: Root) -> bool {
        self.proposals.contains(&state)
    }

    pub(crate) fn attestation_data(&self, root: Root) -> Option<AttestationData> {
        self.known_data.iter().find(|(known, _)| *known == root).map(|(_, data)| *data)
    }

    pub(crate) fn vote_of(&self, slot: u64, validator: u64) -> Option<&AttestationData> {
        self.votes.get(&(slot, validator))
    }

    pub(crate) fn sync_of(&self, slot: u64, validator: u64) -> Option<&Root> {
        self.syncs.get(&(slot, validator))
    }
}
