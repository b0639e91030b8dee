//! Who is independent of whom, and what contradicts what; the scenarios as a whole are with the race.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::chain::Moment;
use crate::node::{NodeState, ViewState};

/// The view's slot in every world, the first of an epoch of 32.
pub(crate) const VIEW_SLOT: Slot = Slot(320);

/// A council and what its nodes say.
///
/// Nodes are `own:teku/besu`, `behind:…` for an own one that is not ready, or `friend=bob:…`. What they say is a letter
/// for the pair and where its head is: `A` at the view's, `A@late3` three slots below it, `A@ahead`, `A@apart9` on a
/// branch that parted nine slots ago and grew since, `A@left9` the same but it did not grow, `A@unknown`, `A@fresh` a head
/// that nobody told, of a node that was at the view's, `A@fresh9` of one that was on a branch that parted nine slots ago.
/// `-` says nothing.
pub(crate) fn world(nodes: &str, said: &str) -> (Council, Vec<Ballot>) {
    let view = root("view");
    let mut branches = BTreeMap::new();
    let mut states = Vec::new();
    let mut ballots = Vec::new();
    for (id, (node, word)) in (0..).zip(nodes.split_whitespace().zip(said.split_whitespace())) {
        let (pair, place) = word.split_once('@').unwrap_or((word, ""));
        let digits = place.find(|c: char| c.is_ascii_digit()).unwrap_or(place.len());
        let (place, slots) = place.split_at(digits);
        let ago = Slot(VIEW_SLOT.0 - slots.parse().unwrap_or(0));
        let branch = |slot, stand| Some(Branch { slot, stand });
        let apart = Stand::Apart { parted: ago };
        let told = match place {
            "" => None,
            "late" => branch(ago, Stand::Late),
            "ahead" => branch(Slot(VIEW_SLOT.0 + 1), Stand::Ahead),
            "apart" => branch(VIEW_SLOT, apart),
            "left" => branch(ago.back(1), apart),
            "unknown" => branch(VIEW_SLOT, Stand::Unknown),
            "fresh" if slots.is_empty() => None,
            "fresh" => branch(ago, apart),
            _ => panic!("no place: {word}"),
        };
        let head = told.map_or(view, |_| root(&format!("{place}{slots}")));
        branches.extend(told.map(|branch| (head, branch)));
        states.push(state(id, node, (told.map_or(VIEW_SLOT, |branch| branch.slot), head)));
        if pair != "-" {
            let head = if place == "fresh" { root(&format!("new {id}")) } else { head };
            ballots.push(Ballot { node: NodeId(id), pair: root(pair), head });
        }
    }
    let voices: Vec<Voice> = states.iter().map(|state| Voice::of(&state.profile, state.tier)).collect();
    let members = BTreeSet::new();
    let view = Some(ViewState { slot: VIEW_SLOT, root: view, leader: NodeId(0), members, dependent: None });
    let settings = Settings::default();
    let council = Council {
        needed: settings.needed(voices.iter()),
        voices,
        snapshot: Arc::new(Snapshot { at: Moment(0), nodes: states, view, branches }),
        slot: VIEW_SLOT,
        on_disagreement: settings.on_disagreement,
        agreed: None,
    };
    (council, ballots)
}

/// A root that shows what it stands for.
pub(crate) fn root(text: &str) -> Root {
    let mut root = Root::default();
    root.0.iter_mut().zip(text.bytes()).for_each(|(byte, letter)| *byte = letter);
    root
}

fn state(id: u16, node: &str, head: (Slot, Root)) -> NodeState {
    let (whose, families) = node.split_once(':').expect("whose:consensus/execution");
    let (consensus, execution) = families.split_once('/').expect("consensus/execution");
    let (trust, tier, operator) = match whose.split_once('=') {
        Some(("friend", operator)) => (Trust::Friend, Tier::Ready, Some(operator)),
        _ if whose == "behind" => (Trust::Own, Tier::Behind, None),
        _ if whose == "friend" => (Trust::Friend, Tier::Ready, None),
        _ => (Trust::Own, Tier::Ready, None),
    };
    NodeState {
        profile: Arc::new(Profile {
            id: NodeId(id),
            name: format!("node {id}").into(),
            trust,
            participation: crate::node::Participation::Full,
            operator: operator.map(Into::into),
            consensus: consensus.parse().expect("a consensus family"),
            execution: execution.parse().expect("an execution family"),
        }),
        tier,
        compared: true,
        cordoned: false,
        doubtful: false,
        head: Some(head),
        hedge_after_ms: 50,
        reasons: Arc::default(),
    }
}

