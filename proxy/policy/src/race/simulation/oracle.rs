//! The oracle: what must be true of a finished race, whatever the strategy remembered on its way.
//!
//! It sees what was drawn and what happened, nothing else, and answers with the rule that was broken. Everything it needs
//! to know of a moment in the race it works out again from the trace.

use std::time::Duration;

use super::{Kind, Trace, World};
use crate::node::{NodeId, Tier, Trust};
use crate::race::failover::{CONFIRM_WITHIN, LAST_CALL, Pace, Refusals, Rules};
use crate::race::simulation::Does;
use crate::race::{Answer, Candidate, Note, Outcome, Score, Verdict};

mod broadcasts;

/// A broken rule and how it came.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) rule: &'static str,
    #[expect(dead_code, reason = "read by the failure message")]
    pub(super) trace: Trace,
}

/// What is asked of every race, then what is asked of its sort.
pub(super) fn judge(world: &World, trace: &Trace) -> Result<(), &'static str> {
    let Some((end, outcome)) = &trace.end else { return Err("the race got stuck without an outcome") };
    for (place, (_, _, node)) in trace.sent.iter().enumerate() {
        check(!trace.sent[..place].iter().any(|(_, _, other)| other == node), "a node was asked twice")?;
        check(world.candidates.iter().any(|one| one.node == *node), "a stranger was asked")?;
    }
    if let Outcome::Reply { answer: Answer::One(node), .. } = outcome {
        let verdict = trace.verdict(*node, *end);
        check(matches!(verdict, Some(Verdict::Good { .. } | Verdict::Final { .. })), "the reply is no answer")?;
    }
    match &world.kind {
        Kind::Failover(rules) => Failovers { world, trace, rules, end: *end }.judge(outcome),
        Kind::Broadcast(terms) => broadcasts::judge(world, trace, terms, *end, outcome),
    }
}

fn check(holds: bool, rule: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(rule) }
}

impl Trace {
    fn arrived(&self, node: NodeId, by: Duration) -> Option<&(Duration, NodeId, Verdict)> {
        self.answers.iter().find(|(at, from, _)| *from == node && *at <= by)
    }

    fn verdict(&self, node: NodeId, by: Duration) -> Option<&Verdict> {
        self.arrived(node, by).map(|(_, _, verdict)| verdict)
    }

    fn asked_at(&self, node: NodeId) -> Option<Duration> {
        self.sent.iter().find(|(_, _, to)| *to == node).map(|(at, _, _)| *at)
    }
}

struct Failovers<'a> {
    world: &'a World,
    trace: &'a Trace,
    rules: &'a Rules,
    end: Duration,
}

