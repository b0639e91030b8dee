//! What is learnt of nodes, and when it is forgotten.

use std::time::Duration;

use super::*;
use crate::catalogue::row;
use crate::node::{Tier, Trust};

const NOW: Moment = Moment(1_000_000);

fn candidate(node: u16) -> Candidate {
    let hedge_after = Duration::from_millis(100);
    Candidate { node: NodeId(node), trust: Trust::Own, tier: Tier::Ready, hedge_after, reserve: false, why: "own" }
}

fn order(known: &Capabilities, operation: &str, wants_ssz: bool, now: Moment) -> Vec<u16> {
    let mut ask: Vec<Candidate> = (0..3).map(candidate).collect();
    known.order(row(operation).expect("a row"), wants_ssz, &mut ask, now);
    ask.iter().map(|one| one.node.0).collect()
}

#[test]
fn what_a_refusal_says_of_its_node() {
    let json = |message: &str| format!(r#"{{"code":404,"message":"{message}"}}"#);
    for (name, operation, status, body, expected) in [
        ("Lighthouse", "ptc_duties", 404, json("NOT_FOUND"), Some(Aspect::Route)),
        ("Lighthouse, a block", "block_root", 404, json("NOT_FOUND: beacon block with root 0x11"), None),
        ("Teku", "ptc_duties", 404, json("Endpoint POST /eth/v1/x not found"), Some(Aspect::Route)),
        ("Teku, a block", "block_root", 404, json("Not found"), None),
        ("Lodestar", "ptc_duties", 404, json("Route POST:/eth/v1/x not found"), Some(Aspect::Route)),
        ("Lodestar, a state", "ptc_duties", 404, json("State not found"), None),
        ("Prysm", "ptc_duties", 404, "404 page not found\n".into(), Some(Aspect::Route)),
        ("Nimbus", "ptc_duties", 404, json("Requested resource not found"), Some(Aspect::Route)),
        ("another page", "ptc_duties", 404, "<html>not found</html>".into(), None),
        ("a wrong method", "ptc_duties", 405, String::new(), Some(Aspect::Route)),
        ("not implemented", "liveness", 501, String::new(), Some(Aspect::Route)),
        ("no SSZ answer", "attestation_data", 406, String::new(), Some(Aspect::Answer)),
        ("no SSZ body", "attester_duties", 415, String::new(), Some(Aspect::Body)),
        ("syncing", "attester_duties", 503, String::new(), None),
        ("a path that no row lists", "unlisted_read", 405, String::new(), None),
        ("a publication has forms of its own", "publish_block_v2", 404, "404 page not found".into(), None),
    ] {
        assert_eq!(lack(row(operation).expect(operation), status, body.as_bytes()), expected, "{name}");
    }
    assert!(!says_no_route(&[b' '; 5_000]));
}

#[test]
fn who_lacks_it_is_asked_last() {
    let mut known = Capabilities::default();
    known.learn(NodeId(0), "ptc_duties", Aspect::Route, NOW);
    known.learn(NodeId(1), "attestation_data", Aspect::Answer, NOW);
    for (name, operation, wants_ssz, expected) in [
        ("no such route", "ptc_duties", false, [1, 2, 0]),
        ("another operation", "attester_duties", false, [0, 1, 2]),
        ("an answer in SSZ is wanted", "attestation_data", true, [0, 2, 1]),
        ("JSON does", "attestation_data", false, [0, 1, 2]),
    ] {
        assert_eq!(order(&known, operation, wants_ssz, NOW), expected, "{name}");
    }
    for node in [1, 2] {
        known.learn(NodeId(node), "ptc_duties", Aspect::Route, NOW);
    }
    assert_eq!(order(&known, "ptc_duties", false, NOW), [0, 1, 2], "nobody is left out");
}

#[test]
fn publications_are_never_reordered() {
    let mut known = Capabilities::default();
    known.learn(NodeId(0), "publish_block_v2", Aspect::Route, NOW);
    assert_eq!(order(&known, "publish_block_v2", false, NOW), [0, 1, 2]);
}

#[test]
fn it_is_tried_again_after_an_epoch_and_after_an_upgrade() {
    let mut known = Capabilities::default();
    let says = |version: &str| {
        HashMap::from([(NodeId(0), Versions::from_v1(&format!("Teku/{version}/x"))), (NodeId(1), Versions::default())])
    };
    let lacks = |known: &Capabilities, now| known.lacks(NodeId(0), "ptc_duties", Aspect::Route, now);
    known.learn(NodeId(0), "ptc_duties", Aspect::Route, NOW);
    assert!(lacks(&known, NOW.plus(HOLDS_MS - 1)));
    assert!(!lacks(&known, NOW.plus(HOLDS_MS)));
    known.versions(&says("v1"));
    assert!(lacks(&known, NOW), "the first word about its version is no change");
    known.versions(&says("v1"));
    assert!(lacks(&known, NOW), "the same again");
    known.learn(NodeId(1), "ptc_duties", Aspect::Route, NOW);
    known.versions(&says("v2"));
    assert!(!lacks(&known, NOW), "an upgrade");
    assert!(known.lacks(NodeId(1), "ptc_duties", Aspect::Route, NOW), "of another node");
    known.learn(NodeId(0), "ptc_duties", Aspect::Route, NOW);
    known.unlearn(NodeId(0), "ptc_duties", Aspect::Route);
    assert!(!lacks(&known, NOW));
}
