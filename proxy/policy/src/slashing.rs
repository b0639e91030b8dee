//! EIP-3076 decisions: may this signed message go out beside those that already have?
//!
//! A message is named by its BLS signature: same key and same message give the same 96 bytes, in SSZ and in JSON, blinded
//! and full, on every fork and for threshold signatures of several operators. So no hash tree root is needed: the same
//! validator and slot (or target) under another signature is another message. What an import says is known only by its
//! signing root, if at all ([`Named::Root`]); such a record never equals a message by signature.
//!
//! [`History`] holds what went out, complete for a bounded number of epochs and as watermarks below. It is in memory; the
//! server makes its [`Record`]s durable before any node sees the message, and gives them back at the next start.

use crate::chain::{Epoch, Root, Slot};

/// A validator, by its index in the chain's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Validator(pub u64);

/// What a signed message is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// SHA-256 of its BLS signature.
    Signature(Root),
    /// The signing root that an import named.
    Root(Root),
    /// Nothing: an import that named no root.
    Unknown,
}

/// What of a signed message can be slashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// A proposal.
    Block {
        /// Its slot.
        slot: Slot,
    },
    /// An attestation.
    Vote {
        /// Source epoch.
        source: Epoch,
        /// Target epoch.
        target: Epoch,
    },
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
    /// It is at or below what is only known as a watermark.
    BelowWatermark(Deed),
    /// It is outside the clock's window: nothing is kept of it.
    OutsideWindow,
}
