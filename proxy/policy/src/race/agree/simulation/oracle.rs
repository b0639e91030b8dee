//! The oracle: what must be true of a race of agreement, worked out from what was drawn and what happened.
//!
//! It knows neither ballots nor councils. Independent sets are found by trying all subsets, branches are compared as they
//! were drawn, and every moment is read again from the trace.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{DEADLINE, Drawn, HARD, Home, SOFT, Where, Word};
use crate::node::NodeId;
use crate::quorum::{OnDisagreement, Quorum};
use crate::race::simulation::Trace;
use crate::race::{Answer, Outcome};

/// What is true at one moment of a race.
struct Then<'a> {
    home: &'a Home,
    /// Whose good answers had come.
    good: Vec<usize>,
    /// Who was asked and could still answer.
    running: Vec<usize>,
    /// Who was never asked.
    unasked: Vec<usize>,
    /// Whose answers had come, good or not.
    ended: Vec<usize>,
    at: Duration,
}

/// The rule that was broken, if one was.
pub(super) fn judge(home: &Home, trace: &Trace) -> Result<(), &'static str> {
    let Some((end, outcome)) = &trace.end else { return Err("the race got stuck") };
    check(*end <= DEADLINE, "the outcome came after the deadline")?;
    for (place, (at, _, node)) in trace.sent.iter().enumerate() {
        check(!trace.sent[..place].iter().any(|(_, _, other)| other == node), "a node was asked twice")?;
        let own = home.nodes[usize::from(node.0)].own;
        check(!own || *at == Duration::ZERO, "an own node was asked late")?;
    }
    let own = (0..).zip(&home.nodes).filter(|(_, node)| node.own);
    let asked = |id| trace.sent.iter().any(|(_, _, node)| *node == NodeId(id));
    check(own.clone().all(|(id, _)| asked(id)), "an own node was not asked")?;
    let friends_needed = *end > SOFT || own.clone().count() == 0;
    check(!friends_needed || (0..home.nodes.len() as u16).all(asked), "friends were not asked when they were needed")?;

    let then = Then::new(home, trace, *end);
    match outcome {
        Outcome::Reply { answer: Answer::One(node), .. } => {
            let node = usize::from(node.0);
            match home.nodes[node].word {
                Word::Good if then.good.contains(&node) => then.served(node)?,
                Word::Final if then.ended.contains(&node) => then.nothing()?,
                _ => return Err("the reply is no answer"),
            }
        }
        Outcome::Reply { answer: Answer::Merged(_), .. } => then.withheld()?,
        Outcome::Exhausted { .. } => {
            then.nothing()?;
            check(!then.ended.iter().any(|id| home.nodes[*id].word == Word::Final), "a refusal was not shown")?;
        }
    }
    then.in_time(trace, *end)
}

fn check(holds: bool, rule: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(rule) }
}

impl<'a> Then<'a> {
    /// At the end: with the answers that the race had seen.
    fn new(home: &'a Home, trace: &Trace, at: Duration) -> Self {
        let came = |id: usize| trace.answers.iter().any(|(_, node, _)| usize::from(node.0) == id);
        Self::of(home, trace, at, came)
    }

    /// Before `at`: what happened at this very instant does not count.
    fn before(home: &'a Home, trace: &Trace, at: Duration) -> Self {
        let came = |id: usize| trace.answers.iter().any(|(then, node, _)| usize::from(node.0) == id && *then < at);
        Self::of(home, trace, at, came)
    }

    fn of(home: &'a Home, trace: &Trace, at: Duration, came: impl Fn(usize) -> bool) -> Self {
        let sent = |id: usize| trace.sent.iter().any(|(_, _, node)| usize::from(node.0) == id);
        // One that was lost before it was asked is asked all the same, and awaited.
        let sent_at = |id: usize| trace.sent.iter().find(|(_, _, node)| usize::from(node.0) == id).map(|(at, ..)| *at);
        let lost = |id: usize| {
            home.nodes[id].lost.is_some_and(|lost| lost <= at && sent_at(id).is_some_and(|sent| sent < lost))
        };
        let all = || 0..home.nodes.len();
        Self {
            home,
            good: all().filter(|id| came(*id) && home.nodes[*id].word == Word::Good).collect(),
            running: all().filter(|id| sent(*id) && !came(*id) && !lost(*id)).collect(),
            unasked: all().filter(|id| !sent(*id)).collect(),
            ended: all().filter(|id| came(*id)).collect(),
            at,
        }
    }

    fn node(&self, id: usize) -> &Drawn {
        &self.home.nodes[id]
    }

    /// An own node that was ready has spoken, or may yet.
    fn own_decides(&self) -> bool {
        let has_say = |id: &&usize| self.node(**id).own && self.node(**id).ready;
        self.good.iter().chain(&self.running).any(|id| has_say(&id))
    }

