//! From one picture of the nodes to a plan: for each sort of operation and each mode, which order and which manner.

use std::time::Duration;

use super::order::Lead;
use super::{BIG_BODY, Conduct, Kind, Mode, Plan, Question, SHORTEST_HEDGE};
use crate::node::{NodeId, NodeState, Participation, Snapshot, Tier, Trust};
use crate::race::broadcast::Terms;
use crate::race::failover::{Pace, Refusals, Rules};
use crate::race::{Candidate, Losers, Score};

/// The question beside the nodes that may be asked at all, each with its place in the configuration.
pub(super) struct Picture<'a> {
    pub(super) question: &'a Question,
    pub(super) snapshot: &'a Snapshot,
    pub(super) nodes: Vec<(usize, &'a NodeState)>,
}

impl Picture<'_> {
    pub(super) fn read(&self, mode: Mode) -> Plan {
        let guarded = self.reads();
        // Nothing is known of an unlisted read: neither whether it is heavy nor what a good answer would be.
        let (pace, enough) = match self.question.kind {
            Kind::UnlistedRead => (Pace::OneByOne, Score::default()),
            Kind::Publication | Kind::Read | Kind::Standing | Kind::UnlistedWrite => {
                (self.question.pace, self.question.enough)
            }
        };
        let rules = Rules {
            pace,
            refusals: Refusals::Confirmed,
            enough,
            deadline: self.question.deadline,
            losers: Losers::Cancel,
        };
        let first_word = Rules { refusals: Refusals::FirstWord, enough: Score::default(), ..rules.clone() };
        let plan = |rules, ask| Plan { conduct: Conduct::Failover(rules), ask, would_ask: Vec::new() };
        match mode {
            Mode::Guarded => plan(rules, guarded),
            Mode::PassThrough => plan(first_word, self.as_configured(Kind::Read)),
            Mode::Observe => {
                let mut ask = guarded.clone();
                let shown = self.spokesman(&guarded).and_then(|node| ask.iter().position(|one| one.node == node));
                let rules = match shown {
                    Some(place) => {
                        let first = ask.remove(place);
                        ask.insert(0, Candidate { why: "the first own node, observed", ..first });
                        Rules { pace: Pace::OneByOne, ..first_word }
                    }
                    None => rules,
                };
                Plan { would_ask: guarded, ..plan(rules, ask) }
            }
        }
    }

    pub(super) fn publication(&self, mode: Mode) -> Plan {
        let ask = self.everyone();
        if mode == Mode::PassThrough {
            let rules = Rules {
                pace: Pace::OneByOne,
                refusals: Refusals::FirstWord,
                enough: Score::default(),
                deadline: self.question.deadline,
                losers: Losers::Finish,
            };
            return Plan {
                conduct: Conduct::Failover(rules),
                ask: self.as_configured(Kind::Publication),
                would_ask: Vec::new(),
            };
        }
        // Friends wait only for somebody worth waiting for.
        let wait = self.question.body_bytes > BIG_BODY
            && ask.iter().any(|one| one.trust == Trust::Own && one.tier != Tier::Away);
        let held_back = ask.iter().filter(|one| wait && one.trust == Trust::Friend).map(|one| one.node).collect();
        self.broadcast(mode, ask, held_back)
    }

    pub(super) fn standing(&self, mode: Mode) -> Plan {
        self.broadcast(mode, self.duty_doers(), Vec::new())
    }

    fn broadcast(&self, mode: Mode, ask: Vec<Candidate>, held_back: Vec<NodeId>) -> Plan {
        let observing = mode == Mode::Observe;
        let spokesman = observing.then(|| self.spokesman(&ask)).flatten();
        let would_ask = if observing { ask.clone() } else { Vec::new() };
        let deadline = self.question.deadline;
        let terms = Terms { held_back, spokesman, ..Terms::new(deadline) };
        Plan { conduct: Conduct::Broadcast(terms), ask, would_ask }
    }

    pub(super) fn unlisted_write(&self, mode: Mode) -> Plan {
        let guarded: Vec<Candidate> = self.one_own(Lead::View).into_iter().collect();
        let rules = Rules {
            pace: Pace::OneByOne,
            refusals: Refusals::FirstWord,
            enough: Score::default(),
            deadline: self.question.deadline,
            losers: Losers::Finish,
        };
        let (ask, would_ask) = match mode {
            Mode::Guarded => (guarded, Vec::new()),
            Mode::Observe => (self.one_own(Lead::Configuration).into_iter().collect(), guarded),
            Mode::PassThrough => (self.one_own(Lead::Configuration).into_iter().collect(), Vec::new()),
        };
        Plan { conduct: Conduct::Failover(rules), ask, would_ask }
    }

    /// The first configured own node among these, unless it is away: then nobody's word is awaited.
    fn spokesman(&self, among: &[Candidate]) -> Option<NodeId> {
        let own = |(_, node): &&(usize, &NodeState)| {
            node.profile.trust == Trust::Own && among.iter().any(|one| one.node == node.profile.id)
        };
        let (_, first) = self.nodes.iter().find(own)?;
        (first.tier != Tier::Away).then_some(first.profile.id)
    }

    pub(super) fn candidate(&self, node: &NodeState, why: &'static str) -> Candidate {
        // A quarter of the deadline at most, so that three silent nodes still leave time for a fourth.
        let longest = (self.question.deadline / 4).max(SHORTEST_HEDGE);
        Candidate {
            node: node.profile.id,
            trust: node.profile.trust,
            tier: node.tier,
            hedge_after: Duration::from_millis(node.hedge_after_ms)
                .clamp(SHORTEST_HEDGE, longest)
                .max(self.question.hedge_no_sooner),
            reserve: false,
            why,
        }
    }

    pub(super) fn is_leader(&self, node: &NodeState) -> bool {
        self.snapshot.view.as_ref().is_some_and(|view| view.leader == node.profile.id)
    }

    pub(super) fn is_member(&self, node: &NodeState) -> bool {
        self.has_member(node.profile.id)
    }

    pub(super) fn has_member(&self, node: NodeId) -> bool {
        self.snapshot.view.as_ref().is_some_and(|view| view.members.contains(&node))
    }
}

pub(super) fn reads(node: &NodeState) -> bool {
    node.profile.participation != Participation::PublishOnly
}
