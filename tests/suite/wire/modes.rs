//! The modes in which Rangelight decides less: pass-through, which is failover alone, and observe, which judges and
//! records and changes nothing.

use rangelight_sim::{Fault, World};
use rangelight_tests::{Caller, Home, Wiring, until};
use serde_json::{Value, json};

use super::{NAMES, world};

const READ: &str = "/eth/v1/beacon/states/head/fork";
const EXITS: &str = "/eth/v1/beacon/pool/voluntary_exits";

fn reached(world: &World, path: &str) -> Vec<usize> {
    let at = |name: &&str| world.node(name).received().iter().filter(|received| received.uri.path() == path).count();
    NAMES.iter().map(at).collect()
}

/// A home in this mode whose first node lags behind the others, and so is not the best.
async fn home(mode: &str) -> (World, Home) {
    let world = world(3).await;
    let home = Home::start(&Wiring::all_own(&world).top(&format!("mode = \"{mode}\"")));
    home.ready(3).await;
    world.fault("attic", Fault::Lag(12));
    until("attic is not ready", async || home.tier("attic") != "ready").await;
    (world, home)
}

#[tokio::test(flavor = "multi_thread")]
async fn guarded_asks_the_better_node() {
    let (_world, home) = home("guarded").await;
    assert_ne!(home.own().get(READ).await.is(200).node(), Some("attic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pass_through_is_failover_alone() {
    let (world, home) = home("pass-through").await;
    // Answers that are ours in the other modes come from a node here, so nothing is held against them.
    let caller = Caller::of_node(home.url());
    assert_eq!(caller.get(READ).await.is(200).node(), Some("attic"), "the first node, although it lags");
    for path in ["/eth/v1/node/version", "/eth/v1/node/syncing", "/eth/v1/beacon/genesis", "/eth/v1/config/spec"] {
        assert_eq!(caller.get(path).await.is(200).node(), Some("attic"), "{path} comes from a node");
    }
    let version = caller.get("/eth/v1/node/version").await.is(200).text();
    assert!(version.contains("Lighthouse"), "{version}");
    assert_eq!(home.own().get("/eth/v1/node/health").await.is(200).node(), None, "health speaks for all nodes");
    let before = reached(&world, EXITS);
    _ = caller.post(EXITS, &json!({})).await.is(200);
    let after: Vec<usize> = reached(&world, EXITS).iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(after, [1, 0, 0], "a publication goes to the next node only on a fault");
    // A node's own stream would end with the node, and some validator clients never open another.
    let mut events = home.own().events("topics=head").await;
    let head = events.event("head").await;
    assert!(head.data["slot"].is_string(), "{head:?}");
    world.fault("attic", Fault::Refuse);
    let answer = caller.get(READ).await.is(200);
    assert_eq!(answer.node(), Some("cellar"), "the next one, in the order of the file");
    _ = caller.post(EXITS, &json!({})).await.is(200);
    let after = reached(&world, EXITS);
    assert_eq!(after[1], 1, "the next node has it: {after:?}");
    _ = events.event("head").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn observe_serves_the_first_node_and_records_what_it_would_have_done() {
    let (world, home) = home("observe").await;
    assert_eq!(home.own().get(READ).await.is(200).node(), Some("attic"), "the first own node's answer is served");
    let about = |records: &Value, path: &str| {
        let records = records.as_array().cloned().unwrap_or_default();
        records.into_iter().find(|record| record["path"] == path)
    };
    let record =
        until("the evidence of the read", async || about(&home.admin().get("/evidence").await.ok().json(), READ)).await;
    let names = |field: &str| -> Vec<String> {
        let names = record[field].as_array().into_iter().flatten();
        names.filter_map(|name| name.as_str().or(name["node"].as_str()).map(str::to_owned)).collect()
    };
    assert_eq!(names("asked"), ["attic"], "{record}");
    let would_ask = names("would_ask");
    assert_eq!(would_ask.len(), 3, "{record}");
    assert_ne!(would_ask[0], "attic", "guarded mode would have asked a better one: {record}");
    assert_eq!(
        home.own().post(EXITS, &json!({})).await.is(200).node(),
        Some("attic"),
        "the first own node's answer is shown"
    );
    until("a publication is broadcast as ever", async || reached(&world, EXITS) == [1, 1, 1]).await;
    world.fault("attic", Fault::Status(500));
    let answer = home.own().get(READ).await.is(200);
    assert_ne!(answer.node(), Some("attic"), "trying it costs no duty");
}
