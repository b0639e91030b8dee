//! Attestation data: what a vote says, read out of SSZ and JSON, written in both, and its root.
//!
//! These are the only bytes of a vote that we ever write ourselves, and only to give a second asker in his form what the
//! first one got in another: the same data, so the same root, so the same signature. What was signed is never written.
//!
//! Reading asks for the fields and nothing else: extra ones, other orders, and numbers without quotes are taken as
//! nodes write them. What cannot be read is `None`; no body makes a panic. Of a publication at most [`DISTINCT`]
//! different data are read, which is every committee of a slot before Electra; what is beyond them is not told.

use std::io::Write;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::chain::{Checkpoint, Epoch, Root, Slot, decimal};

#[cfg(test)]
mod tests;

/// Bytes of an `AttestationData` in SSZ.
pub const SSZ_BYTES: usize = 128;

/// Different data that are read of one publication.
pub const DISTINCT: usize = 64;

/// Bytes of a `SingleAttestation` in SSZ, and where its data begin.
const SINGLE_BYTES: usize = 240;
const SINGLE_DATA: usize = 16;

/// `AttestationData` of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttestationData {
    /// The slot voted in.
    pub slot: Slot,
    /// The committee before Electra, 0 in Electra and Fulu, whether the payload is there from Gloas on.
    pub index: u64,
    /// The head voted for (`beacon_block_root`).
    pub head: Root,
    /// The justified checkpoint.
    pub source: Checkpoint,
    /// The checkpoint of the slot's epoch.
    pub target: Checkpoint,
}

/// As the Beacon API writes it.
#[derive(Deserialize)]
struct Wire {
    slot: Slot,
    #[serde(deserialize_with = "decimal")]
    index: u64,
    beacon_block_root: Root,
    source: Checkpoint,
    target: Checkpoint,
}

/// The body of the operation.
#[derive(Deserialize)]
struct Body {
    data: Wire,
}

/// An item of a publication: a vote, old or new, or a signed aggregate.
#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    data: Option<Wire>,
    #[serde(default)]
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    aggregate: Body,
}

// === impl AttestationData ===

impl AttestationData {
    /// Reads SSZ.
    #[must_use]
    pub fn from_ssz(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SSZ_BYTES] = bytes.try_into().ok()?;
        let number = |at: usize| bytes[at..at + 8].try_into().ok().map(u64::from_le_bytes);
        let root = |at: usize| bytes[at..at + 32].try_into().ok().map(Root);
        let checkpoint = |at: usize| Some(Checkpoint { epoch: Epoch(number(at)?), root: root(at + 8)? });
        Some(Self {
            slot: Slot(number(0)?),
            index: number(8)?,
            head: root(16)?,
            source: checkpoint(48)?,
            target: checkpoint(88)?,
        })
    }

    /// Reads the JSON body of `GET /eth/v1/validator/attestation_data`.
    #[must_use]
    pub fn from_json(body: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Body>(body).ok().map(|body| body.data.into())
    }

    /// Writes SSZ.
    #[must_use]
    pub fn to_ssz(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SSZ_BYTES);
        out.extend(self.slot.0.to_le_bytes());
        out.extend(self.index.to_le_bytes());
        out.extend(self.head.0);
        for checkpoint in [self.source, self.target] {
            out.extend(checkpoint.epoch.0.to_le_bytes());
            out.extend(checkpoint.root.0);
        }
        out
    }

    /// Writes the JSON body of `GET /eth/v1/validator/attestation_data`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let Self { slot, index, head, source, target } = self;
        let mut out = Vec::with_capacity(512);
        // A vector takes everything.
        let _ = write!(out, r#"{{"data":{{"slot":"{}","index":"{index}","beacon_block_root":"{head}""#, slot.0);
        for (name, checkpoint) in [("source", source), ("target", target)] {
            let Checkpoint { epoch, root } = checkpoint;
            let _ = write!(out, r#","{name}":{{"epoch":"{}","root":"{root}"}}"#, epoch.0);
        }
        out.extend(b"}}");
        out
    }

    /// Its `hash_tree_root`: five leaves of eight.
    #[must_use]
    pub fn tree_root(&self) -> Root {
        let empty = Root::default();
        let numbers = join(leaf(self.slot.0), leaf(self.index));
        let heads = join(self.head, tree_root(self.source));
        let left = join(numbers, heads);
        let right = join(join(tree_root(self.target), empty), join(empty, empty));
        join(left, right)
    }

    /// What families must agree on: source and target in one root.
    #[must_use]
    pub fn pair(&self) -> Root {
        join(tree_root(self.source), tree_root(self.target))
    }
}

impl From<Wire> for AttestationData {
    fn from(wire: Wire) -> Self {
        let Wire { slot, index, beacon_block_root: head, source, target } = wire;
        Self { slot, index, head, source, target }
    }
}

/// The different data that a publication of votes or aggregates was signed with: lists of `SingleAttestation` in SSZ, and
/// every list in JSON. Nothing of a body that is something else, or that cannot be read.
#[must_use]
pub fn published(body: &[u8], is_ssz: bool) -> Vec<AttestationData> {
    let mut distinct: Vec<AttestationData> = Vec::new();
    let mut add = |data: AttestationData| {
        if distinct.len() < DISTINCT && !distinct.contains(&data) {
            distinct.push(data);
        }
    };
    if is_ssz {
        if body.len().is_multiple_of(SINGLE_BYTES) {
            let singles = body.chunks_exact(SINGLE_BYTES);
            singles
                .filter_map(|single| AttestationData::from_ssz(&single[SINGLE_DATA..SINGLE_DATA + SSZ_BYTES]))
                .for_each(&mut add);
        }
    } else if let Ok(items) = serde_json::from_slice::<Vec<Item>>(body) {
        items
            .into_iter()
            .filter_map(|item| item.data.or(item.message.map(|message| message.aggregate.data)))
            .for_each(|wire| add(wire.into()));
    }
    distinct
}

fn leaf(number: u64) -> Root {
    let mut leaf = [0; 32];
    leaf[..8].copy_from_slice(&number.to_le_bytes());
    Root(leaf)
}

fn tree_root(checkpoint: Checkpoint) -> Root {
    join(leaf(checkpoint.epoch.0), checkpoint.root)
}

fn join(left: Root, right: Root) -> Root {
    Root(Sha256::new().chain_update(left.0).chain_update(right.0).finalize().into())
}
