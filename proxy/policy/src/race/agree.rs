//! Agree: ask all own nodes at once, answer when independent families agree, and withhold what they contradict.
//!
//! | when | what is served |
//! |---|---|
//! | at once | a pair confirmed before in this epoch, with the view's head, if nobody is against it |
//! | at once | the same, confirmed only now, if those still to speak could not contradict it |
//! | every node has ended | the best that may be served |
//! | [`Terms::soft`] | the same, if nobody is against it |
//! | [`Terms::hard`] | the same, also against others if these are weaker |
//! | later | the first that may be served |
//!
//! What is confirmed, contradicted, or must be withheld is for the [`Council`] to say ([`quorum`](crate::quorum)). The
//! best is: the better standing, then the later checkpoints, then the view's head, then the head with more different
//! consensus families behind it, then the later head, own before friends, and the order of the plan. When everything
//! that came must be withheld at the hard deadline, or when all have ended, the race ends merged of all usable answers,
//! from which the rule makes the refusal: it names who says what.
//!
//! Friends are asked at once when own nodes alone are too few to confirm ([`Terms::friends_at_once`]), or when no own node
//! answers at all now; as soon as own nodes say different pairs; when all own ones have spoken and it was not enough; and at the soft
//! deadline. Their
//! answer is served while an own node that was ready may still have its say only after the soft deadline, with the
//! view's head and a pair that was confirmed before; from the hard deadline on if no own node has answered, unless another
//! pair was confirmed before.
//!
//! A node that is late in the first slot of an epoch is not asked a second time: it is silent, and the next request asks
//! it again, for what is unconfirmed is confirmed in the next slot.
//!
//! Without any answer it ends like [`Best`](super::Best): an own node's refusal, then a friend's, else exhausted.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Candidate, Event, Losers, Note, Outcome, Race, Score, Step, Verdict, Vote};
use crate::chain::Root;
use crate::node::{NodeId, Tier, Trust};
use crate::quorum::{Ballot, Council, Opinion, Standing, Voice, greatest_independent};

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

/// Who judges, and how long is waited for what. Times are measured from the race's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Who judges.
    pub council: Arc<Council>,
    /// Own nodes alone are too few to confirm anything, and nothing is confirmed yet.
    pub friends_at_once: bool,
    /// When the best uncontradicted answer is the reply.
    pub soft: Duration,
    /// When the best answer is the reply, and what is contradicted is given up.
    pub hard: Duration,
    /// By when there is an outcome.
    pub deadline: Duration,
}

/// The race. See the module.
#[derive(Clone, Debug)]
pub struct Agree {
    terms: Terms,
    /// The view's head.
    view: Option<Root>,
    lanes: Vec<Lane>,
}

#[derive(Clone, Debug)]
struct Lane {
    node: NodeId,
    own: bool,
    /// It is asked from the start.
    first: bool,
    /// While it has its say, friends' words move nothing.
    decides: bool,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Unasked,
    Asked { lost: bool },
    Good(Vote, Score),
    Refused,
    Failed,
}

/// An answer that may be compared.
struct Bid<'a> {
    place: usize,
    lane: &'a Lane,
    vote: Vote,
    score: Score,
    opinion: Opinion,
}

impl Agree {
    /// A race over these candidates; of equal answers the earlier one wins.
    #[must_use]
    pub fn new(candidates: &[Candidate], terms: Terms) -> Self {
        let own_is_there = candidates.iter().any(|one| one.trust == Trust::Own && one.tier != Tier::Away);
        let lane = |one: &Candidate| Lane {
            node: one.node,
            own: one.trust == Trust::Own,
            first: one.trust == Trust::Own || !own_is_there || terms.friends_at_once,
            decides: one.trust == Trust::Own && one.tier == Tier::Ready,
            stage: Stage::Unasked,
        };
        let lanes = candidates.iter().map(lane).collect();
        let view = terms.council.snapshot.view.as_ref().map(|view| view.root);
        Self { terms, view, lanes }
    }

    fn advance(&mut self, elapsed: Duration) -> Step {
        let outcome = self.outcome(elapsed);
        let send = if outcome.is_none() { self.whom_to_ask(elapsed) } else { Vec::new() };
        let wakes = [self.terms.soft, self.terms.hard];
        let wake_at = wakes.into_iter().filter(|&at| at > elapsed).fold(self.terms.deadline, Duration::min);
        Step { send, wake_at: outcome.is_none().then_some(wake_at), outcome }
    }

    fn whom_to_ask(&mut self, elapsed: Duration) -> Vec<NodeId> {
        let own = || self.lanes.iter().filter(|lane| lane.own);
        // They have all spoken, and it was not enough.
        let hopeless = !own().any(Lane::may_come);
        let pairs: BTreeSet<Root> = own().filter_map(Lane::vote).map(|vote| vote.pair).collect();
        let needed = hopeless || pairs.len() > 1 || elapsed >= self.terms.soft;
        let mut send = Vec::new();
        for lane in self.lanes.iter_mut().filter(|lane| lane.is_unasked() && (lane.first || needed)) {
            lane.stage = Stage::Asked { lost: false };
            send.push(lane.node);
        }
        send
    }

