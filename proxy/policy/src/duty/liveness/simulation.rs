//! Requests for liveness in drawn worlds: nodes that were not there, that track nothing, that hang, friends that lie.
//!
//! The oracle reads the drawn world. Two things must never happen: "not live" for a validator that an asked node has
//! heard, or without an own node that was there; and 503 while an own node that was there answers in time. Each planted
//! fault distorts the rule in one way and must be caught.

use std::time::Duration;

use super::COVERS;
use crate::books::Books;
use crate::chain::Slot;
use crate::duty::kit::{CLOCK, Stage, json};
use crate::node::{NodeId, Trust};
use crate::race::plan::Conduct;
use crate::race::simulation::{Dice, Does, Tie, drive};
use crate::race::{Answer, Outcome, Score, Verdict};

const RACES: u64 = 4_000;
const SOFT: u64 = 2_000;
const DEADLINE: u64 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// For both validators, whether it has heard the first.
    Both(bool),
    /// The same for the first alone.
    First(bool),
    NotTracked,
    Fault,
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Drawn {
    trust: Trust,
    /// It was not ready at some time in the epoch.
    lacked: bool,
    after: u64,
    says: Says,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    AbsenceDoesNotCount,
    MissingIsFalse,
    FriendsAreAskedToo,
    OnlyTheFirstCounts,
    UntrackedIsACover,
    NobodyWaits,
    TheSoftTimeIsTheDeadline,
    AllMustAnswer,
}

const ALL: [Planted; 8] = [
    Planted::AbsenceDoesNotCount,
    Planted::MissingIsFalse,
    Planted::FriendsAreAskedToo,
    Planted::OnlyTheFirstCounts,
    Planted::UntrackedIsACover,
    Planted::NobodyWaits,
    Planted::TheSoftTimeIsTheDeadline,
    Planted::AllMustAnswer,
];

/// What the caller got: `None` = a refusal, else whether the first validator is live.
#[derive(Debug)]
struct Got {
    at: u64,
    live: Option<bool>,
    asked: Vec<NodeId>,
}

fn draw(seed: u64) -> Vec<Drawn> {
    let dice = &mut Dice::new(seed);
    let count = 1 + dice.below(5);
    (0..count)
        .map(|number| {
            let trust = if number == 0 || dice.percent(60) { Trust::Own } else { Trust::Friend };
            let after = if dice.percent(70) { 1 + dice.below(400) } else { 1 + dice.below(3_500) };
            let says = match dice.below(100) {
                0..55 => Says::Both(dice.percent(40)),
                55..65 => Says::First(dice.percent(50)),
                65..80 => Says::NotTracked,
                80..90 => Says::Fault,
                _ => Says::Nothing,
            };
            Drawn { trust, lacked: dice.percent(30), after, says }
        })
        .collect()
}

