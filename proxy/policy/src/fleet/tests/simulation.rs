//! Random worlds, and an oracle that knows the world but nothing of the fleet.
//!
//! `RANGELIGHT_SEED=n` replays one run; a failure names its seed. The oracle is checked itself: planting a fault in the
//! machine (a rule left out, a comparison turned round) has to make it fail.

use std::collections::BTreeSet;

use crate::chain::{Moment, Root, Slot};
use crate::events::{Head, HeadV2, Reorg, Topic};
use crate::family::ConsensusFamily;
use crate::health::{LONE_FRIEND_LAG, MAX_HEAD_LAG};
use crate::node::{Participation, Tier, Trust};

use super::world::{CLOCK, Fault, Rng, Sim, World, profile};

/// In a debug build a run takes about 10 ms.
const RUNS: u64 = 2_000;
const SLOTS: u64 = 24;

/// A fault has to show and pass before the oracle judges by it.
const SETTLED: u64 = 3;

pub(super) struct Oracle {
    read: usize,
    last: Option<(Slot, Root)>,
    /// Where the last reorg went, if no head was told since.
    reorged_to: Option<(Slot, Root)>,
    v2: BTreeSet<Root>,
    stalled: bool,
    /// When the view last left a branch.
    left: Option<Moment>,
}

impl Oracle {
    pub(super) fn new() -> Self {
        Self { read: 0, last: None, reorged_to: None, v2: BTreeSet::new(), stalled: false, left: None }
    }

    /// Looks at all that was told since the last look.
    pub(super) fn events(&mut self, world: &World) -> Result<(), String> {
        self.stalled |= stalled(world);
        let own_good = !self.stalled && world.nodes.iter().any(|node| own(node) && good(world, node));
        for told in &world.told[self.read..] {
            let json = &*told.json;
            match told.topic {
                Topic::Head => {
                    let head = Head::read(json).ok_or_else(|| format!("no head event: {json}"))?;
                    self.head(world, &head)?;
                    if own_good && !world.own_said.contains(&head.block) {
                        return Err(format!("only friends said {head:?}"));
                    }
                    if own_good && head.execution_optimistic == Some(true) {
                        return Err(format!("optimistic while a good node was there: {head:?}"));
                    }
                }
                Topic::HeadV2 => {
                    let v2 = HeadV2::read(json).ok_or_else(|| format!("no head_v2 event: {json}"))?;
                    if self.last.map(|(_, root)| root) != Some(v2.head.block) {
                        return Err(format!("head_v2 without its head: {v2:?}"));
                    }
                    self.v2.insert(v2.head.block);
                }
                Topic::ChainReorg => {
                    let reorg = Reorg::read(json).ok_or_else(|| format!("no reorg event: {json}"))?;
                    self.reorged_to = Some((reorg.slot, reorg.new_head_block));
                    let flaps = self.left.replace(told.at).is_some_and(|at| told.at.since(at) < 2 * CLOCK.slot_ms);
                    if flaps && own_good && steady(world) {
                        return Err(format!("it flaps between forks: {reorg:?}"));
                    }
                }
                _ => return Err(format!("nobody told this: {told:?}")),
            }
        }
        self.read = world.told.len();
        Ok(())
    }

    fn head(&mut self, world: &World, head: &Head) -> Result<(), String> {
        if let Some((slot, root)) = self.last {
            let from = self.reorged_to.map_or(slot, |(slot, _)| slot);
            if root == head.block && self.reorged_to.is_none() {
                return Err(format!("told twice: {head:?}"));
            }
            if head.slot <= from && self.reorged_to != Some((head.slot, head.block)) {
                return Err(format!("back from {slot} without a reorg: {head:?}"));
            }
            if head.epoch_transition != (CLOCK.epoch(head.slot) > CLOCK.epoch(slot)) {
                return Err(format!("epoch transition after slot {slot}: {head:?}"));
            }
            if !self.v2.contains(&root) {
                return Err(format!("{root} was never told as head_v2"));
            }
        }
        if world.blocks.contains_key(&head.block) {
            let truth = world.head_event(head.block, false);
            let duties = |it: &Head| (it.slot, it.previous_duty_dependent_root, it.current_duty_dependent_root);
            if duties(head) != duties(&truth) {
                return Err(format!("told {head:?}, true is {truth:?}"));
            }
        }
        if head.slot.0 > world.slot().0 + 1 {
            return Err(format!("from the future: {head:?}"));
        }
        self.last = Some((head.slot, head.block));
        self.reorged_to = None;
        Ok(())
    }