    fn outcome(&self, elapsed: Duration) -> Option<Outcome> {
        let reply = |answer| Some(Outcome::Reply { answer, losers: Losers::Cancel });
        let over = elapsed >= self.terms.deadline || !self.lanes.iter().any(|it| it.is_unasked() || it.is_running());
        let waiting = self.lanes.iter().any(Lane::may_come);
        let given_up = over || !waiting || elapsed >= self.terms.hard;
        let bids = self.bids();
        let servable = |bid: &&Bid<'_>| !bid.opinion.withheld && self.may_speak(bid, &bids, elapsed, given_up);
        if let Some(best) = bids.iter().filter(servable).max_by_key(|bid| self.rank(bid, &bids)) {
            let in_view = self.view.is_none_or(|view| best.vote.head == view);
            let unopposed = !best.opinion.opposed;
            let confirmed = best.opinion.standing == Standing::Confirmed && in_view && self.settled(best, &bids);
            let due = given_up || unopposed && (confirmed || elapsed >= self.terms.soft);
            return if due { reply(Answer::One(best.lane.node)) } else { None };
        }
        if !given_up {
            return None;
        }
        if bids.iter().any(|bid| bid.opinion.withheld) {
            return reply(Answer::Merged(bids.iter().map(|bid| bid.lane.node).collect()));
        }
        let refusal = |own: bool| self.lanes.iter().find(|lane| lane.own == own && lane.refused());
        match refusal(true).or_else(|| refusal(false)) {
            _ if !over => None,
            Some(lane) => reply(Answer::One(lane.node)),
            None => Some(Outcome::Exhausted { losers: Losers::Cancel }),
        }
    }

    fn bids(&self) -> Vec<Bid<'_>> {
        let good = |(place, lane): (usize, &'_ Lane)| match lane.stage {
            Stage::Good(vote, score) => Some((place, vote, score)),
            _ => None,
        };
        let said: Vec<(usize, Vote, Score)> = self.lanes.iter().enumerate().filter_map(good).collect();
        let ballot = |&(place, Vote { pair, head }, _): &(usize, Vote, Score)| Ballot {
            node: self.lanes[place].node,
            pair,
            head,
        };
        let ballots: Vec<Ballot> = said.iter().map(ballot).collect();
        let opinions = self.terms.council.weigh(&ballots, self.own_decides());
        let bid = |((place, vote, score), opinion)| Bid { place, lane: &self.lanes[place], vote, score, opinion };
        said.into_iter().zip(opinions).map(bid).collect()
    }

    /// Those who are still to speak could not contradict it.
    fn settled(&self, bid: &Bid<'_>, bids: &[Bid<'_>]) -> bool {
        let council = &self.terms.council;
        let awaited = self.lanes.iter().filter(|lane| matches!(lane.stage, Stage::Asked { lost: false }));
        let awaited: Vec<&Voice> = awaited.filter_map(|lane| council.voice(lane.node)).collect();
        let mut for_it = bids
            .iter()
            .filter(|other| other.vote.pair == bid.vote.pair)
            .filter_map(|other| council.voice(other.lane.node));
        let apart = for_it.any(|voice| awaited.iter().any(|other| other.independent_of(voice)));
        let strong = greatest_independent(awaited.iter().copied()) >= bid.opinion.support.0;
        council.agreed == Some(bid.vote.pair) || !(apart && strong)
    }

    /// An own node that was ready has its say, or may still have it.
    fn own_decides(&self) -> bool {
        let speaks = |lane: &Lane| lane.may_come() || lane.vote().is_some();
        self.lanes.iter().any(|lane| lane.decides && speaks(lane))
    }

    /// Own nodes decide; when a friend's word may be served is said in the module.
    fn may_speak(&self, bid: &Bid<'_>, bids: &[Bid<'_>], elapsed: Duration, given_up: bool) -> bool {
        if bid.lane.own || !self.own_decides() {
            return true;
        }
        let agreed = self.terms.council.agreed;
        let known = agreed == Some(bid.vote.pair) && self.view == Some(bid.vote.head);
        let alone = !bids.iter().any(|other| other.lane.own) && agreed.is_none_or(|pair| pair == bid.vote.pair);
        elapsed >= self.terms.soft && known || given_up && alone
    }

    fn rank(&self, bid: &Bid<'_>, bids: &[Bid<'_>]) -> impl Ord + use<> {
        let Score([checkpoints, slot, ..]) = bid.score;
        let council = &self.terms.council;
        let same = bids.iter().filter(|other| other.vote.head == bid.vote.head);
        let families: BTreeSet<_> =
            same.filter_map(|other| council.voice(other.lane.node).map(|voice| voice.consensus)).collect();
        // Among those that contradict each other more voices are worth more than later checkpoints.
        let standing = bid.opinion.standing;
        let support = if standing == Standing::Contradicted { bid.opinion.support } else { (0, 0) };
        let in_view = self.view == Some(bid.vote.head);
        (standing, support, checkpoints, in_view, families.len(), slot, bid.lane.own, Reverse(bid.place))
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
    fn may_come(&self) -> bool {
        matches!(self.stage, Stage::Unasked | Stage::Asked { lost: false })
    }

    fn refused(&self) -> bool {
        matches!(self.stage, Stage::Refused)
    }

    fn vote(&self) -> Option<Vote> {
        match self.stage {
            Stage::Good(vote, _) => Some(vote),
            Stage::Unasked | Stage::Asked { .. } | Stage::Refused | Stage::Failed => None,
        }
    }
}

impl Race for Agree {
    fn begin(&mut self) -> Step {
        self.advance(Duration::ZERO)
    }

    fn observe(&mut self, event: Event, elapsed: Duration) -> Step {
        match event {
            Event::Answer { from, verdict } => {
                if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.node == from && lane.is_running()) {
                    lane.stage = match verdict {
                        Verdict::Good { vote, score } => Stage::Good(vote, score),
                        Verdict::Final { .. } => Stage::Refused,
                        Verdict::Bad => Stage::Failed,
                    };
                }
            }
            Event::Noted(Note::NodeLost(node)) => {
                if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.node == node && lane.is_running()) {
                    lane.stage = Stage::Asked { lost: true };
                }
            }
            Event::Noted(Note::ViewMoved(_, root)) => self.view = Some(root),
            Event::Woke => {}
        }
        self.advance(elapsed)
    }
}
