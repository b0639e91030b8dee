//! The answers that must not flap, and the other topics, each sentence with its case.

use crate::chain::{Checkpoint, Epoch, Moment, Slot};
use crate::events::{Finalized, Topic};
use crate::family::ConsensusFamily::{Lighthouse, Nimbus, Prysm, Teku};
use crate::fleet::{Fleet, Notice, Signal};
use crate::health::{NetworkStanding, Syncing};
use crate::node::{NodeId, Participation, Profile, Trust};

use super::stage::{Stage, event, root};
use super::world::{CLOCK, profile};

const SLOT: u64 = CLOCK.slot_ms;

fn own(id: u16) -> Profile {
    profile(id, Trust::Own, [Lighthouse, Teku][usize::from(id % 2)])
}

fn friend(id: u16) -> Profile {
    profile(id, Trust::Friend, [Nimbus, Prysm][usize::from(id % 2)])
}

#[test]
fn health_is_held_and_then_true() {
    let syncing = |is_syncing| Syncing {
        head_slot: Slot(50),
        sync_distance: 56,
        is_syncing,
        is_optimistic: None,
        el_offline: None,
    };
    let mut stage = Stage::new(vec![own(0), own(1)]);
    let now = |stage: &Stage| stage.fleet.health_status(stage.now);
    assert_eq!(now(&stage), 200);
    stage.play("-0");
    assert_eq!(now(&stage), 200, "one ready node is enough");
    stage.observe(Signal::Syncing { from: NodeId(1), said: syncing(true) });
    assert_eq!(now(&stage), 200, "held");
    let at = stage.now;
    assert_eq!(stage.fleet.health_status(at.plus(2 * SLOT - 20)), 200, "for two slots");
    assert_eq!(stage.fleet.health_status(at.plus(2 * SLOT)), 206, "then the truth: a node is syncing");
    stage.play("-1");
    assert_eq!(stage.fleet.health_status(at.plus(2 * SLOT)), 503, "and none is there");
    assert_eq!(Fleet::new().health_status(at), 503, "before the first node");

    let publish_only = Profile { participation: Participation::PublishOnly, ..own(0) };
    assert_eq!(now(&Stage::new(vec![publish_only])), 503, "a node that is not read makes nobody healthy");
    assert_eq!(now(&Stage::new(vec![friend(0)])), 200, "a friend's does");
}

#[test]
fn syncing_has_all_five_fields_and_no_slot_of_the_future() {
    let answer = |head_slot, sync_distance, is_syncing, is_optimistic, el_offline| {
        let (is_optimistic, el_offline) = (Some(is_optimistic), Some(el_offline));
        Some(Syncing { head_slot: Slot(head_slot), sync_distance, is_syncing, is_optimistic, el_offline })
    };
    let mut stage = Stage::new(vec![own(0), own(1)]);
    let now = |stage: &Stage| stage.fleet.syncing(stage.now);
    assert_eq!(now(&stage), answer(99, 7, false, false, false), "the clock is at slot 106");
    stage.play("0a 1c");
    assert_eq!(now(&stage), answer(102, 4, false, false, false), "the highest head of ready nodes");
    stage.play("0f");
    assert_eq!(now(&stage), answer(106, 0, false, false, false), "never above the clock");

    let said = Syncing {
        head_slot: Slot(60),
        sync_distance: 46,
        is_syncing: true,
        is_optimistic: None,
        el_offline: Some(true),
    };
    let mut stage = Stage::new(vec![own(0), own(1)]);
    stage.play("0c 1c");
    stage.observe(Signal::Syncing { from: NodeId(0), said });
    stage.play("-1");
    assert_eq!(now(&stage), answer(102, 4, false, false, false), "held for a slot");
    stage.play("=");
    assert_eq!(now(&stage), answer(102, 5, true, false, true), "then the true state of the best one");
    stage.play("-0");
    assert_eq!(now(&stage), None, "nothing to say");
    assert_eq!(Fleet::new().syncing(stage.now), None);

    let mut stage = Stage::new(vec![own(0), friend(1)]);
    stage.play("0a 1e");
    assert_eq!(
        now(&stage),
        answer(100, 6, false, false, false),
        "a friend's head counts only when no own node is ready"
    );
    stage.play("-0");
    assert_eq!(now(&stage), answer(105, 1, false, false, false));
}

