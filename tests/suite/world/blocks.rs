//! Blocks: which of several is given away, which is not, and what happens when the own node hangs.
//!
//! The first cases ask for a block by hand and compare with what each node alone would have made; the others let a validator
//! client propose in every slot and read from the chain what landed and whom it pays.

use rangelight_sim::{Consensus, Execution, Fault, NodeSpec, Profile, World, WorldConfig};
use rangelight_tests::call::Answer;
use rangelight_tests::{Caller, Home, Wiring, until};
use serde_json::json;

use super::stage::{JSON, Stage, THREE, nodes, side_by_side, world};

/// Slots long enough that a case by hand fits into one.
const BY_HAND: u64 = 4_000;

fn config(slot_ms: u64) -> WorldConfig {
    WorldConfig { slot_ms, own: 0..64, nodes: nodes(&THREE), ..WorldConfig::default() }
}

fn reveal() -> String {
    format!("0x{}", "5a".repeat(96))
}

/// A home that is ready, over nodes that know whom they should pay.
async fn prepared(world: &World, wiring: &Wiring) -> Home {
    let home = Home::start(wiring);
    home.ready(world.nodes().len()).await;
    let to = world.fee_recipient().to_string();
    let all = (0..64).map(|index| json!({"validator_index": index.to_string(), "fee_recipient": to}));
    home.own().post("/eth/v1/validator/prepare_beacon_proposer", &all.collect()).await.is(200);
    until("every node was told", async || {
        world.nodes().iter().all(|node| {
            node.received().iter().any(|it| it.uri.path().ends_with("prepare_beacon_proposer") && it.status.is_some())
        })
    })
    .await;
    home
}

/// Asks for the block of the slot after the next, once that slot has begun, so that nothing moves meanwhile.
async fn ask(world: &World, whom: &Caller, more: &str) -> Answer {
    let path = format!("/eth/v3/validator/blocks/{}?randao_reveal={}{more}", world.slot() + 1, reveal());
    whom.get(&path).await
}

fn value(answer: &Answer) -> u128 {
    let wei = |name| answer.header(name).parse::<u128>().unwrap_or(0);
    wei("eth-execution-payload-value") + wei("eth-consensus-block-value")
}

