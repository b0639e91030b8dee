//! Which node needs what again, and when.
//!
//! A node is told what it lacks by its marks ([`super::memory`]), and preparations again in the middle of each epoch,
//! because nodes let them lapse.
//!
//! One request at a time and node, the most needed kind first, [`BATCH`] items in each. What fails is told again after a
//! second, then two, four, up to [`RETRY_MS`]; at once when the node becomes ready. A node that refuses what it is told
//! (4xx: no such route, no builder) is left alone with it until something changes; preparations are told on, because
//! nothing stands in for them. Registrations count as refused by a 500 too: a node without a builder answers so.
//!
//! Who gets standing submissions at all is not decided here but by the plan, as for those that come from the validator
//! client; a friend's node gets no registrations while an own one can.

use std::sync::Arc;

use super::memory::Memory;
use super::read::{Item, Key};
use super::{Form, Kind, Register, Sight, Span};
use crate::chain::{Clock, Moment, Slot};
use crate::node::{NodeId, Trust};

/// Items in one request. Registrations are checked one by one, which takes a small machine milliseconds each.
pub(super) const BATCH: usize = 500;

/// The longest pause before a failed replay is repeated.
pub(super) const RETRY_MS: u64 = 30_000;

/// The first pause.
const FIRST_RETRY_MS: u64 = 1_000;

/// One request to one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// To which node.
    pub node: NodeId,
    /// What is told.
    pub kind: Kind,
    /// In which form.
    pub form: Form,
    /// `Eth-Consensus-Version` to send with it.
    pub version: Option<Arc<str>>,
    /// The list.
    pub body: Vec<u8>,
    /// How many items it has.
    pub items: usize,
    life: u64,
    upto: u64,
}

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// 2xx.
    Taken,
    /// Any other status.
    Refused {
        /// The status.
        status: u16,
    },
    /// No answer.
    Unanswered,
}

// === impl Register ===