#[test]
fn peer_count_is_the_most_or_the_last_known() {
    let mut stage = Stage::new(vec![own(0), own(1)]);
    assert_eq!(stage.fleet.peer_count(), None);
    for (from, connected) in [(0, 12), (1, 70)] {
        stage.observe(Signal::Peers { from: NodeId(from), connected });
    }
    assert_eq!(stage.fleet.peer_count(), Some(70));
    stage.play("-1");
    assert_eq!(stage.fleet.peer_count(), Some(12));
    stage.play("-0");
    assert_eq!(stage.fleet.peer_count(), Some(12), "the last known");
}

/// What was told of a topic besides heads.
fn told(stage: &mut Stage, topic: Topic, words: &[(u16, String)]) -> Vec<String> {
    stage.others.clear();
    for (from, json) in words {
        stage.observe(event(NodeId(*from), topic, json.clone()));
    }
    stage.others.iter().filter(|(it, _)| *it == topic).map(|(_, json)| json.clone()).collect()
}

#[test]
fn first_seen_and_leader_topics() {
    let block = |it: char, optimistic: bool| {
        format!(r#"{{"slot":"100","block":"{}","execution_optimistic":{optimistic}}}"#, root(it))
    };
    let mut stage = Stage::new(vec![own(0), own(1), friend(2)]);
    stage.play("0a 1a");
    let (a, b) = (block('a', false), block('b', false));
    let words = [(2, a.clone()), (1, a.clone()), (0, a.clone()), (0, b.clone()), (1, block('c', true))];
    assert_eq!(told(&mut stage, Topic::Block, &words), [a.clone(), b], "own nodes', once, verified");
    assert!(told(&mut stage, Topic::Block, &[(0, "{}".into())]).is_empty());
    assert!(stage.notices.contains(&Notice::Unreadable { from: NodeId(0), topic: Topic::Block }));

    let vote = |n: u32| format!(r#"{{"n":{n}}}"#);
    let words = [(1, vote(1)), (0, vote(2)), (0, vote(2)), (2, vote(3))];
    assert_eq!(told(&mut stage, Topic::Attestation, &words), [vote(2)], "only the leader's, each once");
    stage.play("1b");
    assert_eq!(
        told(&mut stage, Topic::Attestation, &[(0, vote(4)), (1, vote(5))]),
        [vote(5)],
        "the leader has changed"
    );
    stage.play("-0 -1");
    let b = block('d', false);
    assert_eq!(told(&mut stage, Topic::Block, &[(2, b.clone())]), [b], "friends', when they decide");
}

#[test]
fn a_payload_is_available_only_for_the_chain_that_was_told() {
    let available = |slot: u64, it: char| format!(r#"{{"slot":"{slot}","block_root":"{}"}}"#, root(it));
    for (name, json, passes) in [
        ("the view's block", available(101, 'b'), true),
        ("an older one", available(100, 'a'), true),
        ("another of the view's slot", available(101, 'x'), false),
        ("a later one", available(102, 'c'), false),
    ] {
        let mut stage = Stage::new(vec![own(0)]);
        stage.play("0b");
        let told = told(&mut stage, Topic::ExecutionPayloadAvailable, &[(0, json)]);
        assert_eq!(!told.is_empty(), passes, "{name}");
    }
}

#[test]
fn slashings_pass_from_own_nodes_always_and_from_friends_never_alone() {
    let slashing = |slot: u64| {
        format!(
            r#"{{"signed_header_1":{{"message":{{"proposer_index":"7","slot":"{slot}"}}}},"signed_header_2":{{}}}}"#
        )
    };
    let one = |stage: &mut Stage, from, slot| told(stage, Topic::ProposerSlashing, &[(from, slashing(slot))]).len();
    let mut stage = Stage::new(vec![own(0), own(1), friend(2), friend(3)]);
    stage.play("0a 1a 2a 3a");
    assert_eq!((one(&mut stage, 2, 1), one(&mut stage, 3, 1)), (0, 0), "friends', while an own node is ready");
    assert_eq!((one(&mut stage, 0, 1), one(&mut stage, 1, 1)), (1, 0), "an own node's, once");
    let syncing =
        Syncing { head_slot: Slot(9), sync_distance: 90, is_syncing: true, is_optimistic: None, el_offline: None };
    stage.observe(Signal::Syncing { from: NodeId(1), said: syncing });
    assert_eq!(one(&mut stage, 1, 2), 1, "even of one that is syncing");
    stage.observe(Signal::Compared { from: NodeId(1), standing: NetworkStanding::Foreign(vec!["genesis".into()]) });
    assert_eq!(one(&mut stage, 1, 3), 0, "but not of another network");
    stage.play("-0");
    assert_eq!((one(&mut stage, 2, 4), one(&mut stage, 3, 4)), (0, 1), "two independent friends, when they decide");
}

/// Name, who says which block to be final for an epoch (true = not verified), what is told.
type Case<'a> = (&'a str, &'a [(u16, u64, char, bool)], &'a [(u64, char)]);

#[test]
fn finality_goes_forward_and_is_never_a_friends_word_alone() {
    let json = |epoch: u64, it: char, optimistic: bool| {
        let execution_optimistic = Some(optimistic);
        Finalized { block: root(it), state: root(it), epoch: Epoch(epoch), execution_optimistic }.write()
    };
    // Slot 106 is in epoch 13.
    let cases: [Case<'_>; 9] = [
        ("an own node's", &[(0, 10, 'a', false), (1, 10, 'a', false)], &[(10, 'a')]),
        ("a friend's", &[(2, 10, 'a', false), (3, 10, 'a', false)], &[]),
        ("a friend's that an own node confirms", &[(2, 10, 'a', false), (0, 10, 'a', false)], &[(10, 'a')]),
        ("an older one", &[(0, 11, 'b', false), (1, 10, 'a', false)], &[(11, 'b')]),
        ("another of the same epoch", &[(0, 10, 'a', false), (1, 10, 'b', false)], &[(10, 'a')]),
        ("a friend has said something of an older epoch", &[(2, 9, 'z', false), (0, 10, 'a', false)], &[(10, 'a')]),
        ("an epoch that has not begun", &[(0, 14, 'a', false)], &[]),
        ("not verified", &[(0, 10, 'a', true)], &[]),
        ("a friend's root against an own node's", &[(2, 10, 'b', false), (0, 10, 'a', false)], &[(10, 'a')]),
    ];
    for (name, words, expected) in cases {
        let mut stage = Stage::new(vec![own(0), own(1), friend(2), friend(3)]);
        stage.play("0a 1a");
        let words: Vec<_> = words.iter().map(|(from, epoch, it, doubt)| (*from, json(*epoch, *it, *doubt))).collect();
        let expected: Vec<_> = expected.iter().map(|(epoch, it)| json(*epoch, *it, false)).collect();
        assert_eq!(told(&mut stage, Topic::FinalizedCheckpoint, &words), expected, "{name}");
        let differs = |notice: &&Notice| matches!(notice, Notice::FinalityDiffers { .. });
        let alarms = stage.notices.iter().filter(differs).count();
        assert_eq!(alarms, usize::from(name.contains("another of") || name.contains("against an own")), "{name}");
    }
    let mut stage = Stage::new(vec![own(0), own(1)]);
    stage.play("0a 1a");
    let finalized = Checkpoint { epoch: Epoch(10), root: root('b') };
    stage.observe(Signal::Finality { from: NodeId(1), finalized });
    let words = [(0, json(10, 'a', false))];
    assert!(told(&mut stage, Topic::FinalizedCheckpoint, &words).is_empty(), "a probe contradicts: one against one");
}

#[test]
fn a_node_that_lacks_a_fork_to_come_raises_one_alarm_for_it() {
    let lacks =
        |change: &str, epoch| NetworkStanding::Lacks { change: change.into(), epoch: Epoch(epoch), also: Vec::new() };
    let mut stage = Stage::new(vec![own(0), own(1)]);
    stage.play("0a 1a");
    // Slot 106 is in epoch 13.
    for (standing, alarms) in [
        (lacks("gloas", 20), 1),
        (lacks("gloas", 20), 1),
        (lacks("gloas", 30), 2),
        (NetworkStanding::Same, 2),
        (lacks("gloas", 30), 2),
        (lacks("fulu", 2), 2),
    ] {
        let said = format!("{standing:?}");
        stage.observe(Signal::Compared { from: NodeId(1), standing });
        stage.observe(Signal::Peers { from: NodeId(1), connected: 3 });
        let alarm = |notice: &&Notice| matches!(notice, Notice::NotReady { node: NodeId(1), .. });
        assert_eq!(stage.notices.iter().filter(alarm).count(), alarms, "{said}");
    }
}

#[test]
fn the_picture_says_who_was_compared() {
    let mut fleet = Fleet::new();
    fleet.observe(Signal::Configured(vec![own(0).into(), friend(1).into()]), Moment(0));
    let compared = |fleet: &Fleet| fleet.snapshot().nodes.iter().map(|node| node.compared).collect::<Vec<_>>();
    assert_eq!(compared(&fleet), [false, false]);
    fleet.observe(Signal::Compared { from: NodeId(1), standing: NetworkStanding::Same }, Moment(1));
    assert_eq!(compared(&fleet), [false, true]);
}
