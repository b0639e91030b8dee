//! The whole world, without a proxy between: the validator client alone with one good node loses nothing.

use std::time::Duration;

use super::*;
use crate::manner::{Consensus, Execution};
use crate::vc::Flavour;

fn one_node(preset: Preset, slot_ms: u64, fork: Fork) -> WorldConfig {
    WorldConfig {
        preset,
        slot_ms,
        schedule: Schedule::all(fork),
        nodes: vec![NodeSpec::new("attic", Consensus::Lodestar, Execution::Geth)],
        ..WorldConfig::default()
    }
}

/// Runs a validator client over that many slots.
async fn run(config: WorldConfig, profile: Profile, slots: u64) -> Report {
    let world = World::start(config).await.expect("ports are free");
    world.start_vc(&world.nodes()[0].url(), profile);
    let ready = world.vc_ready(Duration::from_secs(20)).await.expect("start-up ends");
    // Contributions and aggregates of the last slot come in its last third.
    world.wait_slot(ready + slots + 1).await;
    world.report_of(ready..ready + slots)
}

async fn loses_nothing(preset: Preset, slot_ms: u64, fork: Fork, profile: Profile, slots: u64) {
    let report = run(one_node(preset, slot_ms, fork), profile, slots).await;
    assert_eq!(report.lost(), 0, "{report}\n{:#?}", report.errors);
    // These hang on the clock: a machine that pauses for a third of a slot costs a right head, and no more than that.
    let mostly = |done: u64, expected: u64, what: &str| {
        assert!(done * 10 >= expected * 9, "{what}: {report}\n{:#?}", report.errors);
    };
    mostly(report.attestations.head_ok, report.attestations.expected, "heads");
    mostly(report.sync_head_ok, report.sync.expected, "heads of sync messages");
    mostly(report.aggregates.done, report.aggregates.expected, "aggregates");
    mostly(report.contributions.done, report.contributions.expected, "contributions");
    assert_eq!(report.errors, Vec::<String>::new(), "{report}");
    let votes = report.attestations.expected;
    assert!(votes > 0 && report.sync.expected > 0 && report.proposals.expected > 0, "{report}");
}

#[tokio::test]
async fn a_validator_client_alone_with_a_good_node_loses_nothing_in_the_minimal_preset() {
    let json = Profile { flavour: Flavour::Json, ..Profile::LODESTAR };
    tokio::join!(
        loses_nothing(Preset::Minimal, 400, Fork::Electra, Profile::LIGHTHOUSE, 24),
        loses_nothing(Preset::Minimal, 400, Fork::Fulu, json, 24),
        loses_nothing(Preset::Minimal, 400, Fork::Capella, Profile::LODESTAR_1_5, 24),
    );
}

#[tokio::test]
async fn a_validator_client_alone_with_a_good_node_loses_nothing_in_the_mainnet_preset() {
    tokio::join!(
        loses_nothing(Preset::Mainnet, 250, Fork::Deneb, Profile::LODESTAR, 96),
        loses_nothing(Preset::Mainnet, 250, Fork::Deneb, Profile::LODESTAR_1_5, 96),
    );
}

#[tokio::test]
async fn the_same_seed_gives_the_same_world() {
    let seen = async |seed: u64| {
        let config = WorldConfig { seed, own: 0..0, ..one_node(Preset::Minimal, 100, Fork::Electra) };
        let world = World::start(config).await.expect("ports are free");
        let ground = &world.ground;
        let blocks: Vec<_> = (0..32).map(|slot| world.block(slot).map(|block| block.root)).collect();
        let proposers: Vec<_> = (0..32).map(|slot| ground.assignment.proposer(slot)).collect();
        (blocks, proposers, ground.assignment.epoch(4).attesters.clone(), ground.validators_root())
    };
    let (one, again, another) = tokio::join!(seen(1), seen(1), seen(2));
    assert_eq!(one, again);
    assert!(one.0 != another.0 && one.1 != another.1 && one.2 != another.2 && one.3 != another.3);
}

#[tokio::test]
async fn a_rolling_upgrade_leaves_the_chain_to_those_who_know_the_fork() {
    // Electra comes in epoch 5. `late` is upgraded in that epoch, `never` is not.
    let fork_slot = 40;
    let config = WorldConfig {
        slot_ms: 200,
        schedule: Schedule { electra: 5, ..Schedule::all(Fork::Deneb) },
        own: 0..0,
        script: Script::new().at(32..44, "late", Fault::OldSpec),
        nodes: vec![
            NodeSpec::new("upgraded", Consensus::Lighthouse, Execution::Geth),
            NodeSpec::new("late", Consensus::Teku, Execution::Besu),
            NodeSpec {
                schedule: Some(Schedule::all(Fork::Deneb)),
                ..NodeSpec::new("never", Consensus::Nimbus, Execution::Reth)
            },
        ],
        ..WorldConfig::default()
    };
    let world = World::start(config).await.expect("ports are free");
    let head = |name: &str| world.node(name).view().head.slot;
    let all = || ["upgraded", "late", "never"].map(head);
    world.wait_slot(fork_slot - 1).await;
    let [upgraded, late, never] = all();
    assert!(upgraded >= 38 && late >= 38 && never >= 38, "before the fork nothing is lost");
    world.wait_slot(fork_slot + 3).await;
    let [upgraded, late, never] = all();
    assert!(upgraded >= 42 && late == 39 && never == 39, "{upgraded} {late} {never}");
    world.wait_slot(fork_slot + 6).await;
    let [upgraded, late, never] = all();
    assert!(upgraded >= 45 && late >= 45 && never == 39, "{upgraded} {late} {never}");
}
