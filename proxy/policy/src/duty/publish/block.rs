//! Blocks, blinded blocks and payload envelopes: the messages that stand alone and weigh most.
//!
//! Every node gets a block at once, and the first that has imported it answers. A node that only sent it on (202), or that
//! had it already, is waited with for [`GRACE`]; then 202 is the answer, or 200 if the view has come to the block's slot:
//! one of our nodes then has a block of this proposer as its head, and this one is the block that is known.
//!
//! Two messages have a lead:
//!
//! - The caller wants `consensus_and_equivocation` checked. A node that got the block by gossip takes its coming for a second
//!   block. So one own node checks, and the others get what it let through, at level `gossip`; what it refuses nobody
//!   gets; if it fails the next checks; if it is silent for [`CHECK`] all get it at the level that was asked for.
//! - A blinded block whose producer is known: nobody else can open one that was built at home. The others get it when
//!   the producer has failed or refused, or after [`UNBLIND`], which is before relays stop opening blocks; they are spared if it accepts. With
//!   an unknown producer all own nodes get it, and friends if none of them accepts in time.
//!
//! The older routes (v1) are served over the newer ones (v2), which want the name of the fork: it is that of the block's
//! slot. The checks of v1 are those of level `gossip`. A node without v2 gets v1, as does one without it to which the
//! caller's v2 block comes, if no stronger check was asked for than v1 does or another node has done it. A node that answers 404 or 405 gets the other
//! route within the same exchange, and from then on at once.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{share, slot};
use crate::block;
use crate::books::Books;
use crate::capability::Aspect;
use crate::catalogue::Row;
use crate::chain::{Moment, Slot};
use crate::duty::{Brief, Edit, Judged, Made, Rule};
use crate::merit::{self, Observed};
use crate::node::{NodeId, Tier, Trust};
use crate::race::broadcast::{Lead, Others};
use crate::race::plan::{Conduct, Plan};
use crate::race::{Score, Verdict};

#[cfg(test)]
mod tests;

/// How long a lesser acceptance waits for a better one, in basis points of a slot: 500 ms of 12 s, in which a block that
/// was sent on comes to a node that imports it.
const GRACE: u64 = 417;

/// And no less: importing takes its time on a short slot too.
const GRACE_FLOOR_MS: u64 = 200;

/// How long the one that checks may be silent: 500 ms of 12 s. A check of a block takes a tenth of it.
const CHECK: u64 = 417;

/// And no less, for the same reason as the grace.
const CHECK_FLOOR_MS: u64 = 200;

/// How long the producer of a blinded block may be silent: 1.5 s of 12 s. Relays open blocks until some 4 s into the slot.
const UNBLIND: u64 = 1_250;

/// And no less: a relay on another continent answers in half a second.
const UNBLIND_FLOOR_MS: u64 = 500;

/// An acceptance that says that the block was imported (see [`crate::merit`]).
const IMPORTED: Score = Score([3, 0, 0, 0]);

/// The query that names the checks, and its values in question.
const LEVEL: &str = "broadcast_validation";
const GOSSIP: &str = "gossip";
const EQUIVOCATION: &str = "consensus_and_equivocation";

/// The rule of one block. See the module.
#[derive(Debug)]
pub struct PublishBlock {
    row: &'static Row,
    routes: Option<Routes>,
    query: Option<String>,
    /// The fork's name, if the caller left it out and we know it.
    version: Option<String>,
    has_version: bool,
    slot: Option<Slot>,
    seen: bool,
    blinded: bool,
    producer: Option<NodeId>,
    grace: Duration,
    check: Duration,
    unblind: Duration,
    /// Nodes that are known to lack the newer route.
    without_newer: BTreeSet<NodeId>,
    now: Moment,
    state: Mutex<State>,
}

/// The two routes of one message.
#[derive(Debug)]
struct Routes {
    older: &'static str,
    newer: &'static str,
    /// The operation of the newer one, under which its lack is remembered.
    operation: &'static str,
    /// The caller used the older one.
    called_older: bool,
}

/// What happened so far.
#[derive(Debug, Default)]
struct State {
    /// A node has checked the block and let it through.
    passed: bool,
    /// Nodes that got the other route after they had refused the first.
    turned: BTreeSet<NodeId>,
}

/// Which route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Older,
    Newer,
}

