//! Blocks: what is read of one that a node made, whether it may be given to a validator client, and who made it.
//!
//! A produced block comes as JSON or as SSZ, whole or blinded, alone or with its blobs, in the shape of its fork. Only the
//! few fields that decide are read ([`json`], [`layout`]); the rest is skipped, and nothing is ever written anew, for what
//! is signed must be what the node made. [`guard`] says which blocks the caller may have, [`worth`] which of several is
//! the best one, and [`producers`] remembers whose block was given away.
//!
//! Forks from Bellatrix to Fulu are read. A block of a fork that is not known here is told apart from a broken one: the
//! first is our lack, the second the node's fault.

use std::fmt;
use std::str::FromStr;

use crate::chain::{Malformed, Root, Slot, unhex};
use crate::network::Spec;

#[cfg(test)]
pub(crate) mod forge;
pub mod guard;
mod json;
mod layout;
pub mod producers;
mod signed;
#[cfg(test)]
mod tests;
pub mod worth;

pub use producers::{Kind, Producers};
pub use signed::signed;

/// An execution address. Written `0x` and 40 hex digits; read in either case, checksums are not looked at.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 20]);

/// The four fields that commit to everything else in a block: the state root holds the body's effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Its slot.
    pub slot: Slot,
    /// Its proposer's index.
    pub proposer: u64,
    /// Root of the block it stands on.
    pub parent: Root,
    /// Root of the state after it.
    pub state: Root,
}

/// What is read of a produced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Which block it is.
    pub key: Key,
    /// The proposer's reveal in its body.
    pub randao: [u8; 96],
    /// Whether its payload is there only as a header.
    pub blinded: bool,
    /// Whom its payload pays. In a blinded block mostly the builder, who pays the proposer by a transaction.
    pub fee_recipient: Address,
    /// Hash of its payload.
    pub block_hash: Root,
    /// Gas limit of its payload.
    pub gas_limit: u64,
    /// What JSON says of it beside it, in Wei; an answer in SSZ says it by headers alone.
    pub told: Told,
}

/// Values as the fields of a JSON answer tell them, in Wei; `None` = missing or no number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Of the payload.
    pub execution: Option<u128>,
    /// Of attestations, slashings and the sync aggregate.
    pub consensus: Option<u128>,
}

/// An answer with a block in it, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// All of it.
    pub body: &'a [u8],
    /// Whether it is SSZ.
    pub ssz: bool,
    /// `Eth-Consensus-Version`.
    pub version: Option<&'a str>,
    /// `Eth-Execution-Payload-Blinded`, if it says true or false.
    pub blinded: Option<bool>,
}

/// The sizes that differ between presets and shift what stands behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// `SYNC_COMMITTEE_SIZE`; unknown until a node has told its spec. Then the block's fork tells it.
    pub sync_committee: Option<u64>,
}

/// Why a block was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is of a fork that is not known here.
    #[error("of a fork that this Rangelight cannot read")]
    Fork,
    /// It is not what it says, or no block.
    #[error("that {0}")]
    Broken(&'static str),
}

/// The forks whose blocks are read, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fork {
    Bellatrix,
    Capella,
    Deneb,
    Electra,
    Fulu,
}

const FORKS: [(&str, Fork); 5] = [
    ("bellatrix", Fork::Bellatrix),
    ("capella", Fork::Capella),
    ("deneb", Fork::Deneb),
    ("electra", Fork::Electra),
    ("fulu", Fork::Fulu),
];

/// Reads a produced block.
///
/// # Errors
/// If it is broken, of a fork that is not known here, or not what its answer says it is.
pub fn read(answer: &Answer<'_>, sizes: Sizes) -> Result<Block, Unread> {
    let fork = answer.version.map(Fork::named).transpose()?;
    let (block, with_blobs, fork) = match answer.ssz {
        true => layout::read(answer.body, fork, sizes)?,
        false => json::read(answer.body, fork, answer.blinded)?,
    };
    if answer.blinded.is_some_and(|blinded| blinded != block.blinded) {
        return Err(Unread::Broken("is blinded and says it is not, or the other way round"));
    }
    // A validator client reads it by its fork, and could not read it otherwise.
    if fork.is_some_and(|fork| with_blobs != (fork >= Fork::Deneb && !block.blinded)) {
        return Err(Unread::Broken("has not the shape of its fork"));
    }
    Ok(block)
}

// === impl Fork, Sizes, Address ===

impl Fork {
    fn named(name: &str) -> Result<Self, Unread> {
        let name = name.trim();
        FORKS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, fork)| *fork).ok_or(Unread::Fork)
    }
}

impl Sizes {
    /// As a network's spec has them.
    #[must_use]
    pub fn of(spec: &Spec) -> Self {
        Self { sync_committee: spec.number("SYNC_COMMITTEE_SIZE") }
    }
}

impl Address {
    /// Nobody's: what is paid to it is lost.
    pub const ZERO: Self = Self([0; 20]);
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut address = [0; 20];
        unhex(text, &mut address)
            .then_some(Self(address))
            .ok_or_else(|| Malformed::new("a 20-byte address in hex", text))
    }
}
