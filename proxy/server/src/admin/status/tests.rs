//! The shape of the status, and what becomes of odd things in it.

use std::sync::Arc;

use rangelight_policy::chain::Moment;
use rangelight_policy::node::{Profile, Snapshot, Tier};

use super::super::reference::sample;
use super::*;

#[test]
fn what_is_written_is_read_again() {
    let (status, _) = sample();
    let text = serde_json::to_string(&status).expect("plain values have a JSON form");
    assert_eq!(serde_json::from_str::<Status>(&text).expect("our own form"), status);
}

#[test]
fn nothing_known_is_null_and_not_absent() {
    let status = Status { network: None, view: None, nodes: Vec::new(), ..sample().0 };
    let value = serde_json::to_value(status).expect("plain values have a JSON form");
    assert_eq!(
        (value.get("network"), value.get("view")),
        (Some(&serde_json::Value::Null), Some(&serde_json::Value::Null))
    );
}

#[test]
fn health_is_that_of_the_nodes() {
    let (_, snapshot) = sample();
    assert_eq!(Health::of(&snapshot), Health { ready: true, reasons: Vec::new() });
    let friend = Snapshot { nodes: snapshot.nodes[1..].to_vec(), ..snapshot };
    let reasons = vec!["alice: cannot be reached: connection refused".to_owned()];
    assert_eq!(Health::of(&friend), Health { ready: false, reasons });
    assert!(!Health::of(&Snapshot::default()).reasons.is_empty(), "a 503 always says why");
}

#[test]
fn what_a_node_says_cannot_steer_a_terminal() {
    let (_, mut snapshot) = sample();
    let state = &mut snapshot.nodes[1];
    state.tier = Tier::Foreign;
    state.reasons = Arc::from(["evil\x1b[2J\r\n\u{9b}2J".to_owned()]);
    let shown = NodeStatus::of(state, String::new(), None, None);
    assert_eq!(shown.reasons, ["evil[2J2J"]);
}

#[test]
fn a_cordon_says_what_the_mode_does_otherwise() {
    let (_, mut snapshot) = sample();
    // The first and the third are own and ready, the second is a friend's and away.
    snapshot.nodes.push(state(2, Tier::Ready));
    let told = |snapshot: &Snapshot, place: usize, cordoned, mode| {
        let mut snapshot = snapshot.clone();
        snapshot.nodes[place].cordoned = cordoned;
        let state = &snapshot.nodes[place];
        let told = Maintenance::of(state.profile.id, NodeStatus::of(state, String::new(), None, None), &snapshot, mode);
        (told.safe, told.why)
    };
    let observed =
        "in observe mode the first own node is read from first, cordoned or not; the others answer once it fails";
    let passed = "in pass-through mode requests and signed messages go to node2 next, which is";
    for (mode, place, cordoned, safe, why) in [
        (Mode::Guarded, 0, true, true, "node2 is ready meanwhile".to_owned()),
        (Mode::Observe, 0, true, true, format!("node2 is ready meanwhile; {observed}")),
        (Mode::Observe, 0, false, true, "node2 is ready meanwhile".to_owned()),
        (Mode::Observe, 2, true, true, "attic is ready meanwhile".to_owned()),
        (Mode::PassThrough, 0, true, true, format!("node2 is ready meanwhile; {passed} ready")),
    ] {
        assert_eq!(told(&snapshot, place, cordoned, mode), (safe, why), "{mode:?} {place} {cordoned}");
    }
    // One that guarded mode would pass over comes first in the configuration.
    snapshot.nodes[2].tier = Tier::Syncing;
    snapshot.nodes.push(state(3, Tier::Ready));
    let why = format!("node3 is ready meanwhile; {passed} syncing");
    assert_eq!(told(&snapshot, 0, true, Mode::PassThrough), (false, why));
    assert!(told(&snapshot, 0, true, Mode::Guarded).0, "guarded mode passes over it");
}

fn state(id: u16, tier: Tier) -> NodeState {
    let (_, snapshot) = sample();
    let mut profile = Profile::clone(&snapshot.nodes[0].profile);
    (profile.id, profile.name) = (NodeId(id), format!("node{id}").into());
    NodeState { profile: Arc::new(profile), tier, ..snapshot.nodes[0].clone() }
}

#[test]
fn a_view_whose_leader_left_names_nobody() {
    let (_, mut snapshot) = sample();
    let view = snapshot.view.clone().expect("the sample has a view");
    snapshot.nodes.remove(0);
    let shown = ViewStatus::of(&view, &snapshot);
    assert_eq!((shown.leader, shown.members), (None, Vec::new()));
}

#[test]
fn before_genesis_there_is_no_slot() {
    let genesis = br#"{"data":{"genesis_time":"100","genesis_fork_version":"0x00000001",
        "genesis_validators_root":"0x0101010101010101010101010101010101010101010101010101010101010101"}}"#;
    let spec = br#"{"data":{"SECONDS_PER_SLOT":"6","SLOTS_PER_EPOCH":"8","GENESIS_FORK_VERSION":"0x00000001",
        "CONFIG_NAME":"kit\u001bchen"}}"#;
    let served = Served {
        genesis: rangelight_policy::network::Genesis::read(genesis).expect("a genesis"),
        spec: rangelight_policy::network::Spec::read(spec).expect("a spec"),
    };
    let clock = served.spec.clock(&served.genesis);
    for (now, slot, epoch) in [(99_999, None, None), (100_000, Some(0), Some(0)), (154_000, Some(9), Some(1))] {
        let shown = NetworkStatus::of(&served, &clock, Moment(now));
        assert_eq!((shown.slot, shown.epoch), (slot.map(Slot), epoch.map(Epoch)), "{now}");
        assert_eq!(shown.name.as_deref(), Some("kitchen"), "its own name, without control characters");
    }
}
