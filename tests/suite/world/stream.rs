//! The event stream, from its outside.
//!
//! One stream that never ends, whatever happens to the nodes: every block of the chain is told once, in order, framed
//! exactly (the reader in the kit takes nothing else). Topics are negotiated with each node, never with the caller.

use std::time::Duration;

use rangelight_sim::{Consensus, Execution, Fault, Preset, Profile, WorldConfig};
use rangelight_tests::{Frame, Home, Wiring, until};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::liar::Liar;
use super::stage::{Stage, THREE, nodes, world};

/// A family that has `head_v2` and two that refuse a whole subscription for it.
const MIXED: [(&str, Consensus, Execution); 3] = [
    ("attic", Consensus::Lighthouse, Execution::Geth),
    ("cellar", Consensus::Lodestar, Execution::Besu),
    ("shed", Consensus::Nimbus, Execution::Nethermind),
];

fn config() -> WorldConfig {
    WorldConfig { slot_ms: 500, nodes: nodes(&MIXED), ..WorldConfig::default() }
}

#[tokio::test]
async fn survives_the_loss_of_every_node_but_one() {
    let stage = Stage::set(config(), Profile::LODESTAR).await;
    let tape = stage.home.own().events("topics=head,block").await.taped();
    let from = stage.next_slot().await + 1;
    // Each node is the only one for some slots, and what fails is each time another thing.
    let faults = [Fault::Refuse, Fault::Stall, Fault::DropEvents];
    for ((alone, _, _), fault) in MIXED.into_iter().zip(faults) {
        let others = || MIXED.into_iter().filter(|(name, _, _)| *name != alone);
        others().for_each(|(name, _, _)| stage.world.fault(name, fault.clone()));
        stage.pass(4).await;
        let healed = stage.world.ground.clock.now_ms();
        others().for_each(|(name, _, _)| stage.world.heal(name));
        // The pause before a lost stream is opened again grows to 5 s, which is less than half a slot of mainnet only.
        for (name, _, _) in others().filter(|_| fault == Fault::Refuse) {
            until(&format!("the stream of {name} is read again"), async || {
                let received = stage.world.node(name).received();
                received
                    .iter()
                    .any(|it| it.uri.path() == "/eth/v1/events" && it.at_ms >= healed && it.status == Some(200))
            })
            .await;
        }
        stage.pass(2).await;
    }
    let to = stage.world.slot() - 1;
    let score = stage.judge(from..to).await.but_for_lateness();
    score.nothing_lost("the validator client noticed");
    assert_eq!(tape.ended(), None, "one connection all the way");
    for topic in ["head", "block"] {
        let told = tape.events(topic);
        let slots: Vec<u64> = told.iter().filter_map(|event| event.data["slot"].as_str()?.parse().ok()).collect();
        assert!(slots.is_sorted(), "{topic}: backwards: {slots:?}");
        let roots: Vec<&str> = told.iter().filter_map(|event| event.data["block"].as_str()).collect();
        for slot in score.judged.iter().copied() {
            let block = stage.world.ground.chain(|chain| {
                let block = chain.tip(chain.canonical_at(u64::MAX), slot);
                (block.slot == slot).then(|| block.root.to_string())
            });
            let Some(root) = block else { continue };
            let times = roots.iter().filter(|told| **told == root).count();
            assert_eq!(times, 1, "{topic}: the block of slot {slot} was told {times} times; told: {slots:?}");
        }
    }
    stage.strike().await;
}

#[tokio::test]
async fn topics_are_asked_for_in_every_spelling() {
    let world = world(config()).await;
    let home = Home::over(&world).await;
    for query in
        ["topics=head,block", "topics=head&topics=block", "topics=head%2Cblock", "topics=block&topics=head,head"]
    {
        let tape = home.own().events(query).await.taped();
        until(&format!("{query}: both topics"), async || {
            !tape.events("head").is_empty() && !tape.events("block").is_empty()
        })
        .await;
        let others = tape
            .frames()
            .into_iter()
            .filter(|frame| matches!(frame, Frame::Event(event) if event.topic != "head" && event.topic != "block"));
        assert_eq!(others.count(), 0, "{query}: only what was asked for");
    }
    for (query, status) in [
        ("topics=nonsense", 400),
        ("topics=head,nonsense", 400),
        ("topics=", 400),
        ("", 400),
        ("topic=head", 400),
        ("topics=head%zz", 400),
        // The specification has it, and no family here does.
        ("topics=payload_attestation_message", 200),
        ("topics=execution_payload_bid,head", 200),
    ] {
        let path = format!("/eth/v1/events?{query}");
        let request = home.own().request(http::Method::GET, &path, &[], "");
        let response = home.own().stream(request).await;
        assert_eq!(response.status().as_u16(), status, "{query:?}");
    }
    home.stop().await;
}

