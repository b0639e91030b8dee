//! What is read of an aggregate, in JSON or SSZ: whom it speaks of, and how many have voted.
//!
//! | SSZ bytes | before Electra | from Electra on |
//! |---|---|---|
//! | 0..4 | offset of the bits: 228 | offset of the bits: 228 and the length of the committee bits |
//! | 4..132 | attestation data | the same |
//! | 132..228 | signature | the same |
//! | 228.. | aggregation bits, a bitlist | committee bits, one for each committee of a slot; then the aggregation bits |
//!
//! The committee bits are as long as the preset says, 1 to 8 bytes; the offset says the same, so the preset is not
//! needed. Nothing is written again: what is chosen goes on as it came.

use std::borrow::Cow;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::chain::{Checkpoint, Root, Slot, decimal, unhex};
use crate::duty::bits::Bits;

/// What an aggregate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Whom it speaks of.
    pub(super) vote: Vote,
    /// Who has voted so.
    pub(super) bits: Bits,
    /// The bits of its committees; `None` before Electra.
    pub(super) committees: Option<Vec<u8>>,
}

/// What the votes of an aggregate are for (consensus-specs `AttestationData`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Vote {
    pub(super) slot: Slot,
    #[serde(deserialize_with = "decimal")]
    pub(super) index: u64,
    beacon_block_root: Root,
    source: Checkpoint,
    target: Checkpoint,
}

/// Bytes of the fields that every fork has before the first one of variable size.
const FIXED: usize = 4 + VOTE + 96;
const VOTE: usize = 128;

/// The longest bitlist that is read: 64 committees of 2,048 members.
const LONGEST_BITS: usize = 64 * 2_048 / 8 + 1;

/// The longest committee bits; mainnet has 64 committees.
const LONGEST_COMMITTEES: usize = 8;

impl Told {
    /// Reads SSZ; `None` if it is no aggregate.
    pub(super) fn of_ssz(bytes: &[u8]) -> Option<Self> {
        let at = usize::try_from(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
        let committees = bytes.get(FIXED..at).filter(|it| it.len() <= LONGEST_COMMITTEES)?;
        Some(Self {
            vote: Vote::of_ssz(bytes.get(4..4 + VOTE)?)?,
            bits: Bits::of_list(bytes.get(at..).filter(|it| it.len() <= LONGEST_BITS)?)?,
            committees: (!committees.is_empty()).then(|| committees.to_vec()),
        })
    }

    /// Reads JSON; `None` if it is no aggregate.
    pub(super) fn of_json(bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            data: Aggregate<'a>,
        }
        #[derive(Deserialize)]
        struct Aggregate<'a> {
            #[serde(borrow)]
            aggregation_bits: Cow<'a, str>,
            #[serde(rename = "data")]
            vote: Vote,
            #[serde(borrow, default)]
            committee_bits: Option<Cow<'a, str>>,
        }

        let Body { data: told } = serde_json::from_slice(bytes).ok()?;
        let committees = match &told.committee_bits {
            Some(text) => Some(hex(text, LONGEST_COMMITTEES)?),
            None => None,
        };
        Some(Self { vote: told.vote, bits: Bits::of_list(&hex(&told.aggregation_bits, LONGEST_BITS)?)?, committees })
    }

    /// The one committee that it is of; `None` before Electra, and if it is of none or several.
    pub(super) fn committee(&self) -> Option<u64> {
        let bytes = self.committees.as_ref()?;
        let mut set = (0..bytes.len() as u64 * 8).filter(|at| {
            let byte = usize::try_from(at / 8).ok().and_then(|place| bytes.get(place));
            byte.is_some_and(|byte| byte >> (at % 8) & 1 == 1)
        });
        let first = set.next()?;
        set.next().is_none().then_some(first)
    }
}

impl Vote {
    fn of_ssz(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let root = |at: usize| Some(Root(bytes.get(at..at + 32)?.try_into().ok()?));
        let checkpoint = |at: usize| Some(Checkpoint { epoch: crate::chain::Epoch(number(at)?), root: root(at + 8)? });
        Some(Self {
            slot: Slot(number(0)?),
            index: number(8)?,
            beacon_block_root: root(16)?,
            source: checkpoint(48)?,
            target: checkpoint(88)?,
        })
    }

    /// Its hash tree root: five leaves of eight.
    pub(super) fn root(&self) -> Root {
        let leaf = |number: u64| {
            let mut leaf = [0; 32];
            leaf[..8].copy_from_slice(&number.to_le_bytes());
            Root(leaf)
        };
        let checkpoint = |it: &Checkpoint| pair(leaf(it.epoch.0), it.root);
        let none = pair(Root::default(), Root::default());
        let left =
            pair(pair(leaf(self.slot.0), leaf(self.index)), pair(self.beacon_block_root, checkpoint(&self.source)));
        pair(left, pair(pair(checkpoint(&self.target), Root::default()), none))
    }
}

fn pair(left: Root, right: Root) -> Root {
    Root(Sha256::new().chain_update(left.0).chain_update(right.0).finalize().into())
}

/// Bytes in hex, at most so many.
pub(in crate::duty) fn hex(text: &str, most: usize) -> Option<Vec<u8>> {
    let digits = text.len().checked_sub(2)?;
    let mut bytes = vec![0; digits / 2];
    (digits / 2 <= most && unhex(text, &mut bytes)).then_some(bytes)
}
