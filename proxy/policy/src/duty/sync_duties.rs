//! Sync committee duties: nobody's word alone that there are none.
//!
//! They name no dependent root, and a node that lags answers from the wrong period without saying so. Most validators
//! are in no sync committee, so an empty list is the usual answer; it is also what a wrong one looks like. All own nodes
//! are asked at once: a list with entries from one in the view is the reply at once, any other waits for the rest up to
//! the soft time. Entries beat none, because a message too many is worth nothing and one too few is a lost duty. A friend
//! is asked, and believed, only if no own node answers.
//!
//! The answer is kept to the end of the epoch in which it was asked, for the period that was asked for. So a wrong one
//! lives for minutes, while the duties of a period live for a day.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use super::dependence::{digest, indices, own_is_ready};
use super::duties::conduct;
use super::{Brief, Judged, Memo, Rule, bits};
use crate::catalogue::Row;
use crate::chain::{Clock, Epoch, Moment, Root, decimal};
use crate::merit::{self, Body, Observed};
use crate::node::{NodeId, Snapshot};
use crate::race::plan::Plan;
use crate::race::{Score, Verdict};

#[cfg(test)]
mod tests;

/// Epochs of a period where the spec does not say (mainnet's preset).
const PERIOD: u64 = 256;
/// Members of a sync committee where the spec does not say (mainnet's preset).
const MEMBERS: u64 = 512;

/// The rule of one request for sync committee duties.
#[derive(Debug)]
pub(super) struct SyncDuties {
    row: &'static Row,
    asked: BTreeSet<u64>,
    period: u64,
    members: u64,
    snapshot: Arc<Snapshot>,
    clock: Clock,
    now: Moment,
}

/// What is read of an answer.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "data")]
    entries: Vec<Entry>,
    #[serde(default)]
    execution_optimistic: Option<bool>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(deserialize_with = "decimal")]
    validator_index: u64,
    validator_sync_committee_indices: Vec<Place>,
}

#[derive(Deserialize)]
struct Place(#[serde(deserialize_with = "decimal")] u64);

impl SyncDuties {
    /// The rule; `None` if the request cannot be read or there is no clock.
    pub(super) fn of(brief: &Brief<'_>) -> Option<Self> {
        let epoch: Epoch = brief.params?.value("epoch")?.parse().ok()?;
        let number = |key: &str| brief.network.and_then(|network| network.spec.number(key)).filter(|it| *it > 0);
        Some(Self {
            row: brief.row,
            asked: indices(brief.body)?,
            period: epoch.0 / number("EPOCHS_PER_SYNC_COMMITTEE_PERIOD").unwrap_or(PERIOD),
            members: number("SYNC_COMMITTEE_SIZE").unwrap_or(MEMBERS),
            snapshot: Arc::clone(brief.snapshot),
            clock: brief.clock?,
            now: brief.now,
        })
    }

    fn objection(&self, told: &Told) -> Option<&'static str> {
        let beyond = |entry: &Entry| entry.validator_sync_committee_indices.iter().any(|at| at.0 >= self.members);
        if told.entries.iter().any(|entry| !self.asked.contains(&entry.validator_index)) {
            Some("duties of validators not asked for")
        } else if told.entries.iter().any(beyond) {
            Some("a place beyond the committee's end")
        } else {
            None
        }
    }
}

impl Rule for SyncDuties {
    fn memo(&self) -> Option<Memo> {
        let epoch = self.clock.epoch(self.clock.slot(self.now).filter(|_| own_is_ready(&self.snapshot))?);
        let until = self.clock.start(self.clock.first_slot(Epoch(epoch.0.saturating_add(1))));
        let key = format!("{}/{}/{}", self.row.operation, self.period, digest(&self.asked));
        Some(Memo { key, under: Root::default(), until })
    }

    fn keeps_friends(&self) -> bool {
        false
    }

    fn keeps(&self, observed: &Observed<'_>) -> bool {
        let told = serde_json::from_slice::<Told>(observed.body.bytes());
        told.is_ok_and(|told| told.execution_optimistic != Some(true))
    }

    fn conduct(&self, plan: Plan) -> Plan {
        conduct(plan, Some(self.clock), Score([1, 1, 2, 0]))
    }

    fn judge(&self, from: NodeId, observed: &Observed<'_>) -> Judged {
        let judged = Judged::by_row(self.row, observed);
        let (Verdict::Good { score, .. }, Body::Whole(bytes)) = (&judged.verdict, observed.body) else { return judged };
        let Ok(told) = serde_json::from_slice::<Told>(bytes) else { return Judged::unfit("not duties") };
        if let Some(objection) = self.objection(&told) {
            return Judged::unfit(objection);
        }
        let entries = told.entries.len() as u64;
        let in_view = self.snapshot.view.as_ref().is_some_and(|view| view.members.contains(&from));
        let weight = u64::from(entries > 0) + u64::from(entries > 0 && in_view);
        let fit = u64::from(*score >= merit::ENOUGH);
        let own = u64::from(bits::is_own(&self.snapshot, from));
        Judged {
            verdict: Verdict::good(Score([fit, own, weight, entries])),
            words: format!("{}: {entries} entries", observed.status),
            alarm: None,
        }
    }
}
