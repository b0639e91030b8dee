//! What duties depend on, and what the view knows of it.
//!
//! The duties of an epoch E are fixed by a block some time before it, the dependent root. A validator client compares
//! the root in an answer with the root in each head event and asks again when they differ, so an answer of another chain
//! than the view's makes an endless loop. With X = epoch of the view's head:
//!
//! | duties | depend on | the view knows it as |
//! |---|---|---|
//! | attester, PTC, proposer v2 of X | the block before X-1 | its first root |
//! | the same of X+1 | the block before X | its second root |
//! | proposer v1 of X | the block before X; after Fulu clients differ | not compared |
//!
//! Other epochs are not known, nor is anything before the head was told.

use std::collections::BTreeSet;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::chain::{Clock, Epoch, Root, decimal};
use crate::node::{Snapshot, Tier, Trust, ViewState};

/// A validator index as it stands in a request.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Index(#[serde(deserialize_with = "decimal")] u64);

/// The dependent root of attester duties, PTC duties and proposer duties v2 of an epoch, if the view knows it.
pub(super) fn known(view: &ViewState, clock: &Clock, epoch: Epoch) -> Option<Root> {
    let (this, next) = view.dependent?;
    let head = clock.epoch(view.slot);
    match epoch.0.checked_sub(head.0)? {
        0 => Some(this),
        1 => Some(next),
        _ => None,
    }
}

/// Both roots that the view knows, as one.
pub(super) fn both(view: &ViewState) -> Option<Root> {
    let (this, next) = view.dependent?;
    Some(Root(Sha256::new().chain_update(this.0).chain_update(next.0).finalize().into()))
}

/// The indices that a request asks for; `None` if its body is no list of them.
pub(super) fn indices(body: &[u8]) -> Option<BTreeSet<u64>> {
    let indices: Vec<Index> = serde_json::from_slice(body).ok()?;
    Some(indices.into_iter().map(|index| index.0).collect())
}

/// A short name for a set of indices, for keys.
pub(super) fn digest(indices: &BTreeSet<u64>) -> Root {
    let hash = indices.iter().fold(Sha256::new(), |hash, index| hash.chain_update(index.to_le_bytes()));
    Root(hash.finalize().into())
}

/// Whether an own node can answer now.
pub(super) fn own_is_ready(snapshot: &Snapshot) -> bool {
    snapshot.nodes.iter().any(|node| node.profile.trust == Trust::Own && node.tier == Tier::Ready)
}
