//! One table: every fault, at one of three nodes, for some slots and then healed.
//!
//! Twice over own nodes: at the one that leads the view when the fault comes, and at one that does not. Once with one
//! own node and two friends', where the own one has every fault that leaves the decision to the friends.
//!
//! Faults follow each other in one world, so that each also meets what the one before it left behind: doubts,
//! connections, a moved view. The slots of a fault and the two after it are judged by themselves; where two are bad at
//! once the first to be named is the one to look at.
//!
//! The validator clients of the first two runs send SSZ, so no node there is of a family that cannot read it: a vote that
//! the leader cannot read and whose block the others do not know yet is taken by nobody.
//!
//! No block may pay a stranger, neither of a node that lies nor of one that forgot in a restart whom to pay.

use std::time::Duration;

use rangelight_sim::fault::{Fault, every};
use rangelight_sim::{Consensus, Execution, Profile, World, WorldConfig};
use rangelight_tests::{Wiring, until};

use super::stage::{JSON, Stage, THREE, nodes, not_judged, side_by_side};

/// Long enough for the longest hedge before anything was measured (300 ms), and for the duty after it.
const SLOT_MS: u64 = 600;

/// Slots that a fault lasts, and slots after it.
const FAULTY: u64 = 2;
const HEALED: u64 = 2;

/// Three families that read what is published in SSZ.
const READERS: [(&str, Consensus, Execution); 3] =
    [THREE[0], THREE[1], ("shed", Consensus::Lodestar, Execution::Nethermind)];