    fn needed(&self) -> usize {
        let most = greatest(&self.home.nodes.iter().collect::<Vec<_>>());
        match self.home.settings.quorum {
            Quorum::Auto => most.min(2),
            Quorum::All => most,
            Quorum::Of(wanted) => most.min(wanted),
        }
    }

    fn sayers(&self, pair: char) -> Vec<&Drawn> {
        self.good.iter().map(|id| self.node(*id)).filter(|node| node.pair == pair).collect()
    }

    fn strength(&self, nodes: &[&Drawn]) -> usize {
        let operators: BTreeSet<u64> = nodes.iter().map(|node| node.operator).collect();
        let lone_friend = nodes.iter().all(|node| !node.own) && operators.len() < 2;
        if self.own_decides() && lone_friend { 0 } else { greatest(nodes) }
    }

    fn support(&self, pair: char) -> usize {
        let before = if self.home.agreed == Some(pair) { self.needed() } else { 0 };
        self.strength(&self.sayers(pair)).max(before)
    }

    /// What other pairs are said against this node's, by whom, and with what strength.
    fn against(&self, id: usize) -> Vec<(Vec<&Drawn>, usize)> {
        let pairs: BTreeSet<char> = self.good.iter().map(|other| self.node(*other).pair).collect();
        let other_pairs = pairs.into_iter().filter(|pair| *pair != self.node(id).pair);
        let speaking = |pair| {
            let nodes: Vec<&Drawn> = self
                .good
                .iter()
                .filter(|other| self.node(**other).pair == pair && speaks_against(self.node(id), self.node(**other)))
                .map(|other| self.node(*other))
                .collect();
            let strength = self.strength(&nodes);
            (nodes, strength)
        };
        other_pairs.map(speaking).filter(|(nodes, strength)| !nodes.is_empty() && *strength > 0).collect()
    }

    fn contradictors(&self, id: usize) -> Vec<(Vec<&Drawn>, usize)> {
        let sayers = self.sayers(self.node(id).pair);
        let support = self.support(self.node(id).pair);
        let apart = |nodes: &[&Drawn]| nodes.iter().any(|one| sayers.iter().any(|other| independent(one, other)));
        let strong = |strength: usize| strength >= support || support < self.needed();
        self.against(id).into_iter().filter(|(nodes, strength)| apart(nodes) && strong(*strength)).collect()
    }

    fn withholds(&self, id: usize) -> bool {
        let (pair, contradictors) = (self.node(id).pair, self.contradictors(id));
        match self.home.settings.on_disagreement {
            OnDisagreement::Halt => !contradictors.is_empty(),
            OnDisagreement::Majority => {
                let ours = (self.support(pair), if self.support(pair) == 0 { 0 } else { self.sayers(pair).len() });
                contradictors.iter().any(|(nodes, strength)| (*strength, nodes.len()) >= ours)
            }
            OnDisagreement::Warn => false,
        }
    }

    fn confirmed(&self, id: usize) -> bool {
        self.contradictors(id).is_empty() && self.support(self.node(id).pair) >= self.needed()
    }

    fn at_view(&self, id: usize) -> bool {
        self.node(id).place == Where::View
    }

    fn nobody_left(&self) -> bool {
        self.running.is_empty() && self.unasked.is_empty()
    }

    fn given_up(&self) -> bool {
        self.at >= HARD || self.nobody_left()
    }

    fn may_serve(&self, id: usize) -> bool {
        let own_spoke = self.good.iter().any(|other| self.node(*other).own);
        let agreed = self.home.agreed;
        let friend = !self.node(id).own && self.own_decides();
        let known = agreed == Some(self.node(id).pair) && self.at_view(id) && self.at >= SOFT;
        let alone = self.given_up() && !own_spoke && agreed.is_none_or(|pair| pair == self.node(id).pair);
        !self.withholds(id) && (!friend || known || alone)
    }

