//! Duties: what the rules make of one request.
//!
//! Most operations need nothing but their row: [`plan`](crate::race::plan) says who is asked, [`merit`] judges the
//! answers. A duty whose answer will be signed, or that several nodes must agree on, has a [`Rule`] of its own, made anew
//! for every request by [`rule`] from one [`Brief`]. The flow knows only the trait, in the order of a request's life:
//!
//! 1. [`Rule::memo`]: was the same asked before? Equal keys share one race and its answer.
//! 2. [`Rule::at_once`]: can it be answered or refused without asking anybody?
//! 3. [`Rule::conduct`]: who is asked, and in which manner.
//! 4. [`Rule::request`]: what one node gets, if not what the caller sent.
//! 5. [`Rule::instead`]: what a node gets that refused the form of it. [`Rule::judge`]: what each answer is worth.
//!    [`Rule::heard`]: what it teaches.
//! 6. [`Rule::merge`]: several answers made into one. [`Rule::settle`]: refusals made into one.
//! 7. [`Rule::chosen`], [`Rule::rewritten`], [`Rule::keeps`], [`Rule::name`]: what is learnt from the answer that goes to
//!    the caller, what is changed in it, whether it is kept, and by which name a publication freezes it then.
//! 8. [`Rule::concluded`]: what is learnt from all answers together, whatever came of the race.
//! 9. [`Rule::in_form`]: a kept answer in the form that this caller reads.
//! 10. [`Rule::freezes`], [`Rule::holds`]: what a publication freezes, asked before it goes out.
//! 11. [`Rule::ended`]: which node took a standing submission.
//!
//! Rules are in force in guarded mode alone; the other modes go by the row. What one request teaches and a later one
//! needs is in the [`Books`]. Nothing here waits, and nothing may take long: the books are locked meanwhile.

use std::sync::Arc;

use crate::books::Books;
use crate::catalogue::{Method, Params, Row};
use crate::chain::{Clock, Moment, Root, Slot};
use crate::merit::{self, Observed};
use crate::network::Served;
use crate::node::{NodeId, Snapshot, Trust};
use crate::publish::Outcome;
use crate::race::Verdict;
use crate::race::plan::{CallerKind, Plan};
use crate::standing::Kind;
use aggregate::Aggregate;
use attestation::Signed;
use contribution::Contribution;
use duties::Duties;
use head_root::HeadRoot;
use liveness::Liveness;
use proposers::Proposers;
use selections::Selections;
use sync_duties::SyncDuties;
use validators::Validators;

pub mod attestation;
mod produce;
pub mod publish;
pub mod standing;

mod aggregate;
mod asked;
mod bits;
mod contribution;
mod dependence;
mod duties;
mod head_root;
#[cfg(test)]
mod kit;
mod liveness;
mod proposers;
mod selections;
mod sync_duties;
mod validators;

/// Everything that a rule may know of a request and of the world around it.
#[derive(Clone, Debug)]
pub struct Brief<'a> {
    /// Its row.
    pub row: &'static Row,
    /// Its path, as it came.
    pub path: &'a str,
    /// What stands in its path for the row's parameters; none on an unlisted path.
    pub params: Option<&'a Params<'a>>,
    /// Its query, without the question mark, as it came.
    pub query: Option<&'a str>,
    /// Its headers that a rule may read.
    pub headers: Headers<'a>,
    /// Its body; empty for a GET.
    pub body: &'a [u8],
    /// Who asks: one name for all requests of one caller.
    pub caller: &'a Arc<str>,
    /// Whether the caller is our own.
    pub kind: CallerKind,
    /// The nodes and the view when the request came.
    pub snapshot: &'a Arc<Snapshot>,
    /// Genesis and spec, once they are known.
    pub network: Option<&'a Served>,
    /// The clock of the network, once it is known.
    pub clock: Option<Clock>,
    /// When the request came, by the nodes' clock.
    pub now: Moment,
}

/// Headers of a request that rules read; as they came, absent if not text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// `Accept`.
    pub accept: Option<&'a str>,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `Eth-Consensus-Version`.
    pub consensus_version: Option<&'a str>,
}

/// The rule of one request. Everything has the plain way as its default; see the module for the order.
pub trait Rule: Send + Sync {
    /// An answer, or a refusal, that needs no node.
    fn at_once(&self) -> Option<Made> {
        None
    }

    /// Under which key the answer is kept, and while what holds.
    fn memo(&self) -> Option<Memo> {
        None
    }

    /// Changes who is asked and in which manner.
    fn conduct(&self, plan: Plan) -> Plan {
        plan
    }

