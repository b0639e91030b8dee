//! What is known of one node, and how usable that makes it.
//!
//! Signals are folded into facts, and facts into a [`Tier`]. Three rules keep this honest:
//!
//! - *Only facts refuse.* The tier follows from what the node says of itself and from its head beside the others'.
//!   Everything softer (slow, often faulty, late with heads, no peers, only just back) makes it *doubtful*: it is asked
//!   later, never refused, and keeps its right to confirm, to contradict and to receive publications. So hysteresis
//!   can't cost a duty: a node that is the only good one is ready the moment its facts are good.
//! - *Absent is unknown, and unknown is never bad.* Nodes without `el_offline` or `is_optimistic` are not punished.
//! - *The clock alone makes nobody behind.* A head is compared with the heads of other nodes ([`Yardstick`]); if no node
//!   is ahead, the chain may simply have no blocks. A frozen head (its execution client was killed; the node still says
//!   synced) shows as soon as others have been ahead by more than [`MAX_HEAD_LAG`] slots for a third of a slot. The third
//!   is there because after some empty slots one block puts its first receiver far ahead for some hundred milliseconds.
//!
//! A node is away from the first failed probe, or the first refused connection, until anything succeeds. A refused
//! connection means that the program is gone, so all it said is void; a mere silence keeps its last words, so that one
//! lost probe costs nothing.

mod grey;
#[cfg(test)]
mod tests;

use crate::chain::{Epoch, Moment, Slot};
use crate::node::Tier;

use grey::Grey;

/// How many slots a node's head may be below the best and still count as ready.
///
/// Smaller would lose nodes at every late block; greater would let a frozen node vote for old heads.
pub const MAX_HEAD_LAG: u64 = 2;

/// How many slots below the head of a friend's node that stands alone a node is held to be behind.
///
/// One friend could lie, and so take our own nodes out, but only while the chain has no block at all for so long, which on a healthy network happens
/// less than once a year; an own node with a dead execution client is far more likely.
pub const LONE_FRIEND_LAG: u64 = 4;

/// For how many slots after a fault a node stays doubtful.
pub const DOUBT_SLOTS: u64 = 2;

/// What a node answered to `GET /eth/v1/node/syncing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syncing {
    /// Slot of its head.
    pub head_slot: Slot,
    /// How many slots it has still to sync, by its own reckoning.
    pub sync_distance: u64,
    /// It says it is syncing.
    pub is_syncing: bool,
    /// Its head is not verified by its execution client; `None` if the node does not say.
    pub is_optimistic: Option<bool>,
    /// Its execution client does not answer; `None` if the node does not say.
    pub el_offline: Option<bool>,
}

/// How a node's network compares with ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NetworkStanding {
    /// Not compared yet.
    #[default]
    Unknown,
    /// The same network and the same schedule.
    Same,
    /// The same network, but the node does not know this change of its rules. It is ready until the change's epoch; from
    /// then on it follows a chain that has ended.
    Lacks {
        /// The earliest change: `fork` and its name, or `blob limit`.
        change: String,
        /// The epoch it comes into force.
        epoch: Epoch,
        /// Everything else that it lacks, each in words.
        also: Vec<String>,
    },
    /// Another network, with every mismatch.
    Foreign(Vec<String>),
}

/// How one exchange with a node ended, whatever the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// It answered, with any status that is no fault of the node.
    Answered {
        /// From the request's first byte to the answer's head, in milliseconds.
        ms: u64,
    },
    /// It was dropped before its end, because it lost a race or its caller hung up: no sign of life at all.
    Outlasted {
        /// How long it had lasted, in milliseconds; the answer would have taken at least that.
        ms: u64,
    },
    /// A reset, a timeout, a 5xx, or an answer that could not be used.
    Faulted,
    /// Nothing listens there.
    Refused,
}

/// Why a probe of a node failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing listens there: its program is gone, and all it said is void.
    Refused,
    /// No usable answer came: a timeout, a reset, a fault.
    Silent,
}

/// The heads that a node's own head is measured against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Yardstick {
    /// The highest head that usable own nodes have had for a third of a slot.
    pub own: Option<Slot>,
    /// The same for friends' nodes, as far as two independent ones reach it.
    pub friends: Option<Slot>,
    /// The same for friends' nodes, as far as any one reaches it.
    pub any_friend: Option<Slot>,
}

