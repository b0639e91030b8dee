//! Nodes that misbehave in one way each: with a good node behind them the caller gets that one's answer; alone, a
//! refusal that names the node and what it did, in time, with evidence.
//!
//! The bad node is ready by all that it says of itself, so it is asked first: the good one is a standby. That makes each
//! case one that only the judgement of the answer itself can catch.

use std::time::{Duration, Instant};

use http::Method;
use rangelight_sim::Fault;
use rangelight_tests::{Answer, Home, Wiring, until};
use serde_json::{Value, json};

use super::stand_in::{Act, StandIn};
use super::{NAMES, world};

/// A read that gates a signature; its answer is small and read whole.
const READ: &str = "/eth/v1/validator/attestation_data";

/// No deadline of [`READ`] is longer: a third of a slot, at least two seconds; the rest is for a busy machine.
const DEADLINE: Duration = Duration::from_secs(10);

/// Ways to answer, with a part of the reason that is given for them.
fn ways() -> Vec<(&'static str, Act, &'static str)> {
    let say = |head: &str, body: &str| Act::Say(format!("HTTP/1.1 {head}\r\n\r\n{body}").into_bytes());
    let whole = |status: &str, media: &str, body: &str| {
        say(&format!("{status}\r\ncontent-type: {media}\r\ncontent-length: {}", body.len()), body)
    };
    let media = "application/json";
    let promised = "200 OK\r\ncontent-type: application/json\r\ncontent-length: 400";
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-type: {media}\r\n\r\n{{\"data\":\"");
    let root = format!("0x{}", "5a".repeat(32));
    let checkpoint = json!({"epoch": "0", "root": root});
    let unverified = json!({
        "execution_optimistic": true,
        "data": {"slot": "1", "index": "0", "beacon_block_root": root, "source": checkpoint, "target": checkpoint},
    })
    .to_string();
    vec![
        ("garbage", whole("200 OK", media, "\u{1}\u{2}\u{fffd}not an answer"), "is no Beacon API answer"),
        ("cut off by its own length", whole("200 OK", media, "{\"data\":{\"slot\":"), "cut off"),
        ("shorter than promised", say(promised, "{\"data\":{"), "inside its answer"),
        ("a reset inside the body", Act::Say(format!("HTTP/1.1 {promised}\r\n\r\n").into_bytes()), "inside its answer"),
        ("no end", Act::Stream(endless, 1 << 30), ""),
        ("no data", whole("200 OK", media, "{\"execution_optimistic\":false}"), ""),
        ("nothing", whole("200 OK", media, ""), "an empty body"),
        ("an error that says 200", whole("200 OK", media, "{\"code\":500,\"message\":\"internal\"}"), "internal"),
        ("a web page", whole("200 OK", "text/html", "<html>Login</html>"), "not asked for"),
        ("a web page called JSON", whole("200 OK", media, "<html>Login</html>"), "is no Beacon API answer"),
        ("SSZ to one who wants JSON", whole("200 OK", "application/octet-stream", &"x".repeat(128)), "not asked for"),
        ("a redirect", whole("307 Temporary Redirect\r\nlocation: /elsewhere", media, "{}"), "a redirect"),
        ("moved for good", whole("301 Moved\r\nlocation: http://127.0.0.1:1/", media, "{}"), "a redirect"),
        ("a gateway's trouble", whole("502 Bad Gateway", "text/html", "<h1>Bad Gateway</h1>"), "502"),
        ("not now", whole("503 Service Unavailable", media, "{\"code\":503,\"message\":\"syncing\"}"), "syncing"),
        ("its own auth", whole("401 Unauthorized", media, "{}"), "401"),
        ("its own limits", whole("429 Too Many Requests", media, "{}"), "429"),
        ("an unverified head", whole("200 OK", media, &unverified), "verified"),
        ("wrong types", whole("200 OK", media, &unverified.replace("\"1\"", "{}")), "is no Beacon API answer"),
        ("no HTTP", Act::Say(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), "not HTTP"),
        ("two lengths", say("200 OK\r\ncontent-length: 2\r\ncontent-length: 3", "{}"), "not HTTP"),
        ("a reset", Act::Reset, "without an answer"),
        ("an end", Act::Say(Vec::new()), "without an answer"),
        ("silence", Act::Hang(Vec::new()), "in time"),
        ("silence after the head", Act::Hang(format!("HTTP/1.1 {promised}\r\n\r\n").into_bytes()), ""),
    ]
}

/// The evidence about a path: of the newest race.
async fn evidence(home: &Home, path: &str) -> Value {
    let records = home.admin().get("/evidence").await.ok().json();
    let about = |record: &&Value| record["path"] == path;
    records.as_array().and_then(|records| records.iter().find(about).cloned()).unwrap_or_default()
}

async fn ask(home: &Home, slot: u64) -> (Answer, Duration) {
    let begun = Instant::now();
    let answer = home.own().get(&format!("{READ}?slot={slot}&committee_index=0")).await;
    (answer, begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_answer_costs_nothing_while_another_node_is_good() {
    let world = world(2).await;
    for (case, act, reason) in ways() {
        let bad =
            StandIn::start(world.nodes()[0].address(), None, move |line| line.contains(READ).then(|| act.clone()))
                .await;
        let good = world.nodes()[1].url();
        let wiring = Wiring::new().own("bad", &format!("http://{}", bad.address())).node(
            "good",
            &good,
            "trust = \"own\"\nparticipation = \"standby\"",
        );
        let home = Home::start(&wiring);
        home.ready(2).await;
        let (answer, took) = ask(&home, world.slot()).await;
        assert_eq!((answer.status, answer.node()), (200, Some("good")), "{case}: {}", answer.text());
        assert!(took < DEADLINE, "{case}: took {took:?}");
        assert!(!bad.scripted().is_empty(), "{case}: the bad node was not asked at all");
        let record = evidence(&home, READ).await;
        let asked: Vec<&str> =
            record["asked"].as_array().into_iter().flatten().filter_map(|line| line["node"].as_str()).collect();
        assert_eq!(asked, ["bad", "good"], "{case}: {record}");
        // A node that is still silent when the answer is there has no reason yet.
        let said = record["asked"][0]["reason"].as_str().unwrap_or_default();
        assert!(said.is_empty() || said.contains(reason), "{case}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_it_is_named_with_its_reason() {
    let world = world(1).await;
    for (case, act, reason) in ways() {
        let bad =
            StandIn::start(world.nodes()[0].address(), None, move |line| line.contains(READ).then(|| act.clone()))
                .await;
        let home = Home::start(&Wiring::new().own("bad", &format!("http://{}", bad.address())));
        home.ready(1).await;
        let (answer, took) = ask(&home, world.slot()).await;
        assert_eq!((answer.status, answer.node()), (503, None), "{case}: {}", answer.text());
        assert!(answer.text().contains("bad ("), "{case}: the node is not named: {}", answer.text());
        assert!(answer.text().contains(reason), "{case}: {}", answer.text());
        assert!(took < DEADLINE, "{case}: took {took:?}");
        let record = evidence(&home, READ).await;
        assert_eq!(record["status"], 503, "{case}: {record}");
        assert_eq!(record["asked"][0]["node"], "bad", "{case}: {record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_network_is_shown_and_never_asked() {
    let world = world(3).await;
    world.fault("shed", Fault::WrongNetwork);
    let home = Home::start(&Wiring::own_and_friends(&world, &["attic", "cellar"]));
    home.ready(2).await;
    home.until_tier("shed", "foreign").await;
    let reads =
        |path: &str| world.node("shed").received().iter().filter(|received| received.uri.path() == path).count();
    for name in ["attic", "cellar"] {
        world.fault(name, Fault::Refuse);
        home.until_tier(name, "away").await;
    }
    let (answer, _) = ask(&home, world.slot()).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    for name in NAMES {
        assert!(answer.text().contains(&format!("{name} (")), "{name} is not named: {}", answer.text());
    }
    assert!(answer.text().contains("shed (not asked: "), "{}", answer.text());
    assert_eq!(reads(READ), 0, "a node of another network was asked");
    let exits = "/eth/v1/beacon/pool/voluntary_exits";
    _ = home.own().post(exits, &json!({})).await.is(503);
    assert_eq!(reads(exits), 0, "a message went to another network");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlisted_read_fails_over_and_an_unlisted_write_is_never_sent_twice() {
    const PATH: &str = "/eth/v1/beacon/new/thing";
    let world = world(2).await;
    let mut stand_ins = Vec::new();
    for node in world.nodes() {
        let act = |line: &str| line.contains(PATH).then_some(Act::Reset);
        stand_ins.push(StandIn::start(node.address(), None, act).await);
    }
    let url = |at: usize| format!("http://{}", stand_ins[at].address());
    let home = Home::start(&Wiring::new().own("attic", &url(0)).own("cellar", &url(1)));
    home.ready(2).await;
    let heard = |method: &str| {
        let of_method =
            |stand_in: &StandIn| stand_in.scripted().iter().filter(|heard| heard.line.starts_with(method)).count();
        stand_ins.iter().map(of_method).collect::<Vec<_>>()
    };
    let read = home.own().get(PATH).await.is(503);
    assert!(heard("GET").iter().all(|count| *count > 0), "the read went to {:?} only", heard("GET"));
    assert!(read.text().contains("attic (") && read.text().contains("cellar ("), "{}", read.text());
    let write = home.own().request(Method::POST, PATH, &[("content-type", "application/json")], "{}");
    let write = home.own().send(write).await;
    assert_eq!(heard("POST").iter().sum::<usize>(), 1, "sent {:?} times", heard("POST"));
    assert!((500..600).contains(&write.status), "{}", write.text());
    let taken = NAMES[heard("POST").iter().position(|count| *count == 1).expect("one has it")];
    assert!(write.text().contains(taken), "the node is not named: {}", write.text());
    let told = until("the evidence of the write", async || {
        let record = evidence(&home, PATH).await;
        (record["operation"] == "unlisted_write").then_some(record)
    })
    .await;
    assert_eq!(told["asked"][0]["node"], taken, "{told}");
}
