//! The orders: each is a sort by a key whose parts are the sentences of the plan, with a reason per place.
//!
//! Booleans in keys read "false first": `friend` puts own nodes first, `stranger` the view's members. The last part is
//! always the place in the configuration, so that equal nodes never swap and a VC stays with one node.

use super::Kind;
use super::picture::{Picture, reads};
use crate::node::{NodeState, Participation, Tier, Trust};
use crate::race::Candidate;

/// What decides between own nodes when only one is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    View,
    Configuration,
}

/// How a node may serve reads, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fitness {
    Ready,
    Cordoned,
    Behind,
    Optimistic,
    Syncing,
    Away,
}

impl Fitness {
    /// `None` for a node that is never asked.
    fn of(node: &NodeState) -> Option<Self> {
        match node.tier {
            Tier::Ready if node.cordoned => Some(Self::Cordoned),
            Tier::Ready => Some(Self::Ready),
            Tier::Behind => Some(Self::Behind),
            Tier::Optimistic => Some(Self::Optimistic),
            Tier::Syncing => Some(Self::Syncing),
            Tier::Away => Some(Self::Away),
            Tier::Foreign => None,
        }
    }
}

impl Picture<'_> {
    /// Guarded reads.
    pub(super) fn reads(&self) -> Vec<Candidate> {
        let own_and_ready = |(_, node): &(usize, &NodeState)| {
            node.profile.trust == Trust::Own && node.tier == Tier::Ready && reads(node)
        };
        let own_decides = self.nodes.iter().any(own_and_ready);
        let mut candidates = self.sorted(|node| {
            let fitness = Fitness::of(node).filter(|_| reads(node))?;
            let standby = node.profile.participation == Participation::Standby;
            let stranger = self.question.view && self.snapshot.view.is_some() && !self.is_member(node);
            let friend = node.profile.trust == Trust::Friend;
            let key = (fitness, standby, stranger, friend, node.doubtful, node.cordoned, !self.is_leader(node));
            Some((key, self.why_read(node, fitness, stranger)))
        });
        for candidate in &mut candidates {
            let last = self.question.friends_last || self.question.view && !self.has_member(candidate.node);
            candidate.reserve = own_decides && candidate.trust == Trust::Friend && last;
            if candidate.reserve {
                candidate.why = "a friend's, only if every ready own node fails";
            }
        }
        candidates
    }

    /// Publications: who leads is only the order of the sends, all go out in one step.
    pub(super) fn everyone(&self) -> Vec<Candidate> {
        self.sorted(|node| {
            let friend = node.profile.trust == Trust::Friend;
            let away = node.tier == Tier::Away;
            let why = match (away, friend) {
                (true, _) => "away, one attempt",
                (false, false) => "own, takes every publication",
                (false, true) => "a friend's, takes every publication",
            };
            Some(((away, friend, !self.is_leader(node)), why))
        })
    }

    /// Standing submissions.
    pub(super) fn duty_doers(&self) -> Vec<Candidate> {
        let full_ready = |(_, node): &(usize, &NodeState)| {
            node.profile.participation == Participation::Full && node.tier == Tier::Ready
        };
        let promoted = !self.nodes.iter().any(full_ready);
        self.sorted(|node| {
            let friend = node.profile.trust == Trust::Friend;
            let (standby, why) = match node.profile.participation {
                Participation::Full => (false, "may be asked to do duties"),
                Participation::Standby if promoted => (true, "standby, promoted: no full node is ready"),
                Participation::Standby | Participation::PublishOnly => return None,
            };
            Some(((standby, node.tier == Tier::Away, friend, !self.is_leader(node)), why))
        })
    }

    /// Pass-through: the configured order, after what people said and what cannot work.
    pub(super) fn as_configured(&self, kind: Kind) -> Vec<Candidate> {
        self.sorted(|node| {
            if kind != Kind::Publication && !reads(node) {
                return None;
            }
            let full = node.profile.participation == Participation::Full;
            let key = (node.tier == Tier::Away, node.cordoned, !full);
            let why = match key {
                (true, _, _) => "away, asked last",
                (false, true, _) => "cordoned",
                (false, false, true) => "not a full participant",
                (false, false, false) => "in configured order",
            };
            Some((key, why))
        })
    }

    /// The one own node for a write that no row lists: the view's if it has an own one, else the first that is fit.
    pub(super) fn one_own(&self, lead: Lead) -> Option<Candidate> {
        let follow_view = lead == Lead::View;
        let ranked = self.sorted(|node| {
            let own = node.profile.trust == Trust::Own && reads(node);
            let fitness = Fitness::of(node).filter(|_| own)?;
            let member = follow_view && self.is_member(node);
            let leader = follow_view && self.is_leader(node);
            let away = fitness == Fitness::Away;
            let why = match (leader, member) {
                (true, _) => "own, leads the view",
                (false, true) => "own, in the view",
                (false, false) => "the first own node that is fit",
            };
            Some(((away, !leader, !member, fitness), why))
        });
        ranked.into_iter().next()
    }

    /// Those with a key, by key and then as configured.
    fn sorted<K: Ord>(&self, key: impl Fn(&NodeState) -> Option<(K, &'static str)>) -> Vec<Candidate> {
        let mut keyed: Vec<_> = self
            .nodes
            .iter()
            .filter_map(|&(place, node)| key(node).map(|(key, why)| ((key, place), self.candidate(node, why))))
            .collect();
        keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
        keyed.into_iter().map(|(_, candidate)| candidate).collect()
    }

    fn why_read(&self, node: &NodeState, fitness: Fitness, stranger: bool) -> &'static str {
        let gated = self.question.view && self.is_member(node);
        match (fitness, node.profile.participation, node.profile.trust) {
            (Fitness::Cordoned, ..) => "cordoned, but ready",
            (Fitness::Behind, ..) => "behind",
            (Fitness::Optimistic, ..) => "optimistic",
            (Fitness::Syncing, ..) => "syncing",
            (Fitness::Away, ..) => "away, asked last",
            (Fitness::Ready, Participation::Standby, _) => "standby",
            (Fitness::Ready, ..) if node.doubtful => "ready, but doubtful",
            (Fitness::Ready, ..) if stranger => "ready, not in the view",
            (Fitness::Ready, _, Trust::Own) if gated => "own, ready, in the view",
            (Fitness::Ready, _, Trust::Own) => "own, ready",
            (Fitness::Ready, _, Trust::Friend) if gated => "a friend's, ready, in the view",
            (Fitness::Ready, _, Trust::Friend) => "a friend's, ready",
        }
    }
}
