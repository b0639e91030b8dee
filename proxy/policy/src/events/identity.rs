//! What makes two events the same.
//!
//! Two nodes write the same event with other spacing, another order of keys, numbers as strings or bare, roots in
//! either case. So an event is recognised by the values at a few paths, read in one pass that skips everything else and
//! allocates only the values wanted, and kept as 128 bits of their SHA-256: a set of identities has a known size
//! whatever the nodes send, and a hostile node cannot find two events that look the same to us.
//!
//! Strings lose their case and numbers become their decimal text; so `"0xAB"` is `"0xab"` and `"1"` is `1`.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Key, Row, VOTE};

/// What makes an event the same as another of its topic, and its place in the topic's order if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// 128 bits over the fields that identify it.
    pub key: [u8; 16],
    /// Epoch or slot by which the topic must not go backwards; `None` for topics without an order.
    pub order: Option<u64>,
}

/// The identity of an event; `None` if it is no JSON object, or lacks a field of the key.
pub(super) fn read(row: &Row, json: &str) -> Option<Identity> {
    let values = match row.key {
        Key::Whole => vec![json.to_owned()],
        Key::AttesterSlashing => slashing(json)?,
        Key::Fields(paths) => fields(json, paths)?,
    };
    let order = if row.ordered { Some(values.first()?.parse().ok()?) } else { None };
    let mut hash = Sha256::new();
    for value in &values {
        hash.update((value.len() as u64).to_le_bytes());
        hash.update(value);
    }
    let mut key = [0; 16];
    key.copy_from_slice(&hash.finalize()[..16]);
    Some(Identity { key, order })
}

/// The values at all the paths, looked for from the top, else from `data` of a wrapped event.
fn fields(json: &str, paths: &[&str]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }

    pick(json, paths).or_else(|| {
        let wrapped: Wrapped<'_> = serde_json::from_str(json).ok()?;
        pick(wrapped.data.get(), paths)
    })
}

fn pick(json: &str, paths: &[&str]) -> Option<Vec<String>> {
    let mut found = vec![None; paths.len()];
    let wanted = paths.iter().copied().enumerate().collect();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Pick { wanted, found: &mut found }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    found.into_iter().collect()
}

/// One level of the walk: the rests of the paths that lead through here, and where their values go.
struct Pick<'a> {
    wanted: Vec<(usize, &'a str)>,
    found: &'a mut [Option<String>],
}

impl Pick<'_> {
    /// A value stands here; it is the one of every path that ends here.
    fn take(self, value: &str) {
        for (index, rest) in self.wanted {
            if rest.is_empty() {
                self.found[index] = Some(value.to_ascii_lowercase());
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let wanted: Vec<_> =
                self.wanted.iter().filter_map(|(index, rest)| Some((*index, below(rest, &key)?))).collect();
            if wanted.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Pick { wanted, found: &mut *self.found })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.take(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.take(&value.to_string());
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.take(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// What is left of a path below this key; `None` if it does not lead through it.
fn below<'a>(path: &'a str, key: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(key)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// Who is slashed, and by which two votes: the same offence may be packed with other bystanders by each node.
fn slashing(json: &str) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Slashing<'a> {
        #[serde(borrow)]
        attestation_1: &'a RawValue,
        #[serde(borrow)]
        attestation_2: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Indices {
        attesting_indices: Vec<Index>,
    }
    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Index(#[serde(deserialize_with = "crate::chain::decimal")] u64);
    #[derive(Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }

    let slashing: Slashing<'_> = serde_json::from_str(json)
        .or_else(|_| serde_json::from_str::<Wrapped<'_>>(json).and_then(|it| serde_json::from_str(it.data.get())))
        .ok()?;
    let indices = |part: &RawValue| -> Option<BTreeSet<Index>> {
        let part: Indices = serde_json::from_str(part.get()).ok()?;
        Some(part.attesting_indices.into_iter().collect())
    };
    let (first, second) = (indices(slashing.attestation_1)?, indices(slashing.attestation_2)?);
    let slashed: Vec<_> = first.intersection(&second).map(|index| index.0.to_string()).collect();
    let [_, vote @ ..] = &VOTE;
    let mut votes = [pick(slashing.attestation_1.get(), vote)?, pick(slashing.attestation_2.get(), vote)?];
    votes.sort();
    Some(std::iter::once(slashed.join(",")).chain(votes.into_iter().flatten()).collect())
}

#[cfg(test)]
mod tests;
