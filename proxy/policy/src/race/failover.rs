//! Failover: ask the best node, then the next, until one gives a usable answer.
//!
//! The next node is asked at once when one fails, and, if the rule allows it, when one is overdue by its own usual
//! time. Shortly before the deadline everyone left is asked together: a node that hung all the while must not cost the
//! duty that another could have done. At the deadline the best that is at hand is the answer.
//!
//! Candidates held in reserve are as absent until every own node that was ready has failed or become unusable, even at
//! the last call: what a friend says then may be wrong for the caller, and while an own node is there it decides.
//!
//! Three answers do not end the race by themselves:
//!
//! - A usable answer below [`Rules::enough`] (an optimistic one, say) is kept while a better one is due. Due means that
//!   somebody has not been asked yet or is within his usual time, so the wait is at most the sum of those times.
//! - A friend's refusal says nothing while an own node may still answer. It waits for own nodes up to the deadline.
//! - An own node's `400` or `404` may be that node's ignorance, so a second node is asked, an own one if there is one.
//!   The wait for it is bounded by [`CONFIRM_WITHIN`]. A node that is away is not there: it is not waited for.
//!
//! When nobody gave anything better, a refusal is the reply: an honest 404 beats a 503 that we made up.
//!
//! Notes: a lost node's answer is no longer waited for when deciding whom to ask, but still taken if it comes. A moved
//! view changes nothing: a race decides by the one picture that its plan was made from.

use std::time::Duration;

use super::{Answer, Candidate, Event, Losers, Note, Outcome, Race, Score, Step, Verdict};
use crate::node::Trust;
use lane::{Lane, Stage};

mod lane;
#[cfg(test)]
mod tests;

/// How long before the deadline everyone left is asked. Home nodes answer a read within it even when busy; much longer
/// would bother every friend for a node that is merely slow. At most half of the deadline, so that short ones hedge too.
pub const LAST_CALL: Duration = Duration::from_millis(800);

/// How long an own node's `400` or `404` waits to be confirmed or outdone. A second node that is merely slow makes it;
/// one that hangs must not turn each ordinary 404 into a timeout.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(1);

/// When the next node is asked while one is still silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// After the silent node's own usual time.
    Hedged,
    /// At the last call only: the request is heavy, or its effects are not known.
    OneByOne,
}

/// What it takes for a refusal to be the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusals {
    /// An own node's word, and for `400` and `404` two nodes where two are there.
    Confirmed,
    /// The word of whoever is asked.
    FirstWord,
}

/// How a failover goes about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// When the next node is asked.
    pub pace: Pace,
    /// When a refusal is the reply.
    pub refusals: Refusals,
    /// The score from which a usable answer ends the race at once; the lowest score means that every one does.
    pub enough: Score,
    /// By when there is an outcome, measured from the beginning.
    pub deadline: Duration,
    /// What becomes of exchanges that are still running.
    pub losers: Losers,
}

/// The race. See the module.
#[derive(Clone, Debug)]
pub struct Failover {
    rules: Rules,
    lanes: Vec<Lane>,
}

/// What is at hand without ending the race; decides who is asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    WeakAnswer,
    OwnRefusal,
    FriendsRefusal,
}

// === Failover ===

impl Failover {
    /// A race over these candidates, best first. Without any it is exhausted from the start.
    #[must_use]
    pub fn new(candidates: Vec<Candidate>, rules: Rules) -> Self {
        let lanes = candidates.into_iter().map(|candidate| Lane { candidate, stage: Stage::Unasked }).collect();
        Self { rules, lanes }
    }

    fn advance(&mut self, elapsed: Duration) -> Step {
        if let Some(answer) = self.settled(elapsed) {
            return self.reply(answer);
        }
        if elapsed >= self.rules.deadline || !self.any_to_come(|_| true) {
            return self.last_word();
        }
        let send = self.whom_to_ask(elapsed);
        for &lane in &send {
            self.lanes[lane].stage = Stage::Asked { at: elapsed, lost: false };
        }
        Step {
            send: send.into_iter().map(|lane| self.lanes[lane].candidate.node).collect(),
            wake_at: Some(self.next_wake(elapsed)),
            outcome: None,
        }
    }

