//! Header reads that the view waits for.
//!
//! A read is made once of one node and never repeated while its outcome is remembered, and one node is asked for no more
//! than [`EACH`] headers within [`REMEMBERED_SLOTS`] slots. So a node that announces a new false head every millisecond
//! costs eight reads of itself. At the bound, and when a read failed or takes longer than [`PATIENCE_MS`], the view
//! decides as if the branch were another one: it waits for more voices.

use std::collections::BTreeMap;

use crate::chain::{Moment, Root};
use crate::node::NodeId;

const EACH: usize = 8;
const REMEMBERED_SLOTS: u64 = 4;
/// A local read takes some milliseconds, one over a home line up to some hundred.
pub(super) const PATIENCE_MS: u64 = 500;

#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    made: BTreeMap<(NodeId, Root), Read>,
}

#[derive(Clone, Copy, Debug)]
struct Read {
    at: Moment,
    done: bool,
}

/// What can be hoped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hope {
    /// The read has to be made now.
    Ask,
    /// It is on its way.
    Wait,
    /// It will not come.
    None,
}

impl Reads {
    /// Wants this header of this node.
    pub(super) fn want(&mut self, from: NodeId, root: Root, now: Moment) -> Hope {
        match self.made.get(&(from, root)) {
            Some(read) if read.done || now.since(read.at) >= PATIENCE_MS => Hope::None,
            Some(_) => Hope::Wait,
            None if self.made.keys().filter(|(node, _)| *node == from).count() >= EACH => Hope::None,
            None => {
                self.made.insert((from, root), Read { at: now, done: false });
                Hope::Ask
            }
        }
    }

    /// It was answered, or it failed: it will not come again. False if it was never made.
    pub(super) fn done(&mut self, from: NodeId, root: Root) -> bool {
        let read = self.made.get_mut(&(from, root));
        read.map(|read| read.done = true).is_some()
    }

    pub(super) fn age(&mut self, now: Moment, slot_ms: u64) {
        self.made.retain(|_, read| now.since(read.at) < REMEMBERED_SLOTS * slot_ms);
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.made.retain(|(from, _), _| *from != node);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.made.len()
    }
}
