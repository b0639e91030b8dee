//! Stable answers (rows G1 to G9): the same bytes whichever node is there, also after a restart and before any node has
//! answered; and the truth about the nodes where that is what is asked for.

use http::Method;
use rangelight_sim::{Fault, World};
use rangelight_tests::{Answer, Home, Wiring, until};
use serde_json::Value;

use super::{NAMES, world};

/// What a validator client keeps and compares.
const KEPT: [&str; 4] = [
    "/eth/v1/beacon/genesis",
    "/eth/v1/config/spec",
    "/eth/v1/config/fork_schedule",
    "/eth/v1/config/deposit_contract",
];

async fn kept(home: &Home) -> Vec<String> {
    let mut bodies = Vec::new();
    for path in KEPT {
        bodies.push(home.own().get(path).await.is(200).text());
    }
    bodies
}

fn fault_all(world: &World, fault: &Fault) {
    NAMES.iter().for_each(|name| world.fault(name, fault.clone()));
}

async fn health(home: &Home, query: &str) -> Answer {
    home.own().get(&format!("/eth/v1/node/health{query}")).await
}

async fn said(home: &Home, path: &str) -> Value {
    home.own().get(path).await.is(200).json()["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_over_switches_and_restarts() {
    let world = world(3).await;
    let wiring = Wiring::all_own(&world);
    let home = Home::over(&world).await;
    let first = kept(&home).await;
    let genesis: Value = serde_json::from_str(&first[0]).expect("JSON");
    assert_eq!(genesis["data"]["genesis_validators_root"], world.ground.validators_root().to_string());
    for _ in NAMES {
        let leader = home.leader().expect("there is a view");
        world.fault(&leader, Fault::Refuse);
        home.until_tier(&leader, "away").await;
        assert_eq!(kept(&home).await, first, "without {leader}");
    }
    let (folder, _) = home.stop().await;
    let home = Home::start_in(folder, &wiring, &rangelight::limits::Limits::default());
    assert_eq!(kept(&home).await, first, "after a restart, before any node has answered");
    NAMES.iter().for_each(|name| world.heal(name));
    home.ready(3).await;
    assert_eq!(kept(&home).await, first, "after the nodes have come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_truth_about_the_nodes() {
    let world = world(3).await;
    let home = Home::over(&world).await;
    let syncing = said(&home, "/eth/v1/node/syncing").await;
    for (field, value) in [("is_syncing", false), ("is_optimistic", false), ("el_offline", false)] {
        assert_eq!(syncing[field], value, "{syncing}");
    }
    for field in ["head_slot", "sync_distance"] {
        assert!(syncing[field].as_str().is_some_and(|text| text.parse::<u64>().is_ok()), "{syncing}");
    }
    assert_eq!(syncing.as_object().map(serde_json::Map::len), Some(5), "{syncing}");
    let version = said(&home, "/eth/v1/node/version").await;
    assert!(version["version"].as_str().is_some_and(|text| text.starts_with("rangelight/v")), "{version}");
    let version = said(&home, "/eth/v2/node/version").await;
    assert!(version["beacon_node"]["code"].as_str().is_some_and(|code| code.len() == 2), "{version}");
    until("a node has told its peers", async || {
        let asked = home.own().request(Method::GET, "/eth/v1/node/peer_count", &[], "");
        let answer = home.own().send(asked).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    let peers = said(&home, "/eth/v1/node/peer_count").await;
    assert!(
        peers["connected"].as_str().is_some_and(|text| text.parse::<u64>().is_ok_and(|count| count >= 50)),
        "{peers}"
    );
    // One of three may be anything.
    world.fault("shed", Fault::Syncing(100));
    world.fault("cellar", Fault::Refuse);
    home.until_tier("cellar", "away").await;
    for query in ["", "?syncing_status=299"] {
        _ = health(&home, query).await.is(200);
    }
    fault_all(&world, &Fault::Syncing(100));
    world.node("cellar").heal_kind(&Fault::Refuse);
    until("all nodes sync", async || health(&home, "").await.status == 206).await;
    assert_eq!(health(&home, "?syncing_status=299").await.status, 299, "the caller chooses the status");
    assert_eq!(health(&home, "?syncing_status=many").await.status, 400);
    until("the truth about syncing", async || said(&home, "/eth/v1/node/syncing").await["is_syncing"] == true).await;
    fault_all(&world, &Fault::Refuse);
    until("no node is there", async || health(&home, "").await.status == 503).await;
    NAMES.iter().for_each(|name| world.heal(name));
    until("all is well again", async || health(&home, "").await.status == 200).await;
    assert_eq!(said(&home, "/eth/v1/node/syncing").await["is_syncing"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_anything_is_known_the_cause_is_said() {
    let world = world(3).await;
    fault_all(&world, &Fault::Refuse);
    let home = Home::start(&Wiring::all_own(&world));
    for path in KEPT.into_iter().chain(["/eth/v1/node/syncing", "/eth/v1/node/peer_count"]) {
        let refused = home.own().get(path).await.is(503);
        assert!(refused.text().len() > 60, "{path} says why: {}", refused.text());
    }
    assert_eq!(health(&home, "").await.status, 503);
    NAMES.iter().for_each(|name| world.heal(name));
    home.ready(3).await;
    assert_eq!(kept(&home).await.len(), KEPT.len());
}
