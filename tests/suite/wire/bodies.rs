//! Large bodies: they stream through both ways, whole and in order, and a break breaks the caller's answer too.

use http::Method;
use http_body_util::BodyExt;
use rangelight_tests::{Home, Wiring, until};

use super::stand_in::{Act, LARGE, StandIn, pattern};
use super::{signed_block, world_of};

/// As on mainnet: deadlines are parts of a slot, and large bodies take their time on a busy machine.
const SLOT_MS: u64 = 12_000;

/// A listed read that streams.
const READ: &str = "/eth/v2/beacon/pool/attestations";

/// A write that no row lists, which streams.
const WRITE: &str = "/eth/v1/new/thing";

async fn home(act: impl Fn(&str) -> Option<Act> + Send + Sync + 'static) -> (rangelight_sim::World, StandIn, Home) {
    let world = world_of(1, SLOT_MS).await;
    let stand_in = StandIn::start(world.nodes()[0].address(), None, act).await;
    let home = Home::start(&Wiring::new().own("attic", &format!("http://{}", stand_in.address())));
    home.ready(1).await;
    (world, stand_in, home)
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_stream_through() {
    let (_world, _stand_in, home) = home(|line| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n";
        match line {
            line if line.contains("/by/length") => {
                Some(Act::Stream(format!("{head}content-length: {LARGE}\r\n\r\n"), LARGE))
            }
            line if line.contains("/until/the/end") => Some(Act::Stream(format!("{head}\r\n"), LARGE)),
            _ => None,
        }
    })
    .await;
    for (case, path, announced) in
        [("by its length", "/eth/v1/by/length", Some(LARGE as u64)), ("until the end", "/eth/v1/until/the/end", None)]
    {
        let request = home.own().request(Method::GET, path, &[("accept", "application/octet-stream")], "");
        let response = home.own().stream(request).await;
        assert_eq!(response.status(), 200, "{case}");
        let length = response.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        assert_eq!(length, announced, "{case}");
        let body = response.into_body().collect().await.expect("no break").to_bytes();
        assert!(body == pattern(), "{case}: another body, of {} bytes", body.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_break_inside_a_streamed_answer_is_seen_by_the_caller() {
    let (_world, _stand_in, home) = home(|line| {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {LARGE}\r\n\r\n{{\"data\":[");
        line.contains(READ).then_some(Act::Stream(head, 1 << 20))
    })
    .await;
    let request = home.own().request(Method::GET, READ, &[], "");
    let mut response = home.own().stream(request).await;
    assert_eq!(response.status(), 200, "its head was on the way before the break");
    let mut broken = false;
    while let Some(frame) = response.body_mut().frame().await {
        broken |= frame.is_err();
    }
    assert!(broken, "half an answer was passed on as a whole one");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_publications_reach_every_node_whole() {
    let world = world_of(2, SLOT_MS).await;
    let taken = |line: &str| {
        let path = line.starts_with("POST /eth/v2/beacon/blocks");
        path.then(|| Act::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()))
    };
    let first = StandIn::start(world.nodes()[0].address(), None, taken).await;
    let second = StandIn::start(world.nodes()[1].address(), None, taken).await;
    let url = |stand_in: &StandIn| format!("http://{}", stand_in.address());
    let home = Home::start(&Wiring::new().own("attic", &url(&first)).own("cellar", &url(&second)));
    home.ready(2).await;
    let headers = [("content-type", "application/octet-stream"), ("eth-consensus-version", "fulu")];
    let block = signed_block(world.slot(), pattern().to_vec());
    let request = home.own().request(Method::POST, "/eth/v2/beacon/blocks", &headers, block.clone());
    _ = home.own().send(request).await.is(200);
    for stand_in in [&first, &second] {
        let heard = until("both nodes have the block", async || stand_in.scripted().pop()).await;
        assert!(heard.body == block, "another body, of {} bytes", heard.body.len());
        assert_eq!(heard.values("eth-consensus-version"), ["fulu"]);
        assert_eq!(heard.values("content-length"), [LARGE.to_string()], "its length is told beforehand");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unlisted_writes_stream_through() {
    const LIMIT: usize = 16 << 20;
    let (_world, stand_in, home) = home(|line| {
        let told = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}".to_vec();
        line.contains(WRITE).then_some(Act::Say(told))
    })
    .await;
    let body = &pattern()[..LIMIT];
    let headers = [("content-type", "application/x-new")];
    let answer =
        home.own().send(home.own().request(Method::PATCH, &format!("{WRITE}?a=b"), &headers, body)).await.is(201);
    assert_eq!((answer.text().as_str(), answer.node()), ("{}", Some("attic")));
    let heard = stand_in.scripted().pop().expect("the node was asked");
    assert!(heard.body == body, "another body, of {} bytes", heard.body.len());
    assert_eq!(heard.values("content-type"), ["application/x-new"]);
    let above = home.own().request(Method::POST, WRITE, &headers, &pattern()[..=LIMIT]);
    let refused = home.own().send(above).await.is(413);
    assert!(refused.text().contains(&LIMIT.to_string()), "the limit is named: {}", refused.text());
    assert_eq!(stand_in.scripted().len(), 1, "an announced excess reaches no node");
}
