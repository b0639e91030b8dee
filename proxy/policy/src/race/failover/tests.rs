//! Failover, sentence by sentence. Every node's usual time is 100 ms; the deadline is 4 s, so the last call is at 3.2 s.

use std::time::Duration;

use super::{Failover, Pace, Refusals, Rules};
use crate::chain::{Root, Slot};
use crate::node::NodeId;
use crate::race::simulation::script::{parse, play};
use crate::race::{Event, Losers, Note, Outcome, Race, Score, Verdict};

fn rules() -> Rules {
    Rules {
        pace: Pace::Hedged,
        refusals: Refusals::Confirmed,
        enough: Score([1, 0, 0, 0]),
        deadline: Duration::from_secs(4),
        losers: Losers::Cancel,
    }
}

fn check(rules: &Rules, notes: &[(Duration, Note)], cases: &[(&str, &str, &str)]) {
    for (name, nodes, expected) in cases {
        let (candidates, nodes) = parse(nodes);
        assert_eq!(play(&mut Failover::new(candidates, rules.clone()), &nodes, notes), *expected, "{name}");
    }
}

#[test]
fn who_is_asked_and_when() {
    check(
        &rules(),
        &[],
        &[
            ("the best alone, if it answers in its usual time", "own good@99, own good@1", "0@0 | 0@99"),
            ("the next once it is overdue", "own good@500, own good@30", "0@0 1@100 | 1@130"),
            ("the overdue one still wins if it is first", "own good@110, own good@30", "0@0 1@100 | 0@110"),
            ("the next at once on a fault", "own bad@10, own good@30", "0@0 1@10 | 1@40"),
            ("each only after the one before", "own hang, own hang, own good@5", "0@0 1@100 2@200 | 2@205"),
            (
                "a fault of the second while the first is overdue",
                "own hang, own bad@5, own good@5",
                "0@0 1@100 2@105 | 2@110",
            ),
            ("a node that is away comes when it is its turn", "own bad@10, own away good@30", "0@0 1@10 | 1@40"),
            ("one node, slow", "own good@3999", "0@0 | 0@3999"),
            ("one node, too slow", "own good@4001", "0@0 | none@4000"),
            ("all bad", "own bad@10, friend bad@10", "0@0 1@10 | none@20"),
            ("all hang", "own hang, own hang", "0@0 1@100 | none@4000"),
        ],
    );
}

#[test]
fn one_by_one_waits_for_a_fault_or_the_last_call() {
    let rules = Rules { pace: Pace::OneByOne, ..rules() };
    check(
        &rules,
        &[],
        &[
            ("no hedge", "own good@3000, own good@1", "0@0 | 0@3000"),
            ("next on a fault", "own bad@1500, own good@10", "0@0 1@1500 | 1@1510"),
            ("a hung node costs time, not the answer", "own hang, own hang, own good@10", "0@0 1+2@3200 | 2@3210"),
            ("a 404 still asks a second", "own 404@10, own good@10", "0@0 1@10 | 1@20"),
        ],
    );
    let lost = [(Duration::from_millis(50), Note::NodeLost(NodeId(0)))];
    check(&rules, &lost, &[("a lost node is not waited for", "own hang, own good@10", "0@0 1@50 | 1@60")]);
}

#[test]
fn the_reserve_waits_for_every_ready_own_node() {
    check(
        &rules(),
        &[],
        &[
            ("a slow own node", "own good@1200, friend reserve good@1", "0@0 | 0@1200"),
            ("not at the last call either", "own hang, friend reserve good@1", "0@0 | none@4000"),
            ("all ready own ones failed", "own bad@9, own bad@5, friend reserve good@9", "0@0 1@9 2@14 | 2@23"),
            ("one is still silent", "own hang, own bad@5, friend reserve good@9", "0@0 1@100 | none@4000"),
            (
                "an own one that is not ready is not waited for",
                "own bad@5, friend reserve good@9, own syncing hang",
                "0@0 1@5 | 1@14",
            ),
            ("an own refusal stands", "own 404@5, friend reserve good@9", "0@0 | 0@5"),
            ("a weak own answer is taken", "own weak@5, friend reserve good@9", "0@0 | 0@5"),
            ("other friends come in turn", "own good@900, friend good@9, friend reserve good@1", "0@0 1@100 | 1@109"),
        ],
    );
    let lost = [(Duration::from_millis(50), Note::NodeLost(NodeId(0)))];
    check(&rules(), &lost, &[("it became unusable", "own hang, friend reserve good@9", "0@0 1@50 | 1@59")]);
}

#[test]
fn short_deadlines_have_their_last_call_half_way() {
    let rules = Rules { deadline: Duration::from_millis(150), ..rules() };
    check(
        &rules,
        &[],
        &[
            ("everyone left is asked together", "own hang, own hang, friend good@10", "0@0 1+2@75 | 2@85"),
            ("an answer at the deadline is one", "own good@150", "0@0 | 0@150"),
        ],
    );
    let none = Rules { deadline: Duration::ZERO, ..rules };
    check(&none, &[], &[("no time at all", "own good@10", "| none@0")]);
}

