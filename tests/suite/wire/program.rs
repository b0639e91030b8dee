//! The real binary: what belongs to a process. Exit codes, signals, reload, the state directory, `kill -9`, memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use http_body_util::BodyExt;
use rangelight_sim::{Fault, World};
use rangelight_tests::{Folder, Program, Wiring, program, until};
use serde_json::{Value, json};

use super::stand_in::{Act, LARGE, StandIn};
use super::{NAMES, world, world_of};

const READ: &str = "/eth/v1/beacon/states/head/fork";
const SPEC: &str = "/eth/v1/config/spec";
const EXITS: &str = "/eth/v1/beacon/pool/voluntary_exits";

async fn start(wiring: &Wiring) -> Program {
    Program::start(program!(), Folder::new(), wiring).await
}

async fn status(program: &Program) -> Value {
    program.admin().get("/status").await.is(200).json()
}

fn names(status: &Value) -> Vec<&str> {
    status["nodes"].as_array().into_iter().flatten().filter_map(|node| node["name"].as_str()).collect()
}

async fn until_ready(program: &Program, nodes: usize) {
    until(&format!("{nodes} nodes are ready"), async || {
        let status = status(program).await;
        let ready = status["nodes"].as_array().into_iter().flatten().filter(|node| node["tier"] == "ready").count();
        ready >= nodes && !status["view"].is_null()
    })
    .await;
}

