//! What is asked for, in which form, and which answer wins.

use super::*;
use crate::books::Books;
use crate::duty::kit::{Stage, json};
use crate::race::simulation::{Does, Tie, drive};
use crate::race::{Answer, Outcome};

const PATH: &str = "/eth/v1/beacon/states/head/validators";

fn validators(indices: &[u64]) -> String {
    let entry =
        |index: &u64| format!(r#"{{"index":"{index}","balance":"1","status":"active_ongoing","validator":{{}}}}"#);
    let entries: Vec<_> = indices.iter().map(entry).collect();
    format!(r#"{{"execution_optimistic":false,"finalized":false,"data":[{}]}}"#, entries.join(","))
}

#[test]
fn the_other_form() {
    let stage = Stage::new("own leads");
    let many: Vec<_> = (0..65).map(|id| format!("\"{id}\"")).collect();
    let many = format!(r#"{{"ids":[{}]}}"#, many.join(","));
    let long = format!("{PATH}?id=1&id=2&status=active");
    for (name, method, target, body, status, form) in [
        (
            "POST is unknown",
            "POST",
            PATH,
            r#"{"ids":["1","0xab"]}"#,
            404,
            Some((Method::Get, format!("{PATH}?id=1&id=0xab"), "")),
        ),
        (
            "POST is not allowed",
            "POST",
            PATH,
            r#"{"ids":["1"],"statuses":["active"]}"#,
            405,
            Some((Method::Get, format!("{PATH}?id=1&status=active"), "")),
        ),
        ("POST is wrong", "POST", PATH, r#"{"ids":["1"]}"#, 400, None),
        ("too many for a query", "POST", PATH, many.as_str(), 404, None),
        ("an id that is none", "POST", PATH, r#"{"ids":["1&id=2"]}"#, 404, None),
        ("all validators", "POST", PATH, "{}", 404, None),
        (
            "GET is too long",
            "GET",
            long.as_str(),
            "",
            414,
            Some((Method::Post, PATH.to_owned(), r#"{"ids":["1","2"],"statuses":["active"]}"#)),
        ),
        ("GET finds no state", "GET", long.as_str(), "", 404, None),
    ] {
        let rule = stage.rule(&mut Books::default(), method, target, body.as_bytes());
        let again = rule.instead(NodeId(0), &json(status, "{}"));
        let again = again.map(|it| (it.method, it.target, it.body));
        let expected = form.map(|(method, target, body)| (Some(method), Some(target), Some(body.as_bytes().to_vec())));
        assert_eq!(again, expected, "{name}");
    }
}

#[test]
fn lists_in_a_query() {
    for (query, ids) in [
        ("id=1,2&id=3", vec!["1", "2", "3"]),
        ("id=1%2C2%2c0xab", vec!["1", "2", "0xab"]),
        ("status=active&ids=4", vec![]),
        ("id=", vec![""]),
    ] {
        assert_eq!(of_query(query, "id"), ids, "{query}");
    }
}

#[test]
fn who_is_missing_is_looked_for_at_other_own_nodes() {
    let good = |index| validators(&[index, 8]);
    for (name, nodes, said, chosen, asked) in [
        ("nobody is missing", "own leads,own member", vec![good(7), good(7)], 0, 1),
        ("one is missing", "own leads,own member", vec![validators(&[7]), good(7)], 1, 2),
        ("one is missing everywhere", "own leads,own member", vec![validators(&[7]), validators(&[8])], 0, 2),
        ("nobody is found", "own leads,own member", vec![validators(&[]), validators(&[7])], 1, 2),
        ("a friend's word is not asked for", "own leads,friend member", vec![validators(&[7]), good(7)], 0, 1),
        ("a friend helps where nobody else is", "friend leads,friend member", vec![validators(&[7]), good(7)], 1, 2),
        ("a list that is none", "own leads,own member", vec![r#"{"data":[7]}"#.to_owned(), good(7)], 1, 2),
    ] {
        let stage = Stage::new(nodes);
        let rule = stage.rule(&mut Books::default(), "GET", &format!("{PATH}?id=7&id=8"), b"");
        assert!(rule.reads_whole(), "{name}");
        let does = |(number, body): (usize, &String)| {
            let from = NodeId(number as u16);
            (from, Does::Answer(Duration::from_millis(10), rule.judge(from, &json(200, body)).verdict))
        };
        let does: Vec<_> = said.iter().enumerate().map(does).collect();
        let plan = rule.conduct(stage.plan());
        let trace = drive(&mut *plan.race().expect("somebody is asked"), &does, &[], Tie::Answer);
        assert_eq!(trace.sent.len(), asked, "{name}");
        let Some((_, Outcome::Reply { answer: Answer::One(node), .. })) = trace.end else { panic!("{name}") };
        assert_eq!(node, NodeId(chosen), "{name}");
    }
}

#[test]
fn a_node_that_hangs_is_not_waited_for_longer_than_its_time() {
    let stage = Stage::new("own leads,own member");
    let rule = stage.rule(&mut Books::default(), "GET", &format!("{PATH}?id=7&id=8"), b"");
    let numbers = validators(&[7, 8]).replace("\"7\"", "7");
    assert_eq!(rule.judge(NodeId(0), &json(200, &numbers)).verdict, Verdict::good(merit::ENOUGH));
    let verdict = rule.judge(NodeId(0), &json(200, &validators(&[7]))).verdict;
    let does = [(NodeId(0), Does::Answer(Duration::from_millis(10), verdict)), (NodeId(1), Does::Hang)];
    let mut plan = stage.plan();
    plan.ask.iter_mut().for_each(|one| one.hedge_after = Duration::from_secs(2));
    let trace = drive(&mut *rule.conduct(plan).race().expect("asked"), &does, &[], Tie::Answer);
    let (at, _) = trace.end.expect("it ends");
    assert_eq!(at, Duration::from_millis(510));
}

#[test]
fn large_and_filtered_reads_stream() {
    let stage = Stage::new("own leads,own member");
    let ids: Vec<_> = (0..65).map(|id| id.to_string()).collect();
    for target in [
        format!("{PATH}?id={}", ids.join(",")),
        format!("{PATH}?id=1&status=active"),
        format!("{PATH}?id="),
        PATH.to_owned(),
    ] {
        let rule = stage.rule(&mut Books::default(), "GET", &target, b"");
        assert!(!rule.reads_whole(), "{target}");
        assert_eq!(rule.conduct(stage.plan()), stage.plan(), "{target}");
        let judged = rule.judge(NodeId(0), &json(200, &validators(&[])));
        assert_eq!(judged.verdict, Verdict::good(merit::ENOUGH), "{target}");
    }
}