#[test]
fn refusals_are_confirmed() {
    check(
        &rules(),
        &[],
        &[
            (
                "an own node's 404 is confirmed by another own one",
                "own 404@10, friend good@10, own 404@10",
                "0@0 2@10 | 0@20",
            ),
            ("an own node's 404 is outdone", "own 404@10, own good@90", "0@0 1@10 | 1@100"),
            ("400 and 404 confirm each other", "own 400@10, own 404@10, own hang", "0@0 1@10 | 0@20"),
            ("a friend confirms if there is no other own node", "own 404@10, friend 404@10", "0@0 1@10 | 0@20"),
            (
                "a friend confirms if the other own node failed",
                "own 404@10, own bad@10, friend 404@10",
                "0@0 1@10 2@20 | 0@30",
            ),
            (
                "a friend does not confirm for an own one",
                "own 404@10, own hang, friend 404@10",
                "0@0 1@10 2@110 | 0@1010",
            ),
            ("another class confirms nothing", "own 404@10, friend 501@10, friend 404@10", "0@0 1@10 2@20 | 0@30"),
            ("the only node", "own 404@10", "0@0 | 0@10"),
            ("the only node that is there", "own 404@10, own away hang, friend away hang", "0@0 | 0@10"),
            ("all others failed", "own 404@10, own bad@10, friend bad@10", "0@0 1@10 2@20 | 0@30"),
            ("a hung second node costs a second", "own 404@10, own hang", "0@0 1@10 | 0@1010"),
            ("other refusals need one own node", "own 414@10, own good@10", "0@0 | 0@10"),
            ("an own 501 too", "own 501@10, own good@10", "0@0 | 0@10"),
            ("a fault, then a refusal", "own bad@10, own 404@10, own bad@10", "0@0 1@10 2@20 | 1@30"),
        ],
    );
}

#[test]
fn a_friends_refusal_waits_for_own_nodes() {
    check(
        &rules(),
        &[],
        &[
            (
                "own nodes are asked at once, before other friends",
                "friend 404@10, friend good@10, own 404@10",
                "0@0 2@10 | 2@20",
            ),
            (
                "a friend who may yet answer does not delay that",
                "friend 404@150, friend good@90, own good@1",
                "0@0 1@100 2@150 | 2@151",
            ),
            ("they may be overdue", "own good@900, friend 414@10", "0@0 1@100 | 0@900"),
            ("up to the deadline", "own hang, friend 404@10", "0@0 1@100 | 1@4000"),
            ("also when away", "friend 501@10, own away good@700", "0@0 1@10 | 1@710"),
            (
                "when they failed, two friends decide",
                "own bad@10, friend 404@10, friend 404@10",
                "0@0 1@10 2@20 | 1@30",
            ),
            (
                "the one that is seconded",
                "own bad@10, friend 400@10, friend 501@90, friend 501@1",
                "0@0 1@10 2@20 | 2@110",
            ),
            ("or one where one is there", "own bad@10, friend 404@10, friend away hang", "0@0 1@10 | 1@20"),
            ("the own one is shown", "friend 404@10, own 404@10", "0@0 1@10 | 1@20"),
        ],
    );
}

#[test]
fn first_words_need_no_confirmation() {
    let rules = Rules { refusals: Refusals::FirstWord, enough: Score::default(), ..rules() };
    check(
        &rules,
        &[],
        &[
            ("a 404", "own 404@10, own good@10", "0@0 | 0@10"),
            ("a friend's", "friend 404@10, own good@10", "0@0 | 0@10"),
            ("a weak answer", "own weak@10, own good@10", "0@0 | 0@10"),
            ("but not a fault", "own bad@10, own good@10", "0@0 1@10 | 1@20"),
        ],
    );
}

#[test]
fn a_weak_answer_is_kept_while_a_better_one_is_due() {
    check(
        &rules(),
        &[],
        &[
            ("the next is asked at once", "own weak@10, own good@10", "0@0 1@10 | 1@20"),
            ("and served when none is better", "own weak@10, own bad@10, friend weak@10", "0@0 1@10 2@20 | 0@30"),
            ("each node has its usual time", "own weak@10, own hang, own hang", "0@0 1@10 2@110 | 0@210"),
            ("a node that is away is not asked for it", "own weak@10, own away good@10", "0@0 | 0@10"),
            ("it beats a confirmed refusal", "own weak@10, own 404@10, own 404@10", "0@0 1@10 2@20 | 0@30"),
        ],
    );
    let any = Rules { enough: Score::default(), ..rules() };
    check(&any, &[], &[("unless any answer is enough", "own weak@10, own good@10", "0@0 | 0@10")]);
}

#[test]
fn notes_change_only_who_is_waited_for() {
    let at = Duration::from_millis(30);
    check(
        &rules(),
        &[(at, Note::NodeLost(NodeId(0)))],
        &[
            ("the next is asked at once", "own hang, own good@10", "0@0 1@30 | 1@40"),
            ("the lost node's answer is still taken", "own good@35, own good@10", "0@0 1@30 | 0@35"),
        ],
    );
    check(
        &rules(),
        &[(at, Note::NodeLost(NodeId(1)))],
        &[("one that was not asked yet", "own hang, own good@10", "0@0 1@100 | 1@110")],
    );
    check(
        &rules(),
        &[(at, Note::ViewMoved(Slot(7), Root::default()))],
        &[("a moved view", "own good@90, own good@10", "0@0 | 0@90")],
    );
}

#[test]
fn nobody_to_ask_is_the_end() {
    for losers in [Losers::Cancel, Losers::Finish] {
        let step = Failover::new(Vec::new(), Rules { losers, ..rules() }).begin();
        assert_eq!(step.outcome, Some(Outcome::Exhausted { losers }));
    }
}

#[test]
fn answers_of_nodes_that_were_not_asked_are_ignored() {
    let (candidates, _) = parse("own hang, own hang");
    let mut race = Failover::new(candidates, rules());
    race.begin();
    for from in [NodeId(1), NodeId(9)] {
        let answer = Event::Answer { from, verdict: Verdict::good(Score([9; 4])) };
        assert_eq!(race.observe(answer, Duration::from_millis(10)).outcome, None, "{from}");
    }
}
