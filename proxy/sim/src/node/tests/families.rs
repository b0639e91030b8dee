//! The manner of every family, seen from outside.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::fault::Fault;
use crate::manner::SszBody;

const SLOT_MS: u64 = 400;

#[tokio::test]
async fn every_family_reports_health_and_sync_in_its_way() {
    let world = world(one_of_each(), SLOT_MS).await;
    // (family, syncing, optimistic, execution client offline, fields of node/syncing), as its source has it.
    let table = [
        (Consensus::Lighthouse, 206, 206, 503, 5),
        (Consensus::Teku, 206, 200, 200, 5),
        (Consensus::Nimbus, 206, 200, 200, 4),
        (Consensus::Lodestar, 206, 206, 206, 5),
        (Consensus::Prysm, 206, 206, 200, 5),
        (Consensus::Grandine, 206, 206, 200, 5),
        (Consensus::Caplin, 206, 200, 200, 3),
    ];
    for (family, when_syncing, when_optimistic, when_el_offline, fields) in table {
        let node = world.node(family.name());
        let health = async |fault: Option<Fault>, query: &str| {
            node.heal();
            fault.into_iter().for_each(|fault| node.fault(fault));
            answer(node, get(&format!("/eth/v1/node/health{query}"))).await.status
        };
        assert_eq!(health(None, "").await, 200, "{family:?}");
        assert_eq!(health(Some(Fault::Syncing(50)), "").await, when_syncing, "{family:?}");
        assert_eq!(health(Some(Fault::Optimistic), "").await, when_optimistic, "{family:?}");
        assert_eq!(health(Some(Fault::ElOffline), "").await, when_el_offline, "{family:?}");
        let custom = if family == Consensus::Nimbus { 206 } else { 299 };
        assert_eq!(health(Some(Fault::Syncing(50)), "?syncing_status=299").await, custom, "{family:?}");
        node.heal();
        let data = syncing(node).await.json()["data"].take();
        assert_eq!(data.as_object().map(serde_json::Map::len), Some(fields), "{family:?} {data}");
        assert!(data["head_slot"].is_string() && data["is_syncing"].is_boolean(), "{family:?} {data}");
    }
}

#[tokio::test]
async fn every_family_has_its_errors_and_its_routes() {
    let world = world(one_of_each(), SLOT_MS).await;
    for family in FAMILIES {
        let node = world.node(family.name());
        let version = answer(node, get("/eth/v1/node/version")).await.json();
        let version = version["data"]["version"].as_str().expect("a version").to_lowercase();
        assert!(version.starts_with(family.name()), "{version}");
        let missing = answer(node, get("/eth/v1/nothing")).await;
        assert_eq!(missing.status, 404, "{family:?}");
        let code = if family == Consensus::Teku { json!("404") } else { json!(404) };
        assert_eq!(missing.json()["code"], code, "{family:?}");
        assert_eq!(kind(&missing), "application/json", "{family:?}");
        assert_eq!(missing.json()["stacktraces"].is_array(), family == Consensus::Lighthouse);
        let wrong_method = Ask { method: Some(Method::DELETE), ..get("/eth/v1/node/syncing") };
        let wanted = if family == Consensus::Lodestar { 404 } else { 405 };
        assert_eq!(answer(node, wrong_method).await.status, wanted, "{family:?}");
        let stranger = answer(node, get("/eth/v1/beacon/states/head/validators/99999")).await;
        assert_eq!(stranger.status, if family == Consensus::Teku { 400 } else { 404 }, "{family:?}");
        let old = answer(node, post("/eth/v1/beacon/pool/attestations", &json!([]))).await;
        assert_eq!(old.status, if family == Consensus::Prysm { 404 } else { 200 }, "{family:?}");
        let selections = answer(node, post("/eth/v1/validator/beacon_committee_selections", &json!([]))).await;
        assert_eq!(selections.status, 501, "{family:?}");
        let announced = syncing(node).await.headers.get("keep-alive").is_some_and(|value| value == "timeout=5");
        assert_eq!(announced, family == Consensus::Lodestar, "{family:?}");
    }
}

#[tokio::test]
async fn every_family_treats_ssz_in_its_way() {
    let world = world(one_of_each(), SLOT_MS).await;
    for family in FAMILIES {
        let node = world.node(family.name());
        let headers = [("content-type", "application/octet-stream"), ("eth-consensus-version", "electra")];
        let body = vec![0; 240];
        let ask = Ask { method: Some(Method::POST), path: "/eth/v2/beacon/pool/attestations", headers: &headers, body };
        let got = answer(node, ask).await;
        match family.manner().ssz_body {
            SszBody::Reads => assert!(got.status == 400 && got.json()["failures"].is_array(), "{family:?}"),
            SszBody::Refuses => {
                assert_eq!((got.status, got.json()), (415, Value::Null), "{family:?} says it in plain text");
            }
            SszBody::Misreads => assert!(got.status == 400 && got.json()["failures"].is_null(), "{family:?}"),
        }
        let path = format!("/eth/v1/validator/attestation_data?slot={}&committee_index=0", world.slot());
        let headers = [("accept", "application/octet-stream;q=1,application/json;q=0.9")];
        let got = answer(node, Ask { headers: &headers, ..get(&path) }).await;
        let ssz = (kind(&got) == "application/octet-stream", got.body.len() == 128);
        assert_eq!(ssz, if family == Consensus::Nimbus { (false, false) } else { (true, true) }, "{family:?}");
        let headers = [("accept", "application/octet-stream"), ("user-agent", "go-eth2-client/0.29")];
        let got = answer(node, Ask { headers: &headers, ..get(&path) }).await;
        let json = matches!(family, Consensus::Nimbus | Consensus::Lodestar);
        assert_eq!(kind(&got) == "application/json", json, "{family:?}: some callers get JSON");
        let ask = Ask { headers: &[], ..post("/eth/v1/validator/prepare_beacon_proposer", &json!([])) };
        let wanted = if family == Consensus::Prysm { 415 } else { 200 };
        assert_eq!(answer(node, ask).await.status, wanted, "{family:?}: a body without a type");
        let headers = [("accept", "application/octet-stream;q=0.5,application/json")];
        let got = answer(node, Ask { headers: &headers, ..get(&path) }).await;
        assert_eq!(kind(&got), "application/json", "{family:?}: the weights count");
    }
}

