//! Broadcast, sentence by sentence.

use std::time::Duration;

use super::{Broadcast, Lead, Others, Terms};
use crate::chain::{Root, Slot};
use crate::node::{NodeId, Trust};
use crate::race::simulation::script::{parse, play};
use crate::race::{Event, Losers, Note, Outcome, Race, Score, Verdict};

const DEADLINE: Duration = Duration::from_millis(1_500);

/// Plays each case under these terms; where friends wait, they are those of the case.
fn play_all(hold_friends: bool, terms: &Terms, notes: &[(Duration, Note)], cases: &[(&str, &str, &str)]) {
    for (name, nodes, expected) in cases {
        let (candidates, nodes) = parse(nodes);
        let friends = candidates.iter().filter(|one| hold_friends && one.trust == Trust::Friend);
        let held_back = friends.map(|one| one.node).collect();
        let ids: Vec<NodeId> = candidates.iter().map(|one| one.node).collect();
        let mut race = Broadcast::new(&ids, Terms { held_back, ..terms.clone() });
        assert_eq!(play(&mut race, &nodes, notes), *expected, "{name}");
    }
}

/// Which friends wait, and whether node 0 speaks for all.
fn check(hold_friends: bool, spokesman: Option<NodeId>, cases: &[(&str, &str, &str)]) {
    play_all(hold_friends, &Terms { spokesman, ..Terms::new(DEADLINE) }, &[], cases);
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
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
        let mut race = Broadcast::new(&[node], Terms::new(DEADLINE));
        race.begin();
        let step = race.observe(Event::Answer { from: node, verdict: verdict.clone() }, Duration::from_millis(1));
        let Some(Outcome::Reply { losers, .. } | Outcome::Exhausted { losers }) = step.outcome else {
            panic!("the only node ended with {verdict:?}, and the race did not");
        };
        assert_eq!(losers, Losers::Finish, "{verdict:?}");
    }
    let step = Broadcast::new(&[], Terms::new(DEADLINE)).begin();
    assert_eq!(step.outcome, Some(Outcome::Exhausted { losers: Losers::Finish }), "nobody to send to");
}

#[test]
fn a_nodes_first_answer_counts_and_only_if_it_was_asked() {
    let (own, friend) = (NodeId(0), NodeId(1));
    let mut race = Broadcast::new(&[own, NodeId(2), friend], Terms { held_back: vec![friend], ..Terms::new(DEADLINE) });
    race.begin();
    for (from, verdict) in
        [(friend, Verdict::good(Score::default())), (own, Verdict::Bad), (own, Verdict::good(Score::default()))]
    {
        assert_eq!(race.observe(Event::Answer { from, verdict }, Duration::from_millis(1)).outcome, None, "{from}");
    }
}

#[test]
fn a_lesser_acceptance_waits_for_a_better_one() {
    let terms = Terms { enough: Score([1, 0, 0, 0]), grace: ms(500), ..Terms::new(DEADLINE) };
    play_all(
        false,
        &terms,
        &[],
        &[
            ("a better one comes", "own weak@10, own good@300", "0+1@0 | 1@300"),
            ("a better one comes too late", "own weak@10, own good@600", "0+1@0 | 0@510"),
            ("it comes first", "own good@10, own weak@5", "0+1@0 | 0@10"),
            ("nobody is left to wait for", "own weak@10, own 400@20, own bad@30", "0+1+2@0 | 0@30"),
            ("alone", "own weak@10", "0@0 | 0@10"),
            ("the first of equals", "own weak@20, own weak@10, own hang", "0+1+2@0 | 1@510"),
            ("the deadline comes before", "own weak@1200, own hang", "0+1@0 | 0@1500"),
        ],
    );
    let block = Some(Slot(7));
    let moved = |slot| vec![(ms(100), Note::ViewMoved(Slot(slot), Root([1; 32])))];
    let terms = Terms { block, ..terms };
    let nodes = "own weak@10, own hang";
    play_all(false, &terms, &moved(7), &[("the view moves to the block", nodes, "0+1@0 | merged 0@100")]);
    play_all(false, &terms, &moved(6), &[("the view moves elsewhere", nodes, "0+1@0 | 0@510")]);
    play_all(false, &terms, &moved(7), &[("only a refusal", "own 400@10, own hang", "0+1@0 | merged 0,1@1500")]);
    play_all(false, &Terms { seen: true, ..terms }, &[], &[("it stood there", nodes, "0+1@0 | merged 0@10")]);
}

