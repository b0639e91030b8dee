//! Signed blocks: bare, blinded, and with what is sent beside them.
//!
//! In SSZ a signed block is an offset of 100 and the signature, then the block, which begins with slot and proposer on
//! every fork. Since Deneb a full block comes as the first of several parts (block, proofs, blobs; later forks may add
//! more), told apart by the first offset: it is four times the number of parts, and never 100. In JSON it is `message` and
//! `signature`, at the top or under `signed_block`.

use serde::Deserialize;

use super::{Deed, Message, SIGNATURE, Signer, Unreadable, Validator, array, name_of, number, offset, part};
use crate::chain::{Root, Slot};

/// The fixed part of a signed block: the block's offset and the signature.
const SIGNED_FIXED: usize = 4 + SIGNATURE;

/// A body of several parts has at least two of them, and at most this many.
const MOST_PARTS: usize = 8;

#[derive(Deserialize)]
struct Body {
    message: Option<Block>,
    #[serde(default, deserialize_with = "some_signature")]
    signature: Option<Root>,
    signed_block: Option<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    message: Block,
    #[serde(deserialize_with = "super::signature")]
    signature: Root,
}

#[derive(Deserialize)]
struct Block {
    slot: Slot,
    #[serde(deserialize_with = "crate::chain::decimal")]
    proposer_index: u64,
}

fn some_signature<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Root>, D::Error> {
    super::signature(deserializer).map(Some)
}

pub(super) fn read_json(body: &[u8]) -> Result<Message, Unreadable> {
    let body: Body = serde_json::from_slice(body)?;
    match (body.message, body.signature, body.signed_block) {
        (Some(block), Some(signature), None) => Ok(message(block.slot, block.proposer_index, signature)),
        (None, None, Some(signed)) => Ok(message(signed.message.slot, signed.message.proposer_index, signed.signature)),
        _ => Err(Unreadable::Json("either `message` and `signature`, or `signed_block` expected".to_owned())),
    }
}

pub(super) fn read_ssz(body: &[u8]) -> Result<Message, Unreadable> {
    let first = offset(body, 0)?;
    let signed = match first {
        SIGNED_FIXED => body,
        _ if first.is_multiple_of(4) && (2..=MOST_PARTS).contains(&(first / 4)) => part(body, first, offset(body, 4)?)?,
        _ => return Err(Unreadable::Ssz("it does not begin like a signed block")),
    };
    if offset(signed, 0)? != SIGNED_FIXED {
        return Err(Unreadable::Ssz("its first part does not begin like a signed block"));
    }
    let signature: [u8; SIGNATURE] = array(signed, 4)?;
    Ok(message(Slot(number(signed, SIGNED_FIXED)?), number(signed, SIGNED_FIXED + 8)?, name_of(&signature)))
}

fn message(slot: Slot, proposer: u64, signature: Root) -> Message {
    let signer = Signer::Index(Validator(proposer));
    Message { place: 0, signer, deed: Deed::Block { slot }, signature, data: None }
}