impl Failovers<'_> {
    fn judge(&self, outcome: &Outcome) -> Result<(), &'static str> {
        let deadline = self.rules.deadline;
        check(self.end <= deadline, "the outcome came after the deadline")?;
        let (Outcome::Reply { losers, .. } | Outcome::Exhausted { losers }) = outcome;
        check(*losers == self.rules.losers, "the losers were treated otherwise than the rules say")?;
        check(
            self.trace.sent.first().is_some_and(|(_, _, node)| *node == self.world.candidates[0].node),
            "not best first",
        )?;
        self.sends()?;

        let replied = match outcome {
            Outcome::Reply { answer: Answer::One(node), .. } => self.trace.verdict(*node, self.end),
            Outcome::Reply { answer: Answer::Merged(_), .. } => return Err("a failover merges nothing"),
            Outcome::Exhausted { .. } => None,
        };
        let nothing_left = self.end == deadline || self.world.candidates.iter().all(|one| self.has_arrived(one));
        match (outcome, replied) {
            (_, Some(Verdict::Good { score, .. })) => self.usable(*score, nothing_left)?,
            (Outcome::Reply { answer: Answer::One(node), .. }, Some(Verdict::Final { status })) => {
                check(self.best_score().is_none(), "a refusal was preferred to a usable answer")?;
                if nothing_left {
                    let own = self.refusals().any(|(one, _)| one.trust == Trust::Own);
                    check(self.candidate(*node).trust == Trust::Own || !own, "a friend's refusal before an own one")?;
                    self.owed_nothing()?;
                } else if self.rules.refusals == Refusals::Confirmed {
                    self.refusal(*node, *status)?;
                }
            }
            _ => {
                check(
                    self.best_score().is_none() && self.refusals().next().is_none(),
                    "exhausted, with an answer at hand",
                )?;
                check(nothing_left, "exhausted, with a node left")?;
                self.owed_nothing()?;
            }
        }
        self.time()
    }

    /// Each send before the last call has its reason: nobody else is within his usual time, or what is at hand does not do.
    fn sends(&self) -> Result<(), &'static str> {
        for (place, &(at, step, node)) in self.trace.sent.iter().enumerate().skip(1) {
            if at >= self.rules.deadline - self.margin() {
                continue;
            }
            check(self.trace.sent[place - 1].1 != step, "several were asked at once before the last call")?;
            let held = self.trace.answers.iter().any(|(then, _, verdict)| *then <= at && *verdict != Verdict::Bad);
            let idle = self.trace.sent[..place].iter().all(|&(asked, _, other)| {
                let overdue = asked + self.candidate(other).hedge_after <= at && self.rules.pace == Pace::Hedged;
                overdue || self.trace.arrived(other, at).is_some() || self.was_lost(other, at)
            });
            check(idle || held || self.was_lost(node, at), "a node was asked without need")?;
        }
        Ok(())
    }

    fn usable(&self, score: Score, nothing_left: bool) -> Result<(), &'static str> {
        check(self.best_score() == Some(score), "a better answer was at hand")?;
        if score >= self.rules.enough || nothing_left {
            return Ok(());
        }
        let due = |one: &Candidate| match self.trace.asked_at(one.node) {
            _ if one.tier == Tier::Away || self.has_arrived(one) => false,
            None => true,
            Some(asked) => self.end < asked + one.hedge_after && !self.was_lost(one.node, self.end),
        };
        check(!self.world.candidates.iter().any(due), "a weak answer was served while a better one was due")
    }

    /// A refusal was served before the end of everything.
    fn refusal(&self, node: NodeId, status: u16) -> Result<(), &'static str> {
        let own = self.candidate(node).trust == Trust::Own;
        let to_come = |which: &dyn Fn(&Candidate) -> bool| {
            self.world.candidates.iter().any(|one| which(one) && !self.has_arrived(one))
        };
        let there = |one: &Candidate| one.tier != Tier::Away;
        let is_own = |one: &Candidate| one.trust == Trust::Own;
        check(own || !to_come(&is_own), "a friend's refusal was served while an own node could answer")?;
        let mut others = self.refusals().filter(|(one, other)| one.node != node && other / 100 == status / 100);
        let seconded = match own {
            true if to_come(&|one| there(one) && is_own(one)) => others.any(|(one, _)| is_own(one)),
            true | false => others.next().is_some(),
        };
        let waited = own && self.first_own_refusal().is_some_and(|at| self.end >= at + CONFIRM_WITHIN);
        let sure = !matches!(status, 400 | 404) || seconded || waited || !to_come(&there);
        check(sure, "one node's ignorance was served while another could confirm")
    }

    /// The caller got nothing usable: then nobody would have had it, asked at the last call or first of all.
    fn owed_nothing(&self) -> Result<(), &'static str> {
        for (place, (_, does)) in self.world.nodes.iter().enumerate() {
            if let Does::Answer(after, Verdict::Good { .. }) = does {
                let in_time = if place == 0 { self.rules.deadline } else { self.margin() };
                check(*after >= in_time, "a node would have answered in time")?;
            }
        }
        Ok(())
    }

    /// An own refusal is not held longer than it may take to confirm. A usable answer comes no later than any node that
    /// is there would have answered, had everyone else used up his usual time before it.
    fn time(&self) -> Result<(), &'static str> {
        let refused = self.best_score().is_none().then(|| self.first_own_refusal()).flatten();
        check(refused.is_none_or(|at| self.end <= at + CONFIRM_WITHIN), "an own refusal was held too long")?;
        let usual: Duration = self.world.candidates.iter().map(|one| one.hedge_after).sum();
        for (place, ((_, does), one)) in self.world.nodes.iter().zip(&self.world.candidates).enumerate() {
            let Does::Answer(after, Verdict::Good { score, .. }) = does else { continue };
            let wait = match self.rules.pace {
                Pace::Hedged if *score >= self.rules.enough => usual - one.hedge_after,
                Pace::Hedged => usual,
                Pace::OneByOne if place == 0 && *score >= self.rules.enough => Duration::ZERO,
                Pace::OneByOne => continue,
            };
            check(one.tier == Tier::Away || self.end <= wait + *after, "the answer came later than a bounded hedge")?;
        }
        Ok(())
    }

    fn first_own_refusal(&self) -> Option<Duration> {
        let own = |(_, from, verdict): &&(Duration, NodeId, Verdict)| {
            matches!(verdict, Verdict::Final { .. }) && self.candidate(*from).trust == Trust::Own
        };
        self.trace.answers.iter().find(own).map(|(at, ..)| *at)
    }

    fn margin(&self) -> Duration {
        LAST_CALL.min(self.rules.deadline / 2)
    }

    fn candidate(&self, node: NodeId) -> &Candidate {
        self.world.candidates.iter().find(|one| one.node == node).expect("only candidates are asked")
    }

    fn has_arrived(&self, one: &Candidate) -> bool {
        self.trace.arrived(one.node, self.end).is_some()
    }

    fn was_lost(&self, node: NodeId, by: Duration) -> bool {
        self.world.notes.iter().any(|(at, note)| *note == Note::NodeLost(node) && *at <= by)
    }

    fn best_score(&self) -> Option<Score> {
        let score = |(_, _, verdict): &(Duration, NodeId, Verdict)| match verdict {
            Verdict::Good { score, .. } => Some(*score),
            Verdict::Final { .. } | Verdict::Bad => None,
        };
        self.trace.answers.iter().filter_map(score).max()
    }

    fn refusals(&self) -> impl Iterator<Item = (&Candidate, u16)> {
        self.trace.answers.iter().filter_map(|(_, from, verdict)| match verdict {
            Verdict::Final { status } => Some((self.candidate(*from), *status)),
            Verdict::Good { .. } | Verdict::Bad => None,
        })
    }
}