/// One node's health.
#[derive(Clone, Debug, Default)]
pub struct Health {
    reach: Reach,
    standing: NetworkStanding,
    syncing: Option<Syncing>,
    optimistic: Option<bool>,
    el_offline: Option<bool>,
    head_slot: Option<Slot>,
    peers: Option<u64>,
    grey: Grey,
    was_ready: bool,
    doubted_until: Option<Moment>,
    doubts: Vec<&'static str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Reach {
    #[default]
    Untried,
    Answering,
    Lost(String),
}

impl Health {
    /// It answered the syncing probe.
    pub fn syncing(&mut self, said: Syncing) {
        self.reach = Reach::Answering;
        self.syncing = Some(said);
        // A word that is missing here may have come with a head event; it stays.
        self.optimistic = said.is_optimistic.or(self.optimistic);
        self.el_offline = said.el_offline.or(self.el_offline);
    }

    /// It did not answer the syncing probe.
    pub fn lost(&mut self, loss: Loss, reason: &str) {
        self.reach = Reach::Lost(reason.chars().take(200).collect());
        if loss == Loss::Refused {
            self.syncing = None;
            self.optimistic = None;
            self.el_offline = None;
            self.head_slot = None;
        }
    }

    /// An exchange with it ended. True if that changes what others see of it.
    pub fn exchanged(&mut self, exchange: Exchange) -> bool {
        let before = (self.hedge_after_ms(), self.grey.doubts().next().is_some());
        self.grey.exchanged(exchange);
        let after = (self.hedge_after_ms(), self.grey.doubts().next().is_some());
        let turned = match exchange {
            Exchange::Answered { .. } => self.alive(),
            Exchange::Refused => {
                // A probe knows the cause better (a certificate, say) than an exchange tells; its words stay.
                let reason = match &self.reach {
                    Reach::Lost(reason) => reason.clone(),
                    Reach::Untried | Reach::Answering => "no connection to it can be made".to_owned(),
                };
                self.lost(Loss::Refused, &reason);
                true
            }
            Exchange::Faulted | Exchange::Outlasted { .. } => false,
        };
        turned || before != after
    }

    /// Anything came from it. True if it was thought lost.
    pub fn alive(&mut self) -> bool {
        std::mem::replace(&mut self.reach, Reach::Answering) != Reach::Answering
    }

    /// Its head, as an event or a header says. `late` = others had the block long before; `None` = not measured.
    pub fn head(&mut self, slot: Slot, optimistic: Option<bool>, late: Option<bool>) {
        self.alive();
        self.head_slot = Some(slot);
        if let Some(said) = &mut self.syncing {
            // It went back: what the last probe said is over.
            said.head_slot = said.head_slot.min(slot);
        }
        self.optimistic = optimistic.or(self.optimistic);
        if let Some(late) = late {
            self.grey.head(late);
        }
    }

    /// Its event feed ended: what it said of its head may be old.
    pub fn feed_lost(&mut self) {
        self.head_slot = None;
    }

    /// How many peers it is connected to.
    pub fn peers(&mut self, connected: u64) {
        self.alive();
        self.peers = Some(connected);
    }

    /// How its network compares.
    pub fn compared(&mut self, standing: NetworkStanding) {
        self.standing = standing;
    }

    /// How its network compares, as last told.
    #[must_use]
    pub fn standing(&self) -> &NetworkStanding {
        &self.standing
    }

    /// What it last said of its syncing, unless it is gone.
    #[must_use]
    pub fn said(&self) -> Option<Syncing> {
        let said = self.syncing?;
        Some(Syncing { is_optimistic: self.optimistic, el_offline: self.el_offline, ..said })
    }

    /// The peers it last told of.
    #[must_use]
    pub fn connected(&self) -> Option<u64> {
        self.peers
    }

    /// The higher of what its last probe and its last head said: a probe may cross a newer event on the way.
    #[must_use]
    pub fn slot(&self) -> Option<Slot> {
        self.head_slot.max(self.syncing.map(|said| said.head_slot))
    }

    /// After so long without an answer, ask another too: see [`grey`].
    #[must_use]
    pub fn hedge_after_ms(&self) -> u64 {
        self.grey.hedge_after_ms()
    }

    /// Asked later than others, for the reasons in [`doubts`](Self::doubts).
    #[must_use]
    pub fn doubtful(&self) -> bool {
        self.doubted_until.is_some()
    }

