//! Races in virtual time, driven as the server drives them, judged by an oracle, over many seeds.
//!
//! The driver here is the whole contract of [`Race`]: it keeps exchanges and one timer, and knows no strategy. The tables
//! of the strategies use it too. A failure names its seed; `RANGELIGHT_SEED=n` runs that one race alone.
//!
//! The oracle is itself tested: [`planted`] distorts a race in one way at a time, and each way must be caught.

use std::time::Duration;

use super::broadcast::{Lead, Others, Terms};
use super::failover::{Pace, Refusals, Rules};
use super::{Broadcast, Candidate, Event, Failover, Losers, Note, Outcome, Race, Score, Verdict};
use crate::chain::{Root, Slot};
use crate::node::{NodeId, Tier, Trust};
use oracle::Violation;

mod oracle;
mod planted;
pub(super) mod script;

/// How many races a run draws, half of them failovers.
const RACES: u64 = 40_000;

/// The slot of every drawn block.
const BLOCK: Slot = Slot(7);

/// A usable answer of this score ends a failover whose rules ask for so much.
const STRONG: Score = Score([1, 0, 0, 0]);

/// What a node does when it is asked.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers so long after it was asked.
    Answer(Duration, Verdict),
    /// Never answers.
    Hang,
}

/// What happened in a race.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    /// Every send, with its time and the number of the step that asked for it.
    pub(crate) sent: Vec<(Duration, usize, NodeId)>,
    /// Every answer that came before the end.
    pub(crate) answers: Vec<(Duration, NodeId, Verdict)>,
    /// The end. `None` if the race got stuck.
    pub(crate) end: Option<(Duration, Outcome)>,
}

/// Which comes first when an answer and a wake-up fall on the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tie {
    Answer,
    Wake,
}

/// Drives a race to its end. It is stuck if nothing can happen any more, or if it runs for absurdly many steps.
pub(crate) fn drive(race: &mut dyn Race, nodes: &[(NodeId, Does)], notes: &[(Duration, Note)], tie: Tie) -> Trace {
    let mut trace = Trace::default();
    let mut queue: Vec<(Duration, Event)> = notes.iter().map(|&(at, note)| (at, Event::Noted(note))).collect();
    let mut now = Duration::ZERO;
    let mut step = race.begin();
    for number in 0..1_000 {
        for node in step.send {
            trace.sent.push((now, number, node));
            if let Some((_, Does::Answer(after, verdict))) = nodes.iter().find(|(id, _)| *id == node) {
                queue.push((now + *after, Event::Answer { from: node, verdict: verdict.clone() }));
            }
        }
        if let Some(outcome) = step.outcome {
            trace.end = Some((now, outcome));
            return trace;
        }
        let next = queue.iter().map(|(at, _)| *at).enumerate().min_by_key(|&(place, at)| (at, place));
        let event = match (next, step.wake_at) {
            (None, None) => return trace,
            (Some((_, at)), Some(wake)) if wake < at || (wake == at && tie == Tie::Wake) => (wake, Event::Woke),
            (Some((place, _)), _) => queue.remove(place),
            (None, Some(wake)) => (wake, Event::Woke),
        };
        now = now.max(event.0);
        if let Event::Answer { from, verdict } = &event.1 {
            trace.answers.push((now, *from, verdict.clone()));
        }
        step = race.observe(event.1, now);
    }
    trace
}

/// A small generator (xorshift64*), so that a seed means the same race on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

/// One drawn race: everything the oracle may know beforehand.
#[derive(Clone, Debug)]
struct World {
    nodes: Vec<(NodeId, Does)>,
    candidates: Vec<Candidate>,
    notes: Vec<(Duration, Note)>,
    tie: Tie,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Failover(Rules),
    Broadcast(Terms),
}

