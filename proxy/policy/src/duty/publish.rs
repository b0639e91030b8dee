//! The rules of publications: signed messages on their way to all nodes.
//!
//! [`block`] has the messages that stand alone and weigh most (blocks, blinded blocks, payload envelopes), [`list`] those
//! that come many at a time (attestations, aggregates, sync committee messages …). What else is published (exits,
//! slashings) has no rule but its row: any node's success is success.
//!
//! The times are those that are kept on a chain with slots of 12 s, as shares of the slot. What they wait for is a
//! network and a node's work rather than the chain, so each has a floor below which a shorter slot does not push it.

use std::sync::Arc;
use std::time::Duration;

use super::{Brief, Rule};
use crate::books::Books;
use crate::chain::Clock;

pub mod block;
#[cfg(test)]
mod fixture;
pub mod list;
mod slot;

/// The slot that is assumed until the network is known.
const MAINNET_SLOT_MS: u64 = 12_000;

/// The rule of a publication; `None` if it has none but its row.
#[must_use]
pub fn rule(brief: &Brief<'_>, books: &Books) -> Option<Arc<dyn Rule>> {
    match brief.row.operation {
        "publish_block_v1"
        | "publish_block_v2"
        | "publish_blinded_block_v1"
        | "publish_blinded_block_v2"
        | "publish_envelope" => Some(Arc::new(block::PublishBlock::new(brief, books))),
        "publish_attestations_v1"
        | "publish_attestations_v2"
        | "publish_aggregates_v1"
        | "publish_aggregates_v2"
        | "publish_sync_messages"
        | "publish_contributions"
        | "publish_payload_attestations"
        | "publish_bls_changes" => Some(Arc::new(list::PublishList::new(brief, books)?)),
        _ => None,
    }
}

/// So many basis points of a slot, and no less than the floor.
fn share(clock: Option<&Clock>, basis_points: u64, floor_ms: u64) -> Duration {
    let slot_ms = clock.map_or(MAINNET_SLOT_MS, |clock| clock.slot_ms);
    Duration::from_millis((slot_ms.saturating_mul(basis_points) / 10_000).max(floor_ms))
}
