//! Canned visits and what is said of them.

use std::sync::Arc;

use rangelight_policy::chain::{Moment, Slot};
use rangelight_policy::events::Topics;
use rangelight_policy::family::Versions;
use rangelight_policy::health::Syncing;
use rangelight_policy::network::{Genesis, Spec};
use rangelight_policy::node::{Participation, Trust};

use super::*;
use crate::config::{SafeUrl, TlsConfig};

const HEAD: u64 = 1_000;

/// A node of its own staker that takes part in full.
pub(in crate::cli::check) fn node(name: &str) -> NodeConfig {
    NodeConfig {
        name: Arc::from(name),
        url: SafeUrl::parse(&format!("http://{name}:5052")).expect("a URL").0,
        trust: Trust::Own,
        participation: Participation::Full,
        consensus: None,
        execution: None,
        operator: None,
        authorization: None,
        headers: Vec::new(),
        tls: TlsConfig::default(),
    }
}

/// What a healthy node says.
pub(in crate::cli::check) fn healthy() -> Visit {
    Visit {
        syncing: Ok(Syncing {
            head_slot: Slot(HEAD),
            sync_distance: 0,
            is_syncing: false,
            is_optimistic: Some(false),
            el_offline: Some(false),
        }),
        took: Some(std::time::Duration::from_millis(2)),
        clock_ms: Some(400),
        genesis: Ok(genesis(1)),
        spec: Ok(spec("")),
        versions: Some(Versions::from_v2_body(VERSION).expect("a version")),
        peers: Some(50),
        events: Ok(Topics::new()),
        ssz: Ok(true),
    }
}

const VERSION: &[u8] = br#"{"data":{"beacon_node":{"code":"LH","name":"Lighthouse","version":"v8.0.1","commit":"0"},
    "execution_client":{"code":"GE","name":"Geth","version":"v1.16.7","commit":"0"}}}"#;

fn genesis(network: u8) -> Genesis {
    let root = format!("{network:02x}").repeat(32);
    let body = format!(
        r#"{{"data":{{"genesis_time":"0","genesis_fork_version":"0x00000000","genesis_validators_root":"0x{root}"}}}}"#
    );
    Genesis::read(body.as_bytes()).expect("a genesis")
}

fn spec(more: &str) -> Spec {
    let body = format!(
        r#"{{"data":{{"SECONDS_PER_SLOT":"12","SLOTS_PER_EPOCH":"32","GENESIS_FORK_VERSION":"0x00000000",
        "CONFIG_NAME":"kitchen"{more}}}}}"#
    );
    Spec::read(body.as_bytes()).expect("a spec")
}

/// The middle of the slot after the healthy head's.
fn now() -> Moment {
    Moment((HEAD + 1) * 12_000 + 6_000)
}

fn judged(nodes: &[NodeConfig], visits: &[Visit]) -> Judgement {
    judge(nodes, visits, Before::default(), now())
}