    fn reply(&self, lane: usize) -> Step {
        let answer = Answer::One(self.lanes[lane].candidate.node);
        Step { outcome: Some(Outcome::Reply { answer, losers: self.rules.losers }), ..Step::default() }
    }

    /// The outcome when there is nothing left to wait for: the best at hand, an own node's refusal before a friend's.
    fn last_word(&self) -> Step {
        let refusal = || self.refusals(Trust::Own).chain(self.refusals(Trust::Friend)).next().map(|(lane, _)| lane);
        match self.best_answer().map(|(lane, _)| lane).or_else(refusal) {
            Some(lane) => self.reply(lane),
            None => Step { outcome: Some(Outcome::Exhausted { losers: self.rules.losers }), ..Step::default() },
        }
    }

    // === What is at hand ===

    /// The lane whose answer ends the race now.
    fn settled(&self, elapsed: Duration) -> Option<usize> {
        if let Some((lane, score)) = self.best_answer() {
            let due = |lane: &Lane| lane.is_there() && (self.may_ask(lane) || lane.is_fresh(elapsed));
            return (score >= self.rules.enough || !self.lanes.iter().any(due)).then_some(lane);
        }
        match self.rules.refusals {
            Refusals::FirstWord => self.refusals(Trust::Own).chain(self.refusals(Trust::Friend)).next(),
            Refusals::Confirmed => self.own_refusal(elapsed).or_else(|| self.friends_refusal()),
        }
        .map(|(lane, _)| lane)
    }

    fn own_refusal(&self, elapsed: Duration) -> Option<(usize, u16)> {
        let own: Vec<_> = self.refusals(Trust::Own).collect();
        if let Some(&plain) = own.iter().find(|(_, status)| !needs_two(*status)) {
            return Some(plain);
        }
        let first = *own.first()?;
        let own_may_follow = self.any_to_come(|lane| lane.is_own() && lane.is_there());
        let sure = seconded(first, &own)
            || (!own_may_follow && self.refusals(Trust::Friend).any(|friend| seconded(first, &[friend])))
            || !self.any_to_come(Lane::is_there)
            || self.own_refusal_expires().is_some_and(|limit| elapsed >= limit);
        sure.then_some(first)
    }

    fn friends_refusal(&self) -> Option<(usize, u16)> {
        let friends: Vec<_> = self.refusals(Trust::Friend).collect();
        let first = *friends.first()?;
        if self.any_to_come(Lane::is_own) || self.refusals(Trust::Own).next().is_some() {
            return None;
        }
        let sure = |friend: &&(usize, u16)| !needs_two(friend.1) || seconded(**friend, &friends);
        friends.iter().find(sure).copied().or_else(|| (!self.any_to_come(Lane::is_there)).then_some(first))
    }

    fn own_refusal_expires(&self) -> Option<Duration> {
        let refused_at = |lane: &Lane| match lane.stage {
            Stage::Ended { at, verdict: Verdict::Final { .. } } => Some(at),
            Stage::Ended { .. } | Stage::Asked { .. } | Stage::Unasked => None,
        };
        let first = self.lanes.iter().filter(|lane| lane.is_own()).filter_map(refused_at).min();
        first.map(|at| at + CONFIRM_WITHIN)
    }

    /// The best usable answer; among equals that of the earlier candidate.
    fn best_answer(&self) -> Option<(usize, Score)> {
        let mut best: Option<(usize, Score)> = None;
        for (index, lane) in self.lanes.iter().enumerate() {
            if let Some(Verdict::Good { score, .. }) = lane.ended()
                && best.is_none_or(|(_, other)| *score > other)
            {
                best = Some((index, *score));
            }
        }
        best
    }

    fn refusals(&self, trust: Trust) -> impl Iterator<Item = (usize, u16)> {
        let refusal = |(index, lane): (usize, &Lane)| match lane.ended() {
            Some(Verdict::Final { status }) => Some((index, *status)),
            Some(Verdict::Good { .. } | Verdict::Bad) | None => None,
        };
        self.lanes.iter().enumerate().filter(move |(_, lane)| lane.candidate.trust == trust).filter_map(refusal)
    }

