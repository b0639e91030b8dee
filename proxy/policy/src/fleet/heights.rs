//! How high the chain is, by the nodes that can be believed on it.
//!
//! A node's height counts once it has had it for a third of a slot: after some empty slots the first receiver of a block
//! is far ahead of everybody for some hundred milliseconds, and nobody is behind for that. Heights above our clock's slot
//! don't count at all, so a node that announces far slots measures nobody. Only nodes that are usable by their own word
//! (network, synced, verified) and may be read count, so that whoever is behind is behind somebody who can stand in; a dead node's last head is forgotten with its tier. Two friends agree on a height if
//! they have the same head: two that make heads up, each its own, agree on nothing.
//!
//! *Behind* means late or stuck, not outnumbered in slots: a node on a branch of its own that has had blocks while ours had
//! none would else take the others out of the view, and with them the majority. So a node is not measured against one on
//! another branch, unless more own nodes stand there than where it stands.
//!
//! Each node has a ring of [`RECENT`] heights; a node that climbs faster is still syncing, and the ring forgets the
//! oldest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::chain::{Clock, Moment, Root, Slot};
use crate::health::Yardstick;
use crate::node::{NodeId, Trust};
use crate::view::{DISPARITY_MS, View};

use super::Node;

/// Heights kept of each node.
const RECENT: usize = 8;
/// A third of a slot.
const SETTLED_BASIS_POINTS: u64 = 3_333;

/// A friend's node, how high it is, and its head if that is what makes it so high.
type Friend<'a> = (Slot, &'a Node, Option<(Slot, Root)>);

/// When each node was first at which height.
#[derive(Clone, Debug, Default)]
pub(super) struct Heights {
    of: BTreeMap<NodeId, VecDeque<(Slot, Moment)>>,
}

impl Heights {
    pub(super) fn forget(&mut self, node: NodeId) {
        self.of.remove(&node);
    }

    /// Notes the heights of now.
    pub(super) fn note(&mut self, nodes: &[Node], clock: &Clock, now: Moment) {
        let limit = clock.slot(now.plus(DISPARITY_MS)).unwrap_or_default();
        let epoch = clock.epoch(limit);
        for node in nodes {
            let id = node.profile.id;
            let usable = node.readable() && node.health.usable(epoch);
            let Some(slot) = node.health.slot().filter(|slot| usable && *slot <= limit) else {
                self.of.remove(&id);
                continue;
            };
            let recent = self.of.entry(id).or_default();
            // A reorg may take it lower.
            recent.retain(|(at, _)| *at <= slot);
            if recent.back().is_none_or(|(at, _)| *at < slot) {
                if recent.len() == RECENT {
                    recent.pop_front();
                }
                recent.push_back((slot, now));
            }
        }
    }

    /// What this node is measured against.
    pub(super) fn yardstick(&self, of: &Node, nodes: &[Node], view: &View, clock: &Clock, now: Moment) -> Yardstick {
        let settled = |node: &Node| {
            let mut recent = self.of.get(&node.profile.id)?.iter().rev();
            recent.find(|(_, at)| now.since(*at) >= clock.component(SETTLED_BASIS_POINTS)).map(|(slot, _)| *slot)
        };
        let mut own = None;
        let mut friends = Vec::new();
        for node in nodes {
            let Some(height) = settled(node) else { continue };
            match node.profile.trust {
                Trust::Own if self.outweighs(of, node, nodes, view) => {}
                Trust::Own => own = own.max(Some(height)),
                Trust::Friend => {
                    friends.push((height, node, view.head_of(node.profile.id).filter(|(at, _)| *at == height)));
                }
            }
        }
        let any_friend = friends.iter().map(|(height, ..)| *height).max();
        Yardstick { own, friends: agreed(&friends), any_friend }
    }

    /// Are these two on different branches, and is the one not weaker than the other?
    fn outweighs(&self, one: &Node, other: &Node, nodes: &[Node], view: &View) -> bool {
        let weight = |of: &Node| {
            let head = view.head_of(of.profile.id);
            let there = |node: &&Node| {
                let id = node.profile.id;
                node.profile.trust == Trust::Own && self.of.contains_key(&id) && view.head_of(id) == head
            };
            let there = || nodes.iter().filter(there);
            let families: BTreeSet<_> = there().map(|node| node.profile.consensus).collect();
            (families.len(), there().count())
        };
        view.apart(other.profile.id, one.profile.id) && weight(one) >= weight(other)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.of.values().map(VecDeque::len).sum()
    }
}

/// The highest head that two independent friends share.
fn agreed(friends: &[Friend<'_>]) -> Option<Slot> {
    let independent = |one: &Node, other: &Node| {
        one.profile.consensus != other.profile.consensus && one.profile.operator != other.profile.operator
    };
    let shared = |(_, node, head): &&Friend<'_>| {
        head.is_some() && friends.iter().any(|(_, other, it)| it == head && independent(node, other))
    };
    friends.iter().filter(shared).map(|(height, ..)| *height).max()
}
