//! Agreement on source and target: who is independent of whom, what contradicts what, and what follows.
//!
//! A wrong head vote costs a trifle; a wrong source or target can make a wrong chain final, and binds the keys to it. So
//! the pair of both must not be what one faulty implementation says against others. Two nodes are *independent* if their
//! consensus families differ and their known execution families do; an unknown execution family says nothing, an unknown
//! consensus family is one more family. Two friends of one operator are one voice, and friends without an operator are
//! friends of one.
//!
//! For a candidate P, what another node says with another pair:
//!
//! | its head | counts as |
//! |---|---|
//! | is on P's chain, below or above it | silent: one of the two is late |
//! | is on another branch, which parted less than two slots ago | silent: a reorg settling |
//! | is on another branch, but from before the parting | silent: stuck on a block that was left |
//! | is on another branch, and moved there | contradicts, however far behind |
//! | is P's own, or one that nobody can place | contradicts: there is no innocent explanation |
//!
//! A head that no node had told before the question came is placed where its node last was. Whoever does not answer is
//! silent.
//!
//! A friend's word can confirm. It contradicts only together with an own node, or a friend of another operator, as long as
//! an own node that is ready has its say; otherwise friends decide.
//!
//! A pair is *confirmed* when as many independent nodes say it as the configuration asks for, or did so before in this
//! epoch. It is *contradicted* when another pair has as many independent ones or more, or any while it is not confirmed,
//! and one of them is independent of one of its own. Nodes of one family alone contradict nothing: they are told apart by
//! the view, with an alarm.
//!
//! Cost: sets of independent nodes are searched exactly. There are no more different voices than families and operators,
//! and the search is cut at [`VOICES`] of them; beyond, the rest counts for nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chain::{Root, Slot};
use crate::family::{ConsensusFamily, ExecutionFamily};
use crate::node::{Branch, NodeId, Profile, Snapshot, Stand, Tier, Trust};

pub mod agreement;
#[cfg(test)]
pub(crate) mod tests;

pub use agreement::Agreement;

/// A branch that parted so many slots ago may still be a reorg on its way to all nodes.
const SETTLING_SLOTS: u64 = 2;

/// Different voices among which independent ones are searched. Ten consensus families are known, and a set holds each
/// once, so more than this never helped anybody.
const VOICES: usize = 24;

/// How many independent nodes must say the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quorum {
    /// Two, or one where there are no two.
    #[default]
    Auto,
    /// As many as there can be with the configured nodes.
    All,
    /// This many, or as many as there can be if these are fewer.
    Of(usize),
}

/// What becomes of a pair that is contradicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDisagreement {
    /// Nothing is served.
    #[default]
    Halt,
    /// What more independent nodes say is served, then what more nodes say; nothing in a tie.
    Majority,
    /// The best answer is served as if nobody contradicted.
    Warn,
}

/// What the configuration says (`[attestation]`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How many must agree.
    pub quorum: Quorum,
    /// What happens when they don't.
    pub on_disagreement: OnDisagreement,
}

/// One node as a voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Who.
    pub node: NodeId,
    /// Whose.
    pub trust: Trust,
    /// An own node that was ready: while one has its say, friends' words move nothing alone.
    pub decides: bool,
    /// Who runs it, if it is a friend's.
    pub operator: Option<Arc<str>>,
    /// Its consensus client.
    pub consensus: ConsensusFamily,
    /// Its execution client.
    pub execution: ExecutionFamily,
}

/// What one node says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// Who.
    pub node: NodeId,
    /// Source and target, as one root.
    pub pair: Root,
    /// The head it votes for.
    pub head: Root,
}

/// How a pair stands, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Others that are as strong say another.
    Contradicted,
    /// Too few say it, and nobody another.
    Unconfirmed,
    /// Enough say it, or did in this epoch.
    Confirmed,
}

/// What is thought of one ballot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// How its pair stands.
    pub standing: Standing,
    /// How many independent nodes say its pair, and how many nodes.
    pub support: (usize, usize),
    /// Who says another pair and is not just late.
    pub against: Vec<NodeId>,
    /// One of them has a word that weighs.
    pub opposed: bool,
    /// It must not be served.
    pub withheld: bool,
}

