//! EIP-3076 decisions: may this signed message go out beside those that already have?
//!
//! A message is named by its BLS signature: same key and same message give the same 96 bytes, in SSZ and in JSON, blinded
//! and full, on every fork and for threshold signatures of several operators. So no hash tree root is needed: the same
//! validator and slot (or target) under another signature is another message. What an import says is known only by its
//! signing root, if at all ([`Named::Root`]); such a record never equals a message by signature.
//!
//! [`History`] holds what went out, complete for a bounded number of epochs and as watermarks below. It is in memory; the
//! server makes its [`Record`]s durable before any node sees the message, and gives them back at the next start.
//!
//! Signatures are not verified here: nodes do that, and a caller on an own listener is the owner. Somebody who can reach
//! that listener could claim a duty with junk before the real message comes, and so cost that duty; he could not cause
//! two signed messages.

use std::fmt;

use crate::chain::{Clock, Epoch, Root, Slot};
use crate::signed::Message;

mod history;
mod past;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use crate::signed::{Deed, Validator};
pub use history::{History, MOST_VALIDATORS, Pruned};
pub use past::MOST_KEPT;

/// What a signed message is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// SHA-256 of its BLS signature.
    Signature(Root),
    /// The signing root that an import named.
    Root(Root),
    /// Nothing: an import that named no root.
    Unknown,
    /// No message at all, but the mark up to which everything of its sort is refused: blocks up to its slot, votes up to
    /// its target or from before its source. A validator has at most one of each sort.
    Watermark,
}

/// One message that went out, or that wants to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// Who signed it.
    pub validator: Validator,
    /// What it is.
    pub deed: Deed,
    /// What it is known by.
    pub named: Named,
}

/// What the clock allows now: votes of this epoch and the one before it, blocks of the last 32 slots and the next one.
///
/// Honest messages are always inside; a message far outside would fill the history, or move a watermark so far that the
/// validator could not sign for years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The slot it is.
    pub now: Slot,
    /// The arithmetic of the network.
    pub clock: Clock,
}

/// What is decided of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing speaks against it; it is now part of the history and must be made durable before it goes out.
    New,
    /// The very same message went out before; it may go again and nothing is to be kept.
    Known,
    /// It must not go out.
    Refused(Conflict),
}

/// Why a message must not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Another block for this slot went out.
    DoubleProposal(Record),
    /// Another vote for this target went out.
    DoubleVote(Record),
    /// This vote went out, and the new one surrounds it.
    Surrounds(Record),
    /// This vote went out, and it surrounds the new one.
    Surrounded(Record),
    /// Its source is later than its target.
    SourceAfterTarget,
    /// It is at or below what is only known as a watermark: this one.
    BelowWatermark(Deed),
    /// It is outside the clock's window: nothing is kept of it.
    OutsideWindow,
    /// The history already knows as many validators as it may, and this is not one of them.
    TooManyValidators,
}

/// Blocks older than this many slots are outside the window.
const BLOCK_SLOTS: u64 = 32;

// === impl Record ===

impl Record {
    /// The record of a message that was read, once it is known who signed it.
    #[must_use]
    pub fn of(message: &Message, validator: Validator) -> Self {
        Self { validator, deed: message.deed, named: Named::Signature(message.signature) }
    }
}

// === impl Window ===

impl Window {
    /// The epoch it is.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.clock.epoch(self.now)
    }

    /// Whether a message of this moment is judged at all.
    #[must_use]
    pub fn holds(&self, deed: &Deed) -> bool {
        match *deed {
            Deed::Block { slot } => self.now.back(BLOCK_SLOTS) <= slot && slot.0 <= self.now.0.saturating_add(1),
            Deed::Vote { target, .. } => {
                let epoch = self.epoch().0;
                (epoch.saturating_sub(1)..=epoch).contains(&target.0)
            }
        }
    }
}

// === impl Conflict ===

/// The reason in one sentence, for a refusal and for the log; the cure depends on where it happened.
impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoubleProposal(Record { deed, .. }) => write!(f, "another {deed} already went out"),
            Self::DoubleVote(Record { deed, .. }) => {
                write!(f, "another vote for this target already went out: a {deed}")
            }
            Self::Surrounds(Record { deed, .. }) => write!(f, "it surrounds a {deed} that already went out"),
            Self::Surrounded(Record { deed, .. }) => write!(f, "it is surrounded by a {deed} that already went out"),
            Self::SourceAfterTarget => f.write_str("its source is later than its target"),
            Self::BelowWatermark(deed) => write!(f, "it is not later than the watermark: the {deed}"),
            Self::OutsideWindow => f.write_str("it is too old or too new for the clock"),
            Self::TooManyValidators => f.write_str("the guard already knows as many validators as it may"),
        }
    }
}
