//! What must be true of a finished broadcast.
//!
//! From what was drawn it is worked out when each node must have been sent to, what it says then, and when the caller
//! was due an answer: first the time of the lead, then that of the friends, then the end.

use std::time::Duration;

use super::{World, check};
use crate::node::NodeId;
use crate::race::broadcast::{HOLD_BACK, Lead, Others, Terms};
use crate::race::simulation::{Does, Tie, Trace};
use crate::race::{Answer, Losers, Note, Outcome, Score, Verdict};

/// How the time of the lead ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Led {
    Accepted,
    Refused,
    /// Silent, or all have failed.
    Over,
}

struct Broadcasts<'a> {
    world: &'a World,
    trace: &'a Trace,
    terms: &'a Terms,
}

/// When the lead's time is over, how, and when each of its nodes was asked.
type LeadTime = (Duration, Led, Vec<(NodeId, Duration)>);

/// What a node will say, and when.
type Says<'a> = (Duration, NodeId, &'a Verdict);

pub(super) fn judge(
    world: &World,
    trace: &Trace,
    terms: &Terms,
    end: Duration,
    outcome: &Outcome,
) -> Result<(), &'static str> {
    check(end <= terms.deadline, "the outcome came after the deadline")?;
    let (Outcome::Reply { losers, .. } | Outcome::Exhausted { losers }) = outcome;
    check(*losers == Losers::Finish, "a publication was cancelled")?;
    Broadcasts { world, trace, terms }.judge(end, outcome)
}