/// Those who may speak, and by what they are judged; the same for a whole race.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Council {
    /// The nodes.
    pub voices: Vec<Voice>,
    /// What the nodes' heads were when the question came.
    pub snapshot: Arc<Snapshot>,
    /// The slot of the clock.
    pub slot: Slot,
    /// How many must agree.
    pub needed: usize,
    /// What happens when they don't.
    pub on_disagreement: OnDisagreement,
    /// The pair that was confirmed before in this epoch.
    pub agreed: Option<Root>,
}

/// Where a ballot stands beside the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On the view's chain, or so it was a moment ago.
    Line { slot: Slot },
    /// On another branch.
    Apart { parted: Slot, slot: Slot },
    /// Nobody knows.
    Nowhere,
}

// === impl Voice ===

impl Voice {
    /// The voice of a node.
    #[must_use]
    pub fn of(profile: &Profile, tier: Tier) -> Self {
        Self {
            node: profile.id,
            trust: profile.trust,
            decides: profile.trust == Trust::Own && tier == Tier::Ready,
            operator: profile.operator.clone(),
            consensus: profile.consensus,
            execution: profile.execution,
        }
    }

    /// Would one bug, or one person, have to be in both?
    #[must_use]
    pub fn independent_of(&self, other: &Self) -> bool {
        let unknown = ExecutionFamily::Unknown;
        let execution = self.execution != other.execution || self.execution == unknown || other.execution == unknown;
        self.consensus != other.consensus && execution && !self.same_friend(other)
    }

    fn same_friend(&self, other: &Self) -> bool {
        self.trust == Trust::Friend && other.trust == Trust::Friend && self.operator == other.operator
    }

    /// Nothing tells these two apart.
    fn alike(&self, other: &Self) -> bool {
        (self.trust, &self.operator, self.consensus, self.execution)
            == (other.trust, &other.operator, other.consensus, other.execution)
    }
}

/// The size of the greatest set of these in which everybody is independent of everybody.
#[must_use]
pub fn greatest_independent<'a>(voices: impl Iterator<Item = &'a Voice>) -> usize {
    let mut distinct: Vec<&Voice> = Vec::new();
    for voice in voices {
        if distinct.len() < VOICES && !distinct.iter().any(|it| it.alike(voice)) {
            distinct.push(voice);
        }
    }
    let mut best = 0;
    grow(&mut Vec::new(), &distinct, &mut best);
    best
}

fn grow<'a>(chosen: &mut Vec<&'a Voice>, rest: &[&'a Voice], best: &mut usize) {
    *best = (*best).max(chosen.len());
    let families: BTreeSet<ConsensusFamily> = rest.iter().map(|voice| voice.consensus).collect();
    if chosen.len() + families.len() <= *best {
        return;
    }
    let Some((first, rest)) = rest.split_first() else { return };
    let fitting: Vec<&Voice> = rest.iter().copied().filter(|voice| voice.independent_of(first)).collect();
    chosen.push(first);
    grow(chosen, &fitting, best);
    chosen.pop();
    grow(chosen, rest, best);
}

// === impl Settings, Council ===

impl Settings {
    /// How many of the configured nodes must agree.
    #[must_use]
    pub fn needed<'a>(&self, configured: impl Iterator<Item = &'a Voice>) -> usize {
        let most = greatest_independent(configured);
        match self.quorum {
            Quorum::Auto => most.min(2),
            Quorum::All => most,
            Quorum::Of(wanted) => most.min(wanted),
        }
    }
}

impl Council {
    /// What is thought of each ballot, in their order; `own` = an own node that was ready has, or may still have, its say.
    #[must_use]
    pub fn weigh(&self, ballots: &[Ballot], own: bool) -> Vec<Opinion> {
        ballots.iter().map(|candidate| self.opinion(candidate, ballots, own)).collect()
    }

    /// A node's voice.
    #[must_use]
    pub fn voice(&self, node: NodeId) -> Option<&Voice> {
        self.voices.iter().find(|voice| voice.node == node)
    }

