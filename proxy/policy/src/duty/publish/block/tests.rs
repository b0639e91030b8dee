//! What each node gets of a block, in which order, and what is learnt of it.

use super::super::fixture::{Stage, said};
use super::*;
use crate::duty::Headers;
use crate::race::broadcast::Terms;

const BLOCK: &str = r#"{"message":{"slot":"90","body":{}},"signature":"0x"}"#;
const VERSION: &str = "electra";

fn rule(stage: &Stage, operation: &str, query: Option<&str>, version: Option<&str>, books: &Books) -> PublishBlock {
    let headers = Headers { consensus_version: version, ..Headers::default() };
    PublishBlock::new(&stage.brief(operation, query, headers, BLOCK.as_bytes()), books)
}

/// The target and the added version, or `as it came`.
fn sent(edit: Option<Edit>) -> String {
    let Some(edit) = edit else { return "as it came".into() };
    let target = edit.target.unwrap_or_default();
    edit.headers.iter().fold(target, |text, (name, value)| format!("{text} {name}={value}"))
}

#[test]
fn what_a_node_gets() {
    let stage = Stage::new(80);
    let (level, gossip) =
        (Some("broadcast_validation=consensus_and_equivocation&x=1"), Some("broadcast_validation=gossip"));
    let v1 = "publish_block_v1";
    let v2 = "publish_block_v2";
    let blinded = "publish_blinded_block_v1";
    for (name, operation, query, version, lacks, expected) in [
        ("v2 with a version", v2, None, Some(VERSION), false, "as it came"),
        ("v2 with a level", v2, level, Some(VERSION), false, "as it came"),
        (
            "v2 without a version",
            v2,
            gossip,
            None,
            false,
            "/eth/v2/beacon/blocks?broadcast_validation=gossip eth-consensus-version=electra",
        ),
        ("v2, to a node without it", v2, gossip, Some(VERSION), true, "/eth/v1/beacon/blocks"),
        ("v2 with a check that v1 lacks", v2, level, Some(VERSION), true, "as it came"),
        (
            "v1",
            v1,
            None,
            None,
            false,
            "/eth/v2/beacon/blocks?broadcast_validation=gossip eth-consensus-version=electra",
        ),
        ("v1 with a version", v1, None, Some(VERSION), false, "/eth/v2/beacon/blocks?broadcast_validation=gossip"),
        (
            "v1 with a query",
            v1,
            Some("x=1"),
            Some(VERSION),
            false,
            "/eth/v2/beacon/blocks?x=1&broadcast_validation=gossip",
        ),
        ("v1, to a node without v2", v1, None, None, true, "/eth/v1/beacon/blocks eth-consensus-version=electra"),
        (
            "v1 blinded",
            blinded,
            None,
            Some(VERSION),
            false,
            "/eth/v2/beacon/blinded_blocks?broadcast_validation=gossip",
        ),
        ("an envelope", "publish_envelope", level, Some(VERSION), false, "as it came"),
        ("an envelope without a version", "publish_envelope", None, None, false, "as it came"),
    ] {
        let mut books = Books::default();
        if lacks {
            let operation = if operation == blinded { "publish_blinded_block_v2" } else { v2 };
            let now = stage.brief(v1, None, Headers::default(), b"").now;
            books.capabilities.learn(NodeId(0), operation, Aspect::Route, now);
        }
        let rule = rule(&stage, operation, query, version, &books);
        assert_eq!(sent(rule.request(NodeId(0))), expected, "{name}");
    }
}

