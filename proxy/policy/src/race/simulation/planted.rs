//! Faults planted in races, one at a time, to test the oracle: one that does not catch them is none.
//!
//! A wrapper distorts what goes into a race or comes out of it, as a mistake in the strategy would, so that production
//! code knows nothing of it. A fault that fits only one sort of race leaves the other alone.

use std::time::Duration;

use super::{BLOCK, Kind, World};
use crate::node::{NodeId, Trust};
use crate::race::broadcast::{Others, Terms};
use crate::race::{Answer, Event, Losers, Note, Outcome, Race, Score, Step, Verdict};

/// How many races are drawn to catch one fault.
const TRIES: u64 = 4_000;

/// Ways in which a strategy could be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    AsksEveryoneAtOnce,
    AsksTwice,
    BelievesOneNodesRefusal,
    BelievesTheFirstFriend,
    CancelsLosers,
    EndsAtTheFirstRefusal,
    ExpectsTooLittle,
    ForgetsANode,
    DespairsEarly,
    HearsNoRefusal,
    HedgesLate,
    LeavesOneOutOfTheMerge,
    MistakesFaultsForAnswers,
    NeverEnds,
    OversleepsTheDeadline,
    RepliesWithTheWrongNode,
    SendsHeldBackAtOnce,
    SetsNoTimer,
    StopsAskingWhenOneFailed,
    ThrowsAnswersAway,
    WaitsForEveryone,
    // Of broadcasts.
    AnswersWithALesser,
    AsksOthersBesideTheLead,
    AsksOthersAfterARefusal,
    HearsAnyViewAsOurs,
    HearsNoView,
    HoldsALesserForEver,
    TakesAllForLesser,
    SettlesAtOnce,
    SettlesAtTheDeadline,
    SparesThoseWhoFollow,
    SkipsTheNextLead,
}

const FAULTS: [Fault; 32] = [
    Fault::AsksEveryoneAtOnce,
    Fault::AsksTwice,
    Fault::BelievesOneNodesRefusal,
    Fault::BelievesTheFirstFriend,
    Fault::CancelsLosers,
    Fault::EndsAtTheFirstRefusal,
    Fault::ExpectsTooLittle,
    Fault::ForgetsANode,
    Fault::DespairsEarly,
    Fault::HearsNoRefusal,
    Fault::HedgesLate,
    Fault::LeavesOneOutOfTheMerge,
    Fault::MistakesFaultsForAnswers,
    Fault::NeverEnds,
    Fault::OversleepsTheDeadline,
    Fault::RepliesWithTheWrongNode,
    Fault::SendsHeldBackAtOnce,
    Fault::SetsNoTimer,
    Fault::StopsAskingWhenOneFailed,
    Fault::ThrowsAnswersAway,
    Fault::WaitsForEveryone,
    Fault::AnswersWithALesser,
    Fault::AsksOthersBesideTheLead,
    Fault::AsksOthersAfterARefusal,
    Fault::HearsAnyViewAsOurs,
    Fault::HearsNoView,
    Fault::HoldsALesserForEver,
    Fault::TakesAllForLesser,
    Fault::SettlesAtOnce,
    Fault::SettlesAtTheDeadline,
    Fault::SparesThoseWhoFollow,
    Fault::SkipsTheNextLead,
];

/// A race with a fault.
struct Planted<'a> {
    inner: Box<dyn Race>,
    fault: Fault,
    world: &'a World,
    asked: Vec<NodeId>,
    ended: usize,
    kept: Option<Outcome>,
}