impl Register {
    /// Notes how the nodes stand; those that are not named are forgotten.
    pub fn see(&mut self, sights: &[Sight<'_>], clock: Option<&Clock>, now: Moment) {
        self.nodes.retain(|node, _| sights.iter().any(|sight| sight.node == *node));
        let slot_ms = clock.map_or(0, |clock| clock.slot_ms);
        for sight in sights {
            match self.nodes.get_mut(&sight.node) {
                Some(memory) => memory.see(sight, slot_ms, now),
                None => _ = self.nodes.insert(sight.node, Memory::new(sight)),
            }
        }
        let Some(clock) = clock else { return };
        self.prune(clock, now);
        let Some(slot) = clock.slot(now) else { return };
        let middle = slot.0.saturating_add(clock.slots_per_epoch / 2) / clock.slots_per_epoch;
        if self.refreshed.replace(middle).is_some_and(|before| before != middle) {
            for memory in self.nodes.values_mut() {
                memory.marks[Kind::Preparations as usize].again = Some(0);
            }
        }
    }

    /// The requests to make now, at most one per node. Each is to be followed by [`ended`](Self::ended).
    pub fn due(&mut self, now: Moment) -> Vec<Replay> {
        let own = self.nodes.values().any(|memory| memory.trust == Trust::Own && memory.may_be_told());
        let mut due = Vec::new();
        for (node, memory) in &mut self.nodes {
            if !memory.may_be_told() || memory.busy.is_some() || now < memory.pause {
                continue;
            }
            let registers = memory.trust == Trust::Own || !own;
            for kind in Kind::ALL.into_iter().filter(|kind| registers || *kind != Kind::Registrations) {
                let (shelf, mark) = (&self.shelves[kind as usize], &mut memory.marks[kind as usize]);
                if now < mark.pause {
                    continue;
                }
                let lacks = shelf.after(mark.has).next().is_some();
                let from = if lacks { mark.has } else { mark.again.unwrap_or(self.count) };
                let Some(replay) = Replay::of(*node, kind, memory.life, shelf.after(from)) else {
                    mark.again = None;
                    continue;
                };
                memory.busy = Some(kind);
                memory.began.get_or_insert(now);
                due.push(replay);
                break;
            }
        }
        due
    }

    /// A replay ended. True if the node has the items now.
    pub fn ended(&mut self, replay: &Replay, how: Replayed, now: Moment) -> bool {
        let Some(memory) = self.nodes.get_mut(&replay.node) else { return false };
        memory.busy = None;
        if memory.life != replay.life {
            return false; // It was told to a node that is no more.
        }
        let mark = &mut memory.marks[replay.kind as usize];
        let settled = match how {
            Replayed::Taken => true,
            Replayed::Refused { status } => replay.kind.is_left_at(status),
            Replayed::Unanswered => false,
        };
        if !settled {
            mark.pause = now.plus((FIRST_RETRY_MS << mark.failures.min(8)).min(RETRY_MS));
            mark.failures += 1;
            return false;
        }
        mark.failures = 0;
        if mark.has < replay.upto {
            mark.has = replay.upto;
        } else {
            mark.again = mark.again.map(|again| again.max(replay.upto));
        }
        how == Replayed::Taken
    }

    /// A node took what the validator client told it. While a replay of the same kind is on its way, that counts for
    /// nothing: the replay may hold an older word and come later, so the newer one is told once more after it.
    pub fn took(&mut self, node: NodeId, span: Span) {
        let shelf = &self.shelves[span.kind as usize];
        let Some(memory) = self.nodes.get_mut(&node).filter(|memory| memory.busy != Some(span.kind)) else { return };
        let mark = &mut memory.marks[span.kind as usize];
        if !shelf.any_between(mark.has, span.from) {
            mark.has = mark.has.max(span.to);
        }
    }

    /// Whether a node has every preparation, so that a block of its pays whom it should.
    #[must_use]
    pub fn has_preparations(&self, node: NodeId) -> bool {
        self.lacks_none(node, Kind::Preparations)
    }

    /// Whether a node took the committee subscriptions for a slot: its aggregates are richer than others'.
    #[must_use]
    pub fn subscribed(&self, node: NodeId, slot: Slot) -> bool {
        let kind = Kind::CommitteeSubscriptions;
        let Some(memory) = self.nodes.get(&node) else { return false };
        let has = memory.marks[kind as usize].has;
        let of_slot = |committee, validator| Key::Committee { slot, committee, validator };
        let mut numbers = self.shelf(kind).numbers(of_slot(0, 0), of_slot(u64::MAX, u64::MAX)).peekable();
        numbers.peek().is_some() && numbers.all(|number| number <= has)
    }

    /// Whether a node has everything of a kind.
    fn lacks_none(&self, node: NodeId, kind: Kind) -> bool {
        let has = self.nodes.get(&node).map_or(0, |memory| memory.marks[kind as usize].has);
        self.shelf(kind).after(has).next().is_none()
    }
}

// === impl Replay, Kind ===

impl Replay {
    /// The first items that can go in one request; `None` if there are none.
    fn of<'a>(node: NodeId, kind: Kind, life: u64, items: impl Iterator<Item = (u64, &'a Item)>) -> Option<Self> {
        let mut items = items.take(BATCH).peekable();
        let (_, first) = items.peek()?;
        let (form, version) = (first.form, first.version.clone());
        let alike = |item: &Item| item.form == form && item.version == version;
        let (mut body, mut count, mut upto) = (Vec::new(), 0, 0);
        for (number, item) in items.take_while(|(_, item)| alike(item)) {
            if form == Form::Json {
                body.push(if count == 0 { b'[' } else { b',' });
            }
            body.extend_from_slice(&item.bytes);
            count += 1;
            upto = number;
        }
        if form == Form::Json {
            body.push(b']');
        }
        Some(Self { node, kind, form, version, body, items: count, life, upto })
    }
}

impl Kind {
    /// Whether a node that answers so is left alone with it.
    fn is_left_at(self, status: u16) -> bool {
        match self {
            Self::Preparations => false,
            Self::Registrations => (400..=500).contains(&status) && !matches!(status, 408 | 429),
            _ => (400..500).contains(&status) && !matches!(status, 408 | 429),
        }
    }
}
