//! Broadcast: a signed message goes to every node that may take it, and the first good acceptance answers.
//!
//! No answer of one node ends it while another may still accept, and no exchange is ever cancelled: losers finish, also
//! after the deadline. The deadline only says how long the caller waits for a success. Once every node has ended
//! without one, the wait is over at once.
//!
//! Not every acceptance is worth the same: a node that has imported a block knows more than one that only sent it on.
//! One of [`Terms::enough`] answers at once, a lesser one is held for [`Terms::grace`] so that a better one can come.
//! When the view has moved to the block meanwhile, a lesser one is as good: the outcome is then [`Answer::Merged`] of
//! those that accepted.
//!
//! Refusals are waited with, in case somebody accepts, but not for ever: from [`Terms::settle_by`] on what was said is
//! settled. While nobody has said anything the deadline alone ends the wait, for a slow node is better than none.
//!
//! A [`Lead`] is asked before all others. What becomes of the others depends on what it says; when it is silent for its
//! patience they are all asked.
//!
//! Big bodies: a home's uplink carries one block to friends in the time in which its own nodes would spread it, so the
//! friends are held back for [`HOLD_BACK`] and spared if an own node accepts within it. They are asked at once when all
//! own nodes have failed, for then nobody else can.
//!
//! Which refusal is shown is not decided here. If any node refused, the outcome is [`Answer::Merged`] of every node that
//! was asked, in order, also of those that failed or are still silent: their outcome is unknown, and that matters to
//! whoever words the refusal. If nobody said anything, it is exhausted.
//!
//! A spokesman (to observe only) is the node whose answer the caller gets, whatever the others say; they stand in for it
//! when it fails, or is silent at the deadline.

use std::time::Duration;

use super::{Answer, Event, Losers, Note, Outcome, Race, Score, Step, Verdict};
use crate::chain::Slot;
use crate::node::NodeId;

mod lead;
#[cfg(test)]
mod tests;

pub use lead::{Lead, Others};
use lead::{Leading, Turn};

/// How long friends are held back. An own node that works has said so by then; a slot's time for a block allows the
/// delay, but not twice of it. At most half of the deadline, so that they are asked before it in any case.
pub const HOLD_BACK: Duration = Duration::from_millis(500);

/// In which manner it is asked, and what is waited for. Times are measured from the race's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// By when the caller has an answer.
    pub deadline: Duration,
    /// From when on what was said is settled, if anything was said.
    pub settle_by: Duration,
    /// The score of an acceptance that answers at once.
    pub enough: Score,
    /// How long a lesser acceptance waits for a better one.
    pub grace: Duration,
    /// The slot of the block that is published: the view at this slot says that it was imported.
    pub block: Option<Slot>,
    /// The view stood at that slot already when the race began.
    pub seen: bool,
    /// Who is asked before all others.
    pub lead: Option<Lead>,
    /// Those who are asked only if no other accepts in time.
    pub held_back: Vec<NodeId>,
    /// Whose answer is shown, if not the first acceptance.
    pub spokesman: Option<NodeId>,
}

/// The race. See the module.
#[derive(Clone, Debug)]
pub struct Broadcast {
    lanes: Vec<Lane>,
    terms: Terms,
    leading: Option<Leading>,
    /// A lead has refused, and the others must not get it.
    stopped: Option<NodeId>,
    /// In the order in which they came.
    accepted: Vec<(NodeId, Score)>,
    accepted_at: Option<Duration>,
}

/// One node and how far it got.
#[derive(Clone, Debug)]
struct Lane {
    node: NodeId,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for what the lead says.
    Follows,
    Ready,
    HeldBack,
    Asked,
    Accepted,
    Refused,
    Failed,
}

impl Terms {
    /// All at once, the first acceptance answers.
    #[must_use]
    pub fn new(deadline: Duration) -> Self {
        Self {
            deadline,
            settle_by: deadline,
            enough: Score::default(),
            grace: Duration::ZERO,
            block: None,
            seen: false,
            lead: None,
            held_back: Vec::new(),
            spokesman: None,
        }
    }
}

impl Broadcast {
    /// A race over these nodes. Without any node it is exhausted from the start. A lead or a spokesman that is not among
    /// them is as one that failed.
    #[must_use]
    pub fn new(nodes: &[NodeId], terms: Terms) -> Self {
        let leading = terms.lead.as_ref().and_then(|lead| Leading::first(lead, nodes));
        let stage = |node: NodeId| match (&leading, terms.held_back.contains(&node)) {
            (Some(leading), _) if leading.node == node => Stage::Ready,
            (Some(_), _) => Stage::Follows,
            (None, true) => Stage::HeldBack,
            (None, false) => Stage::Ready,
        };
        let lanes = nodes.iter().map(|&node| Lane { node, stage: stage(node) }).collect();
        Self { lanes, leading, terms, stopped: None, accepted: Vec::new(), accepted_at: None }
    }

    fn advance(&mut self, elapsed: Duration) -> Step {
        self.lead(elapsed);
        if self.hold_is_over(elapsed) {
            self.promote(Stage::HeldBack, |_| Stage::Ready);
        }
        let mut send = Vec::new();
        for lane in self.lanes.iter_mut().filter(|lane| lane.stage == Stage::Ready) {
            lane.stage = Stage::Asked;
            send.push(lane.node);
        }
        let outcome = self.outcome(elapsed);
        let wake_at = outcome.is_none().then(|| self.wake_at(elapsed));
        Step { send, wake_at, outcome }
    }

