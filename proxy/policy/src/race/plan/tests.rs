//! Plans, sentence by sentence. Nodes are written in words and named by letters in configured order.

use std::sync::Arc;
use std::time::Duration;

use super::{BIG_BODY, CallerKind, Conduct, Kind, Mode, NotAsked, Plan, Question, SHORTEST_HEDGE, plan};
use crate::chain::{Moment, Root, Slot};
use crate::family::{ConsensusFamily, ExecutionFamily};
use crate::node::{NodeId, NodeState, Participation, Profile, Snapshot, Tier, Trust, ViewState};
use crate::race::broadcast::Terms;
use crate::race::failover::{Pace, Refusals, Rules};
use crate::race::simulation::Dice;
use crate::race::{Candidate, Losers, Score};

const READ: Question = Question {
    kind: Kind::Read,
    view: false,
    friends_last: false,
    guarded_friends: false,
    pace: Pace::Hedged,
    hedge_no_sooner: Duration::ZERO,
    enough: Score([1, 0, 0, 0]),
    deadline: Duration::from_secs(2),
    body_bytes: 0,
};
const GATING: Question = Question { view: true, ..READ };
const PRODUCTION: Question = Question { friends_last: true, pace: Pace::OneByOne, ..GATING };
const PUBLICATION: Question = Question { kind: Kind::Publication, ..READ };
const BIG: Question = Question { body_bytes: BIG_BODY + 1, ..PUBLICATION };
const STANDING: Question = Question { kind: Kind::Standing, ..READ };
const UNLISTED_READ: Question = Question { kind: Kind::UnlistedRead, ..READ };
const UNLISTED_WRITE: Question = Question { kind: Kind::UnlistedWrite, ..READ };

/// Nodes in words: own or friend; standby, publish-only; a tier other than ready; cordoned, doubtful; member, leader.
fn snapshot(nodes: &str) -> Snapshot {
    let mut view = ViewState {
        slot: Slot(9),
        root: Root([9; 32]),
        leader: NodeId(99),
        members: Default::default(),
        dependent: None,
    };
    let mut states = Vec::new();
    for (id, words) in (0..).map(NodeId).zip(nodes.split(',')) {
        let mut node = blank(id);
        let mut profile = Profile::clone(&node.profile);
        for word in words.split_whitespace() {
            match word {
                "own" => profile.trust = Trust::Own,
                "friend" => profile.trust = Trust::Friend,
                "standby" => profile.participation = Participation::Standby,
                "publish-only" => profile.participation = Participation::PublishOnly,
                "behind" => node.tier = Tier::Behind,
                "optimistic" => node.tier = Tier::Optimistic,
                "syncing" => node.tier = Tier::Syncing,
                "away" => node.tier = Tier::Away,
                "foreign" => node.tier = Tier::Foreign,
                "uncompared" => (node.tier, node.compared) = (Tier::Away, false),
                "cordoned" => node.cordoned = true,
                "doubtful" => node.doubtful = true,
                "member" => assert!(view.members.insert(id)),
                "leader" => {
                    view.leader = id;
                    view.members.insert(id);
                }
                _ => panic!("no such word: {word}"),
            }
        }
        node.profile = Arc::new(profile);
        states.push(node);
    }
    let view = (!view.members.is_empty()).then_some(view);
    Snapshot { at: Moment(0), nodes: states, view, ..Snapshot::default() }
}

fn blank(id: NodeId) -> NodeState {
    let profile = Profile {
        id,
        name: letter(id).to_string().into(),
        trust: Trust::Own,
        participation: Participation::Full,
        operator: None,
        consensus: ConsensusFamily::Unknown,
        execution: ExecutionFamily::Unknown,
    };
    NodeState {
        profile: Arc::new(profile),
        tier: Tier::Ready,
        compared: true,
        cordoned: false,
        doubtful: false,
        head: None,
        hedge_after_ms: 100,
        reasons: Arc::new([]),
    }
}

fn letter(id: NodeId) -> char {
    char::from(b'a' + u8::try_from(id.0).expect("few nodes"))
}