impl Routes {
    fn of(operation: &str) -> Option<Self> {
        const BLOCK: (&str, &str) = ("/eth/v1/beacon/blocks", "/eth/v2/beacon/blocks");
        const BLINDED: (&str, &str) = ("/eth/v1/beacon/blinded_blocks", "/eth/v2/beacon/blinded_blocks");
        let ((older, newer), operation, called_older) = match operation {
            "publish_block_v1" => (BLOCK, "publish_block_v2", true),
            "publish_block_v2" => (BLOCK, "publish_block_v2", false),
            "publish_blinded_block_v1" => (BLINDED, "publish_blinded_block_v2", true),
            "publish_blinded_block_v2" => (BLINDED, "publish_blinded_block_v2", false),
            _ => return None,
        };
        Some(Self { older, newer, operation, called_older })
    }
}

impl PublishBlock {
    /// The rule.
    #[must_use]
    pub fn new(brief: &Brief<'_>, books: &Books) -> Self {
        let clock = brief.clock.as_ref();
        let is_ssz = merit::is_ssz(brief.headers.content_type);
        let routes = Routes::of(brief.row.operation);
        let slot = routes.as_ref().and_then(|_| slot::of_block(is_ssz, brief.body));
        let has_version = brief.headers.consensus_version.is_some();
        let lacks = |node: &NodeId| {
            routes
                .as_ref()
                .is_some_and(|routes| books.capabilities.lacks(*node, routes.operation, Aspect::Route, brief.now))
        };
        let nodes = brief.snapshot.nodes.iter().map(|node| node.profile.id);
        let without_newer = nodes.filter(lacks).collect();
        let blinded = brief.row.operation.contains("blinded");
        Self {
            row: brief.row,
            query: brief.query.map(str::to_owned),
            version: if has_version || routes.is_none() { None } else { fork_name(brief, slot) },
            has_version,
            seen: brief.snapshot.view.as_ref().is_some_and(|view| Some(view.slot) == slot),
            slot,
            blinded,
            producer: producer(brief, books, is_ssz, blinded),
            grace: share(clock, GRACE, GRACE_FLOOR_MS),
            check: share(clock, CHECK, CHECK_FLOOR_MS),
            unblind: share(clock, UNBLIND, UNBLIND_FLOOR_MS),
            without_newer,
            routes,
            now: brief.now,
            state: Mutex::default(),
        }
    }

    /// Who goes before the others, and how long they wait.
    fn lead(&self, plan: &Plan) -> Option<Lead> {
        let own = |tier: bool| {
            let own = plan.ask.iter().filter(move |one| one.trust == Trust::Own && (one.tier == Tier::Away) == tier);
            own.map(|one| one.node)
        };
        match self.producer {
            // It never stops the others, whatever checks were asked for: a refusal may only mean that the payload is gone.
            Some(producer) if self.blinded => Some(Lead {
                nodes: vec![producer],
                patience: self.unblind,
                accepted: Others::Spared,
                refused: Others::Asked,
            }),
            None if self.blinded => None,
            producer if self.checks_equivocation() => {
                let mut nodes: Vec<NodeId> = own(false).chain(own(true)).collect();
                // Stable: the others keep their order behind the producer.
                nodes.sort_by_key(|node| Some(*node) != producer);
                let lead = Lead { nodes, patience: self.check, accepted: Others::Asked, refused: Others::Spared };
                Some(lead).filter(|lead| !lead.nodes.is_empty())
            }
            Some(_) | None => None,
        }
    }

    fn checks_equivocation(&self) -> bool {
        self.level() == Some(EQUIVOCATION)
    }

    /// The checks that the caller asked for.
    fn level(&self) -> Option<&str> {
        pairs(self.query.as_deref()).find_map(|pair| pair.strip_prefix(LEVEL)?.strip_prefix('='))
    }

    /// How a node gets the block, if it is to be by this route: `None` if it cannot be.
    fn by(&self, way: Way) -> Option<Edit> {
        let passed = self.state().passed;
        let query = |level: Option<&str>| {
            let mut pairs: Vec<String> = pairs(self.query.as_deref())
                .filter(|pair| pair.split('=').next() != Some(LEVEL))
                .map(str::to_owned)
                .collect();
            pairs.extend(level.map(|level| format!("{LEVEL}={level}")));
            if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
        };
        let level = if passed && self.checks_equivocation() { Some(GOSSIP) } else { self.level() };
        let headers = self.version.iter().map(|name| ("eth-consensus-version", name.clone())).collect();
        let target = match (way, &self.routes) {
            (_, None) => format!("{}{}", self.row.path, query(level)),
            (Way::Newer, Some(_)) if !self.has_version && self.version.is_none() => return None,
            (Way::Newer, Some(routes)) if routes.called_older => {
                format!("{}{}", routes.newer, query(level.or(Some(GOSSIP))))
            }
            (Way::Newer, Some(routes)) => format!("{}{}", routes.newer, query(level)),
            // It does no stronger checks than these, and needs none when another node has done them.
            (Way::Older, Some(routes)) if passed || level.is_none_or(|level| level == GOSSIP) => {
                format!("{}{}", routes.older, query(None))
            }
            (Way::Older, Some(_)) => return None,
        };
        Some(Edit { target: Some(target), headers, ..Edit::default() })
    }