async fn alarms(home: &Home, sort: &str) -> u64 {
    let metrics = home.admin().get("/metrics").await.ok().text();
    let name = format!("rangelight_alarms_total{{sort=\"{sort}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn the_best_block_and_the_same_again() {
    let world = world(config(BY_HAND)).await;
    let home = prepared(&world, &Wiring::all_own(&world)).await;
    world.wait_slot(world.slot() + 1).await;
    let got = ask(&world, home.own(), "").await.ok();
    let mut alone = Vec::new();
    for node in world.nodes() {
        alone.push((value(&ask(&world, &Caller::of_node(&node.url()), "").await.ok()), node.spec.name.clone()));
    }
    let (best, by) = alone.iter().max().expect("there are nodes");
    assert_eq!((value(&got), got.node()), (*best, Some(by.as_str())), "of {alone:?}");

    let again = ask(&world, home.own(), "&graffiti=0x00").await.ok();
    assert_eq!((again.node(), &again.body), (got.node(), &got.body), "the same block, whatever else is asked for");
    let headers = [("accept", "application/octet-stream;q=1,application/json;q=0.9")];
    let path = format!("/eth/v3/validator/blocks/{}?randao_reveal={}", world.slot() + 1, reveal());
    let ssz = home.own().send(home.own().request(http::Method::GET, &path, &headers, "")).await.ok();
    assert_eq!((ssz.node(), ssz.header("content-type")), (got.node(), "application/octet-stream"));
    assert_eq!(alarms(&home, "block-offence").await, 0);
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn an_own_node_that_pays_a_stranger_is_dropped() {
    let world = world(config(BY_HAND)).await;
    let wiring = Wiring::all_own(&world).pay(&world.fee_recipient().to_string());
    let home = prepared(&world, &wiring).await;
    world.wait_slot(world.slot() + 1).await;
    // Whoever would win lies.
    let (best, second) = {
        let mut alone = Vec::new();
        for node in world.nodes() {
            alone.push((value(&ask(&world, &Caller::of_node(&node.url()), "").await.ok()), node.spec.name.clone()));
        }
        alone.sort();
        (alone[2].1.clone(), alone[1].1.clone())
    };
    world.fault(&best, Fault::LyingFeeRecipient);
    let got = ask(&world, home.own(), "").await.ok();
    assert_eq!(got.node(), Some(second.as_str()), "{best} lies");
    let paid = &got.json()["data"]["block"]["body"]["execution_payload"]["fee_recipient"];
    assert_eq!(paid, &json!(world.fee_recipient().to_string()));
    assert_eq!(alarms(&home, "block-offence").await, 1);

    THREE.iter().for_each(|(name, _, _)| world.fault(name, Fault::LyingFeeRecipient));
    let path = format!("/eth/v3/validator/blocks/{}?randao_reveal=0x{}", world.slot() + 1, "5b".repeat(96));
    let refused = home.own().get(&path).await.is(503).text();
    assert!(THREE.iter().all(|(name, _, _)| refused.contains(name)) && refused.contains("pays"), "{refused}");
    home.stop().await;
    world.stop();
}

/// Of two friends one lies. Every slot is ours, and the own node hangs from before one of them on.
#[tokio::test]
async fn the_only_own_node_hangs_at_a_proposal() {
    // Nothing is pinned: the preparations say whom to pay.
    let wiring = |world: &World| Wiring::own_and_friends(world, &["attic"]);
    let scenario = async |profile: Profile| {
        // The shortest slots in which a third leaves time for the floors of both waits and for the way.
        let stage = Stage::wired(config(3_000), wiring, profile).await;
        stage.world.fault("cellar", Fault::LyingFeeRecipient);
        let slot = stage.next_slot().await;
        stage.world.fault("attic", Fault::Stall);
        let (ground, proposed) = (&stage.world.ground, slot + 1);
        let landed_ms = until("a friend's block, although the own node hangs", async || {
            stage.world.block(proposed).map(|block| block.landed_ms)
        })
        .await;
        let into = landed_ms - ground.clock.start_ms(proposed);
        assert!(into < ground.clock.part_ms(3_333), "{into} ms into the slot: too late for its votes");
        stage.world.wait_slot(proposed + 3).await;
        let proposals = stage.world.report_of(proposed..proposed + 2).proposals;
        assert_eq!((proposals.landed, proposals.wrong_fee_recipient), (2, 0), "{proposals:?}");
        assert!(alarms(&stage.home, "block-offence").await > 0, "the liar was asked, and found out");
        for friend in ["cellar", "shed"] {
            let asked = stage.world.node(friend).received();
            let asked: Vec<_> = asked.iter().filter(|it| it.uri.path().contains("/validator/blocks/")).collect();
            let unboosted = |query: &str| query.split('&').any(|pair| pair == "builder_boost_factor=0");
            assert!(!asked.is_empty() && asked.iter().all(|it| it.uri.query().is_some_and(unboosted)), "{asked:?}");
        }
        stage.strike().await;
    };
    side_by_side([JSON, Profile::LIGHTHOUSE].map(scenario)).await;
}

/// The own node with a relay is worth asking, and alone can publish what it blinded.
#[tokio::test]
async fn a_blinded_block_goes_to_its_producer() {
    let mut specs = nodes(&[THREE[0], THREE[1]]);
    specs[0] = NodeSpec { relay: true, ..NodeSpec::new("attic", Consensus::Lighthouse, Execution::Geth) };
    let config = WorldConfig { slot_ms: 1_000, own: 0..64, nodes: specs, ..WorldConfig::default() };
    let stage = Stage::set(config, Profile::LIGHTHOUSE).await;
    let blinded = |name: &str| {
        let received = stage.world.node(name).received();
        received.iter().filter(|it| it.uri.path().ends_with("/blinded_blocks")).count()
    };
    until("a blinded block was published", async || blinded("attic") > 2).await;
    assert_eq!(blinded("cellar"), 0, "the producer took it at once, so nobody else was asked");
    stage.nothing_lost("with a relay", stage.world.slot(), 4).await;
    stage.strike().await;
}
