//! The named cases of agreement, played as races, and the times at which answers are served.
//!
//! A case is nodes and words as in [`world`](crate::quorum::tests::world); a word may end in `#120` (it comes after
//! 120 ms, 10 when nothing is said). `-` hangs, `x` fails at once. What comes out is the pair served and when, or `withheld`,
//! or `none`.

use super::*;
use crate::quorum::tests::{VIEW_SLOT, root, world};
use crate::quorum::{OnDisagreement, Quorum, Settings, Voice};
use crate::race::simulation::{Does, Tie, Trace, drive};

const SOFT: Duration = Duration::from_millis(200);
const HARD: Duration = Duration::from_millis(450);
const DEADLINE: Duration = Duration::from_secs(4);

const AUTO: Settings = Settings { quorum: Quorum::Auto, on_disagreement: OnDisagreement::Halt };
const ALL: Settings = Settings { quorum: Quorum::All, ..AUTO };
const MAJORITY: Settings = Settings { on_disagreement: OnDisagreement::Majority, ..AUTO };
const WARN: Settings = Settings { on_disagreement: OnDisagreement::Warn, ..AUTO };

struct Case {
    council: Council,
    friends_at_once: bool,
    answers: Vec<(NodeId, Does)>,
    notes: Vec<(Duration, Note)>,
}

impl Case {
    fn new(nodes: &str, said: &str, settings: Settings) -> Self {
        let words: Vec<&str> = said.split_whitespace().collect();
        let plain: Vec<&str> = words.iter().map(|word| word.split('#').next().unwrap_or(word)).collect();
        let (council, ballots) = world(nodes, &plain.join(" ").replace('x', "-"));
        let needed = settings.needed(council.voices.iter());
        let council = Council { needed, on_disagreement: settings.on_disagreement, ..council };
        let own = council.voices.iter().filter(|voice| voice.trust == Trust::Own);
        let friends_at_once = greatest_independent(own) < needed;
        let does = |(id, word): (u16, &&str)| {
            let after = word.split_once('#').map_or(10, |(_, ms)| ms.parse().expect("milliseconds"));
            let after = Duration::from_millis(after);
            let ballot = ballots.iter().find(|ballot| ballot.node == NodeId(id));
            let does = match (ballot, word.chars().next()) {
                (Some(ballot), _) => {
                    let vote = Vote { pair: ballot.pair, head: ballot.head };
                    Does::Answer(after, Verdict::Good { vote, score: Score([20, VIEW_SLOT.0, 0, 0]) })
                }
                (None, Some('x')) => Does::Answer(Duration::from_millis(1), Verdict::Bad),
                (None, _) => Does::Hang,
            };
            (NodeId(id), does)
        };
        let answers = (0..).zip(&words).map(does).collect();
        Self { council, friends_at_once, answers, notes: Vec::new() }
    }

    fn agreed(mut self, pair: &str) -> Self {
        self.council.agreed = Some(root(pair));
        self.friends_at_once = false;
        self
    }

    fn play(&self) -> String {
        let candidate = |voice: &Voice| Candidate {
            node: voice.node,
            trust: voice.trust,
            tier: self.council.snapshot.node(voice.node).expect("a voice is a node").tier,
            hedge_after: Duration::from_millis(50),
            reserve: false,
            why: "",
        };
        let candidates: Vec<Candidate> = self.council.voices.iter().map(candidate).collect();
        let council = Arc::new(self.council.clone());
        let terms =
            Terms { council, friends_at_once: self.friends_at_once, soft: SOFT, hard: HARD, deadline: DEADLINE };
        let trace = drive(&mut Agree::new(&candidates, terms), &self.answers, &self.notes, Tie::Answer);
        self.told(&trace)
    }

    fn told(&self, trace: &Trace) -> String {
        let Some((at, outcome)) = &trace.end else { return "stuck".to_owned() };
        let what = match outcome {
            Outcome::Reply { answer: Answer::One(node), .. } => match self.answers.iter().find(|(id, _)| id == node) {
                Some((_, Does::Answer(_, Verdict::Good { vote, .. }))) => char::from(vote.pair.0[0]).to_string(),
                _ => "refusal".to_owned(),
            },
            Outcome::Reply { answer: Answer::Merged(_), .. } => "withheld".to_owned(),
            Outcome::Exhausted { .. } => "none".to_owned(),
        };
        format!("{what}@{}", at.as_millis())
    }
}