#[test]
fn independent_nodes_differ_in_everything_that_is_known() {
    for (name, nodes, expected) in [
        ("nobody", "", 0),
        ("one", "own:teku/besu", 1),
        ("two of everything", "own:teku/besu own:nimbus/geth", 2),
        ("one consensus family", "own:teku/besu own:teku/geth", 1),
        ("one execution family", "own:teku/geth own:nimbus/geth own:prysm/geth", 1),
        ("an unknown execution family: the consensus family decides", "own:teku/geth own:nimbus/unknown", 2),
        ("twice unknown", "own:teku/unknown own:nimbus/unknown", 2),
        ("an unknown consensus family is one more", "own:teku/geth own:unknown/besu", 2),
        ("but only one", "own:unknown/geth own:unknown/besu", 1),
        ("crossed", "own:teku/geth own:teku/besu own:nimbus/geth", 2),
        ("a square of families", "own:teku/geth own:teku/besu own:nimbus/geth own:nimbus/besu", 2),
        ("four", "own:teku/geth own:nimbus/besu own:prysm/reth own:lodestar/nethermind", 4),
        ("the first is not in the greatest set", "own:teku/geth own:teku/besu own:nimbus/geth own:prysm/reth", 3),
        ("friends of two operators", "friend=a:teku/geth friend=b:nimbus/besu", 2),
        ("friends of one", "friend=a:teku/geth friend=a:nimbus/besu", 1),
        ("friends without one are of one", "friend:teku/geth friend:nimbus/besu", 1),
        ("an own node beside a friend", "own:teku/geth friend:nimbus/besu", 2),
    ] {
        let said = "A ".repeat(nodes.split_whitespace().count());
        let (council, _) = world(nodes, &said);
        assert_eq!(greatest_independent(council.voices.iter()), expected, "{name}");
    }
}

#[test]
fn the_quorum_is_what_can_be() {
    let three = world("own:teku/geth own:nimbus/besu own:prysm/reth", "A A A").0.voices;
    for (quorum, nodes, needed) in [
        (Quorum::Auto, 3, 2),
        (Quorum::Auto, 1, 1),
        (Quorum::All, 3, 3),
        (Quorum::All, 2, 2),
        (Quorum::Of(1), 3, 1),
        (Quorum::Of(3), 3, 3),
        (Quorum::Of(9), 3, 3),
    ] {
        let settings = Settings { quorum, ..Settings::default() };
        assert_eq!(settings.needed(three[..nodes].iter()), needed, "{quorum:?} of {nodes}");
    }
}

/// Two own nodes of different families; the first says A at the view's head. Does the second contradict it?
#[test]
fn what_another_pair_counts_as() {
    let nodes = "own:teku/geth own:nimbus/besu";
    for (name, said, contradicts) in [
        ("nothing", "A -", false),
        ("a head below: late", "A B@late1", false),
        ("a head far below: stuck", "A B@late60", false),
        ("a head above: we are late", "A B@ahead", false),
        ("a branch that parted in this slot", "A B@apart0", false),
        ("in the slot before", "A B@apart1", false),
        ("two slots ago", "A B@apart2", true),
        ("long ago", "A B@apart90", true),
        ("stuck on a block that was left", "A B@left9", false),
        ("the same head", "A B", true),
        ("a head that nobody can place", "A B@unknown", true),
        ("a head told by nobody, of a node that was here", "A B@fresh", false),
        ("the same, of a node that was elsewhere", "A B@fresh9", true),
        ("the first one's head is the other branch", "A@apart9 B", true),
        ("which the other has left, since it is settling", "A@apart1 B", false),
        ("both elsewhere", "A@apart9 B@apart8", true),
    ] {
        let (council, ballots) = world(nodes, said);
        let opinion = &council.weigh(&ballots, true)[0];
        let expected = if contradicts { Standing::Contradicted } else { Standing::Unconfirmed };
        assert_eq!(opinion.standing, expected, "{name}");
        assert_eq!((opinion.withheld, opinion.against.len()), (contradicts, usize::from(contradicts)), "{name}");
    }
}

#[test]
fn a_friend_contradicts_only_together_with_somebody() {
    for (name, nodes, said, own, contradicts) in [
        ("alone", "own:teku/geth friend=a:nimbus/besu", "A B", true, false),
        ("two of one operator", "own:teku/geth friend=a:nimbus/besu friend=a:prysm/reth", "A B B", true, false),
        ("two of two", "own:teku/geth friend=a:nimbus/besu friend=b:prysm/reth", "A B B", true, true),
        ("with an own node", "own:teku/geth own:lodestar/nethermind friend=a:nimbus/besu", "A B B", true, true),
        ("while no own node decides", "behind:teku/geth friend=a:nimbus/besu", "A B", false, true),
    ] {
        let (council, ballots) = world(nodes, said);
        let opinion = &council.weigh(&ballots, own)[0];
        assert_eq!(opinion.standing == Standing::Contradicted, contradicts, "{name}");
        assert!(!opinion.against.is_empty(), "{name}: it is told all the same");
    }
}

#[test]
fn what_was_agreed_counts_for_the_epoch() {
    let nodes = "own:teku/geth own:nimbus/besu own:prysm/reth own:lodestar/nethermind";
    for (name, said, standing) in [
        ("one voice is enough", "A - - -", Standing::Confirmed),
        ("one that changed its mind does not undo it", "A B - -", Standing::Confirmed),
        ("as many as were needed do", "A B B -", Standing::Contradicted),
        ("another pair has to be confirmed anew", "B - - -", Standing::Unconfirmed),
        ("and then is", "B B - -", Standing::Confirmed),
    ] {
        let (council, ballots) = world(nodes, said);
        let council = Council { agreed: Some(root("A")), ..council };
        assert_eq!(council.weigh(&ballots, true)[0].standing, standing, "{name}");
    }
}
