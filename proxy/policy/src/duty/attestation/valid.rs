//! Which attestation data may be compared at all.
//!
//! What is wrong here is wrong on any branch: another slot than the one asked for, a target of another epoch, a source
//! that is not before it, an index that the slot's fork does not have. A head that nobody told is not wrong by itself: a
//! node's word often comes before its event. Only a head whose slot is known, from the view or an own node, is measured
//! by it. The last finalized epoch is not compared: whoever is behind it says a source that the others contradict.

use std::sync::Arc;

use crate::attestation::AttestationData;
use crate::chain::{Clock, Epoch, Root, Slot};
use crate::network::Served;
use crate::node::{Snapshot, Trust};

/// What `index` means in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    /// The committee (before Electra).
    Committee,
    /// Nothing, and is 0 (Electra, Fulu).
    Zero,
    /// Whether the payload is there (from Gloas on).
    Payload,
    /// The fork is not known yet.
    Any,
}

/// What the data of one request are measured by.
pub(super) struct Valid {
    /// The slot asked for.
    pub(super) slot: Slot,
    /// The committee asked for.
    pub(super) committee: u64,
    /// What the index means there.
    pub(super) index: Index,
    pub(super) clock: Clock,
    /// The slot of the clock.
    pub(super) now: Slot,
    /// The heads that are known.
    pub(super) snapshot: Arc<Snapshot>,
}

impl Index {
    /// By the fork at an epoch.
    pub(super) fn at(network: Option<&Served>, epoch: Epoch) -> Self {
        match network.and_then(|network| network.spec.fork_at(epoch)).map(|fork| fork.name.as_str()) {
            Some("phase0" | "altair" | "bellatrix" | "capella" | "deneb") => Self::Committee,
            Some("electra" | "fulu") => Self::Zero,
            Some(_) => Self::Payload,
            None => Self::Any,
        }
    }
}

impl Valid {
    /// Whether these data may be compared; else why not.
    pub(super) fn check(&self, data: &AttestationData) -> Result<(), &'static str> {
        let (source, target) = (data.source, data.target);
        let head = self.slot_of(data.head);
        let index = match self.index {
            Index::Committee => data.index == self.committee,
            Index::Zero => data.index == 0,
            Index::Payload => data.index == 0 || data.index == 1 && head != Some(data.slot),
            Index::Any => true,
        };
        // In the first epoch both checkpoints are genesis.
        let ordered = source.epoch < target.epoch || target.epoch == Epoch(0);
        // The first slot of the epoch, or an older one: this very block is the checkpoint.
        let is_target = head.is_none_or(|head| head > self.clock.first_slot(target.epoch) || target.root == data.head);
        let checks = [
            (data.slot == self.slot, "it is for another slot"),
            (target.epoch == self.clock.epoch(self.slot), "its target is of another epoch"),
            (ordered, "its source is not before its target"),
            (self.slot.0 <= self.now.0.saturating_add(1), "its slot is in the future"),
            (head.is_none_or(|head| head <= self.slot), "its head is of a later slot"),
            (index, "its index is none that the slot's fork has"),
            (is_target, "its target is not the checkpoint of its head"),
        ];
        checks.into_iter().find(|(good, _)| !good).map_or(Ok(()), |(_, why)| Err(why))
    }

    /// The slot of a head, as far as the view or an own node told it.
    pub(super) fn slot_of(&self, head: Root) -> Option<Slot> {
        let view = self.snapshot.view.as_ref().map(|view| (view.slot, view.root));
        let own = self.snapshot.nodes.iter().filter(|node| node.profile.trust == Trust::Own);
        let mut heads = view.into_iter().chain(own.filter_map(|node| node.head));
        heads.find(|(_, root)| *root == head).map(|(slot, _)| slot)
    }
}