    fn opinion(&self, candidate: &Ballot, ballots: &[Ballot], own: bool) -> Opinion {
        let for_it: Vec<&Voice> = self.voices_of(ballots.iter().filter(|ballot| ballot.pair == candidate.pair));
        let heard = self.strength(&for_it, own);
        let before = if self.agreed == Some(candidate.pair) { self.needed } else { 0 };
        let support = (heard.0.max(before), heard.1);
        let against: Vec<&Ballot> =
            ballots.iter().filter(|other| other.pair != candidate.pair && !self.silent(candidate, other)).collect();
        let pairs: BTreeSet<Root> = against.iter().map(|ballot| ballot.pair).collect();
        let (mut contradicted, mut outvoted, mut opposed) = (false, false, false);
        for pair in pairs {
            let others = self.voices_of(against.iter().copied().filter(|ballot| ballot.pair == pair));
            let strength = self.strength(&others, own);
            let apart = others.iter().any(|other| for_it.iter().any(|voice| voice.independent_of(other)));
            opposed |= strength.0 > 0;
            if strength.0 > 0 && apart {
                contradicted |= strength.0 >= support.0 || support.0 < self.needed;
                outvoted |= strength >= support;
            }
        }
        let standing = match contradicted {
            true => Standing::Contradicted,
            false if support.0 >= self.needed => Standing::Confirmed,
            false => Standing::Unconfirmed,
        };
        let withheld = contradicted
            && match self.on_disagreement {
                OnDisagreement::Halt => true,
                OnDisagreement::Majority => outvoted,
                OnDisagreement::Warn => false,
            };
        let against = against.into_iter().map(|ballot| ballot.node).collect();
        Opinion { standing, support, against, opposed, withheld }
    }

    fn voices_of<'a>(&self, ballots: impl Iterator<Item = &'a Ballot>) -> Vec<&Voice> {
        ballots.filter_map(|ballot| self.voice(ballot.node)).collect()
    }

    /// Independent ones, and nodes. A single friend's word weighs nothing while an own node has its say.
    fn strength(&self, voices: &[&Voice], own: bool) -> (usize, usize) {
        let operators: BTreeSet<&Option<Arc<str>>> = voices.iter().map(|voice| &voice.operator).collect();
        let friends_only = voices.iter().all(|voice| voice.trust == Trust::Friend);
        if own && friends_only && operators.len() < 2 {
            return (0, 0);
        }
        (greatest_independent(voices.iter().copied()), voices.len())
    }

    /// Does this other ballot, with another pair, say nothing against the candidate?
    fn silent(&self, candidate: &Ballot, other: &Ballot) -> bool {
        if candidate.head == other.head {
            return false;
        }
        let settling = |parted: Slot| self.slot.0 < parted.0.saturating_add(SETTLING_SLOTS);
        match (self.place(candidate), self.place(other)) {
            (Place::Line { .. }, Place::Line { .. }) => true,
            (Place::Line { .. }, Place::Apart { parted, slot }) => settling(parted) || slot < parted,
            (Place::Apart { parted, .. }, Place::Line { slot }) => settling(parted) || slot < parted,
            (Place::Apart { parted: one, .. }, Place::Apart { parted, slot }) => {
                settling(one.max(parted)) || slot < parted
            }
            (Place::Nowhere, _) | (_, Place::Nowhere) => false,
        }
    }

    fn place(&self, ballot: &Ballot) -> Place {
        if let Some(place) = self.told(ballot.head) {
            return place;
        }
        // Told by nobody yet, so it came this moment: it is where its node was, and has moved.
        let node = self.snapshot.node(ballot.node);
        match node.and_then(|node| node.head).and_then(|(_, head)| self.told(head)) {
            Some(Place::Line { slot }) => Place::Line { slot: slot.max(self.slot) },
            Some(Place::Apart { parted, slot }) => Place::Apart { parted, slot: slot.max(self.slot) },
            Some(Place::Nowhere) | None => Place::Nowhere,
        }
    }

    fn told(&self, head: Root) -> Option<Place> {
        let view = self.snapshot.view.as_ref()?;
        if view.root == head {
            return Some(Place::Line { slot: view.slot });
        }
        let Branch { slot, stand } = *self.snapshot.branches.get(&head)?;
        Some(match stand {
            Stand::Ahead | Stand::Late | Stand::Settling => Place::Line { slot },
            Stand::Apart { parted } => Place::Apart { parted, slot },
            Stand::Unknown => Place::Nowhere,
        })
    }
}
