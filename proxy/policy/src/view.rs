//! The view: the one head that the VC is told, and how it moves.
//!
//! Nodes tell their heads at different times, and sometimes different heads. A VC signs for the last head it was told,
//! some without another look, so one stale head is a wrong signature. Hence the view: it goes forward with the first
//! deciding node that has a new block on top of it, and leaves its branch only when its leader does, or when more stand
//! behind another branch. Who decides is said in [`electorate`].
//!
//! Of a head H that a deciding node says, beside the view V:
//!
//! | H is | then |
//! |---|---|
//! | V | the node is a member |
//! | higher, on top of V | the view moves, at once |
//! | higher, on another branch | the view moves if the leader says so, or if more stand behind H than behind V |
//! | at V's slot, or lower and on another branch | the same |
//! | below V on V's branch | a late node; only the leader, who was there, may take it back, if nobody else is at V |
//!
//! In the fourth row, a word for a lower head or for the one that the view came from counts only if it was said after the
//! view came to V, or if it still stands a slot after that (a twelfth of one, if no node is at V any more): when a proposer
//! builds around the last block, the first node to follow is not wrong because the others have not heard.
//!
//! Whether H is on top of V follows from known links ([`blocks`]), else from one header read, up to four when events
//! were missed. The leader needs no proof. When the leader is lost, another deciding member leads; when no deciding node
//! is at V any more, nothing holds the view, and it moves to the head with most behind it.
//!
//! The rules are applied to what every node says *now*, after each signal, not to events as they pass. So a head that
//! came too early (a wrong clock, a friend's head before an own node knows it) is not lost: it moves the view when its
//! time has come. While only friends decide, a head needs two independent ones where there are two; after a twelfth of
//! a slot the one with most behind it goes ahead.

mod blocks;
mod electorate;
mod reads;
mod settle;
mod stand;
mod tell;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::chain::{Clock, Epoch, Moment, Root, Slot};
use crate::events::{Head, HeadV2, PayloadStatus, Reorg, Topic};
use crate::node::{Branch, NodeId};

use blocks::{Blocks, Relation};
pub use electorate::{Electorate, Support, Voter};
use reads::Reads;

/// Heads up to so far ahead of our clock are taken (consensus-specs `MAXIMUM_GOSSIP_CLOCK_DISPARITY`).
pub const DISPARITY_MS: u64 = 500;

/// A twelfth of a slot: how long a head waits for a second friend.
const SOON_BASIS_POINTS: u64 = 833;

/// So much after others a node's head is late. Not a share of the slot: lines are as slow where slots are short.
const LATE_MS: u64 = 1_000;

/// Reorgs that nodes said and that may yet be told.
const REORGS: usize = 32;

/// The arithmetic and the forks of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Slots and epochs.
    pub clock: Clock,
    /// The forks with the epochs they come into force, ascending; names as in `Eth-Consensus-Version`.
    pub forks: Vec<(Epoch, String)>,
}

/// A block header, as `GET /eth/v1/beacon/headers/{id}` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Root of the block.
    pub root: Root,
    /// Its slot.
    pub slot: Slot,
    /// Root of the block it stands on.
    pub parent: Root,
    /// Its state root.
    pub state: Root,
    /// Whether the execution client has not verified it; `None` if the node does not say.
    pub optimistic: Option<bool>,
}

/// The head that was last told, and who said it.
#[derive(Clone, Debug)]
struct Place {
    slot: Slot,
    root: Root,
    leader: NodeId,
    /// The leader has been here ever since: its next word moves the view. False once it was lost.
    led: bool,
    since: Moment,
    was: Option<(Slot, Root)>,
    reorg_told: bool,
    /// The head as it was told; `None` until then.
    told: Option<Head>,
    v2_told: Option<PayloadStatus>,
}

/// What one node says its head is.
#[derive(Clone, Debug)]
struct Said {
    head: Head,
    /// When it said so first.
    at: Moment,
    /// The head it said before, if this one looks as if it stood on it.
    on: Option<Root>,
    v2: Option<(String, PayloadStatus)>,
}