    /// Looks at the end of a slot, when every node that is well has its block.
    pub(super) fn slot(&mut self, world: &World) -> Result<(), String> {
        if std::mem::replace(&mut self.stalled, stalled(world)) {
            return Ok(());
        }
        let snapshot = world.fleet.snapshot();
        let good_own: Vec<_> = world.nodes.iter().filter(|node| own(node) && good(world, node)).collect();
        let preferred = good_own.iter().any(|node| node.profile.participation == Participation::Full);
        let rivals = world.nodes.iter().filter(|node| node.profile.trust == Trust::Own && rival(world, node)).count();
        if !good_own.is_empty() {
            if world.fleet.health_status(world.our_now()) != 200 {
                return Err("an own node is well, health says it is not".into());
            }
            if rivals == 0 && preferred && snapshot.view.as_ref().map(|view| view.root) != Some(world.head) {
                return Err(format!("the view is not at {:?}: {:?}", (world.slot(), world.head), snapshot.view));
            }
        }
        let friends = || world.nodes.iter().filter(|node| readable(node) && node.profile.trust == Trust::Friend);
        let good_friends: BTreeSet<_> =
            friends().filter(|node| good(world, node)).map(|node| node.profile.consensus).collect();
        let alone = world.nodes.iter().filter(|node| own(node)).all(|node| long(world, node, Fault::Dead));
        let honest = friends().all(|node| good(world, node) || long(world, node, Fault::Dead));
        let outvoted = friends().filter(|node| node.fault == Fault::Liar).count() < 2;
        let known =
            friends().all(|node| good(world, node) || node.fault == Fault::Liar || long(world, node, Fault::Dead));
        if alone
            && (!good_friends.is_empty() && honest || good_friends.len() >= 2 && known && outvoted)
            && snapshot.view.as_ref().map(|view| view.root) != Some(world.head)
        {
            return Err(format!("friends agree on {}, the view is {:?}", world.head, snapshot.view));
        }
        for node in &world.nodes {
            let tier = snapshot.node(node.profile.id).map(|it| it.tier);
            if long(world, node, Fault::Dead) && tier != Some(Tier::Away) {
                return Err(format!("{} is dead and {tier:?}", node.profile.name));
            }
            if good(world, node) && own(node) && rivals == 0 && tier != Some(Tier::Ready) {
                return Err(format!("{} is well and {tier:?}", node.profile.name));
            }
            let members = snapshot.view.as_ref().map(|view| &view.members);
            if long(world, node, Fault::Dead) && members.is_some_and(|it| it.contains(&node.profile.id)) {
                return Err(format!("{} is dead and a member", node.profile.name));
            }
        }
        world.fleet.within_bounds()
    }
}

/// Nothing has changed for a while, in the world or with its nodes, and one node at most is on a branch of its own: with
/// more, which branch has most behind it may rightly change with every block that reaches one of them first.
fn steady(world: &World) -> bool {
    let changes = world.nodes.iter().map(|node| node.since).chain([world.reorged]);
    let forked = world.nodes.iter().filter(|node| node.fault == Fault::Fork).count();
    forked <= 1 && changes.max().is_none_or(|last| world.slot().0 > last.0 + SETTLED)
}

/// A friend that lies can take own nodes for behind while the chain has no blocks: that is the price of noticing a home
/// whose execution clients are all gone (`LONE_FRIEND_LAG`).
fn stalled(world: &World) -> bool {
    let wells = world.nodes.iter().filter(|node| own(node) && node.fault == Fault::Good);
    let highest = wells.filter_map(|node| world.blocks.get(&node.head)).map(|block| block.slot.0).max().unwrap_or(0);
    let false_friend = |node: &&Sim| {
        let apart = matches!(node.fault, Fault::Liar | Fault::Fork) || world.slot().0 < node.since.0 + SETTLED;
        node.profile.trust == Trust::Friend && apart
    };
    let allowed = match world.nodes.iter().filter(false_friend).count() {
        0 => return false,
        1 => LONE_FRIEND_LAG,
        _ => MAX_HEAD_LAG,
    };
    world.slot().0 > highest + allowed
}