fn letters(candidates: &[Candidate]) -> String {
    candidates.iter().map(|one| letter(one.node)).collect()
}

fn own(question: &Question, nodes: &str, mode: Mode) -> Plan {
    plan(question, &snapshot(nodes), mode, CallerKind::Own)
}

/// Names, nodes in words, and the expected order.
fn check(question: &Question, mode: Mode, cases: &[(&str, &str, &str)]) {
    for (name, nodes, expected) in cases {
        assert_eq!(letters(&own(question, nodes, mode).ask), *expected, "{name}");
    }
}

fn rules(plan: &Plan) -> &Rules {
    match &plan.conduct {
        Conduct::Failover(rules) => rules,
        conduct => panic!("a failover expected: {conduct:?}"),
    }
}

#[test]
fn reads_ask_the_fit_before_the_unfit() {
    check(
        &READ,
        Mode::Guarded,
        &[
            ("configured order among equals", "own, own, own", "abc"),
            (
                "tiers in order, a cordoned node before those not ready",
                "own away, own syncing, own optimistic, own behind, own cordoned, own standby, own",
                "gfedcba",
            ),
            ("own before friends", "friend, own", "ba"),
            ("friends after all own ready ones", "friend, own doubtful, own", "cba"),
            ("a friend that is ready before an own one that is not", "own behind, friend", "ba"),
            ("a cordoned own node before one that is behind", "own behind, own cordoned", "ba"),
            ("a standby after every ready full node, whoever's", "own standby, friend doubtful, own", "cba"),
            ("doubtful ones later, not never", "own doubtful, own", "ba"),
            ("foreign never", "own foreign, own", "b"),
            ("publish-only never", "own publish-only, friend publish-only, friend", "c"),
            ("a lone node, whatever it is", "own syncing cordoned doubtful", "a"),
            ("a lone friend that is away", "friend away", "a"),
            ("cordoned last in its tier", "own cordoned behind, own behind", "ba"),
            ("the view's leader first among equals", "own, own leader, own member", "bac"),
            ("but not before a better one", "own, own doubtful leader", "ab"),
        ],
    );
}

#[test]
fn gating_reads_follow_the_view() {
    check(
        &GATING,
        Mode::Guarded,
        &[
            ("members first, own before friends", "own, friend member, own member", "cba"),
            ("the leader first", "own member, own leader", "ba"),
            ("a friend leads only among friends", "friend leader, own member", "ba"),
            ("a doubtful member before a stranger", "own, own member doubtful", "ba"),
            ("a stranger before a standby", "own standby member, own, friend member", "cba"),
            ("a stranger that is ready before a member that is not", "own member optimistic, own", "ba"),
            ("strangers are better than nobody", "own member away, own, friend", "bca"),
            ("no view yet", "friend, own, own", "bca"),
        ],
    );
}

#[test]
fn a_friend_of_an_unknown_network_is_asked_nothing() {
    for question in [READ, GATING, PRODUCTION, UNLISTED_READ, PUBLICATION, BIG, STANDING] {
        for mode in [Mode::Guarded, Mode::Observe, Mode::PassThrough] {
            let plan = own(&question, "own uncompared, friend uncompared", mode);
            assert_eq!(letters(&plan.ask), "a", "{:?}, {mode:?}", question.kind);
        }
    }
}

#[test]
fn friends_whose_word_does_not_count_are_held_in_reserve() {
    for (name, question, nodes, expected) in [
        ("a read that any node may answer", &READ, "own, friend", ""),
        ("a friend out of the view", &GATING, "own leader, friend, friend member", "b"),
        ("no view yet", &GATING, "own, friend", "b"),
        ("no own node is ready", &GATING, "own behind leader, friend, friend", ""),
        ("an own node that never reads", &GATING, "own publish-only, friend", ""),
        ("a cordoned own node still decides", &GATING, "own cordoned, friend, friend leader", "b"),
        ("a block, whatever the view", &PRODUCTION, "own leader, friend member, friend, own away", "bc"),
        ("a block, and no own node is ready", &PRODUCTION, "own optimistic, friend", ""),
    ] {
        for mode in [Mode::Guarded, Mode::Observe] {
            let plan = own(question, nodes, mode);
            let reserve: Vec<_> = plan.ask.into_iter().filter(|one| one.reserve).collect();
            assert_eq!(letters(&reserve), expected, "{name}, {mode:?}");
        }
    }
}