    /// Why it is doubtful.
    #[must_use]
    pub fn doubts(&self) -> &[&'static str] {
        &self.doubts
    }

    /// Ready by its own word, whatever its head is beside others'. The same as [`tier`](Self::tier), without words.
    #[must_use]
    pub fn usable(&self, epoch: Epoch) -> bool {
        let at_fault =
            |said: Syncing| said.is_syncing || said.el_offline == Some(true) || said.is_optimistic == Some(true);
        let network = match &self.standing {
            NetworkStanding::Same => true,
            NetworkStanding::Lacks { epoch: from, .. } => *from > epoch,
            NetworkStanding::Unknown | NetworkStanding::Foreign(_) => false,
        };
        network && self.reach == Reach::Answering && self.said().is_some_and(|said| !at_fault(said))
    }

    /// Its tier in the given epoch, and why it has it. A ready node has a reason only if it lacks a fork to come.
    #[must_use]
    pub fn tier(&self, yardstick: Yardstick, epoch: Epoch) -> (Tier, Vec<String>) {
        match (&self.standing, &self.reach) {
            (NetworkStanding::Foreign(reasons), _) => return (Tier::Foreign, reasons.clone()),
            (_, Reach::Lost(reason)) => return (Tier::Away, vec![reason.clone()]),
            (_, Reach::Untried) => return (Tier::Away, vec!["it has not answered yet".into()]),
            (NetworkStanding::Unknown, _) => return (Tier::Away, vec!["its network is not known yet".into()]),
            (NetworkStanding::Same | NetworkStanding::Lacks { .. }, Reach::Answering) => {}
        }
        let Some(said) = self.said() else {
            return (Tier::Away, vec!["it has not said whether it is synced".into()]);
        };
        if said.is_syncing {
            return (Tier::Syncing, vec![format!("it is syncing, {} slots to go", said.sync_distance)]);
        }
        let mut reasons = Vec::new();
        if said.el_offline == Some(true) {
            reasons.push("its execution client is offline".into());
        }
        if said.is_optimistic == Some(true) {
            reasons.push("its execution client has not verified its head".into());
        }
        if !reasons.is_empty() {
            return (Tier::Optimistic, reasons);
        }
        let lacks = match &self.standing {
            NetworkStanding::Lacks { change, epoch, also } => Some((change, *epoch, also)),
            _ => None,
        };
        if let Some((change, from, also)) = lacks.filter(|(_, from, _)| *from <= epoch) {
            reasons.push(format!("it does not know the {change}, in force since epoch {from}"));
            reasons.extend_from_slice(also);
        }
        if let Some((best, lag)) = self.lag(yardstick) {
            reasons.push(format!("its head is {lag} slots below slot {best}"));
        }
        if !reasons.is_empty() {
            return (Tier::Behind, reasons);
        }
        if let Some((change, from, also)) = lacks {
            reasons.push(format!("not ready for {change} at epoch {from}"));
            reasons.extend_from_slice(also);
        }
        (Tier::Ready, reasons)
    }

    /// Counts doubts afresh. To be called after every signal and every tick, with the tier that came out.
    pub fn weigh(&mut self, tier: Tier, now: Moment, slot_ms: u64) {
        let mut doubts: Vec<&'static str> = self.grey.doubts().collect();
        if self.peers == Some(0) {
            doubts.push("it has no peers");
        }
        if self.was_ready && tier != Tier::Ready {
            doubts.push("it was not ready just now");
        }
        self.was_ready |= tier == Tier::Ready;
        if !doubts.is_empty() {
            self.doubted_until = Some(now.plus(DOUBT_SLOTS * slot_ms));
            self.doubts = doubts;
        } else if self.doubted_until.is_some_and(|until| until <= now) {
            self.doubted_until = None;
            self.doubts.clear();
        }
    }

    fn lag(&self, yardstick: Yardstick) -> Option<(Slot, u64)> {
        let slot = self.slot()?;
        let Yardstick { own, friends, any_friend } = yardstick;
        let best = [(own, MAX_HEAD_LAG), (friends, MAX_HEAD_LAG), (any_friend, LONE_FRIEND_LAG)];
        let ahead = best.into_iter().filter_map(|(best, allowed)| {
            let lag = best?.0.saturating_sub(slot.0);
            (lag > allowed).then_some((best?, lag))
        });
        ahead.max()
    }
}
