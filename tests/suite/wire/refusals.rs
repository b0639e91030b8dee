//! What is refused at the door: wrong methods, denied and strange paths, web pages, strangers without a token. Each
//! refusal has the API's shape (the caller looks at that) and names the cure; what is refused reaches no node.

use http::Method;
use rangelight_sim::World;
use rangelight_tests::{Caller, Home, Wiring};
use serde_json::json;

use super::world;

/// A standing submission: whoever may send it decides whom a block pays.
const PREPARE: &str = "/eth/v1/validator/prepare_beacon_proposer";

/// How many requests for a path nodes received.
fn reached(world: &World, path: &str) -> usize {
    let at = |received: &rangelight_sim::node::Received| received.uri.path() == path;
    world.nodes().iter().map(|node| node.received().iter().filter(|received| at(received)).count()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_paths() {
    let world = world(1).await;
    let home = Home::over(&world).await;
    for (method, path, status, said) in [
        (Method::PUT, "/eth/v1/node/health", 405, "takes GET"),
        (Method::DELETE, "/eth/v2/beacon/blocks", 405, "takes POST"),
        (Method::GET, "/eth/v1/beacon/blocks/head", 404, "use /eth/v2/beacon/blocks/"),
        (Method::GET, "/eth/v1/node/identity", 404, "ask the beacon node itself"),
        (Method::GET, "/eth/v1/node/peers", 404, "ask the beacon node itself"),
        (Method::GET, "/eth/v2/debug/beacon/states/head", 404, "ask the beacon node itself"),
        (Method::POST, "/eth/v1/beacon/execution_payload_bids", 404, "ask the beacon node itself"),
        (Method::GET, "/eth/v1/keystores", 404, "administration"),
        (Method::DELETE, "/eth/v1/keystores", 404, "administration"),
        (Method::POST, "/lighthouse/liveness", 404, "administration"),
        (Method::GET, "/metrics", 404, "administration"),
        (Method::GET, "/eth/v1/../v1/node/syncing", 400, ""),
        (Method::GET, "/eth/v1/node/%2e%2e/node/syncing", 400, ""),
        (Method::GET, "/eth//v1/node/syncing", 400, "empty segment"),
        (Method::GET, "/eth/v1/node%2fsyncing", 400, ""),
        (Method::GET, "/eth/v1/node/syncing/", 400, ""),
        (Method::GET, "/eth/v1/node/%zz", 400, ""),
        (Method::GET, "/eth/v1/node/syncing%00", 400, ""),
        (Method::POST, "/eth/v1/beacon/states/head%0d%0ax/validators", 400, ""),
    ] {
        let before: u64 =
            world.nodes()[0].received().iter().filter(|received| received.uri.path() == path).count() as u64;
        let request = home.own().request(method.clone(), path, &[("content-type", "application/json")], "");
        let answer = home.own().send(request).await.is(status);
        assert!(answer.text().contains(said), "{method} {path}: {}", answer.text());
        let allowed = answer.header("allow");
        assert_eq!(!allowed.is_empty(), status == 405, "{method} {path}: Allow is {allowed:?}");
        assert_eq!(reached(&world, path) as u64, before, "{method} {path} reached a node");
    }
}

/// Header lines.
type Lines = &'static [(&'static str, &'static str)];

/// What a browser or a rebound name sends, and whether it gets in.
fn callers() -> Vec<(&'static str, Lines, bool)> {
    vec![
        ("a program", &[], true),
        ("a page somewhere", &[("origin", "https://evil.example")], false),
        ("a page without a name", &[("origin", "null")], false),
        ("a page of another site, without Origin", &[("sec-fetch-site", "cross-site")], false),
        ("a page of a sister site", &[("sec-fetch-site", "same-site")], false),
        ("a program on Node", &[("sec-fetch-mode", "cors")], true),
        ("typed into the address bar", &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], true),
        ("a rebound name", &[("host", "evil.example")], false),
        ("a rebound name with our port", &[("host", "evil.example:5055")], false),
        ("a name of the home", &[("host", "rangelight.lan:5055")], true),
        ("a name without a dot", &[("host", "staking")], true),
        ("the allowed page", &[("origin", "https://page.example")], true),
        ("the allowed name", &[("host", "beacon.example:5055")], true),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_set_no_fee_recipient() {
    let world = world(1).await;
    let open = "address = \"127.0.0.1:0\"\nhosts = [\"beacon.example\"]\norigins = [\"https://page.example\"]";
    let home = Home::start(&Wiring::all_own(&world).listen(open).admin(open));
    home.ready(1).await;
    let ask = async |caller: &Caller, method: Method, path: &str, headers: &[(&str, &str)], body: &str| {
        let headers: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
        caller.send(caller.request(method, path, &headers, body.to_owned())).await
    };
    for (name, headers, let_in) in callers() {
        let before = reached(&world, PREPARE);
        let answer = ask(home.own(), Method::POST, PREPARE, headers, "[]").await;
        assert_eq!(answer.status, if let_in { 200 } else { 403 }, "{name}: {}", answer.text());
        assert_eq!(reached(&world, PREPARE) - before, usize::from(let_in), "{name}: what reached the node");
        let cordon = ask(home.admin(), Method::POST, "/nodes/attic/uncordon", headers, "").await;
        assert_eq!(cordon.status, if let_in { 200 } else { 403 }, "{name}, admin: {}", cordon.text());
        if !let_in {
            for answer in [&answer, &cordon] {
                let cure = ["origins = [", "hosts = ["].iter().any(|cure| answer.text().contains(cure));
                assert!(cure, "{name}: the line to add is not named: {}", answer.text());
                assert!(!answer.headers.contains_key("access-control-allow-origin"), "{name}");
            }
        }
    }
    let preflight = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    _ = ask(home.own(), Method::OPTIONS, PREPARE, &preflight, "").await.is(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_with_a_token() {
    let world = world(1).await;
    let folder = rangelight_tests::Folder::new();
    folder.write("own-token", "let-me-in-please\n");
    let wiring = Wiring::all_own(&world).listen("address = \"127.0.0.1:0\"\ntoken_file = \"own-token\"");
    let home = Home::start_in(folder, &wiring, &rangelight::limits::Limits::default());
    home.ready(1).await;
    for (name, shown, status) in [
        ("none", None, 401),
        ("the right one", Some("Bearer let-me-in-please"), 200),
        ("another", Some("Bearer let-me-in-pleasE"), 401),
        ("a beginning", Some("Bearer let-me-in"), 401),
        ("another scheme", Some("Basic let-me-in-please"), 401),
    ] {
        let headers: Vec<(&str, &str)> = shown.map(|shown| ("authorization", shown)).into_iter().collect();
        let before = reached(&world, PREPARE);
        let answer = home.own().send(home.own().request(Method::POST, PREPARE, &headers, json!([]).to_string())).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert_eq!(answer.header("www-authenticate"), if status == 401 { "Bearer" } else { "" }, "{name}");
        assert_eq!(reached(&world, PREPARE) - before, usize::from(status == 200), "{name}: what reached the node");
    }
    let leaked = world.nodes()[0].received().iter().any(|received| received.headers.contains_key("authorization"));
    assert!(!leaked, "the token of the listener went to a node");
}
