//! Attestation data over sockets: what independent families agree on, what is withheld, and what stays as it was.
//!
//! Most of it is asked by hand, so that every answer can be looked at; nodes are simulated, on chains that part.

use std::time::Duration;

use http::Method;
use rangelight_sim::{Consensus, Execution, Fault, World, WorldConfig};
use rangelight_tests::{Answer, Caller, Home, Wiring, pace, until};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::stage::{THREE, nodes, not_judged, world};

const SLOT_MS: u64 = 600;

/// Of the 100 ms in which all nodes should answer so much may be taken by the machine.
const STOLEN: Duration = Duration::from_millis(25);

const SSZ: &str = "application/octet-stream";

/// Two nodes that share nothing.
const TWO: [(&str, Consensus, Execution); 2] = [THREE[0], THREE[1]];

fn config(pairs: &[(&str, Consensus, Execution)]) -> WorldConfig {
    WorldConfig { slot_ms: SLOT_MS, nodes: nodes(pairs), ..WorldConfig::default() }
}

fn path(slot: u64) -> String {
    format!("/eth/v1/validator/attestation_data?slot={slot}&committee_index=0")
}

/// The votes of a node for this slot.
async fn votes_of(world: &World, node: &str, slot: u64) -> Value {
    Caller::of_node(&world.node(node).url()).get(&path(slot)).await.ok().json()["data"].clone()
}

fn pair(data: &Value) -> (&Value, &Value) {
    (&data["source"], &data["target"])
}

/// Asks, unless the machine lets nobody answer in time: what is late counts as silent, and nothing is known then.
async fn asked_in_time(home: &Home, slot: u64) -> Option<Answer> {
    let before = pace::kept_waiting();
    let answer = home.own().get(&path(slot)).await;
    let stolen = pace::kept_waiting() - before;
    if stolen > STOLEN {
        not_judged(&format!("slot {slot}, {stolen:?} were stolen"));
        return None;
    }
    Some(answer)
}

/// The middle of a slot, when its block has arrived wherever it will.
async fn middle(world: &World, slot: u64) {
    world.ground.clock.until_ms(world.ground.clock.start_ms(slot) + SLOT_MS / 2).await;
}

/// Lets a node enter a branch of its own and waits until the checkpoints of the two chains differ for good; the slot.
async fn parted(world: &World, home: &Home, node: &str, other: &str) -> u64 {
    world.wait_slot(world.slot() + 1).await;
    world.fault(node, Fault::Fork(1));
    let epoch = world.ground.preset.slots_per_epoch();
    // The first epoch that begins two slots after the parting has other checkpoints on each side.
    let begin = (world.slot() + 4).next_multiple_of(epoch);
    world.wait_slot(begin + 2).await;
    until("the two chains differ in the middle of a slot, and both heads are known", async || {
        let slot = world.slot();
        let (one, two) = (votes_of(world, node, slot).await, votes_of(world, other, slot).await);
        let picture = home.rangelight().nodes().picture();
        let known = picture.snapshot.nodes.iter().all(|node| node.head.is_some());
        (known && pair(&one) != pair(&two)).then_some(slot)
    })
    .await
}

