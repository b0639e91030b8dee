//! Which block was signed: the four fields at the front of a published one, whole or blinded, alone or with its blobs.
//!
//! A published block is only read to find out who made it. One that cannot be read is nobody's: it still goes to every
//! node that may take it, for a message that was signed is never held back for want of understanding it.

use super::{Key, json, layout};
use crate::ssz::{offset, part};

/// The message's offset and the signature.
const SIGNED_FIXED: usize = 100;

/// The block in a publication; `None` if it cannot be told.
#[must_use]
pub fn signed(body: &[u8], ssz: bool) -> Option<Key> {
    if !ssz {
        return json::signed(body);
    }
    // A signed block alone begins with an offset of 100, which no contents begin with.
    let block = layout::contents(body).unwrap_or(body);
    (offset(block, 0)? == SIGNED_FIXED).then_some(())?;
    layout::key(part(block, SIGNED_FIXED, 0, None)?)
}
