//! Publishing a block: the node that made it comes first.
//!
//! A blinded block can only be published by a node that has its payload, or gets it from the relay: for one that a node
//! made itself that is nobody else. So it goes to its producer alone, and to the other own nodes when the producer fails
//! or is silent; if we do not know who made it (after our restart) it goes to all own nodes at once. Friends are asked
//! only when no own node is there: what they cannot unblind they cannot publish, and relays would be asked by everybody.
//!
//! A whole block goes to everyone in one step; the producer stands first in it, because it need not verify its own.

use std::sync::Arc;

use super::{Brief, Judged, Rule};
use crate::block;
use crate::block::producers::Producer;
use crate::books::Books;
use crate::catalogue::Row;
use crate::merit::{self, Observed};
use crate::node::{NodeId, Tier, Trust};
use crate::race::plan::{Conduct, Plan};

/// The rule of one publication.
struct Unblind {
    row: &'static Row,
    blinded: bool,
    producer: Option<NodeId>,
}

/// The rule; of whole blocks if not `blinded`.
pub(super) fn rule(brief: &Brief<'_>, books: &Books, blinded: bool) -> Arc<dyn Rule> {
    let key = block::signed(brief.body, merit::is_ssz(brief.headers.content_type));
    let producer = key.and_then(|key| books.blocks.producer(&key)).map(|Producer { node, .. }| node);
    Arc::new(Unblind { row: brief.row, blinded, producer })
}

impl Rule for Unblind {
    fn conduct(&self, mut plan: Plan) -> Plan {
        let Conduct::Broadcast { held_back, .. } = &mut plan.conduct else { return plan };
        if self.blinded && plan.ask.iter().any(|one| one.trust == Trust::Own && one.tier != Tier::Away) {
            plan.ask.retain(|one| one.trust == Trust::Own);
        }
        let made = |node: NodeId| self.producer == Some(node);
        if let Some(place) = plan.ask.iter().position(|one| made(one.node)) {
            let mut producer = plan.ask.remove(place);
            producer.why = "made the block";
            plan.ask.insert(0, producer);
            if self.blinded {
                *held_back = plan.ask[1..].iter().map(|one| one.node).collect();
            }
        }
        held_back.retain(|node| plan.ask.iter().any(|one| one.node == *node));
        plan
    }

    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        Judged::by_row(self.row, observed)
    }
}
