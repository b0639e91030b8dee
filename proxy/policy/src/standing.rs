//! Standing submissions: what the own validator client said last, and which node needs it again.
//!
//! A node keeps in memory whom a block pays, who is registered with relays, which subnets it serves for us; a restart
//! takes all of it, and the validator client, which sees one node that never restarts, has no reason to say it again
//! before its own time: an epoch for most. Without that a node that came back pays a stranger. So the [`Register`] keeps
//! the last word of each sort ([`Kind`]) in the form it came, and [`Register::due`] says what a node lacks.
//!
//! Every item that changes gets the next number of one count. What a node has is a mark per kind: everything up to this
//! number. A restart puts its marks to zero, a replay moves them on in the order of the numbers, and what the validator
//! client tells a node itself counts if the node lacked nothing before. So nothing is kept per node and item, a replay
//! that is cut off goes on where it was, and an item that changes while a replay runs is due again after it: a node never
//! stays with an older word than the register's.
//!
//! A registration is signed with a timestamp, and an older one never takes the place of a newer one, in whatever order
//! they come. The exception is one from the future (a clock that was wrong): relays refuse it, so any other replaces it.
//! Preferences are gossip, where the first of a dependent root and slot is the only one: the first is kept.
//!
//! The register is the own validator client's alone. What a peer submits goes to the nodes and is not kept, and a peer
//! that names one of our validators is refused ([`Register::knows`]).
//!
//! Bounds: [`ITEMS`] of each kind; at the bound the one that changed longest ago goes, with a warning. Subscriptions and
//! preferences go when their time is over. Marks are per node and kind.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::{self, Row};
use crate::chain::{Clock, Moment, Slot};
use crate::node::NodeId;

mod keep;
mod memory;
mod read;
mod replay;
mod shelf;
#[cfg(test)]
mod tests;

pub use keep::{KEPT, Kept, Unusable};
pub use memory::Sight;
pub use replay::{Replay, Replayed};

use memory::Memory;
use read::{Fact, Item, Key, items};
use shelf::Shelf;

/// Items kept of each kind: the validators of a large operator, in some tens of MiB.
pub const ITEMS: usize = 65_536;

/// Warnings that wait to be raised; above it they are dropped, for the owner has enough to read.
const WARNINGS: usize = 32;

/// How many validators a warning names.
const NAMED: usize = 8;

/// A registration is from the future if its timestamp is later than now by so many seconds, which is what relays allow.
const FUTURE_S: u64 = 10;

/// What is told, in the order in which a node needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Whom a validator's blocks pay.
    Preparations,
    /// Signed, for relays.
    Registrations,
    /// Signed, for builders on gossip.
    Preferences,
    /// Sync committee subnets.
    SyncSubscriptions,
    /// Attestation subnets, and whether to aggregate there.
    CommitteeSubscriptions,
}

/// One submission, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// What is told.
    pub kind: Kind,
    /// In which form.
    pub form: Form,
    /// `Eth-Consensus-Version`, if it was there.
    pub version: Option<&'a str>,
    /// The list.
    pub body: &'a [u8],
}

/// The form of a list and of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JSON array.
    Json,
    /// Items of one length, one behind the other.
    Ssz,
}

/// The numbers that the items of one submission got: everything after `from`, up to `to`. Equal if it told nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    kind: Kind,
    from: u64,
    to: u64,
}

/// Something that the owner must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Preparations changed: validator, old and new recipient of the first few, and how many more.
    Recipients {
        /// The first few.
        changed: Vec<(u64, [u8; 20], [u8; 20])>,
        /// How many more.
        more: usize,
    },
    /// A validator's blocks were to pay nobody.
    ZeroRecipient {
        /// The validator.
        validator: u64,
    },
    /// Other preferences for a dependent root and slot than those that are out already.
    Preferences {
        /// The slot.
        slot: Slot,
    },
    /// The bound was reached, so the oldest items are forgotten.
    Full {
        /// Of which kind.
        kind: Kind,
    },
}