#[test]
fn one_node_beside_a_healthy_one() {
    type Change = fn(&mut Visit);
    for (name, change, tier, usable, problem) in [
        ("healthy", (|_| {}) as Change, Tier::Ready, true, None),
        (
            "down",
            |it| *it = Visit::failed("cannot be reached: connection refused"),
            Tier::Away,
            false,
            Some("start its beacon node with its HTTP API, or correct its url (http://b:5052)"),
        ),
        ("hung", |it| *it = Visit::failed("did not answer in time"), Tier::Away, false, Some("behind a firewall")),
        ("wants a token", |it| it.syncing = Err("answered 401".to_owned()), Tier::Away, false, Some("token_file")),
        (
            "an execution client's port",
            |it| it.syncing = Err("answered 404".to_owned()),
            Tier::Away,
            false,
            Some("must be a beacon node's HTTP API, not an execution client's"),
        ),
        (
            "tells no spec",
            |it| it.spec = Err("answered 500".to_owned()),
            Tier::Away,
            false,
            Some("does not tell which network it is on (genesis or spec: answered 500)"),
        ),
        (
            "syncing",
            |it| {
                let said = it.syncing.as_mut().expect("said");
                (said.is_syncing, said.sync_distance) = (true, 77);
            },
            Tier::Syncing,
            false,
            Some("77 slots to go; wait until it is synced"),
        ),
        (
            "execution client down",
            |it| it.syncing.as_mut().expect("said").el_offline = Some(true),
            Tier::Optimistic,
            false,
            Some("its execution client is offline; start its execution client"),
        ),
        (
            "optimistic",
            |it| it.syncing.as_mut().expect("said").is_optimistic = Some(true),
            Tier::Optimistic,
            false,
            Some("has not verified its head"),
        ),
        (
            "says neither",
            |it| {
                let said = it.syncing.as_mut().expect("said");
                (said.is_optimistic, said.el_offline) = (None, None);
            },
            Tier::Ready,
            true,
            None,
        ),
        (
            "stuck while others go on",
            |it| it.syncing.as_mut().expect("said").head_slot = Slot(HEAD - 20),
            Tier::Behind,
            false,
            Some("its head is 20 slots below slot 1000; upgrade it if it lacks a fork"),
        ),
        ("no peers", |it| it.peers = Some(0), Tier::Ready, true, Some("it has no peers; look at its log, its peers")),
        (
            "no events",
            |it| it.events = Err("answered 403".to_owned()),
            Tier::Ready,
            true,
            Some("its event stream does not open (answered 403)"),
        ),
        ("wrong clock", |it| it.clock_ms = Some(-4_000), Tier::Ready, true, Some("differ by -4000 ms")),
        (
            "execution client not told",
            |it| it.versions = Some(Versions::from_v1("Lighthouse/v8.0.1")),
            Tier::Ready,
            true,
            Some("add execution = \"geth\""),
        ),
        ("no SSZ is no problem", |it| it.ssz = Ok(false), Tier::Ready, true, None),
    ] {
        let mut visit = healthy();
        change(&mut visit);
        let judgement = judged(&[node("a"), node("b")], &[healthy(), visit]);
        let [first, verdict] = &judgement.verdicts[..] else { unreachable!("two nodes, two verdicts") };
        assert!(first.usable && first.problem.is_none(), "{name}: the other node is not touched: {first:?}");
        assert_eq!((verdict.state.tier, verdict.usable), (tier, usable), "{name}: {verdict:?}");
        match (problem, &verdict.problem) {
            (None, None) => {}
            (Some(words), Some(said)) => assert!(said.contains(words), "{name}: {said}"),
            (wanted, said) => unreachable!("{name}: {said:?} instead of {wanted:?}"),
        }
    }
}

