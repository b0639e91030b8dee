//! One line for every fault.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::fault::{Fault, every};
use crate::node::propose::THIEF;

const SLOT_MS: u64 = 300;
const SYNCING: &str = "/eth/v1/node/syncing";

/// Each node has the name of its fault; `good` has none. All blocks are simulated.
async fn faulty_world() -> World {
    let names = every(SLOT_MS).into_iter().map(|fault| node(fault.name())).chain([node("good")]);
    let config = WorldConfig { slot_ms: SLOT_MS, own: 0..0, nodes: names.collect(), ..WorldConfig::default() };
    World::start(config).await.expect("ports are free")
}

fn produce_path(slot: u64) -> String {
    format!("/eth/v3/validator/blocks/{slot}?randao_reveal={}", crate::digest::hex(&[7; 96]))
}

/// Asks for a block of the next slot, at the start of this one, so that there is a whole slot's time to ask.
async fn produce(world: &World, node: &Arc<Node>) -> Answer {
    let slot = world.slot() + 1;
    world.wait_slot(slot).await;
    answer(node, get(&produce_path(slot + 1))).await
}

#[tokio::test]
async fn every_fault_does_what_it_says() {
    let world = faulty_world().await;
    for fault in every(SLOT_MS) {
        let node = world.node(fault.name());
        prepare(node).await;
        node.fault(fault.clone());
        assert_eq!(node.faults(), std::slice::from_ref(&fault));
        shows(&world, node, &fault).await;
        node.heal();
        let healed = async {
            loop {
                if let Ok(answer) = send(node, get(SYNCING)).await
                    && answer.json()["data"]["is_syncing"] == false
                    && answer.json()["data"]["is_optimistic"] == false
                {
                    return;
                }
            }
        };
        assert!(tokio::time::timeout(PATIENCE, healed).await.is_ok(), "{} heals", fault.name());
    }
}

async fn prepare(node: &Arc<Node>) {
    let list: Vec<Value> = (0..64)
        .map(|index: u64| serde_json::json!({"validator_index": index.to_string(), "fee_recipient": OWN}))
        .collect();
    let told = post("/eth/v1/validator/prepare_beacon_proposer", &Value::Array(list));
    assert_eq!(answer(node, told).await.status, 200);
}

const OWN: &str = "0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

async fn shows(world: &World, node: &Arc<Node>, fault: &Fault) {
    let good = world.node("good");
    match fault {
        Fault::Refuse => assert!(send(node, get(SYNCING)).await.is_err()),
        Fault::Restart => {
            assert!(send(node, get(SYNCING)).await.is_err());
            assert!(node.standing().prepared.is_empty(), "it has forgotten");
        }
        Fault::Stall => stalls(node).await,
        Fault::Slow(pause) => {
            let before = tokio::time::Instant::now();
            assert_eq!(syncing(node).await.status, 200);
            assert!(before.elapsed() >= *pause);
        }
        Fault::ResetMidBody => {
            let response = open(node, get(SYNCING)).await.expect("the head comes");
            assert_eq!(response.status(), 200);
            assert!(response.into_body().collect().await.is_err(), "the body does not");
        }
        Fault::Status(status) => {
            let got = syncing(node).await;
            assert_eq!((got.status, got.json()["code"].as_u64()), (*status, Some(u64::from(*status))));
        }
        Fault::Garbage | Fault::Truncate => {
            let got = syncing(node).await;
            assert_eq!((got.status, got.json()), (200, Value::Null));
        }
        Fault::Endless => {
            let mut body = open(node, get(SYNCING)).await.expect("it answers").into_body();
            let mut read = 0;
            while read < 4 << 20 {
                read += body.frame().await.expect("no end").expect("no error").into_data().expect("bytes").len();
            }
        }
        Fault::WrongType => assert!(syncing(node).await.json()["data"]["head_slot"].is_array()),
        Fault::Redirect => {
            let got = syncing(node).await;
            assert!(got.status == 302 && got.headers.contains_key("location"));
        }
        Fault::ErrorBodyWith200 => {
            let got = syncing(node).await;
            assert_eq!((got.status, got.json()["code"].as_u64()), (200, Some(500)));
        }
        Fault::Lag(slots) => {
            let got = syncing(node).await;
            assert!(head_slot(&got) + slots <= world.slot(), "slot {}", world.slot());
            assert_eq!(got.json()["data"]["is_syncing"], false);
        }
        Fault::Frozen => freezes(world, node).await,
        Fault::Fork(_) => forks(world, node, good).await,
        Fault::Optimistic => {
            assert_eq!(syncing(node).await.json()["data"]["is_optimistic"], true);
            assert_eq!(answer(node, get(&data_path(world.slot()))).await.status, 503);
            let root = answer(node, get("/eth/v1/beacon/blocks/head/root")).await;
            assert_eq!(root.json()["execution_optimistic"], true);
        }
        Fault::ElOffline => {
            assert_eq!(syncing(node).await.json()["data"]["el_offline"], true);
            assert_eq!(produce(world, node).await.status, 500);
        }
        Fault::Syncing(_) => {
            assert_eq!(syncing(node).await.json()["data"]["is_syncing"], true);
            assert_eq!(answer(node, get(&data_path(world.slot()))).await.status, 503);
        }
        Fault::LyingFeeRecipient => {
            let paid =
                |answer: Answer| answer.json()["data"]["block"]["body"]["execution_payload"]["fee_recipient"].clone();
            assert_eq!(paid(produce(world, node).await), THIEF.to_string());
            node.heal();
            assert_eq!(paid(produce(world, node).await), OWN);
        }
        Fault::WrongNetwork => {
            let genesis = "/eth/v1/beacon/genesis";
            let (ours, theirs) = (answer(node, get(genesis)).await.json(), answer(good, get(genesis)).await.json());
            assert_ne!(ours["data"]["genesis_validators_root"], theirs["data"]["genesis_validators_root"]);
            assert_ne!(ours["data"]["genesis_fork_version"], theirs["data"]["genesis_fork_version"]);
        }
        Fault::OldSpec => {
            let spec = answer(node, get("/eth/v1/config/spec")).await.json();
            assert_eq!(spec["data"]["ELECTRA_FORK_EPOCH"], u64::MAX.to_string());
            assert_eq!(head_slot(&syncing(node).await), 0, "this network has forked at genesis");
        }
        Fault::ClockSkew(_) => {
            let ahead = crate::vote::number(&syncing(node).await.json()["data"]["sync_distance"]);
            assert!(ahead >= Some(2), "{ahead:?}");
        }
        Fault::CloseIdle => closes_idle(node).await,
        Fault::DropEvents => {
            let path = "/eth/v1/events?topics=head";
            let quiet = open(node, get(path)).await.expect("it opens");
            read_until(open(good, get(path)).await.expect("it opens"), "event: head").await;
            node.heal();
            let told = read_until(quiet, "event: head").await;
            assert_eq!(told.matches("event: head").count(), 1, "only what came after: {told}");
        }
    }
}

