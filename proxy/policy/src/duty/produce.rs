//! Producing a block: every own node is asked, the guard looks at what they made, and the best of it is given away.
//!
//! Blocks differ in worth, and the fastest is seldom the best, so all own nodes are asked at once and the best block at the
//! soft deadline is taken ([`terms`]). Friends are asked when every own node has failed or none has given an acceptable
//! block by then, and always for a whole block (`builder_boost_factor=0`): whom a blinded one pays cannot be seen.
//!
//! A friend's block on a head that no own node knows is kept until 3 s into the slot, or until nobody else can answer: an own
//! node that hangs has missed the head too, and then the friend is right.
//!
//! One answer per slot and reveal: who asks again gets the same bytes until the slot is over, because a validator client
//! that got two blocks could sign either. One that asks again in another encoding (some do when the first failed) cannot
//! be given the same bytes; the node that made the first block is asked first then, and only if it fails are the others.
//! Both blocks are remembered as given away; the validator client signs one of them, and its own protection sees to it.
//! The route belongs into the key too: v2 must not get what v3 answered.
//!
//! The block v4 of Gloas has another body; it goes by its row until that fork has a date.
//!
//! A DVT middleware (Charon) must hand the same block to every operator of a cluster, so with one among the nodes nothing
//! is compared: the plan stays as it came. Its blocks have the cluster's reveal, not the one that was sent.

use std::sync::Arc;

use self::terms::{Setting, terms};
use super::{Alarm, Brief, Edit, Judged, Memo, Rule};
use crate::block::guard::{Caution, Offence, Ruling, Wanted, guard};
use crate::block::producers::{Kind, Producer, Proposal};
use crate::block::worth::{PLAIN_BOOST, Worth};
use crate::block::{self, Address, Answer, Block, Key, Sizes, Unread};
use crate::books::Books;
use crate::catalogue::Row;
use crate::chain::{Root, Slot, unhex};
use crate::family::ConsensusFamily;
use crate::merit::{self, Body, Observed};
use crate::node::{NodeId, NodeState, Snapshot, Tier, Trust};
use crate::race::Verdict;
use crate::race::plan::{CallerKind, Conduct, Plan};

pub(super) mod query;
#[cfg(test)]
mod simulation;
mod terms;
#[cfg(test)]
mod tests;

/// What is known of a validator, by its index.
type Of<T> = Arc<dyn Fn(u64) -> Option<T> + Send + Sync>;

/// What validator clients have told of their validators.
pub(super) struct Known {
    /// Whose the slot is.
    pub(super) proposer: Option<u64>,
    /// Whom a block must pay.
    pub(super) prepared: Of<Address>,
    /// Whether blinded blocks are asked for.
    pub(super) registered: Of<bool>,
}

impl Known {
    /// What the own validator client said, and what its duties say of the slot. Without the key of the slot's proposer it is
    /// only known whether the validator client registers at all.
    pub(super) fn of(brief: &Brief<'_>, books: &Books) -> Self {
        let (register, duties) = (&books.standing, &books.duties);
        let recipients = register.fee_recipients();
        // One node's word, so it only counts where the caller's own preparations fit it.
        let ours = |proposer: &u64| recipients.contains_key(proposer);
        let proposer = slot_of(brief).and_then(|slot| duties.proposer(slot)).filter(ours);
        let key = proposer.and_then(|proposer| duties.pubkey(proposer));
        let is_registered = key.is_none_or(|key| register.is_registered(key));
        let registered = register.registered_any().then_some(is_registered);
        Self {
            proposer,
            prepared: Arc::new(move |validator| recipients.get(&validator).copied().map(Address)),
            registered: Arc::new(move |_| registered),
        }
    }
}

/// The rule of one request for a block.
struct Produce {
    row: &'static Row,
    snapshot: Arc<Snapshot>,
    sizes: Sizes,
    setting: Setting,
    slot: Slot,
    randao: Option<[u8; 96]>,
    /// The pins, else what the request names.
    named: Vec<Address>,
    known: Known,
    boost: u64,
    proposal: Option<Proposal>,
    /// Who answered the same request before, in another encoding.
    again: Option<NodeId>,
    key: Option<Memo>,
    /// Path and query for a friend.
    unboosted: Option<String>,
}

/// What the rule makes of a node's answer.
enum Made {
    Served { made: Option<(Key, Kind)>, caution: Option<Caution>, worth: Worth },
    Offence(Offence),
    Broken(Unread),
}

fn slot_of(brief: &Brief<'_>) -> Option<Slot> {
    brief.params?.value("slot")?.parse().ok()
}