/// The circumstances of a word.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// The node's word counts.
    pub decides: bool,
    /// The network's.
    pub schedule: &'a Schedule,
    /// When it was heard.
    pub now: Moment,
}

/// What came of it all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// Events to tell, in this order.
    pub events: Vec<(Topic, Arc<str>)>,
    /// Headers to read: of whom, and which.
    pub reads: Vec<(NodeId, Root)>,
    /// The moves made.
    pub moves: Vec<Move>,
    /// Reorgs told.
    pub reorgs: Vec<Reorg>,
    /// Deciding nodes whose head is on another branch, each told once.
    pub astray: Vec<(NodeId, Slot, Root)>,
    /// Nodes that give other dependent roots for the head than were told, each told once.
    pub differ: Vec<(NodeId, Slot, Root)>,
}

/// One move of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The head before.
    pub was: Option<(Slot, Root)>,
    /// The head now.
    pub is: (Slot, Root),
    /// Whose word it was.
    pub leader: NodeId,
}

/// The head state machine.
#[derive(Clone, Debug, Default)]
pub struct View {
    place: Option<Place>,
    heads: BTreeMap<NodeId, Said>,
    blocks: Blocks,
    reads: Reads,
    /// Slot of the head event last told.
    told: Option<Slot>,
    reorgs: VecDeque<Reorg>,
    /// Since when a head waits for a second voice.
    waiting: BTreeMap<Root, Moment>,
    /// Since when a move waits for what its reorg event needs.
    leaving: Option<(Root, Moment)>,
    astray: BTreeMap<NodeId, Root>,
    differ: BTreeMap<NodeId, Root>,
    /// The other heads, as they stood when last looked at.
    branches: BTreeMap<Root, Branch>,
}

// === impl Schedule, View ===

impl Schedule {
    /// The name of the fork in force at a slot; empty if none is known.
    #[must_use]
    pub fn fork_at(&self, slot: Slot) -> &str {
        let epoch = self.clock.epoch(slot);
        self.forks.iter().rev().find(|(from, _)| *from <= epoch).map_or("", |(_, name)| name)
    }

    fn soon_ms(&self) -> u64 {
        self.clock.component(SOON_BASIS_POINTS)
    }
}

impl View {
    /// An event says a node's head. `decides` = its word counts. Returns whether others had the block long before, if it
    /// is news from this node that others had told already.
    pub fn said(&mut self, from: NodeId, head: Head, v2: Option<HeadV2>, by: By<'_>) -> Option<bool> {
        let v2 = v2.map(|it| (it.version, it.payload_status));
        if let Some(said) = self.heads.get_mut(&from).filter(|said| said.head.block == head.block) {
            // `head` and `head_v2` of one block, or an event after its header: what the first lacked is added.
            said.v2 = v2.or(said.v2.take());
            if head.current_duty_dependent_root.is_some() {
                said.head = head;
            }
            return None;
        }
        let root = head.block;
        let others = self.blocks.slot(root).is_some();
        let mut first = by.now;
        let before = self.heads.get(&from).map(|said| &said.head);
        let on = before.filter(|before| extends(before, &head, &by.schedule.clock)).map(|before| before.block);
        if by.decides {
            first = self.blocks.say(&head, by.now);
            if let Some(before) = on {
                self.blocks.claim(root, before);
            }
        }
        self.heads.insert(from, Said { head, at: by.now, on, v2 });
        others.then(|| by.now.since(first) > LATE_MS)
    }

    /// A read of a node's head header was answered. While the node's feed stands the answer may have crossed an event on
    /// the way, so it counts only if it is higher than the head known. True if it was news.
    pub fn said_by_header(&mut self, from: NodeId, header: Header, feed: bool, by: By<'_>) -> bool {
        if by.decides {
            self.blocks.header(&header, by.now);
        }
        let old = |head: &Head| head.block == header.root || feed && head.slot >= header.slot;
        if self.heads.get(&from).is_some_and(|said| old(&said.head)) {
            return false;
        }
        let head = Head {
            slot: header.slot,
            block: header.root,
            state: header.state,
            epoch_transition: false,
            previous_duty_dependent_root: None,
            current_duty_dependent_root: None,
            execution_optimistic: header.optimistic,
        };
        self.heads.insert(from, Said { head, at: by.now, on: None, v2: None });
        true
    }