    /// The route that a node gets first.
    fn way(&self, node: NodeId) -> Way {
        match &self.routes {
            Some(_) if self.without_newer.contains(&node) && self.by(Way::Older).is_some() => Way::Older,
            Some(routes) if routes.called_older && self.by(Way::Newer).is_none() => Way::Older,
            Some(_) | None => Way::Newer,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while it held them has left values, not half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The node that made the block. If that is not known, a whole block is first checked by the view's leader, which knows
/// its parent.
fn producer(brief: &Brief<'_>, books: &Books, is_ssz: bool, blinded: bool) -> Option<NodeId> {
    let made = || Some(books.blocks.producer(&block::signed(brief.body, is_ssz)?)?.node);
    let leader = || brief.snapshot.view.as_ref().filter(|_| !blinded).map(|view| view.leader);
    made().or_else(leader)
}

/// The name of the fork at the block's slot, else now.
fn fork_name(brief: &Brief<'_>, slot: Option<Slot>) -> Option<String> {
    let clock = brief.clock?;
    let slot = slot.or_else(|| clock.slot(brief.now))?;
    Some(brief.network?.spec.fork_at(clock.epoch(slot))?.name.clone())
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = &str> {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty())
}

/// Whether a refusal says that the node lacks the route.
fn lacks_route(status: u16) -> bool {
    matches!(status, 404 | 405 | 501)
}

impl Rule for PublishBlock {
    fn conduct(&self, plan: Plan) -> Plan {
        let lead = self.lead(&plan);
        let Plan { conduct: Conduct::Broadcast(mut terms), mut ask, would_ask } = plan else { return plan };
        if self.blinded && lead.is_none() && ask.iter().any(|one| one.trust == Trust::Own && one.tier != Tier::Away) {
            terms.held_back = ask.iter().filter(|one| one.trust == Trust::Friend).map(|one| one.node).collect();
        }
        // Who made it need not verify it, and among refusals the first node's is shown.
        let first = lead.as_ref().and_then(|lead| lead.nodes.first().copied()).or(self.producer);
        ask.sort_by_key(|one| Some(one.node) != first);
        (terms.enough, terms.grace) = (IMPORTED, self.grace);
        (terms.block, terms.seen, terms.lead) = (self.slot, self.seen, lead);
        Plan { conduct: Conduct::Broadcast(terms), ask, would_ask }
    }

    fn request(&self, to: NodeId) -> Option<Edit> {
        let way = self.way(to);
        let called =
            if self.routes.as_ref().is_some_and(|routes| routes.called_older) { Way::Older } else { Way::Newer };
        let lowered = self.checks_equivocation() && self.state().passed;
        if way == called && !lowered && self.version.is_none() { None } else { self.by(way) }
    }

    fn instead(&self, to: NodeId, refusal: &Observed<'_>) -> Option<Edit> {
        if self.routes.is_none() || !lacks_route(refusal.status) {
            return None;
        }
        let other = if self.way(to) == Way::Newer { Way::Older } else { Way::Newer };
        let edit = self.by(other)?;
        self.state().turned.insert(to);
        Some(edit)
    }

    fn heard(&self, books: &mut Books, from: NodeId, observed: &Observed<'_>) {
        let Some(routes) = &self.routes else { return };
        // What was refused on both routes says nothing about either.
        if lacks_route(observed.status) || !self.state().turned.contains(&from) {
            return;
        }
        match self.way(from) {
            Way::Newer => books.capabilities.learn(from, routes.operation, Aspect::Route, self.now),
            Way::Older => books.capabilities.unlearn(from, routes.operation, Aspect::Route),
        }
    }

    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        let judged = Judged::by_row(self.row, observed);
        if matches!(judged.verdict, Verdict::Good { .. }) {
            self.state().passed = true;
        }
        judged
    }

    /// Several nodes have the block, none says that it imported it, and the view has come to its slot.
    fn merge(&self, said: &[(NodeId, Observed<'_>)]) -> Option<Made> {
        (!said.is_empty()).then(|| Made { status: 200, body: Vec::new(), headers: Vec::new() })
    }
}