/// The file that a program runs with, with other nodes in it.
fn with_nodes(program: &Program, world: &World, wanted: &[&str]) -> String {
    let text = std::fs::read_to_string(program.folder().path().join("config.toml")).expect("it was written");
    let (top, _) = text.split_once("\n[[node]]").expect("it has nodes");
    let node = |name: &&str| {
        let url = world.node(name).url();
        format!("\n[[node]]\nname = \"{name}\"\nurl = \"{url}\"\ntrust = \"own\"\n")
    };
    format!("{top}{}", wanted.iter().map(node).collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_a_configuration_at_once() {
    let folder = Folder::new();
    folder.write(
        "config.toml",
        "state = \"state\"\nmod = \"guarded\"\n[listen]\naddress = \"nowhere\"\ntoken_file = \"missing\"\n[admin]\n\
         address = \"127.0.0.1:99999\"\n[[node]]\nname = \"attic\"\nurl = \"http://127.0.0.1:5052\"\ntrust = \"own\"\n\
         [[node]]\nname = \"attic\"\nurl = \"ftp://127.0.0.1\"\n[[node]]\nname = \"shed\"\nurl = \"http://127.0.0.1:5052\"\n\
         trust = \"own\"\ncolour = \"red\"\n",
    );
    for command in ["run", "check"] {
        let output = Program::once(program!(), &folder, &[command]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        for part in [
            "config.toml:2: mod: unknown option",
            "listen.address: \"nowhere\"",
            "listen.token_file: ",
            "admin.address: \"127.0.0.1:99999\"",
            "node.attic.name: another node has this name",
            "node.attic.url: only http:// and https://",
            "another node has this URL",
            "node.shed.colour: unknown option",
        ] {
            assert!(said.contains(part), "{command}: {part} is not reported: {said}");
        }
        assert!(!folder.path().join("state").exists(), "{command}: nothing was begun");
    }
    let empty = Folder::new();
    let output = Program::once(program!(), &empty, &["run"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no node"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reload_adds_and_removes_nodes_without_losing_a_request() {
    let world = world(3).await;
    let two = Wiring::new().own("attic", &world.node("attic").url()).own("cellar", &world.node("cellar").url());
    let program = Arc::new(start(&two).await);
    until_ready(&program, 2).await;
    let (go_on, answered) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let asking = tokio::spawn({
        let (program, go_on, answered) = (Arc::clone(&program), Arc::clone(&go_on), Arc::clone(&answered));
        async move {
            while go_on.load(Ordering::Relaxed) {
                _ = program.own().get(READ).await.is(200);
                _ = program.own().post(EXITS, &json!({})).await.is(200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let write = |wanted: &[&str]| _ = program.folder().write("config.toml", &with_nodes(&program, &world, wanted));
    // A changed file is enough.
    write(&NAMES);
    until("the third node is there", async || names(&status(&program).await) == NAMES).await;
    until_ready(&program, 3).await;
    // The signal asks for it at once.
    write(&["cellar", "shed"]);
    program.signal("HUP").await;
    until("the first node is gone", async || names(&status(&program).await) == ["cellar", "shed"]).await;
    // A file with a problem keeps what runs.
    let good = with_nodes(&program, &world, &["cellar", "shed"]);
    _ = program.folder().write("config.toml", &format!("{good}colour = \"red\"\n"));
    program.signal("HUP").await;
    until("the problem is logged", async || program.log().contains("colour")).await;
    assert_eq!(names(&status(&program).await), ["cellar", "shed"]);
    let before = answered.load(Ordering::Relaxed);
    until("requests go on", async || answered.load(Ordering::Relaxed) > before + 3).await;
    let old = world.node("attic").received_count();
    let before = answered.load(Ordering::Relaxed);
    until("requests go on", async || answered.load(Ordering::Relaxed) > before + 3).await;
    assert_eq!(world.node("attic").received_count(), old, "a removed node is left alone");
    go_on.store(false, Ordering::Relaxed);
    asking.await.expect("no request was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn cordon_and_uncordon() {
    let world = world(2).await;
    let program = start(&Wiring::all_own(&world)).await;
    until_ready(&program, 2).await;
    let leader = program.own().get(READ).await.is(200).node().expect("a node answered").to_owned();
    let other = if leader == "attic" { "cellar" } else { "attic" };
    let run = async |arguments: &[&str]| {
        let output = Program::once(program!(), program.folder(), arguments).await;
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = run(&["node", "cordon", &leader]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&leader), "{said}");
    assert_eq!(program.own().get(READ).await.is(200).node(), Some(other), "reads go elsewhere");
    let received = |name: &str| world.node(name).received().iter().filter(|one| one.uri.path() == EXITS).count();
    _ = program.own().post(EXITS, &json!({})).await.is(200);
    until("a cordoned node still receives publications", async || received(&leader) == 1).await;
    let (code, said) = run(&["node", "cordon", other]).await;
    assert_eq!(code, Some(1), "the last one cannot be spared: {said}");
    let (code, said) = run(&["node", "cordon", "nowhere"]).await;
    assert_ne!(code, Some(0), "{said}");
    for name in [&*leader, other] {
        let (code, said) = run(&["node", "uncordon", name]).await;
        assert_eq!(code, Some(0), "{said}");
    }
    let status = status(&program).await;
    assert!(status["nodes"].as_array().into_iter().flatten().all(|node| node["cordoned"] == false), "{status}");
    let (code, said) = run(&["status"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("attic") && said.contains("cellar"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_streams_finishes_publications_and_is_over_in_time() {
    let world = world(2).await;
    let program = start(&Wiring::all_own(&world)).await;
    until_ready(&program, 2).await;
    world.fault("cellar", Fault::Slow(Duration::from_secs(3)));
    let events = program.own().events("topics=head").await;
    _ = program.own().post(EXITS, &json!({})).await.is(200);
    let slow = || world.node("cellar").received().into_iter().find(|one| one.uri.path() == EXITS);
    until("the slow node has begun with it", async || slow().is_some()).await;
    assert!(slow().is_some_and(|one| one.status.is_none()), "it is still at it");
    let begun = std::time::Instant::now();
    program.signal("TERM").await;
    let frames = events.rest().await;
    let (ended, _folder) = program.ended().await;
    assert!(ended.success(), "{ended}");
    assert_eq!(slow().and_then(|one| one.status), Some(200), "the publication was heard out; frames: {}", frames.len());
    // Its promise to service managers, which kill after ten seconds.
    assert!(begun.elapsed() < Duration::from_secs(10), "the drain took {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_before_any_node_answers_and_keeps_its_knowledge_over_kill_9() {
    let world = world(3).await;
    NAMES.iter().for_each(|name| world.fault(name, Fault::Refuse));
    let wiring = Wiring::all_own(&world);
    let program = start(&wiring).await;
    _ = program.own().get(SPEC).await.is(503);
    _ = program.admin().get("/health").await.is(503);
    NAMES.iter().for_each(|name| world.heal(name));
    until_ready(&program, 3).await;
    let spec = program.own().get(SPEC).await.is(200).body;
    let second = Program::once(program!(), program.folder(), &["run", "--listen", "127.0.0.1:0"]).await;
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success(), "a second one ran on the same state: {said}");
    assert!(said.contains("state"), "it says what is in use: {said}");
    _ = program.own().get(SPEC).await.is(200);
    program.signal("KILL").await;
    let (ended, folder) = program.ended().await;
    assert!(!ended.success());
    NAMES.iter().for_each(|name| world.fault(name, Fault::Refuse));
    let again = Program::start(program!(), folder, &wiring).await;
    assert_eq!(again.own().get(SPEC).await.is(200).body, spec, "the same bytes before any node has answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_pass_with_bounded_memory() {
    let world = world_of(1, 12_000).await;
    let stand_in = StandIn::start(world.nodes()[0].address(), None, |line| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n\r\n".to_owned();
        line.contains("/eth/v1/new/large").then_some(Act::Stream(head, LARGE))
    })
    .await;
    let program = start(&Wiring::new().own("attic", &format!("http://{}", stand_in.address()))).await;
    until_ready(&program, 1).await;
    let peak = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.id().expect("it runs"))).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse::<usize>().ok()
    };
    let before = peak();
    let request =
        program.own().request(Method::GET, "/eth/v1/new/large", &[("accept", "application/octet-stream")], "");
    let mut response = program.own().stream(request).await;
    assert_eq!(response.status(), 200);
    // Nobody reads, so the node must be held back: what it could write lies in the kernel's buffers, not with us.
    let mut looks = (0, 0);
    until("the node is held back", async || {
        let told = stand_in.told();
        looks = if told == looks.0 { (told, looks.1 + 1) } else { (told, 0) };
        told > 0 && looks.1 > 20
    })
    .await;
    assert!(stand_in.told() < LARGE, "the whole answer was taken while nobody read it");
    let mut length = 0;
    while let Some(frame) = response.body_mut().frame().await {
        length += frame.expect("no break").into_data().map(|piece| piece.len()).unwrap_or_default();
    }
    assert_eq!(length, LARGE);
    // Linux alone tells the peak.
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(after - before < LARGE / 1024 / 4, "its memory grew by {} KiB for {LARGE} bytes", after - before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_operations() {
    let folder = Folder::new();
    let output = Program::once(program!(), &folder, &["endpoints", "--json"]).await;
    assert!(output.status.success());
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = rows.as_array().expect("a list");
    assert!(rows.len() >= 120, "{} rows", rows.len());
    for row in rows {
        for field in ["operation", "method", "path", "strategy", "scope", "deadline", "media_types"] {
            assert!(!row[field].is_null(), "{field} is missing: {row}");
        }
        assert!(row["path"].as_str().is_some_and(|path| path.starts_with('/')), "{row}");
    }
    let text = Program::once(program!(), &folder, &["endpoints"]).await;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    for operation in ["attestation_data", "publish_block_v2", "events"] {
        assert!(text.contains(operation), "{operation} is not listed: {text}");
    }
}
