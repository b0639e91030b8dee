//! Proposer duties v1: one node for each epoch.
//!
//! What the dependent root of v1 means changed with Fulu, and clients differ in it. Validator clients ask again whenever
//! it changes, so two families must not take turns in one epoch: the node whose answer was given first is asked first
//! for as long as it is ready; when it fails the whole epoch moves to the node that answered instead. The root is
//! compared with nothing.
//!
//! The answer for the view's epoch is kept while both dependent roots of the view stay, for they decide the table under
//! the old rule and the new. Other epochs are asked anew each time.

use std::sync::Arc;

use super::dependence::{both, own_is_ready};
use super::duties::{Told, Wanted, learn};
use super::{Alarm, Brief, Judged, Memo, Rule, bits};
use crate::books::Books;
use crate::catalogue::Row;
use crate::chain::{Clock, Moment, Root, Slot};
use crate::merit::{Body, Observed};
use crate::node::{NodeId, Snapshot, Tier};
use crate::race::plan::Plan;
use crate::race::{Score, Verdict};

#[cfg(test)]
mod tests;

/// The rule of one request for proposer duties v1.
#[derive(Debug)]
pub(super) struct Proposers {
    row: &'static Row,
    wanted: Wanted,
    snapshot: Arc<Snapshot>,
    clock: Clock,
    now: Moment,
    /// The node of this epoch.
    node: Option<NodeId>,
    /// What the answer is kept under.
    under: Option<Root>,
}

impl Proposers {
    /// The rule; `None` if the request cannot be read or there is no clock.
    pub(super) fn of(brief: &Brief<'_>, books: &Books) -> Option<Self> {
        let (wanted, clock) = (Wanted::of(brief)?, brief.clock?);
        let view = brief.snapshot.view.as_ref().filter(|view| clock.epoch(view.slot) == wanted.epoch);
        let under = view.and_then(both).filter(|_| own_is_ready(brief.snapshot));
        let node = books.duties.node(wanted.epoch);
        let snapshot = Arc::clone(brief.snapshot);
        Some(Self { row: brief.row, wanted, snapshot, clock, now: brief.now, node, under })
    }
}

impl Rule for Proposers {
    fn memo(&self) -> Option<Memo> {
        let until = self.clock.start(Slot(self.wanted.slots.end));
        let key = format!("{}/{}", self.row.operation, self.wanted.epoch);
        Some(Memo { key, under: self.under?, until }).filter(|memo| memo.until > self.now)
    }

    fn keeps_friends(&self) -> bool {
        false
    }

    fn keeps(&self, observed: &Observed<'_>) -> bool {
        let Body::Whole(bytes) = observed.body else { return false };
        Told::read(bytes).is_some_and(|told| !told.optimistic && told.is_complete(&self.wanted))
    }

    fn conduct(&self, mut plan: Plan) -> Plan {
        let fit = |place: &usize| plan.ask[*place].tier == Tier::Ready && !plan.ask[*place].reserve;
        let place = plan.ask.iter().position(|one| Some(one.node) == self.node).filter(fit);
        if let Some(place) = place {
            let mut first = plan.ask.remove(place);
            first.why = "gave this epoch's proposers before";
            plan.ask.insert(0, first);
        }
        plan
    }

    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        let judged = Judged::by_row(self.row, observed);
        let (Verdict::Good { .. }, Body::Whole(bytes)) = (&judged.verdict, observed.body) else { return judged };
        let Some(told) = Told::read(bytes) else { return Judged::unfit("not duties") };
        if let Some(objection) = told.objection(&self.wanted) {
            return Judged::unfit(objection);
        }
        if told.is_complete(&self.wanted) {
            return judged;
        }
        let words = format!("{}: only {} slots", observed.status, told.entries.len());
        Judged { verdict: Verdict::good(Score::default()), words, alarm: None }
    }

    fn chosen(&self, books: &mut Books, from: NodeId, observed: &Observed<'_>) -> Vec<Alarm> {
        let Body::Whole(bytes) = observed.body else { return Vec::new() };
        if !bits::is_own(&self.snapshot, from) {
            return Vec::new();
        }
        books.duties.came_from(self.wanted.epoch, from);
        if let Some(told) = Told::read(bytes) {
            learn(books, &self.wanted, &told);
        }
        Vec::new()
    }
}
