//! What becomes of a list: told after each node's word, and in which form each node gets it.

use super::super::fixture::{Stage, said};
use super::*;
use crate::duty::Headers;
use crate::race::simulation::Dice;

const THREE: &str = r#"[{"a":1},{"a":2},{"a":3}]"#;

fn json_rule(body: &str) -> PublishList {
    let stage = Stage::new(80);
    let headers = Headers { consensus_version: Some("electra"), ..Headers::default() };
    PublishList::new(&stage.brief("publish_attestations_v2", None, headers, body.as_bytes()), &Books::default())
        .expect("short")
}

fn ssz_rule(books: &Books, body: &[u8]) -> PublishList {
    let stage = Stage::new(80);
    let headers = Headers {
        consensus_version: Some("electra"),
        content_type: Some("application/octet-stream"),
        ..Headers::default()
    };
    PublishList::new(&stage.brief("publish_attestations_v2", None, headers, body), books).expect("short")
}

fn failures(places: &[(&str, &str)]) -> String {
    let all: Vec<String> =
        places.iter().map(|(at, words)| format!(r#"{{"index":{at},"message":"{words}"}}"#)).collect();
    format!(r#"{{"code":400,"message":"m","failures":[{}]}}"#, all.join(","))
}

/// `good`, `refused`, `bad` for each answer, then what is settled.
fn told(body: &str, answers: &[(u16, String)], outcomes: &[Outcome]) -> String {
    let rule = json_rule(body);
    let verdicts = answers.iter().map(|(status, body)| match rule.judge(NodeId(0), &said(*status, body)).verdict {
        Verdict::Good { .. } => "good",
        Verdict::Final { status: 400 } => "refused",
        Verdict::Final { .. } => "final",
        Verdict::Bad => "bad",
    });
    let verdicts: Vec<&str> = verdicts.collect();
    let made = rule.settle(outcomes).map_or("lattice".to_owned(), |made| made.status.to_string());
    format!("{}: {made}", verdicts.join(" "))
}

#[test]
fn what_the_race_hears_of_each_node() {
    let bad = |places: &[&str]| failures(&places.iter().map(|at| (*at, "invalid")).collect::<Vec<_>>());
    let plain = || r#"{"code":400,"message":"no"}"#.to_owned();
    for (name, body, answers, expected) in [
        ("a full success", THREE, vec![(200, String::new())], "good: lattice"),
        ("partly taken", THREE, vec![(400, bad(&["0"]))], "refused: 400"),
        ("together they take all", THREE, vec![(400, bad(&["0"])), (400, bad(&["1", "2"]))], "refused good: 200"),
        ("Prysm's 500", THREE, vec![(500, bad(&["0"])), (500, bad(&["1"]))], "refused good: 200"),
        ("Teku's strings", THREE, vec![(400, bad(&["\"0\""])), (400, bad(&["\"2\""]))], "refused good: 200"),
        ("duplicates alone", THREE, vec![(400, failures(&[("1", "PriorAttestationKnown")]))], "good: lattice"),
        ("a 200 with failures", THREE, vec![(200, bad(&["1"])), (400, bad(&["2"]))], "refused good: 200"),
        ("syncing", THREE, vec![(503, plain()), (503, plain())], "bad bad: lattice"),
        ("malformed", THREE, vec![(400, plain()), (400, plain())], "refused refused: 400"),
        ("malformed beside syncing", THREE, vec![(400, plain()), (503, plain())], "refused bad: lattice"),
        (
            "a lack says nothing of the items",
            THREE,
            vec![(400, plain()), (415, plain()), (404, plain())],
            "refused bad bad: 400",
        ),
        ("nobody can judge now", "[{}]", vec![(400, failures(&[("0", "UnknownHeadBlock")]))], "refused: 500"),
        ("a place beyond the list", "[{}]", vec![(400, bad(&["1"]))], "refused: lattice"),
        ("no list", "{}", vec![(400, plain())], "refused: lattice"),
        ("an empty list", "[]", vec![(400, plain())], "refused: lattice"),
    ] {
        assert_eq!(told(body, &answers, &[]), expected, "{name}");
    }
}

#[test]
fn what_is_settled_names_the_callers_places() {
    let rule = json_rule(THREE);
    rule.judge(NodeId(0), &said(400, &failures(&[("2", "invalid"), ("0", "UnknownHeadBlock")])));
    rule.judge(NodeId(1), &said(500, &failures(&[("2", "no peers"), ("1", "no peers")])));
    let made = rule.settle(&[Outcome::Unknown]).expect("something was said");
    let body: serde_json::Value = serde_json::from_slice(&made.body).expect("JSON");
    assert_eq!(made.status, 400);
    assert_eq!(body["code"], 400);
    assert_eq!(body["failures"], serde_json::json!([{"index": 2, "message": "invalid"}]));
}

#[test]
fn a_list_that_nobody_judged_while_one_is_silent_is_unknown() {
    let plain = (400, r#"{"message":"no"}"#.to_owned());
    assert_eq!(told(THREE, std::slice::from_ref(&plain), &[Outcome::Unknown]), "refused: lattice");
    assert_eq!(told(THREE, &[plain], &[Outcome::Unreachable]), "refused: 400", "who got nothing judges nothing");
}

#[test]
fn the_wait_is_bounded() {
    let stage = Stage::new(80);
    let plan = json_rule(THREE).conduct(stage.plan());
    let Conduct::Broadcast(terms) = plan.conduct else { panic!("a publication is broadcast") };
    assert_eq!((terms.settle_by.as_millis(), terms.deadline.as_secs()), (1_500, 6));
    let long = vec![b' '; LARGEST + 1];
    let brief = stage.brief("publish_attestations_v2", None, Headers::default(), &long);
    assert!(PublishList::new(&brief, &Books::default()).is_none());
}

#[test]
fn who_reads_no_ssz_gets_json_and_is_remembered() {
    let body = [7; 480];
    let mut books = Books::default();
    let first = ssz_rule(&books, &body);
    assert_eq!(first.request(NodeId(0)), None, "SSZ goes out as it came");
    for (name, answer) in
        [("syncing", said(503, "")), ("it has read it", said(400, r#"{"failures":[{"index":0,"message":"invalid"}]}"#))]
    {
        assert_eq!(first.instead(NodeId(0), &answer), None, "{name}");
    }
    let edit = first.instead(NodeId(0), &said(415, "Unsupported media type")).expect("JSON");
    let list: serde_json::Value = serde_json::from_slice(&edit.body.expect("a body")).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    assert_eq!(edit.headers, [("content-type", "application/json".to_owned())]);
    assert!(first.instead(NodeId(1), &said(400, "Invalid validator's index")).is_some(), "Nimbus misreads it");
    first.heard(&mut books, NodeId(0), &said(200, ""));
    first.heard(&mut books, NodeId(1), &said(400, r#"{"message":"cannot be read"}"#));

    let next = ssz_rule(&books, &body);
    assert!(next.request(NodeId(0)).is_some_and(|edit| edit.body.is_some()), "at once");
    assert_eq!(next.instead(NodeId(0), &said(415, "")), None, "it has it as JSON");
    assert_eq!(next.request(NodeId(1)), None, "refused in both forms: nothing was learnt");
    assert_eq!(json_rule(THREE).instead(NodeId(0), &said(415, "")), None, "JSON has no other form");
    assert_eq!(ssz_rule(&Books::default(), &body[1..]).instead(NodeId(0), &said(415, "")), None, "no such list");
}

/// Bodies and refusals with some bytes changed, cut or doubled: whatever they say, an item counts as taken only if a node
/// said something that can be read.
#[test]
fn noise_is_judged_and_takes_no_item() {
    let refusal = failures(&[("0", "invalid"), ("2", "PriorAttestationKnown")]);
    for seed in 0..3_000 {
        let dice = &mut Dice::new(seed);
        let mut noisy = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=dice.below(4) {
                let at = dice.below(bytes.len() as u64) as usize;
                match dice.below(3) {
                    0 => bytes[at] = dice.below(128) as u8,
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, bytes[at]),
                }
            }
            String::from_utf8(bytes).expect("all are ASCII")
        };
        let (body, said_of_it) = (noisy(THREE), noisy(&refusal));
        let rule = json_rule(&body);
        rule.judge(NodeId(0), &said(400, &said_of_it));
        rule.instead(NodeId(0), &said(400, &said_of_it));
        if let Some(made) = rule.settle(&[]) {
            let told = serde_json::from_slice::<serde_json::Value>(&made.body).unwrap_or_default();
            let code = told["code"].as_u64();
            assert!(made.status == 200 || code == Some(made.status.into()), "seed {seed}: {body} {said_of_it}: {told}");
            let readable = serde_json::from_str::<serde_json::Value>(&said_of_it).is_ok();
            assert!(made.status != 200 || readable, "seed {seed}: taken by noise: {said_of_it}");
        }
        let bytes = body.as_bytes();
        let ssz = ssz_rule(&Books::default(), &bytes.repeat(20));
        ssz.judge(NodeId(0), &said(400, &said_of_it));
        ssz.settle(&[]);
    }
}