#[test]
fn every_candidate_says_why() {
    for (question, nodes, expected) in [
        (&GATING, "own leader, friend member, own, own doubtful", "own, ready, in the view"),
        (&READ, "own, friend", "own, ready"),
        (&READ, "friend, own behind", "a friend's, ready"),
        (&GATING, "friend leader", "a friend's, ready, in the view"),
        (&GATING, "own, own away leader", "ready, not in the view"),
        (&GATING, "own", "own, ready"),
        (&READ, "own doubtful", "ready, but doubtful"),
        (&READ, "own standby", "standby"),
        (&READ, "own cordoned", "cordoned, but ready"),
        (&READ, "own behind", "behind"),
        (&READ, "own optimistic", "optimistic"),
        (&READ, "own syncing", "syncing"),
        (&READ, "own away", "away, asked last"),
        (&PUBLICATION, "own", "own, takes every publication"),
        (&PUBLICATION, "friend", "a friend's, takes every publication"),
        (&PUBLICATION, "friend away", "away, one attempt"),
        (&STANDING, "own", "may be asked to do duties"),
        (&STANDING, "own standby", "standby, promoted: no full node is ready"),
        (&UNLISTED_WRITE, "own, own leader", "own, leads the view"),
        (&UNLISTED_WRITE, "own, own member", "own, in the view"),
        (&UNLISTED_WRITE, "own", "the first own node that is fit"),
    ] {
        assert_eq!(own(question, nodes, Mode::Guarded).ask[0].why, expected, "{:?}: {nodes}", question.kind);
    }
}

#[test]
fn publications_go_to_everyone_but_foreign_nodes() {
    check(
        &PUBLICATION,
        Mode::Guarded,
        &[(
            "whatever state they are in",
            "own away, friend publish-only, own foreign, own cordoned, own syncing, friend standby, own leader",
            "gdebfa",
        )],
    );
    for (name, question, nodes, expected) in [
        ("a small body", &PUBLICATION, "own, friend", ""),
        ("a big body", &BIG, "own, friend, own, friend away", "bd"),
        ("no own node is there", &BIG, "own away, friend", ""),
        ("no own node at all", &BIG, "friend, friend", ""),
    ] {
        let plan = own(question, nodes, Mode::Guarded);
        let Conduct::Broadcast(Terms { held_back, spokesman, deadline, .. }) = plan.conduct else { panic!("{name}") };
        assert_eq!(held_back.into_iter().map(letter).collect::<String>(), expected, "{name}");
        assert_eq!((spokesman, deadline), (None, question.deadline), "{name}");
    }
}

#[test]
fn standing_submissions_go_to_those_that_may_do_duties() {
    check(
        &STANDING,
        Mode::Guarded,
        &[
            ("never publish-only", "own, friend publish-only, own publish-only", "a"),
            ("friends as their participation says", "own, friend, friend standby", "ab"),
            ("standby only when no full node is ready", "own syncing, friend standby, own standby", "acb"),
            ("away too: it may be back", "own away, own", "ba"),
        ],
    );
}

