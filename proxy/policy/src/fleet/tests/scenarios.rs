//! The stories of the design, one test each, judged by the oracle of the simulation and by what the story is about.

use crate::chain::{Epoch, Root, Slot};
use crate::events::Topic;
use crate::family::ConsensusFamily::{self, Lighthouse, Lodestar, Nimbus, Prysm, Teku};
use crate::fleet::Notice;
use crate::node::{Profile, Tier, Trust};

use super::simulation::Oracle;
use super::world::{CLOCK, Fault, Told, World, profile};

struct Story {
    world: World,
    oracle: Oracle,
}

impl Story {
    fn of(own: &[ConsensusFamily], friends: &[ConsensusFamily]) -> Self {
        let own = own.iter().map(|family| (Trust::Own, *family));
        let all = own.chain(friends.iter().map(|family| (Trust::Friend, *family)));
        let profiles: Vec<Profile> = (0..).zip(all).map(|(id, (trust, family))| profile(id, trust, family)).collect();
        let mut world = World::new(1, profiles);
        (world.empty, world.reorgs, world.spread_ms) = (0, 0, 800);
        Self { world, oracle: Oracle::new() }
    }

    fn told_nodes(mut self) -> Self {
        self.world.configure();
        self
    }

    /// Runs through these slots; gives those at whose end the view was not at the chain's head.
    fn run(&mut self, slots: std::ops::Range<u64>) -> Vec<u64> {
        let mut missed = Vec::new();
        for slot in slots {
            for ms in [3_000, 6_000, 9_000, 11_990] {
                self.world.run_to(slot, ms);
                self.oracle.events(&self.world).unwrap_or_else(|fault| unreachable!("slot {slot}: {fault}"));
            }
            if self.view() != Some(self.world.head) {
                missed.push(slot);
            }
        }
        missed
    }

    fn view(&self) -> Option<Root> {
        self.world.fleet.snapshot().view.as_ref().map(|view| view.root)
    }

    fn tier(&self, node: usize) -> Tier {
        self.world.fleet.snapshot().nodes[node].tier
    }

    fn health(&self) -> u16 {
        self.world.fleet.health_status(self.world.our_now())
    }

    fn heads(&self) -> Vec<&Told> {
        self.world.told.iter().filter(|told| told.topic == Topic::Head).collect()
    }
}

#[test]
fn a_rolling_upgrade_before_a_fork_costs_nothing() {
    // The fork comes in epoch 4, slot 32; the nodes that were not upgraded follow a chain of their own from there.
    let nodes = [Lighthouse, Teku, Nimbus];
    for old in 0..3 {
        for upgraded_at in [None, Some(28), Some(36)] {
            let mut story = Story::of(&nodes, &[]).told_nodes();
            for node in 0..old {
                story.world.nodes[node].lacks = Some(Epoch(4));
            }
            let name = format!("{old} old nodes, one upgraded at {upgraded_at:?}");
            let mut missed = story.run(21..28);
            for slot in 28..48 {
                if slot == 32 {
                    (0..old)
                        .filter(|node| story.world.nodes[*node].lacks.is_some())
                        .collect::<Vec<_>>()
                        .into_iter()
                        .for_each(|node| story.world.set(node, Fault::Fork));
                }
                if old > 0 && upgraded_at == Some(slot) {
                    story.world.set(0, Fault::Dead);
                }
                if old > 0 && upgraded_at.is_some_and(|at| slot == at + 2) {
                    story.world.nodes[0].lacks = None;
                    story.world.set(0, Fault::Good);
                }
                missed.extend(story.run(slot..slot + 1));
                assert_eq!(story.health(), 200, "{name}, slot {slot}");
                for node in 0..3 {
                    let lacks = story.world.nodes[node].lacks.is_some() && story.world.nodes[node].fault != Fault::Dead;
                    let expected = if lacks && slot >= 32 { Tier::Behind } else { Tier::Ready };
                    let settled =
                        story.world.nodes[node].since.0 + 2 <= slot || story.world.nodes[node].since == Slot(0);
                    if settled && story.world.nodes[node].fault != Fault::Dead {
                        assert_eq!(story.tier(node), expected, "{name}, node {node}, slot {slot}");
                    }
                }
            }
            assert_eq!(missed, [0; 0], "{name}");
        }
    }
}