fn all(nodes: &str, cases: &[(&str, &str, Settings, &str)]) {
    for (name, said, settings, expected) in cases {
        assert_eq!(Case::new(nodes, said, *settings).play(), *expected, "{name}: {said}");
    }
}

const TWO: &str = "own:lighthouse/geth own:teku/besu";
const THREE: &str = "own:lighthouse/geth own:teku/besu own:nimbus/nethermind";
const FOUR: &str = "own:lighthouse/geth own:teku/besu own:nimbus/nethermind own:prysm/reth";

#[test]
fn two_up() {
    all(
        TWO,
        &[
            ("the second confirms", "A#10 A#30", AUTO, "A@30"),
            ("one after the soft deadline", "A#10 A#300", AUTO, "A@200"),
        ],
    );
    assert_eq!(
        Case::new(TWO, "A#10 A#300", AUTO).agreed("A").play(),
        "A@10",
        "later in the epoch nobody is waited for"
    );
}

#[test]
fn one_of_two_away() {
    all(
        TWO,
        &[
            ("refused connections are no wait", "A x", AUTO, "A@10"),
            ("silence is, to the soft deadline", "A -", AUTO, "A@200"),
            ("and it is served with all settings", "A -", ALL, "A@200"),
            ("nobody at all", "x x", AUTO, "none@1"),
        ],
    );
}

#[test]
fn one_of_two_late_in_the_first_slots_of_an_epoch() {
    for late in ["B@late1", "B@late2", "B@late3"] {
        for settings in [AUTO, ALL, MAJORITY, WARN] {
            assert_eq!(Case::new(TWO, &format!("A {late}"), settings).play(), "A@10", "{late}, {settings:?}");
            assert_eq!(Case::new(TWO, &format!("A {late}#300"), settings).play(), "A@200", "{late}, {settings:?}");
        }
    }
}

#[test]
fn a_late_reorg_over_the_boundary() {
    all(
        TWO,
        &[
            ("the view's, while it settles", "A B@apart0", AUTO, "A@10"),
            ("in the next slot, too", "A B@apart1", AUTO, "A@10"),
            ("a node that moved this moment", "A B@fresh", AUTO, "A@10"),
            ("from then on they are two chains", "A B@apart2", AUTO, "withheld@10"),
        ],
    );
    assert_eq!(Case::new(THREE, "A A B@apart2", AUTO).agreed("B").play(), "A@10", "two moved, and confirm anew");
    assert_eq!(Case::new(THREE, "A B@apart2 -", AUTO).agreed("B").play(), "B@450", "one moved: what was agreed holds");
}

#[test]
fn one_to_one() {
    all(
        TWO,
        &[
            ("halt", "A B@apart9", AUTO, "withheld@10"),
            ("halt, the other way round", "A@apart9 B", AUTO, "withheld@10"),
            ("halt, and the second is slow", "A B@apart9#150", AUTO, "withheld@150"),
            ("all", "A B@apart9", ALL, "withheld@10"),
            ("majority: there is none", "A B@apart9", MAJORITY, "withheld@10"),
            ("warn: the view's", "A B@apart9", WARN, "A@10"),
            ("warn: the view's, the other way round", "A@apart9 B", WARN, "B@10"),
            ("the same head with another pair", "A B", AUTO, "withheld@10"),
        ],
    );
}

#[test]
fn two_to_one() {
    for settings in [AUTO, MAJORITY, WARN] {
        all(
            THREE,
            &[
                ("two agree, and one could not outweigh them", "A A#20 B@apart9#30", settings, "A@20"),
                ("the view is at the one", "A@apart9 A@apart9 B", settings, "A@10"),
                ("the one came first", "B A@apart9#20 A@apart9#30", settings, "A@30"),
            ],
        );
    }
    all(THREE, &[("all of three must agree", "A A B@apart9", ALL, "withheld@10")]);
    all(THREE, &[("the third hangs: contradiction is waited for", "A B@apart9 -", AUTO, "withheld@450")]);
    all(THREE, &[("and it ends it", "A B@apart9 A#400", AUTO, "A@400")]);
}