#[test]
fn what_no_row_lists() {
    let read = own(&UNLISTED_READ, "own, friend", Mode::Guarded);
    assert_eq!((letters(&read.ask).as_str(), rules(&read).pace), ("ab", Pace::OneByOne));
    assert_eq!(rules(&read).enough, Score::default(), "any usable answer will do");

    check(
        &UNLISTED_WRITE,
        Mode::Guarded,
        &[
            ("the leader if own", "own member, own leader", "b"),
            ("a friend leads: the first own member", "own, own member, friend leader", "b"),
            ("no own member: the first own ready", "own behind, own, friend leader", "b"),
            ("the leader is away", "own away leader, own", "b"),
            ("nobody is there", "own away, own away", "a"),
            ("never a friend", "friend leader", ""),
        ],
    );
    let write = own(&UNLISTED_WRITE, "own, own", Mode::Guarded);
    assert_eq!((write.ask.len(), rules(&write).losers), (1, Losers::Finish), "once, and to its end");
}

#[test]
fn peers_are_served_by_own_nodes() {
    for (question, expected) in [(READ, "a"), (PUBLICATION, "a"), (STANDING, "a"), (UNLISTED_READ, "a")] {
        let plan = plan(&question, &snapshot("own, friend"), Mode::Guarded, CallerKind::Peer);
        assert_eq!(letters(&plan.ask), expected, "{:?}", question.kind);
    }
    let refused = plan(&UNLISTED_WRITE, &snapshot("own"), Mode::Guarded, CallerKind::Peer);
    assert_eq!(refused.conduct, Conduct::Refuse(NotAsked::NotForPeers));
    assert!(refused.race().is_none());
    let nobody = plan(&READ, &snapshot("friend, own foreign"), Mode::Guarded, CallerKind::Peer);
    assert_eq!(nobody.conduct, Conduct::Refuse(NotAsked::NoNode));
}

#[test]
fn pass_through_is_failover_alone() {
    check(
        &GATING,
        Mode::PassThrough,
        &[
            ("configured order, whatever the view", "friend, own doubtful, own syncing, own leader", "abcd"),
            ("what people said still holds", "own cordoned, own standby, own publish-only, friend", "dba"),
            ("a dead node is no failover", "own away, own", "ba"),
        ],
    );
    let read = own(&READ, "own, friend", Mode::PassThrough);
    assert_eq!(
        rules(&read),
        &Rules {
            pace: Pace::Hedged,
            refusals: Refusals::FirstWord,
            enough: Score::default(),
            deadline: READ.deadline,
            losers: Losers::Cancel,
        }
    );
    let publication = own(&BIG, "friend publish-only, own, own foreign", Mode::PassThrough);
    assert_eq!(letters(&publication.ask), "ba", "publish-only after full");
    let rules = rules(&publication);
    assert_eq!((rules.pace, rules.losers), (Pace::OneByOne, Losers::Finish), "next on a fault, never cancelled");
    let standing = own(&STANDING, "own, friend", Mode::PassThrough);
    assert!(matches!(standing.conduct, Conduct::Broadcast(Terms { spokesman: None, .. })));
    assert_eq!(letters(&standing.ask), "ab");
    check(&UNLISTED_WRITE, Mode::PassThrough, &[("the first own, whoever leads", "own, own leader", "a")]);
}

#[test]
fn observing_serves_the_first_own_node() {
    let nodes = "friend, own doubtful, own leader";
    let read = own(&GATING, nodes, Mode::Observe);
    assert_eq!((letters(&read.ask).as_str(), letters(&read.would_ask).as_str()), ("bca", "cba"));
    assert_eq!(read.ask[0].why, "the first own node, observed");
    assert_eq!((rules(&read).refusals, rules(&read).pace), (Refusals::FirstWord, Pace::OneByOne));

    let away = own(&GATING, "own away, own, friend", Mode::Observe);
    assert_eq!(letters(&away.ask), "bca", "away: the guarded order");
    assert_eq!(rules(&away).refusals, Refusals::Confirmed);

    for question in [PUBLICATION, STANDING] {
        for (nodes, expected) in [(nodes, Some(NodeId(1))), ("own away, own, friend", None)] {
            let plan = own(&question, nodes, Mode::Observe);
            let Conduct::Broadcast(Terms { spokesman, .. }) = plan.conduct else { panic!("{question:?}") };
            assert_eq!((spokesman, plan.would_ask), (expected, plan.ask), "{question:?}, {nodes}");
        }
    }
    let write = own(&UNLISTED_WRITE, nodes, Mode::Observe);
    assert_eq!((letters(&write.ask).as_str(), letters(&write.would_ask).as_str()), ("b", "c"));
}

