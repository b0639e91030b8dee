//! Committees and duties, asked for by hand: what a validator client gets where nodes know different things.

use http::Method;
use rangelight_sim::digest::unhex;
use rangelight_sim::fork::{Fork, Schedule};
use rangelight_sim::vote::{AttestationData, single_json};
use rangelight_sim::{Consensus, Execution, World, WorldConfig};
use rangelight_tests::{Answer, Caller, Home, Wiring, until};
use serde_json::{Value, json};

use super::stage::{THREE, nodes, world};

/// Slots long enough for a test to act within one.
const SLOT_MS: u64 = 3_000;

const HEAD_ROOT: &str = "/eth/v1/beacon/blocks/head/root";

/// A world in which every slot has a block, and a home before it.
async fn set(pairs: &[(&str, Consensus, Execution)]) -> (World, Home) {
    let config = WorldConfig {
        slot_ms: SLOT_MS,
        schedule: Schedule::all(Fork::Electra),
        own: 0..1,
        empty_per_mille: 0,
        nodes: nodes(pairs),
        ..WorldConfig::default()
    };
    let world = world(config).await;
    let home = Home::start(&Wiring::all_own(&world));
    home.ready(pairs.len()).await;
    (world, home)
}

fn root(answer: &Answer) -> String {
    answer.json()["data"]["root"].as_str().expect("an answer has a root").to_owned()
}

fn votes(answer: &Answer) -> u32 {
    let bits = answer.json()["data"]["aggregation_bits"].as_str().and_then(unhex).expect("an aggregate has bits");
    bits.iter().map(|byte| byte.count_ones()).sum::<u32>() - 1
}

async fn publish_vote(caller: &Caller, vote: &Value) {
    let headers = [("content-type", "application/json"), ("eth-consensus-version", "electra")];
    let request = caller.request(Method::POST, "/eth/v2/beacon/pool/attestations", &headers, vote.to_string());
    caller.send(request).await.ok();
}

#[tokio::test]
async fn the_aggregate_with_most_votes_is_given_whoever_has_it() {
    let (world, home) = set(&THREE).await;
    let ground = &world.ground;
    let direct: Vec<Caller> = world.nodes().iter().map(|node| Caller::of_node(&node.url())).collect();
    for (rich, name) in THREE.iter().map(|(name, ..)| name).enumerate() {
        let slot = world.slot() + 1;
        world.wait_slot(slot).await;
        let subscription = json!([{"validator_index": "9", "committee_index": "0", "committees_at_slot": "1",
            "slot": slot.to_string(), "is_aggregator": true}]);
        direct[rich].post("/eth/v1/validator/beacon_committee_subscriptions", &subscription).await.ok();
        let path = format!("/eth/v1/validator/attestation_data?slot={slot}&committee_index=0");
        let data = home.own().get(&path).await.ok().json();
        let data = AttestationData::read(&data["data"]).expect("attestation data");
        let duties = ground.assignment.epoch(ground.preset.epoch(slot));
        let voter = duties.committees.get(&(slot, 0)).and_then(|members| members.first()).expect("a committee");
        for caller in &direct {
            publish_vote(caller, &json!([single_json(0, *voter, &data, &[7; 96])])).await;
        }
        let path = format!(
            "/eth/v2/validator/aggregate_attestation?slot={slot}&committee_index=0&attestation_data_root={}",
            data.tree_root()
        );
        let mut alone = Vec::new();
        for caller in &direct {
            alone.push(votes(&caller.get(&path).await.ok()));
        }
        let most = alone.iter().max().copied().expect("three nodes");
        assert!(alone.iter().filter(|votes| **votes == 1).count() == 2 && most > 1, "{alone:?}");
        let given = home.own().get(&path).await.ok();
        assert_eq!((votes(&given), given.node()), (most, Some(*name)), "alone: {alone:?}");
    }
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn the_heads_root_stays_for_who_has_signed_it() {
    let (world, home) = set(&THREE).await;
    let own = home.own();
    let other = async || own.send(own.request(Method::GET, HEAD_ROOT, &[("user-agent", "another")], "")).await.ok();
    let mut seen = false;
    for _ in 0..10 {
        let slot = world.slot() + 1;
        world.wait_slot(slot).await;
        let signed = own.get(HEAD_ROOT).await.ok();
        let epoch = world.ground.preset.epoch(slot);
        let member = *world.ground.assignment.sync_committee(epoch).first().expect("a committee has members");
        let message = json!([{"slot": slot.to_string(), "beacon_block_root": root(&signed),
            "validator_index": member.to_string(), "signature": format!("0x{}", "07".repeat(96))}]);
        own.post("/eth/v1/beacon/pool/sync_committees", &message).await.ok();
        let moved = async || root(&other().await) != root(&signed);
        until("another caller hears of the slot's block, or the slot is over", async || {
            moved().await || world.slot() > slot
        })
        .await;
        let (again, elsewhere) = (own.get(HEAD_ROOT).await.ok(), other().await);
        if world.slot() > slot || root(&elsewhere) == root(&signed) {
            continue; // The block was there before we asked.
        }
        assert_eq!(root(&again), root(&signed), "who has signed hears the same until the slot is over");
        world.wait_slot(slot + 1).await;
        assert_ne!(root(&own.get(HEAD_ROOT).await.ok()), root(&signed), "and the view's from then on");
        seen = true;
        break;
    }
    assert!(seen, "in no slot was the root asked for before its block came");
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn proposers_v2_of_nodes_that_have_only_v1() {
    let old = [("attic", Consensus::Lodestar, Execution::Reth), ("cellar", Consensus::Nimbus, Execution::Besu)];
    let (world, home) = set(&old).await;
    let own = home.own();
    // The next one, which the view goes on to know when it becomes this one.
    let epoch = world.ground.preset.epoch(world.slot()) + 1;
    let path = format!("/eth/v2/validator/duties/proposer/{epoch}");
    // The first head is read from a header, which names no dependent root.
    until("a head event was told", async || own.get(&path).await.status == 200).await;
    let node = Caller::of_node(&world.nodes()[0].url());
    node.get(&path).await.is(404);
    let attester = format!("/eth/v1/validator/duties/attester/{epoch}");
    let attester = own.post(&attester, &json!(["0", "1"])).await.ok().json();
    let made = own.get(&path).await.ok();
    let v1 = own.get(&format!("/eth/v1/validator/duties/proposer/{epoch}")).await.ok().json();
    assert!(made.node().is_some(), "the table is a node's");
    let made = made.json();
    assert_eq!(made["dependent_root"], attester["dependent_root"], "{made}");
    assert_eq!(made["data"], v1["data"]);
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn liveness_is_made_of_all_and_selections_are_nobodys() {
    let (world, home) = set(&THREE).await;
    let own = home.own();
    let epoch = world.ground.preset.epoch(world.slot());
    let live = own.post(&format!("/eth/v1/validator/liveness/{epoch}"), &json!(["5", "3"])).await.ok();
    assert!(live.node().is_some(), "it is told who was heard first");
    let indices: Vec<_> =
        live.json()["data"].as_array().expect("a list").iter().map(|it| it["index"].clone()).collect();
    assert_eq!(indices, [json!("3"), json!("5")]);
    own.post("/eth/v1/validator/beacon_committee_selections", &json!([])).await.is(501);
    home.stop().await;
    world.stop();
}
