//! Duties that depend on a block: attester, PTC and proposer duties (v2).
//!
//! All own nodes are asked at once. The first own answer whose dependent root is the view's and that has everything that
//! was asked for is the reply: with each head event nodes were compared with the view, so such an answer is of the chain
//! that several agree on. Others are worth less, in this order:
//!
//! 1. Not optimistic before optimistic. A validator client sees the flag and does with it what it would do alone.
//! 2. The view's dependent root before another one, own before friends'. Where the view does not know the root (an epoch
//!    further away, or no head was told), the view's leader, then its members, then the others.
//! 3. With an entry for everybody before one that lacks somebody: nodes drop validators that they do not know. Then by
//!    the number of entries.
//!
//! Bodies are never combined. A node that stands at the view's head and still names another dependent root is wrong in
//! one of the two, and is alarmed.
//!
//! An answer is kept while the view's dependent root stays, for all callers, since it says nothing about them. One of
//! another root is given if there is no better, and not kept.
//!
//! Proposer duties v2 are missing in older nodes. Such a node is asked for v1, whose table is the same, and the dependent
//! root is put into it that the view knows for the epoch; if the view does not know it, the 404 stands.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::dependence::{digest, indices, known, own_is_ready};
use super::{Alarm, Brief, Edit, Judged, Memo, Rule, bits};
use crate::books::Books;
use crate::catalogue::Row;
use crate::chain::{Clock, Epoch, Moment, Root, Slot};
use crate::merit::{self, Body, Observed};
use crate::node::{NodeId, Snapshot};
use crate::race::best::Terms;
use crate::race::plan::{Conduct, Plan};
use crate::race::{Score, Verdict};

mod read;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub(super) use read::{Told, learn};

/// A twelfth of a slot (1 s of 12 s): so long a better answer is waited for. Nodes answer within milliseconds, but right
/// after an epoch began they first compute it.
const SOFT_BASIS_POINTS: u64 = 833;
const SOFT_FLOOR_MS: u64 = 250;

/// A sixth of a slot: so long own nodes have before friends are asked.
const FRIENDS_BASIS_POINTS: u64 = 1_667;
const FRIENDS_FLOOR_MS: u64 = 500;

/// The slot that is assumed until the network is known.
const MAINNET_SLOT_MS: u64 = 12_000;

/// The score of an own node's answer that fits the view and lacks nobody.
const PERFECT: Score = Score([1, 1, 0, 0]);

/// The rule of one request for duties.
#[derive(Debug)]
pub(super) struct Duties {
    row: &'static Row,
    wanted: Wanted,
    snapshot: Arc<Snapshot>,
    clock: Clock,
    now: Moment,
    /// What the view knows.
    root: Option<Root>,
    /// Nodes that were asked for v1 instead.
    old: Mutex<BTreeSet<NodeId>>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The epoch.
    pub(super) epoch: Epoch,
    /// The slots of the epoch.
    pub(super) slots: std::ops::Range<u64>,
    /// Whose duties.
    pub(super) whose: Whose,
}

/// Whose duties are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Those of these validators, at most once each.
    Once(BTreeSet<u64>),
    /// Those of these validators.
    Any(BTreeSet<u64>),
    /// One for every slot, in order.
    EverySlot,
}

/// How an answer stands to the view; later is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    FriendDiffers,
    OwnDiffers,
    Friend,
    FriendInView,
    Own,
    OwnInView,
    OwnLeads,
    FriendFits,
    /// It fits because we put the root into it.
    OwnMadeToFit,
    OwnFits,
}

impl Wanted {
    /// What a request asks for; `None` if it cannot be read.
    pub(super) fn of(brief: &Brief<'_>) -> Option<Self> {
        let (epoch, clock): (Epoch, _) = (brief.params?.value("epoch")?.parse().ok()?, brief.clock?);
        let (from, to) = (clock.first_slot(epoch), clock.first_slot(Epoch(epoch.0.checked_add(1)?)));
        let whose = match brief.row.operation {
            "attester_duties" => Whose::Once(indices(brief.body)?),
            "ptc_duties" => Whose::Any(indices(brief.body)?),
            _ => Whose::EverySlot,
        };
        Some(Self { epoch, slots: from.0..to.0, whose })
    }
}

impl Duties {
    /// The rule; `None` if the request cannot be read or there is no clock.
    pub(super) fn of(brief: &Brief<'_>) -> Option<Self> {
        let wanted = Wanted::of(brief)?;
        let clock = brief.clock?;
        let root = brief.snapshot.view.as_ref().and_then(|view| known(view, &clock, wanted.epoch));
        Some(Self {
            row: brief.row,
            wanted,
            snapshot: Arc::clone(brief.snapshot),
            clock,
            now: brief.now,
            root,
            old: Mutex::default(),
        })
    }

    fn standing(&self, from: NodeId, root: Root) -> Standing {
        let own = bits::is_own(&self.snapshot, from);
        let view = self.snapshot.view.as_ref();
        let member = view.is_some_and(|view| view.members.contains(&from));
        let leader = view.is_some_and(|view| view.leader == from);
        match (own, self.root) {
            (true, Some(_)) if self.was_asked_for_v1(from) => Standing::OwnMadeToFit,
            (false, Some(_)) if self.was_asked_for_v1(from) => Standing::FriendFits,
            (true, Some(known)) if known == root => Standing::OwnFits,
            (false, Some(known)) if known == root => Standing::FriendFits,
            (true, Some(_)) => Standing::OwnDiffers,
            (false, Some(_)) => Standing::FriendDiffers,
            (true, None) if leader => Standing::OwnLeads,
            (true, None) if member => Standing::OwnInView,
            (true, None) => Standing::Own,
            (false, None) if member => Standing::FriendInView,
            (false, None) => Standing::Friend,
        }
    }