fn readable(node: &Sim) -> bool {
    node.profile.participation != Participation::PublishOnly
}

fn own(node: &Sim) -> bool {
    readable(node) && node.profile.trust == Trust::Own
}

fn long(world: &World, node: &Sim, fault: Fault) -> bool {
    node.fault == fault && world.slot().0 >= node.since.0 + SETTLED
}

fn good(world: &World, node: &Sim) -> bool {
    long(world, node, Fault::Good) && node.feed
}

/// Could it rightly hold the view elsewhere? Anything on another branch, now or just before.
fn rival(world: &World, node: &Sim) -> bool {
    let apart = !world.descends(world.head, node.head) && node.fault != Fault::Dead;
    let fork = node.fault == Fault::Fork || node.was == Fault::Fork && world.slot().0 < node.since.0 + SETTLED;
    apart || node.fault != Fault::Dead && fork
}

fn world(seed: u64) -> World {
    use ConsensusFamily::{Lighthouse, Lodestar, Nimbus, Prysm, Teku};
    let mut rng = Rng(seed);
    let count = 2 + rng.below(5) as u16;
    let own = 1 + rng.below(u64::from(count)) as u16;
    let profiles = (0..count).map(|id| {
        let trust = if id < own { Trust::Own } else { Trust::Friend };
        let family = [Lighthouse, Teku, Nimbus, Lodestar, Prysm][rng.below(5) as usize];
        let mut profile = profile(id, trust, family);
        profile.participation = match rng.below(10) {
            0 => Participation::Standby,
            1 if id > 0 => Participation::PublishOnly,
            _ => Participation::Full,
        };
        profile
    });
    let mut world = World::new(seed, profiles.collect());
    world.empty = rng.below(40);
    world.reorgs = rng.below(30);
    world.configure();
    world
}

fn run(seed: u64) -> Result<(), String> {
    let mut world = world(seed);
    let world = &mut world;
    let mut oracle = Oracle::new();
    let mut rng = Rng(seed ^ 0x5eed);
    for slot in 21..21 + SLOTS {
        let changes = if rng.percent(25) { 1 + rng.below(3) } else { 0 };
        for _ in 0..changes {
            world.run_to(slot, 500 + rng.below(6_000));
            oracle.events(world)?;
            let node = rng.below(world.nodes.len() as u64) as usize;
            let fault = draw(&mut rng, world.nodes[node].profile.trust);
            world.set(node, fault);
            oracle.events(world)?;
        }
        // In pieces, so that what is told is judged by the world of its time.
        for ms in [500, 3_000, 6_000, 9_000, 11_900] {
            world.run_to(slot, ms);
            oracle.events(world)?;
            if ms == 9_000 {
                oracle.slot(world)?;
            }
        }
    }
    Ok(())
}

fn draw(rng: &mut Rng, trust: Trust) -> Fault {
    use Fault::{Dead, Deaf, ElOffline, Fork, Frozen, Good, Hung, Lagging, Liar, Optimistic};
    let faults = [Good, Good, Good, Good, Dead, Dead, Hung, Lagging, Optimistic, Frozen, ElOffline, Fork, Deaf, Liar];
    let choice = if trust == Trust::Friend { rng.below(14) } else { rng.below(13) };
    faults[choice as usize]
}

#[test]
fn random_worlds() {
    if let Some(seed) = std::env::var("RANGELIGHT_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return run(seed).unwrap_or_else(|fault| unreachable!("seed {seed}: {fault}"));
    }
    let faults: Vec<String> = (0..RUNS).filter_map(|seed| Some(format!("seed {seed}: {}", run(seed).err()?))).collect();
    assert!(faults.is_empty(), "{} of {RUNS} runs, first: {:#?}", faults.len(), &faults[..faults.len().min(5)]);
}

#[test]
fn the_same_seed_gives_the_same_story() {
    let story = |seed| {
        let mut world = world(seed);
        world.run_to(40, 0);
        world.told.iter().map(|told| format!("{} {}", told.at.0, told.json)).collect::<Vec<_>>()
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}
