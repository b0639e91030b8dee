//! Publications: none is lost, none is doubled, none waits for a loser, and what nobody took is said as it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use rangelight_sim::node::{Node, Received};
use rangelight_sim::{Fault, World};
use rangelight_tests::{Home, until};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{NAMES, signed_block, world};

/// A publication that every node takes, whatever its chain is like.
const EXITS: &str = "/eth/v1/beacon/pool/voluntary_exits";

/// How many are sent at one time, as by a validator client of many keys.
const AT_ONCE: usize = 16;

fn exit(number: usize) -> Value {
    json!({"message": {"epoch": "1", "validator_index": number.to_string()}, "signature": "0x00"})
}

fn received_at(node: &Node, path: &str) -> Vec<Received> {
    node.received().into_iter().filter(|received| received.uri.path() == path).collect()
}

/// How often each body came to a node.
fn counts(node: &Node) -> HashMap<Bytes, usize> {
    let mut counts = HashMap::new();
    for received in received_at(node, EXITS) {
        *counts.entry(received.body).or_default() += 1;
    }
    counts
}

async fn until_all_have(world: &World, publications: usize) {
    until(&format!("every node has {publications} publications"), async || {
        world.nodes().iter().all(|node| counts(node).len() >= publications)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_through_a_node_that_closes_idle_connections() {
    const MANY: usize = 1_000;
    let world = world(3).await;
    let home = Arc::new(Home::over(&world).await);
    world.fault("cellar", Fault::CloseIdle);
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (home, next) = (Arc::clone(&home), Arc::clone(&next));
        senders.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= MANY {
                    return;
                }
                _ = home.own().post(EXITS, &exit(number)).await.is(200);
            }
        });
    }
    senders.join_all().await;
    until_all_have(&world, MANY).await;
    for node in world.nodes() {
        let name = node.spec.name.as_str();
        // The node that cuts a connection has not read what came on it: the repetition is its first.
        let most = if name == "cellar" { 2 } else { 1 };
        let counts = counts(node);
        assert_eq!(counts.len(), MANY, "{name} got another number of publications");
        assert!(counts.values().all(|count| *count <= most), "{name} got one too often: {counts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_changes_nothing() {
    const MANY: usize = 50;
    let world = world(3).await;
    let home = Home::over(&world).await;
    let address = home.url().trim_start_matches("http://").to_owned();
    for number in 0..MANY {
        let body = exit(number).to_string();
        let request = format!(
            "POST {EXITS} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut caller = TcpStream::connect(&address).await.expect("it listens");
        caller.write_all(request.as_bytes()).await.expect("it reads");
        drop(caller);
    }
    until_all_have(&world, MANY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_loser_gets_it_and_a_drain_waits_for_it() {
    let world = world(3).await;
    let home = Home::over(&world).await;
    world.fault("shed", Fault::Slow(Duration::from_secs(2)));
    let answer = home.own().post(EXITS, &exit(1)).await.is(200);
    assert_ne!(answer.node(), Some("shed"), "the fastest node answers");
    let at_shed = || received_at(world.node("shed"), EXITS);
    assert!(at_shed().iter().all(|received| received.status.is_none()), "the answer did not wait for the slow node");
    let (_folder, left) = home.stop().await;
    assert_eq!(left, 0, "the drain waited for all publications");
    let statuses: Vec<_> = at_shed().iter().map(|received| received.status).collect();
    assert_eq!(statuses, [Some(200)], "the slow node was heard out");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_hears_when_nodes_refuse() {
    let world = world(3).await;
    let home = Home::over(&world).await;
    let down = || Fault::Refuse;
    for (number, (case, faults, status, said)) in [
        ("all take it", [None, None, None], 200, ""),
        ("one takes it", [Some(Fault::Status(400)), None, Some(down())], 200, ""),
        ("all refuse the message", [400; 3].map(|status| Some(Fault::Status(status))), 400, "an error"),
        ("all cannot now", [503; 3].map(|status| Some(Fault::Status(status))), 503, "an error"),
        ("a refusal beside troubles", [503, 400, 500].map(|status| Some(Fault::Status(status))), 400, "an error"),
        ("a refusal beside the dead", [Some(down()), Some(Fault::Status(400)), Some(down())], 400, "an error"),
        (
            "a missing route says more than a trouble",
            [500, 404, 503].map(|status| Some(Fault::Status(status))),
            404,
            "",
        ),
        (
            "a node's own auth is not the caller's matter",
            [401, 403, 429].map(|status| Some(Fault::Status(status))),
            503,
            "no node took the message",
        ),
        ("all are dead", [Some(down()), Some(down()), Some(down())], 503, "no node took the message"),
        (
            "one may have it",
            [Some(Fault::Status(400)), Some(Fault::Stall), Some(down())],
            500,
            "the outcome is unknown",
        ),
        (
            "redirects are no answers",
            [Some(Fault::Redirect), Some(Fault::Redirect), Some(Fault::Redirect)],
            503,
            "no node took the message",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        for (name, fault) in NAMES.into_iter().zip(faults) {
            world.heal(name);
            if let Some(fault) = fault {
                world.fault(name, fault);
            }
        }
        let answer = home.own().post(EXITS, &exit(number)).await;
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
        assert!(answer.text().contains(said), "{case}: {}", answer.text());
        if answer.node().is_none() {
            for name in NAMES {
                assert!(answer.text().contains(name), "{case}: {name} is not named: {}", answer.text());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_arrives_byte_for_byte() {
    let world = world(3).await;
    let home = Home::over(&world).await;
    let slot = world.slot();
    let ssz = signed_block(slot, (0..=255).cycle().take(150_000).collect());
    let signature: String = ssz[4..100].iter().map(|byte| format!("{byte:02x}")).collect();
    // Of the same signature, or it would be another block of this slot.
    let odd_json = format!(
        "{{ \"message\" :{{\"slot\":\t\"{slot}\", \"proposer_index\":7,\"new\":1e0}},\r\n\"odd\": \"\\u0030\", \"signature\": \
         \"0x{signature}\" }}\n "
    );
    let odd_json = odd_json.into_bytes();
    for (case, path, media, version, body) in [
        ("JSON as it was written", "/eth/v2/beacon/blocks", "application/json; charset=utf-8", "electra", odd_json),
        ("SSZ", "/eth/v2/beacon/blocks", "application/octet-stream", "electra", ssz.clone()),
        ("SSZ, blinded, a fork to come", "/eth/v2/beacon/blinded_blocks", "application/octet-stream", "gloas", ssz),
    ] {
        let before: Vec<usize> = world.nodes().iter().map(|node| received_at(node, path).len()).collect();
        let headers = [("content-type", media), ("eth-consensus-version", version), ("eth-new-thing", "kept")];
        let request =
            home.own().request(Method::POST, &format!("{path}?broadcast_validation=gossip"), &headers, body.clone());
        // No node can read such a block; what they got is the point.
        _ = home.own().send(request).await;
        for (node, before) in world.nodes().iter().zip(before) {
            let got = until(&format!("{case}: {} has it", node.spec.name), async || {
                received_at(node, path).get(before).cloned()
            })
            .await;
            assert_eq!(got.body, body, "{case}: {}", node.spec.name);
            assert_eq!(got.uri.query(), Some("broadcast_validation=gossip"), "{case}");
            for (name, value) in headers {
                assert_eq!(
                    got.headers.get(name).map(|value| value.as_bytes()),
                    Some(value.as_bytes()),
                    "{case}: {name}"
                );
            }
        }
    }
}
