//! The fleet: all nodes, the view, and what follows from every signal.
//!
//! One state machine owns what is known. [`Fleet::observe`] takes a [`Signal`], [`Fleet::tick`] the passing of time, and
//! both return [`Effects`]; there is nothing else to it, so the whole behaviour of the nodes' side can be replayed from a
//! list of signals. Time is an argument and everything is counted in ordered maps: the same signals give the same
//! effects, always.
//!
//! Signals come from one place in one order; the snapshot that comes out is what all requests decide by. Most signals
//! (an exchange that went well, an event of a topic that is merely merged) change nothing that others see and end after a
//! few comparisons. The rest goes through one review: tiers, then who decides, then the view, then the snapshot.
//!
//! Tick a few times a slot, better every 100 to 250 ms: reads that fail in silence and heads that wait for a second
//! voice are looked at again then.
//!
//! Bounds: everything kept is per node, or a ring or set of fixed size named where it stands ([`crate::view`],
//! [`merge`], [`crate::health`]). Nothing grows with what nodes send.

mod answers;
mod heights;
mod merge;
mod signal;
mod timepiece;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::chain::{Epoch, Moment};
use crate::family::{ConsensusFamily, ExecutionFamily};
use crate::health::{Health, NetworkStanding, Yardstick};
use crate::node::{NodeId, NodeState, Participation, Profile, Snapshot, Tier, Trust, ViewState};
use crate::view::{Electorate, Schedule, Turn, View, Voter};

use answers::Held;
use heights::Heights;
use merge::Merge;
use timepiece::Timepiece;

pub use signal::{Ask, Effects, Notice, Signal};

/// Used before the network is known, for spans that don't have to be exact.
const USUAL_SLOT_MS: u64 = 12_000;

/// All nodes and the view.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    schedule: Option<Schedule>,
    nodes: Vec<Node>,
    heights: Heights,
    view: View,
    electorate: Electorate,
    merge: Merge,
    timepiece: Timepiece,
    held: Held,
    snapshot: Arc<Snapshot>,
}

/// One node.
#[derive(Clone, Debug)]
struct Node {
    /// As configured; families are labels.
    configured: Arc<Profile>,
    /// With the families it told of itself where there is no label.
    profile: Arc<Profile>,
    told: (ConsensusFamily, ExecutionFamily),
    cordoned: bool,
    feed: bool,
    /// How often its feed was connected.
    feeds: u64,
    health: Health,
    tier: Tier,
    reasons: Arc<[String]>,
    /// The fork to come that it was last said to lack.
    warned: Option<(String, Epoch)>,
    head_asked: Option<Moment>,
    probe_asked: Option<Moment>,
}

impl Fleet {
    /// No nodes, no network.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns something.
    pub fn observe(&mut self, signal: Signal, now: Moment) -> Effects {
        let mut effects = Effects::default();
        if self.learn(signal, now, &mut effects) {
            self.review(self.timepiece.correct(now), &mut effects);
        }
        effects
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Moment) -> Effects {
        let mut effects = Effects::default();
        let now = self.timepiece.correct(now);
        self.ask_for_heads(now, &mut effects);
        self.review(now, &mut effects);
        effects
    }

    /// All nodes as they stand.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// Milliseconds to add to our clock, as own nodes agree; 0 as long as it seems right.
    #[must_use]
    pub fn clock_offset_ms(&self) -> i64 {
        self.timepiece.offset_ms()
    }

    /// How often a node's event stream was connected: each time but the first the node may have restarted unseen.
    #[must_use]
    pub fn feeds(&self, node: NodeId) -> u64 {
        self.node(node).map_or(0, |node| node.feeds)
    }

    /// The nodes whose head is read because nothing is told of it: their feed is down, or it is up and was silent so far.
    fn ask_for_heads(&mut self, now: Moment, effects: &mut Effects) {
        let Some(clock) = self.schedule.as_ref().map(|it| it.clock) else { return };
        let Some(slot) = clock.slot(now) else { return };
        for node in &mut self.nodes {
            let id = node.profile.id;
            let head = self.view.head_of(id);
            let wanted = head.is_none() || !node.feed && head.is_some_and(|(at, _)| at < slot);
            // Four times a slot at most: it is the node's own time that is used.
            let due = node.head_asked.is_none_or(|at| now.since(at) >= clock.slot_ms / 4);
            if wanted && due && node.tier < Tier::Away {
                node.head_asked = Some(now);
                effects.asks.push(Ask::HeadHeader { from: id });
            }
        }
    }

    /// Tiers, then who decides, then the view, then the snapshot.
    fn review(&mut self, now: Moment, effects: &mut Effects) {
        self.weigh(now, effects);
        self.electorate = Electorate::new(self.nodes.iter().filter_map(Node::voter).collect());
        if let Some(schedule) = &self.schedule {
            let mut turn = self.view.settle(&self.electorate, schedule, now);
            self.view.compare(&self.electorate, now, &mut turn);
            note(turn, effects);
        }
        self.hold(now);
        self.renew_snapshot(now, effects);
    }

