//! The register in the form in which it survives our own restart.
//!
//! Items stand in it as they came, so that what is read again is judged by the same reader as what a validator client
//! says, and a file that somebody edited can do no more than a validator client could. It names its network: the same
//! validator index is another validator elsewhere. What the validator client has said since the start stands above it.
//!
//! Which node has what is not kept: while we were away, a node may have restarted unseen. So after our own restart every
//! node is told everything once.
//!
//! Bound: [`KEPT`] bytes of items, the most needed kinds first and of each the newest. A few thousand validators fit.
//! What does not is told again by the validator client within an epoch.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::read::{Item, items};
use super::{Form, Kind, Register, Submission, hex};
use crate::chain::{Clock, Moment, Root, unhex};

/// Bytes of items that are kept.
pub const KEPT: usize = 3 << 20;

/// The version of the form; another is not read.
const VERSION: u32 = 1;

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    version: u32,
    network: Root,
    said: Vec<Group>,
}

/// Items of one kind and form.
#[derive(Debug, Serialize, Deserialize)]
struct Group {
    operation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consensus_version: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    json: Vec<Box<RawValue>>,
    /// In hex.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ssz: Vec<String>,
}

/// Why what was kept is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It was written by a later Rangelight.
    #[error("it is of a form that this version does not know")]
    Version,
    /// It is of another network.
    #[error("it is of another network")]
    Network,
}

impl Register {
    /// What is to be kept now, of this network.
    #[must_use]
    pub fn kept(&self, network: Root) -> Kept {
        let mut room = KEPT;
        let mut said: Vec<Group> = Vec::new();
        for kind in Kind::ALL {
            let newest = self.shelf(kind).after(0).rev().map(|(_, item)| item);
            let fits = newest.take_while(|item| {
                let left = room.checked_sub(item.bytes.len());
                room = left.unwrap_or(0);
                left.is_some()
            });
            let fitting: Vec<&Item> = fits.collect();
            for item in fitting.into_iter().rev() {
                let group =
                    said.pop_if(|group| group.operation == kind.operation() && group.consensus_version == item.version);
                let mut group = group.unwrap_or_else(|| Group::new(kind, item));
                group.push(item);
                said.push(group);
            }
        }
        Kept { version: VERSION, network, said }
    }

    /// Takes in what was kept, where the validator client has not said otherwise since; how many items it was.
    ///
    /// # Errors
    ///
    /// It is of no use here.
    pub fn restore(
        &mut self,
        kept: &Kept,
        network: Root,
        clock: Option<Clock>,
        now: Moment,
    ) -> Result<usize, Unusable> {
        if kept.version != VERSION {
            return Err(Unusable::Version);
        }
        if kept.network != network {
            return Err(Unusable::Network);
        }
        let before = self.count;
        for group in &kept.said {
            let Some(kind) = Kind::of(&group.operation) else { continue };
            for (form, body) in group.lists() {
                let said = Submission { kind, form, version: group.consensus_version.as_deref(), body: &body };
                for item in items(&said) {
                    let known = self.shelf(kind).item(&item.key).is_some();
                    if !known && !item.is_over(clock, now) && !item.pays_nobody() {
                        self.put(kind, item);
                    }
                }
            }
        }
        Ok(usize::try_from(self.count - before).unwrap_or(usize::MAX))
    }
}

impl Group {
    fn new(kind: Kind, item: &Item) -> Self {
        let consensus_version = item.version.clone();
        Self { operation: kind.operation().to_owned(), consensus_version, json: Vec::new(), ssz: Vec::new() }
    }

    fn push(&mut self, item: &Item) {
        match item.form {
            Form::Json => {
                let text = String::from_utf8_lossy(&item.bytes).into_owned();
                // It was read as JSON before it became an item.
                self.json.extend(RawValue::from_string(text));
            }
            Form::Ssz => {
                self.ssz.push(hex(&item.bytes));
            }
        }
    }

    /// Its items as the lists that a validator client would send.
    fn lists(&self) -> Vec<(Form, Vec<u8>)> {
        let json = serde_json::to_vec(&self.json).unwrap_or_default();
        let mut ssz = Vec::new();
        for item in &self.ssz {
            let mut bytes = vec![0; item.len().saturating_sub(2) / 2];
            if unhex(item, &mut bytes) {
                ssz.extend(bytes);
            }
        }
        vec![(Form::Json, json), (Form::Ssz, ssz)]
    }
}