fn data_path(slot: u64) -> String {
    format!("/eth/v1/validator/attestation_data?slot={slot}&committee_index=0")
}

async fn stalls(node: &Arc<Node>) {
    let before = node.received_count();
    let asked = {
        let node = Arc::clone(node);
        tokio::spawn(async move { answer(&node, get(SYNCING)).await.status })
    };
    until("it arrives", || node.received_count() > before).await;
    assert!(!asked.is_finished());
    node.heal();
    assert_eq!(asked.await.expect("it is answered when the node goes on"), 200);
}

async fn freezes(world: &World, node: &Arc<Node>) {
    let (slot, head) = (world.slot(), head_slot(&syncing(node).await));
    assert!(head <= slot);
    world.wait_slot(slot + 3).await;
    let got = syncing(node).await.json();
    assert_eq!(got["data"]["head_slot"], head.to_string());
    assert_eq!((&got["data"]["is_syncing"], &got["data"]["sync_distance"]), (&Value::Bool(false), &"0".into()));
    assert_eq!(answer(node, get(&data_path(world.slot()))).await.status, 200, "it goes on answering");
    assert_eq!(produce(world, node).await.status, 500);
}

async fn forks(world: &World, node: &Arc<Node>, good: &Arc<Node>) {
    let parted = world.slot();
    world.wait_slot(parted + 3).await;
    let head = async |of: &Arc<Node>| {
        let header = answer(of, get("/eth/v1/beacon/headers/head")).await.json()["data"].take();
        (header["root"].as_str().expect("a root").to_owned(), crate::vote::number(&header["header"]["message"]["slot"]))
    };
    let ((theirs, slot), (ours, _)) = (head(node).await, head(good).await);
    assert!(slot > Some(parted), "its branch grows");
    for (of, root) in [(node, ours), (good, theirs)] {
        assert_eq!(answer(of, get(&format!("/eth/v1/beacon/headers/{root}"))).await.status, 404, "{root}");
    }
}

async fn closes_idle(node: &Arc<Node>) {
    let mut stream = TcpStream::connect(node.address()).await.expect("it accepts");
    let request = format!("GET {SYNCING} HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut buffer = vec![0; 4096];
    stream.write_all(request.as_bytes()).await.expect("it reads");
    assert!(stream.read(&mut buffer).await.expect("the first is answered") > 0);
    let received = node.received_count();
    stream.write_all(request.as_bytes()).await.expect("it reads");
    assert!(matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)), "the second is not");
    assert_eq!(node.received_count(), received, "nor acted upon");
}
