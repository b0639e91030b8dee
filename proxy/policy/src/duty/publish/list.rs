//! Lists of signed messages: each item is taken by whoever takes it.
//!
//! Every node gets the whole list at once. The caller is answered when every item has been taken by some node, which is
//! usually the first 200. If that does not come about, the refusals of all nodes are merged item by item
//! ([`Items`]) once [`SETTLE`] has passed or all have answered, and the caller hears of the items that nobody took, by
//! the places that they have in its list.
//!
//! A node that refuses the encoding of a list gets the same list in the other one if we can write it ([`layout`]), within
//! the same exchange; from then on it gets that form at once. A 400 that names no item is taken for such a refusal too:
//! one family misreads SSZ, and a list that is really malformed is refused a second time.
//!
//! Bounds: a list above [`LARGEST`] has no rule but its row. The copy that is kept of it is freed with the last exchange.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::share;
use crate::books::Books;
use crate::capability::Aspect;
use crate::catalogue::Row;
use crate::chain::{Moment, Root, Slot};
use crate::duty::attestation::Signed;
use crate::duty::{Brief, Edit, Freeze, Judged, Made, Rule, signed};
use crate::merit::{self, Observed};
use crate::node::NodeId;
use crate::publish::items::{Items, Said};
use crate::publish::layout::{Layout, count, layout};
use crate::publish::{Failures, Outcome};
use crate::race::plan::{Conduct, Plan};
use crate::race::{Score, Verdict};

#[cfg(test)]
mod tests;

/// From when on refusals are settled, in basis points of a slot: 1.5 s of 12 s. A node that works has answered by then;
/// one that holds a vote back until its block comes (Lighthouse does, for up to a slot) must not keep the validator client
/// from its next duty.
const SETTLE: u64 = 1_250;

/// And no sooner: a new connection and a busy machine fit into a second.
const SETTLE_FLOOR_MS: u64 = 1_000;

/// The longest list that is merged, in bytes: thousands of aggregates as JSON.
const LARGEST: usize = 16 << 20;

/// The rule of one published list. See the module.
#[derive(Debug)]
pub struct PublishList {
    row: &'static Row,
    body: Box<[u8]>,
    is_ssz: bool,
    version: Option<String>,
    /// The layout of an SSZ list that can be written as JSON.
    layout: Option<&'static Layout>,
    /// Nodes that are known to read no SSZ here.
    reads_json: BTreeSet<NodeId>,
    json: OnceLock<Option<Vec<u8>>>,
    settle_by: Duration,
    now: Moment,
    /// The kept answers that it was signed with.
    signed: Signed,
    so_far: Mutex<Heard>,
}

/// What the nodes said so far.
#[derive(Debug, Default)]
struct Heard {
    /// Counted when a node refuses first: most lists are taken whole, and need no count.
    items: OnceLock<Option<Items>>,
    /// Nodes that got JSON after they had refused SSZ.
    rewritten: BTreeSet<NodeId>,
}

impl PublishList {
    /// The rule; `None` if the list is too long for one.
    #[must_use]
    pub fn new(brief: &Brief<'_>, books: &Books) -> Option<Self> {
        if brief.body.len() > LARGEST {
            return None;
        }
        let row = brief.row;
        let is_ssz = merit::is_ssz(brief.headers.content_type);
        let layout = layout(row.operation, brief.headers.consensus_version).filter(|_| is_ssz);
        let lacks = |node: &NodeId| books.capabilities.lacks(*node, row.operation, Aspect::Body, brief.now);
        let nodes = brief.snapshot.nodes.iter().map(|node| node.profile.id);
        Some(Self {
            row,
            body: brief.body.into(),
            is_ssz,
            version: brief.headers.consensus_version.map(str::to_owned),
            layout,
            reads_json: nodes.filter(|node| layout.is_some() && lacks(node)).collect(),
            json: OnceLock::new(),
            settle_by: share(brief.clock.as_ref(), SETTLE, SETTLE_FLOOR_MS),
            now: brief.now,
            signed: signed(brief),
            so_far: Mutex::default(),
        })
    }

    /// The list as JSON, if it is SSZ that we can write so.
    fn as_json(&self) -> Option<Edit> {
        let json = self.json.get_or_init(|| Some(self.layout?.json(&self.body)?.into_bytes()));
        let headers = vec![("content-type", "application/json".to_owned())];
        Some(Edit { body: Some(json.clone()?), headers, ..Edit::default() })
    }

    fn so_far(&self) -> MutexGuard<'_, Heard> {
        // Whoever panicked while it held them has left values, not half of one.
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) -> Option<Items> {
        Items::new(count(self.row.operation, self.version.as_deref(), self.is_ssz, &self.body)?)
    }
}

/// Whether a refusal says that the node lacks the route or the encoding; it judged no item.
fn is_incapable(status: u16) -> bool {
    matches!(status, 404 | 405 | 406 | 413 | 415 | 501)
}

impl Rule for PublishList {
    fn conduct(&self, plan: Plan) -> Plan {
        let Plan { conduct: Conduct::Broadcast(mut terms), ask, would_ask } = plan else { return plan };
        terms.settle_by = self.settle_by.min(terms.deadline);
        Plan { conduct: Conduct::Broadcast(terms), ask, would_ask }
    }

    fn freezes(&self) -> Vec<Freeze> {
        self.signed.frozen.clone()
    }

    fn holds(&self) -> Option<(Slot, Root)> {
        self.signed.head
    }

    fn request(&self, to: NodeId) -> Option<Edit> {
        self.reads_json.contains(&to).then(|| self.as_json()).flatten()
    }

    fn instead(&self, to: NodeId, refusal: &Observed<'_>) -> Option<Edit> {
        let unread = match refusal.status {
            415 => true,
            400 => Failures::in_body(refusal.body.bytes()) == Failures::Unlisted,
            _ => false,
        };
        if !unread || self.reads_json.contains(&to) {
            return None;
        }
        let edit = self.as_json()?;
        self.so_far().rewritten.insert(to);
        Some(edit)
    }

    fn heard(&self, books: &mut Books, from: NodeId, observed: &Observed<'_>) {
        // What was refused in both forms says nothing about either.
        let read = observed.status < 300 || Failures::in_body(observed.body.bytes()) == Failures::Listed;
        if read && self.so_far().rewritten.contains(&from) {
            books.capabilities.learn(from, self.row.operation, Aspect::Body, self.now);
        }
    }

    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        let mut judged = Judged::by_row(self.row, observed);
        if is_incapable(observed.status) || matches!(judged.verdict, Verdict::Good { .. }) {
            return judged;
        }
        let mut heard = self.so_far();
        heard.items.get_or_init(|| self.count());
        let Some(Some(items)) = heard.items.get_mut() else { return judged };
        let said = Said::read(observed.status, observed.body.bytes(), items.count());
        let spoke = said != Said::Nothing;
        items.add(said);
        if items.all_taken() {
            judged.verdict = Verdict::good(Score::default());
            judged.words.push_str(" (with what others took, every item is out)");
        } else if spoke {
            judged.verdict = Verdict::Final { status: 400 };
        }
        judged
    }

    fn settle(&self, outcomes: &[Outcome]) -> Option<Made> {
        let silent = outcomes.iter().any(|outcome| outcome.is_unknown());
        let heard = self.so_far();
        let told = heard.items.get()?.as_ref()?.told(silent)?;
        Some(Made { status: told.status, body: told.body.into_bytes(), headers: Vec::new() })
    }
}