impl Planted<'_> {
    fn distort(&mut self, mut step: Step, event: Option<&Event>) -> Step {
        let reply = |node: &NodeId| Outcome::Reply { answer: Answer::One(*node), losers: self.losers() };
        let everyone = || self.world.candidates.iter().map(|one| one.node).filter(|node| !self.asked.contains(node));
        match (self.fault, event) {
            (Fault::AsksEveryoneAtOnce, None) => step.send = everyone().collect(),
            (Fault::AsksEveryoneAtOnce | Fault::SendsHeldBackAtOnce, Some(_)) => {
                step.send.retain(|node| !self.asked.contains(node));
            }
            (Fault::AsksTwice, Some(_)) if step.outcome.is_none() => step.send.push(self.asked[0]),
            (Fault::BelievesOneNodesRefusal, Some(Event::Answer { from, verdict: Verdict::Final { .. } }))
                if self.trust(*from) == Trust::Own =>
            {
                step.outcome = Some(reply(from));
            }
            (Fault::BelievesTheFirstFriend, Some(Event::Answer { from, verdict: Verdict::Final { .. } }))
                if self.trust(*from) == Trust::Friend =>
            {
                step.outcome = Some(reply(from));
            }
            (Fault::CancelsLosers, _) => {
                if let Some(Outcome::Reply { losers, .. } | Outcome::Exhausted { losers }) = &mut step.outcome {
                    *losers = Losers::Cancel;
                }
            }
            (Fault::EndsAtTheFirstRefusal, Some(Event::Answer { verdict: Verdict::Final { .. }, .. })) => {
                step.outcome = Some(Outcome::Exhausted { losers: self.losers() });
            }
            (Fault::ForgetsANode, _) => {
                let last = self.world.candidates.last().expect("a world has a candidate").node;
                step.send.retain(|node| *node != last);
            }
            (Fault::DespairsEarly, Some(Event::Answer { verdict: Verdict::Bad, .. })) => {
                step.outcome.get_or_insert(Outcome::Exhausted { losers: self.losers() });
            }
            (Fault::HedgesLate, _) => step.wake_at = step.wake_at.map(|_| self.deadline()),
            (Fault::LeavesOneOutOfTheMerge, _) => {
                if let Some(Outcome::Reply { answer: Answer::Merged(nodes), .. }) = &mut step.outcome {
                    nodes.pop();
                }
            }
            (Fault::NeverEnds, _) => step.outcome = None,
            (Fault::OversleepsTheDeadline, _) => step.wake_at = step.wake_at.map(|at| at + Duration::from_millis(1)),
            (Fault::RepliesWithTheWrongNode, _) => {
                if let Some(Outcome::Reply { answer: Answer::One(node), .. }) = &mut step.outcome {
                    *node = self.world.candidates[0].node;
                }
            }
            (Fault::SendsHeldBackAtOnce, None) => {
                if let Kind::Broadcast(Terms { held_back, .. }) = &self.world.kind {
                    step.send.extend(held_back.iter().filter(|node| !step.send.contains(node)).collect::<Vec<_>>());
                }
            }
            (Fault::SetsNoTimer, _) => step.wake_at = None,
            (Fault::StopsAskingWhenOneFailed, Some(Event::Answer { verdict: Verdict::Bad, .. })) => step.send.clear(),
            (Fault::WaitsForEveryone, _) => {
                self.ended += usize::from(matches!(event, Some(Event::Answer { .. })));
                self.kept = self.kept.take().or(step.outcome.take());
                if self.ended == self.world.candidates.len() {
                    step.outcome = self.kept.take();
                }
            }
            _ => {
                if let Kind::Broadcast(terms) = &self.world.kind {
                    self.distort_broadcast(terms, &mut step, event);
                }
            }
        }
        self.asked.extend(&step.send);
        step
    }

    fn distort_broadcast(&self, terms: &Terms, step: &mut Step, event: Option<&Event>) {
        let waiting = self.world.candidates.iter().map(|one| one.node);
        let waiting: Vec<NodeId> =
            waiting.filter(|node| !self.asked.contains(node) && !step.send.contains(node)).collect();
        let said = match event {
            Some(Event::Answer { from, verdict }) => Some((from, verdict)),
            Some(Event::Noted(_) | Event::Woke) | None => None,
        };
        let merged = matches!(step.outcome, Some(Outcome::Reply { answer: Answer::Merged(_), .. }));
        match (self.fault, said) {
            (Fault::AnswersWithALesser, Some((from, Verdict::Good { .. }))) => {
                let answer = Answer::One(*from);
                step.outcome.get_or_insert(Outcome::Reply { answer, losers: Losers::Finish });
            }
            (Fault::AsksOthersBesideTheLead, None) if event.is_none() && terms.lead.is_some() => {
                step.send.extend(waiting);
            }
            (Fault::AsksOthersBesideTheLead, _) if terms.lead.is_some() => {
                step.send.retain(|node| !self.asked.contains(node));
            }
            (Fault::AsksOthersAfterARefusal, Some((_, Verdict::Final { .. })))
                if terms.lead.as_ref().is_some_and(|lead| lead.refused == Others::Spared) =>
            {
                step.send.extend(waiting);
            }
            (Fault::HoldsALesserForEver, None) if event == Some(&Event::Woke) && !merged => {
                step.outcome = step.outcome.take().filter(|_| step.wake_at.is_some());
                step.wake_at = Some(terms.deadline + Duration::from_millis(1));
            }
            (Fault::SettlesAtOnce, Some((_, Verdict::Final { .. }))) => {
                let all = self.world.candidates.iter().map(|one| one.node).collect();
                step.outcome.get_or_insert(Outcome::Reply { answer: Answer::Merged(all), losers: Losers::Finish });
            }
            (Fault::SettlesAtTheDeadline, _) if merged && event == Some(&Event::Woke) => {
                step.outcome = None;
                step.wake_at = Some(terms.deadline);
            }
            (Fault::SparesThoseWhoFollow, Some((_, Verdict::Good { .. }))) => step.send.clear(),
            (Fault::SkipsTheNextLead, Some((_, Verdict::Bad))) if !step.send.is_empty() => step.send.extend(waiting),
            _ => {}
        }
    }

    /// What the strategy hears instead of what happened.
    fn misheard(&self, event: Event) -> Event {
        match (self.fault, event) {
            (Fault::HearsNoRefusal, Event::Answer { from, verdict: Verdict::Final { .. } }) => {
                Event::Answer { from, verdict: Verdict::Bad }
            }
            (Fault::ExpectsTooLittle, Event::Answer { from, verdict: Verdict::Good { .. } }) => {
                Event::Answer { from, verdict: Verdict::good(Score([u64::MAX; 4])) }
            }
            (Fault::MistakesFaultsForAnswers, Event::Answer { from, verdict: Verdict::Bad }) => {
                Event::Answer { from, verdict: Verdict::good(Score::default()) }
            }
            (Fault::ThrowsAnswersAway, Event::Answer { verdict: Verdict::Good { .. }, .. }) => {
                Event::Noted(Note::NodeLost(NodeId(u16::MAX)))
            }
            (Fault::TakesAllForLesser, Event::Answer { from, verdict: Verdict::Good { vote, .. } }) => {
                Event::Answer { from, verdict: Verdict::Good { vote, score: Score::default() } }
            }
            (Fault::HearsNoView, Event::Noted(Note::ViewMoved(..))) => Event::Woke,
            (Fault::HearsAnyViewAsOurs, Event::Noted(Note::ViewMoved(_, root))) => {
                Event::Noted(Note::ViewMoved(BLOCK, root))
            }
            (_, event) => event,
        }
    }

    fn losers(&self) -> Losers {
        match &self.world.kind {
            Kind::Failover(rules) => rules.losers,
            Kind::Broadcast(_) => Losers::Finish,
        }
    }

    fn deadline(&self) -> Duration {
        match &self.world.kind {
            Kind::Failover(rules) => rules.deadline,
            Kind::Broadcast(terms) => terms.deadline,
        }
    }

    fn trust(&self, node: NodeId) -> Trust {
        self.world.candidates.iter().find(|one| one.node == node).expect("only candidates are asked").trust
    }
}

impl Race for Planted<'_> {
    fn begin(&mut self) -> Step {
        let step = self.inner.begin();
        self.distort(step, None)
    }

    fn observe(&mut self, event: Event, elapsed: Duration) -> Step {
        let step = self.inner.observe(self.misheard(event.clone()), elapsed);
        self.distort(step, Some(&event))
    }
}

#[test]
fn the_oracle_catches_every_planted_fault() {
    let mut missed = Vec::new();
    for fault in FAULTS {
        let mut caught = 0;
        for seed in 0..TRIES {
            let world = &World::draw(seed);
            let mut race = Planted { inner: world.race(), fault, world, asked: Vec::new(), ended: 0, kept: None };
            if let Err(violation) = world.judge(&mut race) {
                if caught == 0 {
                    println!("{fault:?}: {}", violation.rule);
                }
                caught += 1;
            }
        }
        println!("{fault:?}: caught in {caught} of {TRIES}");
        if caught == 0 {
            missed.push(fault);
        }
    }
    assert!(missed.is_empty(), "the oracle is blind to {missed:?}");
}
