//! The sentinel: do two validator clients sign with one key?
//!
//! The guard refuses what contradicts a message that went out. But two clients with the same keys often sign the same
//! thing, or take turns while one restarts, and nothing contradicts until the day it does. The sentinel watches who
//! publishes and raises an alarm; it never refuses.
//!
//! Three signs:
//!
//! - A message was refused because of one that went out: whoever sent the two is named.
//! - Turns: caller A alone sends a message, then B alone another, then A alone a third, within two epochs. One change is a
//!   client that was moved; there and back again is two that run. Callers that send the *same* messages, as the operators
//!   of a cluster do, are not taking turns, whoever comes first.
//! - Two different sync committee messages of one slot. They cannot be slashed, so they go out both.
//!
//! A caller is told by its grant, else by address and User-Agent, so a client that changes its address and returns looks
//! like two. The alarm says what was seen and leaves the judgement to the owner.
//!
//! Bounds: a few messages of each of [`MOST_WATCHED`] validators; when there are more, those not heard of for two epochs
//! are forgotten, at most once an epoch, and a new one that finds no room is not watched. It is guarded all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::{Epoch, Root, Slot};
use crate::duty::Alarm;
use crate::signed::SyncMessage;
use crate::slashing::{Conflict, Decision, Deed, Named, Record, Validator, Window};

#[cfg(test)]
mod tests;

/// Validators that are watched.
pub const MOST_WATCHED: usize = 16_384;

/// Messages of one validator that are remembered: two epochs have two votes, a block or two, and room for turns.
const RECENT: usize = 6;

/// Callers of one message that are remembered.
const CALLERS: usize = 8;

/// Within so many epochs callers that alternate are taking turns.
const TURN_EPOCHS: u64 = 2;

/// One message that an own caller wants to publish.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// Who sends it.
    pub caller: &'a Arc<str>,
    /// What it is.
    pub record: Record,
    /// The head that a vote names; a block is told by its signature alone.
    pub head: Option<Root>,
    /// What was decided of it.
    pub decision: Decision,
}

/// Who signs for whom; see the module.
#[derive(Debug, Default)]
pub struct Sentinel {
    watched: BTreeMap<Validator, Watched>,
    /// When room was last made.
    tidied: Option<Epoch>,
}

/// What is remembered of one validator.
#[derive(Debug, Default)]
struct Watched {
    /// The last messages, in the order in which they first came.
    recent: Vec<Seen>,
    /// The last sync committee message, and who sent it.
    sync: Option<(SyncMessage, Arc<str>)>,
    /// When anything last came.
    last: Slot,
}

/// One message, and all who sent it.
#[derive(Debug)]
struct Seen {
    record: Record,
    head: Option<Root>,
    callers: Vec<Arc<str>>,
    at: Slot,
}

/// Who published for a validator last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSigner {
    /// For whom.
    pub validator: Validator,
    /// The caller.
    pub caller: Arc<str>,
    /// The message.
    pub deed: Deed,
    /// When it came.
    pub at: Slot,
}

impl Sentinel {
    /// Takes note of a message that was judged. What is outside the window says nothing, and is not noted.
    pub fn saw(&mut self, sighting: &Sighting<'_>, window: &Window) -> Option<Alarm> {
        let conflict = match &sighting.decision {
            Decision::Refused(Conflict::OutsideWindow | Conflict::TooManyValidators) => return None,
            Decision::Refused(conflict) => Some(conflict),
            Decision::New | Decision::Known => None,
        };
        let watched = self.watch(sighting.record.validator, window)?;
        match conflict {
            Some(conflict) => Some(watched.conflict(sighting, conflict)),
            None => watched.note(sighting, window),
        }
    }

    /// Takes note of a sync committee message.
    pub fn saw_sync(&mut self, caller: &Arc<str>, message: &SyncMessage, window: &Window) -> Option<Alarm> {
        let watched = self.watch(message.validator, window)?;
        let new = (*message, Arc::clone(caller));
        let (old, before) = watched.sync.replace(new)?;
        let differs = old.slot == message.slot && old.signature != message.signature;
        differs.then(|| Alarm {
            sort: "two_sync_messages",
            message: format!(
                "validator {} signed two sync committee messages in slot {}: for head {} sent by {before}, for head {} \
                 sent by {caller}; two validator clients may be running with this key",
                message.validator.0, message.slot, old.beacon_block_root, message.beacon_block_root,
            ),
        })
    }

