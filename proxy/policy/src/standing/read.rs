//! One submission's items: what each is about, the one fact that is read of it, and its bytes as they came.
//!
//! Items are kept and told again byte for byte, because some are signed, and because a field that we do not know must
//! not be lost. SSZ items have one length each, from the containers of the builder and Gloas specifications; their fields
//! stand at fixed places. What cannot be read is left out here; it has gone to the nodes all the same.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Form, ITEMS, Kind, Submission};
use crate::chain::{Clock, Epoch, Moment, Root, Slot, decimal, unhex};

/// `SignedValidatorRegistration`: fee recipient 20, gas limit 8, timestamp 8, public key 48, signature 96.
const REGISTRATION_BYTES: usize = 180;
/// `SignedProposerPreferences`: dependent root 32, slot 8, validator 8, fee recipient 20, gas limit 8, signature 96.
const PREFERENCES_BYTES: usize = 172;

/// Preferences are told an epoch ahead. One further away than three was misread, or is of another network.
const FARTHEST_EPOCHS: u64 = 3;

/// The longest `Eth-Consensus-Version` that is kept; the names of forks are shorter.
const VERSION_BYTES: usize = 32;

/// One item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) key: Key,
    /// Whose it is; 0 where it names a public key instead.
    pub(super) validator: u64,
    pub(super) fact: Fact,
    pub(super) form: Form,
    /// The fork's name that came with it, where the operation has one.
    pub(super) version: Option<Arc<str>>,
    pub(super) bytes: Arc<[u8]>,
}

/// What an item is about: of two with one key only one is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Validator(u64),
    Pubkey([u8; 48]),
    Proposal { slot: Slot, dependent_root: Root },
    Sync { validator: u64, until: Epoch },
    Committee { slot: Slot, committee: u64, validator: u64 },
}

/// What is read of an item beside its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Recipient([u8; 20]),
    /// In seconds.
    Signed {
        timestamp: u64,
    },
    /// Of use until this slot is over.
    Until(Slot),
    /// Of use until this epoch begins.
    Epoch(Epoch),
}

#[derive(Deserialize)]
struct Preparation<'a> {
    #[serde(deserialize_with = "decimal")]
    validator_index: u64,
    #[serde(borrow)]
    fee_recipient: Cow<'a, str>,
}

#[derive(Deserialize)]
struct SignedRegistration<'a> {
    #[serde(borrow)]
    message: Registration<'a>,
}

#[derive(Deserialize)]
struct Registration<'a> {
    #[serde(deserialize_with = "decimal")]
    timestamp: u64,
    #[serde(borrow)]
    pubkey: Cow<'a, str>,
}

#[derive(Deserialize)]
struct SignedPreferences {
    message: Preferences,
}

#[derive(Deserialize)]
struct Preferences {
    /// Drafts before it was added are of one root.
    #[serde(default)]
    dependent_root: Root,
    proposal_slot: Slot,
    #[serde(deserialize_with = "decimal")]
    validator_index: u64,
}

#[derive(Deserialize)]
struct SyncSubscription {
    #[serde(deserialize_with = "decimal")]
    validator_index: u64,
    until_epoch: Epoch,
}

#[derive(Deserialize)]
struct CommitteeSubscription {
    #[serde(deserialize_with = "decimal")]
    validator_index: u64,
    #[serde(deserialize_with = "decimal")]
    committee_index: u64,
    slot: Slot,
}

/// The items of a submission that can be read, at most as many as are kept.
pub(super) fn items(said: &Submission<'_>) -> Vec<Item> {
    let version = said.version.filter(|version| said.kind == Kind::Preferences && version.len() <= VERSION_BYTES);
    let version: Option<Arc<str>> = version.map(Arc::from);
    let item = |bytes: &[u8], (key, validator, fact)| Item {
        key,
        validator,
        fact,
        form: said.form,
        version: version.clone(),
        bytes: bytes.into(),
    };
    match (said.form, said.kind) {
        (Form::Json, kind) => {
            let Ok(list) = serde_json::from_slice::<Vec<&RawValue>>(said.body) else { return Vec::new() };
            let read = list.into_iter().take(ITEMS).map(RawValue::get);
            read.filter_map(|text| Some(item(text.as_bytes(), from_json(kind, text)?))).collect()
        }
        (Form::Ssz, Kind::Registrations) => {
            chunks(said.body, REGISTRATION_BYTES).filter_map(|bytes| Some(item(bytes, registration(bytes)?))).collect()
        }
        (Form::Ssz, Kind::Preferences) => {
            chunks(said.body, PREFERENCES_BYTES).filter_map(|bytes| Some(item(bytes, preferences(bytes)?))).collect()
        }
        // No node takes the others as SSZ.
        (Form::Ssz, _) => Vec::new(),
    }
}