fn play(world: &[Drawn], fault: Option<Planted>) -> Got {
    let words = |one: &Drawn| format!("{} member", one.trust.name());
    let stage = Stage::new(&world.iter().map(words).collect::<Vec<_>>().join(","));
    let earlier = |one: &Drawn| format!("{} {}", one.trust.name(), if one.lacked { "syncing" } else { "member" });
    let mut books = Books::default();
    if fault != Some(Planted::AbsenceDoesNotCount) {
        let then = Stage::new(&world.iter().map(earlier).collect::<Vec<_>>().join(","));
        books.readiness.note(&then.snapshot, CLOCK.start(Slot(98)));
    }
    let asked = if fault == Some(Planted::MissingIsFalse) { &br#"["7"]"#[..] } else { br#"["7","8"]"# };
    let rule = stage.rule(&mut books, "POST", "/eth/v1/validator/liveness/12", asked);
    let body = |says: Says| match says {
        Says::Both(live) => format!(r#"{{"data":[{{"index":"7","is_live":{live}}},{{"index":"8","is_live":false}}]}}"#),
        Says::First(live) => format!(r#"{{"data":[{{"index":"7","is_live":{live}}}]}}"#),
        _ => String::new(),
    };
    let does = |(number, one): (usize, &Drawn)| {
        let from = NodeId(number as u16);
        let verdict = match one.says {
            Says::Nothing => return (from, Does::Hang),
            Says::Fault => Verdict::Bad,
            Says::NotTracked if fault == Some(Planted::UntrackedIsACover) => Verdict::good(COVERS),
            Says::NotTracked => Verdict::Final { status: 404 },
            says => rule.judge(from, &json(200, &body(says))).verdict,
        };
        (from, Does::Answer(Duration::from_millis(one.after), verdict))
    };
    let nodes: Vec<_> = world.iter().enumerate().map(does).collect();
    let mut plan = stage.plan();
    // What the row's `friends_last` makes of it: here own nodes are ready.
    for one in &mut plan.ask {
        one.reserve = one.trust == Trust::Friend && fault != Some(Planted::FriendsAreAskedToo);
    }
    let mut plan = rule.conduct(plan);
    let Conduct::Gather(terms) = &mut plan.conduct else { panic!("answers are gathered") };
    match fault {
        Some(Planted::NobodyWaits) => terms.soft = Duration::ZERO,
        Some(Planted::TheSoftTimeIsTheDeadline) => terms.soft = terms.deadline,
        Some(Planted::AllMustAnswer) => terms.enough = Score([2, 0, 0, 0]),
        _ => {}
    }
    let trace = drive(&mut *plan.race().expect("somebody is asked"), &nodes, &[], Tie::Answer);
    let (at, outcome) = trace.end.expect("it ends");
    let live = match outcome {
        Outcome::Reply { answer: Answer::Merged(mut said), .. } => {
            if fault == Some(Planted::OnlyTheFirstCounts) {
                said.truncate(1);
            }
            let bodies: Vec<_> = said.iter().map(|node| (*node, body(world[usize::from(node.0)].says))).collect();
            let said: Vec<_> = bodies.iter().map(|(node, body)| (*node, json(200, body))).collect();
            rule.merge(&said).filter(|made| made.status == 200).map(|made| {
                let text = String::from_utf8(made.body).expect("text");
                text.contains(r#"{"index":"7","is_live":true}"#)
            })
        }
        Outcome::Reply { .. } | Outcome::Exhausted { .. } => None,
    };
    let at = u64::try_from(at.as_millis()).expect("short");
    Got { at, live, asked: trace.sent.into_iter().map(|(.., node)| node).collect() }
}

fn judge(world: &[Drawn], got: &Got) -> Result<(), &'static str> {
    let own = || world.iter().filter(|one| one.trust == Trust::Own);
    let knows = |one: &&Drawn| matches!(one.says, Says::Both(_)) && !one.lacked;
    let has_heard = |one: &Drawn| matches!(one.says, Says::Both(true) | Says::First(true));
    if got.at > DEADLINE {
        return Err("it ends by the deadline");
    }
    if own().filter(knows).any(|one| one.after < DEADLINE) && got.live.is_none() {
        return Err("an own node that was there keeps nobody off");
    }
    if own().filter(knows).any(|one| one.after < SOFT) && got.at > SOFT {
        return Err("nobody is waited for beyond the soft time");
    }
    let friends_speak = own().all(|one| !matches!(one.says, Says::Both(_) | Says::First(_) | Says::Nothing));
    let asked = |trust: Trust| got.asked.iter().any(|node| world[usize::from(node.0)].trust == trust);
    if asked(Trust::Friend) && !friends_speak {
        return Err("a friend is not asked while an own node answers");
    }
    if got.live == Some(false) && own().any(|one| has_heard(one) && one.after < SOFT) {
        return Err("who was heard is live");
    }
    let covered = |trust: Trust| world.iter().any(|one| one.trust == trust && knows(&one) && one.after <= got.at);
    if got.live.is_some() && !covered(Trust::Own) && !(friends_speak && covered(Trust::Friend)) {
        return Err("nobody says more than he knows");
    }
    if got.live == Some(true) && !world.iter().any(has_heard) {
        return Err("nobody is live who was not heard");
    }
    Ok(())
}

#[test]
fn every_drawn_request_keeps_the_promises() {
    for seed in 0..RACES {
        let world = draw(seed);
        let got = play(&world, None);
        if let Err(broken) = judge(&world, &got) {
            panic!("seed {seed}: {broken}\n{world:#?}\n{got:#?}");
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
