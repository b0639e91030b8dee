//! Which list wins beside which, and what is kept.

use super::*;
use crate::books::Books;
use crate::duty::kit::{CLOCK, Stage, json};
use crate::race::plan::Conduct;

const TARGET: &str = "/eth/v1/validator/duties/sync/12";

fn duties(validators: &[u64]) -> String {
    let entry = |validator: &u64| {
        format!(r#"{{"pubkey":"0x","validator_index":"{validator}","validator_sync_committee_indices":["3"]}}"#)
    };
    let entries: Vec<_> = validators.iter().map(entry).collect();
    format!(r#"{{"execution_optimistic":false,"data":[{}]}}"#, entries.join(","))
}

#[test]
fn the_better_list() {
    let stage = Stage::new("own leads,own,friend member");
    let rule = stage.rule(&mut Books::default(), "POST", TARGET, br#"["7","8"]"#);
    let score = |(node, body): &(u16, String)| match rule.judge(NodeId(*node), &json(200, body)).verdict {
        Verdict::Good { score, .. } => score,
        bad => panic!("{bad:?}"),
    };
    for (name, better, worse) in [
        ("entries, or none", (1, duties(&[7])), (0, duties(&[]))),
        ("in the view, or not", (0, duties(&[7])), (1, duties(&[7, 8]))),
        ("more", (0, duties(&[7, 8])), (0, duties(&[7]))),
        ("an own empty one, or a friend's claim", (1, duties(&[])), (2, duties(&[7, 8]))),
        ("not optimistic", (2, duties(&[])), (0, duties(&[7]).replace("false", "true"))),
    ] {
        assert!(score(&better) > score(&worse), "{name}");
    }
    let Conduct::Best(terms) = rule.conduct(stage.plan()).conduct else { panic!("the best is looked for") };
    assert!(score(&(0, duties(&[7]))) >= terms.enough);
    for waits in [(0, duties(&[])), (1, duties(&[7, 8])), (2, duties(&[7, 8]))] {
        assert!(score(&waits) < terms.enough, "{waits:?}");
    }
}

#[test]
fn lists_that_are_none() {
    let stage = Stage::new("own leads");
    let rule = stage.rule(&mut Books::default(), "POST", TARGET, br#"["7","8"]"#);
    for (body, words) in [
        (duties(&[9]), "duties of validators not asked for"),
        (duties(&[7]).replace("\"3\"", "\"32\""), "a place beyond the committee's end"),
        (duties(&[7]).replace("validator_sync_committee_indices", "places"), "not duties"),
        (r#"{"data":[7]}"#.to_owned(), "not duties"),
    ] {
        let judged = rule.judge(NodeId(0), &json(200, &body));
        assert_eq!((judged.verdict, judged.words.as_str()), (Verdict::Bad, words), "{body}");
    }
    let numbers = duties(&[7]).replace("\"3\"", "3").replace("\"7\"", "7");
    assert_eq!(rule.judge(NodeId(0), &json(200, &numbers)).words, "200: 1 entries");
}

#[test]
fn what_is_kept() {
    let stage = Stage::new("own leads");
    let memo = |epoch: u64, body: &[u8]| {
        let target = format!("/eth/v1/validator/duties/sync/{epoch}");
        stage.rule(&mut Books::default(), "POST", &target, body).memo().expect("kept")
    };
    let one = memo(12, br#"["7","8"]"#);
    assert_eq!(one, memo(255, b"[8,7]"), "the same period and validators");
    assert!(one.key != memo(256, b"[8,7]").key && one.key != memo(12, b"[8]").key);
    assert_eq!(one.until, CLOCK.start(crate::chain::Slot(104)));
    let friend = Stage::new("friend leads");
    assert!(friend.rule(&mut Books::default(), "POST", TARGET, b"[7]").memo().is_none(), "a friend's word alone");
    let rule = stage.rule(&mut Books::default(), "POST", TARGET, b"[7]");
    assert!(rule.keeps(&json(200, &duties(&[]))));
    assert!(!rule.keeps(&json(200, &duties(&[]).replace("false", "true"))));
}
