//! Which answers are contributions, and which are those that were asked for.

use crate::books::Books;
use crate::duty::kit::{Stage, json, root};
use crate::node::NodeId;
use crate::race::Verdict;
use crate::race::plan::Conduct;

fn target() -> String {
    let root = root(7);
    format!("/eth/v1/validator/sync_committee_contribution?slot=100&subcommittee_index=2&beacon_block_root={root}")
}

/// A contribution of four of eight.
fn good() -> String {
    let root = root(7);
    format!(
        r#"{{"data":{{"slot":"100","beacon_block_root":"{root}","subcommittee_index":"2","aggregation_bits":"0x0f","signature":"0x00"}}}}"#
    )
}

#[test]
fn named_cases() {
    let stage = Stage::new("own leads,friend member");
    let rule = stage.rule(&mut Books::default(), "GET", &target(), b"");
    let other = root(8).to_string();
    for (name, status, body, words) in [
        ("as asked", 200, good(), "200: 4 of 8 signatures"),
        (
            "numbers instead of texts",
            200,
            good().replace("\"100\"", "100").replace("\"2\"", "2"),
            "200: 4 of 8 signatures",
        ),
        ("an unknown field", 200, good().replace("{\"slot\"", "{\"new\":[{}],\"slot\""), "200: 4 of 8 signatures"),
        ("another slot", 200, good().replace("\"100\"", "\"99\""), "a contribution of another slot"),
        ("another subcommittee", 200, good().replace("\"2\"", "\"1\""), "a contribution of another subcommittee"),
        ("another block", 200, good().replace(&root(7).to_string(), &other), "a contribution for another block"),
        ("nobody", 200, good().replace("0x0f", "0x00"), "a contribution without a signature"),
        (
            "of mainnet's size",
            200,
            good().replace("0x0f", &format!("0x{}", "01".repeat(16))),
            "a contribution of a wrong size",
        ),
        ("odd hex", 200, good().replace("0x0f", "0x0"), "not a contribution"),
        ("no hex", 200, good().replace("0x0f", "four"), "not a contribution"),
        ("no bits", 200, good().replace("0x0f", ""), "not a contribution"),
        ("endless bits", 200, good().replace("0x0f", &format!("0x{}", "01".repeat(400))), "not a contribution"),
        ("a field is missing", 200, good().replace("slot", "plot"), "not a contribution"),
    ] {
        let judged = rule.judge(NodeId(0), &json(status, &body));
        assert_eq!(judged.words, words, "{name}");
        assert_eq!(matches!(judged.verdict, Verdict::Good { .. }), words.starts_with("200"), "{name}");
    }
    let missing = rule.judge(NodeId(0), &json(404, r#"{"code":404,"message":"no contribution"}"#));
    assert_eq!(missing.verdict, Verdict::Final { status: 404 });
}

#[test]
fn without_a_network_any_size_is_taken() {
    let mut stage = Stage::new("own leads");
    stage.network = None;
    let rule = stage.rule(&mut Books::default(), "GET", &target(), b"");
    let judged = rule.judge(NodeId(0), &json(200, &good().replace("0x0f", &format!("0x{}", "ff".repeat(16)))));
    assert_eq!(judged.words, "200: 128 of 128 signatures");
}

#[test]
fn a_query_that_cannot_be_read_is_left_to_the_row() {
    let stage = Stage::new("own leads");
    for target in [target().replace("slot=100", "slot=x"), target().replace("slot=100&", ""), target() + "&slot=100"] {
        let rule = stage.rule(&mut Books::default(), "GET", &target, b"");
        assert!(matches!(rule.conduct(stage.plan()).conduct, Conduct::Failover(_)), "{target}");
    }
}
