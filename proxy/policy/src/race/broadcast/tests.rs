//! Broadcast, sentence by sentence.

use std::time::Duration;

use super::Broadcast;
use crate::node::{NodeId, Trust};
use crate::race::simulation::script::{parse, play};
use crate::race::{Candidate, Event, Losers, Outcome, Race, Score, Verdict};

const DEADLINE: Duration = Duration::from_millis(1_500);

/// Which friends wait, and whether node 0 speaks for all.
fn check(hold_friends: bool, spokesman: Option<NodeId>, cases: &[(&str, &str, &str)]) {
    for (name, nodes, expected) in cases {
        let (candidates, nodes) = parse(nodes);
        let (held_back, at_once): (Vec<_>, Vec<_>) =
            candidates.iter().partition(|one| hold_friends && one.trust == Trust::Friend);
        let ids = |candidates: Vec<&Candidate>| candidates.iter().map(|one| one.node).collect::<Vec<_>>();
        let mut race = Broadcast::new(&ids(at_once), &ids(held_back), DEADLINE, spokesman);
        assert_eq!(play(&mut race, &nodes, &[]), *expected, "{name}");
    }
}

#[test]
fn the_first_to_accept_answers() {
    check(
        false,
        None,
        &[
            ("own or friend", "own good@50, friend good@20, own hang", "0+1+2@0 | 1@20"),
            ("a refusal does not end it", "own 400@5, own good@50", "0+1@0 | 1@50"),
            ("a fault does not end it", "own bad@5, own 503@6, own away good@50", "0+1+2@0 | 2@50"),
            ("the score does not matter", "own weak@10, own good@20", "0+1@0 | 0@10"),
        ],
    );
}

#[test]
fn without_an_acceptance_it_ends_when_all_have_ended() {
    check(
        false,
        None,
        &[
            ("all refuse", "own 400@10, own 400@30, friend 404@20", "0+1+2@0 | merged 0,1,2@30"),
            ("one refuses, one fails", "own bad@10, own 400@30", "0+1@0 | merged 0,1@30"),
            ("all fail", "own bad@10, own bad@30", "0+1@0 | none@30"),
        ],
    );
}

#[test]
fn the_deadline_ends_the_wait_of_the_caller() {
    check(
        false,
        None,
        &[
            ("silence", "own hang, own good@1501", "0+1@0 | none@1500"),
            ("a refusal, and the rest unknown", "own 400@10, own hang", "0+1@0 | merged 0,1@1500"),
            ("an acceptance at the last instant", "own 400@10, own good@1500", "0+1@0 | 1@1500"),
        ],
    );
}

#[test]
fn friends_are_spared_big_bodies() {
    check(
        true,
        None,
        &[
            ("an own node accepts in time", "own good@499, friend good@1", "0@0 | 0@499"),
            ("it is slow", "own good@900, friend good@100", "0@0 1@500 | 1@600"),
            ("it hangs", "own hang, friend good@100", "0@0 1@500 | 1@600"),
            ("all own nodes failed", "own bad@20, own 400@30, friend good@100", "0+1@0 2@30 | 2@130"),
            ("one failed, one may accept", "own bad@20, own good@200, friend good@1", "0+1@0 | 1@200"),
            (
                "an own refusal alone spares nobody",
                "own 400@20, own hang, friend 400@10",
                "0+1@0 2@500 | merged 0,1,2@1500",
            ),
            ("there is no own node", "friend good@10, friend good@20", "0+1@0 | 0@10"),
        ],
    );
}

#[test]
fn a_spokesman_answers_for_all() {
    check(
        false,
        Some(NodeId(0)),
        &[
            ("its acceptance, though later", "own good@300, own good@10", "0+1@0 | 0@300"),
            ("its refusal, though another accepted", "own 400@300, own good@10", "0+1@0 | 0@300"),
            ("it fails, another had accepted", "own bad@300, own good@10", "0+1@0 | 1@300"),
            ("it fails, another accepts later", "own bad@10, own good@300", "0+1@0 | 1@300"),
            ("it is silent, another had accepted", "own hang, own good@10", "0+1@0 | 1@1500"),
            ("it is silent, all others refused", "own hang, own 400@10", "0+1@0 | merged 0,1@1500"),
            ("everyone fails", "own bad@10, own bad@300", "0+1@0 | none@300"),
        ],
    );
    check(
        true,
        Some(NodeId(0)),
        &[(
            "friends are spared when any own node accepted",
            "own good@900, own good@10, friend good@1",
            "0+1@0 | 0@900",
        )],
    );
    check(false, Some(NodeId(9)), &[("a spokesman that is not asked", "own good@30, own good@10", "0+1@0 | 1@10")]);
}

#[test]
fn losers_always_finish() {
    let node = NodeId(0);
    for verdict in [Verdict::good(Score::default()), Verdict::Final { status: 400 }, Verdict::Bad] {
        let mut race = Broadcast::new(&[node], &[], DEADLINE, None);
        race.begin();
        let step = race.observe(Event::Answer { from: node, verdict: verdict.clone() }, Duration::from_millis(1));
        let Some(Outcome::Reply { losers, .. } | Outcome::Exhausted { losers }) = step.outcome else {
            panic!("the only node ended with {verdict:?}, and the race did not");
        };
        assert_eq!(losers, Losers::Finish, "{verdict:?}");
    }
    let step = Broadcast::new(&[], &[], DEADLINE, None).begin();
    assert_eq!(step.outcome, Some(Outcome::Exhausted { losers: Losers::Finish }), "nobody to send to");
}

#[test]
fn a_nodes_first_answer_counts_and_only_if_it_was_asked() {
    let (own, friend) = (NodeId(0), NodeId(1));
    let mut race = Broadcast::new(&[own, NodeId(2)], &[friend], DEADLINE, None);
    race.begin();
    for (from, verdict) in
        [(friend, Verdict::good(Score::default())), (own, Verdict::Bad), (own, Verdict::good(Score::default()))]
    {
        assert_eq!(race.observe(Event::Answer { from, verdict }, Duration::from_millis(1)).outcome, None, "{from}");
    }
}