/// The rule; `None` for a request that names no slot, which no node will answer.
pub(super) fn rule(brief: &Brief<'_>, books: &Books, known: Known) -> Option<Arc<dyn Rule>> {
    let slot = slot_of(brief)?;
    let value = |name| brief.query.and_then(|query| query::value(query, name));
    let mut reveal = [0; 96];
    let randao = value("randao_reveal").is_some_and(|text| unhex(text, &mut reveal)).then_some(reveal);
    // The pins are the owner's; a peer's validators pay whom the peer says.
    let pins: &[Address] = if brief.kind == CallerKind::Own { books.blocks.pins() } else { &[] };
    let named = match value("feeRecipient").and_then(|text| text.parse().ok()) {
        _ if !pins.is_empty() => pins.to_vec(),
        requested => requested.into_iter().collect(),
    };
    let proposal = randao.map(|randao| Proposal { caller: Arc::clone(brief.caller), slot, randao });
    let until = brief.clock.map(|clock| clock.start(Slot(slot.0.saturating_add(1))));
    let key = proposal.as_ref().zip(until).map(|(_, until)| Memo {
        key: format!(
            "{}|{}|{slot}|{}|{}",
            brief.row.operation,
            brief.caller,
            value("randao_reveal").unwrap_or_default(),
            if merit::accepts_ssz(brief.headers.accept) { "ssz" } else { "json" },
        ),
        // Nothing that happens meanwhile makes another block right.
        under: Root::default(),
        until,
    });
    Some(Arc::new(Produce {
        row: brief.row,
        snapshot: Arc::clone(brief.snapshot),
        sizes: brief.network.map(|network| Sizes::of(&network.spec)).unwrap_or_default(),
        setting: Setting { clock: brief.clock, now: brief.now, slot },
        slot,
        randao,
        named,
        known,
        boost: value("builder_boost_factor").and_then(|text| text.parse().ok()).unwrap_or(PLAIN_BOOST),
        again: proposal.as_ref().and_then(|proposal| books.blocks.answered(proposal)),
        proposal,
        key,
        unboosted: (brief.row.operation == "produce_block_v3").then(|| query::unboosted(brief.path, brief.query)),
    }))
}

impl Produce {
    fn is_own(&self, node: NodeId) -> bool {
        self.snapshot.node(node).is_some_and(|state| state.profile.trust == Trust::Own)
    }

    fn name(&self, node: NodeId) -> &str {
        self.snapshot.node(node).map_or("a node that is no longer configured", |state| &*state.profile.name)
    }

    fn is_middleware(&self, node: NodeId) -> bool {
        self.snapshot.node(node).is_some_and(|state| state.profile.consensus == ConsensusFamily::Charon)
    }

    /// The heads that a block may be expected to stand on: the view's, and those of the nodes whose word counts.
    fn heads(&self) -> Vec<Root> {
        let own = |state: &&NodeState| state.profile.trust == Trust::Own && state.tier != Tier::Away;
        let own_is_there = self.snapshot.nodes.iter().any(|state| own(&state) && state.tier == Tier::Ready);
        let counts = |state: &&NodeState| own(state) || !own_is_there && state.tier == Tier::Ready;
        let heads = self.snapshot.nodes.iter().filter(counts).filter_map(|state| state.head.map(|(_, root)| root));
        self.snapshot.view.iter().map(|view| view.root).chain(heads).collect()
    }

    /// Whether a friend's block may stand there: without a head to compare with, anywhere.
    fn knows(&self, parent: Root) -> bool {
        let heads = self.heads();
        heads.is_empty() || heads.contains(&parent)
    }

    /// A node's own head may be newer than the view, which then follows; an older one is a late node's, or a reorg's.
    fn expects(&self, parent: Root) -> bool {
        let Some(view) = &self.snapshot.view else { return true };
        let newer = |state: &NodeState| {
            state.profile.trust == Trust::Own
                && state.head.is_some_and(|(slot, root)| slot > view.slot && root == parent)
        };
        parent == view.root || self.snapshot.nodes.iter().any(newer)
    }

    fn read(&self, observed: &Observed<'_>, body: &[u8]) -> Result<Block, Unread> {
        let blinded = observed.eth.payload_blinded.and_then(|text| text.trim().to_ascii_lowercase().parse().ok());
        let version = observed.eth.consensus_version.filter(|version| !version.trim().is_empty());
        let answer = Answer { body, ssz: merit::is_ssz(observed.content_type), version, blinded };
        block::read(&answer, self.sizes)
    }

