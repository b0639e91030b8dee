//! The plan: who is asked, in which order and in which manner, from one picture of all nodes.
//!
//! Caution orders nodes, it refuses hardly any: only a foreign node is never asked, nor a friend's node before its
//! network was compared with ours (it may be foreign), and a publish-only one never reads, for that is what its owner
//! agreed to. Everybody else stands somewhere in the list, those that are away at its end.
//!
//! The order of reads, each line deciding only among what the lines before left equal:
//!
//! 1. Ready; ready but cordoned; behind; optimistic; syncing; away. A cordoned node answers better than one that is not
//!    ready, so a duty is done by it rather than lost.
//! 2. Full before standby.
//! 3. For reads that gate a signature: the view's members, then the others. A vote for another head than the one we told
//!    the VC is a last resort, but it is one.
//! 4. Own before friends: while an own node is ready, a friend's word does not lead.
//!    Where it may harm ([`Question::friends_last`]), and for reads that gate a signature if it is not in the view, it is
//!    not even asked: it is held in reserve until every ready own node has failed.
//! 5. Doubtful ones last.
//! 6. The view's leader, then the configured order. Latency is left out on purpose: it would flap, and the hedge already
//!    pays for a slow node.
//!
//! Publications go to every node but foreign ones, standing submissions to those that may be asked to do duties. A
//! standby gets standing submissions only while no full node is ready.
//!
//! A peer is served by own nodes alone, publications included: a friend did not lend his node to our peers, and two
//! Rangelights that are each other's friends would pass a message round for ever.
//!
//! The modes:
//!
//! - Guarded is all of the above.
//! - Pass-through knows no view, no scores and no confirmed refusals: nodes in configured order, next on a fault. Cordoned
//!   and standby nodes still come later, because a person said so, and so do nodes that are away, because a failover that
//!   begins with a dead node is none. A publication goes to the next node only on a fault. Standing submissions still go
//!   to all: a node that we fail over to without them would pay a stranger.
//! - Observe asks the first own node and takes its word, and asks the rest only when it has none, in the guarded order,
//!   so that trying Rangelight never costs a duty. If that node is away, the guarded order stands. Publications and
//!   standing submissions are broadcast as ever, and the first own node's answer is shown. What guarded mode would have
//!   asked is in [`Plan::would_ask`].
//!
//! A write that no row lists goes once to one node in every mode, because what it does is not known.

use std::time::Duration;

use super::agree;
use super::best::{Resort, Terms};
use super::failover::{Pace, Rules};
use super::{Agree, Best, Broadcast, Candidate, Failover, Gather, Race, Score, broadcast, gather};
use crate::node::{NodeId, NodeState, Snapshot, Tier, Trust};
use picture::Picture;

mod order;
mod picture;
#[cfg(test)]
mod tests;

/// The body size above which friends are held back from a publication. Attestations, aggregates and blocks without blobs
/// stay below it; what is above takes a home's uplink a good part of a second for each node.
pub const BIG_BODY: u64 = 256 * 1024;

/// The shortest hedge. A node that usually answers faster is still not overdue before: the gain would be less than the
/// noise of one busy scheduler, at the price of twice the requests.
pub const SHORTEST_HEDGE: Duration = Duration::from_millis(20);

/// What is asked, as far as the plan has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The sort of operation.
    pub kind: Kind,
    /// It gates a signature, so it follows the view.
    pub view: bool,
    /// A friend's answer could harm the caller, so friends are asked only when no own node is ready.
    pub friends_last: bool,
    /// Only the block guard may let a friend's answer pass, so where it is not in force friends are not asked at all.
    pub guarded_friends: bool,
    /// When the next node is asked while one is silent; of reads only.
    pub pace: Pace,
    /// No hedge before this: large answers, asked for twice, cost more than they save.
    pub hedge_no_sooner: Duration,
    /// The score from which an answer ends the race at once; of reads only.
    pub enough: Score,
    /// By when the caller has an answer.
    pub deadline: Duration,
    /// Length of the request's body.
    pub body_bytes: u64,
}

