//! Aggregates: the one with most votes that is of the asked committee and for the asked vote.
//!
//! A validator client names the vote by the root of its attestation data. An answer for another vote, slot or committee
//! would be signed and be worthless, so the vote's root is computed from what the node gave and compared, in JSON as in
//! SSZ. Whether the bits are true is not checked: that takes the keys of the committee. Hence friends come last, see
//! [`bits`].
//!
//! From Electra on an aggregate names its committee in bits of its own and the old form of the operation has no place
//! for them. Nodes answer 404 to it then, and so do we without asking.
//!
//! A request whose query cannot be read is left to its row: a node says best what is wrong with it.

use std::sync::Arc;

use super::asked::{in_force, is_ssz, parameter};
use super::{Brief, Judged, Made, Rule, bits};
use crate::catalogue::Row;
use crate::chain::{Clock, Root, Slot};
use crate::merit::{Body, Observed};
use crate::node::{NodeId, Snapshot};
use crate::race::Verdict;
use crate::race::plan::Plan;
use read::Told;

mod read;
#[cfg(test)]
mod tests;

pub(super) use read::hex;

/// The rule of one request for an aggregate.
#[derive(Debug)]
pub(super) struct Aggregate {
    row: &'static Row,
    wanted: Wanted,
    snapshot: Arc<Snapshot>,
    clock: Option<Clock>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    slot: Slot,
    root: Root,
    /// `None` where the request does not say.
    committee: Option<u64>,
    /// Aggregates of this slot are known to name their committee in bits.
    electra: bool,
    /// Asked for in the form that cannot name a committee in bits.
    old: bool,
}

impl Aggregate {
    /// The rule; `None` if the query cannot be read.
    pub(super) fn of(brief: &Brief<'_>) -> Option<Self> {
        let slot: Slot = parameter(brief.query, "slot")?.parse().ok()?;
        let root = parameter(brief.query, "attestation_data_root")?.parse().ok()?;
        let committee = parameter(brief.query, "committee_index").and_then(|text| text.parse().ok());
        let electra = in_force(brief, "electra", slot);
        let old = brief.row.operation == "aggregate_attestation_v1";
        let wanted = Wanted { slot, root, committee, electra, old };
        Some(Self { row: brief.row, wanted, snapshot: Arc::clone(brief.snapshot), clock: brief.clock })
    }
}

impl Wanted {
    /// What is wrong with an answer.
    fn objection(&self, told: &Told) -> Option<&'static str> {
        let committee = if told.committees.is_some() { told.committee() } else { Some(told.vote.index) };
        if self.electra && told.committees.is_none() {
            Some("an aggregate of a fork that is over")
        } else if committee.is_none() {
            Some("an aggregate of no committee or of several")
        } else if self.committee.is_some_and(|wanted| committee != Some(wanted)) {
            Some("an aggregate of another committee")
        } else if told.vote.slot != self.slot {
            Some("an aggregate of another slot")
        } else if told.vote.root() != self.root {
            Some("an aggregate for another vote")
        } else if told.bits.set == 0 {
            Some("an aggregate without a vote")
        } else {
            None
        }
    }
}

impl Rule for Aggregate {
    fn at_once(&self) -> Option<Made> {
        let message = "there is no aggregate in this form from Electra on; use /eth/v2/validator/aggregate_attestation";
        let gone = self.wanted.old && self.wanted.electra;
        gone.then(|| Made { status: 404, body: message.as_bytes().to_vec(), headers: Vec::new() })
    }

    fn conduct(&self, plan: Plan) -> Plan {
        bits::conduct(plan, self.clock)
    }

    fn judge(&self, from: NodeId, observed: &Observed<'_>) -> Judged {
        let judged = Judged::by_row(self.row, observed);
        let (Verdict::Good { .. }, Body::Whole(bytes)) = (&judged.verdict, observed.body) else { return judged };
        let told = if is_ssz(observed) { Told::of_ssz(bytes) } else { Told::of_json(bytes) };
        let Some(told) = told else { return Judged::unfit("not an aggregate") };
        match self.wanted.objection(&told) {
            Some(objection) => Judged::unfit(objection),
            None => Judged {
                verdict: Verdict::good(told.bits.score(bits::is_own(&self.snapshot, from))),
                words: format!("{}: {} of {} votes", observed.status, told.bits.set, told.bits.of),
                alarm: None,
            },
        }
    }
}