#[test]
fn a_power_cut_of_the_whole_home() {
    let mut story = Story::of(&[Lighthouse, Teku], &[]).told_nodes();
    assert_eq!(story.run(21..25), [0; 0]);
    story.world.set(0, Fault::Dead);
    story.world.set(1, Fault::Dead);
    let told = story.heads().len();
    for (slot, health) in [(25, 200), (27, 503), (35, 503)] {
        story.run(slot..slot + 1);
        assert_eq!(story.health(), health, "held for two slots, then the truth: slot {slot}");
    }
    assert_eq!(story.heads().len(), told, "nothing is told while nobody is there");
    assert_eq!(story.world.fleet.syncing(story.world.our_now()), None, "all they said is void");
    story.world.set(0, Fault::Good);
    story.run(36..37);
    assert_eq!(story.run(37..41), [0; 0], "one node is enough");
    assert_eq!(story.health(), 200);
    story.world.set(1, Fault::Good);
    assert_eq!(story.run(41..45), [0; 0]);
}

#[test]
fn one_node_only() {
    let mut story = Story::of(&[Teku], &[]).told_nodes();
    assert_eq!(story.run(21..25), [0; 0]);
    for fault in [Fault::Dead, Fault::Hung, Fault::Deaf] {
        let slot = story.world.slot().0 + 1;
        story.world.set(0, fault);
        story.run(slot..slot + 3);
        story.world.set(0, Fault::Good);
        story.run(slot + 3..slot + 4);
        assert_eq!(story.run(slot + 4..slot + 8), [0; 0], "after {fault:?}");
    }
    // Nobody else shows that the chain has blocks, so its word stands, as it would for a VC alone with it.
    story.world.set(0, Fault::Frozen);
    let slot = story.world.slot().0 + 1;
    story.run(slot..slot + 8);
    assert_eq!((story.tier(0), story.health()), (Tier::Ready, 200));
}

#[test]
fn our_own_clock_is_wrong() {
    for error in [-30_000, -5_000, 5_000, 30_000] {
        let mut story = Story::of(&[Lighthouse, Teku, Nimbus], &[]).told_nodes();
        story.world.clock_error_ms = error;
        story.run(21..23);
        assert_eq!(story.run(23..40), [0; 0], "clock off by {error} ms");
        let alarms: Vec<_> =
            story.world.notices.iter().filter(|notice| matches!(notice, Notice::ClockOff { .. })).collect();
        assert_eq!(alarms.len(), 1, "clock off by {error} ms: {alarms:?}");
        let offset = story.world.fleet.clock_offset_ms();
        assert!((offset + error).abs() <= 600, "clock off by {error} ms, corrected by {offset}");
        story.world.run_to(40, 6_000);
        let syncing = story.world.fleet.syncing(story.world.our_now()).expect("nodes have answered");
        assert_eq!((syncing.head_slot, syncing.sync_distance), (Slot(40), 0));

        story.world.clock_error_ms = 0;
        assert_eq!(story.run(45..60), [0; 0], "set right again");
        assert_eq!(story.world.fleet.clock_offset_ms(), 0);
        assert!(story.world.notices.contains(&Notice::ClockRight));
    }
}

#[test]
fn one_node_is_not_enough_to_doubt_our_clock() {
    let mut story = Story::of(&[Lighthouse], &[Teku, Nimbus]).told_nodes();
    story.world.clock_error_ms = -5_000;
    story.run(21..30);
    assert_eq!(story.world.fleet.clock_offset_ms(), 0);
    assert_eq!(story.view(), Some(story.world.head), "its heads are held until our clock lets them in, not lost");
}

