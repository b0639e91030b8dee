//! Requests for contributions in drawn worlds, with friends that lie, judged by what must hold whatever the race does.
//!
//! The oracle reads the drawn world and the trace, and knows neither scores nor terms. It is itself tested: each planted
//! fault distorts the rule in one way and must be caught.

use std::time::Duration;

use crate::books::Books;
use crate::duty::kit::{Stage, json, root};
use crate::node::{NodeId, Tier, Trust};
use crate::race::plan::{Conduct, Plan};
use crate::race::simulation::{Dice, Does, Tie, Trace, drive};
use crate::race::{Answer, Outcome, Score, Verdict};

const RACES: u64 = 4_000;
/// What the docs promise on mainnet's slots, in milliseconds, and the deadline of [`Stage::plan`].
const SOFT: u64 = 399;
const FRIENDS_AT: u64 = 200;
const DEADLINE: u64 = 3_000;

/// What a node says when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// A contribution with so many of eight bits.
    Bits(u64),
    /// All bits, for another block.
    OtherBlock,
    /// A fault, or what is no answer.
    Fault,
    Missing,
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Drawn {
    trust: Trust,
    away: bool,
    after: u64,
    says: Says,
}

/// A distortion of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    FriendsCountAsOwn,
    BitsDoNotCount,
    OtherBlocksAreTaken,
    TheFirstIsEnough,
    TheSoftTimeIsTheDeadline,
    TheSoftTimeIsNow,
    FriendsAtOnce,
    FriendsNever,
    FriendsLate,
    MissingIsFault,
    OneNodeAlone,
    FullIsNotEnough,
}

const ALL: [Planted; 12] = [
    Planted::FriendsCountAsOwn,
    Planted::BitsDoNotCount,
    Planted::OtherBlocksAreTaken,
    Planted::TheFirstIsEnough,
    Planted::TheSoftTimeIsTheDeadline,
    Planted::TheSoftTimeIsNow,
    Planted::FriendsAtOnce,
    Planted::FriendsNever,
    Planted::FriendsLate,
    Planted::MissingIsFault,
    Planted::OneNodeAlone,
    Planted::FullIsNotEnough,
];

fn draw(seed: u64) -> Vec<Drawn> {
    let dice = &mut Dice::new(seed);
    let count = 1 + dice.below(5);
    (0..count)
        .map(|number| {
            let trust = if number == 0 || dice.percent(60) { Trust::Own } else { Trust::Friend };
            let after = if dice.percent(70) { 1 + dice.below(150) } else { 1 + dice.below(3_500) };
            let says = match dice.below(100) {
                // A friend may claim whatever he likes.
                _ if trust == Trust::Friend && dice.percent(40) => {
                    if dice.percent(50) {
                        Says::Bits(8)
                    } else {
                        Says::OtherBlock
                    }
                }
                0..50 => Says::Bits(1 + dice.below(8)),
                50..60 => Says::OtherBlock,
                60..70 => Says::Fault,
                70..85 => Says::Missing,
                _ => Says::Nothing,
            };
            Drawn { trust, away: dice.percent(10), after, says }
        })
        .collect()
}

fn body(root_byte: u8, set: u64) -> String {
    let bits = (1_u64 << set) - 1;
    let root = root(root_byte);
    format!(
        r#"{{"data":{{"slot":"100","beacon_block_root":"{root}","subcommittee_index":"2","aggregation_bits":"0x{bits:02x}","signature":"0x"}}}}"#
    )
}