#[tokio::test]
async fn every_family_tells_a_blocks_worth_in_its_way() {
    let world = world(one_of_each(), 2000).await;
    for family in FAMILIES {
        let path =
            format!("/eth/v3/validator/blocks/{}?randao_reveal={}", world.slot() + 1, crate::digest::hex(&[7; 96]));
        let got = answer(world.node(family.name()), get(&path)).await;
        assert_eq!(got.headers["eth-consensus-version"], "electra", "{family:?}");
        assert_eq!(got.headers["eth-execution-payload-blinded"], "false", "{family:?}");
        assert!(!got.headers["eth-execution-payload-value"].is_empty(), "{family:?}");
        assert_eq!(got.headers["eth-consensus-block-value"].is_empty(), family == Consensus::Prysm, "{family:?}");
        let data = got.json()["data"].take();
        assert_eq!(data["block"]["slot"], (world.slot() + 1).to_string(), "{family:?}");
    }
}

#[tokio::test]
async fn every_family_streams_events_in_its_way() {
    let config = WorldConfig { slot_ms: SLOT_MS, own: 0..0, nodes: one_of_each(), ..WorldConfig::default() };
    let world = World::start(config).await.expect("ports are free");
    for family in FAMILIES {
        let node = world.node(family.name());
        let stream = async |query: &str| open(node, get(&format!("/eth/v1/events?{query}"))).await.expect("an answer");
        let refused = answer(node, get("/eth/v1/events?topics=head,no_such_topic")).await;
        assert_eq!(refused.status, 400, "{family:?}");
        assert!(refused.json()["message"].as_str().expect("a message").contains("no_such_topic"), "{family:?}");
        let twice = stream("topics=head&topics=head").await.status();
        assert_eq!(twice, if family == Consensus::Nimbus { 400 } else { 200 }, "{family:?}");
        let newer = stream("topics=head_v2").await.status();
        let has_newer = matches!(family, Consensus::Lighthouse | Consensus::Teku);
        assert_eq!(newer, if has_newer { 200 } else { 400 }, "{family:?}");
        let both = stream("topics=head,block").await;
        assert_eq!(both.headers()["content-type"], "text/event-stream", "{family:?}");
        let text = read_until(both, "duty_dependent_root").await;
        let spelt = if family == Consensus::Lighthouse { "event:head\ndata:{" } else { "event: head\ndata: {" };
        assert!(text.contains(spelt), "{family:?}: {text}");
        assert!(text.contains("block") && text.ends_with("\n\n"), "{family:?}: {text}");
    }
}

#[tokio::test]
async fn comments_keep_the_stream_of_some_families_alive() {
    let config = WorldConfig { slot_ms: 100, nodes: one_of_each(), ..WorldConfig::default() };
    let world = World::start(config).await.expect("ports are free");
    for family in FAMILIES {
        // A topic that nothing here causes, so that all that comes are comments.
        let response = open(world.node(family.name()), get("/eth/v1/events?topics=voluntary_exit")).await;
        let quiet = matches!(family, Consensus::Nimbus | Consensus::Lodestar);
        assert_eq!(family.manner().stream.keep_alive.is_none(), quiet, "{family:?}");
        if !quiet {
            read_until(response.expect("an answer"), ":\n\n:\n\n").await;
        }
    }
}

#[tokio::test]
async fn the_registry_streams_as_many_validators_as_asked() {
    let spec = NodeSpec { registry_padding: 5_000, ..node("attic") };
    let world = world(vec![spec], SLOT_MS).await;
    let got = answer(world.node("attic"), get("/eth/v1/beacon/states/head/validators")).await;
    assert!(got.body.len() > 5_000 * 400);
    assert_eq!(got.json()["data"].as_array().map(Vec::len), Some(5_064));
}

#[tokio::test]
async fn lodestar_hangs_up_on_idle_connections() {
    let world = world(vec![node("attic")], SLOT_MS).await;
    let mut stream = tokio::net::TcpStream::connect(world.node("attic").address()).await.expect("it accepts");
    stream.write_all(b"GET /eth/v1/node/health HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it reads");
    let mut text = Vec::new();
    // Ends only because the node ends the connection.
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("it hangs up").expect("in order");
    assert!(text.starts_with(b"HTTP/1.1 200"));
}