/// What the own validator client said, and what each node has of it.
#[derive(Debug, Default)]
pub struct Register {
    shelves: [Shelf; Kind::ALL.len()],
    /// The number of the item that changed last.
    count: u64,
    nodes: BTreeMap<NodeId, Memory>,
    /// The middle of which epoch was reached; preparations are told again then.
    refreshed: Option<u64>,
    pruned: Option<Slot>,
    warnings: Vec<Warning>,
    /// Validators with a zero recipient that was warned of.
    zero: BTreeSet<u64>,
    full: BTreeSet<Kind>,
}

// === impl Kind, Form ===

impl Kind {
    /// Every kind, the most needed first.
    pub const ALL: [Self; 5] = [
        Self::Preparations,
        Self::Registrations,
        Self::Preferences,
        Self::SyncSubscriptions,
        Self::CommitteeSubscriptions,
    ];

    /// The kind that an operation tells.
    #[must_use]
    pub fn of(operation: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.operation() == operation)
    }

    /// The row by which it is told.
    #[must_use]
    pub fn row(self) -> &'static Row {
        catalogue::row(self.operation()).expect("every kind is a row of the catalogue")
    }

    /// The name of its operation, which is its name in metrics, logs and files too.
    #[must_use]
    pub fn operation(self) -> &'static str {
        match self {
            Self::Preparations => "prepare_proposers",
            Self::Registrations => "register_validators",
            Self::Preferences => "proposer_preferences",
            Self::SyncSubscriptions => "sync_committee_subscriptions",
            Self::CommitteeSubscriptions => "committee_subscriptions",
        }
    }
}

impl Form {
    /// The form of a body of this media type; JSON if none is named.
    #[must_use]
    pub fn of(content_type: Option<&str>) -> Self {
        let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        if media.trim().eq_ignore_ascii_case("application/octet-stream") { Self::Ssz } else { Self::Json }
    }
}

// === impl Register ===

impl Register {
    /// Takes in what the own validator client says. What cannot be read is left out: nodes judge it, not we.
    pub fn remember(&mut self, said: &Submission<'_>, clock: Option<Clock>, now: Moment) -> Span {
        let from = self.count;
        let mut changed = Vec::new();
        let mut more = 0;
        for item in items(said) {
            if item.is_over(clock, now) || !self.is_news(said.kind, &item, now) {
                continue;
            }
            let before = self.put(said.kind, item.clone());
            let Some(Fact::Recipient(old)) = before.map(|item| item.fact) else { continue };
            if let (Fact::Recipient(new), Key::Validator(validator)) = (&item.fact, &item.key) {
                if changed.len() < NAMED {
                    changed.push((*validator, old, *new));
                } else {
                    more += 1;
                }
            }
        }
        if !changed.is_empty() {
            self.warn(Warning::Recipients { changed, more });
        }
        Span { kind: said.kind, from, to: self.count }
    }

    /// Whom the validator's blocks are to pay, by its last preparation.
    #[must_use]
    pub fn fee_recipient(&self, validator: u64) -> Option<[u8; 20]> {
        match self.shelf(Kind::Preparations).item(&Key::Validator(validator))?.fact {
            Fact::Recipient(recipient) => Some(recipient),
            Fact::Signed { .. } | Fact::Until(_) | Fact::Epoch(_) => None,
        }
    }

    /// All of these; of 65,536 validators at most.
    #[must_use]
    pub fn fee_recipients(&self) -> BTreeMap<u64, [u8; 20]> {
        let recipient = |item: &Item| match (&item.key, &item.fact) {
            (Key::Validator(validator), Fact::Recipient(recipient)) => Some((*validator, *recipient)),
            _ => None,
        };
        self.shelf(Kind::Preparations).after(0).filter_map(|(_, item)| recipient(item)).collect()
    }

