//! Best: ask all own nodes at once, and give the best answer at the soft deadline, or the first one after it.
//!
//! For answers that differ in worth: a block's value, an aggregate's bits. The first to answer is seldom the best there,
//! and a good one is worth a short wait; a perfect one ([`Terms::enough`]) is not waited beyond.
//!
//! Friends are asked when they are needed: as soon as every own node has failed, or at [`Terms::friends_at`] if none has
//! given a usable answer by then. An own answer that still comes before the end takes part like any other; who wins then
//! is the score's to say.
//!
//! A node that is away is asked, but not waited for: one that hangs would cost every duty the whole soft deadline until it
//! is mended.
//!
//! Some answers are better than none and worse than a wait: a friend's block on a head that no own node knows. With a
//! [`Resort`] they are taken only when its time has come, or when nobody is left who could do better.
//!
//! A refusal ends nothing while somebody may still answer. When all have ended without an answer, an own node's refusal
//! is the reply, then a friend's; if nobody said anything, the race is exhausted. The deadline ends every wait.

use std::time::Duration;

use super::{Answer, Candidate, Event, Losers, Note, Outcome, Race, Score, Step, Verdict};
use crate::node::{NodeId, Tier, Trust};

#[cfg(test)]
mod tests;

/// How long is waited for what. All are measured from the race's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The score from which an answer ends the race at once.
    pub enough: Score,
    /// When friends are asked if no own node has given a usable answer.
    pub friends_at: Duration,
    /// When the best answer at hand is the reply.
    pub soft: Duration,
    /// By when there is an outcome.
    pub deadline: Duration,
}

/// What is taken only for want of anything better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resort {
    /// Answers below this score.
    pub below: Score,
    /// When they will do, measured from the race's beginning.
    pub at: Duration,
}

/// The race. See the module.
#[derive(Clone, Debug)]
pub struct Best {
    terms: Terms,
    resort: Option<Resort>,
    lanes: Vec<Lane>,
}

#[derive(Clone, Debug)]
struct Lane {
    node: NodeId,
    first: bool,
    own: bool,
    away: bool,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Unasked,
    Asked { lost: bool },
    Ended(Verdict),
}

impl Best {
    /// A race over these candidates; among equal scores the earlier one wins. Own ones go first, unless none of them
    /// answers at all now.
    #[must_use]
    pub fn new(candidates: &[Candidate], terms: Terms) -> Self {
        let own = |one: &Candidate| one.trust == Trust::Own && !one.reserve;
        let own_is_there = candidates.iter().any(|one| own(one) && one.tier != Tier::Away);
        let lane = |one: &Candidate| Lane {
            node: one.node,
            first: own(one) || !own_is_there,
            own: one.trust == Trust::Own,
            away: one.tier == Tier::Away,
            stage: Stage::Unasked,
        };
        Self { terms, resort: None, lanes: candidates.iter().map(lane).collect() }
    }

    /// The same race, in which some answers are a last resort.
    #[must_use]
    pub fn resorting(self, resort: Resort) -> Self {
        Self { resort: Some(resort), ..self }
    }

    fn will_do(&self, score: Score, elapsed: Duration) -> bool {
        self.resort.is_none_or(|resort| score >= resort.below || elapsed >= resort.at)
    }

    fn advance(&mut self, elapsed: Duration) -> Step {
        let send = self.whom_to_ask(elapsed);
        let outcome = if send.is_empty() { self.outcome(elapsed) } else { None };
        let wakes = [self.terms.friends_at, self.terms.soft].into_iter().chain(self.resort.map(|resort| resort.at));
        let wake_at = wakes.filter(|&at| at > elapsed).fold(self.terms.deadline, Duration::min);
        Step { send, wake_at: outcome.is_none().then_some(wake_at), outcome }
    }

    fn whom_to_ask(&mut self, elapsed: Duration) -> Vec<NodeId> {
        let first_are_asked = !self.lanes.iter().any(|lane| lane.first && lane.is_unasked());
        let hopeless = first_are_asked && !self.lanes.iter().any(Lane::is_awaited);
        let has_answer = self.best().is_some_and(|(_, score)| self.will_do(score, elapsed));
        let needed = !has_answer && (hopeless || elapsed >= self.terms.friends_at);
        let due = |lane: &&mut Lane| lane.is_unasked() && (lane.first || needed);
        let mut send = Vec::new();
        for lane in self.lanes.iter_mut().filter(due) {
            lane.stage = Stage::Asked { lost: lane.away };
            send.push(lane.node);
        }
        send
    }

    fn outcome(&self, elapsed: Duration) -> Option<Outcome> {
        let reply = |node| Outcome::Reply { answer: Answer::One(node), losers: Losers::Cancel };
        let over = elapsed >= self.terms.deadline || !self.lanes.iter().any(Lane::is_running);
        if let Some((node, score)) = self.best() {
            let waiting = self.lanes.iter().any(Lane::is_awaited);
            let enough =
                score >= self.terms.enough || !waiting || elapsed >= self.terms.soft && self.will_do(score, elapsed);
            return (enough || over).then(|| reply(node));
        }
        let refusal =
            |own: bool| self.lanes.iter().find(|lane| lane.own == own && lane.refused()).map(|lane| lane.node);
        over.then(|| {
            refusal(true).or_else(|| refusal(false)).map_or(Outcome::Exhausted { losers: Losers::Cancel }, reply)
        })
    }

    fn best(&self) -> Option<(NodeId, Score)> {
        let mut best: Option<(NodeId, Score)> = None;
        for lane in &self.lanes {
            if let Stage::Ended(Verdict::Good { score, .. }) = &lane.stage
                && best.is_none_or(|(_, other)| *score > other)
            {
                best = Some((lane.node, *score));
            }
        }
        best
    }
}

impl Lane {
    fn is_unasked(&self) -> bool {
        matches!(self.stage, Stage::Unasked)
    }

    /// Its answer may still come.
    fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Asked { .. })
    }

    /// Its answer is worth a wait.
    fn is_awaited(&self) -> bool {
        matches!(self.stage, Stage::Asked { lost: false })
    }

    fn refused(&self) -> bool {
        matches!(self.stage, Stage::Ended(Verdict::Final { .. }))
    }
}

impl Race for Best {
    fn begin(&mut self) -> Step {
        self.advance(Duration::ZERO)
    }

    fn observe(&mut self, event: Event, elapsed: Duration) -> Step {
        match event {
            Event::Answer { from, verdict } => {
                if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.node == from && lane.is_running()) {
                    lane.stage = Stage::Ended(verdict);
                }
            }
            Event::Noted(Note::NodeLost(node)) => {
                if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.node == node && lane.is_running()) {
                    lane.stage = Stage::Asked { lost: true };
                }
            }
            Event::Noted(Note::ViewMoved(..)) | Event::Woke => {}
        }
        self.advance(elapsed)
    }
}
