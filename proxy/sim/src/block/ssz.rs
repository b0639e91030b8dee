//! The SSZ layouts: written front to back, read by offset.
//!
//! A container is its fixed part (values, and 4-byte offsets for what has no fixed length), then the variable parts in
//! order. [`Layout`] keeps the two apart while writing, so that no offset is written as a constant.

use crate::digest::{Address, Root};
use crate::fork::Fork;
use crate::preset::Preset;

use super::{Proposal, Signed};

/// Bytes before the body's sync aggregate: reveal, eth1 data, graffiti and five offsets.
const BEFORE_SYNC_AGGREGATE: usize = 96 + 72 + 32 + 5 * 4;
/// A block's fixed part: slot, proposer, two roots and the body's offset.
const BLOCK_FIXED: usize = 8 + 8 + 32 + 32 + 4;
/// The fixed part of a signed block: the message's offset and the signature.
const SIGNED_FIXED: usize = 4 + 96;

/// A container while it is written.
#[derive(Default)]
struct Layout {
    fixed: Vec<u8>,
    /// Where in the fixed part each variable part's offset goes, with that part.
    variable: Vec<(usize, Vec<u8>)>,
}

impl Layout {
    fn value(mut self, bytes: &[u8]) -> Self {
        self.fixed.extend(bytes);
        self
    }

    fn part(mut self, bytes: Vec<u8>) -> Self {
        self.variable.push((self.fixed.len(), bytes));
        self.fixed.extend([0; 4]);
        self
    }

    fn empty_lists(self, count: usize) -> Self {
        (0..count).fold(self, |layout, _| layout.part(Vec::new()))
    }

    fn finish(self) -> Vec<u8> {
        let mut out = self.fixed;
        for (at, bytes) in self.variable {
            let offset = u32::try_from(out.len()).unwrap_or(u32::MAX).to_le_bytes();
            out[at..at + 4].copy_from_slice(&offset);
            out.extend(bytes);
        }
        out
    }
}

pub(super) fn produced(proposal: &Proposal) -> Vec<u8> {
    let block = Layout::default()
        .value(&proposal.slot.to_le_bytes())
        .value(&proposal.proposer.to_le_bytes())
        .value(&proposal.parent.0)
        .value(&proposal.state.0)
        .part(body(proposal))
        .finish();
    if super::with_blobs(proposal.fork, proposal.blinded) {
        Layout::default().part(block).empty_lists(2).finish()
    } else {
        block
    }
}

fn body(proposal: &Proposal) -> Vec<u8> {
    let sync_bits = usize::try_from(proposal.preset.sync_committee_size() / 8).unwrap_or(0);
    let mut layout = Layout::default()
        .value(&proposal.randao)
        .value(&[0; 72])
        .value(&proposal.graffiti)
        .empty_lists(5)
        .value(&vec![0xff; sync_bits])
        .value(&[0xc0; 96])
        .part(payload(proposal))
        .empty_lists(1);
    if proposal.fork >= Fork::Deneb {
        layout = layout.empty_lists(1);
    }
    if proposal.fork >= Fork::Electra {
        layout = layout.part(Layout::default().empty_lists(3).finish());
    }
    layout.finish()
}

fn payload(proposal: &Proposal) -> Vec<u8> {
    let mut base_fee = [0; 32];
    base_fee[0] = 7;
    let mut layout = Layout::default()
        .value(&proposal.parent.0)
        .value(&proposal.fee_recipient.0)
        .value(&[0; 32 + 32 + 256 + 32])
        .value(&proposal.slot.to_le_bytes())
        .value(&30_000_000u64.to_le_bytes())
        .value(&0u64.to_le_bytes())
        .value(&proposal.timestamp.to_le_bytes())
        .empty_lists(1)
        .value(&base_fee)
        .value(&proposal.block_hash().0);
    layout = if proposal.blinded {
        layout.value(&[0; 64])
    } else if proposal.transactions == 0 {
        layout.empty_lists(2)
    } else {
        let one = Layout::default().part(vec![0xab; proposal.transactions]).finish();
        layout.part(one).empty_lists(1)
    };
    if proposal.fork >= Fork::Deneb {
        layout = layout.value(&[0; 16]);
    }
    layout.finish()
}

// === reading ===

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn offset(bytes: &[u8], at: usize) -> Option<usize> {
    array(bytes, at).and_then(|bytes| usize::try_from(u32::from_le_bytes(bytes)).ok())
}

/// The block inside what was produced.
pub(super) fn bare(bytes: &[u8], with_blobs: bool) -> Option<&[u8]> {
    if with_blobs { bytes.get(offset(bytes, 0)?..offset(bytes, 4)?) } else { Some(bytes) }
}

pub(super) fn fields(block: &[u8]) -> Option<(u64, u64, Root, Root)> {
    Some((
        u64::from_le_bytes(array(block, 0)?),
        u64::from_le_bytes(array(block, 8)?),
        Root(array(block, 16)?),
        Root(array(block, 48)?),
    ))
}

pub(super) fn sign(bytes: &[u8], with_blobs: bool, signature: &[u8; 96]) -> Option<Vec<u8>> {
    let block = bare(bytes, with_blobs)?;
    let message_at = u32::try_from(SIGNED_FIXED).ok()?.to_le_bytes();
    let signed = [&message_at[..], signature, block].concat();
    if !with_blobs {
        return Some(signed);
    }
    let (proofs, blobs) = (offset(bytes, 4)?, offset(bytes, 8)?);
    let layout = Layout::default().part(signed).part(bytes.get(proofs..blobs)?.to_vec());
    Some(layout.part(bytes.get(blobs..)?.to_vec()).finish())
}

pub(super) fn read_signed(bytes: &[u8], with_blobs: bool, preset: Preset) -> Option<Signed> {
    let signed = bare(bytes, with_blobs)?;
    if offset(signed, 0)? != SIGNED_FIXED {
        return None;
    }
    let block = signed.get(SIGNED_FIXED..)?;
    let (slot, proposer, parent, state) = fields(block)?;
    if offset(block, BLOCK_FIXED - 4)? != BLOCK_FIXED {
        return None;
    }
    let body = block.get(BLOCK_FIXED..)?;
    let sync_aggregate = usize::try_from(preset.sync_committee_size() / 8).ok()? + 96;
    let payload = body.get(offset(body, BEFORE_SYNC_AGGREGATE + sync_aggregate)?..)?;
    Some(Signed {
        slot,
        proposer,
        parent,
        state,
        randao: array(body, 0)?,
        fee_recipient: Address(array(payload, 32)?),
        signature: array(signed, 4)?,
    })
}
