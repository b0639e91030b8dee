//! What is read of an answer with duties, and what is wrong with one.
//!
//! The entries of attester, PTC and proposer duties have a slot, an index and a key; what else they have goes on unread.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Wanted, Whose};
use crate::books::Books;
use crate::chain::{Root, Slot, decimal, unhex};

/// What an answer says.
#[derive(Debug)]
pub(in crate::duty) struct Told<'a> {
    pub(in crate::duty) dependent_root: Root,
    pub(in crate::duty) optimistic: bool,
    pub(in crate::duty) entries: Vec<Entry<'a>>,
}

/// One duty.
#[derive(Debug, Deserialize)]
pub(in crate::duty) struct Entry<'a> {
    pub(in crate::duty) slot: Slot,
    #[serde(deserialize_with = "decimal")]
    pub(in crate::duty) validator_index: u64,
    #[serde(borrow)]
    pub(in crate::duty) pubkey: Cow<'a, str>,
}

impl<'a> Told<'a> {
    /// Reads an answer; `None` if it is none.
    pub(in crate::duty) fn read(body: &'a [u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            dependent_root: Root,
            #[serde(default)]
            execution_optimistic: Option<bool>,
            #[serde(borrow, rename = "data")]
            entries: Vec<Entry<'a>>,
        }

        let answer: Answer<'a> = serde_json::from_slice(body).ok()?;
        Some(Self {
            dependent_root: answer.dependent_root,
            optimistic: answer.execution_optimistic.unwrap_or(false),
            entries: answer.entries,
        })
    }

    /// What is wrong with it.
    pub(in crate::duty) fn objection(&self, wanted: &Wanted) -> Option<&'static str> {
        if self.entries.iter().any(|entry| !wanted.slots.contains(&entry.slot.0)) {
            return Some("duties of another epoch");
        }
        let unasked = |asked: &BTreeSet<u64>| self.entries.iter().any(|it| !asked.contains(&it.validator_index));
        match &wanted.whose {
            Whose::Once(asked) | Whose::Any(asked) if unasked(asked) => Some("duties of validators not asked for"),
            Whose::Once(_) => {
                let mut seen = BTreeSet::new();
                let twice = self.entries.iter().any(|entry| !seen.insert(entry.validator_index));
                twice.then_some("two duties of one validator")
            }
            Whose::Any(_) => None,
            Whose::EverySlot => {
                let rises = self.entries.windows(2).all(|pair| pair[0].slot < pair[1].slot);
                (!rises).then_some("slots out of order")
            }
        }
    }

    /// Whether nobody is missing. In the first epoch nobody proposes the genesis block.
    pub(in crate::duty) fn is_complete(&self, wanted: &Wanted) -> bool {
        let entries = self.entries.len() as u64;
        match &wanted.whose {
            Whose::Once(asked) => entries >= asked.len() as u64,
            // Few validators are in a PTC at all.
            Whose::Any(_) => true,
            Whose::EverySlot => entries >= wanted.slots.end - wanted.slots.start.max(1),
        }
    }
}

/// Learns from the answer of an own node.
pub(in crate::duty) fn learn(books: &mut Books, wanted: &Wanted, told: &Told<'_>) {
    for entry in &told.entries {
        if wanted.whose == Whose::EverySlot {
            books.duties.proposes(entry.slot, entry.validator_index);
        } else {
            // Keys of others would only fill the book.
            let mut key = [0; 48];
            if unhex(&entry.pubkey, &mut key) {
                books.duties.has_key(entry.validator_index, key);
            }
        }
    }
}

/// The same duties with another dependent root.
pub(super) fn with_root(body: &[u8], root: Root) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(default)]
        execution_optimistic: Option<bool>,
        #[serde(borrow, rename = "data")]
        entries: &'a RawValue,
    }

    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let optimistic = answer.execution_optimistic.unwrap_or(false);
    let entries = answer.entries;
    Some(format!(r#"{{"dependent_root":"{root}","execution_optimistic":{optimistic},"data":{entries}}}"#).into_bytes())
}