impl World {
    fn draw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let candidates: Vec<Candidate> = (0..=dice.below(6)).map(|number| draw_candidate(dice, number)).collect();
        let nodes = candidates.iter().map(|candidate| (candidate.node, draw_deed(dice))).collect();
        let mut notes = Vec::new();
        if dice.percent(15) {
            let node = candidates[dice.below(candidates.len() as u64) as usize].node;
            notes.push((dice.ms(0, 1_000), Note::NodeLost(node)));
        }
        let tie = if dice.percent(50) { Tie::Answer } else { Tie::Wake };
        let deadline = dice.ms(200, 6_000);
        let kind = if seed.is_multiple_of(2) {
            Kind::Failover(Rules {
                pace: if dice.percent(80) { Pace::Hedged } else { Pace::OneByOne },
                refusals: if dice.percent(80) { Refusals::Confirmed } else { Refusals::FirstWord },
                enough: if dice.percent(50) { STRONG } else { Score::default() },
                deadline,
                losers: if dice.percent(80) { Losers::Cancel } else { Losers::Finish },
            })
        } else {
            let terms = draw_terms(dice, &candidates, deadline);
            if dice.percent(40) {
                let slot = if dice.percent(70) { BLOCK } else { Slot(BLOCK.0 - 1) };
                notes.push((dice.ms(0, 1_000), Note::ViewMoved(slot, Root([1; 32]))));
            }
            Kind::Broadcast(terms)
        };
        Self { nodes, candidates, notes, tie, kind }
    }

    fn race(&self) -> Box<dyn Race> {
        match &self.kind {
            Kind::Failover(rules) => Box::new(Failover::new(self.candidates.clone(), rules.clone())),
            Kind::Broadcast(terms) => {
                let nodes: Vec<NodeId> = self.candidates.iter().map(|one| one.node).collect();
                Box::new(Broadcast::new(&nodes, terms.clone()))
            }
        }
    }

    fn judge(&self, race: &mut dyn Race) -> Result<(), Violation> {
        let trace = drive(race, &self.nodes, &self.notes, self.tie);
        oracle::judge(self, &trace).map_err(|rule| Violation { rule, trace })
    }
}

/// A spokesman stands alone: observing knows neither leads nor lesser acceptances.
fn draw_terms(dice: &mut Dice, candidates: &[Candidate], deadline: Duration) -> Terms {
    let own: Vec<NodeId> = candidates.iter().filter(|one| one.trust == Trust::Own).map(|one| one.node).collect();
    let big = dice.percent(40) && !own.is_empty();
    let friends = candidates.iter().filter(|one| big && one.trust == Trust::Friend);
    let held_back = friends.map(|one| one.node).collect();
    let spokesman = own.first().copied().filter(|_| dice.percent(20));
    let mut terms = Terms { held_back, spokesman, ..Terms::new(deadline) };
    if spokesman.is_some() {
        return terms;
    }
    if dice.percent(50) {
        terms.enough = STRONG;
        terms.grace = dice.ms(50, 800);
        terms.block = Some(BLOCK).filter(|_| dice.percent(60));
        terms.seen = terms.block.is_some() && dice.percent(10);
    }
    if dice.percent(30) {
        terms.settle_by = dice.ms(100, 3_000).min(deadline);
    }
    let others = |dice: &mut Dice| if dice.percent(50) { Others::Asked } else { Others::Spared };
    if dice.percent(50) && !own.is_empty() {
        let most = 1 + dice.below(own.len() as u64) as usize;
        terms.lead = Some(Lead {
            nodes: own[..most].to_vec(),
            patience: dice.ms(50, 1_500),
            accepted: others(dice),
            refused: others(dice),
        });
    }
    terms
}

fn draw_candidate(dice: &mut Dice, number: u64) -> Candidate {
    Candidate {
        node: NodeId(number as u16),
        trust: if dice.percent(60) { Trust::Own } else { Trust::Friend },
        tier: if dice.percent(15) { Tier::Away } else { Tier::Ready },
        hedge_after: dice.ms(20, 400),
        reserve: false,
        why: "drawn",
    }
}

fn draw_deed(dice: &mut Dice) -> Does {
    let after = if dice.percent(80) { dice.ms(1, 400) } else { dice.ms(1, 5_000) };
    match dice.below(100) {
        0..40 => Does::Answer(after, Verdict::good(Score([dice.below(2), dice.below(3), 0, 0]))),
        40..65 => {
            let status = [400, 404, 404, 414, 501][dice.below(5) as usize];
            Does::Answer(after, Verdict::Final { status })
        }
        65..80 => Does::Answer(after, Verdict::Bad),
        _ => Does::Hang,
    }
}

#[test]
fn every_drawn_race_keeps_the_promises() {
    let seeds = match std::env::var("RANGELIGHT_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("RANGELIGHT_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..RACES,
    };
    for seed in seeds {
        let world = World::draw(seed);
        if let Err(violation) = world.judge(&mut *world.race()) {
            panic!("RANGELIGHT_SEED={seed} replays this: {violation:#?}\n{world:#?}");
        }
    }
}
