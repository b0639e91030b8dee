//! The real binary: what it writes to its log and prints for its operator, where silence or a wrong word would mislead.

use rangelight_sim::Fault;
use rangelight_tests::{Folder, Program, Wiring, program, until};
use serde_json::json;

use super::world;

const EXITS: &str = "/eth/v1/beacon/pool/voluntary_exits";

async fn start(wiring: &Wiring) -> Program {
    Program::start(program!(), Folder::new(), wiring).await
}

async fn run(program: &Program, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Program::once(program!(), program.folder(), arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

async fn until_ready(program: &Program, nodes: usize) {
    until(&format!("{nodes} nodes are ready"), async || {
        let status = program.admin().get("/status").await.is(200).json();
        status["nodes"].as_array().into_iter().flatten().filter(|node| node["tier"] == "ready").count() >= nodes
    })
    .await;
}

fn lines<'a>(log: &'a str, part: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(part)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_away_from_the_start_are_logged_once_with_a_cure() {
    let world = world(3).await;
    world.fault("cellar", Fault::Refuse);
    world.fault("shed", Fault::Garbage);
    let wiring = Wiring::new().own("attic", &world.node("attic").url()).own("cellar", &world.node("cellar").url());
    let program = start(&wiring.friend("shed", &world.node("shed").url())).await;
    until_ready(&program, 1).await;
    let away = "WARN rangelight::nodes: the node is away: ";
    until("both are logged", async || lines(&program.log(), away).len() >= 2).await;
    // A second round of questions says nothing new.
    let asked = world.node("shed").received_count();
    until("it was asked again", async || world.node("shed").received_count() > asked + 2).await;
    let log = program.log();
    assert_eq!(lines(&log, away).len(), 2, "{log}");
    let [refused] = &lines(&log, "cannot be reached: connection refused; start its beacon node")[..] else {
        panic!("the node that refuses has its line:\n{log}");
    };
    assert!(refused.contains("node=\"cellar\""), "{refused}");
    assert_eq!(lines(&log, "node=\"shed\"").len(), 1, "{log}");
    world.heal("cellar");
    until("its return is logged", async || !lines(&program.log(), "the node is ready").is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_says_what_it_took_over_and_what_waits() {
    let world = world(2).await;
    let url = |name: &str| world.node(name).url();
    let program = start(&Wiring::new().own("attic", &url("attic")).own("cellar", &url("cellar"))).await;
    let text = std::fs::read_to_string(program.folder().path().join("config.toml")).expect("it was written");
    let text = text
        .replace("\"cellar\"", "\"barn\"")
        .replace("[listen]\n", "mode = \"observe\"\n[listen]\nhosts = [\"a.b\"]\n");
    let (mode, rest) = text.split_once("mode = \"observe\"\n").expect("it was put in");
    program.folder().write("config.toml", &format!("mode = \"observe\"\n{mode}{rest}"));
    program.signal("HUP").await;
    until("the reload is logged", async || {
        let log = program.log();
        !lines(&log, "the new configuration: added barn; removed cellar").is_empty()
            && !lines(&log, "count at the next one: mode, listen.hosts").is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_hides_nothing_that_runs() {
    let world = world(1).await;
    let program = start(&Wiring::all_own(&world)).await;
    until_ready(&program, 1).await;
    let text = std::fs::read_to_string(program.folder().path().join("config.toml")).expect("it was written");
    program.folder().write("config.toml", &format!("{text}colour = \"red\"\n"));
    let (code, said, complained) = run(&program, &["status"]).await;
    assert_eq!(code, Some(0), "{said}{complained}");
    assert!(said.contains("attic") && complained.contains("colour"), "{said}{complained}");
    let (code, said, complained) = run(&program, &["node", "uncordon", "attic"]).await;
    assert_eq!((code, said.trim()), (Some(0), "attic takes part again; it is ready now."), "{complained}");
    program.signal("TERM").await;
    let (_, folder) = program.ended().await;
    let output = Program::once(program!(), &folder, &["status"]).await;
    assert_eq!(output.status.code(), Some(2), "nothing answers, and the file is to blame");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_names_what_it_cuts() {
    let world = world(2).await;
    let program = start(&Wiring::all_own(&world)).await;
    until_ready(&program, 2).await;
    world.fault("cellar", Fault::Stall);
    _ = program.own().post(EXITS, &json!({})).await.is(200);
    program.signal("TERM").await;
    let log = program.folder().path().join("log");
    let (_, folder) = program.ended().await;
    let log = std::fs::read_to_string(log).expect("it was written");
    let [cut] = &lines(&log, "ended before these publications had reached every node")[..] else {
        panic!("the cut is logged once:\n{log}");
    };
    assert!(cut.contains("publish_exit to cellar") && !cut.contains("attic"), "{cut}");
    drop(folder);
}