    fn any_to_come(&self, which: impl Fn(&Lane) -> bool) -> bool {
        self.lanes
            .iter()
            .any(|lane| lane.ended().is_none() && (!lane.is_unasked() || self.may_ask(lane)) && which(lane))
    }

    /// Not asked yet, and not held in reserve.
    fn may_ask(&self, lane: &Lane) -> bool {
        lane.is_unasked() && !(lane.candidate.reserve && self.lanes.iter().any(Lane::holds_the_reserve))
    }

    fn held(&self) -> Held {
        if self.best_answer().is_some() {
            Held::WeakAnswer
        } else if self.refusals(Trust::Own).next().is_some() {
            Held::OwnRefusal
        } else if self.refusals(Trust::Friend).next().is_some() {
            Held::FriendsRefusal
        } else {
            Held::Nothing
        }
    }

    // === Whom to ask, and when ===

    fn last_call(&self) -> Duration {
        self.rules.deadline - LAST_CALL.min(self.rules.deadline / 2)
    }

    fn whom_to_ask(&self, elapsed: Duration) -> Vec<usize> {
        let unasked =
            |which: &dyn Fn(&Lane) -> bool| self.lanes.iter().position(|lane| self.may_ask(lane) && which(lane));
        if elapsed >= self.last_call() {
            return (0..self.lanes.len()).filter(|&lane| self.may_ask(&self.lanes[lane])).collect();
        }
        let held = self.held();
        let next = match held {
            Held::Nothing => unasked(&|_| true),
            Held::WeakAnswer => unasked(&Lane::is_there),
            Held::OwnRefusal => unasked(&|lane| lane.is_own() && lane.is_there()).or_else(|| unasked(&Lane::is_there)),
            Held::FriendsRefusal => unasked(&Lane::is_own).or_else(|| unasked(&Lane::is_there)),
        };
        // Only an own node can settle a refusal while there is one, so a friend's pending answer does not delay asking it.
        let refused = matches!(held, Held::OwnRefusal | Held::FriendsRefusal);
        let awaited = |next: usize, lane: &Lane| {
            if held == Held::Nothing && self.rules.pace == Pace::OneByOne {
                return lane.overdue_at().is_some();
            }
            lane.is_fresh(elapsed) && !(refused && self.lanes[next].is_own() && !lane.is_own())
        };
        next.filter(|&next| !self.lanes.iter().any(|lane| awaited(next, lane))).into_iter().collect()
    }

    fn next_wake(&self, elapsed: Duration) -> Duration {
        let last_call = self.lanes.iter().any(|lane| self.may_ask(lane)).then(|| self.last_call());
        let overdue = self.lanes.iter().filter_map(Lane::overdue_at);
        overdue
            .chain(last_call)
            .chain(self.own_refusal_expires())
            .filter(|&at| at > elapsed)
            .fold(self.rules.deadline, Duration::min)
    }
}

impl Race for Failover {
    fn begin(&mut self) -> Step {
        self.advance(Duration::ZERO)
    }

    fn observe(&mut self, event: Event, elapsed: Duration) -> Step {
        match event {
            Event::Answer { from, verdict } => {
                let asked = |lane: &&mut Lane| lane.candidate.node == from && matches!(lane.stage, Stage::Asked { .. });
                if let Some(lane) = self.lanes.iter_mut().find(asked) {
                    lane.stage = Stage::Ended { at: elapsed, verdict };
                }
            }
            Event::Noted(Note::NodeLost(node)) => {
                for lane in self.lanes.iter_mut().filter(|lane| lane.candidate.node == node) {
                    if let Stage::Asked { lost, .. } = &mut lane.stage {
                        *lost = true;
                    }
                }
            }
            Event::Noted(Note::ViewMoved(..)) | Event::Woke => {}
        }
        self.advance(elapsed)
    }
}

// === Refusals ===

/// These may be a node's ignorance: it has not seen the block, or does not know the path.
fn needs_two(status: u16) -> bool {
    matches!(status, 400 | 404)
}

/// Another of these refuses with the same status class; families spell "no such thing" as 400 or as 404.
fn seconded((lane, status): (usize, u16), among: &[(usize, u16)]) -> bool {
    among.iter().any(|&(other, other_status)| lane != other && status / 100 == other_status / 100)
}
