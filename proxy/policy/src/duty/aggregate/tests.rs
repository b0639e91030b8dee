//! Which answers are aggregates, and which are those that were asked for; vectors of the tree root.

use super::*;
use crate::books::Books;
use crate::duty::kit::{Stage, json, root, ssz};

/// The root of the vote below, computed with another implementation (a list of hashed pairs, in Python).
const VOTE_ROOT: &str = "0xf5e8561effa115048d681847a1247c2ded58cbff3e7df27bf428b2f062c4050a";

fn vote_json() -> String {
    format!(
        r#"{{"slot":"100","index":"0","beacon_block_root":"{}","source":{{"epoch":"11","root":"{}"}},"target":{{"epoch":"12","root":"{}"}}}}"#,
        root(1),
        root(2),
        root(3)
    )
}

fn aggregate_json(bits: &str, committees: Option<&str>) -> String {
    let committees = committees.map(|bits| format!(r#","committee_bits":"{bits}""#)).unwrap_or_default();
    let vote = vote_json();
    format!(
        r#"{{"version":"electra","data":{{"aggregation_bits":"{bits}","data":{vote},"signature":"0xaa"{committees}}}}}"#
    )
}

fn aggregate_ssz(bits: &[u8], committees: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(228 + committees.len()).expect("small").to_le_bytes().to_vec();
    for number in [100_u64, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([1; 32]);
    bytes.extend(11_u64.to_le_bytes());
    bytes.extend([2; 32]);
    bytes.extend(12_u64.to_le_bytes());
    bytes.extend([3; 32]);
    bytes.extend([0xaa; 96]);
    bytes.extend(committees);
    bytes.extend(bits);
    bytes
}

fn target(version: u8, slot: u64, committee: &str) -> String {
    format!("/eth/v{version}/validator/aggregate_attestation?slot={slot}&attestation_data_root={VOTE_ROOT}{committee}")
}

fn judged(rule: &dyn Rule, observed: &Observed<'_>) -> String {
    let judged = rule.judge(NodeId(0), observed);
    assert_eq!(matches!(judged.verdict, Verdict::Good { .. }), judged.words.starts_with("200"), "{judged:?}");
    judged.words
}

#[test]
fn json_cases() {
    let stage = Stage::new("own leads");
    let rule = stage.rule(&mut Books::default(), "GET", &target(2, 100, "&committee_index=2"), b"");
    let good = aggregate_json("0x2d", Some("0x04"));
    for (name, body, words) in [
        ("as asked", good.clone(), "200: 3 of 5 votes"),
        ("all of them", aggregate_json("0x3f", Some("0x04")), "200: 5 of 5 votes"),
        ("numbers instead of texts", good.replace("\"100\"", "100").replace("\"11\"", "11"), "200: 3 of 5 votes"),
        ("mainnet's committee bits", aggregate_json("0x2d", Some("0x0400000000000000")), "200: 3 of 5 votes"),
        ("another committee", aggregate_json("0x2d", Some("0x08")), "an aggregate of another committee"),
        ("two committees", aggregate_json("0x2d", Some("0x0c")), "an aggregate of no committee or of several"),
        ("no committee", aggregate_json("0x2d", Some("0x00")), "an aggregate of no committee or of several"),
        ("without committee bits", aggregate_json("0x2d", None), "an aggregate of a fork that is over"),
        ("nobody", aggregate_json("0x20", Some("0x04")), "an aggregate without a vote"),
        ("another slot", good.replace("\"100\"", "\"99\""), "an aggregate of another slot"),
        ("another head", good.replace(&root(1).to_string(), &root(4).to_string()), "an aggregate for another vote"),
        ("another target", good.replace("\"12\"", "\"13\""), "an aggregate for another vote"),
        ("bits without an end", aggregate_json("0x2d00", Some("0x04")), "not an aggregate"),
        ("no bits", aggregate_json("0x", Some("0x04")), "not an aggregate"),
        ("odd hex", aggregate_json("0x2", Some("0x04")), "not an aggregate"),
        ("endless committee bits", aggregate_json("0x2d", Some(&format!("0x{}", "01".repeat(9)))), "not an aggregate"),
        ("a vote that is none", good.replace("source", "sauce"), "not an aggregate"),
    ] {
        assert_eq!(judged(&*rule, &json(200, &body)), words, "{name}");
    }
    let refused = rule.judge(NodeId(0), &json(404, r#"{"code":404,"message":"no aggregate"}"#));
    assert_eq!(refused.verdict, Verdict::Final { status: 404 });
}

#[test]
fn ssz_cases() {
    let stage = Stage::new("own leads");
    let rule = stage.rule(&mut Books::default(), "GET", &target(2, 100, "&committee_index=2"), b"");
    let good = aggregate_ssz(&[0x2d], &[4]);
    let with_offset = |offset: u32| [offset.to_le_bytes().as_slice(), &good[4..]].concat();
    for (name, body, words) in [
        ("as asked", good.clone(), "200: 3 of 5 votes"),
        ("mainnet's committee bits", aggregate_ssz(&[0xff, 0x2d], &[4, 0, 0, 0, 0, 0, 0, 0]), "200: 11 of 13 votes"),
        ("before Electra", aggregate_ssz(&[0x2d], &[]), "an aggregate of a fork that is over"),
        ("another committee", aggregate_ssz(&[0x2d], &[8]), "an aggregate of another committee"),
        ("endless committee bits", aggregate_ssz(&[0x2d], &[4, 0, 0, 0, 0, 0, 0, 0, 0]), "not an aggregate"),
        ("no bits", aggregate_ssz(&[], &[4]), "not an aggregate"),
        ("an offset backwards", with_offset(4), "not an aggregate"),
        ("an offset beyond the end", with_offset(231), "not an aggregate"),
        ("an absurd offset", with_offset(u32::MAX), "not an aggregate"),
        ("cut off in the vote", good[..100].to_vec(), "not an aggregate"),
        ("three bytes", good[..3].to_vec(), "not an aggregate"),
        ("noise", vec![0x5a; 300], "not an aggregate"),
    ] {
        assert_eq!(judged(&*rule, &ssz(&body)), words, "{name}");
    }
    for length in 0..good.len() {
        judged(&*rule, &ssz(&good[..length]));
    }
}

#[test]
fn before_electra() {
    let stage = Stage::new("own leads");
    // The vote is of slot 100, so it is too late by its slot; what is read before that is what counts here.
    let rule = stage.rule(&mut Books::default(), "GET", &target(1, 20, ""), b"");
    assert!(rule.at_once().is_none());
    assert_eq!(judged(&*rule, &json(200, &aggregate_json("0x2d", None))), "an aggregate of another slot");
    let gone = stage.rule(&mut Books::default(), "GET", &target(1, 100, ""), b"");
    assert_eq!(gone.at_once().map(|made| made.status), Some(404));
    let rule = stage.rule(&mut Books::default(), "GET", &target(2, 20, "&committee_index=1"), b"");
    assert_eq!(judged(&*rule, &json(200, &aggregate_json("0x2d", None))), "an aggregate of another committee");
    let mut early = Stage::new("own leads");
    early.network = None;
    let rule = early.rule(&mut Books::default(), "GET", &target(1, 100, ""), b"");
    assert!(rule.at_once().is_none(), "nobody knows which fork it is");
    assert_eq!(judged(&*rule, &json(200, &aggregate_json("0x2d", None))), "200: 3 of 5 votes");
}
