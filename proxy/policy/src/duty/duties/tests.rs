//! Which answer wins beside which, what is kept, what is asked again and what is learnt.

use super::*;
use crate::chain::Slot;
use crate::duty::kit::{CLOCK, Stage, json, root};

/// The view's head is in epoch 12; its duties depend on the root of ones, those of epoch 13 on that of twos.
fn stage(nodes: &str) -> Stage {
    let mut stage = Stage::new(nodes);
    stage.view().dependent = Some((root(1), root(2)));
    stage
}

fn entry(slot: u64, validator: u64) -> String {
    format!(
        r#"{{"pubkey":"0x{}","validator_index":"{validator}","slot":"{slot}","committee_index":"1"}}"#,
        "0b".repeat(48)
    )
}

fn duties(byte: u8, entries: &[(u64, u64)]) -> String {
    let entries: Vec<_> = entries.iter().map(|&(slot, validator)| entry(slot, validator)).collect();
    format!(r#"{{"dependent_root":"{}","execution_optimistic":false,"data":[{}]}}"#, root(byte), entries.join(","))
}

const ATTESTER: &str = "/eth/v1/validator/duties/attester/12";
const PROPOSER: &str = "/eth/v2/validator/duties/proposer/12";

fn every_slot() -> Vec<(u64, u64)> {
    (96..104).map(|slot| (slot, slot + 1_000)).collect()
}

#[test]
fn the_better_answer() {
    let both = &[(97, 7), (98, 8)][..];
    let one = &[(97, 7)][..];
    for (name, epoch, better, worse) in [
        ("the view's root, or another", 12, (0, duties(1, both)), (1, duties(3, both))),
        ("the view's root from who lacks somebody", 12, (0, duties(1, one)), (1, duties(3, both))),
        ("everybody, or not", 12, (1, duties(1, both)), (0, duties(1, one))),
        ("own, or a friend's", 12, (0, duties(1, one)), (2, duties(1, both))),
        ("a friend's of the view's root, or another's own", 12, (2, duties(1, both)), (0, duties(3, both))),
        ("the next epoch has its own root", 13, (0, duties(2, &[])), (1, duties(1, &[]))),
        ("not optimistic, or optimistic", 12, (0, duties(3, both)), (1, duties(1, both).replace("false", "true"))),
        ("unknown to the view: its leader", 14, (1, duties(7, &[])), (0, duties(8, &[]))),
        ("unknown to the view: its member", 14, (0, duties(7, &[])), (3, duties(8, &[]))),
        ("unknown to the view: own, or a friend's", 14, (3, duties(7, &[])), (2, duties(8, &[]))),
    ] {
        let stage = stage("own member,own leads,friend member,own");
        let target = format!("/eth/v1/validator/duties/attester/{epoch}");
        let rule = stage.rule(&mut Books::default(), "POST", &target, br#"["7","8"]"#);
        let score = |(node, body): &(u16, String)| match rule.judge(NodeId(*node), &json(200, body)).verdict {
            Verdict::Good { score, .. } => score,
            bad => panic!("{name}: {bad:?}"),
        };
        assert!(score(&better) > score(&worse), "{name}");
    }
}

#[test]
fn answers_that_are_none() {
    let good = duties(1, &[(97, 7), (98, 8)]);
    for (name, target, body, words) in [
        ("as asked", ATTESTER, good.clone(), ""),
        ("numbers instead of texts", ATTESTER, good.replace("\"97\"", "97").replace("\"7\"", "7"), ""),
        ("nobody", ATTESTER, duties(1, &[]), ""),
        ("no flag", ATTESTER, good.replace(r#""execution_optimistic":false,"#, ""), ""),
        ("another epoch", ATTESTER, duties(1, &[(104, 7)]), "duties of another epoch"),
        ("somebody else", ATTESTER, duties(1, &[(97, 9)]), "duties of validators not asked for"),
        ("twice the same", ATTESTER, duties(1, &[(97, 7), (98, 7)]), "two duties of one validator"),
        ("no root", ATTESTER, good.replace("dependent_root", "root"), "not duties"),
        ("an entry without a slot", ATTESTER, good.replace("slot", "plot"), "not duties"),
        ("a negative index", ATTESTER, good.replace("\"7\"", "\"-7\""), "not duties"),
        ("proposers of all slots", PROPOSER, duties(1, &every_slot()), ""),
        ("proposers out of order", PROPOSER, duties(1, &[(97, 7), (96, 8)]), "slots out of order"),
        ("two proposers of a slot", PROPOSER, duties(1, &[(97, 7), (97, 8)]), "slots out of order"),
        ("PTC twice", "/eth/v1/validator/duties/ptc/12", duties(1, &[(97, 7), (98, 7)]), ""),
    ] {
        let stage = stage("own leads");
        let method = if target == PROPOSER { "GET" } else { "POST" };
        let rule = stage.rule(&mut Books::default(), method, target, br#"["7",8]"#);
        let judged = rule.judge(NodeId(0), &json(200, &body));
        let good = matches!(judged.verdict, Verdict::Good { .. });
        assert_eq!(good, words.is_empty(), "{name}: {judged:?}");
        assert!(good || judged.words == words, "{name}: {judged:?}");
    }
}

#[test]
fn a_node_in_the_view_that_names_another_root_is_alarmed() {
    let stage = stage("own member,own");
    let rule = stage.rule(&mut Books::default(), "POST", ATTESTER, br#"["7"]"#);
    let alarm = |node, byte| rule.judge(NodeId(node), &json(200, &duties(byte, &[]))).alarm;
    assert!(alarm(0, 3).is_some_and(|alarm| alarm.message.contains("node 0")));
    assert!(alarm(0, 1).is_none(), "it agrees");
    assert!(alarm(1, 3).is_none(), "it stands elsewhere, so it may differ");
}

#[test]
fn what_is_kept() {
    for (name, nodes, epoch, kept) in [
        ("this epoch", "own leads", 12, true),
        ("the next", "own leads", 13, true),
        ("one that the view does not know", "own leads", 14, false),
        ("one that is over", "own leads", 11, false),
        ("a friend's word alone", "friend leads", 12, false),
    ] {
        let stage = stage(nodes);
        let target = format!("/eth/v1/validator/duties/attester/{epoch}");
        let rule = stage.rule(&mut Books::default(), "POST", &target, br#"["7"]"#);
        assert_eq!(rule.memo().is_some(), kept, "{name}");
    }
    let stage = stage("own leads");
    let memo =
        |body: &str| stage.rule(&mut Books::default(), "POST", ATTESTER, body.as_bytes()).memo().expect("it is kept");
    assert_eq!(memo(r#"["7","8"]"#), memo(r#"[8,7,"7"]"#), "the same validators");
    assert_ne!(memo(r#"["7","8"]"#).key, memo(r#"["7"]"#).key);
    assert_eq!((memo("[]").under, memo("[]").until), (root(1), CLOCK.start(Slot(104))));
    let rule = stage.rule(&mut Books::default(), "POST", ATTESTER, br#"["7"]"#);
    assert!(rule.keeps(&json(200, &duties(1, &[]))));
    assert!(!rule.keeps(&json(200, &duties(3, &[]))), "of another root than it is kept under");
    assert!(!rule.keeps(&json(200, &duties(1, &[]).replace("false", "true"))), "optimistic");
}

#[test]
fn proposers_of_nodes_without_v2() {
    let stage = stage("own leads,own member");
    let rule = stage.rule(&mut Books::default(), "GET", PROPOSER, b"");
    let refused = json(404, r#"{"code":404,"message":"no such route"}"#);
    assert!(rule.rewritten(NodeId(0), &json(200, &duties(5, &every_slot()))).is_none(), "a native answer stays");
    let again = rule.instead(NodeId(0), &refused).expect("v1 is asked");
    assert_eq!(again.target.as_deref(), Some("/eth/v1/validator/duties/proposer/12"));
    let v1 = duties(5, &every_slot());
    let judged = rule.judge(NodeId(0), &json(200, &v1));
    let native = rule.judge(NodeId(1), &json(200, &duties(1, &every_slot())));
    let (Verdict::Good { score: made, .. }, Verdict::Good { score: native, .. }) = (judged.verdict, native.verdict)
    else {
        panic!("both can be used");
    };
    assert!(judged.alarm.is_none() && native > made);
    let body = rule.rewritten(NodeId(0), &json(200, &v1)).expect("the root is put in");
    assert_eq!(String::from_utf8(body).expect("text"), duties(1, &every_slot()));
    for (name, status, target) in
        [("a fault", 500, PROPOSER), ("an epoch whose root is not known", 404, "/eth/v2/validator/duties/proposer/14")]
    {
        let rule = stage.rule(&mut Books::default(), "GET", target, b"");
        assert!(rule.instead(NodeId(0), &json(status, "{}")).is_none(), "{name}");
    }
    let rule = stage.rule(&mut Books::default(), "POST", ATTESTER, b"[]");
    assert!(rule.instead(NodeId(0), &refused).is_none(), "attester duties have one form");
}

#[test]
fn own_answers_teach_who_proposes_and_whose_key_it_is() {
    let stage = stage("own leads,friend member");
    let books = &mut Books::default();
    let proposers = duties(1, &every_slot());
    let rule = stage.rule(books, "GET", PROPOSER, b"");
    rule.chosen(books, NodeId(1), &json(200, &proposers));
    assert_eq!(books.duties.proposer(Slot(97)), None, "a friend teaches nothing");
    rule.chosen(books, NodeId(0), &json(200, &proposers));
    assert_eq!(books.duties.proposer(Slot(97)), Some(1_097));
    let rule = stage.rule(books, "POST", ATTESTER, br#"["7"]"#);
    rule.chosen(books, NodeId(0), &json(200, &duties(1, &[(97, 7)])));
    assert_eq!(books.duties.pubkey(7), Some(&[0x0b; 48]));
    assert_eq!(books.duties.proposer(Slot(97)), Some(1_097), "attesters propose nothing");
}

#[test]
fn requests_that_cannot_be_read_are_left_to_the_row() {
    let stage = stage("own leads");
    let max = format!("/eth/v1/validator/duties/attester/{}", u64::MAX);
    for (target, body) in [
        (ATTESTER, &b"{}"[..]),
        (ATTESTER, b"[\"x\"]"),
        ("/eth/v1/validator/duties/attester/x", b"[]"),
        (max.as_str(), b"[]"),
    ] {
        let rule = stage.rule(&mut Books::default(), "POST", target, body);
        assert!(matches!(rule.conduct(stage.plan()).conduct, Conduct::Failover(_)), "{target}");
    }
}