    /// A header that was asked for. One that was not asked for teaches nothing: friends answer reads too.
    pub fn header(&mut self, from: NodeId, header: Header, now: Moment) {
        if self.reads.done(from, header.root) {
            self.blocks.header(&header, now);
        }
    }

    /// A header that was asked for and did not come.
    pub fn header_failed(&mut self, from: NodeId, root: Root) {
        self.reads.done(from, root);
    }

    /// A node whose word counts says that it changed branches.
    pub fn reorged(&mut self, reorg: Reorg, now: Moment) {
        let new = Head {
            slot: reorg.slot,
            block: reorg.new_head_block,
            state: reorg.new_head_state,
            epoch_transition: false,
            previous_duty_dependent_root: None,
            current_duty_dependent_root: None,
            execution_optimistic: reorg.execution_optimistic,
        };
        self.blocks.say(&new, now);
        self.blocks.dispute(reorg.new_head_block);
        if self.reorgs.len() == REORGS {
            self.reorgs.pop_front();
        }
        self.reorgs.push_back(reorg);
    }

    /// A node is gone, or its feed is: what it said of its head is void.
    pub fn forget(&mut self, node: NodeId) {
        self.heads.remove(&node);
        self.reads.forget(node);
        self.astray.remove(&node);
        self.differ.remove(&node);
        if let Some(place) = self.place.as_mut().filter(|place| place.leader == node) {
            place.led = false;
        }
    }

    /// Name, size and bound of all that is kept.
    #[cfg(test)]
    pub(crate) fn sizes(&self, nodes: usize) -> impl Iterator<Item = (&'static str, usize, usize)> {
        [
            ("heads", self.heads.len(), nodes),
            ("blocks", self.blocks.len(), blocks::REMEMBERED),
            ("reads", self.reads.len(), 8 * nodes),
            ("reorgs", self.reorgs.len(), REORGS),
            ("waiting", self.waiting.len(), nodes),
            ("astray", self.astray.len(), nodes),
            ("differ", self.differ.len(), nodes),
            ("branches", self.branches.len(), nodes),
        ]
        .into_iter()
    }

    /// A node's head as it last said.
    #[must_use]
    pub fn head_of(&self, node: NodeId) -> Option<(Slot, Root)> {
        self.heads.get(&node).map(|said| (said.head.slot, said.head.block))
    }

    /// Is this node's head known to be on another branch than that node's lower one?
    #[must_use]
    pub fn apart(&self, high: NodeId, low: NodeId) -> bool {
        let (Some((_, high)), Some((slot, low))) = (self.head_of(high), self.head_of(low)) else { return false };
        self.blocks.relation(high, low, slot) == Relation::Apart
    }

    /// What the duties of the view's epoch and of the next depend on; `None` until its head was told.
    #[must_use]
    pub fn dependent(&self) -> Option<(Root, Root)> {
        self.place.as_ref()?.told.as_ref().and_then(tell::duties)
    }

    /// The view's head and its leader.
    #[must_use]
    pub fn at(&self) -> Option<(Slot, Root, NodeId)> {
        self.place.as_ref().map(|place| (place.slot, place.root, place.leader))
    }
}

/// Does a node's new head look as if it stood on its old one? Higher, and with duties that fit.
fn extends(old: &Head, new: &Head, clock: &Clock) -> bool {
    let (Some(was), Some(is)) = (tell::duties(old), tell::duties(new)) else { return false };
    let (from, to) = (clock.epoch(old.slot), clock.epoch(new.slot));
    new.slot > old.slot && (from == to && was == is || from.0 + 1 == to.0 && was.1 == is.0)
}
