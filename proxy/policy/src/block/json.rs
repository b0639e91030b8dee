//! The JSON of produced blocks: the needed keys, wherever they stand; the rest is skipped.
//!
//! A friend may lie, and JSON can be read in two ways: some validator clients take the last of two equal keys, some (those
//! written in Go) also take a key that differs in case. A block that pays one address to us and another one to the
//! validator client would be exactly what the guard is there to stop. So in the objects that are looked into, a key that
//! comes twice is an error, and so is one that is like a needed key but for its case, or that is not ASCII (Unicode has
//! letters that fold to ASCII ones). Unknown keys are nobody's fault.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Address, Block, Fork, Key, Told, Unread};
use crate::chain::{Root, Slot, decimal, unhex};

/// The block, whether it came with its blobs, and its fork as far as it is told.
pub(super) fn read(
    bytes: &[u8],
    fork: Option<Fork>,
    blinded: Option<bool>,
) -> Result<(Block, bool, Option<Fork>), Unread> {
    let mut envelope = Envelope::default();
    object(bytes, &mut envelope).ok_or(Unread::Broken("cannot be read as JSON"))?;
    let version = envelope.version.as_deref().map(Fork::named).transpose()?;
    if fork.zip(version).is_some_and(|(header, field)| header != field) {
        return Err(Unread::Broken("has one fork in its header and another one in its body"));
    }
    let field = envelope.blinded.and_then(|flag| truth(flag.get()));
    if blinded.zip(field).is_some_and(|(header, field)| header != field) {
        return Err(Unread::Broken("is blinded by its header and not by its body, or the other way round"));
    }
    let with_blobs = envelope.data.block.is_some();
    let bare = envelope.data.bare;
    if with_blobs && !bare.is_empty() {
        return Err(Unread::Broken("is two blocks at once"));
    }
    let told = Told { execution: wei(envelope.execution), consensus: wei(envelope.consensus) };
    let block = envelope.data.block.unwrap_or(bare).block(told)?;
    if field.is_some_and(|field| field != block.blinded) {
        return Err(Unread::Broken("is blinded and says it is not, or the other way round"));
    }
    Ok((block, with_blobs, fork.or(version)))
}

/// The message of a signed block: alone, or with its blobs.
pub(super) fn signed(bytes: &[u8]) -> Option<Key> {
    let mut published = Published::default();
    object(bytes, &mut published)?;
    let message = match published.signed_block {
        Some(signed) => signed,
        None => published.message?,
    };
    message.key()
}

/// A value in Wei, as decimal text, quoted or not; too large for 128 bits counts as the most they hold.
#[must_use]
pub(super) fn value(text: &str) -> Option<u128> {
    let digits = text.trim().trim_matches('"');
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u128::MAX))
}

fn wei(raw: Option<&RawValue>) -> Option<u128> {
    raw.and_then(|raw| value(raw.get()))
}

fn truth(text: &str) -> Option<bool> {
    match text.trim_matches('"') {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

// === what is looked into ===

#[derive(Default)]
struct Envelope<'a> {
    version: Option<Cow<'a, str>>,
    blinded: Option<&'a RawValue>,
    execution: Option<&'a RawValue>,
    consensus: Option<&'a RawValue>,
    data: Inside,
}

#[derive(Default)]
struct Inside {
    block: Option<Bare>,
    bare: Bare,
}

#[derive(Default)]
struct Published {
    signed_block: Option<Bare>,
    message: Option<Bare>,
}

#[derive(Default)]
struct Bare {
    slot: Option<u64>,
    proposer: Option<u64>,
    parent: Option<Root>,
    state: Option<Root>,
    body: Option<Body>,
}

#[derive(Default)]
struct Body {
    randao: Option<[u8; 96]>,
    payload: Option<Payload>,
    header: Option<Payload>,
}

#[derive(Default)]
struct Payload {
    fee_recipient: Option<Address>,
    block_hash: Option<Root>,
    gas_limit: Option<u64>,
}

impl Bare {
    fn is_empty(&self) -> bool {
        matches!(self, Self { slot: None, proposer: None, parent: None, state: None, body: None })
    }

    fn key(&self) -> Option<Key> {
        Some(Key { slot: Slot(self.slot?), proposer: self.proposer?, parent: self.parent?, state: self.state? })
    }

    fn block(self, told: Told) -> Result<Block, Unread> {
        const LACKS: Unread = Unread::Broken("lacks what every block has");
        let key = self.key().ok_or(LACKS)?;
        let body = self.body.ok_or(LACKS)?;
        let (payload, blinded) = match (body.payload, body.header) {
            (Some(payload), None) => (payload, false),
            (None, Some(header)) => (header, true),
            (Some(_), Some(_)) => return Err(Unread::Broken("has a payload and the header of one")),
            (None, None) => return Err(Unread::Broken("has no payload")),
        };
        let read = |payload: Payload| {
            Some(Block {
                key,
                randao: body.randao?,
                blinded,
                fee_recipient: payload.fee_recipient?,
                block_hash: payload.block_hash?,
                gas_limit: payload.gas_limit?,
                told,
            })
        };
        read(payload).ok_or(LACKS)
    }
}

// === objects whose keys are watched ===

/// Something that takes the values of an object's needed keys.
trait Fill<'de> {
    /// The needed keys.
    const KEYS: &'static [&'static str];

    /// Takes the value of the key of that place in [`KEYS`](Self::KEYS).
    fn fill<A: MapAccess<'de>>(&mut self, key: usize, map: &mut A) -> Result<(), A::Error>;
}

