//! Negotiation with nodes that say much, little or nonsense.

use super::{TopicPlan, refused_topic};
use crate::events::{Topic, Topics};

fn set(topics: &[Topic]) -> Topics {
    topics.iter().copied().collect()
}

#[test]
fn refusals_as_the_families_word_them() {
    use Topic::{Block, BlockGossip, Head, HeadV2};
    let asked = set(&[Head, Block, BlockGossip, HeadV2]);
    for (name, message, expected) in [
        ("Lodestar", r#"{"statusCode":400,"error":"Bad Request","message":"Invalid topic: head_v2"}"#, Some(HeadV2)),
        ("Beacon API", r#"{"code":400,"message":"Invalid topic: block_gossip"}"#, Some(BlockGossip)),
        ("Prysm", r#"{"message":"block_gossip: invalid topic name","code":400}"#, Some(BlockGossip)),
        ("Prysm, the message alone", "head_v2: invalid topic name", Some(HeadV2)),
        ("Prysm, old", "Topic head_v2 not allowed for event subscriptions", Some(HeadV2)),
        ("serde", "unknown variant `head_v2`, expected one of `head`, `block`", Some(HeadV2)),
        ("Lighthouse", r#"{"code":400,"message":"BAD_REQUEST: unable to parse query","stacktraces":[]}"#, None),
        (
            "Nimbus",
            r#"{"code":400,"message":"Invalid topics value","stacktraces":["Incorrect event's topic value"]}"#,
            None,
        ),
        ("Grandine", "invalid query string: topics: Matching variant not found", None),
        ("a topic that was not asked for", "Invalid topic: attestation", None),
        ("a list of what it has", "unsupported topic, use one of: head, block", None),
        ("a list as a name", "Invalid topic: head,block", None),
        ("a node that does not split at commas", "Topic head,block not allowed for event subscriptions", None),
        ("no name", "Invalid topic: ", None),
        ("nothing", "", None),
        ("letters that grow when lowered", "İİ Invalid topic: head", Some(Head)),
    ] {
        assert_eq!(refused_topic(message, &asked), expected, "{name}");
    }
}

/// Negotiates with a node that knows `has` until there is nothing more to find out; gives what is asked for in the end
/// and how many connections it took.
fn negotiate(plan: &mut TopicPlan, wanted: &Topics, has: &Topics, tells: bool) -> (Topics, usize) {
    let mut open: Option<Topics> = None;
    for connections in 0..200 {
        let ask = plan.ask(wanted);
        if open.as_ref() == Some(&ask) {
            return (ask, connections);
        }
        if let Some(unknown) = ask.difference(has).next() {
            let message = if tells { format!("Invalid topic: {}", unknown.name()) } else { String::new() };
            plan.on_refused(&ask, &message);
            open = None;
        } else {
            plan.on_accepted(&ask);
            open = Some(ask);
        }
    }
    (Topics::new(), usize::MAX)
}

#[test]
fn every_node_ends_with_the_topics_that_it_knows() {
    let mut seed = 0x5eed_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for round in 0..2_000 {
        let (wish, knowledge) = (random(), random());
        let pick = |bits: u64| Topic::all().filter(|topic| bits >> (*topic as u32) & 1 == 1).collect::<Topics>();
        // Every node has heads, and we always want them.
        let mut wanted = pick(wish);
        wanted.insert(Topic::Head);
        let mut has = pick(knowledge | random());
        has.insert(Topic::Head);
        let common: Topics = wanted.intersection(&has).copied().collect();
        let missing = wanted.len() - common.len();
        for tells in [true, false] {
            let mut plan = TopicPlan::default();
            let (ends_with, connections) = negotiate(&mut plan, &wanted, &has, tells);
            assert_eq!(ends_with, common, "round {round}, the node tells: {tells}");
            let bound = if tells { missing + 1 } else { missing * 7 + 1 };
            assert!(connections <= bound, "round {round}: {connections} connections for {missing} missing topics");
            assert_eq!(negotiate(&mut plan, &wanted, &has, tells), (common.clone(), 1), "remembered");
        }
    }
}

#[test]
fn heads_are_tried_before_the_rest() {
    let mut plan = TopicPlan::default();
    let wanted: Topics = Topic::all().collect();
    let all = plan.ask(&wanted);
    plan.on_refused(&all, "no");
    let half = plan.ask(&wanted);
    assert!(half.len() < all.len() && half.contains(&Topic::Head) && half.contains(&Topic::Block), "{half:?}");
}

#[test]
fn a_node_that_says_it_only_sometimes() {
    let wanted = set(&[Topic::Head, Topic::Block, Topic::ChainReorg, Topic::HeadV2]);
    let mut plan = TopicPlan::default();
    plan.on_refused(&wanted, "no");
    plan.on_refused(&wanted, "Invalid topic: head_v2");
    assert_eq!(plan.ask(&wanted), set(&[Topic::Head, Topic::Block, Topic::ChainReorg]), "the search is over");
}

#[test]
fn another_version_begins_anew_and_the_same_does_not() {
    let wanted = set(&[Topic::Head, Topic::HeadV2]);
    let mut plan = TopicPlan::default();
    plan.on_version("v1");
    plan.on_refused(&wanted, "Invalid topic: head_v2");
    plan.on_version("v1");
    assert_eq!(plan.ask(&wanted), set(&[Topic::Head]));
    assert_eq!(plan.refused(), &set(&[Topic::HeadV2]));
    plan.on_version("v2");
    assert_eq!(plan.ask(&wanted), wanted);
}

#[test]
fn a_node_that_refuses_everything_is_still_asked_and_recovers_whenever_it_does() {
    let wanted = set(&[Topic::Head, Topic::Block, Topic::ChainReorg, Topic::HeadV2, Topic::Attestation]);
    for message in ["Bad gateway configuration", "Invalid topic: head"] {
        for refusals in 0..20 {
            let mut plan = TopicPlan::default();
            for _ in 0..refusals {
                let ask = plan.ask(&wanted);
                assert!(ask.contains(&Topic::Head));
                plan.on_refused(&ask, message);
            }
            let (ends_with, _) = negotiate(&mut plan, &wanted, &wanted, false);
            assert_eq!(ends_with, wanted, "repaired after {refusals} refusals");
        }
    }
}

#[test]
fn a_topic_wanted_later_is_asked_for_too() {
    let mut plan = TopicPlan::default();
    let has = set(&[Topic::Head, Topic::Block, Topic::Attestation]);
    assert_eq!(negotiate(&mut plan, &set(&[Topic::Head]), &has, false).0, set(&[Topic::Head]));
    let wanted = set(&[Topic::Head, Topic::Attestation, Topic::FastConfirmation]);
    assert_eq!(negotiate(&mut plan, &wanted, &has, false).0, set(&[Topic::Head, Topic::Attestation]));
}

#[test]
fn a_topic_refused_after_it_was_accepted_is_found_again() {
    let mut plan = TopicPlan::default();
    let wanted = set(&[Topic::Head, Topic::Block, Topic::HeadV2]);
    assert_eq!(negotiate(&mut plan, &wanted, &wanted, false).0, wanted);
    let fewer = set(&[Topic::Head, Topic::Block]);
    assert_eq!(negotiate(&mut plan, &wanted, &fewer, false).0, fewer);
}
