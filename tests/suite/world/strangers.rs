//! Nodes that are not ours: a friend on another network, and a friend who lies.
//!
//! Own nodes decide. Whatever a friend says while an own node is ready, the network, the heads and the reorgs that the
//! validator client hears of are those of the own nodes, and its duties are done as if the friend was not there.

use std::collections::BTreeSet;

use rangelight_sim::{Fault, Profile, WorldConfig};
use rangelight_tests::{Caller, Home, Wiring, until};
use serde_json::{Value, json};

use super::liar::Liar;
use super::stage::{Stage, THREE, nodes, validator_client, world};

/// The friend is the first in the file and the last of the three.
const FRIEND: &str = "attic";
const OWN: [&str; 2] = ["cellar", "shed"];

fn config() -> WorldConfig {
    WorldConfig { slot_ms: 400, nodes: nodes(&THREE), ..WorldConfig::default() }
}

#[tokio::test]
async fn a_friend_of_another_network_is_there_first() {
    let world = world(config()).await;
    world.fault(FRIEND, Fault::WrongNetwork);
    OWN.iter().for_each(|name| world.fault(name, Fault::Refuse));
    let home = Home::start(&Wiring::own_and_friends(&world, &OWN));
    let friend = world.node(FRIEND);
    until("the friend has told its network", async || {
        let paths: BTreeSet<String> =
            friend.received().into_iter().map(|received| received.uri.path().to_owned()).collect();
        paths.contains("/eth/v1/beacon/genesis") && paths.contains("/eth/v1/config/spec")
    })
    .await;
    home.own().get("/eth/v1/beacon/genesis").await.is(503);
    home.own().get("/eth/v1/config/spec").await.is(503);

    OWN.iter().for_each(|name| world.heal(name));
    home.ready(OWN.len()).await;
    home.until_tier(FRIEND, "foreign").await;
    let of_own = Caller::of_node(&world.node(OWN[0]).url()).get("/eth/v1/beacon/genesis").await.json();
    assert_eq!(home.own().get("/eth/v1/beacon/genesis").await.ok().json()["data"], of_own["data"]);
    let status = home.status().await;
    let shown = status["nodes"].as_array().and_then(|nodes| nodes.iter().find(|node| node["name"] == FRIEND));
    let reasons = shown.map(|node| node["reasons"].to_string()).unwrap_or_default();
    assert!(reasons.contains("genesis"), "every mismatch is shown: {reasons}");

    let from = validator_client(&world, home.url(), Profile::VERO).await;
    let stage = Stage::of(world, home, from);
    stage.nothing_lost("beside a friend of another network", from, 12).await;
    let asked = stage.world.node(FRIEND).received().into_iter().map(|received| received.uri.path().to_owned());
    let duties: Vec<String> = asked.filter(|path| path.contains("/validator/") || path.contains("/pool/")).collect();
    assert_eq!(duties, Vec::<String>::new(), "a foreign node is never asked");
    stage.strike().await;
}

/// The faults by which a friend's node can mislead.
#[tokio::test]
async fn a_friend_whose_node_misleads() {
    let wiring = |world: &_| Wiring::own_and_friends(world, &OWN);
    let stage = Stage::wired(config(), wiring, Profile::VERO).await;
    let topics = "topics=head,chain_reorg,finalized_checkpoint";
    let tape = stage.home.own().events(topics).await.taped();
    for fault in [
        Fault::Fork(1),
        Fault::LyingFeeRecipient,
        Fault::ClockSkew(5_000),
        Fault::Lag(3),
        Fault::Optimistic,
        Fault::WrongNetwork,
    ] {
        let what = format!("the friend has {}", fault.name());
        let from = stage.next_slot().await;
        stage.world.fault(FRIEND, fault);
        let slots = stage.pass(3).await;
        let leader = stage.home.leader();
        assert!(leader.as_deref() != Some(FRIEND), "{what}, and leads");
        stage.world.heal(FRIEND);
        let after = stage.pass(1).await;
        let score = stage.judge(from..slots.end.max(after.end)).await;
        let sum = score.nothing_lost(&what);
        assert_eq!(sum.heads, sum.right_heads, "{what}: votes for another head");
    }
    let canonical = canonical(&stage);
    for event in tape.events("head") {
        assert!(
            event.data["block"].as_str().is_some_and(|root| canonical.contains(root)),
            "a head that the chain never had: {}",
            event.raw
        );
    }
    assert_eq!(tape.events("chain_reorg"), vec![], "no reorg happened");
    assert_eq!(tape.ended(), None);
    stage.strike().await;
}

