//! Fair weather: nothing breaks, and nothing may get lost merely because somebody stands in between.
//!
//! Every dialect of validator clients over three nodes of different families, and every family alone as the only node,
//! on both presets. The score with Rangelight is compared with perfection and not with a direct run: the simulated
//! validator client alone with one good node loses nothing (`proxy/sim/src/world/tests.rs`).

use rangelight_sim::fork::{Fork, Schedule};
use rangelight_sim::manner::{FAMILIES, Optional, SszBody};
use rangelight_sim::vc::Flavour;
use rangelight_sim::{Consensus, Execution, NodeSpec, Preset, Profile, WorldConfig};

use super::stage::{Stage, THREE, nodes, side_by_side};

/// The dialects, each with a fork at which its client speaks it.
const DIALECTS: [(&str, Profile, Fork); 3] = [
    ("SSZ", Profile::LIGHTHOUSE, Fork::Fulu),
    ("JSON", Profile { flavour: Flavour::Json, ..Profile::LODESTAR }, Fork::Electra),
    ("the older API", Profile::LODESTAR_1_5, Fork::Deneb),
];

fn world(preset: Preset, fork: Fork, nodes: Vec<NodeSpec>) -> WorldConfig {
    let slot_ms = if preset == Preset::Mainnet { 300 } else { 400 };
    WorldConfig { preset, slot_ms, schedule: Schedule::all(fork), nodes, ..WorldConfig::default() }
}

/// Runs one world for more than an epoch; every vote must be right, also of the head but for one slot.
async fn loses_nothing(what: String, config: WorldConfig, profile: Profile) {
    let slots = config.preset.slots_per_epoch() + 4;
    let stage = Stage::set(config, profile).await;
    let sum = stage.nothing_lost(&what, stage.from, slots).await;
    assert!(sum.proposals > 0, "{what}: no proposal was to be made");
    // A block and the question for the head may cross on the way once in an epoch, in slots of 300 ms.
    assert!(sum.older <= 1, "{what}: votes for an older head in {} slots", sum.older);
    stage.strike().await;
}

async fn three_nodes(preset: Preset) {
    let runs = DIALECTS.map(|(name, profile, fork)| {
        loses_nothing(format!("{name}, {}", preset.name()), world(preset, fork, nodes(&THREE)), profile)
    });
    side_by_side(runs).await;
}

/// `turn` says with which dialect the first family begins; those that a family cannot take are passed over.
async fn each_family_alone(preset: Preset, turn: usize) {
    let runs = FAMILIES.into_iter().enumerate().map(|(number, consensus)| {
        let mut dialects = DIALECTS.into_iter().cycle().skip(turn + number);
        let taken = |(_, profile, _): &(_, Profile, _)| takes(consensus, profile.flavour);
        let (name, profile, fork) = dialects.find(taken).expect("every family takes JSON");
        let node = NodeSpec::new("attic", consensus, Execution::Geth);
        let what = format!("{name} with {} alone, {}", consensus.name(), preset.name());
        loses_nothing(what, world(preset, fork, vec![node]), profile)
    });
    side_by_side(runs).await;
}

/// Whether a validator client of this dialect loses nothing with this family when nobody stands in between.
fn takes(consensus: Consensus, dialect: Flavour) -> bool {
    let manner = consensus.manner();
    let older = [Optional::ProduceOld, Optional::PublishV1, Optional::AttestV1];
    match dialect {
        Flavour::Json => true,
        Flavour::Ssz => manner.ssz_body != SszBody::Misreads,
        Flavour::Legacy => !older.iter().any(|route| manner.lacks.contains(route)),
    }
}

#[tokio::test]
async fn every_dialect_over_three_families_minimal() {
    three_nodes(Preset::Minimal).await;
}

#[tokio::test]
async fn every_dialect_over_three_families_mainnet() {
    three_nodes(Preset::Mainnet).await;
}

#[tokio::test]
async fn each_family_alone_minimal() {
    each_family_alone(Preset::Minimal, 0).await;
}

#[tokio::test]
async fn each_family_alone_mainnet() {
    each_family_alone(Preset::Mainnet, 1).await;
}
