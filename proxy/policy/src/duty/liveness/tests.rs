//! What covers a question, and what is made of several answers.

use super::*;
use crate::chain::Moment;
use crate::duty::kit::{CLOCK, Stage, json};
use std::sync::Arc;

const TARGET: &str = "/eth/v1/validator/liveness/12";

fn told(live: &[(u64, bool)]) -> String {
    let entries: Vec<_> =
        live.iter().map(|(index, live)| format!(r#"{{"index":"{index}","is_live":{live}}}"#)).collect();
    format!(r#"{{"data":[{}]}}"#, entries.join(","))
}

fn merged(rule: &dyn Rule, said: &[(u16, &str)]) -> (u16, String) {
    let said: Vec<_> = said.iter().map(|(node, body)| (NodeId(*node), json(200, body))).collect();
    let made = rule.merge(&said).expect("liveness is always merged");
    (made.status, String::from_utf8(made.body).expect("text"))
}

/// Books that have seen the nodes stand like this at so many seconds after the epoch's start.
fn watched(standings: &[(i64, &str)]) -> Books {
    let mut books = Books::default();
    let start = CLOCK.start(CLOCK.first_slot(Epoch(12))).0;
    for (seconds, nodes) in standings {
        books.readiness.note(&Stage::new(nodes).snapshot, Moment(start.saturating_add_signed(seconds * 1_000)));
    }
    books
}

#[test]
fn what_is_heard_anywhere_counts() {
    let stage = Stage::new("own leads,own member,own");
    let rule = stage.rule(&mut Books::default(), "POST", TARGET, br#"["8","7"]"#);
    let (none, one, seven) = (told(&[(7, false), (8, false)]), told(&[(7, false), (8, true)]), told(&[(7, true)]));
    let twice = told(&[(7, true), (7, false), (8, false)]);
    for (name, said, status, live) in [
        ("one node", &[(0, &none)][..], 200, Some((false, false))),
        ("another has heard one", &[(0, &none), (1, &one)], 200, Some((false, true))),
        ("who does not know all adds what it has heard", &[(0, &none), (1, &seven)], 200, Some((true, false))),
        ("two halves are not a whole", &[(1, &seven), (2, &seven)], 503, None),
        ("an entry twice", &[(0, &twice)], 200, Some((true, false))),
        ("nobody", &[], 503, None),
    ] {
        let said: Vec<_> = said.iter().map(|(node, body)| (*node, body.as_str())).collect();
        let (got, body) = merged(&*rule, &said);
        assert_eq!(got, status, "{name}");
        if let Some((first, second)) = live {
            assert_eq!(body, told(&[(7, first), (8, second)]), "{name}");
        }
    }
}

#[test]
fn who_was_there() {
    for (name, before, now, covers) in [
        ("always ready", &[(-100, "own leads"), (10, "own leads")][..], "own leads", true),
        ("never watched before", &[], "own leads", true),
        ("away at our start", &[(10, "own away"), (11, "own leads")], "own leads", true),
        ("away in the epoch", &[(-9, "own leads"), (10, "own away"), (20, "own leads")], "own leads", false),
        ("syncing when we started", &[(10, "own syncing")], "own leads", false),
        ("away before the epoch", &[(-9, "own leads"), (-1, "own away")], "own leads", true),
        ("behind now", &[(-9, "own leads")], "own behind leads", false),
    ] {
        let stage = Stage::new(now);
        let rule = stage.rule(&mut watched(before), "POST", TARGET, br#"["7"]"#);
        let (status, _) = merged(&*rule, &[(0, &told(&[(7, false)]))]);
        assert_eq!(status == 200, covers, "{name}");
        let judged = rule.judge(NodeId(0), &json(200, &told(&[(7, false)])));
        assert_eq!(judged.verdict == Verdict::good(COVERS), covers, "{name}");
    }
}

#[test]
fn answers_that_are_none() {
    let stage = Stage::new("own leads");
    let rule = stage.rule(&mut Books::default(), "POST", TARGET, br#"["7"]"#);
    for (name, status, body, verdict) in [
        ("an empty list", 200, r#"{"data":[]}"#, Verdict::good(Score::default())),
        ("numbers", 200, r#"{"data":[{"index":7,"is_live":false}]}"#, Verdict::good(COVERS)),
        ("not a flag", 200, r#"{"data":[{"index":"7","is_live":"no"}]}"#, Verdict::Bad),
        ("no list", 200, r#"{"data":{}}"#, Verdict::Bad),
        ("no tracking", 404, r#"{"code":404,"message":"not enabled"}"#, Verdict::Final { status: 404 }),
        ("no tracking, in other words", 400, r#"{"code":400,"message":"not enabled"}"#, Verdict::Final { status: 400 }),
    ] {
        assert_eq!(rule.judge(NodeId(0), &json(status, body)).verdict, verdict, "{name}");
    }
}

#[test]
fn books_forget_nodes_that_are_gone() {
    let mut books = watched(&[(10, "own,own away,own syncing")]);
    let mut fewer = Stage::new("own,own,own");
    Arc::get_mut(&mut fewer.snapshot).expect("alone").nodes.truncate(1);
    books.readiness.note(&fewer.snapshot, CLOCK.genesis);
    assert!(books.readiness.since(NodeId(0), Moment(0)));
    assert!(!books.readiness.since(NodeId(2), Moment(u64::MAX)), "nothing is known of it");
}
