//! What nodes forget: they are told again, by us, before the validator client says anything.
//!
//! A test says things once and then never again, so whatever a node knows after its memory went comes from Rangelight. The
//! last one has the validator client, and the score of the chain: whom the blocks paid.

use http::Method;
use rangelight_sim::node::Node;
use rangelight_sim::{Fault, Profile, World, WorldConfig};
use rangelight_tests::{Caller, Folder, Home, Program, Wiring, program, until};
use serde_json::{Value, json};

use super::stage::{Stage, THREE, nodes, world};

const PREPARE: &str = "/eth/v1/validator/prepare_beacon_proposer";
const REGISTER: &str = "/eth/v1/validator/register_validator";
const COMMITTEES: &str = "/eth/v1/validator/beacon_committee_subscriptions";
const SYNC: &str = "/eth/v1/validator/sync_committee_subscriptions";
const ALL: [&str; 4] = [PREPARE, REGISTER, COMMITTEES, SYNC];

/// A slot far enough ahead that no subscription of a test ends in it.
const LATER: u64 = 1_000;

fn config() -> WorldConfig {
    WorldConfig { slot_ms: 500, nodes: nodes(&THREE[..2]), ..WorldConfig::default() }
}

fn recipient(number: u8) -> String {
    format!("0x{}", format!("{number:02x}").repeat(20))
}

fn preparations(validators: u64, number: u8) -> Value {
    let one = |validator: u64| json!({"validator_index": validator.to_string(), "fee_recipient": recipient(number)});
    (0..validators).map(one).collect()
}

fn registration(timestamp: u64, number: u8) -> Value {
    let key = format!("0x{}", "ab".repeat(48));
    let message = json!({"fee_recipient": recipient(number), "gas_limit": "36000000", "timestamp": timestamp.to_string(),
        "pubkey": key});
    json!([{"message": message, "signature": format!("0x{}", "cd".repeat(96))}])
}

/// Says one of each kind.
async fn say(caller: &Caller, world: &World) {
    let slot = (world.slot() + LATER).to_string();
    let committee = json!([{"validator_index": "1", "committee_index": "0", "committees_at_slot": "1", "slot": slot,
        "is_aggregator": true}]);
    let sync = json!([{"validator_index": "1", "sync_committee_indices": ["0"], "until_epoch": slot}]);
    caller.post(PREPARE, &preparations(3, 1)).await.is(200);
    caller.post(REGISTER, &registration(7, 1)).await.is(200);
    caller.post(COMMITTEES, &committee).await.is(200);
    caller.post(SYNC, &sync).await.is(200);
}

fn prepared(node: &Node) -> Vec<(u64, String)> {
    node.standing().prepared.iter().map(|(validator, to)| (*validator, to.to_string())).collect()
}

fn all_prepared(number: u8) -> Vec<(u64, String)> {
    (0..3).map(|validator| (validator, recipient(number))).collect()
}

/// Waits until a node knows one of each kind.
async fn knows(node: &Node) {
    until(&format!("{} was told everything", node.spec.name), async || {
        let memory = node.standing();
        prepared(node) == all_prepared(1)
            && memory.registered.len() == 1
            && memory.committees.len() == 1
            && memory.sync_committees.len() == 1
    })
    .await;
}

/// The bodies that a node took by a path, in order.
fn bodies(node: &Node, path: &str) -> Vec<String> {
    let taken = node.received().into_iter().filter(|one| one.method == Method::POST && one.status == Some(200));
    let there = taken.filter(|one| one.uri.path() == path);
    there.map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect()
}