#[tokio::test]
async fn a_topic_that_some_refuse_loses_nobody_the_rest() {
    let world = world(config()).await;
    let home = Home::over(&world).await;
    let tape = home.own().events("topics=head,head_v2,block").await.taped();
    // The one that has head_v2 goes: the others told heads all along, and their heads are translated.
    until("all three topics", async || ["head", "head_v2", "block"].iter().all(|topic| !tape.events(topic).is_empty()))
        .await;
    world.fault("attic", Fault::Refuse);
    home.until_tier("attic", "away").await;
    let count = |topic: &str| tape.events(topic).len();
    let before = [count("head"), count("head_v2"), count("block")];
    until("all three topics without the node that has them all", async || {
        count("head") > before[0] + 1 && count("head_v2") > before[1] + 1 && count("block") > before[2] + 1
    })
    .await;
    let event = tape.events("head_v2").pop().expect("there are some");
    for key in ["slot", "block", "state", "current_epoch_dependent_root", "next_epoch_dependent_root"] {
        assert!(event.data["data"][key].is_string(), "{key} in {}", event.raw);
    }
    assert_eq!(tape.ended(), None);
    home.stop().await;
}

#[tokio::test]
async fn no_optimistic_head_while_another_node_has_a_good_one() {
    let stage = Stage::set(config(), Profile::LODESTAR).await;
    let tape = stage.home.own().events("topics=head").await.taped();
    for _ in 0..2 {
        let leader = stage.home.leader().expect("there is a view");
        stage.next_slot().await;
        stage.world.fault(&leader, Fault::Optimistic);
        let slots = stage.pass(3).await;
        stage.world.heal(&leader);
        stage.judge(slots).await.nothing_lost("the leader is optimistic");
    }
    let heads = tape.events("head");
    assert!(heads.len() >= 5, "heads go on: {}", heads.len());
    let optimistic: Vec<_> = heads.iter().filter(|event| event.data["execution_optimistic"] != false).collect();
    assert!(optimistic.is_empty(), "{optimistic:?}");
    stage.strike().await;
}

/// A reader that takes nothing is ended when the backlog has passed it; the others lose nothing and memory stays.
#[tokio::test]
async fn a_slow_subscriber_is_ended() {
    /// Far more than the backlog (1,024 events) and what the kernel holds for a socket.
    const EVENTS: u64 = 6_000;
    const BYTES: usize = 4_096;
    let world = world(WorldConfig { preset: Preset::Minimal, nodes: nodes(&THREE[..1]), ..config() }).await;
    let liar = Liar::start(&world.nodes()[0].url()).await;
    let home = Home::start(&Wiring::new().own("attic", liar.url()));
    home.until_tier("attic", "ready").await;
    let quick = home.own().events("topics=voluntary_exit").await.taped();
    let mut slow = subscribe_and_read_nothing(&home).await;
    until("both are subscribed", async || home.status().await["subscribers"] == 2).await;
    until("the node is asked for exits", async || liar.listeners() > 1).await;
    let padding = "x".repeat(BYTES);
    for validator in 0..EVENTS {
        let exit = json!({"message": {"epoch": "1", "validator_index": validator.to_string()}, "signature": padding});
        liar.say("voluntary_exit", &exit);
        if validator % 100 == 99 {
            let heard = usize::try_from(validator).unwrap_or(usize::MAX);
            until("the quick reader keeps up", async || quick.events("voluntary_exit").len() + 500 > heard).await;
        }
    }
    until("the quick reader has everything", async || quick.events("voluntary_exit").len() as u64 == EVENTS).await;
    assert_eq!(quick.ended(), None);
    // What the kernel holds still comes, then the clean end of the stream, which the reader can tell from a cut.
    let mut heard = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), async {
        while !heard.ends_with(b"\r\n0\r\n\r\n") {
            assert!(slow.read_buf(&mut heard).await.is_ok_and(|bytes| bytes > 0), "cut instead of ended");
        }
    });
    read.await.expect("the stream of the slow reader ends");
    let told = String::from_utf8_lossy(&heard).matches("event: voluntary_exit").count() as u64;
    assert!(told < EVENTS, "the backlog is bounded: {told}");
    until("its place is free", async || home.status().await["subscribers"] == 1).await;
    home.stop().await;
}

/// A connection with a small window, so that little hides in the kernel.
async fn subscribe_and_read_nothing(home: &Home) -> tokio::net::TcpStream {
    let address = home.url().trim_start_matches("http://").parse().expect("an address");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(8 << 10).expect("a small window");
    let mut stream = socket.connect(address).await.expect("it listens");
    let request = "GET /eth/v1/events?topics=voluntary_exit HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("it reads");
    stream
}
