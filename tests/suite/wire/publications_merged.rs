//! What the caller hears where several nodes have said something else: of lists item by item, of blocks the best.

use std::time::Duration;

use rangelight_sim::World;
use rangelight_tests::{Home, Wiring};
use serde_json::{Value, json};

use super::GUARD_OFF;
use super::publications_forms::{block, post};
use super::stand_in::{Act, StandIn};
use super::world_of;

const ATTESTATIONS: &str = "/eth/v2/beacon/pool/attestations";
const BLOCKS: &str = "/eth/v2/beacon/blocks";

/// Two own nodes behind stand-ins. Slots are long, so that no time of the policy is at its floor.
pub(super) struct Pair {
    pub(super) home: Home,
    pub(super) attic: StandIn,
    pub(super) cellar: StandIn,
    _world: World,
}

impl Pair {
    /// Each with its script.
    pub(super) async fn start(
        attic: impl Fn(&str) -> Option<Act> + Send + Sync + 'static,
        cellar: impl Fn(&str) -> Option<Act> + Send + Sync + 'static,
    ) -> Self {
        let world = world_of(2, 12_000).await;
        let attic = StandIn::start(world.nodes()[0].address(), None, attic).await;
        let cellar = StandIn::start(world.nodes()[1].address(), None, cellar).await;
        let url = |stand_in: &StandIn| format!("http://{}", stand_in.address());
        let home = Home::start(&Wiring::new().top(GUARD_OFF).own("attic", &url(&attic)).own("cellar", &url(&cellar)));
        home.ready(2).await;
        Self { home, attic, cellar, _world: world }
    }
}

/// The bytes of an answer in JSON, or without a body.
fn bytes(status: &str, body: &str) -> Vec<u8> {
    let media = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    format!("HTTP/1.1 {status}\r\n{media}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An answer in JSON, or without a body.
pub(super) fn say(status: &str, body: &str) -> Act {
    Act::Say(bytes(status, body))
}

/// Both nodes answer a path so.
async fn pair(path: &'static str, attic: &Act, cellar: &Act) -> Pair {
    let script = |act: &Act| {
        let act = act.clone();
        move |line: &str| line.contains(path).then(|| act.clone())
    };
    Pair::start(script(attic), script(cellar)).await
}

/// Failures as the specification writes them.
fn failures(status: &str, places: &[u64]) -> Act {
    let code: u16 = status[..3].parse().expect("a status");
    let all: Vec<Value> = places.iter().map(|at| json!({"index": at, "message": format!("bad {at}")})).collect();
    say(status, &json!({"code": code, "message": "some failed", "failures": all}).to_string())
}

/// As Teku writes them.
fn strings(places: &[u64]) -> Act {
    let all: Vec<Value> =
        places.iter().map(|at| json!({"index": at.to_string(), "message": format!("bad {at}")})).collect();
    say("400 Bad Request", &json!({"code": "400", "message": "some failed", "failures": all}).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_merged_item_by_item() {
    const BAD: &str = "400 Bad Request";
    const FAULT: &str = "500 Internal Server Error";
    let late = json!({"code": 400, "message": "m", "failures": [{"index": 0, "message": "UnknownHeadBlock"},
        {"index": 1, "message": "UnknownHeadBlock"}, {"index": 2, "message": "UnknownHeadBlock"}]});
    let late = say(BAD, &late.to_string());
    let syncing = say("503 Service Unavailable", r#"{"code":503,"message":"syncing"}"#);
    let malformed = say(BAD, r#"{"code":400,"message":"cannot be read"}"#);
    let silent = Act::Hang(Vec::new());
    for (case, attic, cellar, status, places) in [
        ("Teku's strings and Prysm's 500, the same item", strings(&[1]), failures(FAULT, &[1]), 400, vec![1]),
        ("each refuses another", strings(&[1, 2]), failures(FAULT, &[0]), 200, vec![]),
        ("only the common ones", strings(&[2, 0]), failures(BAD, &[0, 2, 1]), 400, vec![0, 2]),
        ("one refuses, one is silent", strings(&[2]), silent.clone(), 400, vec![2]),
        ("one refuses, one is syncing", strings(&[0]), syncing.clone(), 400, vec![0]),
        ("nobody can judge now", late.clone(), syncing.clone(), 500, vec![]),
        ("late here, taken there", late, failures(BAD, &[1]), 400, vec![1]),
        ("all are syncing", syncing.clone(), syncing, 503, vec![]),
        ("malformed for all", malformed.clone(), malformed.clone(), 400, vec![0, 1, 2]),
        ("malformed, one is silent", malformed, silent, 500, vec![]),
    ] {
        let pair = pair(ATTESTATIONS, &attic, &cellar).await;
        let answer = pair.home.own().post(ATTESTATIONS, &json!([{"a": 1}, {"a": 2}, {"a": 3}])).await;
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
        if status == 200 {
            assert_eq!(answer.text(), "", "{case}");
            continue;
        }
        let body = answer.json();
        assert_eq!(body["code"], status, "{case}: {body}");
        let listed: Vec<u64> = body["failures"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|failure| failure["index"].as_u64().unwrap_or_else(|| panic!("{case}: no number: {body}")))
            .collect();
        assert_eq!(listed, places, "{case}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_waits_a_little_for_a_node_that_imports_it() {
    let sent_on = say("202 Accepted", "");
    let known = say("202 Accepted", r#"{"code":202,"message":"duplicate block"}"#);
    let refused_known = say("400 Bad Request", r#"{"code":400,"message":"block is already known"}"#);
    let refused = say("400 Bad Request", r#"{"code":400,"message":"invalid"}"#);
    let late = Act::Late(Duration::from_millis(100), bytes("200 OK", ""));
    let silent = Act::Hang(Vec::new());
    for (case, attic, cellar, status, node) in [
        ("one imports it later", &sent_on, &late, 200, Some("cellar")),
        ("one knew it, one imports it later", &known, &late, 200, Some("cellar")),
        ("nobody else answers", &sent_on, &silent, 202, Some("attic")),
        ("known is worth more than sent on", &sent_on, &known, 202, Some("cellar")),
        ("a refusal that means known is no import", &refused_known, &silent, 202, Some("attic")),
        ("sent on beats a refusal", &refused, &sent_on, 202, Some("cellar")),
    ] {
        let pair = pair(BLOCKS, attic, cellar).await;
        let answer = post(&pair.home, BLOCKS, "application/json", block(1_000_000)).await;
        assert_eq!((answer.status, answer.node()), (status, node), "{case}: {}", answer.text());
        assert_eq!(answer.text(), "", "{case}: a success has no body");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_the_view_has_come_to_is_imported() {
    let sent_on = say("202 Accepted", "");
    let pair = pair(BLOCKS, &sent_on, &sent_on).await;
    // The view stands at the head that the nodes have told; a slot lasts longer than this takes.
    let head = pair.home.own().get("/eth/v1/beacon/headers/head").await.ok().json();
    let slot = head["data"]["header"]["message"]["slot"].as_str().and_then(|slot| slot.parse().ok());
    let answer = post(&pair.home, BLOCKS, "application/json", block(slot.expect("a slot"))).await.is(200);
    assert!(answer.node().is_some(), "and the nodes that have it are named");
    let answer = post(&pair.home, BLOCKS, "application/json", block(1_000_000)).await;
    assert_eq!(answer.status, 202, "of another one nothing is known");
}