/// Whom a fault hits.
#[derive(Clone, Copy, Debug)]
enum Target {
    Leader,
    Another,
    Named(&'static str),
}

fn target(stage: &Stage, target: Target) -> String {
    let leader = stage.home.leader().expect("there is a view");
    match target {
        Target::Leader => leader,
        Target::Another => {
            let other = THREE.iter().map(|(name, _, _)| *name).find(|name| *name != leader);
            other.expect("there are three nodes").to_owned()
        }
        Target::Named(name) => name.to_owned(),
    }
}

/// Plays half of the faults in each of two worlds, which is the same as all in one and takes half the time.
async fn play_all(faults: Vec<Fault>, whom: Target, stage: impl AsyncFn() -> Stage) {
    let (odd, even): (Vec<_>, Vec<_>) = faults.into_iter().enumerate().partition(|(number, _)| number % 2 == 1);
    let halves = [odd, even].map(|half| half.into_iter().map(|(_, fault)| fault).collect());
    side_by_side(halves.map(async |half| play(stage().await, half, whom).await)).await;
}

/// Plays the faults one after another, and fails with all that lost something.
async fn play(stage: Stage, faults: Vec<Fault>, whom: Target) {
    let mut windows = Vec::new();
    for fault in faults {
        stage.next_slot().await;
        let node = target(&stage, whom);
        if fault == Fault::WrongNetwork {
            // Nobody changes network without a restart.
            stage.world.fault(&node, Fault::Refuse);
            stage.pass(1).await;
            stage.world.heal(&node);
        }
        stage.world.fault(&node, fault.clone());
        let hurt = stage.pass(FAULTY).await;
        stage.world.heal(&node);
        let healed = stage.pass(HEALED).await;
        windows.push((fault, node, hurt.start..healed.end));
    }
    let mut losses = Vec::new();
    let mut empty = 0;
    for (fault, node, slots) in windows {
        let begun = slots.start;
        let mut score = stage.judge(slots).await;
        if fault == Fault::Stall {
            score = score.but_for_lateness();
        }
        if matches!(fault, Fault::Slow(_)) {
            // Half a slot is below the longest hedge here, as it is nowhere else; see the test of its own below.
            score.bad.retain(|report| report.lost() > 0);
        }
        if matches!(fault, Fault::Fork(_)) {
            // In the slot of the parting, the first after the fault came, nobody can know which block will stay; whoever
            // voted for the other one finds no aggregate for it.
            score.bad.retain(|report| report.lost() > 0 || report.slots.start > begun + 1);
        }
        empty += u64::from(score.judged.is_empty());
        if !score.bad.is_empty() {
            losses.push(format!("{} at {node}:\n{score}", fault.name()));
        }
    }
    assert!(losses.is_empty(), "{} faults lost duties\n{}", losses.len(), losses.join("\n"));
    if empty > 4 {
        not_judged(&format!("{empty} faults"));
    }
    stage.strike().await;
}

fn config(pairs: &[(&str, Consensus, Execution)]) -> WorldConfig {
    WorldConfig { slot_ms: SLOT_MS, nodes: nodes(pairs), ..WorldConfig::default() }
}

#[tokio::test]
async fn every_fault_at_the_leader() {
    let stage = async || Stage::set(config(&READERS), Profile::LIGHTHOUSE).await;
    play_all(every(SLOT_MS), Target::Leader, stage).await;
}

#[tokio::test]
async fn every_fault_at_another() {
    let stage = async || Stage::set(config(&READERS), Profile::LODESTAR).await;
    play_all(every(SLOT_MS), Target::Another, stage).await;
}

/// What shows a node to be unusable, so that the friends take over.
#[tokio::test]
async fn every_plain_fault_at_the_only_own_node_beside_two_friends() {
    let leaves_it = |fault: &Fault| match fault {
        // These look well from the own node, and the own node decides.
        Fault::Lag(_) | Fault::Frozen | Fault::Fork(_) | Fault::ClockSkew(_) | Fault::DropEvents => false,
        // An own node that hangs keeps the friends whose head is not the view's in reserve until it is found away.
        Fault::Stall => false,
        _ => true,
    };
    let faults = every(SLOT_MS).into_iter().filter(leaves_it).collect();
    let wiring = |world: &World| Wiring::own_and_friends(world, &["attic"]);
    let stage = async || Stage::wired(config(&THREE), wiring, JSON).await;
    play_all(faults, Target::Named("attic"), stage).await;
}

/// Slots as on a fast network, so that what takes half of one is more than the longest hedge.
#[tokio::test]
async fn a_slow_leader() {
    let stage = Stage::set(WorldConfig { slot_ms: 3_000, ..config(&READERS) }, Profile::LIGHTHOUSE).await;
    stage.next_slot().await;
    let leader = stage.home.leader().expect("there is a view");
    stage.world.fault(&leader, Fault::Slow(Duration::from_millis(1_500)));
    let slots = stage.pass(4).await;
    stage.world.heal(&leader);
    stage.judge(slots).await.nothing_lost("the leader is slow");
    stage.strike().await;
}

/// The node that would make the block hangs, from just before the slot on. The block of another one must be out before
/// the slot's votes are due, or they go against it. Every slot is ours.
#[tokio::test]
async fn a_leader_that_hangs_at_a_proposal() {
    // The shortest slot in which a third is clearly later than the hedge, and clearly before the last call.
    let own = WorldConfig { slot_ms: 9_000, own: 0..64, ..config(&READERS) };
    let stage = Stage::set(own, Profile::LIGHTHOUSE).await;
    let slot = stage.next_slot().await;
    let leader = stage.home.leader().expect("there is a view");
    stage.world.fault(&leader, Fault::Stall);
    let ground = &stage.world.ground;
    let landed_ms = until(&format!("a block, although {leader} hangs"), async || {
        ground.chain(|chain| {
            let block = chain.tip(chain.canonical_at(u64::MAX), slot);
            (block.slot == slot).then_some(block.landed_ms)
        })
    })
    .await;
    let into = landed_ms - ground.clock.start_ms(slot);
    assert!(into < ground.clock.part_ms(3_333), "the block came {into} ms into the slot: too late for its votes");
    stage.strike().await;
}