    /// What this node gets instead of what the caller sent.
    fn request(&self, to: NodeId) -> Option<Edit> {
        let _ = to;
        None
    }

    /// What a node gets instead of what it has just refused: a route that it has, an encoding that it reads. At most once
    /// in an exchange; the answer to it is the node's answer.
    fn instead(&self, to: NodeId, refusal: &Observed<'_>) -> Option<Edit> {
        let _ = (to, refusal);
        None
    }

    /// What an answer teaches, whether or not it goes to the caller. Once for each exchange that brought one.
    fn heard(&self, books: &mut Books, from: NodeId, observed: &Observed<'_>) {
        let _ = (books, from, observed);
    }

    /// What an answer is worth.
    fn judge(&self, from: NodeId, observed: &Observed<'_>) -> Judged;

    /// The body that the caller gets, if it is not the node's as it came.
    fn rewritten(&self, from: NodeId, observed: &Observed<'_>) -> Option<Vec<u8>> {
        let _ = (from, observed);
        None
    }

    /// One answer made of several, for a race that ends merged; `None` = settled like every publication. What was
    /// refused or never came is not among them.
    fn merge(&self, said: &[(NodeId, Observed<'_>)]) -> Option<Made> {
        let _ = said;
        None
    }

    /// What the caller is told where no node's answer is fit for him, from how all exchanges ended; its body is sent as it
    /// is, also that of a refusal. `None` = by the lattice of all publications.
    fn settle(&self, outcomes: &[Outcome]) -> Option<Made> {
        let _ = outcomes;
        None
    }

    /// The answer that goes to the caller is this one. Alarms are raised after it.
    fn chosen(&self, books: &mut Books, from: NodeId, observed: &Observed<'_>) -> Vec<Alarm> {
        let _ = (books, from, observed);
        Vec::new()
    }

    /// What a node answered, or [`Verdict::Bad`] if nothing came; of standing submissions alone, and of every node that
    /// was asked, also after the caller had its answer.
    fn ended(&self, books: &mut Books, from: NodeId, verdict: &Verdict) {
        let _ = (books, from, verdict);
    }

    /// The race is over, with this node's answer or with none; what it taught beside it.
    fn concluded(&self, books: &mut Books, by: Option<NodeId>) -> Lesson {
        let _ = (books, by);
        Lesson::default()
    }

    /// A kept answer that another request brought, in the form that this one reads; `None` = as it is kept.
    fn in_form(&self, kept: &Observed<'_>) -> Option<Made> {
        let _ = kept;
        None
    }

    /// The name under which a later publication freezes this answer (the data's root, the head's root).
    fn name(&self, observed: &Observed<'_>) -> Option<Root> {
        let _ = observed;
        None
    }

    /// Whether an answer is worth keeping under [`Rule::memo`]; what it was made under may not be what it says.
    fn keeps(&self, observed: &Observed<'_>) -> bool {
        let _ = observed;
        true
    }

    /// Whether a friend's answer is kept too. Where it would outlive the outage for which he was asked it must not be.
    fn keeps_friends(&self) -> bool {
        true
    }

    /// Which kept answers this publication freezes: something signed with them goes out now.
    fn freezes(&self) -> Vec<Freeze> {
        Vec::new()
    }

    /// The head that the caller has voted for with what it freezes: no other one of the slot is told him.
    fn holds(&self) -> Option<(Slot, Root)> {
        None
    }

    /// Whether an answer is read whole before it is judged although the row would stream it.
    fn reads_whole(&self) -> bool {
        false
    }
}

/// What an answer is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// For the race.
    pub verdict: Verdict,
    /// Why, for the evidence; short.
    pub words: String,
    /// Something the owner must know, beside the evidence.
    pub alarm: Option<Alarm>,
}

/// Something the owner must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its sort: the metric label, so one of a fixed few.
    pub sort: &'static str,
    /// What happened and what to do, in one sentence; names nodes, never secrets.
    pub message: String,
}

/// What a race taught, whatever came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lesson {
    /// What the owner must know.
    pub alarms: Vec<Alarm>,
    /// How good the answer is, for the evidence; of a fixed few.
    pub words: Option<&'static str>,
}

/// An answer made by us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The status.
    pub status: u16,
    /// The body, JSON; empty for none. Of a refusal: the bare message, which is put into the API's shape.
    pub body: Vec<u8>,
    /// Further headers: name in lower case, value.
    pub headers: Vec<(&'static str, String)>,
}