#[test]
fn what_was_said_is_settled_in_time() {
    let terms = Terms { settle_by: ms(800), ..Terms::new(DEADLINE) };
    play_all(
        false,
        &terms,
        &[],
        &[
            ("a refusal and silence", "own 400@10, own hang", "0+1@0 | merged 0,1@800"),
            ("an acceptance before", "own 400@10, own good@700", "0+1@0 | 1@700"),
            ("an acceptance after", "own 400@10, own good@900", "0+1@0 | merged 0,1@800"),
            ("a late refusal", "own 400@900, own hang", "0+1@0 | merged 0,1@900"),
            ("nobody said anything: the slow one is waited for", "own bad@10, own good@1400", "0+1@0 | 1@1400"),
        ],
    );
    let soon = Terms { settle_by: ms(100), ..terms };
    let held = "own 400@10, own hang, friend good@50";
    play_all(true, &soon, &[], &[("not before friends were asked", held, "0+1@0 2@500 | merged 0,1,2@500")]);
}

#[test]
fn one_checks_and_the_others_get_what_it_let_through() {
    let lead =
        Lead { nodes: vec![NodeId(0), NodeId(1)], patience: ms(500), accepted: Others::Asked, refused: Others::Spared };
    let terms = Terms { enough: Score([1, 0, 0, 0]), grace: ms(500), lead: Some(lead), ..Terms::new(ms(3_000)) };
    play_all(
        true,
        &terms,
        &[],
        &[
            ("it accepts", "own good@40, own good@1, friend good@1", "0@0 1@40 | 0@40"),
            ("it sends on, another imports", "own weak@40, own good@20", "0@0 1@40 | 1@60"),
            ("it refuses", "own 400@40, own good@1, friend good@1", "0@0 | 0@40"),
            ("it fails, the next accepts", "own bad@40, own good@30, own good@1", "0@0 1@40 2@70 | 1@70"),
            ("it fails, the next refuses", "own bad@40, own 400@30, own good@1", "0@0 1@40 | 1@70"),
            ("both fail", "own bad@40, own bad@30, own good@50", "0@0 1@40 2@70 | 2@120"),
            ("both fail, friends are left", "own bad@40, own bad@30, friend good@50", "0@0 1@40 2@70 | 2@120"),
            ("it is silent", "own hang, own good@20, friend good@9", "0@0 1+2@500 | 2@509"),
            ("it is silent, then refuses", "own 400@700, own good@300", "0@0 1@500 | 1@800"),
            ("it fails, the next is silent", "own bad@40, own hang, own good@20", "0@0 1@40 2@540 | 2@560"),
        ],
    );
}

#[test]
fn who_made_it_is_asked_first_and_the_others_only_if_it_fails() {
    let lead = Lead { nodes: vec![NodeId(0)], patience: ms(1_500), accepted: Others::Spared, refused: Others::Asked };
    let terms = Terms { lead: Some(lead.clone()), ..Terms::new(ms(6_000)) };
    play_all(
        true,
        &terms,
        &[],
        &[
            ("it accepts", "own good@900, own good@1, friend good@1", "0@0 | 0@900"),
            ("it sends on", "own weak@90, own good@1", "0@0 | 0@90"),
            ("it refuses", "own 400@40, own good@30, friend good@1", "0@0 1@40 | 1@70"),
            ("it fails", "own bad@40, own 400@30, friend good@1", "0@0 1@40 2@70 | 2@71"),
            ("it hangs", "own hang, own good@30, friend good@40", "0@0 1+2@1500 | 1@1530"),
            ("a refusal of another ends nothing", "own good@3000, own 400@30", "0@0 1@1500 | 0@3000"),
        ],
    );
    let gone = Terms { lead: Some(Lead { nodes: vec![NodeId(9)], ..lead }), ..terms };
    play_all(false, &gone, &[], &[("a lead that is not asked", "own good@30, own good@10", "0+1@0 | 1@10")]);
}