    fn was_asked_for_v1(&self, node: NodeId) -> bool {
        self.old.lock().unwrap_or_else(PoisonError::into_inner).contains(&node)
    }

    fn alarm(&self, from: NodeId, said: Root) -> Option<Alarm> {
        let view = self.snapshot.view.as_ref()?;
        let node = self.snapshot.node(from).filter(|_| view.members.contains(&from))?;
        let known = self.root.filter(|known| *known != said)?;
        let message = format!(
            "{} stands at the same head as the others and gives duties of epoch {} that depend on {said} instead of {known}; \
             its answer is used last, and its client should be looked at",
            node.profile.name, self.wanted.epoch
        );
        Some(Alarm { sort: "dependent_root", message })
    }
}

/// The plan, with all own nodes asked at once. A plan that asks nobody stays as it is.
pub(super) fn conduct(plan: Plan, clock: Option<Clock>, enough: Score) -> Plan {
    let Conduct::Failover(rules) = &plan.conduct else { return plan };
    let slot_ms = clock.map_or(MAINNET_SLOT_MS, |clock| clock.slot_ms);
    let share = |basis_points: u64, floor: u64| {
        Duration::from_millis((slot_ms.saturating_mul(basis_points) / 10_000).max(floor)).min(rules.deadline)
    };
    let terms = Terms {
        enough,
        friends_at: share(FRIENDS_BASIS_POINTS, FRIENDS_FLOOR_MS),
        soft: share(SOFT_BASIS_POINTS, SOFT_FLOOR_MS),
        deadline: rules.deadline,
    };
    Plan { conduct: Conduct::Best(terms), ..plan }
}

impl Rule for Duties {
    fn memo(&self) -> Option<Memo> {
        let under = self.root.filter(|_| own_is_ready(&self.snapshot))?;
        let whose = match &self.wanted.whose {
            Whose::Once(indices) | Whose::Any(indices) => digest(indices).to_string(),
            Whose::EverySlot => String::new(),
        };
        let key = format!("{}/{}/{whose}", self.row.operation, self.wanted.epoch);
        let until = self.clock.start(Slot(self.wanted.slots.end));
        Some(Memo { key, under, until }).filter(|memo| memo.until > self.now)
    }

    fn keeps_friends(&self) -> bool {
        false
    }

    fn keeps(&self, observed: &Observed<'_>) -> bool {
        let Body::Whole(bytes) = observed.body else { return false };
        Told::read(bytes).is_some_and(|told| Some(told.dependent_root) == self.root && !told.optimistic)
    }

    fn conduct(&self, plan: Plan) -> Plan {
        conduct(plan, Some(self.clock), PERFECT)
    }

    fn instead(&self, to: NodeId, refusal: &Observed<'_>) -> Option<Edit> {
        let lacks = self.row.operation == "proposer_duties_v2" && matches!(refusal.status, 404 | 405);
        self.root.filter(|_| lacks)?;
        self.old.lock().unwrap_or_else(PoisonError::into_inner).insert(to);
        let target = format!("/eth/v1/validator/duties/proposer/{}", self.wanted.epoch);
        Some(Edit { target: Some(target), ..Edit::default() })
    }

    fn judge(&self, from: NodeId, observed: &Observed<'_>) -> Judged {
        let judged = Judged::by_row(self.row, observed);
        let (Verdict::Good { score, .. }, Body::Whole(bytes)) = (&judged.verdict, observed.body) else { return judged };
        let Some(told) = Told::read(bytes) else { return Judged::unfit("not duties") };
        if let Some(objection) = told.objection(&self.wanted) {
            return Judged::unfit(objection);
        }
        let fit = u64::from(*score >= merit::ENOUGH);
        let standing = self.standing(from, told.dependent_root);
        let perfect = standing >= Standing::OwnMadeToFit && told.is_complete(&self.wanted);
        let alarm = if self.was_asked_for_v1(from) { None } else { self.alarm(from, told.dependent_root) };
        Judged {
            verdict: Verdict::good(Score([fit, u64::from(perfect), standing as u64, told.entries.len() as u64])),
            words: format!("{}: {} entries for {}", observed.status, told.entries.len(), told.dependent_root),
            alarm,
        }
    }

    fn rewritten(&self, from: NodeId, observed: &Observed<'_>) -> Option<Vec<u8>> {
        let Body::Whole(bytes) = observed.body else { return None };
        let root = self.root.filter(|_| self.was_asked_for_v1(from))?;
        read::with_root(bytes, root)
    }

    fn chosen(&self, books: &mut Books, from: NodeId, observed: &Observed<'_>) -> Vec<Alarm> {
        if let (true, Body::Whole(bytes)) = (bits::is_own(&self.snapshot, from), observed.body)
            && let Some(told) = Told::read(bytes)
        {
            learn(books, &self.wanted, &told);
        }
        Vec::new()
    }
}
