//! Signed messages on their way out: who signed what, read from the bodies of publications.
//!
//! Only what can be slashed is read, at places that no fork has moved; what later forks append passes unread. A signature
//! names its message, so bodies are read and forgotten: nothing is written again from what was read here, and what goes
//! on to the nodes is made of the original bytes ([`without`]).
//!
//! An error means that the guard cannot know what it would let out. The whole body is refused then: a node would refuse
//! it too, and a validator client never writes one. Ambiguity is an error as well (a key twice, a block beside a nested
//! block), since a node could read the other meaning.
//!
//! Aggregates and contributions are not read: their parts were signed, and recorded, before.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::chain::{self, Checkpoint, Epoch, Root, Slot};
use crate::ssz;

mod attestation;
mod block;
mod slices;
mod sync;
#[cfg(test)]
mod tests;
mod tree;

pub use slices::without;
pub use sync::{SyncMessage, read_sync};
pub use tree::signing_root;

/// A validator, by its index in the chain's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Validator(pub u64);

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

/// One signed message of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the list; 0 for a single object.
    pub place: usize,
    /// Who signed it, as far as the body tells.
    pub signer: Signer,
    /// What of it can be slashed.
    pub deed: Deed,
    /// SHA-256 of its BLS signature.
    pub signature: Root,
    /// What an attestation says, for its [`signing_root`]; absent for blocks.
    pub data: Option<AttestationData>,
}

/// How a message tells who signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// By index.
    Index(Validator),
    /// By a seat in a committee, as attestations before Electra and on old routes do.
    Seat {
        /// The slot of the committee.
        slot: Slot,
        /// The committee's index within the slot.
        committee: u64,
        /// The place within the committee.
        position: usize,
    },
    /// Not at all: bits of several validators, or of none, under one signature.
    Untold,
}

/// `AttestationData` (consensus-specs, phase0 beacon-chain).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct AttestationData {
    /// The slot voted in.
    pub slot: Slot,
    /// The committee before Electra; 0 after it.
    #[serde(deserialize_with = "chain::decimal")]
    pub index: u64,
    /// The head.
    pub beacon_block_root: Root,
    /// The justified checkpoint.
    pub source: Checkpoint,
    /// The checkpoint of the slot's epoch.
    pub target: Checkpoint,
}

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The JSON is broken, or is not what the operation takes.
    #[error("cannot read the signed message: {0}")]
    Json(String),
    /// The SSZ is broken, or is not what the operation takes.
    #[error("cannot read the signed message: {0}")]
    Ssz(&'static str),
    /// More items than [`MOST_ITEMS`].
    #[error("more than {MOST_ITEMS} items in one body; send them in several")]
    TooMany,
}

/// Items of one body that are read. A caller with more sends several bodies; a solo staker has a few.
pub const MOST_ITEMS: usize = 32_768;

/// The longest part of a JSON error that is kept; it may quote the body.
const QUOTED: usize = 160;

/// Bytes of a BLS signature.
const SIGNATURE: usize = 96;

/// The slashable messages in the body of a publication, in their order; none for operations whose messages are not.
///
/// `operation` is the catalogue's name, `version` the `Eth-Consensus-Version` that came with it.
///
/// # Errors
///
/// The body is not what the operation takes, or holds too many items.
pub fn read(operation: &str, ssz: bool, version: Option<&str>, body: &[u8]) -> Result<Vec<Message>, Unreadable> {
    match operation {
        "publish_block_v1" | "publish_block_v2" | "publish_blinded_block_v1" | "publish_blinded_block_v2" => {
            let message = if ssz { block::read_ssz(body)? } else { block::read_json(body)? };
            Ok(vec![message])
        }
        "publish_attestations_v1" | "publish_attestations_v2" => match (ssz, operation) {
            (false, _) => attestation::read_json(body),
            (true, "publish_attestations_v2") if !version.is_some_and(attestation::before_electra) => {
                attestation::read_single_ssz(body)
            }
            (true, _) => attestation::read_older_ssz(body),
        },
        _ => Ok(Vec::new()),
    }
}

// === impl Message ===

impl Message {
    /// Who signed it: the body's word, or what `duties` know of the seat. `None`: nobody can say, so the message cannot be
    /// judged.
    pub fn resolve(&self, duties: impl Fn(Slot, u64, usize) -> Option<Validator>) -> Option<Validator> {
        match self.signer {
            Signer::Index(validator) => Some(validator),
            Signer::Seat { slot, committee, position } => duties(slot, committee, position),
            Signer::Untold => None,
        }
    }
}

// === impl Deed ===

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block { slot } => write!(f, "block of slot {slot}"),
            Self::Vote { source, target } => write!(f, "vote from epoch {source} to epoch {target}"),
        }
    }
}

// === impl Unreadable ===

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        if text.starts_with(TOO_MANY) { Self::TooMany } else { Self::Json(text.chars().take(QUOTED).collect()) }
    }
}

/// What a list says when it is too long; serde carries errors as text.
const TOO_MANY: &str = "too many items";

// === what the readers share ===

/// A signature, known from then on by its hash.
fn name_of(signature: &[u8]) -> Root {
    Root(Sha256::digest(signature).into())
}

/// Reads a signature's hex into its name.
fn signature<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Root, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    let mut bytes = [0; SIGNATURE];
    if chain::unhex(&text, &mut bytes) {
        Ok(name_of(&bytes))
    } else {
        Err(serde::de::Error::custom("a signature of 96 bytes in hex expected"))
    }
}

/// A JSON list of at most [`MOST_ITEMS`].
struct Items<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ItemsVisitor(std::marker::PhantomData))
    }
}

struct ItemsVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for ItemsVisitor<T> {
    type Value = Items<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Items<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == MOST_ITEMS {
                return Err(serde::de::Error::custom(TOO_MANY));
            }
            items.push(item);
        }
        Ok(Items(items))
    }
}

/// The items of an SSZ list whose items all have one size.
fn fixed(body: &[u8], size: usize) -> Result<std::slice::ChunksExact<'_, u8>, Unreadable> {
    if body.len() / size > MOST_ITEMS {
        return Err(Unreadable::TooMany);
    }
    if !body.len().is_multiple_of(size) {
        return Err(Unreadable::Ssz("the list's length is no multiple of its items'"));
    }
    Ok(body.chunks_exact(size))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Unreadable> {
    ssz::array(bytes, at).ok_or(Unreadable::Ssz("it ends too early"))
}

fn number(bytes: &[u8], at: usize) -> Result<u64, Unreadable> {
    ssz::number(bytes, at).ok_or(Unreadable::Ssz("it ends too early"))
}

fn offset(bytes: &[u8], at: usize) -> Result<usize, Unreadable> {
    ssz::offset(bytes, at).ok_or(Unreadable::Ssz("it ends too early"))
}

fn part(bytes: &[u8], from: usize, to: usize) -> Result<&[u8], Unreadable> {
    bytes.get(from..to).ok_or(Unreadable::Ssz("an offset is outside the body"))
}
