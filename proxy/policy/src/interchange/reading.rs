//! Reading a file: one pass, nothing kept but what counts.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::newest::{Blocks, Votes};
use super::{Interchange, Pubkey, Refused, Signed, VERSION};
use crate::chain::{Epoch, Root, Slot};
use crate::slashing::MOST_VALIDATORS;

/// The longest part of a JSON error that is kept; it may quote the file.
const QUOTED: usize = 160;

/// What a list says when it is too long; serde carries errors as text.
const TOO_MANY: &str = "too many validators";

#[derive(Deserialize)]
struct File {
    metadata: Metadata,
    #[serde(rename = "data")]
    validators: Validators,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(deserialize_with = "version")]
    interchange_format_version: String,
    genesis_validators_root: Root,
}

/// The version, as a text or a number.
fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Version {
        Text(String),
        Number(u64),
    }
    Ok(match Version::deserialize(deserializer)? {
        Version::Text(text) => text.chars().take(QUOTED).collect(),
        Version::Number(number) => number.to_string(),
    })
}

#[derive(Deserialize)]
struct Entry {
    pubkey: Pubkey,
    signed_blocks: Folded<Blocks>,
    signed_attestations: Folded<Votes>,
}

#[derive(Deserialize)]
struct Block {
    slot: Slot,
    signing_root: Option<Root>,
}

#[derive(Deserialize)]
struct Vote {
    source_epoch: Epoch,
    target_epoch: Epoch,
    signing_root: Option<Root>,
}

pub(super) fn read(bytes: &[u8], ours: Root) -> Result<Interchange, Refused> {
    let file = match serde_json::from_slice::<File>(bytes) {
        Ok(file) => file,
        // A file of another version need not have the shape of this one; say the more telling thing.
        Err(error) => return Err(other_version(bytes).unwrap_or_else(|| refused(&error))),
    };
    let Metadata { interchange_format_version: version, genesis_validators_root: theirs } = file.metadata;
    if version != VERSION.to_string() {
        return Err(Refused::Version(version));
    }
    if theirs != ours {
        return Err(Refused::OtherNetwork { ours, theirs });
    }
    Ok(Interchange { validators: file.validators.0 })
}

fn refused(error: &serde_json::Error) -> Refused {
    let text = error.to_string();
    if text.starts_with(TOO_MANY) {
        return Refused::TooManyValidators;
    }
    Refused::Json(text.chars().take(QUOTED).collect())
}

fn other_version(bytes: &[u8]) -> Option<Refused> {
    #[derive(Deserialize)]
    struct Any {
        metadata: Told,
    }
    #[derive(Deserialize)]
    struct Told {
        #[serde(deserialize_with = "version")]
        interchange_format_version: String,
    }
    let version = serde_json::from_slice::<Any>(bytes).ok()?.metadata.interchange_format_version;
    (version != VERSION.to_string()).then_some(Refused::Version(version))
}

/// The entries by key; several of one key are one.
struct Validators(BTreeMap<Pubkey, Signed>);

impl<'de> Deserialize<'de> for Validators {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ValidatorsVisitor)
    }
}

struct ValidatorsVisitor;

impl<'de> Visitor<'de> for ValidatorsVisitor {
    type Value = Validators;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of validators")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Validators, A::Error> {
        let mut validators: BTreeMap<Pubkey, Signed> = BTreeMap::new();
        while let Some(entry) = list.next_element::<Entry>()? {
            if validators.len() == MOST_VALIDATORS && !validators.contains_key(&entry.pubkey) {
                return Err(Error::custom(TOO_MANY));
            }
            let signed = validators.entry(entry.pubkey).or_default();
            signed.blocks.merge(&entry.signed_blocks.0);
            signed.votes.merge(&entry.signed_attestations.0);
        }
        Ok(Validators(validators))
    }
}

/// A list that is folded while it is read.
struct Folded<T>(T);

trait Fold: Default {
    type Item<'de>: Deserialize<'de>;
    fn fold(&mut self, item: Self::Item<'_>);
}

impl Fold for Blocks {
    type Item<'de> = Block;

    fn fold(&mut self, item: Block) {
        self.put(item.slot, item.signing_root);
    }
}

impl Fold for Votes {
    type Item<'de> = Vote;

    fn fold(&mut self, item: Vote) {
        self.put(item.source_epoch, item.target_epoch, item.signing_root);
    }
}

impl<'de, T: Fold> Deserialize<'de> for Folded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FoldedVisitor(PhantomData))
    }
}

struct FoldedVisitor<T>(PhantomData<T>);

impl<'de, T: Fold> Visitor<'de> for FoldedVisitor<T> {
    type Value = Folded<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of signed messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Folded<T>, A::Error> {
        let mut folded = T::default();
        while let Some(item) = list.next_element::<T::Item<'de>>()? {
            folded.fold(item);
        }
        Ok(Folded(folded))
    }
}