/// The sorts of operation that are asked differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A signed message.
    Publication,
    /// A read that a row lists.
    Read,
    /// Something a node must be told again after a restart.
    Standing,
    /// A GET or HEAD that no row lists.
    UnlistedRead,
    /// Any other method on a path that no row lists.
    UnlistedWrite,
}

/// How much of the policy is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All of it.
    Guarded,
    /// Judged and recorded; the first own node's answers are served.
    Observe,
    /// Failover alone.
    PassThrough,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// A VC on an own listener.
    Own,
    /// Somebody with a grant.
    Peer,
}

/// Who is asked and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In which manner.
    pub conduct: Conduct,
    /// Everyone who may be asked, in order. A broadcast asks all of them, a failover as many as it needs.
    pub ask: Vec<Candidate>,
    /// While observing: whom guarded mode would have asked, in order. Empty in the other modes.
    pub would_ask: Vec<Candidate>,
}

/// The manner of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// All own nodes at once; what independent families agree on.
    Agree(agree::Terms),
    /// All own nodes at once; the best answer within its terms.
    Best(Terms),
    /// The same, with answers that are taken only for want of anything better.
    BestOrResort(Terms, Resort),
    /// All; the first good acceptance answers.
    Broadcast(broadcast::Terms),
    /// One after the other.
    Failover(Rules),
    /// All that count; one answer made of what they say.
    Gather(gather::Terms),
    /// Nobody.
    Refuse(NotAsked),
}

/// Why nobody is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// No configured node may take this request: there is none, or all are foreign, not compared yet, publish-only
    /// or, for a peer, not ours.
    #[error("no configured node may be asked this")]
    NoNode,
    /// A peer may write only what a row lists.
    #[error("this path is not offered to peers")]
    NotForPeers,
}

/// Decides who is asked.
#[must_use]
pub fn plan(question: &Question, snapshot: &Snapshot, mode: Mode, caller: CallerKind) -> Plan {
    if question.kind == Kind::UnlistedWrite && caller == CallerKind::Peer {
        return Plan::refused(NotAsked::NotForPeers);
    }
    let nodes: Vec<(usize, &NodeState)> = snapshot
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.tier != Tier::Foreign && (node.compared || node.profile.trust == Trust::Own))
        .filter(|(_, node)| caller == CallerKind::Own || node.profile.trust == Trust::Own)
        .collect();
    let picture = Picture { question, snapshot, nodes };
    let mut plan = match question.kind {
        Kind::Publication => picture.publication(mode),
        Kind::Read | Kind::UnlistedRead => picture.read(mode),
        Kind::Standing => picture.standing(mode),
        Kind::UnlistedWrite => picture.unlisted_write(mode),
    };
    if question.guarded_friends && mode != Mode::Guarded {
        plan.ask.retain(|one| one.trust == Trust::Own);
    }
    if plan.ask.is_empty() { Plan::refused(NotAsked::NoNode) } else { plan }
}

impl Plan {
    /// The race that follows the plan; `None` if nobody is asked.
    #[must_use]
    pub fn race(&self) -> Option<Box<dyn Race>> {
        match &self.conduct {
            Conduct::Broadcast(terms) => {
                let nodes: Vec<NodeId> = self.ask.iter().map(|candidate| candidate.node).collect();
                Some(Box::new(Broadcast::new(&nodes, terms.clone())))
            }
            Conduct::Agree(terms) => Some(Box::new(Agree::new(&self.ask, terms.clone()))),
            Conduct::Best(terms) => Some(Box::new(Best::new(&self.ask, terms.clone()))),
            Conduct::BestOrResort(terms, resort) => {
                Some(Box::new(Best::new(&self.ask, terms.clone()).resorting(*resort)))
            }
            Conduct::Gather(terms) => Some(Box::new(Gather::new(&self.ask, terms.clone()))),
            Conduct::Failover(rules) => Some(Box::new(Failover::new(self.ask.clone(), rules.clone()))),
            Conduct::Refuse(_) => None,
        }
    }

    fn refused(why: NotAsked) -> Self {
        Self { conduct: Conduct::Refuse(why), ask: Vec::new(), would_ask: Vec::new() }
    }
}