/// The roots of the chain's blocks since the world began.
fn canonical(stage: &Stage) -> BTreeSet<String> {
    let (first, now) = (stage.world.first_slot() - 1, stage.world.slot());
    stage.world.ground.chain(|chain| {
        let branch = chain.canonical_at(u64::MAX);
        (first..=now).map(|slot| chain.tip(branch, slot).root.to_string()).collect()
    })
}

/// Heads of nowhere, of the far future, reorgs, finality and slashings that nobody else has heard of.
#[tokio::test]
async fn a_friend_who_invents_events() {
    let world = world(WorldConfig { nodes: nodes(&THREE[1..]), ..config() }).await;
    let liar = Liar::start(&world.node(OWN[0]).url()).await;
    let wiring = Wiring::all_own(&world).friend("mallory", liar.url());
    let home = Home::start(&wiring);
    home.ready(3).await;
    let topics = "topics=head,chain_reorg,finalized_checkpoint,attester_slashing,proposer_slashing";
    let tape = home.own().events(topics).await.taped();
    let from = validator_client(&world, home.url(), Profile::LODESTAR).await;
    let stage = Stage::of(world, home, from);
    until("the liar is listened to", async || liar.listeners() > 0).await;
    let slot = stage.next_slot().await;
    for (ahead, number) in [(0u64, 1u8), (1, 2), (40, 3), (1 << 40, 4)] {
        let slot = slot.saturating_add(ahead);
        liar.say("head", &head(slot, number));
        liar.say("chain_reorg", &reorg(slot, number));
        let finalized = json!({"block": root(number), "state": root(number), "epoch": (slot / 8).to_string(),
            "execution_optimistic": false});
        liar.say("finalized_checkpoint", &finalized);
        liar.say("attester_slashing", &slashing(number));
        stage.pass(1).await;
    }
    let slots = stage.pass(3).await;
    let score = stage.judge(slot..slots.end).await;
    let sum = score.nothing_lost("a friend invents events");
    assert_eq!(sum.heads, sum.right_heads, "votes for an invented head");
    let invented: Vec<_> =
        tape.frames().into_iter().filter(|frame| format!("{frame:?}").contains("0xbadbad")).collect();
    assert_eq!(invented, vec![], "what only a friend says is not told");
    assert!(tape.events("head").len() >= 3, "the heads of the own nodes are told all the same");
    stage.strike().await;
}

fn root(number: u8) -> String {
    format!("0xbadbad{number:058x}")
}

fn head(slot: u64, number: u8) -> Value {
    json!({"slot": slot.to_string(), "block": root(number), "state": root(number), "epoch_transition": false,
        "previous_duty_dependent_root": root(number), "current_duty_dependent_root": root(number),
        "execution_optimistic": false})
}

fn reorg(slot: u64, number: u8) -> Value {
    json!({"slot": slot.to_string(), "depth": "3", "epoch": (slot / 8).to_string(), "old_head_block": root(number),
        "new_head_block": root(number + 100), "old_head_state": root(number), "new_head_state": root(number),
        "execution_optimistic": false})
}

fn slashing(number: u8) -> Value {
    let vote = |target: u8| {
        json!({"attesting_indices": ["1", "2"], "signature": format!("0x{}", "ab".repeat(96)), "data": {
            "slot": "30", "index": "0", "beacon_block_root": root(target),
            "source": {"epoch": "1", "root": root(number)}, "target": {"epoch": "3", "root": root(target)}}})
    };
    json!({"attestation_1": vote(number), "attestation_2": vote(number + 100)})
}