#[test]
fn two_to_two() {
    all(
        FOUR,
        &[
            ("halt", "A A B@apart9 B@apart9", AUTO, "withheld@10"),
            ("halt, and the two others are slower", "A A B@apart9#100 B@apart9#150", AUTO, "withheld@150"),
            ("majority", "A A B@apart9 B@apart9", MAJORITY, "withheld@10"),
            ("warn", "A A B@apart9 B@apart9", WARN, "A@10"),
        ],
    );
}

#[test]
fn three_to_one() {
    all(
        FOUR,
        &[
            ("auto", "A A A B@apart9", AUTO, "A@10"),
            ("majority", "A A A B@apart9", MAJORITY, "A@10"),
            ("all", "A A A B@apart9", ALL, "withheld@10"),
            ("all, majority", "A A A B@apart9", Settings { quorum: Quorum::All, ..MAJORITY }, "A@10"),
        ],
    );
}

#[test]
fn a_stuck_node_must_not_stop_the_others() {
    for settings in [AUTO, ALL, MAJORITY, WARN] {
        for stuck in ["B@late4", "B@late300", "B@left9"] {
            let nodes = "own:lighthouse/geth behind:teku/besu";
            assert_eq!(Case::new(nodes, &format!("A {stuck}"), settings).play(), "A@10", "{stuck}, {settings:?}");
            assert_eq!(Case::new(TWO, &format!("{stuck} A"), settings).play(), "A@10", "{stuck}, {settings:?}");
        }
    }
}

#[test]
fn a_stuck_node_that_extends_its_own_branch_contradicts() {
    let nodes = "own:lighthouse/geth behind:teku/besu";
    all(
        nodes,
        &[
            ("one to one must halt, whatever its tier says", "A B@apart30", AUTO, "withheld@10"),
            ("a block that came this moment", "A B@fresh30", AUTO, "withheld@10"),
        ],
    );
    assert_eq!(Case::new(THREE, "A A B@apart30", AUTO).play(), "A@10", "two to one serves");
}

#[test]
fn one_family() {
    let nodes = "own:lighthouse/geth own:lighthouse/besu";
    all(
        nodes,
        &[
            ("the first is enough: there is no second family", "A A#300", AUTO, "A@10"),
            ("one family cannot contradict itself; the view decides", "A B@apart9", AUTO, "A@10"),
            ("the other way round", "A@apart9 B", AUTO, "B@10"),
        ],
    );
}

#[test]
fn one_node() {
    let cases = [("its word", "A"), ("late", "A@late3"), ("on a branch of its own", "A@apart9")];
    for (name, said) in cases {
        for settings in [AUTO, ALL, MAJORITY, WARN] {
            assert_eq!(Case::new("own:teku/geth", said, settings).play(), "A@10", "{name}");
        }
    }
}

#[test]
fn one_consensus_family_wrong() {
    // Two of the wrong family, so that it has as many nodes as the others together.
    let nodes = "own:prysm/geth own:prysm/besu own:teku/nethermind own:nimbus/reth";
    all(
        nodes,
        &[
            ("two families are more than one", "W@apart9 W@apart9 R R", AUTO, "R@10"),
            ("even if the view is with the wrong ones", "W W R@apart9 R@apart9", AUTO, "R@10"),
            ("all must agree", "W@apart9 W@apart9 R R", ALL, "withheld@10"),
        ],
    );
    all(TWO, &[("one against one", "W R@apart9", AUTO, "withheld@10")]);
}

#[test]
fn one_execution_family_wrong_under_three_consensus_families() {
    let nodes = "own:lighthouse/geth own:teku/geth own:prysm/geth own:nimbus/nethermind";
    all(
        nodes,
        &[
            ("three nodes that share a bug are one voice", "W W W R@apart9", AUTO, "withheld@10"),
            // What whoever counts nodes asked for.
            ("majority counts nodes in a tie of families, and is wrong", "W W W R@apart9", MAJORITY, "W@10"),
        ],
    );
    let five = format!("{nodes} own:lodestar/reth");
    all(&five, &[("two right families outvote it", "W W W R@apart9 R@apart9", AUTO, "R@10")]);
}

