//! The guard, over sockets: two validator clients with the same keys before one Rangelight, and only one message of each
//! duty reaches any node, whatever is sent at which moment, and whatever ends us in between.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http::Method;
use rangelight::guard::place;
use rangelight::guard::store::Store;
use rangelight::limits::Limits;
use rangelight::state::State;
use rangelight_policy::slashing::{Deed, Named};
use rangelight_sim::World;
use rangelight_tests::call::Answer;
use rangelight_tests::{Caller, Folder, Home, Program, Wiring, program, seeds, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::stand_in::{Act, StandIn};
use super::{NAMES, signed_block, world_of};

const VOTES: &str = "/eth/v2/beacon/pool/attestations";
const BLOCKS: &str = "/eth/v2/beacon/blocks";
const BLINDED: &str = "/eth/v2/beacon/blinded_blocks";

/// Two validator clients, as their callers know them apart.
const CLIENTS: [&str; 2] = ["one/1.0", "two/2.0"];

/// Two nodes that take every attestation and block, and keep what they got.
struct Stage {
    world: World,
    nodes: Vec<StandIn>,
}

impl Stage {
    async fn set() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await
    }

    async fn answering(answer: &'static str) -> Self {
        // Long epochs, so that what is written at a test's beginning is still of the epoch at its end.
        let world = world_of(2, 4_000).await;
        let mut nodes = Vec::new();
        for node in world.nodes() {
            let script = move |line: &str| {
                let ours = ["/pool/attestations", "/beacon/blocks ", "/blinded_blocks "];
                let ours = line.starts_with("POST") && ours.iter().any(|path| line.contains(path));
                ours.then(|| Act::Say(answer.as_bytes().to_vec()))
            };
            nodes.push(StandIn::start(node.address(), None, script).await);
        }
        Self { world, nodes }
    }

    fn wiring(&self) -> Wiring {
        let nodes = NAMES.iter().zip(&self.nodes);
        nodes.fold(Wiring::new(), |wiring, (name, node)| wiring.own(name, &format!("http://{}", node.address())))
    }

    async fn home(&self) -> Home {
        let home = Home::start(&self.wiring());
        home.ready(2).await;
        home
    }

    /// The epoch it is; the suite's worlds have eight slots in one.
    fn epoch(&self) -> u64 {
        self.world.slot() / 8
    }

    /// A vote of this epoch whose signature is this number.
    fn vote(&self, validator: u64, signature: u64) -> Value {
        vote(self.epoch(), validator, signature)
    }

    /// Everything that any node got, as (validator, target) → signatures.
    fn reached(&self) -> BTreeMap<(u64, u64), BTreeSet<String>> {
        let mut reached: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for heard in self.nodes.iter().flat_map(StandIn::scripted) {
            let Ok(Value::Array(votes)) = serde_json::from_slice(&heard.body) else { continue };
            for vote in votes {
                let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok());
                let validator = number(&vote["attester_index"]).expect("it has one");
                let target = number(&vote["data"]["target"]["epoch"]).expect("it has one");
                let signature = vote["signature"].as_str().expect("it has one").to_owned();
                reached.entry((validator, target)).or_default().insert(signature);
            }
        }
        reached
    }

    fn posts(&self) -> usize {
        self.nodes.iter().map(|node| node.scripted().len()).sum()
    }
}

fn vote(epoch: u64, validator: u64, signature: u64) -> Value {
    let root = format!("0x{signature:064x}");
    let source = epoch.saturating_sub(1);
    json!({"committee_index": "0", "attester_index": validator.to_string(), "signature": format!("0x{signature:0192x}"),
        "data": {"slot": (epoch * 8).to_string(), "index": "0", "beacon_block_root": root,
            "source": {"epoch": source.to_string(), "root": root}, "target": {"epoch": epoch.to_string(), "root": root}}})
}

fn block(slot: u64, signature: u64) -> Value {
    json!({"message": {"slot": slot.to_string(), "proposer_index": "7", "body": {}},
        "signature": format!("0x{signature:0192x}")})
}

async fn post(caller: &Caller, path: &str, client: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json"), ("user-agent", client), ("eth-consensus-version", "electra")];
    caller.send(caller.request(Method::POST, path, &headers, body.to_string())).await
}

