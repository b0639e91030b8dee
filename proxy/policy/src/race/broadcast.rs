//! Broadcast: a signed message goes to every node that may take it, and the first to accept it answers.
//!
//! No answer of one node ends it while another may still accept, and no exchange is ever cancelled: losers finish, also
//! after the deadline. The deadline only says how long the caller waits for a success. Once every node has ended
//! without one, the wait is over at once.
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

use super::{Answer, Event, Losers, Outcome, Race, Step, Verdict};
use crate::node::NodeId;

#[cfg(test)]
mod tests;

/// How long friends are held back. An own node that works has said so by then; a slot's time for a block allows the
/// delay, but not twice of it. At most half of the deadline, so that they are asked before it in any case.
pub const HOLD_BACK: Duration = Duration::from_millis(500);

/// The race. See the module.
#[derive(Clone, Debug)]
pub struct Broadcast {
    lanes: Vec<Lane>,
    deadline: Duration,
    spokesman: Option<NodeId>,
    first_accepted: Option<NodeId>,
}

/// One node and how far it got.
#[derive(Clone, Debug)]
struct Lane {
    node: NodeId,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Ready,
    HeldBack,
    Asked,
    Accepted,
    Refused,
    Failed,
}

impl Broadcast {
    /// A race that asks `at_once`, and `held_back` only if none of them accepts in time. Without any node it is
    /// exhausted from the start. A spokesman that is not among the nodes is as one that failed.
    #[must_use]
    pub fn new(at_once: &[NodeId], held_back: &[NodeId], deadline: Duration, spokesman: Option<NodeId>) -> Self {
        let lane = |stage| move |&node: &NodeId| Lane { node, stage };
        let lanes = at_once.iter().map(lane(Stage::Ready)).chain(held_back.iter().map(lane(Stage::HeldBack))).collect();
        Self { lanes, deadline, spokesman, first_accepted: None }
    }

    fn advance(&mut self, elapsed: Duration) -> Step {
        if self.hold_is_over(elapsed) {
            for lane in self.lanes.iter_mut().filter(|lane| lane.stage == Stage::HeldBack) {
                lane.stage = Stage::Ready;
            }
        }
        let mut send = Vec::new();
        for lane in self.lanes.iter_mut().filter(|lane| lane.stage == Stage::Ready) {
            lane.stage = Stage::Asked;
            send.push(lane.node);
        }
        let outcome = self.outcome(elapsed);
        let holding = self.any(Stage::HeldBack) && elapsed < self.release_at();
        let wake_at = if holding { self.release_at() } else { self.deadline };
        Step { send, wake_at: outcome.is_none().then_some(wake_at), outcome }
    }

    fn release_at(&self) -> Duration {
        HOLD_BACK.min(self.deadline / 2)
    }

    fn hold_is_over(&self, elapsed: Duration) -> bool {
        let own_may_accept = self.any(Stage::Ready) || self.any(Stage::Asked);
        self.first_accepted.is_none() && (elapsed >= self.release_at() || !own_may_accept)
    }

    fn outcome(&self, elapsed: Duration) -> Option<Outcome> {
        let reply = |answer| Some(Outcome::Reply { answer, losers: Losers::Finish });
        match self.spokesman.and_then(|spokesman| self.lanes.iter().find(|lane| lane.node == spokesman)) {
            Some(Lane { node, stage: Stage::Accepted | Stage::Refused }) => return reply(Answer::One(*node)),
            Some(Lane { stage: Stage::Ready | Stage::HeldBack | Stage::Asked, .. }) if elapsed < self.deadline => {
                return None;
            }
            Some(_) | None => {}
        }
        if let Some(node) = self.first_accepted {
            return reply(Answer::One(node));
        }
        if self.any(Stage::Asked) && elapsed < self.deadline {
            return None;
        }
        if self.any(Stage::Refused) {
            return reply(Answer::Merged(self.lanes.iter().map(|lane| lane.node).collect()));
        }
        Some(Outcome::Exhausted { losers: Losers::Finish })
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
                        Verdict::Good { .. } => Stage::Accepted,
                        Verdict::Final { .. } => Stage::Refused,
                        Verdict::Bad => Stage::Failed,
                    };
                    if lane.stage == Stage::Accepted {
                        self.first_accepted.get_or_insert(from);
                    }
                }
            }
            // Everyone was asked already, or waits for the hold to end; neither note changes that.
            Event::Noted(_) | Event::Woke => {}
        }
        self.advance(elapsed)
    }
}