struct Object<'x, T>(&'x mut T);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads one object and nothing after it.
fn object<'de, T: Fill<'de>>(bytes: &'de [u8], into: &mut T) -> Option<()> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Object(into).deserialize(&mut reader).ok()?;
    reader.end().ok()
}

impl<'de, T: Fill<'de>> DeserializeSeed<'de> for Object<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Fill<'de>> Visitor<'de> for Object<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = 0_u32;
        while let Some(Name(name)) = map.next_key()? {
            if !name.is_ascii() {
                return Err(A::Error::custom("a key that is not ASCII"));
            }
            let Some(place) = T::KEYS.iter().position(|key| key.eq_ignore_ascii_case(&name)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if T::KEYS[place] != name || seen & 1 << place != 0 {
                return Err(A::Error::custom("a key that comes twice, or in other letters"));
            }
            seen |= 1 << place;
            self.0.fill(place, &mut map)?;
        }
        Ok(())
    }
}

/// The value of a key that is an object.
fn inner<'de, T: Fill<'de> + Default, A: MapAccess<'de>>(map: &mut A) -> Result<T, A::Error> {
    let mut value = T::default();
    map.next_value_seed(Object(&mut value))?;
    Ok(value)
}

#[derive(Deserialize)]
struct Number(#[serde(deserialize_with = "decimal")] u64);

fn numeral<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<u64>, A::Error> {
    map.next_value::<Number>().map(|Number(value)| Some(value))
}

fn bytes<'de, const N: usize, A: MapAccess<'de>>(map: &mut A) -> Result<[u8; N], A::Error> {
    let Name(text) = map.next_value()?;
    let mut bytes = [0; N];
    if unhex(&text, &mut bytes) { Ok(bytes) } else { Err(A::Error::custom("hex of another length")) }
}

impl<'de> Fill<'de> for Envelope<'de> {
    const KEYS: &'static [&'static str] =
        &["version", "execution_payload_blinded", "execution_payload_value", "consensus_block_value", "data"];

    fn fill<A: MapAccess<'de>>(&mut self, key: usize, map: &mut A) -> Result<(), A::Error> {
        match key {
            0 => self.version = map.next_value::<Option<Name<'de>>>()?.map(|Name(name)| name),
            1 => self.blinded = Some(map.next_value()?),
            2 => self.execution = Some(map.next_value()?),
            3 => self.consensus = Some(map.next_value()?),
            _ => self.data = inner(map)?,
        }
        Ok(())
    }
}

impl<'de> Fill<'de> for Inside {
    const KEYS: &'static [&'static str] = &["slot", "proposer_index", "parent_root", "state_root", "body", "block"];

    fn fill<A: MapAccess<'de>>(&mut self, key: usize, map: &mut A) -> Result<(), A::Error> {
        match key {
            5 => self.block = Some(inner(map)?),
            key => self.bare.fill(key, map)?,
        }
        Ok(())
    }
}

impl<'de> Fill<'de> for Bare {
    const KEYS: &'static [&'static str] = &["slot", "proposer_index", "parent_root", "state_root", "body"];

    fn fill<A: MapAccess<'de>>(&mut self, key: usize, map: &mut A) -> Result<(), A::Error> {
        match key {
            0 => self.slot = numeral(map)?,
            1 => self.proposer = numeral(map)?,
            2 => self.parent = Some(Root(bytes(map)?)),
            3 => self.state = Some(Root(bytes(map)?)),
            _ => self.body = Some(inner(map)?),
        }
        Ok(())
    }
}

impl<'de> Fill<'de> for Body {
    const KEYS: &'static [&'static str] = &["randao_reveal", "execution_payload", "execution_payload_header"];

    fn fill<A: MapAccess<'de>>(&mut self, key: usize, map: &mut A) -> Result<(), A::Error> {
        match key {
            0 => self.randao = Some(bytes(map)?),
            1 => self.payload = Some(inner(map)?),
            _ => self.header = Some(inner(map)?),
        }
        Ok(())
    }
}

impl<'de> Fill<'de> for Payload {
    const KEYS: &'static [&'static str] = &["fee_recipient", "block_hash", "gas_limit"];

    fn fill<A: MapAccess<'de>>(&mut self, key: usize, map: &mut A) -> Result<(), A::Error> {
        match key {
            0 => self.fee_recipient = Some(Address(bytes(map)?)),
            1 => self.block_hash = Some(Root(bytes(map)?)),
            _ => self.gas_limit = numeral(map)?,
        }
        Ok(())
    }
}

impl<'de> Fill<'de> for Published {
    const KEYS: &'static [&'static str] = &["signed_block", "message"];

    fn fill<A: MapAccess<'de>>(&mut self, key: usize, map: &mut A) -> Result<(), A::Error> {
        match key {
            0 => {
                let mut signed = Self::default();
                map.next_value_seed(Object(&mut signed))?;
                self.signed_block = signed.message;
            }
            _ => self.message = Some(inner(map)?),
        }
        Ok(())
    }
}