#[test]
fn hedges_are_clamped() {
    for (name, hedge_after_ms, expected) in [
        ("too short", 0, SHORTEST_HEDGE),
        ("as measured", 100, Duration::from_millis(100)),
        ("too long for the deadline", 60_000, READ.deadline / 4),
    ] {
        let mut snapshot = snapshot("own");
        snapshot.nodes[0].hedge_after_ms = hedge_after_ms;
        assert_eq!(plan(&READ, &snapshot, Mode::Guarded, CallerKind::Own).ask[0].hedge_after, expected, "{name}");
    }
    let large = Question { hedge_no_sooner: Duration::from_secs(2), ..READ };
    assert_eq!(own(&large, "own", Mode::Guarded).ask[0].hedge_after, Duration::from_secs(2), "large answers");
    let hurried = Question { deadline: Duration::ZERO, ..READ };
    assert_eq!(own(&hurried, "own", Mode::Guarded).ask[0].hedge_after, SHORTEST_HEDGE, "no time at all");
}

#[test]
fn nobody_configured() {
    for mode in [Mode::Guarded, Mode::Observe, Mode::PassThrough] {
        for question in [READ, PUBLICATION, STANDING, UNLISTED_READ, UNLISTED_WRITE] {
            let plan = plan(&question, &Snapshot::default(), mode, CallerKind::Own);
            assert_eq!(plan.conduct, Conduct::Refuse(NotAsked::NoNode), "{mode:?} {:?}", question.kind);
        }
    }
}

/// Caution orders nodes and never leaves one out: over drawn pictures, everyone who may be asked is, once.
#[test]
fn nobody_who_may_be_asked_is_left_out() {
    const WORDS: [&str; 10] = [
        "standby",
        "publish-only",
        "behind",
        "optimistic",
        "syncing",
        "away",
        "foreign",
        "cordoned",
        "doubtful",
        "leader",
    ];
    for seed in 0..3_000 {
        let dice = &mut Dice::new(seed);
        let mut draw = |_| {
            let mut words = vec![if dice.percent(60) { "own" } else { "friend" }];
            words.extend(WORDS.iter().filter(|_| dice.percent(15)));
            words.join(" ")
        };
        let nodes = (0..6).map(&mut draw).collect::<Vec<_>>().join(",");
        let snapshot = snapshot(&nodes);
        for mode in [Mode::Guarded, Mode::Observe, Mode::PassThrough] {
            for question in [READ, GATING, UNLISTED_READ, PUBLICATION, BIG] {
                let mut asked: Vec<NodeId> =
                    plan(&question, &snapshot, mode, CallerKind::Own).ask.iter().map(|one| one.node).collect();
                asked.sort();
                let expected = snapshot.nodes.iter().filter(|node| {
                    let publishes = matches!(question.kind, Kind::Publication);
                    node.tier != Tier::Foreign
                        && (publishes || node.profile.participation != Participation::PublishOnly)
                });
                let expected: Vec<NodeId> = expected.map(|node| node.profile.id).collect();
                assert_eq!(asked, expected, "seed {seed}, {mode:?}, {:?}: {nodes}", question.kind);
            }
        }
    }
}

#[test]
fn where_no_guard_looks_a_friend_is_not_asked_for_a_block() {
    let blocks = Question { guarded_friends: true, ..PRODUCTION };
    for mode in [Mode::Observe, Mode::PassThrough] {
        assert_eq!(letters(&own(&blocks, "friend, own", mode).ask), "b", "{mode:?}");
        let nobody = own(&blocks, "friend, own away", mode);
        assert_eq!(letters(&nobody.ask), "b", "{mode:?}: rather a dead node than an unread block");
    }
    assert_eq!(letters(&own(&blocks, "own, friend", Mode::Guarded).ask), "ab", "the guard reads it");
}
