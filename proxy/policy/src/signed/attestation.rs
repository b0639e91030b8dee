//! Single attestations, of whichever container.
//!
//! Since Electra an attestation on its way out names its validator (`SingleAttestation`, 240 bytes). Before it, and on the
//! old route, it sets one bit for a seat in a committee, whose holder only the duties tell. Under both the signature is the
//! validator's own, so the same vote sent both ways is one message. An attestation with several bits is an aggregate: its
//! signature is nobody's own, and it cannot be judged.

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    AttestationData, Deed, Items, MOST_ITEMS, Message, SIGNATURE, Signer, Unreadable, Validator, array, fixed, name_of,
    number, offset, part,
};
use crate::chain::{Checkpoint, Epoch, Root, Slot};

/// Bytes of `AttestationData`.
const DATA_SIZE: usize = 128;
/// Bytes of a `SingleAttestation`: committee, attester, data, signature.
pub(super) const SINGLE: usize = 16 + DATA_SIZE + SIGNATURE;
/// The fixed part of the older container: the bits' offset, data, signature.
const OLDER_FIXED: usize = 4 + DATA_SIZE + SIGNATURE;
/// Bytes of the longest bitlist: one bit for each validator of a slot, and the length bit.
const MOST_BITS: usize = 131_072 / 8 + 1;

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(default, deserialize_with = "some_number")]
    attester_index: Option<u64>,
    #[serde(borrow)]
    aggregation_bits: Option<Cow<'a, str>>,
    #[serde(borrow)]
    committee_bits: Option<Cow<'a, str>>,
    data: AttestationData,
    #[serde(deserialize_with = "super::signature")]
    signature: Root,
}

fn some_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    crate::chain::decimal(deserializer).map(Some)
}

/// Whether attestations of this consensus version are in the older container.
pub(super) fn before_electra(version: &str) -> bool {
    ["phase0", "altair", "bellatrix", "capella", "deneb"].iter().any(|fork| fork.eq_ignore_ascii_case(version))
}

pub(super) fn read_json(body: &[u8]) -> Result<Vec<Message>, Unreadable> {
    let items: Items<Item<'_>> = serde_json::from_slice(body)?;
    items.0.into_iter().enumerate().map(|(place, item)| item.message(place)).collect()
}

pub(super) fn read_single_ssz(body: &[u8]) -> Result<Vec<Message>, Unreadable> {
    let items = fixed(body, SINGLE)?.enumerate();
    let read = |(place, item): (usize, &[u8])| {
        let signer = Signer::Index(Validator(number(item, 8)?));
        let signature: [u8; SIGNATURE] = array(item, 16 + DATA_SIZE)?;
        Ok(message(place, signer, read_data(item, 16)?, name_of(&signature)))
    };
    items.map(read).collect()
}

pub(super) fn read_older_ssz(body: &[u8]) -> Result<Vec<Message>, Unreadable> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let first = offset(body, 0)?;
    if first == 0 || !first.is_multiple_of(4) {
        return Err(Unreadable::Ssz("it does not begin like a list"));
    }
    let count = first / 4;
    if count > MOST_ITEMS {
        return Err(Unreadable::TooMany);
    }
    let read = |place: usize| {
        let end = if place + 1 == count { body.len() } else { offset(body, 4 * (place + 1))? };
        let item = part(body, offset(body, 4 * place)?, end)?;
        if offset(item, 0)? != OLDER_FIXED {
            return Err(Unreadable::Ssz("an item does not begin like an attestation"));
        }
        let data = read_data(item, 4)?;
        let signature: [u8; SIGNATURE] = array(item, 4 + DATA_SIZE)?;
        let bits = part(item, OLDER_FIXED, item.len())?;
        Ok(message(place, seat(&data, data.index, bits)?, data, name_of(&signature)))
    };
    (0..count).map(read).collect()
}

impl Item<'_> {
    fn message(&self, place: usize) -> Result<Message, Unreadable> {
        let signer = match (self.attester_index, &self.aggregation_bits) {
            (Some(index), None) => Signer::Index(Validator(index)),
            (None, Some(bits)) => {
                let committee = match &self.committee_bits {
                    None => Some(self.data.index),
                    Some(bits) => only_bit(&unhex(bits)?).and_then(|bit| u64::try_from(bit).ok()),
                };
                match committee {
                    Some(committee) => seat(&self.data, committee, &unhex(bits)?)?,
                    None => Signer::Untold,
                }
            }
            _ => {
                let message = "either `attester_index` or `aggregation_bits` expected";
                return Err(Unreadable::Json(message.to_owned()));
            }
        };
        Ok(message(place, signer, self.data, self.signature))
    }
}

fn message(place: usize, signer: Signer, data: AttestationData, signature: Root) -> Message {
    let deed = Deed::Vote { source: data.source.epoch, target: data.target.epoch };
    Message { place, signer, deed, signature, data: Some(data) }
}

/// The signer that a bitlist tells. Its highest bit is its length, not a seat.
fn seat(data: &AttestationData, committee: u64, bits: &[u8]) -> Result<Signer, Unreadable> {
    let Some((last, rest)) = bits.split_last().filter(|(last, _)| **last != 0) else {
        return Err(Unreadable::Ssz("a bitlist has no length"));
    };
    if bits.len() > MOST_BITS {
        return Err(Unreadable::Ssz("a bitlist is too long"));
    }
    let seats = [rest, &[last & !(1 << last.ilog2())]].concat();
    let signer = |position| Signer::Seat { slot: data.slot, committee, position };
    Ok(only_bit(&seats).map_or(Signer::Untold, signer))
}

/// The place of the only bit that is set.
fn only_bit(bytes: &[u8]) -> Option<usize> {
    let mut set = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0);
    match (set.next(), set.next()) {
        (Some((place, byte)), None) if byte.is_power_of_two() => Some(place * 8 + byte.trailing_zeros() as usize),
        _ => None,
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, Unreadable> {
    let wrong = || Unreadable::Json("bits in hex expected".to_owned());
    if text.len() > 2 + 2 * MOST_BITS {
        return Err(wrong());
    }
    let mut bytes = vec![0; text.len().saturating_sub(2) / 2];
    if crate::chain::unhex(text, &mut bytes) { Ok(bytes) } else { Err(wrong()) }
}

fn read_data(bytes: &[u8], at: usize) -> Result<AttestationData, Unreadable> {
    let checkpoint = |at: usize| -> Result<Checkpoint, Unreadable> {
        Ok(Checkpoint { epoch: Epoch(number(bytes, at)?), root: Root(array(bytes, at + 8)?) })
    };
    Ok(AttestationData {
        slot: Slot(number(bytes, at)?),
        index: number(bytes, at + 8)?,
        beacon_block_root: Root(array(bytes, at + 16)?),
        source: checkpoint(at + 48)?,
        target: checkpoint(at + 88)?,
    })
}
