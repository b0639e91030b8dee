//! Races in words, for the tables: what each node does in, what was sent and how it ended out.
//!
//! A node is `own` or `friend`, perhaps `away`, `syncing` or in `reserve`, then its deed: `good@50` (a usable answer after 50 ms), `weak@50` (one of
//! the lowest score), a status as `404@50`, `bad@50` or `hang`. A race reads `0@0 1+2@100 | 1@150`: node 0 was sent to at
//! the start, 1 and 2 after 100 ms, and node 1's answer ended it after 150 ms. Other ends: `merged 0,1@150`, `none@150`,
//! `stuck`.

use std::time::Duration;

use super::{Does, STRONG, Tie, Trace, drive};
use crate::node::{NodeId, Tier, Trust};
use crate::race::{Answer, Candidate, Note, Outcome, Race, Score, Verdict};

/// A node's usual time in every script.
pub(in crate::race) const USUAL: Duration = Duration::from_millis(100);

/// Nodes in words, numbered from 0.
pub(in crate::race) fn parse(nodes: &str) -> (Vec<Candidate>, Vec<(NodeId, Does)>) {
    let one = |(number, words): (usize, &str)| {
        let node = NodeId(u16::try_from(number).expect("scripts are short"));
        let words: Vec<&str> = words.split_whitespace().collect();
        let (trust, tier, reserve, deed) = match words[..] {
            ["own", deed] => (Trust::Own, Tier::Ready, false, deed),
            ["own", "away", deed] => (Trust::Own, Tier::Away, false, deed),
            ["own", "syncing", deed] => (Trust::Own, Tier::Syncing, false, deed),
            ["friend", deed] => (Trust::Friend, Tier::Ready, false, deed),
            ["friend", "away", deed] => (Trust::Friend, Tier::Away, false, deed),
            ["friend", "reserve", deed] => (Trust::Friend, Tier::Ready, true, deed),
            _ => panic!("no node: {words:?}"),
        };
        (Candidate { node, trust, tier, hedge_after: USUAL, reserve, why: "scripted" }, (node, does(deed)))
    };
    nodes.split(',').enumerate().map(one).unzip()
}

fn does(deed: &str) -> Does {
    let Some((what, after)) = deed.split_once('@') else {
        assert_eq!(deed, "hang", "a deed without a time");
        return Does::Hang;
    };
    let verdict = match what {
        "good" => Verdict::good(STRONG),
        "weak" => Verdict::good(Score::default()),
        "bad" => Verdict::Bad,
        status => Verdict::Final { status: status.parse().expect("a deed is a word or a status") },
    };
    Does::Answer(Duration::from_millis(after.parse().expect("a time in milliseconds")), verdict)
}

/// Drives the race and writes it down.
pub(in crate::race) fn play(race: &mut dyn Race, nodes: &[(NodeId, Does)], notes: &[(Duration, Note)]) -> String {
    let trace = drive(race, nodes, notes, Tie::Answer);
    let mut text = String::new();
    let mut sent: Vec<(Duration, Vec<String>)> = Vec::new();
    for (at, _, node) in &trace.sent {
        match sent.last_mut() {
            Some((last, nodes)) if last == at => nodes.push(node.to_string()),
            Some(_) | None => sent.push((*at, vec![node.to_string()])),
        }
    }
    for (at, nodes) in sent {
        text += &format!("{}@{} ", nodes.join("+"), at.as_millis());
    }
    text + "| " + &ending(&trace)
}

fn ending(trace: &Trace) -> String {
    let Some((at, outcome)) = &trace.end else { return "stuck".into() };
    let who = match outcome {
        Outcome::Reply { answer: Answer::One(node), .. } => node.to_string(),
        Outcome::Reply { answer: Answer::Merged(nodes), .. } => {
            format!("merged {}", nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(","))
        }
        Outcome::Exhausted { .. } => "none".into(),
    };
    format!("{who}@{}", at.as_millis())
}
