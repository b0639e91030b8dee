//! The sentences about the view and about trust, each with its case.

use crate::events::{HeadV2, PayloadStatus, Reorg, Topic};
use crate::family::ConsensusFamily::{Lighthouse, Lodestar, Nimbus, Prysm, Teku};
use crate::fleet::{Notice, Signal};
use crate::node::{NodeId, Participation, Profile, Trust};

use super::stage::{Stage, event, head, reorg, root};
use super::world::profile;

fn own(id: u16) -> Profile {
    profile(id, Trust::Own, [Lighthouse, Teku, Nimbus][usize::from(id % 3)])
}

fn friend(id: u16) -> Profile {
    profile(id, Trust::Friend, [Lodestar, Prysm][usize::from(id % 2)])
}

/// Name, words, what is told.
type Case = (&'static str, &'static str, &'static str);

fn all(nodes: impl Fn() -> Vec<Profile>, cases: &[Case]) {
    for (name, words, told) in cases {
        assert_eq!(Stage::new(nodes()).play(words), *told, "{name}: {words}");
    }
}

#[test]
fn the_view_of_three_own_nodes() {
    all(
        || vec![own(0), own(1), own(2)],
        &[
            ("the first word is told", "0a", "a"),
            ("once", "0a 1a 2a 0a", "a"),
            ("whoever has the next block first leads", "0a 1a 1b 0b 0c", "a b c"),
            ("a late node's old head is not told", "0a 1a 0b 2a 2b", "a b"),
            ("a higher head on top, from a node that never was at the view: one header read", "0a 1b", "a b"),
            ("the same over blocks that nobody told", "0a 1d", "a d"),
            ("a higher head on another branch stays alone", "0a 1B", "a"),
            ("until more stand behind it", "0a 1B 2B", "a >B B"),
            ("or until the leader goes there", "0a 1B 0B", "a >B B"),
            ("two forks of one node each do not make it flap", "0a 1B 0c 1C 0d", "a c d"),
            ("a rival at the same slot is not told", "0b 1x", "b"),
            ("until more stand behind it", "0b 1x 2x", "b >x x"),
            ("or until the leader goes there", "0b 0x", "b >x x"),
            ("the leader may go back on its branch", "0a 0b 0a", "a b >a a"),
            ("but not against the others that are where it was", "0a 0b 1b 0a", "a b"),
            ("a lower head on another branch needs the most, too", "0b 1A", "b"),
            ("and gets it", "0b 1A 2A", "b >A A"),
            ("a head of a slot to come is held", "0a 0f", "a"),
            ("and told when its slot begins", "0a 0f = = = = = =", "a f"),
            ("a block around the last one: the others are just late", "0b 1b 2b 0>y ~ 1>y", "b >y y"),
        ],
    );
}

#[test]
fn a_lost_leader_is_followed() {
    all(
        || vec![own(0), own(1), own(2)],
        &[
            ("by another that is at the view: its word moves it now", "0a 1a -0 1>B", "a >B B"),
            ("nobody is at the view: nothing holds it", "0a -0 1B", "a >B B"),
            ("but a late node does not pull it back", "0a 0b -0 1a ~ =", "a b"),
            ("a leader that comes back elsewhere has no say over the others", "0a 1a -0 +0 0B 1b", "a b"),
            ("all away, and back: the view goes on", "0a -0 -1 -2 = +1 1d", "a d"),
        ],
    );
}

#[test]
fn a_reorg_is_told_before_its_head() {
    let mut stage = Stage::new(vec![own(0), own(1)]);
    stage.play("0b 0>x");
    let reorgs = |stage: &Stage| -> Vec<Reorg> {
        let found = stage.notices.iter().filter_map(|notice| match notice {
            Notice::Reorged(reorg) => Some(reorg.clone()),
            _ => None,
        });
        found.collect()
    };
    assert_eq!(stage.told.join(" "), "b >x x");
    assert_eq!(reorgs(&stage), [reorg('b', 'x')], "the leader's own, as it came");

    let mut stage = Stage::new(vec![own(0), own(1)]);
    stage.play("0b 0x");
    assert_eq!(reorgs(&stage), [Reorg { depth: 1, ..reorg('b', 'x') }], "made, from the headers");

    let mut stage = Stage::new(vec![own(0), own(1)]);
    stage.play("0b 0x");
    let from = NodeId(0);
    stage.observe(event(from, Topic::ChainReorg, reorg('b', 'x').write()));
    assert_eq!(stage.told.join(" "), "b >x x", "the leader's own that comes later is not told again");

    let mut stage = Stage::new(vec![own(0), own(1)]);
    stage.play("0b 0>x 1a 1b 1>x");
    assert_eq!(stage.told.join(" "), "b >x x", "nor another node's");
}

#[test]
fn optimistic_heads() {
    all(
        || vec![own(0), own(1)],
        &[
            ("are not told while another node has a good one", "0a 1a 0b?", "a"),
            ("and the good one is", "0a 1a 0b? 1b", "a b"),
            ("are told, as such, when nobody has another", "0a 1a -1 0b?", "a b?"),
            ("and once verified the node decides again", "0a 1a 0b? 0c", "a c"),
        ],
    );
    all(|| vec![own(0), friend(1)], &[("a friend with a good one counts as another", "0a 1a 0b? 1b", "a b")]);
}

#[test]
fn friends_help_and_own_nodes_decide() {
    let nodes = || vec![own(0), own(1), friend(2), friend(3)];
    all(
        nodes,
        &[
            ("a friend's head moves nothing", "0a 1a 2b", "a"),
            ("nor do two friends'", "0a 1a 2b 3b ~ ~", "a"),
            ("an own node that knows it does", "0a 1a 2b 3b 1b", "a b"),
            ("a friend's reorg moves nothing", "0b 1b 2>x 3>x", "b"),
            ("friends confirm: an own node and a friend against one own node", "0b 1x 2x", "b >x x"),
            ("friends count for nothing without an own node", "0b 1b 2x 3x 2y 3y", "b"),
        ],
    );
    all(
        nodes,
        &[
            ("no own node is ready: two friends decide", "0a 1a 2a 3a -0 -1 2b 3b", "a b"),
            ("one of two waits for the other", "0a 1a 2a 3a -0 -1 2b", "a"),
            ("for a twelfth of a slot", "0a 1a 2a 3a -0 -1 2b ~ ~", "a b"),
            ("the second friend's reorg too", "0a 1a 2b 3b -0 -1 2x 3x", "a b >x x"),
            ("an own node that is back decides again", "0a 1a -0 -1 2b 3b +0 0x ~", "a b >x x"),
            ("and is not pulled back by what it has not heard yet", "0a 1a -0 -1 2b 3b +0 0a ~ 0b", "a b"),
        ],
    );
    all(
        || vec![own(0), friend(1)],
        &[
            ("the only friend there is decides alone", "0a 1a -0 1b", "a b"),
            ("but not while the own node is ready", "0a 1a 1b ~ ~", "a"),
        ],
    );
    all(
        || vec![own(0), Profile { operator: None, ..friend(1) }, Profile { operator: None, ..friend(2) }],
        &[("friends without operator count as one: none to wait for", "0a -0 1b", "a b")],
    );
}

#[test]
fn participation() {
    let part = |profile: Profile, participation| Profile { participation, ..profile };
    all(
        || vec![own(0), part(own(1), Participation::PublishOnly)],
        &[
            ("a publish-only node's head moves nothing", "0a 1b", "a"),
            ("not even when it is alone", "0a -0 1b = =", "a"),
        ],
    );
    all(
        || vec![own(0), part(own(1), Participation::Standby), friend(2)],
        &[
            ("a standby node does not go first", "0a 1a 1b", "a"),
            ("it confirms", "0a 1x 2x", "a x"),
            ("it goes first when no better own node is there", "0a 1a -0 1b", "a b"),
            ("before friends", "0a 1a -0 2x 1b", "a b"),
        ],
    );
    let mut stage = Stage::new(vec![own(0), own(1)]);
    stage.observe(Signal::Cordoned { node: NodeId(1), cordoned: true });
    assert_eq!(stage.play("0a 1a 1b 0b"), "a b", "a cordoned node does not go first");
    assert_eq!(stage.view(), Some(('b', 0, vec![0, 1])));
}

#[test]
fn leader_and_members() {
    let mut stage = Stage::new(vec![own(0), own(1), friend(2), own(3)]);
    stage.play("0a 1a 2a");
    assert_eq!(stage.view(), Some(('a', 0, vec![0, 1, 2])));
    stage.play("1b");
    assert_eq!(stage.view(), Some(('b', 1, vec![1])));
    stage.play("0b? 2b");
    assert_eq!(stage.view(), Some(('b', 1, vec![1, 2])), "a node whose head is not verified is no member");
    stage.play("-1");
    assert_eq!(stage.view(), Some(('b', 1, vec![2])), "a lost leader leaves its place");
    stage.play("3b");
    assert_eq!(stage.view(), Some(('b', 3, vec![2, 3])), "to the next own node");
}

#[test]
fn heads_that_no_event_told() {
    all(
        || vec![own(0), own(1)],
        &[
            ("a head from a header, with the duties of its epoch", "0a 0^b", "a b"),
            ("and of the next", "0a 0d 0^e", "a d e"),
            ("the event that follows is not told again", "0a 0^b 0b 1b", "a b"),
            ("a header that crossed a newer event is old", "0a 0b 0^a 0c", "a b c"),
            ("without known duties the view moves and nothing is told", "0^a", ""),
            ("until an event tells them", "0^a 1a", "a"),
        ],
    );
    let mut stage = Stage::new(vec![own(0)]);
    stage.play("0^a");
    assert_eq!(stage.view(), Some(('a', 0, vec![0])));
}

#[test]
fn dependent_roots_that_differ_are_alarmed_and_the_majority_is_told() {
    let mut stage = Stage::new(vec![own(0), own(1), own(2)]);
    stage.play("0a 1a 2a 0b");
    let mut wrong = head('b');
    wrong.current_duty_dependent_root = Some(root('9'));
    stage.observe(event(NodeId(1), Topic::Head, wrong.write().expect("its roots are set")));
    let alarm = |notice: &&Notice| matches!(notice, Notice::DependentRootsDiffer { node: NodeId(1), .. });
    assert_eq!(stage.notices.iter().filter(alarm).count(), 1);
    assert_eq!(stage.told.join(" "), "a b");
}

#[test]
fn payload_status() {
    let v2 = |it, status| {
        HeadV2 { version: "gloas".into(), payload_status: status, head: head(it) }.write().expect("its roots are set")
    };
    let mut stage = Stage::new(vec![own(0), own(1)]);
    for (name, node, status, told) in [
        ("the first word makes both events", 0, PayloadStatus::Empty, vec![PayloadStatus::Empty]),
        ("a copy is dropped", 1, PayloadStatus::Empty, vec![]),
        ("the payload arrives", 1, PayloadStatus::Full, vec![PayloadStatus::Full]),
        ("a late node has not got it yet", 0, PayloadStatus::Empty, vec![]),
    ] {
        stage.others.clear();
        stage.observe(event(NodeId(node), Topic::HeadV2, v2('a', status)));
        let statuses: Vec<_> =
            stage.others.iter().filter_map(|(_, json)| Some(HeadV2::read(json)?.payload_status)).collect();
        assert_eq!(statuses, told, "{name}");
        assert_eq!(stage.told.join(" "), "a", "{name}");
    }
    // Before Gloas `head` says it all.
    let mut stage = Stage::new(vec![own(0)]);
    stage.play("0b");
    let json = &stage.others[0].1;
    let v2 = HeadV2::read(json).expect("a head_v2 event");
    assert_eq!((v2.version.as_str(), v2.payload_status, v2.head.block), ("electra", PayloadStatus::Full, root('b')));
}