/// Plays one world under the rule, or under a distortion of it.
fn play(world: &[Drawn], fault: Option<Planted>) -> Trace {
    let words = |one: &Drawn| format!("{} {}", one.trust.name(), if one.away { "away" } else { "member" });
    let stage = Stage::new(&world.iter().map(words).collect::<Vec<_>>().join(","));
    let target = format!(
        "/eth/v1/validator/sync_committee_contribution?slot=100&subcommittee_index=2&beacon_block_root={}",
        root(7)
    );
    let rule = stage.rule(&mut Books::default(), "GET", &target, b"");
    let does = |(number, one): (usize, &Drawn)| {
        let from = NodeId(number as u16);
        let verdict = match one.says {
            Says::Nothing => return (from, Does::Hang),
            Says::Bits(set) => rule.judge(from, &json(200, &body(7, set))).verdict,
            Says::OtherBlock => rule.judge(from, &json(200, &body(8, 8))).verdict,
            Says::Fault => rule.judge(from, &json(500, "{}")).verdict,
            Says::Missing => rule.judge(from, &json(404, r#"{"code":404,"message":"none"}"#)).verdict,
        };
        (from, Does::Answer(Duration::from_millis(one.after), distorted(verdict, one, fault)))
    };
    let nodes: Vec<_> = world.iter().enumerate().map(does).collect();
    let plan = conducted(rule.conduct(stage.plan()), fault);
    let mut race = plan.race().expect("somebody is asked");
    drive(&mut *race, &nodes, &[], Tie::Answer)
}

fn distorted(verdict: Verdict, one: &Drawn, fault: Option<Planted>) -> Verdict {
    match (verdict, fault) {
        (Verdict::Good { vote, score }, Some(Planted::FriendsCountAsOwn)) => {
            Verdict::Good { vote, score: Score([1, score.0[1], score.0[2], 0]) }
        }
        (Verdict::Good { vote, score }, Some(Planted::BitsDoNotCount)) => {
            Verdict::Good { vote, score: Score([score.0[0], 0, 0, 0]) }
        }
        (Verdict::Bad, Some(Planted::OtherBlocksAreTaken)) if one.says == Says::OtherBlock => {
            Verdict::good(Score([u64::from(one.trust == Trust::Own), 1, 8, 0]))
        }
        (Verdict::Final { .. }, Some(Planted::MissingIsFault)) => Verdict::Bad,
        (verdict, _) => verdict,
    }
}

fn conducted(mut plan: Plan, fault: Option<Planted>) -> Plan {
    let Conduct::Best(terms) = &mut plan.conduct else { panic!("the best is looked for") };
    match fault {
        Some(Planted::TheFirstIsEnough) => terms.enough = Score::default(),
        Some(Planted::FullIsNotEnough) => terms.enough = Score([9, 0, 0, 0]),
        Some(Planted::TheSoftTimeIsTheDeadline) => terms.soft = terms.deadline,
        Some(Planted::TheSoftTimeIsNow) => terms.soft = Duration::ZERO,
        Some(Planted::FriendsAtOnce) => terms.friends_at = Duration::ZERO,
        Some(Planted::FriendsLate) => terms.friends_at = terms.deadline,
        Some(Planted::FriendsNever) => plan.ask.retain(|one| one.trust == Trust::Own || one.tier == Tier::Away),
        Some(Planted::OneNodeAlone) => plan.ask.truncate(1),
        _ => {}
    }
    plan
}

/// What must hold; the name of what does not.
fn judge(world: &[Drawn], trace: &Trace) -> Result<(), &'static str> {
    let drawn = |node: NodeId| world[usize::from(node.0)];
    let ms = |at: Duration| u64::try_from(at.as_millis()).expect("short");
    let (end, outcome) = trace.end.as_ref().ok_or("it ends")?;
    let end = ms(*end);
    let bits = |node: NodeId| if let Says::Bits(set) = drawn(node).says { Some(set) } else { None };
    // When an own node that was asked at the start would have answered.
    let own = world.iter().filter(|one| one.trust == Trust::Own);
    let own_good = |by: u64| own.clone().filter(move |one| matches!(one.says, Says::Bits(_)) && one.after <= by);
    // Nodes that are away are asked and not waited for.
    let own_there = || own.clone().filter(|one| !one.away);
    if end > DEADLINE {
        return Err("it ends by the deadline");
    }
    let chosen = match outcome {
        Outcome::Reply { answer: Answer::One(node), .. } => Some(*node),
        _ => None,
    };
    let at_hand: Vec<(u64, NodeId)> = trace.answers.iter().map(|(at, node, _)| (ms(*at), *node)).collect();
    let best_own =
        at_hand.iter().filter(|(_, node)| drawn(*node).trust == Trust::Own).filter_map(|(_, node)| bits(*node)).max();
    if let Some(most) = best_own
        && chosen.is_none_or(|node| drawn(node).trust != Trust::Own || bits(node) != Some(most))
    {
        return Err("of own answers the one with most bits wins, and over every friend's");
    }
    let best = at_hand.iter().filter_map(|(_, node)| bits(*node)).max();
    if best.is_some() && chosen.and_then(bits).is_none() {
        return Err("who has an answer does not refuse");
    }
    if best_own.is_none() && best.is_some() && chosen.and_then(bits) != best {
        return Err("of friends' answers the one with most bits wins");
    }
    if chosen.is_some_and(|node| drawn(node).says == Says::OtherBlock) {
        return Err("what was not asked for is not given");
    }
    if own_good(SOFT).any(|one| !one.away) && (end > SOFT || chosen.is_none_or(|node| drawn(node).trust != Trust::Own))
    {
        return Err("an own answer by the soft time is given by then");
    }
    if own_good(SOFT).any(|one| one.says == Says::Bits(8) && one.after < end) {
        return Err("nobody waits beyond a full one");
    }
    let all_spoke = trace.sent.iter().all(|(_, _, node)| at_hand.iter().any(|(_, spoke)| spoke == node));
    let all_asked = trace.sent.len() == world.len() || own_good(end).next().is_some();
    let full = chosen.is_some_and(|node| drawn(node).trust == Trust::Own && bits(node) == Some(8));
    let all_there_spoke =
        trace.sent.iter().all(|(_, _, node)| drawn(*node).away || at_hand.iter().any(|(_, spoke)| spoke == node));
    if end < SOFT && !full && !(all_there_spoke && all_asked) {
        return Err("before the soft time only a full one ends the wait, or that everybody spoke");
    }
    if own.clone().any(|one| !one.away) {
        for (at, ..) in trace.sent.iter().filter(|(_, _, node)| drawn(*node).trust == Trust::Friend) {
            let failed = own_there()
                .all(|one| one.after <= ms(*at) && one.says != Says::Nothing && !matches!(one.says, Says::Bits(_)));
            if !failed && (own_good(FRIENDS_AT).next().is_some() || ms(*at) < FRIENDS_AT) {
                return Err("friends are asked when they are needed, not before");
            }
        }
    }
    let friends = world.iter().filter(|one| one.trust == Trust::Friend).count();
    let asked = trace.sent.iter().filter(|(at, _, node)| drawn(*node).trust == Trust::Friend && ms(*at) <= FRIENDS_AT);
    if own_good(FRIENDS_AT).next().is_none() && end > FRIENDS_AT && asked.count() < friends {
        return Err("friends are asked by half of the soft time");
    }
    if chosen.is_none() && at_hand.iter().any(|(_, node)| drawn(*node).says == Says::Missing) {
        return Err("a 404 among faults is a 404");
    }
    if chosen.is_none() && end < DEADLINE && !(all_spoke && trace.sent.len() == world.len()) {
        return Err("nobody gives up early");
    }
    Ok(())
}

#[test]
fn every_drawn_request_keeps_the_promises() {
    for seed in 0..RACES {
        let world = draw(seed);
        let trace = play(&world, None);
        if let Err(broken) = judge(&world, &trace) {
            panic!("seed {seed}: {broken}\n{world:#?}\n{trace:#?}");
        }
    }
}

#[test]
fn every_planted_fault_is_caught() {
    for fault in ALL {
        let caught = (0..RACES).any(|seed| {
            let world = draw(seed);
            judge(&world, &play(&world, Some(fault))).is_err()
        });
        assert!(caught, "{fault:?} is not noticed");
    }
}
