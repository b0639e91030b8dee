//! Liveness: a validator is live if any node has heard it, and not live only if a node says so that was there.
//!
//! A validator client with doppelganger protection stays silent until it hears that its keys were not seen elsewhere. A
//! false "not live" lets two clients sign for one key, a missing answer keeps the client silent. So all own nodes are
//! asked, and what any of them has heard counts:
//!
//! - An answer *covers* the question if it is of a node that was ready during the whole epoch asked for, as far as we
//!   have seen ([`Readiness`](crate::books::readiness)), and has an entry for everybody asked for. An index that is
//!   missing is unknown, not false.
//! - With one such answer the others are waited for to the soft time and added. A node that tracks no liveness (404,
//!   400, an empty list) only adds nothing, and so does one that is down.
//! - Without one, when everybody has spoken or at the deadline, the reply is 503: nobody knows.
//!
//! Friends are asked only while no own node is ready, or if all that were have failed. Then their answers cover as own
//! ones do; before, a friend could keep a client silent for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

use super::dependence::indices;
use super::{Brief, Judged, Made, Rule};
use crate::books::Books;
use crate::catalogue::Row;
use crate::chain::{Clock, Epoch, decimal};
use crate::merit::{Body, Observed};
use crate::node::NodeId;
use crate::race::gather::Terms;
use crate::race::plan::{Conduct, Plan};
use crate::race::{Score, Verdict};

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

/// A sixth of a slot (2 s of 12 s): so long others are waited for when the question is covered.
const SOFT_BASIS_POINTS: u64 = 1_667;
const SOFT_FLOOR_MS: u64 = 500;

/// The score of an answer that covers the question.
const COVERS: Score = Score([1, 0, 0, 0]);

/// The rule of one request for liveness.
#[derive(Debug)]
pub(super) struct Liveness {
    row: &'static Row,
    epoch: Epoch,
    asked: BTreeSet<u64>,
    clock: Clock,
    /// Nodes that were ready during the whole epoch.
    there: BTreeSet<NodeId>,
}

impl Liveness {
    /// The rule; `None` if the request cannot be read or there is no clock.
    pub(super) fn of(brief: &Brief<'_>, books: &Books) -> Option<Self> {
        let epoch: Epoch = brief.params?.value("epoch")?.parse().ok()?;
        let clock = brief.clock?;
        let since = clock.start(clock.first_slot(epoch));
        let nodes = brief.snapshot.nodes.iter().map(|node| node.profile.id);
        Some(Self {
            row: brief.row,
            epoch,
            asked: indices(brief.body)?,
            clock,
            there: nodes.filter(|id| books.readiness.since(*id, since)).collect(),
        })
    }

    fn covers(&self, from: NodeId, told: &BTreeMap<u64, bool>) -> bool {
        self.there.contains(&from) && self.asked.iter().all(|index| told.contains_key(index))
    }
}

/// Who is live by an answer; `None` if it is none.
fn read(body: &[u8]) -> Option<BTreeMap<u64, bool>> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "data")]
        entries: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(deserialize_with = "decimal")]
        index: u64,
        is_live: bool,
    }

    let answer: Answer = serde_json::from_slice(body).ok()?;
    let mut told = BTreeMap::new();
    for entry in answer.entries {
        *told.entry(entry.index).or_default() |= entry.is_live;
    }
    Some(told)
}

impl Rule for Liveness {
    fn conduct(&self, plan: Plan) -> Plan {
        let Conduct::Failover(rules) = &plan.conduct else { return plan };
        let soft = self.clock.component(SOFT_BASIS_POINTS).max(SOFT_FLOOR_MS);
        let soft = Duration::from_millis(soft).min(rules.deadline);
        let terms = Terms { enough: COVERS, soft, deadline: rules.deadline };
        Plan { conduct: Conduct::Gather(terms), ..plan }
    }

    fn judge(&self, from: NodeId, observed: &Observed<'_>) -> Judged {
        let judged = Judged::by_row(self.row, observed);
        let (Verdict::Good { .. }, Body::Whole(bytes)) = (&judged.verdict, observed.body) else { return judged };
        let Some(told) = read(bytes) else { return Judged::unfit("not a list of who is live") };
        let covers = self.covers(from, &told);
        let live = told.values().filter(|live| **live).count();
        Judged {
            verdict: Verdict::good(if covers { COVERS } else { Score::default() }),
            words: format!(
                "{}: {live} of {} live{}",
                observed.status,
                told.len(),
                if covers { "" } else { ", but it was not always ready or does not know all" }
            ),
            alarm: None,
        }
    }

    fn merge(&self, said: &[(NodeId, Observed<'_>)]) -> Option<Made> {
        let told: Vec<_> = said.iter().filter_map(|(from, it)| Some((*from, read(it.body.bytes())?))).collect();
        if !told.iter().any(|(from, told)| self.covers(*from, told)) {
            let message = format!(
                "no node that was ready during the whole of epoch {} knows all of these validators; ask again when one was",
                self.epoch
            );
            return Some(Made { status: 503, body: message.into_bytes(), headers: Vec::new() });
        }
        let entry = |index: &u64| {
            let live = told.iter().any(|(_, told)| told.get(index) == Some(&true));
            format!(r#"{{"index":"{index}","is_live":{live}}}"#)
        };
        let entries: Vec<_> = self.asked.iter().map(entry).collect();
        let body = format!(r#"{{"data":[{}]}}"#, entries.join(","));
        Some(Made { status: 200, body: body.into_bytes(), headers: Vec::new() })
    }
}
