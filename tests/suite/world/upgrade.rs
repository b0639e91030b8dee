//! A rolling upgrade before a fork.
//!
//! Nodes of the old and the new spec in every mixture, through the fork's epoch and past it, and one mixture in which the
//! nodes are upgraded one after the other, each with a restart. As long as one node is new when the fork comes, the
//! validator client loses nothing; no node is ever called foreign for what it does not know yet, and after the fork those
//! that stayed old are behind.

use rangelight_sim::fork::Schedule;
use rangelight_sim::{Fault, Preset, Profile, Script, WorldConfig};

use super::stage::{Stage, THREE, nodes, side_by_side};

/// The world starts at epoch 4; Fulu comes with the third one after it.
const FORK: u64 = 6;

/// Slots after the fork: enough to see what follows.
const AFTER: u64 = 6;

fn config(script: Script) -> WorldConfig {
    let schedule = Schedule { deneb: 0, electra: 0, fulu: FORK };
    WorldConfig { slot_ms: 400, schedule, script, nodes: nodes(&THREE), ..WorldConfig::default() }
}

/// Runs until some slots after the fork; meanwhile nobody may be foreign.
async fn through_the_fork(what: &str, script: Script, behind: &[&str]) {
    let stage = Stage::set(config(script), Profile::VERO).await;
    let fork = Preset::Minimal.start(FORK);
    assert!(stage.from + 4 < fork, "{what}: the fork came before the validator client was ready");
    let mut foreign = Vec::new();
    let mut look = |slot: u64| {
        let seen = THREE.iter().map(|(name, _, _)| *name).filter(|name| stage.home.tier(name) == "foreign");
        foreign.extend(seen.map(|name| format!("{name} in slot {slot}")));
    };
    while stage.world.slot() < fork {
        look(stage.next_slot().await);
    }
    for _ in 0..AFTER {
        look(stage.pass(1).await.end);
    }
    assert!(foreign.is_empty(), "{what}: foreign: {foreign:?}");
    for name in behind {
        // When its head has been standing for long enough it says itself that it is syncing.
        let tier = stage.home.tier(name);
        assert!(matches!(tier, "behind" | "syncing"), "{what}: {name} is {tier} after the fork");
    }
    for (name, _, _) in THREE.iter().filter(|(name, _, _)| !behind.contains(name)) {
        stage.home.until_tier(name, "ready").await;
    }
    let served = stage.home.own().get("/eth/v1/config/spec").await.ok().json();
    assert_eq!(served["data"]["FULU_FORK_EPOCH"], FORK.to_string(), "{what}: the spec we serve");
    let score = stage.judge(stage.from..stage.world.slot()).await;
    if !score.judged.iter().any(|slot| *slot >= fork) {
        super::stage::not_judged(what);
    }
    score.nothing_lost(what);
    stage.strike().await;
}

/// These nodes are old and stay so.
async fn mixture<const N: usize>(old: [&str; N]) {
    let script = old.iter().fold(Script::new(), |script, name| script.at(0..u64::MAX, name, Fault::OldSpec));
    through_the_fork(&format!("{old:?} stay old"), script, &old).await;
}

#[tokio::test]
async fn one_node_stays_old() {
    side_by_side(["attic", "cellar", "shed"].map(|old| mixture([old]))).await;
}

#[tokio::test]
async fn two_nodes_stay_old() {
    side_by_side([["attic", "cellar"], ["attic", "shed"], ["cellar", "shed"]].map(mixture)).await;
}

#[tokio::test]
async fn one_after_the_other() {
    let first = Preset::Minimal.start(5) - 2;
    let script = THREE.iter().zip(0u64..).fold(Script::new(), |script, ((name, _, _), turn)| {
        let at = first + 3 * turn;
        script.at(0..at + 2, name, Fault::OldSpec).at(at..at + 2, name, Fault::Restart)
    });
    through_the_fork("upgraded one after the other", script, &[]).await;
}