#[test]
fn a_friend_of_another_network_is_foreign_with_every_mismatch() {
    let friend = NodeConfig { trust: Trust::Friend, ..node("friend") };
    let elsewhere = Visit { genesis: Ok(genesis(2)), spec: Ok(spec(r#","MAX_COMMITTEES_PER_SLOT":"4""#)), ..healthy() };
    let ours = Visit { spec: Ok(spec(r#","MAX_COMMITTEES_PER_SLOT":"64""#)), ..healthy() };
    let judgement = judged(&[friend, node("a")], &[elsewhere, ours]);
    let verdict = &judgement.verdicts[0];
    assert_eq!((verdict.state.tier, verdict.network.as_str(), verdict.usable), (Tier::Foreign, "foreign", false));
    let problem = verdict.problem.as_deref().expect("a cure");
    for part in ["genesis_validators_root", "MAX_COMMITTEES_PER_SLOT", "or set `network`"] {
        assert!(problem.contains(part), "{part} in {problem}");
    }
    assert!(judgement.verdicts[1].usable, "the own node says which network it is");
}

#[test]
fn a_fork_to_come_is_no_reason_not_to_use_a_node() {
    let upgraded = spec(r#","FULU_FORK_EPOCH":"40","FULU_FORK_VERSION":"0x06000000""#);
    let nodes = [node("a"), node("b")];
    let visits = [Visit { spec: Ok(upgraded), ..healthy() }, healthy()];
    let judgement = judged(&nodes, &visits);
    let verdict = &judgement.verdicts[1];
    assert!(verdict.usable, "{verdict:?}");
    assert_eq!(verdict.network, "not ready for fork fulu at epoch 40");
    assert!(verdict.problem.as_deref().is_some_and(|problem| problem.ends_with("; upgrade it in time")), "{verdict:?}");
}

#[test]
fn which_network_it_is() {
    let friend = NodeConfig { trust: Trust::Friend, ..node("b") };
    let choice = |network| Some(NetworkChoice(genesis(network).validators_root));
    let on = |network| Visit { genesis: Ok(genesis(network)), ..healthy() };
    for (name, nodes, visits, choice, wanted) in [
        ("own nodes agree", [node("a"), node("b")], [on(1), on(1)], None, Ok(["same", "same"])),
        ("a friend does not decide", [node("a"), friend.clone()], [on(1), on(2)], None, Ok(["same", "foreign"])),
        ("the configuration decides", [node("a"), node("b")], [on(1), on(2)], choice(2), Ok(["foreign", "same"])),
        ("a tie", [node("a"), node("b")], [on(1), on(2)], None, Err("as many on each")),
        (
            "nobody there",
            [node("a"), node("b")],
            [Visit::failed("x"), Visit::failed("x")],
            None,
            Err("no own node has told"),
        ),
        ("all elsewhere", [node("a"), node("b")], [on(1), on(1)], choice(2), Err("network is configured as")),
        ("a friend alone at boot", [node("a"), friend.clone()], [Visit::failed("x"), on(2)], None, Err("no own node")),
    ] {
        let judgement = judge(&nodes, &visits, Before { choice, kept: None }, now());
        match (&judgement.network, wanted) {
            (Ok(_), Ok(wanted)) => {
                let words: Vec<&str> = judgement.verdicts.iter().map(|verdict| verdict.network.as_str()).collect();
                assert_eq!(words, wanted, "{name}");
            }
            (Err(undefined), Err(words)) => {
                assert!(undefined.to_string().contains(words), "{name}: {undefined}");
                assert!(judgement.verdicts.iter().all(|verdict| !verdict.usable), "{name}");
            }
            (got, _) => unreachable!("{name}: {got:?}"),
        }
    }
    let friends = [friend.clone(), NodeConfig { name: "c".into(), ..friend }];
    let judgement = judge(&friends, &[on(1), on(2)], Before { choice: choice(1), kept: None }, now());
    let words: Vec<&str> = judgement.verdicts.iter().map(|verdict| verdict.network.as_str()).collect();
    assert_eq!(words, ["same", "foreign"], "without an own node, friends on the configured network tell the rest");
}

#[test]
fn a_node_of_another_network_is_foreign_while_the_own_nodes_that_could_say_so_are_down() {
    let choice = |network| Some(NetworkChoice(genesis(network).validators_root));
    let kept = |network| Some(Served { genesis: genesis(network), spec: spec("") });
    let on = |network| Visit { genesis: Ok(genesis(network)), ..healthy() };
    let down = || Visit::failed("cannot be reached: connection refused");
    let nodes = [node("a"), node("b")];
    for (name, visits, before, wanted) in [
        ("nothing known before", [down(), on(2)], Before::default(), ["?", "same"]),
        ("kept", [down(), on(2)], Before { choice: None, kept: kept(1) }, ["?", "foreign"]),
        ("kept, and it is right", [down(), on(1)], Before { choice: None, kept: kept(1) }, ["?", "same"]),
        ("kept, and all own nodes moved", [on(2), on(2)], Before { choice: None, kept: kept(1) }, ["same", "same"]),
        ("kept, and one of two moved", [on(1), on(2)], Before { choice: None, kept: kept(1) }, ["same", "foreign"]),
        ("chosen, nobody describes it", [down(), on(2)], Before { choice: choice(1), kept: None }, ["?", "foreign"]),
        ("chosen, another was kept", [down(), on(2)], Before { choice: choice(1), kept: kept(2) }, ["?", "foreign"]),
        ("chosen and kept", [down(), on(2)], Before { choice: choice(1), kept: kept(1) }, ["?", "foreign"]),
    ] {
        let judgement = judge(&nodes, &visits, before, now());
        let words: Vec<&str> = judgement.verdicts.iter().map(|verdict| verdict.network.as_str()).collect();
        assert_eq!(words, wanted, "{name}");
        let foreign = wanted[1] == "foreign";
        let problem = judgement.verdicts[1].problem.as_deref().unwrap_or_default();
        assert_eq!(problem.contains("genesis_validators_root: ours"), foreign, "{name}: {problem}");
    }
}

#[test]
fn a_publish_only_node_is_not_enough() {
    let nodes = [NodeConfig { participation: Participation::PublishOnly, ..node("a") }];
    let judgement = judged(&nodes, &[healthy()]);
    assert_eq!((judgement.verdicts[0].state.tier, judgement.verdicts[0].usable), (Tier::Ready, false));
}
