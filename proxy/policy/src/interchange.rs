//! What validator clients give each other about what they signed: EIP-3076, format version 5.
//!
//! A file is keyed by pubkeys, the guard by indices; whoever calls knows both ways, and is told of the keys that have no
//! index. A file says of its messages their signing roots at best; the guard knows signatures. So what we write has no
//! signing roots, and what was imported is never the same message as one that comes by, but where an attestation's root
//! can be computed.
//!
//! What a file means for what comes after it:
//!
//! - Every message that it names counts as gone out, and its least source, target and slot are watermarks: a file may be
//!   the pruned end of a longer history (conditions 2, 4 and 5 of the EIP).
//! - A validator that the file itself shows in a slashable pair is minimised: only its greatest source, target and slot
//!   count. Such a file is damaged or merged of two clients that ran at once, so its gaps cannot be trusted; and to
//!   refuse it would leave the owner with no protection at all. He is told which validators they are.
//! - Messages of the future refuse the file. They were never signed, and would silence their validators until then.
//!
//! Bounds: a file of any length is read with memory for [`MOST_KEPT`] messages of each sort a validator; the older ones go
//! into the watermarks, as they would at the next pruning. More than [`MOST_VALIDATORS`] are refused. Unknown fields are
//! skipped; a missing list is an error, since a misspelt one would be protection lost without a word.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::chain::{self, Malformed, Root};
use crate::slashing::{MOST_VALIDATORS, Record, Validator, Window};
use newest::{Blocks, Votes};

mod newest;
mod reading;
#[cfg(test)]
mod tests;
mod writing;

pub use writing::write;

/// The format that is read and written.
const VERSION: u64 = 5;

/// A validator's BLS public key. Written `0x` and 96 hex digits; read in either case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pubkey(pub [u8; 48]);

/// A file that was read; see the module.
#[derive(Clone, Debug, Default)]
pub struct Interchange {
    validators: BTreeMap<Pubkey, Signed>,
}

/// What one validator signed.
#[derive(Clone, Debug, Default)]
struct Signed {
    blocks: Blocks,
    votes: Votes,
}

/// What a file gives the guard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// To be loaded and made durable.
    pub records: Vec<Record>,
    /// Keys without an index: nothing is kept of them, and they are not protected.
    pub unknown: Vec<Pubkey>,
    /// Keys that the file shows in a slashable pair: only their watermarks are kept.
    pub minimised: Vec<Pubkey>,
}

/// Why a file is refused, whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not the JSON that it should be.
    #[error("cannot read the interchange file: {0}")]
    Json(String),
    /// It is of another version.
    #[error("the interchange file has format version {0}, and only version {VERSION} is understood; export it again")]
    Version(String),
    /// It is of another network.
    #[error("the interchange file is of the network with genesis validators root {theirs}, ours has {ours}")]
    OtherNetwork {
        /// The root of our network.
        ours: Root,
        /// The root that the file names.
        theirs: Root,
    },
    /// It names messages of the future.
    #[error("the interchange file says that {0} signed for the future: the file is damaged, or our clock is wrong")]
    Future(Pubkey),
    /// It names too many validators.
    #[error("the interchange file names more than {MOST_VALIDATORS} validators")]
    TooManyValidators,
}

impl Interchange {
    /// Reads a file for the network with this genesis validators root. With a window, messages later than the next epoch
    /// refuse it.
    ///
    /// # Errors
    ///
    /// See [`Refused`].
    pub fn parse(bytes: &[u8], genesis_validators_root: Root, now: Option<&Window>) -> Result<Self, Refused> {
        let interchange = reading::read(bytes, genesis_validators_root)?;
        match now.and_then(|window| interchange.first_of_the_future(window)) {
            Some(pubkey) => Err(Refused::Future(pubkey)),
            None => Ok(interchange),
        }
    }

    fn first_of_the_future(&self, window: &Window) -> Option<Pubkey> {
        let epoch = chain::Epoch(window.epoch().0.saturating_add(1));
        let slot = chain::Slot(window.now.0.saturating_add(window.clock.slots_per_epoch));
        let late = |signed: &Signed| signed.blocks.greatest() > Some(slot) || signed.votes.greatest() > Some(epoch);
        self.validators.iter().find(|(_, signed)| late(signed)).map(|(pubkey, _)| *pubkey)
    }

    /// The keys that it names.
    pub fn pubkeys(&self) -> impl Iterator<Item = &Pubkey> {
        self.validators.keys()
    }

    /// What it gives the guard. `index` tells a key's validator.
    #[must_use]
    pub fn records(&self, index: impl Fn(&Pubkey) -> Option<Validator>) -> Imported {
        let mut imported = Imported::default();
        for (pubkey, signed) in &self.validators {
            let Some(validator) = index(pubkey) else {
                imported.unknown.push(*pubkey);
                continue;
            };
            let slashable = signed.blocks.slashable() || signed.votes.slashable();
            if slashable {
                imported.minimised.push(*pubkey);
            }
            let mut put = |deed, named| imported.records.push(Record { validator, deed, named });
            signed.blocks.tell(slashable, &mut put);
            signed.votes.tell(slashable, &mut put);
        }
        imported
    }
}

// === impl Pubkey ===

impl fmt::Display for Pubkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pubkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Pubkey {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut key = [0; 48];
        chain::unhex(text, &mut key)
            .then_some(Self(key))
            .ok_or_else(|| Malformed::new("a pubkey of 48 bytes in hex", text))
    }
}

impl<'de> Deserialize<'de> for Pubkey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
