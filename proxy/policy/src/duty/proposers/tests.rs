//! One node for each epoch, and when it changes.

use super::*;
use crate::duty::kit::{Stage, json, root};

const TARGET: &str = "/eth/v1/validator/duties/proposer/12";

fn table(slots: std::ops::Range<u64>) -> String {
    let entries: Vec<_> =
        slots.map(|slot| format!(r#"{{"pubkey":"0x","validator_index":"{}","slot":"{slot}"}}"#, slot + 1)).collect();
    format!(r#"{{"dependent_root":"{}","data":[{}]}}"#, root(5), entries.join(","))
}

#[test]
fn the_node_that_answered_first_is_asked_first() {
    for (name, nodes, remembered, first) in [
        ("nobody yet", "own leads,own member", None, 0),
        ("the second", "own leads,own member", Some(1), 1),
        ("the second, which is behind now", "own leads,own behind", Some(1), 0),
        ("a friend, while he is in the view", "own leads,friend member", Some(1), 1),
        ("a friend, who is not", "own leads,friend", Some(1), 0),
        ("one that is gone", "own leads", Some(9), 0),
    ] {
        let stage = Stage::new(nodes);
        let books = &mut Books::default();
        if let Some(node) = remembered {
            books.duties.came_from(crate::chain::Epoch(12), NodeId(node));
        }
        let plan = stage.rule(books, "GET", TARGET, b"").conduct(stage.plan());
        assert_eq!(plan.ask[0].node, NodeId(first), "{name}");
        assert_eq!(plan.ask.len(), stage.snapshot.nodes.len(), "{name}: nobody is lost");
    }
}

#[test]
fn who_answers_is_remembered_and_own_nodes_teach() {
    let stage = Stage::new("own leads,friend member");
    let books = &mut Books::default();
    let rule = stage.rule(books, "GET", TARGET, b"");
    rule.chosen(books, NodeId(1), &json(200, &table(96..104)));
    assert_eq!(books.duties.node(crate::chain::Epoch(12)), None, "a friend stands in and leads nothing");
    assert!(!rule.keeps_friends(), "nor does his word outlive the outage");
    assert_eq!(books.duties.proposer(Slot(96)), None);
    rule.chosen(books, NodeId(0), &json(200, &table(96..104)));
    assert_eq!(books.duties.node(crate::chain::Epoch(12)), Some(NodeId(0)));
    assert_eq!(books.duties.proposer(Slot(96)), Some(97));
}

#[test]
fn tables() {
    let stage = Stage::new("own leads");
    let rule = stage.rule(&mut Books::default(), "GET", TARGET, b"");
    let enough = Verdict::good(crate::merit::ENOUGH);
    for (name, body, verdict, kept) in [
        ("every slot", table(96..104), enough.clone(), true),
        ("a slot is missing", table(96..103), Verdict::good(Score::default()), false),
        ("another epoch", table(97..105), Verdict::Bad, false),
        ("no table", "{}".to_owned(), Verdict::Bad, false),
    ] {
        assert_eq!(rule.judge(NodeId(0), &json(200, &body)).verdict, verdict, "{name}");
        // What cannot be used never comes so far.
        assert_eq!(verdict != Verdict::Bad && rule.keeps(&json(200, &body)), kept, "{name}");
    }
    let first = stage.rule(&mut Books::default(), "GET", "/eth/v1/validator/duties/proposer/0", b"");
    assert_eq!(first.judge(NodeId(0), &json(200, &table(1..8))).verdict, enough, "nobody proposes genesis");
}

#[test]
fn what_it_is_kept_under() {
    let mut stage = Stage::new("own leads");
    let memo = |stage: &Stage, target| stage.rule(&mut Books::default(), "GET", target, b"").memo();
    assert_eq!(memo(&stage, TARGET), None, "the view was told without roots");
    stage.view().dependent = Some((root(1), root(2)));
    let one = memo(&stage, TARGET).expect("this epoch's is kept");
    assert_eq!(memo(&stage, "/eth/v1/validator/duties/proposer/13"), None, "the next epoch's may still change");
    for dependent in [(root(3), root(2)), (root(1), root(3))] {
        stage.view().dependent = Some(dependent);
        let other = memo(&stage, TARGET).expect("kept");
        assert!(other.key == one.key && other.under != one.under, "either root decides");
    }
}
