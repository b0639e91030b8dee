//! Headers and targets: what goes through, what stays at the door, and how we introduce ourselves to each node.

use http::Method;
use rangelight_tests::{Folder, Home, Wiring, until};
use serde_json::json;

use super::stand_in::{Act, Heard, StandIn};
use super::world;

/// A listed read whose answer the stand-in writes.
const READ: &str = "/eth/v1/beacon/states/head/fork";

fn answer(headers: &str) -> Act {
    let body = r#"{"data":{"epoch":"1"}}"#;
    Act::Say(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes())
}

/// The requests for a path that reached the stand-in.
fn asked(stand_in: &StandIn, path: &str) -> Vec<Heard> {
    let target = |heard: &Heard| heard.line.split(' ').nth(1).is_some_and(|target| target.starts_with(path));
    stand_in.heard().into_iter().filter(target).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reaches_a_node() {
    let world = world(1).await;
    let stand_in = StandIn::start(world.nodes()[0].address(), None, |line| {
        line.contains(READ).then(|| answer("content-type: application/json\r\n"))
    })
    .await;
    let home = Home::start(&Wiring::new().own("attic", &format!("http://{}", stand_in.address())));
    home.ready(1).await;
    let query = "new=%2C%2c,&b&b=&=x&c=+%20~!$'()*;:@/?&id=1&id=2";
    let sent = [
        ("user-agent", "Lighthouse/v9"),
        ("authorization", "Bearer ours-alone"),
        ("cookie", "session=ours-alone"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip"),
        ("connection", "keep-alive, X-Hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("proxy-authorization", "Basic eA=="),
        ("eth-new-thing", "kept"),
        ("x-request-id", "kept"),
    ];
    let request = home.own().request(Method::GET, &format!("{READ}?{query}"), &sent, "");
    _ = home.own().send(request).await.is(200);
    let heard = asked(&stand_in, READ).pop().expect("the node was asked");
    assert_eq!(heard.line, format!("GET {READ}?{query} HTTP/1.1"), "path and query, byte for byte");
    for (name, values) in [
        ("eth-new-thing", vec!["kept"]),
        ("x-request-id", vec!["kept"]),
        ("accept", vec!["application/json"]),
        ("host", vec![&*stand_in.address().to_string()]),
        ("authorization", vec![]),
        ("cookie", vec![]),
        ("connection", vec![]),
        ("x-hop", vec![]),
        ("keep-alive", vec![]),
        ("te", vec![]),
        ("upgrade", vec![]),
        ("proxy-authorization", vec![]),
        // Answers are judged by their first bytes, so nothing compressed is asked for.
        ("accept-encoding", vec![]),
    ] {
        assert_eq!(heard.values(name), values, "{name}");
    }
    let agents: Vec<&str> = heard.values("user-agent");
    assert!(matches!(agents[..], [agent] if agent.starts_with("rangelight/")), "{agents:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reaches_the_caller() {
    let world = world(1).await;
    let strange = "Content-Type: application/json\r\nKeep-Alive: timeout=72\r\nConnection: keep-alive, X-Hop\r\n\
                   X-Hop: 1\r\nProxy-Authenticate: Basic\r\nTrailer: x\r\nUpgrade: h2c\r\nServer: Lighthouse\r\nVia: 1.1 x\r\n\
                   Set-Cookie: a=b\r\nX-Powered-By: Express\r\nAccess-Control-Allow-Origin: *\r\nVary: accept\r\n\
                   Vary: origin\r\nEth-Consensus-Version: gloas\r\nEth-New-Thing: first\r\nEth-New-Thing: second\r\n\
                   X-Rangelight-Node: a liar\r\n";
    let stand_in =
        StandIn::start(world.nodes()[0].address(), None, move |line| line.contains(READ).then(|| answer(strange)))
            .await;
    let home = Home::start(&Wiring::new().own("attic", &format!("http://{}", stand_in.address())));
    home.ready(1).await;
    // The caller itself fails on hop-by-hop and repeated headers.
    let got = home.own().get(READ).await.is(200);
    for (name, value) in [
        ("content-type", "application/json"),
        ("eth-consensus-version", "gloas"),
        ("eth-new-thing", "first"),
        ("x-rangelight-node", "attic"),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let dropped = ["x-hop", "trailer", "server", "via", "set-cookie", "x-powered-by", "access-control-allow-origin"];
    for name in dropped {
        assert!(!got.headers.contains_key(name), "{name} of a node went through");
    }
    assert_eq!(got.json(), json!({"data": {"epoch": "1"}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_we_introduce_ourselves_to_each_node() {
    let world = world(1).await;
    let folder = Folder::new();
    folder.write("token", "from-a-file\n");
    for (case, user, lines, name, wanted) in [
        ("a user in the URL", "us%40er:pa%3Ass@", "", "authorization", "Basic dXNAZXI6cGE6c3M="),
        ("a token file", "", "token_file = \"token\"", "authorization", "Bearer from-a-file"),
        ("a header", "", "headers = { X-Api-Key = \"key\" }", "x-api-key", "key"),
        (
            "a header with a scheme of its own",
            "",
            "headers = { Authorization = \"Token t\" }",
            "authorization",
            "Token t",
        ),
    ] {
        let stand_in = StandIn::start(world.nodes()[0].address(), None, |_| None).await;
        let url = format!("http://{user}{}", stand_in.address());
        let folder = Folder::new();
        folder.write("token", "from-a-file\n");
        let wiring = Wiring::new().node("attic", &url, &format!("trust = \"own\"\n{lines}"));
        let home = Home::start_in(folder, &wiring, &rangelight::limits::Limits::default());
        home.ready(1).await;
        let theirs = [("authorization", "Bearer the-caller's"), ("x-api-key", "the caller's")];
        _ = home.own().send(home.own().request(Method::GET, READ, &theirs, "")).await.is(200);
        _ = home.own().post("/eth/v1/beacon/pool/voluntary_exits", &json!({})).await.is(200);
        until("the event stream and the probes came too", async || {
            ["/eth/v1/events", "/eth/v1/node/syncing", READ, "/eth/v1/beacon/pool"]
                .iter()
                .all(|path| !asked(&stand_in, path).is_empty())
        })
        .await;
        for heard in stand_in.heard() {
            assert_eq!(heard.values(name), [wanted], "{case}: {}", heard.line);
        }
        let shown = home.status().await.to_string();
        for secret in [wanted, "from-a-file", "pa%3Ass"] {
            assert!(!shown.contains(secret) || secret == "key", "{case}: the status shows a secret: {shown}");
        }
    }
}