fn failures(answer: &Answer) -> Vec<(u64, String)> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let items = body["failures"].as_array().into_iter().flatten();
    items.filter_map(|item| Some((item["index"].as_u64()?, item["message"].as_str()?.to_owned()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_clients_with_the_same_keys_one_gets_each_duty() {
    const KEYS: u64 = 40;
    let stage = Arc::new(Stage::set().await);
    let home = Arc::new(stage.home().await);
    let epoch = stage.epoch();
    let mut clients = JoinSet::new();
    for key in 0..KEYS {
        for (number, client) in CLIENTS.into_iter().enumerate() {
            let home = Arc::clone(&home);
            clients.spawn(async move {
                let body = json!([vote(epoch, key, number as u64 + 1)]);
                let answer = post(home.own(), VOTES, client, &body).await;
                // Again, as a client does that was not sure.
                let again = post(home.own(), VOTES, client, &body).await;
                assert_eq!(answer.status, again.status, "the same question has the same answer");
                (key, answer.status)
            });
        }
    }
    let mut accepted: HashMap<u64, usize> = HashMap::new();
    for (key, status) in clients.join_all().await {
        assert!(matches!(status, 200 | 400), "{status}");
        *accepted.entry(key).or_default() += usize::from(status == 200);
    }
    assert_eq!(accepted.len() as u64, KEYS);
    assert!(accepted.values().all(|clients| *clients == 1), "of two one gets it: {accepted:?}");
    let reached = stage.reached();
    assert_eq!(reached.len() as u64, KEYS);
    assert!(reached.values().all(|signatures| signatures.len() == 1), "{reached:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_list_goes_on_as_it_was_written() {
    let stage = Stage::set().await;
    let home = stage.home().await;
    let first = json!([stage.vote(1, 1), stage.vote(3, 1)]);
    _ = post(home.own(), VOTES, CLIENTS[0], &first).await.is(200);
    let until_all = async |posts: usize| until("both nodes have it", async || stage.posts() == posts).await;
    until_all(2).await;
    let items: Vec<String> = (0..5).map(|validator| format!("  {}", stage.vote(validator, 2))).collect();
    let body = format!("[{}\n]", items.join(",\n"));
    let headers = [("content-type", "application/json"), ("eth-consensus-version", "electra")];
    let answer = home.own().send(home.own().request(Method::POST, VOTES, &headers, body)).await.is(400);
    let told = failures(&answer);
    assert_eq!(told.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 3], "{}", answer.text());
    assert!(told[0].1.contains("validator 1") && told[0].1.contains("already went out"), "{}", told[0].1);
    until_all(4).await;
    for node in &stage.nodes {
        let heard = node.scripted().pop().expect("it has two");
        let wanted = format!("[{}]", [0, 2, 4].map(|item: usize| items[item].trim()).join(","));
        assert_eq!(String::from_utf8_lossy(&heard.body), wanted, "slices of what was written");
    }
    let metrics = home.admin().get("/metrics").await.is(200).text();
    assert!(metrics.contains("rangelight_alarms_total{sort=\"guard_withheld\"} 1"), "{metrics}");
    let evidence = home.admin().get("/evidence").await.is(200).text();
    assert!(evidence.contains("the slashing guard withheld 2 of 5"), "{evidence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nodes_refuse_keeps_its_place_in_the_callers_list() {
    let refusal = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 82\r\n\r\n\
                   {\"code\":400,\"message\":\"some failed\",\"failures\":[{\"index\":1,\"message\":\"too late\"}]}";
    assert_eq!(refusal.split_once("\r\n\r\n").map(|(_, body)| body.len()), Some(82));
    let stage = Stage::answering(refusal).await;
    let home = stage.home().await;
    _ = post(home.own(), VOTES, CLIENTS[0], &json!([stage.vote(0, 1), stage.vote(1, 1)])).await.is(400);
    let body = json!([stage.vote(0, 2), stage.vote(1, 2), stage.vote(2, 2), stage.vote(3, 2)]);
    let told = failures(&post(home.own(), VOTES, CLIENTS[1], &body).await.is(400));
    assert_eq!(told.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1, 3]);
    assert_eq!(told[2].1, "too late");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_block_of_a_slot_in_whatever_form() {
    let stage = Stage::set().await;
    let home = stage.home().await;
    let slot = stage.world.slot();
    let send = async |path: &str, signature: u64| post(home.own(), path, CLIENTS[0], &block(slot, signature)).await;
    _ = send(BLINDED, 1).await.is(200);
    _ = send(BLINDED, 1).await.is(200);
    _ = send(BLOCKS, 1).await.is(200);
    let mut ssz = signed_block(slot, vec![0; 300]);
    ssz[99] = 1;
    let headers = [("content-type", "application/octet-stream"), ("eth-consensus-version", "electra")];
    _ = home.own().send(home.own().request(Method::POST, BLOCKS, &headers, ssz.clone())).await.is(200);
    let before = stage.posts();
    let refused = send(BLOCKS, 2).await.is(403).text();
    assert!(refused.contains("another block") && refused.contains("stop one of them now"), "{refused}");
    ssz[99] = 2;
    _ = home.own().send(home.own().request(Method::POST, BLINDED, &headers, ssz)).await.is(403);
    let far = post(home.own(), BLOCKS, CLIENTS[0], &block(u64::MAX, 3)).await.is(403).text();
    assert!(far.contains("NTP"), "{far}");
    _ = post(home.own(), BLOCKS, CLIENTS[0], &json!({"message": {}})).await.is(400);
    _ = post(home.own(), VOTES, CLIENTS[0], &json!({"not": "a list"})).await.is(400);
    assert_eq!(stage.posts(), before, "nothing of it reached a node");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_at_once() {
    const MANY: u64 = 1_000;
    let stage = Stage::set().await;
    let home = Arc::new(stage.home().await);
    let epoch = stage.epoch();
    let (next, mut senders) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
    for _ in 0..64 {
        let (home, next) = (Arc::clone(&home), Arc::clone(&next));
        senders.spawn(async move {
            loop {
                let validator = next.fetch_add(1, Ordering::Relaxed);
                if validator >= MANY {
                    return;
                }
                _ = post(home.own(), VOTES, CLIENTS[0], &json!([vote(epoch, validator, 1)])).await.is(200);
            }
        });
    }
    senders.join_all().await;
    until("all have arrived", async || stage.posts() as u64 == 2 * MANY).await;
    assert_eq!(stage.reached().len() as u64, MANY);
    let others: Vec<Value> = (0..MANY + 1).map(|validator| vote(epoch, validator, 2)).collect();
    let told = failures(&post(home.own(), VOTES, CLIENTS[1], &Value::Array(others)).await.is(400));
    assert_eq!(told.len() as u64, MANY, "all but the one that nobody had");
    until("the rest has arrived", async || stage.posts() as u64 == 2 * MANY + 2).await;
    assert!(stage.reached().values().all(|signatures| signatures.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_nothing() {
    let stage = Stage::set().await;
    let home = stage.home().await;
    let (one, other) = (json!([stage.vote(1, 1)]), json!([stage.vote(1, 2)]));
    _ = post(home.own(), VOTES, CLIENTS[0], &one).await.is(200);
    let (folder, left) = home.stop().await;
    assert_eq!(left, 0);
    let home = until("the state is free", async || State::open(&folder.path().join("state")).ok()).await;
    drop(home);
    let home = Home::start_in(folder, &stage.wiring(), &Limits::default());
    home.ready(2).await;
    _ = post(home.own(), VOTES, CLIENTS[1], &other).await.is(400);
    _ = post(home.own(), VOTES, CLIENTS[1], &one).await.is(200);
    assert!(stage.reached().values().all(|signatures| signatures.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_has_the_guard_and_off_has_none() {
    let stage = Stage::set().await;
    for (top, refused) in [
        ("mode = \"pass-through\"", 400),
        ("mode = \"observe\"", 400),
        ("guard.store = \"redb:elsewhere.redb\"", 400),
        ("guard.store = \"off\"", 200),
    ] {
        let home = Home::start(&stage.wiring().top(top));
        home.ready(2).await;
        let caller = Caller::of_node(home.url());
        _ = post(&caller, VOTES, CLIENTS[0], &json!([stage.vote(1, 1)])).await.is(200);
        let answer = post(&caller, VOTES, CLIENTS[0], &json!([stage.vote(1, 2)])).await;
        assert_eq!(answer.status, refused, "{top}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_read_stops_publications_and_nothing_else() {
    let stage = Stage::set().await;
    let mut folder = Folder::new();
    for (case, harm) in [("garbled", Some(&b"this is no store"[..])), ("empty", Some(&b""[..])), ("gone", None)] {
        let program = Program::start(program!(), folder, &stage.wiring()).await;
        let ready = async || {
            let status = program.admin().get("/status").await.is(200).json();
            let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
            nodes.iter().filter(|node| node["tier"] == "ready").count() == 2
        };
        until("both nodes are ready", ready).await;
        _ = post(program.own(), VOTES, CLIENTS[0], &json!([stage.vote(1, 1)])).await.is(200);
        program.signal("KILL").await;
        let (_, again) = program.ended().await;
        let store = again.path().join("state/guard.redb");
        match harm {
            Some(bytes) => std::fs::write(&store, bytes).expect("it is ours"),
            None => std::fs::remove_file(&store).expect("it is there"),
        }
        let program = Program::start(program!(), again, &stage.wiring()).await;
        let ready = async || program.own().get("/eth/v1/node/syncing").await.status == 200;
        until("reads go on", ready).await;
        let refused = post(program.own(), VOTES, CLIENTS[0], &json!([stage.vote(1, 1)])).await.is(503).text();
        assert!(refused.contains("rangelight guard reset --yes-i-have-one-vc"), "{case}: {refused}");
        assert!(program.log().contains("slashing guard's store cannot be used"), "{case}: {}", program.log());
        program.signal("TERM").await;
        let (_, again) = program.ended().await;
        let reset = async |arguments: &[&str]| Program::once(program!(), &again, arguments).await;
        assert!(!reset(&["guard", "reset"]).await.status.success(), "{case}: not without the words");
        let done = reset(&["guard", "reset", "--yes-i-have-one-vc"]).await;
        assert!(done.status.success(), "{case}: {}", String::from_utf8_lossy(&done.stderr));
        folder = again;
    }
    let program = Program::start(program!(), folder, &stage.wiring()).await;
    until("it works again", async || {
        post(program.own(), VOTES, CLIENTS[0], &json!([stage.vote(1, 9)])).await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_take_turns_are_named() {
    let stage = Stage::set().await;
    let home = stage.home().await;
    let epoch = stage.epoch();
    // Nothing contradicts anything, and still two sign: the votes are of two epochs, the third is a block.
    let votes = |target: u64| json!([vote(target, 7, target)]);
    _ = post(home.own(), VOTES, CLIENTS[0], &votes(epoch.saturating_sub(1))).await.is(200);
    _ = post(home.own(), VOTES, CLIENTS[1], &votes(epoch.max(1))).await.is(200);
    let status = home.status().await;
    let signers = status["guard"]["signers"].as_array().expect("they are listed");
    assert_eq!(signers.len(), 1, "{signers:?}");
    assert!(signers[0]["caller"].as_str().is_some_and(|caller| caller.contains(CLIENTS[1])), "{signers:?}");
    assert_eq!(signers[0]["validators"], json!(["7"]), "{signers:?}");
    _ = post(home.own(), BLOCKS, CLIENTS[0], &block(stage.world.slot(), 9)).await.is(200);
    let metrics = home.admin().get("/metrics").await.is(200).text();
    assert!(metrics.contains("rangelight_alarms_total{sort=\"alternating_callers\"} 1"), "{metrics}");
    assert_eq!(status["guard"]["condition"], "on", "{status}");
}

/// What one Rangelight exports, another that starts from the file honours.
#[tokio::test(flavor = "multi_thread")]
async fn moved_with_a_file() {
    let stage = Stage::set().await;
    let started = async |folder: Folder| {
        let program = Program::start(program!(), folder, &stage.wiring()).await;
        let reads = async || program.own().get("/eth/v1/node/syncing").await.status == 200;
        until("nodes are there", reads).await;
        program
    };
    let program = started(Folder::new()).await;
    let run = async |folder: &Folder, arguments: &[&str]| {
        let output = Program::once(program!(), folder, arguments).await;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    };
    let target = stage.epoch();
    _ = post(program.own(), VOTES, CLIENTS[0], &json!([vote(target, 1, 1), vote(target, 2, 1)])).await.is(200);
    let (done, said) = run(program.folder(), &["guard", "export", "all.json"]).await;
    assert!(!done && said.contains("used by another Rangelight"), "not while it runs: {said}");
    program.signal("TERM").await;
    let (_, old) = program.ended().await;
    let (done, said) = run(&old, &["guard", "show"]).await;
    assert!(done && said.contains(&format!("{} → {target}", target.saturating_sub(1))), "{said}");
    let (done, said) = run(&old, &["guard", "export", "all.json"]).await;
    assert!(done && said.contains("2 validators"), "{said}");
    assert!(!run(&old, &["guard", "export", "all.json"]).await.0, "an export is never written over");
    let file = std::fs::read(old.path().join("all.json")).expect("it was written");
    let text: Value = serde_json::from_slice(&file).expect("JSON");
    assert_eq!(text["metadata"]["interchange_format_version"], "5", "{text}");

    // A folder that never had a guard, and one that was reset.
    let fresh = Folder::new();
    let wiring = stage.wiring();
    fresh.write("config.toml", &wiring.text());
    let files = [
        ("of another version", "{\"metadata\":{\"interchange_format_version\":\"4\"},\"data\":[]}".to_owned()),
        ("no JSON", "guard".to_owned()),
        ("of another network", String::from_utf8_lossy(&file).replacen("\"0x", "\"0xff", 1).replacen("00\"", "\"", 1)),
    ];
    for (case, content) in files {
        let path = fresh.write("bad.json", &content);
        let (done, said) = run(&fresh, &["guard", "import", &path.display().to_string()]).await;
        assert!(!done, "{case}: {said}");
    }
    let path = old.path().join("all.json").display().to_string();
    let (done, said) = run(&fresh, &["guard", "import", &path]).await;
    assert!(done && said.contains("2 validators were imported"), "{said}");
    let (done, said) = run(&fresh, &["guard", "import", &path]).await;
    assert!(done, "a second time changes nothing: {said}");
    let program = started(fresh).await;
    for signature in [1, 2] {
        let answer = post(program.own(), VOTES, CLIENTS[1], &json!([vote(target, 1, signature)])).await;
        assert_eq!(answer.status, 400, "nobody knows any more what was signed: {}", answer.text());
    }
    _ = post(program.own(), VOTES, CLIENTS[1], &json!([vote(target, 3, 1)])).await.is(200);
}

/// Whatever any node received is in the store of a Rangelight that was killed in the middle of it. A few times here;
/// `RANGELIGHT_SEEDS=200 cargo test -p rangelight-tests killed_under_load` does it oftener.
#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load() {
    let stage = Arc::new(Stage::set().await);
    let mut folder = Folder::new();
    let mut validator = 0;
    for seed in seeds(4) {
        let program = Arc::new(Program::start(program!(), folder, &stage.wiring()).await);
        let (go_on, next, mut senders) =
            (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(validator)), JoinSet::new());
        for _ in 0..8 {
            let (stage, program) = (Arc::clone(&stage), Arc::clone(&program));
            let (go_on, next) = (Arc::clone(&go_on), Arc::clone(&next));
            senders.spawn(async move {
                while go_on.load(Ordering::Relaxed) {
                    let validator = next.fetch_add(1, Ordering::Relaxed);
                    let headers = [("content-type", "application/json"), ("eth-consensus-version", "electra")];
                    let body = json!([stage.vote(validator, validator + 1)]).to_string();
                    let request = program.own().request(Method::POST, VOTES, &headers, body);
                    // The last ones are cut off with the program.
                    let _ = program.own().try_send(request).await;
                }
            });
        }
        let before = stage.posts();
        let enough = before + 10 + usize::try_from(seed % 60).unwrap_or(0);
        until("some are out", async || stage.posts() >= enough).await;
        program.signal("KILL").await;
        go_on.store(false, Ordering::Relaxed);
        senders.join_all().await;
        validator = next.load(Ordering::Relaxed);
        let program = Arc::into_inner(program).expect("its senders have ended");
        folder = program.ended().await.1;
        let state = folder.path().join("state");
        let state = until("the state is free", async || State::open(&state).ok()).await;
        let mut kept = BTreeSet::new();
        let mut store = place::open(&state, &state.path("guard.redb")).expect("it can be read");
        store
            .load(&mut |record| {
                // What was pruned lives on in the mark that stands for it; every validator here votes once.
                if let (Deed::Vote { target, .. }, Named::Signature(_) | Named::Watermark) = (record.deed, record.named)
                {
                    kept.insert((record.validator.0, target.0));
                }
            })
            .expect("it can be read");
        for message in stage.reached().keys() {
            assert!(kept.contains(message), "seed {seed}: {message:?} reached a node and is not in the store");
        }
    }
}
