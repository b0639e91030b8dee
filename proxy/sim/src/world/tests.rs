//! The whole world, without a proxy between: the validator client alone with one good node loses nothing.

use std::time::Duration;

use super::*;
use crate::manner::{Consensus, Execution};

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
    assert_eq!(report.attestations.head_ok, report.attestations.expected, "{report}");
    assert_eq!(report.sync_head_ok, report.sync.expected, "{report}");
    assert_eq!(report.aggregates.done, report.aggregates.expected, "{report}\n{:#?}", report.errors);
    assert_eq!(report.contributions.done, report.contributions.expected, "{report}\n{:#?}", report.errors);
    assert_eq!(report.errors, Vec::<String>::new(), "{report}");
    let votes = report.attestations.expected;
    assert!(votes > 0 && report.sync.expected > 0 && report.proposals.expected > 0, "{report}");
}

#[tokio::test]
async fn minimal_preset_ssz() {
    loses_nothing(Preset::Minimal, 400, Fork::Electra, Profile::LIGHTHOUSE, 24).await;
}

#[tokio::test]
async fn minimal_preset_json() {
    loses_nothing(
        Preset::Minimal,
        400,
        Fork::Fulu,
        Profile { flavour: crate::vc::Flavour::Json, ..Profile::LODESTAR },
        24,
    )
    .await;
}

#[tokio::test]
async fn minimal_preset_legacy() {
    loses_nothing(Preset::Minimal, 400, Fork::Capella, Profile::LODESTAR_1_5, 24).await;
}

#[tokio::test]
async fn mainnet_preset_ssz() {
    loses_nothing(Preset::Mainnet, 200, Fork::Deneb, Profile::LODESTAR, 96).await;
}

#[tokio::test]
async fn mainnet_preset_legacy() {
    loses_nothing(Preset::Mainnet, 200, Fork::Deneb, Profile::LODESTAR_1_5, 96).await;
}
