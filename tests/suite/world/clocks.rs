//! Wrong clocks: one node's, and ours.
//!
//! That our own clock is wrong looks, from here, as if all own nodes were wrong alike; so that is what is played. A
//! validator client of the same machine lives by the same wrong clock, and what it loses with a node alone it loses with
//! us too: the same world is played twice, as in `alone.rs`. What we add is that it is said aloud.

use rangelight_sim::{Fault, Profile, WorldConfig};
use rangelight_tests::until;

use super::stage::{Stage, THREE, nodes, side_by_side, validator_client, world};

fn config() -> WorldConfig {
    WorldConfig { slot_ms: 500, nodes: nodes(&THREE), ..WorldConfig::default() }
}

#[tokio::test]
async fn one_nodes_clock_is_wrong() {
    let stage = Stage::set(config(), Profile::VERO).await;
    for skew in [3_000, -3_000] {
        let leader = stage.home.leader().expect("there is a view");
        stage.next_slot().await;
        stage.world.fault(&leader, Fault::ClockSkew(skew));
        let slots = stage.pass(6).await;
        assert_eq!(stage.home.status().await["clock_offset_ms"], 0, "one node cannot say that our clock is wrong");
        stage.judge(slots).await.nothing_lost(&format!("the clock of {leader} is off by {skew} ms"));
        stage.world.heal(&leader);
    }
    stage.strike().await;
}

#[tokio::test]
async fn our_own_clock_is_wrong() {
    side_by_side([5_000, -5_000].map(ours_is_off_by)).await;
}

async fn ours_is_off_by(skew: i64) {
    let stage = Stage::set(config(), Profile::VERO).await;
    let direct = world(config()).await;
    let from = validator_client(&direct, &direct.nodes()[0].url(), Profile::VERO).await.max(stage.from);
    let begin = from.max(stage.world.slot()).max(direct.slot()) + 1;
    for world in [&stage.world, &direct] {
        world.wait_slot(begin).await;
        THREE.iter().for_each(|(name, _, _)| world.fault(name, Fault::ClockSkew(skew)));
    }
    until(&format!("a clock off by {skew} ms is seen"), async || {
        let offset = stage.home.status().await["clock_offset_ms"].as_i64().unwrap_or_default();
        // Dates have whole seconds.
        (skew - 1_500..=skew + 1_500).contains(&offset)
    })
    .await;
    // Until a probe has seen it, the slashing guard's window is that of the wrong clock, and 5 s are twelve of these slots:
    // it refuses votes of what it takes for another epoch. Slots of 12 s have no such moment but at an epoch's border.
    let seen = stage.next_slot().await + 1;
    stage.pass(4).await;
    let window = seen..stage.world.slot();
    let score = stage.judge(window.clone()).await;
    direct.wait_slot(window.end + 2).await;
    for report in &score.bad {
        let there = direct.report_of(report.slots.clone());
        assert!(report.lost() <= there.lost(), "off by {skew} ms: with a node alone {} lost\n{score}", there.lost());
    }
    THREE.iter().for_each(|(name, _, _)| stage.world.heal(name));
    until("the clock is right again", async || stage.home.status().await["clock_offset_ms"] == 0).await;
    direct.stop();
    stage.strike().await;
}
