//! In which form each node gets a message: the route that it has, the encoding that it reads, the checks that are still
//! to be done. The caller never hears of any of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use rangelight_tests::{Answer, Home, Wiring, until};
use serde_json::{Value, json};

use super::GUARD_OFF;
use super::publications_merged::{Pair, say};
use super::stand_in::{Act, Heard, StandIn};
use super::world_of;

const BLOCKS_V1: &str = "/eth/v1/beacon/blocks";
const BLOCKS_V2: &str = "/eth/v2/beacon/blocks";
const ATTESTATIONS: &str = "/eth/v2/beacon/pool/attestations";

/// A block as far as anybody here reads it, its fields in the order of the specification.
pub(super) fn block(slot: u64) -> String {
    format!(r#"{{"message":{{"slot":"{slot}","proposer_index":"1","body":{{}}}},"signature":"0x00"}}"#)
}

pub(super) async fn post(home: &Home, path: &str, media: &str, body: impl Into<bytes::Bytes>) -> Answer {
    let headers = [("content-type", media), ("eth-consensus-version", "electra")];
    home.own().send(home.own().request(Method::POST, path, &headers, body)).await
}

/// The targets of the scripted requests.
fn targets(stand_in: &StandIn) -> Vec<String> {
    let target = |heard: &Heard| heard.line.split(' ').nth(1).unwrap_or_default().to_owned();
    stand_in.scripted().iter().map(target).collect()
}

async fn until_heard(stand_in: &StandIn, requests: usize) -> Vec<Heard> {
    until(&format!("{requests} requests came"), async || {
        Some(stand_in.scripted()).filter(|heard| heard.len() >= requests)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_go_by_the_route_that_a_node_has() {
    let pair = Pair::start(
        |line| match line {
            line if line.contains(BLOCKS_V2) => Some(say("404 Not Found", "404 page not found")),
            line if line.contains(BLOCKS_V1) => Some(say("200 OK", "")),
            _ => None,
        },
        |line| line.contains("/beacon/blocks").then(|| say("200 OK", "")),
    )
    .await;
    let newer = format!("{BLOCKS_V2}?broadcast_validation=gossip");
    for (round, expected) in [(1, vec![newer.as_str(), BLOCKS_V1]), (2, vec![newer.as_str(), BLOCKS_V1, BLOCKS_V1])] {
        // Without a version: v1 does not want one.
        let headers = [("content-type", "application/json")];
        let request = pair.home.own().request(Method::POST, BLOCKS_V1, &headers, block(1));
        let answer = pair.home.own().send(request).await.is(200);
        assert_eq!(answer.text(), "", "a success has no body");
        until_heard(&pair.cellar, round).await;
        until_heard(&pair.attic, round + 1).await;
        assert_eq!(targets(&pair.attic), expected, "round {round}");
        assert_eq!(targets(&pair.cellar), vec![newer.clone(); round], "round {round}");
    }
    for heard in pair.attic.scripted().iter().chain(&pair.cellar.scripted()) {
        assert_eq!(heard.values("eth-consensus-version").len(), 1, "{heard:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_reads_no_ssz_gets_the_same_as_json() {
    let asked = AtomicUsize::new(0);
    let world = world_of(1, 12_000).await;
    let node = StandIn::start(world.nodes()[0].address(), None, move |line| {
        let first = || asked.fetch_add(1, Ordering::SeqCst) == 0;
        line.contains(ATTESTATIONS).then(|| match first() {
            true => say("415 Unsupported Media Type", "Unsupported media type"),
            false => say("200 OK", ""),
        })
    })
    .await;
    let home = Home::start(&Wiring::new().top(GUARD_OFF).own("attic", &format!("http://{}", node.address())));
    home.ready(1).await;
    let ssz = vec![7; 480];
    for requests in [2, 3] {
        _ = post(&home, ATTESTATIONS, "application/octet-stream", ssz.clone()).await.is(200);
        until_heard(&node, requests).await;
    }
    let heard = node.scripted();
    let forms: Vec<_> = heard.iter().flat_map(|heard| heard.values("content-type")).collect();
    assert_eq!(forms, ["application/octet-stream", "application/json", "application/json"], "once in vain");
    assert_eq!(heard[0].body, ssz);
    for rewritten in &heard[1..] {
        let list: Value = serde_json::from_slice(&rewritten.body).expect("JSON");
        let ones = 0x0707_0707_0707_0707_u64.to_string();
        assert_eq!(list.as_array().map(Vec::len), Some(2));
        assert_eq!((&list[1]["attester_index"], &list[1]["data"]["target"]["epoch"]), (&json!(ones), &json!(ones)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lack_is_not_leaked_while_another_node_takes_it() {
    for lack in ["415 Unsupported Media Type", "405 Method Not Allowed", "404 Not Found", "406 Not Acceptable"] {
        let aggregates = "/eth/v2/validator/aggregate_and_proofs";
        let pair = Pair::start(
            move |line| line.contains(aggregates).then(|| say(lack, "no")),
            move |line| line.contains(aggregates).then(|| say("200 OK", "")),
        )
        .await;
        let body = [vec![4, 0, 0, 0], vec![0; 400]].concat();
        let answer = post(&pair.home, aggregates, "application/octet-stream", body).await;
        assert_eq!((answer.status, answer.node()), (200, Some("cellar")), "{lack}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_goes_last_to_a_node_without_its_route() {
    const READ: &str = "/eth/v1/beacon/states/head/committees";
    let world = world_of(2, 12_000).await;
    let act = |answer: Act| move |line: &str| line.contains(READ).then(|| answer.clone());
    let lacks = act(say("404 Not Found", "404 page not found"));
    let attic = StandIn::start(world.nodes()[0].address(), None, lacks).await;
    let has = act(say("200 OK", r#"{"data":[]}"#));
    let cellar = StandIn::start(world.nodes()[1].address(), None, has).await;
    let url = |stand_in: &StandIn| format!("http://{}", stand_in.address());
    // A standby is asked after a full node, whoever leads the view.
    let wiring = Wiring::new().top(GUARD_OFF).own("attic", &url(&attic)).node(
        "cellar",
        &url(&cellar),
        "trust = \"own\"\nparticipation = \"standby\"",
    );
    let home = Home::start(&wiring);
    home.ready(2).await;
    for _ in 0..3 {
        assert_eq!(home.own().get(READ).await.is(200).node(), Some("cellar"));
    }
    assert_eq!((attic.scripted().len(), cellar.scripted().len()), (1, 3), "the first was asked once in vain");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_checks_for_equivocation_and_the_others_get_what_it_let_through() {
    const LEVEL: &str = "broadcast_validation=consensus_and_equivocation";
    let path = format!("{BLOCKS_V2}?{LEVEL}");
    for (status, body, expected) in [("200 OK", "", 200), ("400 Bad Request", r#"{"code":400,"message":"no"}"#, 400)] {
        let act = move |line: &str| line.contains(BLOCKS_V2).then(|| say(status, body));
        let pair = Pair::start(act, act).await;
        let answer = post(&pair.home, &path, "application/json", block(1)).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
        let first = answer.node().expect("one node has answered").to_owned();
        let (checks, other) = if first == "attic" { (&pair.attic, &pair.cellar) } else { (&pair.cellar, &pair.attic) };
        assert_eq!(targets(checks), [path.as_str()], "it checks what was asked for");
        if expected == 200 {
            until_heard(other, 1).await;
            assert_eq!(targets(other), [format!("{BLOCKS_V2}?broadcast_validation=gossip")]);
        } else {
            // The exchanges of a publication are over when it is: then nothing can come any more.
            let Pair { home, attic, cellar, .. } = pair;
            let (_folder, left) = home.stop().await;
            assert_eq!((left, attic.scripted().len() + cellar.scripted().len()), (0, 1), "what was refused went on");
        }
    }
}