    /// Whether the validator client sent a registration of this key.
    #[must_use]
    pub fn is_registered(&self, pubkey: &[u8; 48]) -> bool {
        self.shelf(Kind::Registrations).item(&Key::Pubkey(*pubkey)).is_some()
    }

    /// Whether the validator client sent any registration: without one no blinded block is meant for it.
    #[must_use]
    pub fn registered_any(&self) -> bool {
        self.shelf(Kind::Registrations).len() > 0
    }

    /// Whether a list names a validator that is ours.
    #[must_use]
    pub fn knows(&self, said: &Submission<'_>) -> bool {
        let ours = |item: &Item| match (&item.key, &item.fact) {
            (Key::Pubkey(_), _) => self.shelf(Kind::Registrations).item(&item.key).is_some(),
            _ => self.shelf(Kind::Preparations).item(&Key::Validator(item.validator)).is_some(),
        };
        items(said).iter().any(ours)
    }

    /// Forgets what was said: it was of another network.
    pub fn forget(&mut self) {
        for shelf in &mut self.shelves {
            shelf.retain(|_| false);
        }
        // Numbers go on, so that what is under way under old ones cannot be taken for something else.
        self.count += 1;
    }

    /// Warnings since this was last called.
    pub fn warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }

    /// Changes with every item that is taken in: what was kept under another number is stale.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether an item says something that is to be kept.
    fn is_news(&mut self, kind: Kind, item: &Item, now: Moment) -> bool {
        let before = self.shelf(kind).item(&item.key).cloned();
        match (&item.fact, before.as_ref().map(|before| &before.fact)) {
            _ if item.pays_nobody() => {
                if self.zero.len() < ITEMS && self.zero.insert(item.validator) {
                    self.warn(Warning::ZeroRecipient { validator: item.validator });
                }
                false
            }
            (Fact::Recipient(recipient), Some(Fact::Recipient(before))) => recipient != before,
            (Fact::Signed { timestamp }, Some(Fact::Signed { timestamp: before })) => {
                let future = |timestamp: u64| timestamp > now.0 / 1_000 + FUTURE_S;
                *timestamp > *before && !future(*timestamp) || *timestamp != *before && future(*before)
            }
            (Fact::Until(slot), Some(_)) if matches!(item.key, Key::Proposal { .. }) => {
                if before.is_some_and(|before| before.bytes != item.bytes) {
                    self.warn(Warning::Preferences { slot: *slot });
                }
                false
            }
            (_, Some(_)) => before.is_some_and(|before| before.bytes != item.bytes),
            (_, None) => true,
        }
    }

    /// Keeps an item under the next number; the one it replaces.
    fn put(&mut self, kind: Kind, item: Item) -> Option<Item> {
        self.count += 1;
        let count = self.count;
        let shelf = self.shelf_mut(kind);
        let before = shelf.put(item, count);
        if shelf.len() > ITEMS {
            shelf.drop_oldest();
            if self.full.insert(kind) {
                self.warn(Warning::Full { kind });
            }
        }
        before
    }

    /// Forgets what is over; once a slot.
    fn prune(&mut self, clock: &Clock, now: Moment) {
        let Some(slot) = clock.slot(now) else { return };
        if self.pruned == Some(slot) {
            return;
        }
        self.pruned = Some(slot);
        for shelf in &mut self.shelves {
            shelf.retain(|item| !item.is_over(Some(*clock), now));
        }
    }

    fn warn(&mut self, warning: Warning) {
        if self.warnings.len() < WARNINGS {
            self.warnings.push(warning);
        }
    }

    fn shelf(&self, kind: Kind) -> &Shelf {
        &self.shelves[kind as usize]
    }

    fn shelf_mut(&mut self, kind: Kind) -> &mut Shelf {
        &mut self.shelves[kind as usize]
    }
}

/// Bytes in hex, as the Beacon API writes them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |hex, byte| hex + &format!("{byte:02x}"))
}