#[tokio::test]
async fn a_node_that_restarts_is_told_again_what_was_said_byte_for_byte() {
    let world = world(config()).await;
    let home = Home::over(&world).await;
    say(home.own(), &world).await;
    for node in world.nodes() {
        knows(node).await;
    }
    let node = &world.nodes()[0];
    let said = ALL.map(|path| bodies(node, path).pop().expect("it was told"));
    node.fault(Fault::Restart);
    home.until_tier("attic", "away").await;
    assert!(prepared(node).is_empty(), "it has forgotten");
    node.heal();
    knows(node).await;
    assert_eq!(ALL.map(|path| bodies(node, path).pop().expect("it was told")), said);
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn a_restart_that_no_probe_sees_is_seen_by_the_event_stream() {
    // Slots of 12 s, so that no probe comes by while the node is gone.
    let world = world(WorldConfig { slot_ms: 12_000, ..config() }).await;
    let home = Home::over(&world).await;
    say(home.own(), &world).await;
    knows(&world.nodes()[0]).await;
    world.nodes()[0].fault(Fault::Restart);
    world.nodes()[0].heal();
    knows(&world.nodes()[0]).await;
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn a_node_that_was_down_when_it_was_said_is_told_when_it_is_there() {
    let world = world(config()).await;
    let home = Home::over(&world).await;
    world.fault("cellar", Fault::Refuse);
    home.until_tier("cellar", "away").await;
    say(home.own(), &world).await;
    assert!(prepared(world.node("cellar")).is_empty());
    world.heal("cellar");
    knows(world.node("cellar")).await;
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn a_node_added_by_a_reload_is_told_everything_and_a_removed_one_nothing_more() {
    let world = world(config()).await;
    let [attic, cellar] = [0, 1].map(|at| &world.nodes()[at]);
    let home = Home::start(&Wiring::new().own("attic", &attic.url()));
    home.ready(1).await;
    say(home.own(), &world).await;
    home.rewire(&Wiring::new().own("cellar", &cellar.url())).await;
    knows(cellar).await;
    let before = bodies(attic, PREPARE).len();
    home.own().post(PREPARE, &preparations(3, 2)).await.is(200);
    until("the node that is left has it", async || prepared(cellar) == all_prepared(2)).await;
    assert_eq!((prepared(attic), bodies(attic, PREPARE).len()), (all_prepared(1), before));
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn an_older_registration_that_comes_late_is_not_the_one_that_is_told_again() {
    let world = world(config()).await;
    let home = Home::over(&world).await;
    for (timestamp, number) in [(9, 2), (7, 1)] {
        home.own().post(REGISTER, &registration(timestamp, number)).await.is(200);
    }
    let node = &world.nodes()[0];
    node.fault(Fault::Restart);
    home.until_tier("attic", "away").await;
    let before = bodies(node, REGISTER).len();
    node.heal();
    until("it is registered again", async || bodies(node, REGISTER).len() > before).await;
    let again: Value = serde_json::from_str(&bodies(node, REGISTER)[before]).expect("it is JSON");
    assert_eq!(again, registration(9, 2));
    home.stop().await;
    world.stop();
}

#[tokio::test]
async fn a_changed_preparation_is_an_alarm_and_is_passed_on() {
    let world = world(config()).await;
    let home = Home::over(&world).await;
    let alarms = async || {
        let metrics = home.admin().get("/metrics").await.ok();
        let line =
            metrics.text().lines().find(|line| line.contains("sort=\"fee-recipient-changed\"")).map(str::to_owned);
        line.and_then(|line| line.split(' ').next_back()?.parse::<u64>().ok()).unwrap_or(0)
    };
    home.own().post(PREPARE, &preparations(3, 1)).await.is(200);
    home.own().post(PREPARE, &preparations(3, 1)).await.is(200);
    home.own().post(PREPARE, &preparations(3, 2)).await.is(200);
    until("the change is an alarm", async || alarms().await == 1).await;
    until("every node has it", async || world.nodes().iter().all(|node| prepared(node) == all_prepared(2))).await;
    home.stop().await;
    world.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_of_rangelight_and_then_a_power_cut_of_the_nodes() {
    let world = world(config()).await;
    let wiring = Wiring::all_own(&world);
    let program = Program::start(program!(), Folder::new(), &wiring).await;
    let heard = program.own();
    until("the nodes answer", async || heard.get("/eth/v1/node/health").await.status == 200).await;
    say(heard, &world).await;
    let file = program.folder().path().join("state/standing.json");
    until("it is written", async || {
        std::fs::read_to_string(&file).is_ok_and(|text| ALL.len() == text.matches("\"operation\"").count())
    })
    .await;
    program.signal("KILL").await;
    let (_, folder) = program.ended().await;
    world.nodes().iter().for_each(|node| node.fault(Fault::Restart));
    assert!(world.nodes().iter().all(|node| prepared(node).is_empty()));
    world.nodes().iter().for_each(|node| node.heal());
    let program = Program::start(program!(), folder, &wiring).await;
    for node in world.nodes() {
        knows(node).await;
    }
    program.signal("TERM").await;
    program.ended().await;
    world.stop();
}

#[tokio::test]
async fn a_spoilt_state_file_costs_nothing_but_what_was_in_it() {
    let world = world(config()).await;
    let wiring = Wiring::all_own(&world);
    let home = Home::over(&world).await;
    say(home.own(), &world).await;
    let (folder, _) = home.stop().await;
    let file = folder.path().join("state/standing.json");
    let text = std::fs::read_to_string(&file).expect("the last write comes with the end");
    assert!(text.contains(&recipient(1)));
    std::fs::write(&file, &text[..text.len() / 2]).expect("the file is ours");
    let home = Home::start_in(folder, &wiring, &rangelight::limits::Limits::default());
    home.ready(2).await;
    home.own().post(PREPARE, &preparations(3, 2)).await.is(200);
    let (folder, _) = home.stop().await;
    let text = std::fs::read_to_string(folder.path().join("state/standing.json")).expect("it was written anew");
    assert!(text.contains(&recipient(2)) && !text.contains(&recipient(1)));
    world.stop();
}

/// One node, so that every block comes from it; it restarts just after the validator client has told it everything.
#[tokio::test]
async fn a_node_that_restarts_in_an_epoch_still_pays_whom_it_should() {
    let one = WorldConfig { slot_ms: 500, nodes: nodes(&THREE[..1]), own: 0..64, ..WorldConfig::default() };
    let stage = Stage::set(one, Profile::VERO).await;
    let mut proposals = 0;
    for _ in 0..3 {
        let epoch = stage.world.slot() / 8 + 1;
        stage.world.wait_slot(epoch * 8 + 1).await;
        stage.world.fault("attic", Fault::Restart);
        stage.world.wait_slot(epoch * 8 + 2).await;
        stage.world.heal("attic");
        stage.world.wait_slot(epoch * 8 + 9).await;
        let report = stage.world.report_of(epoch * 8 + 4..epoch * 8 + 8);
        assert_eq!(report.proposals.wrong_fee_recipient, 0, "{report}");
        proposals += report.proposals.landed;
    }
    assert!(proposals > 0, "no block was proposed, so nothing is shown");
    stage.strike().await;
}