/// What changes in the request on its way to one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Method instead of the caller's.
    pub method: Option<Method>,
    /// Path and query instead of the caller's.
    pub target: Option<String>,
    /// Body instead of the caller's.
    pub body: Option<Vec<u8>>,
    /// Headers to set: name in lower case, value.
    pub headers: Vec<(&'static str, String)>,
}

/// Where an answer is kept, and how long it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memo {
    /// Equal keys, equal answers. The operation belongs into it, and the caller where callers must not share.
    pub key: String,
    /// What it was answered under (the view's root, say). An answer kept under another one holds no longer, unless it is
    /// frozen.
    pub under: Root,
    /// Until when it holds at most.
    pub until: Moment,
}

/// Kept answers that stay as they are until their time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Their keys begin so.
    pub keys: String,
    /// And this is their name.
    pub name: Root,
}

/// A rule that is nothing but its row.
#[derive(Debug)]
struct Plain(&'static Row);

/// The same, asked of own nodes alone.
#[derive(Debug)]
struct OwnAlone(&'static Row);

/// The rule of a request.
#[must_use]
pub fn rule(brief: &Brief<'_>, books: &mut Books) -> Arc<dyn Rule> {
    books.readiness.note(brief.snapshot, brief.now);
    if let Some(kind) = Kind::of(brief.row.operation) {
        return Arc::new(standing::Standing::new(kind, brief, books));
    }
    let own = match brief.row.operation {
        "produce_block_v3" | "produce_block_v2" | "produce_blinded_block" => {
            produce::rule(brief, books, produce::Known::of(brief, books))
        }
        _ => publish::rule(brief, books),
    };
    if let Some(rule) = own {
        return rule;
    }
    match brief.row.operation {
        "aggregate_attestation_v1" | "aggregate_attestation_v2" => rule_or_row(brief, Aggregate::of(brief)),
        "attestation_data" => attestation::asked(brief, books).unwrap_or_else(|| plain(brief.row)),
        "attester_duties" | "proposer_duties_v2" | "ptc_duties" => rule_or_row(brief, Duties::of(brief)),
        "block_root" => rule_or_row(brief, HeadRoot::of(brief)),
        "committee_selections" | "sync_selections" => Arc::new(Selections::of(brief)),
        "liveness" => rule_or_row(brief, Liveness::of(brief, books)),
        "proposer_duties_v1" => rule_or_row(brief, Proposers::of(brief, books)),
        "sync_contribution" => rule_or_row(brief, Contribution::of(brief)),
        "sync_duties" => rule_or_row(brief, SyncDuties::of(brief)),
        "validators" | "validators_post" => rule_or_row(brief, Validators::of(brief)),
        // The block guard does not read Gloas yet, and a block that it has not read comes only from an own node.
        "produce_block_v4" | "produce_block_v4_post" => Arc::new(OwnAlone(brief.row)),
        _ => Arc::new(Plain(brief.row)),
    }
}

/// The rule, else the row alone.
fn rule_or_row<R: Rule + 'static>(brief: &Brief<'_>, rule: Option<R>) -> Arc<dyn Rule> {
    match rule {
        Some(rule) => Arc::new(rule),
        None => Arc::new(Plain(brief.row)),
    }
}

/// The kept answers that a publication was signed with.
fn signed(brief: &Brief<'_>) -> Signed {
    match brief.row.operation {
        "publish_attestations_v1" | "publish_attestations_v2" | "publish_aggregates_v1" | "publish_aggregates_v2" => {
            attestation::signed(brief)
        }
        "publish_sync_messages" => Signed { frozen: head_root::freezes(brief), head: None },
        _ => Signed::default(),
    }
}

/// The rule of a request where no rules are in force: the row alone.
#[must_use]
pub fn plain(row: &'static Row) -> Arc<dyn Rule> {
    Arc::new(Plain(row))
}

impl Rule for OwnAlone {
    fn conduct(&self, mut plan: Plan) -> Plan {
        plan.ask.retain(|one| one.trust == Trust::Own);
        plan
    }

    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        Judged::by_row(self.0, observed)
    }
}

impl Rule for Plain {
    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        let (verdict, words) = merit::judge(self.0, observed);
        Judged { verdict, words, alarm: None }
    }
}

impl Judged {
    /// An answer that must not be used.
    fn unfit(words: &str) -> Self {
        Self { verdict: Verdict::Bad, words: words.to_owned(), alarm: None }
    }

    /// What the row alone makes of an answer; where most rules begin.
    #[must_use]
    pub fn by_row(row: &Row, observed: &Observed<'_>) -> Self {
        let (verdict, words) = merit::judge(row, observed);
        Self { verdict, words, alarm: None }
    }
}
