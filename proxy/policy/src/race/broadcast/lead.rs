//! Who gets a message before all others, and what becomes of the others.
//!
//! Two messages want it. A block whose caller asks for a check of equivocation: a node that has the block from another
//! one takes it for a second block of its proposer, so one node checks, and the others get what it let through. And a
//! blinded block: only the node that made it, or one with the same relay, has the payload.
//!
//! The lead is one node at a time. One that fails hands on to the next; after the last the others are asked. Its
//! patience begins anew with each, but all together take no more than half of the deadline, so that the others have
//! time in any case.

use std::time::Duration;

use super::{Lane, Stage};
use crate::node::NodeId;

/// Who is asked first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// One after the other, each only if the one before has failed.
    pub nodes: Vec<NodeId>,
    /// After so long a silence the others are asked.
    pub patience: Duration,
    /// What becomes of the others when it accepts.
    pub accepted: Others,
    /// What becomes of the others when it refuses.
    pub refused: Others,
}

/// What becomes of those that do not lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They get the message.
    Asked,
    /// They never get it. After a refusal, that refusal is the answer.
    Spared,
}

/// The node that leads now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leading {
    pub(super) node: NodeId,
    since: Duration,
}

/// Who leads after one that failed.
pub(super) enum Turn {
    Next(NodeId),
    Over,
}

impl Leading {
    /// The first that is asked at all.
    pub(super) fn first(lead: &Lead, nodes: &[NodeId]) -> Option<Self> {
        let node = lead.nodes.iter().copied().find(|node| nodes.contains(node))?;
        Some(Self { node, since: Duration::ZERO })
    }

    /// Hands on, at `now`.
    pub(super) fn next(&mut self, lead: &Lead, lanes: &[Lane], now: Duration) -> Turn {
        let follows = |node: &NodeId| lanes.iter().any(|lane| lane.node == *node && lane.stage == Stage::Follows);
        match lead.nodes.iter().copied().find(follows) {
            Some(node) => {
                *self = Self { node, since: now };
                Turn::Next(node)
            }
            None => Turn::Over,
        }
    }

    /// Until when the others wait for it.
    pub(super) fn until(&self, lead: &Lead, deadline: Duration) -> Duration {
        (self.since + lead.patience).min(deadline / 2)
    }
}