/// Holesky, February 2025: three execution families accepted a block that one refused, and the one was right. Agreement
/// of two cannot see that: whoever asks for no more than `auto` is served the wrong checkpoint, with an alarm, like the
/// two thirds of the network that were. Only whoever lets all contradict is kept from it.
#[test]
fn geth_nethermind_and_besu_wrong_and_one_reth_right() {
    let nodes = "own:lighthouse/geth own:teku/nethermind own:nimbus/besu own:prysm/reth";
    all(
        nodes,
        &[
            ("auto serves the wrong one", "W W W R@apart9", AUTO, "W@10"),
            ("so does a majority", "W W W R@apart9", MAJORITY, "W@10"),
            ("so does warn", "W W W R@apart9", WARN, "W@10"),
            (
                "three of four are enough for three",
                "W W W R@apart9",
                Settings { quorum: Quorum::Of(3), ..AUTO },
                "W@10",
            ),
            ("four of four must halt", "W W W R@apart9", Settings { quorum: Quorum::Of(4), ..AUTO }, "withheld@10"),
            ("all must halt", "W W W R@apart9", ALL, "withheld@10"),
            ("all must halt, whoever the view is with", "W@apart9 W@apart9 W@apart9 R", ALL, "withheld@10"),
        ],
    );
}

#[test]
fn a_friend_helps_and_moves_nothing_alone() {
    let nodes = "own:lighthouse/geth friend=bob:teku/besu";
    all(
        nodes,
        &[
            ("he confirms", "A#10 A#60", AUTO, "A@60"),
            ("he lies: ours is served as if he said nothing", "A#10 B#60", AUTO, "A@60"),
            ("he lies first, on the view's head", "A#60 B#10", AUTO, "A@60"),
            ("he lies on another branch", "A B@apart9", AUTO, "A@10"),
            ("ours has failed: his", "x B", AUTO, "B@10"),
            ("ours hangs: his at the hard deadline", "- B", AUTO, "B@450"),
            ("ours comes before that", "A#400 B", AUTO, "A@400"),
            ("nobody", "x -", AUTO, "none@4000"),
        ],
    );
    assert_eq!(Case::new(nodes, "- A", AUTO).agreed("A").play(), "A@210", "a known pair with the view's head");
    assert_eq!(Case::new(nodes, "- B", AUTO).agreed("A").play(), "none@4000", "not against what was agreed");
    assert_eq!(Case::new(nodes, "A A", AUTO).agreed("A").play(), "A@10", "he is not even asked");
}

#[test]
fn friends_decide_when_no_own_node_is_ready() {
    let nodes = "behind:lighthouse/geth friend=bob:teku/besu friend=carol:nimbus/reth";
    all(
        nodes,
        &[
            ("two of two operators", "B@late9 A A#30", AUTO, "A@30"),
            ("they contradict each other", "x A B@apart9", AUTO, "withheld@10"),
            ("one is late", "x A B@late2", AUTO, "A@10"),
        ],
    );
}

#[test]
fn the_head_is_the_views_as_long_as_somebody_says_it() {
    for (name, said, expected) in [
        ("the second has it", "A@late1#10 A#40", "40"),
        ("nobody has it: when all have spoken", "A@late1#10 A@late1#40", "40"),
        ("nobody has it, and one is slow", "A@late1#10 A@late1#300", "200"),
    ] {
        let case = Case::new(TWO, said, AUTO).agreed("A");
        assert_eq!(case.play(), format!("A@{expected}"), "{name}");
    }
    // The view moves to the head that the first one said, while the second is awaited.
    let mut case = Case::new(TWO, "A@ahead#10 A#300", AUTO).agreed("A");
    let head = case.council.snapshot.nodes[0].head.expect("it has a head").1;
    case.notes.push((Duration::from_millis(50), Note::ViewMoved(VIEW_SLOT, head)));
    assert_eq!(case.play(), "A@50");
}

#[test]
fn refusals_are_shown_when_nothing_else_came() {
    for (answers, expected) in [
        ([Does::Answer(HARD / 45, Verdict::Final { status: 400 }), Does::Answer(HARD / 9, Verdict::Bad)], "refusal@50"),
        ([Does::Answer(HARD / 45, Verdict::Bad), Does::Hang], "none@4000"),
    ] {
        let mut case = Case::new(TWO, "A A", AUTO);
        case.answers = (0..).map(NodeId).zip(answers).collect();
        assert_eq!(case.play(), expected);
    }
    let mut lost = Case::new(TWO, "A#10 -", AUTO);
    lost.notes.push((Duration::from_millis(30), Note::NodeLost(NodeId(1))));
    assert_eq!(lost.play(), "A@30", "a lost node is not waited for");
}
