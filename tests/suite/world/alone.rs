//! Nobody else is there: one node only, and the whole home without power.
//!
//! A duty that falls into the time when no node answers is lost with or without Rangelight. So the same world with the
//! same script is played twice at the same time, once with the validator client at the node itself, and slot by slot
//! nothing may be lost that was not lost there. The other half of the promise is what must go on meanwhile: the event
//! stream, and the truth about health.

use rangelight_sim::{Consensus, Execution, Fault, Profile, World, WorldConfig};
use rangelight_tests::{PATIENCE, until};

use super::stage::{Stage, THREE, nodes, validator_client, world};

const ONE: [(&str, Consensus, Execution); 1] = [("attic", Consensus::Lighthouse, Execution::Geth)];

fn config() -> WorldConfig {
    WorldConfig { slot_ms: 500, nodes: nodes(&ONE), ..WorldConfig::default() }
}

/// Plays a fault at the only node, through Rangelight and directly.
async fn as_good_as_alone(fault: Fault, slots: u64) {
    let what = fault.name();
    let stage = Stage::set(config(), Profile::VERO).await;
    let direct = world(config()).await;
    let from = validator_client(&direct, &direct.nodes()[0].url(), Profile::VERO).await.max(stage.from);
    // Both worlds have the same duties in the same slots, and slots that begin at other moments.
    let begin = from.max(stage.world.slot()).max(direct.slot()) + 2;
    let hurt = async |world: &World| {
        world.wait_slot(begin).await;
        world.fault("attic", fault.clone());
        world.wait_slot(begin + slots).await;
        world.heal("attic");
    };
    tokio::join!(hurt(&stage.world), hurt(&direct));
    let after = stage.pass(8).await;
    let score = stage.judge(begin..after.end).await;
    direct.wait_slot(after.end + 2).await;
    assert!(score.judged.iter().any(|slot| *slot > begin + slots), "{what}: the machine was too busy");
    for report in &score.bad {
        let there = direct.report_of(report.slots.clone());
        let (lost, lost_there) = (report.lost(), there.lost());
        assert!(lost <= lost_there, "{what}: {lost} lost, with the node alone {lost_there}\n{score}");
    }
    direct.stop();
    stage.strike().await;
}

#[tokio::test]
async fn one_node_restarts() {
    as_good_as_alone(Fault::Restart, 2).await;
}

#[tokio::test]
async fn one_node_stalls_for_a_slot() {
    as_good_as_alone(Fault::Stall, 1).await;
}

#[tokio::test]
async fn the_home_has_no_power_for_three_slots() {
    let stage = Stage::set(WorldConfig { nodes: nodes(&THREE), ..config() }, Profile::LODESTAR).await;
    let own = stage.home.own();
    let tape = own.events("topics=head").await.taped();
    let health = async || own.get("/eth/v1/node/health").await.status;
    assert_eq!(health().await, 200);

    stage.next_slot().await;
    THREE.iter().for_each(|(name, _, _)| stage.world.fault(name, Fault::Refuse));
    let cut = tokio::time::timeout(PATIENCE, stage.pass(3)).await.expect("slots pass");
    for (name, _, _) in THREE {
        assert_eq!(stage.home.tier(name), "away", "{name} after {} slots", cut.end - cut.start);
    }
    until("health says that no node is usable", async || health().await == 503).await;
    stage.home.admin().get("/health").await.is(503);
    // Nobody is there whose state could be told, and the reason names every node.
    let refused = own.get("/eth/v1/node/syncing").await.is(503).text();
    assert!(THREE.iter().all(|(name, _, _)| refused.contains(name)), "{refused}");
    own.get("/eth/v1/beacon/genesis").await.is(200);
    own.get("/eth/v1/beacon/blocks/head/root").await.is(503);

    let back = stage.next_slot().await;
    THREE.iter().for_each(|(name, _, _)| stage.world.heal(name));
    // One slot to be found again; from then on everything is as before.
    stage.nothing_lost("after the power cut", back + 1, 6).await;
    assert_eq!(health().await, 200);
    let syncing = own.get("/eth/v1/node/syncing").await.ok().json();
    assert_eq!(syncing["data"]["is_syncing"], false, "{syncing}");
    assert_eq!(tape.ended(), None, "the event stream outlived the power cut");
    let last = tape.events("head").last().and_then(|event| event.data["slot"].as_str()?.parse::<u64>().ok());
    assert!(last.is_some_and(|slot| slot > back), "heads are told again on the stream that stood: {last:?}");
    stage.strike().await;
}