    /// This node's answer was served.
    fn served(&self, id: usize) -> Result<(), &'static str> {
        check(!self.withholds(id), "a pair was served that independent families contradict")?;
        check(self.may_serve(id), "a friend's word moved something alone")?;
        if !self.given_up() {
            check(self.against(id).is_empty(), "served against others before the hard deadline")?;
            let settled = self.confirmed(id) && self.at_view(id) && self.cannot_turn(id);
            check(
                settled || self.at >= SOFT,
                "served unconfirmed, or without the view's head, before the soft deadline",
            )?;
        }
        let servable: Vec<usize> = self.good.iter().copied().filter(|other| self.may_serve(*other)).collect();
        let standing = |id: usize| match (self.contradictors(id).is_empty(), self.confirmed(id)) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        let best = servable.iter().map(|other| standing(*other)).max().unwrap_or(0);
        check(standing(id) == best, "a worse standing was served")?;
        if best > 0 {
            let peers = || servable.iter().copied().filter(|other| standing(*other) == best);
            let latest = peers().map(|other| self.node(other).checkpoints).max();
            check(latest == Some(self.node(id).checkpoints), "earlier checkpoints were served")?;
            let equal = |other: &usize| self.node(*other).checkpoints == self.node(id).checkpoints;
            let view = peers().filter(equal).any(|other| self.at_view(other));
            check(!view || self.at_view(id), "another head than the view's was served")?;
        }
        Ok(())
    }

    /// Whoever is still awaited could not contradict.
    fn cannot_turn(&self, id: usize) -> bool {
        let pair = self.node(id).pair;
        let awaited: Vec<&Drawn> = self.running.iter().map(|other| self.node(*other)).collect();
        let sayers = self.sayers(pair);
        let apart = awaited.iter().any(|one| sayers.iter().any(|other| independent(one, other)));
        self.home.agreed == Some(pair) || !apart || greatest(&awaited) < self.support(pair)
    }

    fn withheld(&self) -> Result<(), &'static str> {
        check(self.given_up(), "given up before the hard deadline")?;
        check(self.good.iter().any(|id| self.withholds(*id)), "withheld without a contradiction")?;
        check(!self.good.iter().any(|id| self.may_serve(*id)), "withheld, though something could be served")
    }

    fn nothing(&self) -> Result<(), &'static str> {
        let over = self.at == DEADLINE || self.nobody_left();
        check(over, "no answer, and somebody was still to be heard")?;
        check(!self.good.iter().any(|id| self.may_serve(*id)), "no answer, though one could be served")
    }

    /// The race did not go on after it could have ended.
    fn in_time(&self, trace: &Trace, end: Duration) -> Result<(), &'static str> {
        for at in [SOFT, HARD, DEADLINE] {
            let then = Self::before(self.home, trace, at);
            let could = then.good.iter().any(|id| then.may_serve(*id) && (at > SOFT || then.unopposed_best(*id)));
            check(!could || end <= at, "an answer was held back beyond its deadline")?;
        }
        for (at, _, _) in &trace.answers {
            let then = Self::before(self.home, trace, *at + Duration::from_nanos(1));
            let nobody = then.nobody_left() && !self.home.nodes.iter().any(|node| node.lost == Some(*at));
            let could = then.good.iter().any(|id| then.may_serve(*id));
            check(!(nobody && could) || end <= *at, "nobody was left to wait for")?;
        }
        Ok(())
    }

    /// Nobody speaks against it, and none with a better standing is there.
    fn unopposed_best(&self, id: usize) -> bool {
        let clear = |id: usize| self.against(id).is_empty();
        clear(id) && self.good.iter().all(|other| clear(*other))
    }
}

fn independent(one: &Drawn, other: &Drawn) -> bool {
    let execution = one.execution.is_empty() || other.execution.is_empty() || one.execution != other.execution;
    let one_person = !one.own && !other.own && one.operator == other.operator;
    one.consensus != other.consensus && execution && !one_person
}

/// The greatest subset in which everybody is independent of everybody; all subsets are tried.
fn greatest(nodes: &[&Drawn]) -> usize {
    let fits = |set: u32| {
        let chosen: Vec<&Drawn> =
            (0..nodes.len()).filter(|place| set >> place & 1 == 1).map(|place| nodes[place]).collect();
        let pairs = (0..chosen.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
        pairs.into_iter().all(|(one, other)| independent(chosen[one], chosen[other]))
    };
    (0..1_u32 << nodes.len()).filter(|set| fits(*set)).map(|set| set.count_ones() as usize).max().unwrap_or(0)
}

/// Does this other node, with another pair, speak against the candidate? As the branches were drawn.
fn speaks_against(candidate: &Drawn, other: &Drawn) -> bool {
    let branch = |place: Where| match place {
        Where::Apart(ago) | Where::Fresh(Some(ago)) => Some((ago, true)),
        Where::Left(ago) => Some((ago, false)),
        Where::View | Where::Late(_) | Where::Ahead | Where::Unknown | Where::Fresh(None) => None,
    };
    let fresh = |place: Where| matches!(place, Where::Fresh(_));
    let (one, two) = (candidate.place, other.place);
    if one == two && !fresh(one) || one == Where::Unknown || two == Where::Unknown {
        return true;
    }
    match (branch(one), branch(two)) {
        (None, None) => false,
        (None, Some((ago, grew))) => ago >= 2 && grew,
        // It left the branch if it has had a block since the parting.
        (Some((ago, _)), None) => ago >= 2 && !matches!(two, Where::Late(slots) if slots > ago),
        // The later of the two partings counts, and whether it has had a block since its own.
        (Some((one, _)), Some((two, grew))) => one.min(two) >= 2 && grew,
    }
}