#[test]
fn the_version_is_that_of_the_blocks_slot() {
    let stage = Stage::new(80);
    for (name, body, expected) in [
        ("before the fork", r#"{"message":{"slot":"79""#, "deneb"),
        ("after it", r#"{"message":{"slot":"80""#, "electra"),
        ("unknown: that of now", "{}", "electra"),
    ] {
        let brief = stage.brief("publish_block_v1", None, Headers::default(), body.as_bytes());
        let rule = PublishBlock::new(&brief, &Books::default());
        assert_eq!(rule.version.as_deref(), Some(expected), "{name}");
    }
    let mut brief = stage.brief("publish_block_v1", None, Headers::default(), b"");
    brief.network = None;
    let rule = PublishBlock::new(&brief, &Books::default());
    assert_eq!(rule.request(NodeId(0)), None, "without a network v1 goes out as it came");
    assert_eq!(rule.instead(NodeId(0), &said(404, "")), None, "and there is nothing else to try");
}

#[test]
fn a_node_without_the_route_gets_the_other_one_and_is_remembered() {
    let stage = Stage::new(80);
    let mut books = Books::default();
    let first = rule(&stage, "publish_block_v1", None, None, &books);
    assert_eq!(first.instead(NodeId(0), &said(400, "{}")), None, "a refusal of the block is one");
    let instead = first.instead(NodeId(0), &said(404, "404 page not found"));
    assert_eq!(sent(instead), "/eth/v1/beacon/blocks eth-consensus-version=electra");
    first.heard(&mut books, NodeId(0), &said(404, ""));
    let again = rule(&stage, "publish_block_v1", None, None, &books);
    assert_eq!(again.way(NodeId(0)), Way::Newer, "refused on both routes: nothing was learnt");

    first.heard(&mut books, NodeId(0), &said(200, ""));
    let next = rule(&stage, "publish_block_v1", None, None, &books);
    assert_eq!((next.way(NodeId(0)), next.way(NodeId(1))), (Way::Older, Way::Newer), "of that node alone");
    let back = next.instead(NodeId(0), &said(405, ""));
    assert_eq!(sent(back), "/eth/v2/beacon/blocks?broadcast_validation=gossip eth-consensus-version=electra");
    next.heard(&mut books, NodeId(0), &said(202, ""));
    assert_eq!(rule(&stage, "publish_block_v1", None, None, &books).way(NodeId(0)), Way::Newer, "it has it after all");

    let strict = rule(&stage, "publish_block_v2", Some("broadcast_validation=consensus"), Some(VERSION), &books);
    assert_eq!(strict.instead(NodeId(0), &said(404, "")), None, "v1 checks less than was asked for");
    strict.judge(NodeId(1), &said(200, ""));
    assert_eq!(sent(strict.instead(NodeId(0), &said(404, ""))), "/eth/v1/beacon/blocks", "another node has checked it");
}

fn terms(stage: &Stage, rule: &PublishBlock) -> (Terms, Vec<u16>) {
    let plan = rule.conduct(stage.plan());
    let Conduct::Broadcast(terms) = plan.conduct else { panic!("a publication is broadcast") };
    (terms, plan.ask.iter().map(|one| one.node.0).collect())
}

#[test]
fn in_which_manner() {
    let stage = Stage::new(80);
    let books = Books::default();
    let check = Some("broadcast_validation=consensus_and_equivocation");
    let (plain, ask) = terms(&stage, &rule(&stage, "publish_block_v2", None, Some(VERSION), &books));
    assert_eq!((plain.enough, plain.grace.as_millis(), plain.lead), (IMPORTED, 500, None));
    assert_eq!((plain.block, plain.seen, plain.held_back), (Some(Slot(90)), false, vec![]));
    assert_eq!(ask, [1, 0, 3, 2], "the view's leader, own, friends, away");

    let (checked, ask) = terms(&stage, &rule(&stage, "publish_block_v2", check, Some(VERSION), &books));
    let lead = checked.lead.expect("one checks");
    assert_eq!(lead.nodes, [NodeId(1), NodeId(0), NodeId(2)], "own ones, the leader of the view first, away last");
    assert_eq!((lead.accepted, lead.refused, lead.patience.as_millis()), (Others::Asked, Others::Spared, 500));
    assert_eq!(ask[0], 1, "its refusal is the one that is shown");

    for query in [None, check] {
        let (blinded, _) = terms(&stage, &rule(&stage, "publish_blinded_block_v2", query, Some(VERSION), &books));
        assert_eq!((blinded.lead, blinded.held_back), (None, vec![NodeId(3)]), "its producer is not known: {query:?}");
    }

    let seen = rule(&Stage::new(90), "publish_block_v2", None, Some(VERSION), &books);
    assert!(terms(&Stage::new(90), &seen).0.seen, "the view is there already");
}

#[test]
fn the_producer_of_a_blinded_block_goes_first() {
    let stage = Stage::new(80);
    for query in [None, Some("broadcast_validation=consensus_and_equivocation")] {
        let mut rule = rule(&stage, "publish_blinded_block_v2", query, Some(VERSION), &Books::default());
        rule.producer = Some(NodeId(0));
        let (terms, ask) = terms(&stage, &rule);
        let lead = terms.lead.expect("it leads");
        assert_eq!((lead.nodes, lead.patience.as_millis()), (vec![NodeId(0)], 1_500), "{query:?}");
        assert_eq!((lead.accepted, lead.refused), (Others::Spared, Others::Asked), "{query:?}");
        assert_eq!(ask, [0, 1, 3, 2], "{query:?}");
    }
}

#[test]
fn what_one_let_through_the_others_get_as_gossip() {
    let stage = Stage::new(80);
    let query = Some("a=1&broadcast_validation=consensus_and_equivocation&b=2");
    let rule = rule(&stage, "publish_block_v2", query, Some(VERSION), &Books::default());
    assert_eq!(rule.request(NodeId(1)), None);
    assert_eq!(rule.judge(NodeId(1), &said(503, "{}")).verdict, Verdict::Bad);
    assert_eq!(rule.request(NodeId(0)), None, "a failure lets nothing through");
    assert!(matches!(rule.judge(NodeId(1), &said(202, "")).verdict, Verdict::Good { .. }));
    assert_eq!(sent(rule.request(NodeId(0))), "/eth/v2/beacon/blocks?a=1&b=2&broadcast_validation=gossip");
}

#[test]
fn acceptances_are_ranked() {
    let stage = Stage::new(80);
    let rule = rule(&stage, "publish_block_v2", None, Some(VERSION), &Books::default());
    let score = |status, body| match rule.judge(NodeId(0), &said(status, body)).verdict {
        Verdict::Good { score, .. } => score.0[0],
        other => panic!("{status} {body}: {other:?}"),
    };
    let known = score(202, r#"{"code":202,"message":"duplicate block"}"#);
    let ranks = [score(202, ""), known, score(200, "")];
    assert!(ranks.is_sorted() && ranks[0] < ranks[1] && ranks[1] < ranks[2], "{ranks:?}");
    assert_eq!(score(400, r#"{"message":"block is already known"}"#), known, "whatever its status");
    assert_eq!(IMPORTED.0[0], ranks[2], "only an import is enough");
}