    fn examine(&self, from: NodeId, observed: &Observed<'_>, verified: bool, body: &[u8]) -> Made {
        let own = self.is_own(from);
        let worth = Worth { own, verified, expected_parent: false, blinded: false, execution: 0, consensus: 0 };
        let block = match self.read(observed, body) {
            Ok(block) => block,
            // Our lack is no reason to lose what the validator client alone would have had.
            Err(Unread::Fork) if own => return Made::Served { made: None, caution: Some(Caution::NotRead), worth },
            Err(unread) => return Made::Broken(unread),
        };
        let recipients: Vec<Address> = match self.named.is_empty() {
            true => (self.known.prepared)(block.key.proposer).into_iter().collect(),
            false => self.named.clone(),
        };
        let recipients: Vec<Address> = recipients.into_iter().filter(|one| *one != Address::ZERO).collect();
        let wanted = Wanted {
            slot: self.slot,
            proposer: self.known.proposer,
            randao: self.randao.filter(|_| !self.is_middleware(from)),
            recipients: &recipients,
            registered: (self.known.registered)(block.key.proposer),
            parents: &self.heads(),
        };
        match guard(&block, &wanted, own) {
            Ruling::Offence(offence) => Made::Offence(offence),
            Ruling::Pass(caution) => {
                let (execution, consensus) = if own { Worth::values(&block, &observed.eth) } else { (0, 0) };
                let kind = if block.blinded { Kind::Blinded } else { Kind::Whole };
                let parent = block.key.parent;
                let expected_parent = if own { self.expects(parent) } else { self.knows(parent) };
                let worth = Worth { expected_parent, blinded: block.blinded, execution, consensus, ..worth };
                Made::Served { made: Some((block.key, kind)), caution, worth }
            }
        }
    }

    /// The node that made the first block leads, however it stands; the others follow if it fails.
    fn again(&self, mut plan: Plan, first: NodeId) -> Plan {
        if let Some(place) = plan.ask.iter().position(|one| one.node == first) {
            let mut one = plan.ask.remove(place);
            one.reserve = false;
            one.why = "made the block that was given away before";
            plan.ask.insert(0, one);
        }
        plan
    }
}

impl Rule for Produce {
    fn memo(&self) -> Option<Memo> {
        self.key.clone()
    }

    fn conduct(&self, mut plan: Plan) -> Plan {
        let Conduct::Failover(rules) = &plan.conduct else { return plan };
        let deadline = rules.deadline;
        if self.row.operation == "produce_blinded_block" {
            plan.ask.retain(|one| one.trust == Trust::Own);
        }
        if plan.ask.iter().any(|one| self.is_middleware(one.node)) {
            return plan;
        }
        if let Some(first) = self.again {
            return self.again(plan, first);
        }
        let (terms, resort) = terms(self.setting, deadline);
        plan.conduct = Conduct::BestOrResort(terms, resort);
        plan
    }

    fn request(&self, to: NodeId) -> Option<Edit> {
        let target = self.unboosted.clone().filter(|_| !self.is_own(to))?;
        Some(Edit { target: Some(target), ..Edit::default() })
    }

    fn judge(&self, from: NodeId, observed: &Observed<'_>) -> Judged {
        let judged = Judged::by_row(self.row, observed);
        let (Verdict::Good { score, .. }, Body::Whole(body)) = (&judged.verdict, observed.body) else { return judged };
        let bad = |words: String, alarm| Judged { verdict: Verdict::Bad, words, alarm };
        match self.examine(from, observed, *score >= merit::ENOUGH, body) {
            Made::Served { worth, .. } => {
                let kind = if worth.blinded { "blinded" } else { "whole" };
                let odd = if worth.expected_parent { "" } else { ", on an unexpected head" };
                let value = worth.execution.saturating_add(worth.consensus);
                let words = format!("{}: {kind}, {value} Wei{odd}", judged.words);
                Judged { verdict: Verdict::good(worth.score(self.boost)), words, alarm: None }
            }
            Made::Broken(unread) => bad(format!("{} with a block {unread}", judged.words), None),
            Made::Offence(offence) => {
                let name = self.name(from);
                let message =
                    format!("{name} was not believed at slot {}: its block {offence}; look at that node", self.slot);
                let alarm = Alarm { sort: "block-offence", message };
                bad(format!("{}, but its block {offence}", judged.words), Some(alarm))
            }
        }
    }

    fn chosen(&self, books: &mut Books, from: NodeId, observed: &Observed<'_>) -> Vec<Alarm> {
        let Body::Whole(body) = observed.body else { return Vec::new() };
        let Made::Served { made, caution, .. } = self.examine(from, observed, true, body) else { return Vec::new() };
        if let Some((key, kind)) = made {
            books.blocks.given(self.proposal.clone(), key, Producer { node: from, kind });
        }
        let alarm = |caution: Caution| {
            let message =
                format!("the block of {} for slot {} was served, but it {caution}", self.name(from), self.slot);
            Alarm { sort: "block-unchecked", message }
        };
        caution.map(alarm).into_iter().collect()
    }
}