#[test]
fn a_friend_of_another_network_is_first_at_boot() {
    let mut story = Story::of(&[Lighthouse], &[Teku]);
    story.world.set(1, Fault::Foreign);
    story.world.nodes[0].fault = Fault::Dead;
    story.world.configure();
    story.run(21..25);
    assert_eq!((story.view(), story.tier(1)), (None, Tier::Foreign));
    assert_eq!((story.heads().len(), story.health()), (0, 503));
    story.world.set(0, Fault::Good);
    story.run(25..26);
    assert_eq!(story.run(26..30), [0; 0]);
    assert_eq!((story.tier(0), story.tier(1), story.health()), (Tier::Ready, Tier::Foreign, 200));
}

#[test]
fn a_frozen_head_is_behind_once_others_advance() {
    // As recorded with real nodes: the execution client is killed, the node says synced and its head stands still.
    let mut story = Story::of(&[Lodestar, Lodestar, Lodestar], &[]).told_nodes();
    assert_eq!(story.run(21..25), [0; 0]);
    story.world.set(1, Fault::Frozen);
    assert_eq!(story.run(25..40), [0; 0], "three nodes of one family, the leader perhaps among the frozen");
    assert_eq!((story.tier(0), story.tier(1), story.tier(2)), (Tier::Ready, Tier::Behind, Tier::Ready));
    let node = story.world.fleet.snapshot().nodes[1].clone();
    assert_eq!(&node.reasons[..], ["its head is 15 slots below slot 39"]);
    story.world.set(1, Fault::Good);
    assert_eq!(story.run(40..41), [0; 0]);
    assert_eq!(story.tier(1), Tier::Ready);
    assert!(story.world.fleet.snapshot().nodes[1].doubtful, "it is back just now");
    story.run(41..45);
    assert!(!story.world.fleet.snapshot().nodes[1].doubtful, "{:?}", story.world.fleet.snapshot().nodes[1]);
}

#[test]
fn every_execution_client_of_the_home_is_gone_and_friends_see_it() {
    for (friends, missing) in [(vec![Nimbus, Prysm], 4), (vec![Nimbus], 6)] {
        let mut story = Story::of(&[Lighthouse, Teku], &friends).told_nodes();
        assert_eq!(story.run(21..25), [0; 0]);
        story.world.set(0, Fault::Frozen);
        story.world.set(1, Fault::Frozen);
        let missed = story.run(25..40);
        assert!(missed.len() <= missing && missed.iter().all(|slot| *slot < 31), "{friends:?}: {missed:?}");
        assert_eq!((story.tier(0), story.tier(2)), (Tier::Behind, Tier::Ready));
        story.world.set(0, Fault::Good);
        story.run(40..41);
        assert_eq!(story.run(41..45), [0; 0], "the own node decides again");
    }
}

#[test]
fn feeds_that_are_down_are_replaced_by_reads() {
    let mut story = Story::of(&[Lighthouse, Teku], &[]).told_nodes();
    assert_eq!(story.run(21..25), [0; 0]);
    story.world.set(0, Fault::Deaf);
    story.world.set(1, Fault::Deaf);
    assert_eq!(story.run(25..40), [0; 0]);
    assert!(story.heads().len() >= 18, "and they are told: {}", story.heads().len());
}

#[test]
fn a_stopped_leader_costs_no_head() {
    let mut story = Story::of(&[Lighthouse, Teku, Nimbus], &[]).told_nodes();
    assert_eq!(story.run(21..25), [0; 0]);
    for node in 0..3 {
        let slot = story.world.slot().0 + 1;
        story.world.set(node, Fault::Hung);
        assert_eq!(story.run(slot..slot + 4), [0; 0], "node {node} is stopped");
        assert_eq!(story.tier(node), Tier::Away);
        story.world.set(node, Fault::Good);
        assert_eq!(story.run(slot + 4..slot + 8), [0; 0], "node {node} goes on");
        assert_eq!(story.tier(node), Tier::Ready);
    }
    assert_eq!(CLOCK.slots_per_epoch, 8, "several epochs were crossed");
}