    fn weigh(&mut self, now: Moment, effects: &mut Effects) {
        let clock = self.schedule.as_ref().map(|it| it.clock);
        let epoch = clock.and_then(|it| it.slot(now).map(|slot| it.epoch(slot))).unwrap_or(Epoch(0));
        if let Some(clock) = &clock {
            self.heights.note(&self.nodes, clock, now);
        }
        let measure = |node| match &clock {
            Some(clock) => self.heights.yardstick(node, &self.nodes, &self.view, clock, now),
            None => Yardstick::default(),
        };
        let yardsticks: Vec<Yardstick> = self.nodes.iter().map(measure).collect();
        for (node, yardstick) in self.nodes.iter_mut().zip(yardsticks) {
            let (tier, reasons) = node.health.tier(yardstick, epoch);
            node.health.weigh(tier, now, clock.map_or(USUAL_SLOT_MS, |it| it.slot_ms));
            effects.notices.extend(node.not_ready(epoch));
            if reasons[..] != node.reasons[..] {
                node.reasons = reasons.into();
            }
            if tier != node.tier {
                let was = std::mem::replace(&mut node.tier, tier);
                let reasons = Arc::clone(&node.reasons);
                effects.notices.push(Notice::Tier { node: node.profile.id, was, is: tier, reasons });
            }
        }
    }

    fn renew_snapshot(&mut self, now: Moment, effects: &mut Effects) {
        let nodes = self.nodes.iter().map(|node| node.state(&self.view)).collect();
        let view = self.view.at().map(|(slot, root, leader)| {
            let at_view = |node: &&Node| self.view.head_of(node.profile.id).is_some_and(|(_, it)| it == root);
            let members = self.nodes.iter().filter(|node| self.electorate.counts(node.profile.id)).filter(at_view);
            let members = members.map(|node| node.profile.id).collect();
            ViewState { slot, root, leader, members, dependent: self.view.dependent() }
        });
        let branches = self.view.branches().clone();
        let snapshot = Snapshot { at: self.snapshot.at, nodes, view, branches };
        if snapshot != *self.snapshot {
            self.snapshot = Arc::new(Snapshot { at: now, ..snapshot });
            effects.snapshot = Some(Arc::clone(&self.snapshot));
        }
    }
}

#[cfg(test)]
impl Fleet {
    /// Every bound that the module docs promise.
    fn within_bounds(&self) -> Result<(), String> {
        let nodes = self.nodes.len();
        let sizes = [("heights", self.heights.len(), 8 * nodes)];
        let all = sizes.into_iter().chain(self.view.sizes(nodes)).chain(self.merge.sizes());
        let over: Vec<_> = all.filter(|(_, size, bound)| size > bound).collect();
        if over.is_empty() { Ok(()) } else { Err(format!("over the bound: {over:?}")) }
    }
}

impl Node {
    fn new(configured: Arc<Profile>) -> Self {
        let health = Health::default();
        Self {
            profile: Arc::clone(&configured),
            configured,
            told: Default::default(),
            cordoned: false,
            feed: false,
            feeds: 0,
            reasons: Arc::from([]),
            tier: Tier::Away,
            health,
            warned: None,
            head_asked: None,
            probe_asked: None,
        }
    }

    /// The alarm for a fork to come that it lacks, the first time.
    fn not_ready(&mut self, now: Epoch) -> Option<Notice> {
        let NetworkStanding::Lacks { change, epoch, .. } = self.health.standing() else { return None };
        let lacked = (change.clone(), *epoch);
        if *epoch <= now || self.warned.as_ref() == Some(&lacked) {
            return None;
        }
        self.warned = Some(lacked.clone());
        let (change, epoch) = lacked;
        Some(Notice::NotReady { node: self.profile.id, change, epoch })
    }

    /// Labels stand above what the node tells of itself.
    fn name_families(&mut self) {
        let mut profile = Profile::clone(&self.configured);
        if profile.consensus == ConsensusFamily::Unknown {
            profile.consensus = self.told.0;
        }
        if profile.execution == ExecutionFamily::Unknown {
            profile.execution = self.told.1;
        }
        if profile != *self.profile {
            self.profile = Arc::new(profile);
        }
    }

    /// It as one whose word on the head counts; `None` for those that take no part in reads.
    fn voter(&self) -> Option<Voter> {
        let profile = &self.profile;
        (profile.participation != Participation::PublishOnly).then(|| Voter {
            id: profile.id,
            trust: profile.trust,
            tier: self.tier,
            preferred: profile.participation == Participation::Full && !self.cordoned,
            family: profile.consensus,
            operator: profile.operator.clone(),
        })
    }

    fn counts_as_own(&self) -> bool {
        self.profile.trust == Trust::Own && self.tier < Tier::Foreign
    }

    fn state(&self, view: &View) -> NodeState {
        let doubtful = self.health.doubtful();
        let mut reasons = Arc::clone(&self.reasons);
        if doubtful && self.tier == Tier::Ready {
            reasons = reasons.iter().cloned().chain(self.health.doubts().iter().map(|&it| it.to_owned())).collect();
        }
        NodeState {
            profile: Arc::clone(&self.profile),
            tier: self.tier,
            compared: *self.health.standing() != NetworkStanding::Unknown,
            cordoned: self.cordoned,
            doubtful,
            head: view.head_of(self.profile.id),
            hedge_after_ms: self.health.hedge_after_ms(),
            reasons,
        }
    }
}

/// What the view did, in the fleet's words.
fn note(turn: Turn, effects: &mut Effects) {
    effects.events.extend(turn.events);
    effects.asks.extend(turn.reads.into_iter().map(|(from, root)| Ask::Header { from, root }));
    let moves = turn.moves.into_iter().map(|it| Notice::ViewMoved { was: it.was, is: it.is, leader: it.leader });
    effects.notices.extend(moves);
    effects.notices.extend(turn.reorgs.into_iter().map(Notice::Reorged));
    let astray = turn.astray.into_iter().map(|(node, slot, root)| Notice::Astray { node, head: (slot, root) });
    effects.notices.extend(astray);
    let differ =
        turn.differ.into_iter().map(|(node, slot, root)| Notice::DependentRootsDiffer { node, head: (slot, root) });
    effects.notices.extend(differ);
}