type Read = (Key, u64, Fact);

fn from_json(kind: Kind, text: &str) -> Option<Read> {
    match kind {
        Kind::Preparations => {
            let Preparation { validator_index, fee_recipient } = serde_json::from_str(text).ok()?;
            let mut recipient = [0; 20];
            unhex(&fee_recipient, &mut recipient).then_some((
                Key::Validator(validator_index),
                validator_index,
                Fact::Recipient(recipient),
            ))
        }
        Kind::Registrations => {
            let Registration { timestamp, pubkey } = serde_json::from_str::<SignedRegistration<'_>>(text).ok()?.message;
            let mut key = [0; 48];
            unhex(&pubkey, &mut key).then_some((Key::Pubkey(key), 0, Fact::Signed { timestamp }))
        }
        Kind::Preferences => {
            let said = serde_json::from_str::<SignedPreferences>(text).ok()?.message;
            let key = Key::Proposal { slot: said.proposal_slot, dependent_root: said.dependent_root };
            Some((key, said.validator_index, Fact::Until(said.proposal_slot)))
        }
        Kind::SyncSubscriptions => {
            let SyncSubscription { validator_index: validator, until_epoch: until } =
                serde_json::from_str(text).ok()?;
            Some((Key::Sync { validator, until }, validator, Fact::Epoch(until)))
        }
        Kind::CommitteeSubscriptions => {
            let said = serde_json::from_str::<CommitteeSubscription>(text).ok()?;
            let (slot, validator) = (said.slot, said.validator_index);
            let key = Key::Committee { slot, committee: said.committee_index, validator };
            Some((key, validator, Fact::Until(Slot(slot.0.saturating_add(1)))))
        }
    }
}

/// The items of a list of equally long ones; none if the length does not fit.
fn chunks(body: &[u8], length: usize) -> impl Iterator<Item = &[u8]> {
    let fits = body.len().is_multiple_of(length);
    body.chunks_exact(length).take(if fits { ITEMS } else { 0 })
}

fn registration(bytes: &[u8]) -> Option<Read> {
    let key = bytes.get(36..84)?.try_into().ok()?;
    Some((Key::Pubkey(key), 0, Fact::Signed { timestamp: number(bytes, 28)? }))
}

fn preferences(bytes: &[u8]) -> Option<Read> {
    let dependent_root = Root(bytes.get(..32)?.try_into().ok()?);
    let slot = Slot(number(bytes, 32)?);
    Some((Key::Proposal { slot, dependent_root }, number(bytes, 40)?, Fact::Until(slot)))
}

/// A number as SSZ writes it.
fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

impl Item {
    /// Whether its time is over, or so far away that it was misread.
    pub(super) fn is_over(&self, clock: Option<Clock>, now: Moment) -> bool {
        let Some(clock) = clock else { return false };
        let Some(slot) = clock.slot(now) else { return false };
        match &self.fact {
            Fact::Until(until) if matches!(self.key, Key::Proposal { .. }) => {
                // Told again only while the slot is to come.
                *until <= slot || until.0 > slot.0.saturating_add(FARTHEST_EPOCHS * clock.slots_per_epoch)
            }
            Fact::Until(until) => *until < slot,
            Fact::Epoch(until) => *until <= clock.epoch(slot),
            Fact::Recipient(_) | Fact::Signed { .. } => false,
        }
    }
    /// Whether it is a preparation for the zero address, which is passed on but never wanted.
    pub(super) fn pays_nobody(&self) -> bool {
        self.fact == Fact::Recipient([0; 20])
    }
}
