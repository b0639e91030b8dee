//! Requests for attester duties in drawn worlds, with nodes of other chains and friends that lie.
//!
//! The oracle reads the drawn world and the trace, and knows neither scores nor terms. Each planted fault distorts the
//! rule in one way and must be caught.

use std::time::Duration;

use crate::books::Books;
use crate::duty::kit::{Stage, json, root};
use crate::node::{NodeId, Trust};
use crate::race::plan::{Conduct, Plan};
use crate::race::simulation::{Dice, Does, Tie, Trace, drive};
use crate::race::{Answer, Outcome, Score, Verdict};

const RACES: u64 = 4_000;
const SOFT: u64 = 999;
const FRIENDS_AT: u64 = 2_000;
const DEADLINE: u64 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// Duties of the view's root or of another, of so many of two validators, perhaps optimistic.
    Duties {
        fits: bool,
        entries: u64,
        optimistic: bool,
    },
    /// Duties of a validator that nobody asked for.
    Unasked,
    Fault,
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Drawn {
    trust: Trust,
    /// So it seemed when the plan was made; friends are asked at once if all own nodes are.
    away: bool,
    after: u64,
    says: Says,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    RootsDoNotCount,
    OptimisticDoesNotCount,
    FriendsCountAsOwn,
    EntriesDoNotCount,
    UnaskedIsTaken,
    TheFirstIsEnough,
    NothingIsEnough,
    TheSoftTimeIsTheDeadline,
    FriendsAtOnce,
}

const ALL: [Planted; 9] = [
    Planted::RootsDoNotCount,
    Planted::OptimisticDoesNotCount,
    Planted::FriendsCountAsOwn,
    Planted::EntriesDoNotCount,
    Planted::UnaskedIsTaken,
    Planted::TheFirstIsEnough,
    Planted::NothingIsEnough,
    Planted::TheSoftTimeIsTheDeadline,
    Planted::FriendsAtOnce,
];

fn draw(seed: u64) -> Vec<Drawn> {
    let dice = &mut Dice::new(seed);
    let count = 1 + dice.below(5);
    (0..count)
        .map(|number| {
            let trust = if number == 0 || dice.percent(60) { Trust::Own } else { Trust::Friend };
            let after = if dice.percent(70) { 1 + dice.below(400) } else { 1 + dice.below(3_500) };
            let says = match dice.below(100) {
                0..70 => Says::Duties {
                    fits: dice.percent(70),
                    entries: 2 - u64::from(dice.percent(25)),
                    optimistic: dice.percent(15),
                },
                70..80 => Says::Unasked,
                80..90 => Says::Fault,
                _ => Says::Nothing,
            };
            Drawn { trust, away: dice.percent(30), after, says }
        })
        .collect()
}