impl Broadcasts<'_> {
    fn judge(&self, end: Duration, outcome: &Outcome) -> Result<(), &'static str> {
        let lead = self.terms.lead.as_ref().map(|lead| self.lead(lead));
        let mut says: Vec<Says<'_>> = Vec::new();
        let mut expected = 0;
        for (node, does) in &self.world.nodes {
            let sent = self.due(*node, lead.as_ref());
            match (self.trace.asked_at(*node), sent) {
                (None, Some(sent)) => {
                    let follows = lead.is_some() && !self.terms.held_back.contains(node);
                    check(sent > end || (sent == end && !follows), "a node was left unasked")?;
                }
                (Some(asked), sent) => check(Some(asked) == sent, "a node was asked too early, too late or in vain")?,
                (None, None) => {}
            }
            let Some(sent) = sent else { continue };
            expected += 1;
            if let Does::Answer(after, verdict) = does {
                says.push((sent + *after, *node, verdict));
            }
        }
        says.sort_by_key(|(at, ..)| *at);
        let everyone = says.last().filter(|_| says.len() == expected).map(|(at, ..)| *at);
        let stopped = lead.as_ref().is_some_and(|(_, led, _)| {
            *led == Led::Refused && self.terms.lead.as_ref().is_some_and(|lead| lead.refused == Others::Spared)
        });
        if stopped {
            let last = says.last().ok_or("stopped by nobody")?;
            check(end == last.0.min(self.terms.deadline), "the caller was answered too early or too late")?;
            let right = *outcome == Outcome::Reply { answer: Answer::One(last.1), losers: Losers::Finish };
            return check(right, "another answer than the refusal that stopped it");
        }
        let due = match self.terms.spokesman {
            Some(spokesman) => self.spoken(spokesman, &says, everyone),
            None => self.unspoken(&says, everyone),
        };
        check(end == due.unwrap_or(self.terms.deadline).min(self.terms.deadline), "answered too early or too late")?;
        self.answer(end, outcome)
    }

    fn lead(&self, lead: &Lead) -> LeadTime {
        let mut asked = Vec::new();
        let mut now = Duration::ZERO;
        for node in &lead.nodes {
            asked.push((*node, now));
            let limit = (now + lead.patience).min(self.terms.deadline / 2);
            let Some((_, Does::Answer(after, verdict))) = self.world.nodes.iter().find(|(id, _)| id == node) else {
                return (limit, Led::Over, asked);
            };
            if !self.before(now + *after, limit) {
                return (limit, Led::Over, asked);
            }
            now += *after;
            match verdict {
                Verdict::Good { .. } => return (now, Led::Accepted, asked),
                Verdict::Final { .. } => return (now, Led::Refused, asked),
                Verdict::Bad => {}
            }
        }
        (now, Led::Over, asked)
    }

    /// When a node must be sent to; `None` = never.
    fn due(&self, node: NodeId, lead: Option<&LeadTime>) -> Option<Duration> {
        let held = self.terms.held_back.contains(&node);
        let Some((over, led, asked)) = lead else {
            return if held { self.release(Duration::ZERO, &[]) } else { Some(Duration::ZERO) };
        };
        if let Some((_, at)) = asked.iter().find(|(id, _)| *id == node) {
            return Some(*at);
        }
        let terms = self.terms.lead.as_ref()?;
        let spared = match led {
            Led::Accepted => terms.accepted == Others::Spared || held,
            Led::Refused => terms.refused == Others::Spared,
            Led::Over => false,
        };
        match (spared, held) {
            (true, _) => None,
            (false, false) => Some(*over),
            (false, true) => self.release(*over, asked),
        }
    }

    /// When the friends are asked, the others having been asked at `over` or as `asked` says: `None` if one of these
    /// accepts before.
    fn release(&self, over: Duration, asked: &[(NodeId, Duration)]) -> Option<Duration> {
        let limit = HOLD_BACK.min(self.terms.deadline / 2);
        let own = || self.world.nodes.iter().filter(|(node, _)| !self.terms.held_back.contains(node));
        let sent = |node: &NodeId| asked.iter().find(|(id, _)| id == node).map_or(over, |(_, at)| *at);
        if over < limit {
            let accepted = own().any(|(node, does)| match does {
                Does::Answer(after, Verdict::Good { .. }) => self.before(sent(node) + *after, limit),
                Does::Answer(..) | Does::Hang => false,
            });
            if accepted {
                return None;
            }
        }
        let failed = own().map(|(node, does)| match does {
            Does::Answer(after, Verdict::Final { .. } | Verdict::Bad) => sent(node) + *after,
            Does::Answer(..) | Does::Hang => limit,
        });
        Some(failed.max().unwrap_or(Duration::ZERO).min(limit).max(over))
    }

    /// With a spokesman: his word, else the first acceptance after his failure.
    fn spoken(&self, spokesman: NodeId, says: &[Says<'_>], everyone: Option<Duration>) -> Option<Duration> {
        let accepted = says.iter().find(|(_, _, verdict)| is_good(verdict)).map(|(at, ..)| *at);
        match says.iter().find(|(_, node, _)| *node == spokesman)? {
            (at, _, Verdict::Good { .. } | Verdict::Final { .. }) => Some(*at),
            (at, _, Verdict::Bad) => accepted.map(|accepted| accepted.max(*at)).or(everyone),
        }
    }

    fn unspoken(&self, says: &[Says<'_>], everyone: Option<Duration>) -> Option<Duration> {
        let first = says.iter().find(|(_, _, verdict)| is_good(verdict)).map(|(at, ..)| *at);
        let strong = says.iter().find(|(_, _, verdict)| self.is_enough(verdict)).map(|(at, ..)| *at);
        let refused = says.iter().find(|(_, _, verdict)| matches!(verdict, Verdict::Final { .. })).map(|(at, ..)| *at);
        let settle_by = self.terms.settle_by.max(HOLD_BACK.min(self.terms.deadline / 2));
        let settled = refused.map(|at| at.max(settle_by));
        let held = first.map(|at| at + self.terms.grace);
        let seen = first.zip(self.seen_at()).map(|(at, seen)| at.max(seen));
        // What was settled before the first acceptance knows nothing of it. At the same instant the trace tells which was first.
        let deaf = !self.trace.answers.iter().any(|(.., verdict)| is_good(verdict));
        let settled = settled.filter(|&at| first.is_none_or(|first| at < first || (at == first && deaf)));
        [strong, held, seen, everyone, settled].into_iter().flatten().min()
    }

    fn seen_at(&self) -> Option<Duration> {
        let block = self.terms.block?;
        let moved = |(at, note): &(Duration, Note)| match note {
            Note::ViewMoved(slot, _) if *slot == block => Some(*at),
            Note::ViewMoved(..) | Note::NodeLost(_) => None,
        };
        if self.terms.seen { Some(Duration::ZERO) } else { self.world.notes.iter().filter_map(moved).min() }
    }

    /// An answer at the very instant of the end counts if it was heard before the timer.
    fn answer(&self, end: Duration, outcome: &Outcome) -> Result<(), &'static str> {
        let heard = |which: &dyn Fn(&Verdict) -> bool| self.trace.answers.iter().any(|(.., verdict)| which(verdict));
        let good = self.trace.answers.iter().filter_map(|(_, node, verdict)| match verdict {
            Verdict::Good { score, .. } => Some((*node, *score)),
            Verdict::Final { .. } | Verdict::Bad => None,
        });
        let good: Vec<(NodeId, Score)> = good.collect();
        match outcome {
            Outcome::Reply { answer: Answer::One(node), .. } => {
                if self.terms.spokesman == Some(*node) {
                    return Ok(());
                }
                let spoke = |verdict: &Verdict| *verdict != Verdict::Bad;
                let silent = |spokesman| !self.trace.verdict(spokesman, end).is_some_and(spoke);
                check(self.terms.spokesman.is_none_or(silent), "another node spoke for the spokesman")?;
                let best = good.iter().map(|(_, score)| *score).max();
                let enough = good.iter().find(|(_, score)| *score >= self.terms.enough);
                let first = enough.or_else(|| good.iter().find(|(_, score)| Some(*score) == best));
                check(first.is_some_and(|(first, _)| first == node), "another node's answer was due")
            }
            Outcome::Reply { answer: Answer::Merged(nodes), .. } if !good.is_empty() => {
                let seen = self.seen_at().is_some_and(|at| at <= end);
                let lesser = good.iter().all(|(_, score)| *score < self.terms.enough);
                check(seen && lesser, "merged over an acceptance")?;
                let all = good.iter().all(|(node, _)| nodes.contains(node)) && nodes.len() == good.len();
                check(all, "those that accepted are not those that are named")
            }
            Outcome::Reply { answer: Answer::Merged(nodes), .. } => {
                check(heard(&|verdict| matches!(verdict, Verdict::Final { .. })), "merged without a refusal")?;
                let complete = self.world.nodes.iter().all(|(node, _)| nodes.contains(node));
                check(complete && nodes.len() == self.world.nodes.len(), "merged, and somebody is missing")
            }
            Outcome::Exhausted { .. } => check(!heard(&|verdict| *verdict != Verdict::Bad), "exhausted over an answer"),
        }
    }

    fn is_enough(&self, verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Good { score, .. } if *score >= self.terms.enough)
    }

    /// Whether an answer is heard before a timer of `limit` fires.
    fn before(&self, at: Duration, limit: Duration) -> bool {
        at < limit || (at == limit && self.world.tie == Tie::Answer)
    }
}

fn is_good(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Good { .. })
}
