//! Gather: ask everybody who counts, and make one answer of all that came.
//!
//! For questions to which every node knows only a part, and "no" is worth nothing unless somebody knows the whole. A
//! usable answer that knows the whole ([`Terms::enough`]) covers the question: with one at hand the rest is waited for up
//! to the soft time only. Without one everybody has up to the deadline.
//!
//! Candidates in reserve are asked when all others have ended without a usable answer. When there is none at the end, an
//! own node's refusal is the reply, then a friend's; if nobody said anything, the race is exhausted. Whether what was
//! gathered is enough without cover is for whoever makes the answer to say.

use std::time::Duration;

use super::{Answer, Candidate, Event, Losers, Note, Outcome, Race, Score, Step, Verdict};
use crate::node::{NodeId, Trust};

#[cfg(test)]
mod tests;

/// How long is waited for what. All are measured from the race's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The score from which an answer covers the question.
    pub enough: Score,
    /// When a covered question is no longer waited with.
    pub soft: Duration,
    /// By when there is an outcome.
    pub deadline: Duration,
}

/// The race. See the module.
#[derive(Clone, Debug)]
pub struct Gather {
    terms: Terms,
    lanes: Vec<Lane>,
}

#[derive(Clone, Debug)]
struct Lane {
    node: NodeId,
    own: bool,
    reserve: bool,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Unasked,
    Asked { lost: bool },
    Ended(Verdict),
}

impl Gather {
    /// A race over these candidates. Without any it is exhausted from the start.
    #[must_use]
    pub fn new(candidates: &[Candidate], terms: Terms) -> Self {
        let lane = |one: &Candidate| Lane {
            node: one.node,
            own: one.trust == Trust::Own,
            reserve: one.reserve,
            stage: Stage::Unasked,
        };
        Self { terms, lanes: candidates.iter().map(lane).collect() }
    }

    fn advance(&mut self, elapsed: Duration) -> Step {
        let over = elapsed >= self.terms.deadline;
        let send = if over { Vec::new() } else { self.whom_to_ask() };
        let waiting = self.lanes.iter().any(|lane| matches!(lane.stage, Stage::Asked { lost: false }));
        let running = self.lanes.iter().any(|lane| matches!(lane.stage, Stage::Asked { .. }));
        let covered = self.lanes.iter().any(|lane| lane.score().is_some_and(|score| score >= self.terms.enough));
        let done = over || !running || covered && (!waiting || elapsed >= self.terms.soft);
        if done {
            return Step { outcome: Some(self.outcome()), ..Step::default() };
        }
        let wake_at = if elapsed < self.terms.soft { self.terms.soft } else { self.terms.deadline };
        Step { send, wake_at: Some(wake_at.min(self.terms.deadline)), outcome: None }
    }

    fn whom_to_ask(&mut self) -> Vec<NodeId> {
        let first = |lane: &Lane| !lane.reserve;
        let failed =
            |lane: &Lane| lane.score().is_none() && matches!(lane.stage, Stage::Ended(_) | Stage::Asked { lost: true });
        let needed = self.lanes.iter().filter(|lane| first(lane)).all(failed);
        let due = |lane: &&mut Lane| matches!(lane.stage, Stage::Unasked) && (!lane.reserve || needed);
        let mut send = Vec::new();
        for lane in self.lanes.iter_mut().filter(due) {
            lane.stage = Stage::Asked { lost: false };
            send.push(lane.node);
        }
        send
    }

    fn outcome(&self) -> Outcome {
        let losers = Losers::Cancel;
        let usable: Vec<NodeId> =
            self.lanes.iter().filter(|lane| lane.score().is_some()).map(|lane| lane.node).collect();
        if !usable.is_empty() {
            return Outcome::Reply { answer: Answer::Merged(usable), losers };
        }
        let refusal = |own: bool| self.lanes.iter().find(|lane| lane.own == own && lane.refused());
        match refusal(true).or_else(|| refusal(false)) {
            Some(lane) => Outcome::Reply { answer: Answer::One(lane.node), losers },
            None => Outcome::Exhausted { losers },
        }
    }
}

impl Lane {
    /// The score of its usable answer.
    fn score(&self) -> Option<Score> {
        match &self.stage {
            Stage::Ended(Verdict::Good { score, .. }) => Some(*score),
            _ => None,
        }
    }

    fn refused(&self) -> bool {
        matches!(self.stage, Stage::Ended(Verdict::Final { .. }))
    }
}

impl Race for Gather {
    fn begin(&mut self) -> Step {
        self.advance(Duration::ZERO)
    }

    fn observe(&mut self, event: Event, elapsed: Duration) -> Step {
        let running = |lane: &&mut Lane, node: NodeId| lane.node == node && matches!(lane.stage, Stage::Asked { .. });
        match event {
            Event::Answer { from, verdict } => {
                if let Some(lane) = self.lanes.iter_mut().find(|lane| running(lane, from)) {
                    lane.stage = Stage::Ended(verdict);
                }
            }
            Event::Noted(Note::NodeLost(node)) => {
                if let Some(lane) = self.lanes.iter_mut().find(|lane| running(lane, node)) {
                    lane.stage = Stage::Asked { lost: true };
                }
            }
            Event::Noted(Note::ViewMoved(..)) | Event::Woke => {}
        }
        self.advance(elapsed)
    }
}