    /// Who published for whom last, by validator.
    pub fn last_signers(&self) -> impl Iterator<Item = LastSigner> + '_ {
        self.watched.iter().filter_map(|(validator, watched)| {
            let seen = watched.recent.last()?;
            let caller = Arc::clone(seen.callers.last()?);
            Some(LastSigner { validator: *validator, caller, deed: seen.record.deed, at: seen.at })
        })
    }

    /// The place of a validator, if it has one or there is room.
    fn watch(&mut self, validator: Validator, window: &Window) -> Option<&mut Watched> {
        if !self.watched.contains_key(&validator) && self.watched.len() >= MOST_WATCHED {
            self.make_room(window);
            if self.watched.len() >= MOST_WATCHED {
                return None;
            }
        }
        let watched = self.watched.entry(validator).or_default();
        watched.last = window.now;
        Some(watched)
    }

    fn make_room(&mut self, window: &Window) {
        if self.tidied != Some(window.epoch()) {
            self.tidied = Some(window.epoch());
            let oldest = oldest_turn(window);
            self.watched.retain(|_, watched| oldest <= watched.last);
        }
    }
}

impl Watched {
    /// A message that may go out: a new one, or one more sender of one that is known.
    fn note(&mut self, sighting: &Sighting<'_>, window: &Window) -> Option<Alarm> {
        let Sighting { caller, record, head, decision } = *sighting;
        if let Some(seen) = self.recent.iter_mut().rev().find(|seen| seen.record == record) {
            if seen.callers.len() < CALLERS && !seen.callers.contains(caller) {
                seen.callers.push(Arc::clone(caller));
            }
            return None;
        }
        // A retry of what is forgotten here tells nothing of who signs now.
        if decision == Decision::Known {
            return None;
        }
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        self.recent.push(Seen { record, head, callers: vec![Arc::clone(caller)], at: window.now });
        let (first, other) = self.turns(caller, window)?;
        let alarm = Alarm {
            sort: "alternating_callers",
            message: format!(
                "two callers take turns in signing for validator {}: {caller} sent {}, then {} sent {}, then {caller} \
                 sent {} in slot {}; make sure that only one validator client runs with this key",
                record.validator.0,
                first.told(),
                other.callers.first()?,
                other.told(),
                self.recent.last()?.told(),
                window.now,
            ),
        };
        // The next alarm takes another there and back again.
        self.recent.drain(..self.recent.len() - 1);
        Some(alarm)
    }

    /// The two messages before the last, which `caller` alone sent, that make turns with it.
    fn turns(&self, caller: &Arc<str>, window: &Window) -> Option<(&Seen, &Seen)> {
        let oldest = oldest_turn(window);
        let (_, before) = self.recent.split_last()?;
        let before = before.iter().enumerate().filter(|(_, seen)| oldest <= seen.at);
        before.clone().rev().find_map(|(place, other)| {
            let foreign = other.callers.iter().find(|_| !other.callers.contains(caller))?;
            let mut earlier = before.clone().take_while(|(at, _)| *at < place);
            let alone = |seen: &Seen| seen.callers.contains(caller) && !seen.callers.contains(foreign);
            earlier.find(|(_, seen)| alone(seen)).map(|(_, first)| (first, other))
        })
    }

    fn conflict(&self, sighting: &Sighting<'_>, conflict: &Conflict) -> Alarm {
        let Sighting { caller, record, head, .. } = *sighting;
        let rival = match conflict {
            Conflict::DoubleProposal(rival)
            | Conflict::DoubleVote(rival)
            | Conflict::Surrounds(rival)
            | Conflict::Surrounded(rival) => self.recent.iter().find(|seen| seen.record == *rival),
            _ => None,
        };
        let before = match rival {
            Some(seen) => {
                format!("{} sent {} in slot {}", seen.callers.join(" and "), seen.told(), seen.at)
            }
            None => "what it contradicts came before our last start, or from an import".to_owned(),
        };
        let message = format!(
            "a message of validator {} was refused because {conflict}: {caller} sent {}; {before}; make sure that only \
             one validator client runs with this key",
            record.validator.0,
            told(&record, head),
        );
        Alarm { sort: "conflicting_message", message }
    }
}

impl Seen {
    fn told(&self) -> String {
        told(&self.record, self.head)
    }
}

/// A message in words, with what tells it from another of the same duty.
fn told(record: &Record, head: Option<Root>) -> String {
    match (head, record.named) {
        (Some(head), _) => format!("a {} for head {head}", record.deed),
        (None, Named::Signature(hash)) => format!("a {} with signature hash {hash}", record.deed),
        (None, _) => format!("a {}", record.deed),
    }
}

/// The first slot that is close enough for turns.
fn oldest_turn(window: &Window) -> Slot {
    window.now.back(TURN_EPOCHS.saturating_mul(window.clock.slots_per_epoch))
}
