//! The SSZ of produced blocks, by offset.
//!
//! What stands where depends on three things: the size of the sync committee (which differs between presets), the fork (which
//! adds offsets to the body's end), and whether the payload is there whole or as its header. None of them is a constant
//! here, and all three can be seen in the block itself: the first offset of a container is the length of its fixed part.
//! So a block that is not of the fork or the network it should be of has an impossible length somewhere, and is refused
//! instead of being read at the wrong places.
//!
//! ```text
//! contents   offset of block = 12 | offset of proofs | offset of blobs | block …
//! block      slot 8 | proposer 8 | parent 32 | state 32 | offset of body = 84 | body
//! body       reveal 96 | eth1 data 72 | graffiti 32 | 5 offsets | sync bits n/8 | signature 96 | 1 to 4 offsets | …
//! payload    parent 32 | fee recipient 20 | 4 roots and the bloom 352 | numbers 32 | offset of extra data | …
//! ```

use super::{Address, Block, Fork, Key, Sizes, Told, Unread};
use crate::chain::{Root, Slot};
use crate::ssz::{array, number, offset, part};

/// Three offsets.
const CONTENTS_FIXED: usize = 12;
/// Slot, proposer, two roots, the body's offset.
pub(super) const BLOCK_FIXED: usize = 84;
/// Reveal, eth1 data, graffiti; the first offset follows.
const FIRST_OFFSET: usize = 96 + 72 + 32;
/// All before the sync committee's bits, and its signature after them.
const AROUND_BITS: usize = FIRST_OFFSET + 5 * 4 + 96;
/// Where a payload and its header have the offset of their extra data, their first.
const EXTRA_DATA: usize = 436;

/// The block, whether it came with its blobs, and its fork as far as it can be told.
pub(super) fn read(bytes: &[u8], fork: Option<Fork>, sizes: Sizes) -> Result<(Block, bool, Option<Fork>), Unread> {
    const SHORT: Unread = Unread::Broken("is cut off, or has offsets that point nowhere");
    let contents = contents(bytes);
    let block = contents.unwrap_or(bytes);
    let key = key(block).ok_or(Unread::Broken("is no block"))?;
    let body = part(block, BLOCK_FIXED, BLOCK_FIXED - 4, None).ok_or(SHORT)?;
    let fixed = offset(body, FIRST_OFFSET).ok_or(SHORT)?;
    let offsets =
        trailing_offsets(fixed, fork, sizes).ok_or(Unread::Broken("has not the sizes of its fork and network"))?;
    let at = fixed - 4 * offsets;
    let payload = part(body, fixed, at, (offsets > 1).then_some(at + 4)).ok_or(SHORT)?;
    let blinded = is_header(offsets, offset(payload, EXTRA_DATA).ok_or(SHORT)?)
        .ok_or(Unread::Broken("has a payload of another fork"))?;
    let read = || {
        Some(Block {
            key,
            randao: array(body, 0)?,
            blinded,
            fee_recipient: Address(array(payload, 32)?),
            block_hash: Root(array(payload, 472)?),
            gas_limit: number(payload, 412)?,
            told: Told::default(),
        })
    };
    let block = read().ok_or(SHORT)?;
    // Without a version, the newest fork of that shape.
    let shown = [Fork::Bellatrix, Fork::Capella, Fork::Deneb, Fork::Fulu].get(offsets - 1).copied();
    Ok((block, contents.is_some(), fork.or(shown)))
}

/// The fields that every block begins with.
pub(super) fn key(block: &[u8]) -> Option<Key> {
    (offset(block, BLOCK_FIXED - 4)? == BLOCK_FIXED).then_some(())?;
    Some(Key {
        slot: Slot(number(block, 0)?),
        proposer: number(block, 8)?,
        parent: Root(array(block, 16)?),
        state: Root(array(block, 48)?),
    })
}

/// The block among its blobs; `None` if it came alone. A lone block begins with its slot, whose upper half is 0 where the
/// offset of the proofs would stand, so the two cannot be confused.
pub(super) fn contents(bytes: &[u8]) -> Option<&[u8]> {
    let block = part(bytes, CONTENTS_FIXED, 0, Some(4))?;
    (offset(bytes, 0)? == CONTENTS_FIXED).then_some(())?;
    part(bytes, CONTENTS_FIXED, 4, Some(8))?;
    part(bytes, CONTENTS_FIXED, 8, None)?;
    Some(block)
}

/// How many offsets follow the sync aggregate, of a body whose fixed part has this length: the payload's, and one more
/// with each of Capella, Deneb and Electra. `None` if that fork and that sync committee cannot have such a body.
fn trailing_offsets(fixed: usize, fork: Option<Fork>, sizes: Sizes) -> Option<usize> {
    let rest = fixed.checked_sub(AROUND_BITS)?;
    let of_fork = fork.map(|fork| match fork {
        Fork::Bellatrix => 1,
        Fork::Capella => 2,
        Fork::Deneb => 3,
        Fork::Electra | Fork::Fulu => 4,
    });
    let bits = sizes.sync_committee.and_then(|size| usize::try_from(size.div_ceil(8)).ok());
    match (of_fork, bits) {
        (Some(offsets), Some(bits)) => (bits.checked_add(4 * offsets)? == rest).then_some(offsets),
        (Some(offsets), None) => (rest > 4 * offsets).then_some(offsets),
        (None, Some(bits)) => {
            let offsets = rest.checked_sub(bits)?;
            (offsets.is_multiple_of(4) && (4..=16).contains(&offsets)).then_some(offsets / 4)
        }
        (None, None) => None,
    }
}

/// Whether a payload whose fixed part has this length is only its header; `None` if neither has it in that fork.
fn is_header(offsets: usize, fixed: usize) -> Option<bool> {
    // Capella adds withdrawals (an offset, or a root), Deneb two numbers.
    let (whole, header) = match offsets {
        1 => (508, 536),
        2 => (512, 568),
        _ => (528, 584),
    };
    if fixed == whole {
        Some(false)
    } else if fixed == header {
        Some(true)
    } else {
        None
    }
}