#[tokio::test]
async fn two_families_that_contradict_each_other() {
    let world = world(config(&TWO)).await;
    let home = Home::over(&world).await;
    let warned = Home::start(&Wiring::all_own(&world).top("attestation.on_disagreement = \"warn\""));
    warned.ready(2).await;
    let slot = world.slot();
    home.own().get(&path(slot)).await.ok();

    let mut slot = parted(&world, &home, "cellar", "attic").await;
    // Halting begins when the branches are settled, two slots after they parted; from then on it is for ever.
    let refused = until("the vote is withheld", async || {
        slot = world.slot();
        let answer = home.own().get(&path(slot)).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    let text = refused.text();
    for part in ["attic (lighthouse with geth)", "cellar (teku with besu)", "target", "on_disagreement"] {
        assert!(text.contains(part), "the refusal says {part}: {text}");
    }
    for _ in 0..4 {
        slot += 1;
        middle(&world, slot).await;
        if let Some(answer) = asked_in_time(&home, slot).await {
            answer.is(503);
        }
        warned.own().get(&path(slot)).await.ok();
    }
    world.heal("cellar");
    until("they agree again, and the vote is served", async || home.own().get(&path(world.slot())).await.status == 200)
        .await;
    warned.stop().await;
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn two_families_outvote_one() {
    let world = world(config(&THREE)).await;
    let home = Home::over(&world).await;
    let all = Home::start(&Wiring::all_own(&world).top("attestation.quorum = \"all\""));
    all.ready(3).await;
    parted(&world, &home, "cellar", "attic").await;
    for _ in 0..6 {
        let slot = world.slot() + 1;
        middle(&world, slot).await;
        let Some(answer) = asked_in_time(&home, slot).await else { continue };
        let served = answer.ok().json()["data"]["target"].clone();
        let right = votes_of(&world, "attic", slot).await["target"].clone();
        assert_eq!(served, right, "slot {slot}");
    }
    until("who wants all of them gets nothing", async || all.own().get(&path(world.slot())).await.status == 503).await;
    all.stop().await;
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn a_friend_on_another_chain_changes_nothing() {
    let world = world(config(&TWO)).await;
    let home = Home::start(&Wiring::own_and_friends(&world, &["attic"]));
    home.ready(2).await;
    parted(&world, &home, "cellar", "attic").await;
    for _ in 0..8 {
        let slot = world.slot() + 1;
        middle(&world, slot).await;
        let answer = home.own().get(&path(slot)).await.ok();
        assert_eq!(answer.headers["x-rangelight-node"], "attic");
        let right = votes_of(&world, "attic", slot).await;
        // The source of a slot that is over is another one in the simulated world.
        assert_eq!(answer.json()["data"]["target"], right["target"], "slot {slot}");
    }
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn one_of_two_is_late_in_the_first_slots_of_an_epoch() {
    let world = world(config(&TWO)).await;
    let home = Home::over(&world).await;
    let epoch = world.ground.preset.slots_per_epoch();
    for late in [1, 2, 3] {
        let begin = (world.slot() + 3).next_multiple_of(epoch);
        world.wait_slot(begin - 1).await;
        world.fault("cellar", Fault::Lag(late));
        for slot in begin..begin + 3 {
            middle(&world, slot).await;
            let answer = home.own().get(&path(slot)).await.ok();
            assert_eq!(answer.headers["x-rangelight-node"], "attic", "slot {slot}, {late} behind");
        }
        world.heal("cellar");
    }
    home.stop().await;
    world.stop();
}

/// Asks as a validator client that takes only this form.
async fn asked(caller: &Caller, slot: u64, accept: &str) -> Answer {
    caller.send(caller.request(Method::GET, &path(slot), &[("accept", accept)], "")).await.ok()
}

/// The data as SSZ, written from JSON by the test's own hand.
fn ssz_of(data: &Value) -> Vec<u8> {
    let number =
        |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok()).expect("a number").to_le_bytes();
    let root = |value: &Value| {
        let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).expect("a root").as_bytes();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
        digits.chunks(2).map(pair).collect::<Vec<u8>>()
    };
    let mut bytes = [number(&data["slot"]).to_vec(), number(&data["index"]).to_vec()].concat();
    bytes.extend(root(&data["beacon_block_root"]));
    for checkpoint in [&data["source"], &data["target"]] {
        bytes.extend(number(&checkpoint["epoch"]));
        bytes.extend(root(&checkpoint["root"]));
    }
    bytes
}

#[tokio::test]
async fn one_answer_in_both_forms_and_frozen_by_what_was_signed_with_it() {
    let world = world(WorldConfig { slot_ms: 1_500, ..config(&TWO) }).await;
    let home = Home::over(&world).await;
    let own = home.own();
    let slot = world.slot() + 2;
    let head = || {
        let picture = home.rangelight().nodes().picture();
        picture.snapshot.view.as_ref().map(|view| view.root.to_string())
    };
    // Voted for at its block, and published.
    let root = until("the block of the slot has come", async || {
        let picture = home.rangelight().nodes().picture();
        picture.snapshot.view.as_ref().filter(|view| view.slot.0 == slot).map(|view| view.root.to_string())
    })
    .await;
    let voted = asked(own, slot, "application/json").await;
    let data = voted.json()["data"].clone();
    assert_eq!(data["beacon_block_root"], root, "a vote for the view's head");
    assert_eq!(asked(own, slot, "application/json").await.body, voted.body, "the same bytes again");
    let ssz = asked(own, slot, SSZ).await;
    assert_eq!(ssz.body, ssz_of(&data), "the same data in the other form");
    assert_eq!(ssz.headers["content-type"], SSZ);
    assert_eq!(ssz.headers["x-rangelight-node"], voted.headers["x-rangelight-node"]);
    let vote = json!({
        "committee_index": "0",
        "attester_index": "1",
        "data": data,
        "signature": format!("0x{}", "11".repeat(96)),
    });
    let headers =
        [("accept", "application/json"), ("content-type", "application/json"), ("eth-consensus-version", "fulu")];
    let publication = json!([vote]).to_string();
    // Whether nodes take the vote is their matter; it went out.
    own.send(own.request(Method::POST, "/eth/v2/beacon/pool/attestations", &headers, publication)).await;

    // The view's head is another one then, under which the answer would be made anew.
    until("the view has gone on", async || head().is_some_and(|head| head != root)).await;
    assert_eq!(asked(own, slot, "application/json").await.body, voted.body, "frozen");
    assert_eq!(asked(own, slot, SSZ).await.body, ssz_of(&data), "frozen in the other form, too");
    home.stop().await;
    world.stop();
}

/// How much later than the fastest node's answer ours comes, when the checkpoints are confirmed. Printed, not judged: it
/// is the machine's time, too.
#[tokio::test]
async fn the_answer_comes_soon_after_the_fastest_nodes() {
    let world = world(config(&THREE)).await;
    let home = Home::over(&world).await;
    let node = Caller::of_node(&world.node("attic").url());
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    let epoch = world.ground.preset.slots_per_epoch();
    for _ in 0..12 {
        let slot = world.slot() + 1;
        middle(&world, slot).await;
        let begun = Instant::now();
        node.get(&path(slot)).await.ok();
        direct.push(begun.elapsed());
        let begun = Instant::now();
        home.own().get(&path(slot)).await.ok();
        if slot % epoch > 0 {
            through.push(begun.elapsed());
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (direct, through) = (median(&mut direct), median(&mut through));
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("attestation data: {direct:?} from a node, {through:?} through Rangelight (medians, confirmed)\n"),
    );
    home.stop().await;
    world.stop();
}
