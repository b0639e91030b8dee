//! Sync committee messages. Nothing of them can be slashed; a second, different one for a slot is a sign that two
//! validator clients sign with one key, and is alarmed.

use serde::Deserialize;

use super::{Items, SIGNATURE, Unreadable, Validator, array, fixed, name_of, number};
use crate::chain::{Root, Slot};

/// Bytes of a `SyncCommitteeMessage`: slot, root, validator, signature.
pub(super) const SYNC: usize = 8 + 32 + 8 + SIGNATURE;

/// `SyncCommitteeMessage` (consensus-specs, altair validator).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncMessage {
    /// Its slot.
    pub slot: Slot,
    /// Who signed it.
    pub validator: Validator,
    /// The head that it names.
    pub beacon_block_root: Root,
    /// SHA-256 of its BLS signature.
    pub signature: Root,
}

#[derive(Deserialize)]
struct Item {
    slot: Slot,
    beacon_block_root: Root,
    #[serde(deserialize_with = "crate::chain::decimal")]
    validator_index: u64,
    #[serde(deserialize_with = "super::signature")]
    signature: Root,
}

/// The sync committee messages of a body, in their order.
///
/// # Errors
///
/// The body is no list of such messages, or holds too many.
pub fn read_sync(ssz: bool, body: &[u8]) -> Result<Vec<SyncMessage>, Unreadable> {
    if ssz {
        return fixed(body, SYNC)?.map(read_one).collect();
    }
    let items: Items<Item> = serde_json::from_slice(body)?;
    let message = |item: Item| SyncMessage {
        slot: item.slot,
        validator: Validator(item.validator_index),
        beacon_block_root: item.beacon_block_root,
        signature: item.signature,
    };
    Ok(items.0.into_iter().map(message).collect())
}

fn read_one(item: &[u8]) -> Result<SyncMessage, Unreadable> {
    let signature: [u8; SIGNATURE] = array(item, 48)?;
    Ok(SyncMessage {
        slot: Slot(number(item, 0)?),
        beacon_block_root: Root(array(item, 8)?),
        validator: Validator(number(item, 40)?),
        signature: name_of(&signature),
    })
}
