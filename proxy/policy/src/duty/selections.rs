//! Selections of a distributed validator: to the configured DVT middleware, or to nobody.
//!
//! The operators of a distributed validator exchange partial selection proofs through their middleware (Charon). A
//! request to it is one part of that exchange: asked twice it would be two, and a beacon node knows nothing of it. So the
//! one configured Charon is asked, once, for as long as the row allows, and whatever it says is the answer. Without one
//! the reply is 501, as beacon nodes say it. With several the first that is configured is asked; two clusters behind one
//! validator client do not work anyway.

use super::{Brief, Judged, Made, Rule};
use crate::catalogue::Row;
use crate::family::ConsensusFamily;
use crate::merit::Observed;
use crate::node::NodeId;
use crate::race::failover::{Pace, Refusals, Rules};
use crate::race::plan::{Conduct, Plan};
use crate::race::{Losers, Score};

#[cfg(test)]
mod tests;

/// The rule of one request for selections.
#[derive(Debug)]
pub(super) struct Selections {
    row: &'static Row,
    middleware: Option<NodeId>,
}

impl Selections {
    /// The rule.
    pub(super) fn of(brief: &Brief<'_>) -> Self {
        let mut nodes = brief.snapshot.nodes.iter().map(|node| &node.profile);
        let charon = nodes.find(|profile| profile.consensus == ConsensusFamily::Charon);
        Self { row: brief.row, middleware: charon.map(|profile| profile.id) }
    }
}

impl Rule for Selections {
    fn at_once(&self) -> Option<Made> {
        let message = "selections need a DVT middleware, and no node is one; switch the validator client's distributed mode off, \
                       or set consensus = \"charon\" for the node that is";
        self.middleware.is_none().then(|| Made { status: 501, body: message.as_bytes().to_vec(), headers: Vec::new() })
    }

    fn conduct(&self, mut plan: Plan) -> Plan {
        let Conduct::Failover(rules) = &plan.conduct else { return plan };
        let rules = Rules {
            pace: Pace::OneByOne,
            refusals: Refusals::FirstWord,
            enough: Score::default(),
            deadline: rules.deadline,
            losers: Losers::Cancel,
        };
        plan.ask.retain(|one| Some(one.node) == self.middleware);
        for one in &mut plan.ask {
            one.reserve = false;
            one.why = "the DVT middleware";
        }
        Plan { conduct: Conduct::Failover(rules), ..plan }
    }

    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        Judged::by_row(self.row, observed)
    }
}
