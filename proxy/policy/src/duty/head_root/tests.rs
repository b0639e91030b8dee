//! When the view answers, what is kept, and what freezes it.

use super::*;
use crate::books::Books;
use crate::duty::kit::{CLOCK, Stage, json, root};

const HEAD: &str = "/eth/v1/beacon/blocks/head/root";

#[test]
fn the_view_answers_while_an_own_ready_node_stands_at_it() {
    let body = format!(r#"{{"execution_optimistic":false,"finalized":false,"data":{{"root":"{}"}}}}"#, root(9));
    for (name, nodes, target, at_once, kept) in [
        ("an own node leads", "own leads", HEAD, true, true),
        ("a friend leads, an own one agrees", "friend leads,own member", HEAD, true, true),
        ("the own node is elsewhere", "friend leads,own", HEAD, false, true),
        ("the own node is not ready", "friend leads,own behind member", HEAD, false, true),
        ("no view", "own", HEAD, false, false),
        ("another block", "own leads", "/eth/v1/beacon/blocks/finalized/root", false, false),
    ] {
        let stage = Stage::new(nodes);
        let rule = stage.rule(&mut Books::default(), "GET", target, b"");
        let made = rule.at_once();
        assert_eq!(made.is_some(), at_once, "{name}");
        assert_eq!(rule.memo().is_some(), kept, "{name}");
        if let Some(made) = made {
            assert_eq!((made.status, made.body.as_slice()), (200, body.as_bytes()), "{name}");
            assert_eq!(rule.name(&json(200, &body)), Some(root(9)), "{name}");
        }
    }
    let mut stage = Stage::new("own leads");
    stage.now = CLOCK.start(Slot(101));
    let rule = stage.rule(&mut Books::default(), "GET", HEAD, b"");
    assert_eq!(rule.at_once(), None, "the view is of an earlier slot: a node may know more");
    let said = |byte| format!(r#"{{"execution_optimistic":false,"data":{{"root":"{}"}}}}"#, root(byte));
    assert!(rule.keeps(&json(200, &said(9))) && !rule.keeps(&json(200, &said(8))), "only what the view says is kept");
    let mut stage = Stage::new("own leads");
    stage.network = None;
    let rule = stage.rule(&mut Books::default(), "GET", HEAD, b"");
    assert!(rule.at_once().is_none() && rule.memo().is_none(), "without a clock");
}

#[test]
fn own_messages_freeze_what_they_were_signed_for_and_nothing_else() {
    let mut stage = Stage::new("own leads");
    let memo = stage.rule(&mut Books::default(), "GET", HEAD, b"").memo().expect("it is kept");
    assert_eq!(memo.until, CLOCK.start(Slot(101)));
    let message = |slot: u64, byte: u8| {
        format!(r#"{{"slot":"{slot}","beacon_block_root":"{}","validator_index":"5","signature":"0x"}}"#, root(byte))
    };
    let of = |messages: &[String]| format!("[{}]", messages.join(","));
    for (name, caller, body, frozen) in [
        ("as told", "vc", of(&[message(100, 9)]), true),
        ("twenty of them", "vc", of(&vec![message(100, 9); 20]), true),
        ("for another root", "vc", of(&[message(100, 8)]), false),
        ("in another slot", "vc", of(&[message(10, 9)]), false),
        ("of another caller", "other", of(&[message(100, 9)]), false),
        ("garbage", "vc", "[{}]".to_owned(), false),
        ("nothing", "vc", String::new(), false),
    ] {
        stage.caller = caller.into();
        let rule = stage.rule(&mut Books::default(), "POST", "/eth/v1/beacon/pool/sync_committees", body.as_bytes());
        let freezes = rule.freezes();
        let meant = freezes.iter().any(|it| memo.key.starts_with(&it.keys) && it.name == root(9));
        assert_eq!(meant, frozen, "{name}");
        assert!(freezes.len() <= 1, "{name}");
    }
    let many: Vec<_> = (0..100).map(|byte| message(100, byte)).collect();
    let rule = stage.rule(&mut Books::default(), "POST", "/eth/v1/beacon/pool/sync_committees", of(&many).as_bytes());
    assert_eq!(rule.freezes().len(), ROOTS);
}