fn body(byte: u8, validators: &[u64], optimistic: bool) -> String {
    let entry = |validator: &u64| format!(r#"{{"pubkey":"0x","validator_index":"{validator}","slot":"97"}}"#);
    let entries: Vec<_> = validators.iter().map(entry).collect();
    let entries = entries.join(",");
    format!(r#"{{"dependent_root":"{}","execution_optimistic":{optimistic},"data":[{entries}]}}"#, root(byte))
}

fn play(world: &[Drawn], fault: Option<Planted>) -> Trace {
    let words = |(number, one): (usize, &Drawn)| {
        let away = if one.away { "away " } else { "" };
        format!("{} {away}{}", one.trust.name(), if number == 0 { "leads" } else { "member" })
    };
    let mut stage = Stage::new(&world.iter().enumerate().map(words).collect::<Vec<_>>().join(","));
    stage.view().dependent = Some((root(1), root(2)));
    let target = "/eth/v1/validator/duties/attester/12";
    let rule = stage.rule(&mut Books::default(), "POST", target, br#"["7","8"]"#);
    let does = |(number, one): (usize, &Drawn)| {
        let from = NodeId(number as u16);
        let verdict = match one.says {
            Says::Nothing => return (from, Does::Hang),
            Says::Fault => Verdict::Bad,
            Says::Unasked if fault == Some(Planted::UnaskedIsTaken) => Verdict::good(Score([1, 9, 1, 2])),
            Says::Unasked => rule.judge(from, &json(200, &body(1, &[9, 10], false))).verdict,
            Says::Duties { fits, entries, optimistic } => {
                let fits = fits || fault == Some(Planted::RootsDoNotCount);
                let optimistic = optimistic && fault != Some(Planted::OptimisticDoesNotCount);
                let complete = entries == 2 || fault == Some(Planted::EntriesDoNotCount);
                let validators = if complete { &[7, 8][..] } else { &[7] };
                let judge = if fault == Some(Planted::FriendsCountAsOwn) { NodeId(0) } else { from };
                rule.judge(judge, &json(200, &body(if fits { 1 } else { 3 }, validators, optimistic))).verdict
            }
        };
        (from, Does::Answer(Duration::from_millis(one.after), verdict))
    };
    let nodes: Vec<_> = world.iter().enumerate().map(does).collect();
    let plan = conducted(rule.conduct(stage.plan()), fault);
    drive(&mut *plan.race().expect("somebody is asked"), &nodes, &[], Tie::Answer)
}

fn conducted(mut plan: Plan, fault: Option<Planted>) -> Plan {
    let Conduct::Best(terms) = &mut plan.conduct else { panic!("the best is looked for") };
    match fault {
        Some(Planted::TheFirstIsEnough) => terms.enough = Score::default(),
        Some(Planted::NothingIsEnough) => terms.enough = Score([u64::MAX; 4]),
        Some(Planted::TheSoftTimeIsTheDeadline) => terms.soft = terms.deadline,
        Some(Planted::FriendsAtOnce) => terms.friends_at = Duration::ZERO,
        _ => {}
    }
    plan
}

fn judge(world: &[Drawn], trace: &Trace) -> Result<(), &'static str> {
    let ms = |at: Duration| u64::try_from(at.as_millis()).expect("short");
    let (end, outcome) = trace.end.as_ref().ok_or("it ends")?;
    let end = ms(*end);
    let chosen = match outcome {
        Outcome::Reply { answer: Answer::One(node), .. } => Some(world[usize::from(node.0)]),
        Outcome::Reply { .. } => return Err("bodies are never combined"),
        Outcome::Exhausted { .. } => None,
    };
    // Not optimistic; fits; own; how many entries.
    let parts = |one: &Drawn| match one.says {
        Says::Duties { fits, entries, optimistic } => Some((!optimistic, fits, one.trust == Trust::Own, entries)),
        _ => None,
    };
    let at_hand: Vec<_> = trace.answers.iter().filter_map(|(_, node, _)| parts(&world[usize::from(node.0)])).collect();
    if at_hand.iter().max() != chosen.as_ref().and_then(parts).as_ref() {
        return Err("the best at hand wins: not optimistic, of the view, own, with most entries");
    }
    if chosen.is_some_and(|one| one.says == Says::Unasked) {
        return Err("what was not asked for is not given");
    }
    let own = || world.iter().filter(|one| one.trust == Trust::Own);
    let perfect = |one: &&Drawn| parts(one) == Some((true, true, true, 2));
    if own().filter(perfect).any(|one| one.after < end) {
        return Err("nobody waits beyond a perfect one");
    }
    let usable = |by: u64| own().any(|one| parts(one).is_some() && one.after <= by);
    if own().any(|one| !one.away && parts(one).is_some() && one.after <= SOFT) && end > SOFT {
        return Err("an answer by the soft time is given by then");
    }
    if end > DEADLINE {
        return Err("it ends by the deadline");
    }
    let heard = |node: NodeId| trace.answers.iter().any(|(_, spoke, _)| *spoke == node);
    // Nodes that are away are asked and not waited for.
    let own_spoke =
        (0..world.len()).all(|at| world[at].trust == Trust::Friend || world[at].away || heard(NodeId(at as u16)));
    if chosen.is_some_and(|one| !perfect(&&one)) && end < SOFT && !own_spoke {
        return Err("a better one is waited for");
    }
    for (at, _, node) in trace.sent.iter().filter(|_| own().any(|one| !one.away)) {
        let mut there = own().filter(|one| !one.away);
        let failed = there.all(|one| one.after <= ms(*at) && matches!(one.says, Says::Fault | Says::Unasked));
        if world[usize::from(node.0)].trust == Trust::Friend && !failed && (ms(*at) < FRIENDS_AT || usable(FRIENDS_AT))
        {
            return Err("friends are asked when they are needed, not before");
        }
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
