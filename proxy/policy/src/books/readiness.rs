//! When a node was last seen not ready.
//!
//! A node that was away or syncing in an epoch has not heard everybody who was active then, and answers "not live" all
//! the same. So it has to be known afterwards whether a node was ready all the time. Every request brings a picture of
//! the nodes; what is not ready in it is noted. A node that failed and recovered between two requests is not noticed, but
//! validator clients ask several times in every slot.
//!
//! What was before we watched is not known, and unknown is not bad: a validator client alone with its node would take
//! that node's word too. So a node that has not answered yet since our start, and is away for that reason alone, is not
//! noted. One entry for each node; those of nodes that are gone are dropped.

use std::collections::BTreeMap;

use crate::chain::Moment;
use crate::node::{NodeId, Snapshot, Tier};

/// When nodes were last seen not ready; `None` for one that always was, since it was first heard of.
#[derive(Debug, Default)]
pub struct Readiness {
    lacked: BTreeMap<NodeId, Option<Moment>>,
}

impl Readiness {
    /// Notes how the nodes stand now.
    pub fn note(&mut self, snapshot: &Snapshot, now: Moment) {
        for node in &snapshot.nodes {
            let id = node.profile.id;
            match node.tier {
                Tier::Ready => {
                    self.lacked.entry(id).or_default();
                }
                Tier::Away if !self.lacked.contains_key(&id) => {}
                Tier::Away | Tier::Behind | Tier::Foreign | Tier::Optimistic | Tier::Syncing => {
                    self.lacked.insert(id, Some(now));
                }
            }
        }
        if self.lacked.len() > snapshot.nodes.len() {
            self.lacked.retain(|id, _| snapshot.node(*id).is_some());
        }
    }

    /// Whether a node is ready, and has been since, as far as was seen.
    #[must_use]
    pub fn since(&self, node: NodeId, since: Moment) -> bool {
        self.lacked.get(&node).is_some_and(|lacked| lacked.is_none_or(|at| at < since))
    }
}
