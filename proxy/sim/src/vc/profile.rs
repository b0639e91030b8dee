//! Which validator client is played: its dialect of the API, its patience, its name.
//!
//! Times are those the client has on a network of 12 s slots; they shrink with the slot, but never below
//! [`LEAST_PATIENCE`], because a loaded machine answers no faster for shorter slots.

use std::time::Duration;

use crate::clock::Clock;

/// Below this no answer can be expected on a busy machine.
const LEAST_PATIENCE: Duration = Duration::from_millis(150);

/// The dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// v3 blocks, v2 publications, JSON.
    Json,
    /// The same, with SSZ wherever it is allowed, and JSON for good on a route that answered 415.
    Ssz,
    /// v2 blocks and v1 publications, JSON, validators by GET: before Electra only.
    Legacy,
}

/// A validator client's habits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `User-Agent`.
    pub user_agent: &'static str,
    /// The dialect.
    pub flavour: Flavour,
    /// Patience for attestation data and the head's root.
    pub attestation_data: Duration,
    /// Patience for blocks.
    pub produce: Duration,
    /// Patience for publications.
    pub publish: Duration,
    /// Patience for all other reads.
    pub read: Duration,
    /// Whether sync messages are signed for the root of the last head event when it is of this slot.
    pub trusts_head_event: bool,
    /// Whether a 400 or 500 on the event stream ends it for good.
    pub stream_is_final: bool,
    /// Topics it subscribes to, as the query string has them.
    pub topics: &'static str,
}

impl Profile {
    /// Lighthouse with one beacon node: whole-slot patience.
    pub const LIGHTHOUSE: Self = Self {
        user_agent: "Lighthouse/v8.0.0",
        flavour: Flavour::Ssz,
        attestation_data: Duration::from_secs(12),
        produce: Duration::from_secs(12),
        publish: Duration::from_secs(12),
        read: Duration::from_secs(12),
        trusts_head_event: false,
        stream_is_final: false,
        topics: "topics=head",
    };
    /// Lodestar.
    pub const LODESTAR: Self =
        Self { user_agent: "Lodestar/v1.36.0", trusts_head_event: true, stream_is_final: true, ..Self::LIGHTHOUSE };
    /// Lodestar 1.5, which knows the older API only.
    pub const LODESTAR_1_5: Self = Self {
        user_agent: "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
        flavour: Flavour::Legacy,
        ..Self::LODESTAR
    };
    /// Vero: little patience before a vote, repeated topics.
    pub const VERO: Self = Self {
        user_agent: "Vero/v1.4.1",
        flavour: Flavour::Json,
        attestation_data: Duration::from_millis(500),
        produce: Duration::from_secs(2),
        publish: Duration::from_secs(10),
        read: Duration::from_secs(10),
        topics: "topics=head&topics=chain_reorg&topics=attester_slashing&topics=proposer_slashing",
        ..Self::LIGHTHOUSE
    };
    /// Charon as the caller: two seconds for everything.
    pub const CHARON: Self = Self {
        user_agent: "obolnetwork/charon/v1.6.0",
        flavour: Flavour::Json,
        attestation_data: Duration::from_secs(2),
        produce: Duration::from_secs(2),
        publish: Duration::from_secs(2),
        read: Duration::from_secs(2),
        topics: "topics=head&topics=chain_reorg&topics=block_gossip&topics=block",
        ..Self::LIGHTHOUSE
    };

    /// A patience as it is on this network.
    pub(super) fn patience(clock: &Clock, for_twelve_seconds: Duration) -> Duration {
        clock.scaled(for_twelve_seconds).max(LEAST_PATIENCE)
    }
}