    /// What the lead said, or its silence, decides about the others.
    fn lead(&mut self, elapsed: Duration) {
        let (Some(leading), Some(terms)) = (&mut self.leading, &self.terms.lead) else { return };
        let stage = self.lanes.iter().find(|lane| lane.node == leading.node).map(|lane| lane.stage);
        let others = match stage {
            Some(Stage::Accepted) => terms.accepted,
            Some(Stage::Refused) => {
                if terms.refused == Others::Spared {
                    self.stopped = Some(leading.node);
                }
                terms.refused
            }
            Some(Stage::Failed) => match leading.next(terms, &self.lanes, elapsed) {
                Turn::Next(node) => {
                    self.promote(Stage::Follows, |other| if other == node { Stage::Ready } else { Stage::Follows });
                    return;
                }
                Turn::Over => Others::Asked,
            },
            _ if elapsed >= leading.until(terms, self.terms.deadline) => Others::Asked,
            _ => return,
        };
        self.leading = None;
        if others == Others::Asked {
            let held_back = std::mem::take(&mut self.terms.held_back);
            self.promote(Stage::Follows, |node| match held_back.contains(&node) {
                true => Stage::HeldBack,
                false => Stage::Ready,
            });
        }
    }

    fn promote(&mut self, from: Stage, to: impl Fn(NodeId) -> Stage) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.stage == from) {
            lane.stage = to(lane.node);
        }
    }

    fn release_at(&self) -> Duration {
        HOLD_BACK.min(self.terms.deadline / 2)
    }

    fn hold_is_over(&self, elapsed: Duration) -> bool {
        let own_may_accept = self.any(Stage::Ready) || self.any(Stage::Asked);
        self.accepted.is_empty() && (elapsed >= self.release_at() || !own_may_accept)
    }

    fn outcome(&self, elapsed: Duration) -> Option<Outcome> {
        let reply = |answer| Some(Outcome::Reply { answer, losers: Losers::Finish });
        let over = elapsed >= self.terms.deadline;
        match self.terms.spokesman.and_then(|spokesman| self.lanes.iter().find(|lane| lane.node == spokesman)) {
            Some(Lane { node, stage: Stage::Accepted | Stage::Refused }) => return reply(Answer::One(*node)),
            Some(Lane { stage: Stage::Ready | Stage::HeldBack | Stage::Asked, .. }) if !over => return None,
            Some(_) | None => {}
        }
        if let Some(node) = self.stopped {
            return reply(Answer::One(node));
        }
        let waiting = self.any(Stage::Asked) && !over;
        if let Some((node, score)) = self.best() {
            if score >= self.terms.enough {
                return reply(Answer::One(node));
            }
            if self.terms.seen {
                return reply(Answer::Merged(self.accepted.iter().map(|(node, _)| *node).collect()));
            }
            return if waiting && elapsed < self.held_until() { None } else { reply(Answer::One(node)) };
        }
        let refused = self.any(Stage::Refused);
        if waiting && !(refused && elapsed >= self.settle_by()) {
            return None;
        }
        if refused {
            return reply(Answer::Merged(self.lanes.iter().map(|lane| lane.node).collect()));
        }
        Some(Outcome::Exhausted { losers: Losers::Finish })
    }

    /// The first acceptance that is enough, else the first of the best.
    fn best(&self) -> Option<(NodeId, Score)> {
        let enough = self.accepted.iter().find(|(_, score)| *score >= self.terms.enough);
        let best = || self.accepted.iter().rev().max_by_key(|(_, score)| *score);
        enough.or_else(best).copied()
    }

    /// When a lesser acceptance has waited long enough.
    fn held_until(&self) -> Duration {
        self.accepted_at.unwrap_or_default() + self.terms.grace
    }

    /// Nobody may be held back any more when what was said is settled.
    fn settle_by(&self) -> Duration {
        self.terms.settle_by.max(self.release_at())
    }

    fn wake_at(&self, elapsed: Duration) -> Duration {
        let lead = self.leading.as_ref().zip(self.terms.lead.as_ref());
        let wakes = [
            lead.map(|(leading, terms)| leading.until(terms, self.terms.deadline)),
            self.any(Stage::HeldBack).then(|| self.release_at()),
            (!self.accepted.is_empty()).then(|| self.held_until()),
            self.any(Stage::Refused).then(|| self.settle_by()),
        ];
        wakes.into_iter().flatten().filter(|&at| at > elapsed).fold(self.terms.deadline, Duration::min)
    }

    fn any(&self, stage: Stage) -> bool {
        self.lanes.iter().any(|lane| lane.stage == stage)
    }
}

impl Race for Broadcast {
    fn begin(&mut self) -> Step {
        self.advance(Duration::ZERO)
    }

    fn observe(&mut self, event: Event, elapsed: Duration) -> Step {
        match event {
            Event::Answer { from, verdict } => {
                let asked = |lane: &&mut Lane| lane.node == from && lane.stage == Stage::Asked;
                if let Some(lane) = self.lanes.iter_mut().find(asked) {
                    lane.stage = match verdict {
                        Verdict::Good { score, .. } => {
                            self.accepted.push((from, score));
                            self.accepted_at.get_or_insert(elapsed);
                            Stage::Accepted
                        }
                        Verdict::Final { .. } => Stage::Refused,
                        Verdict::Bad => Stage::Failed,
                    };
                }
            }
            Event::Noted(Note::ViewMoved(slot, _)) => self.terms.seen |= self.terms.block == Some(slot),
            // Everyone was asked already, or waits for something else than this node.
            Event::Noted(Note::NodeLost(_)) | Event::Woke => {}
        }
        self.advance(elapsed)
    }
}
