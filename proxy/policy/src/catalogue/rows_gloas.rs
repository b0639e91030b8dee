//! What Gloas brings: payload attestations, payload envelopes, bids (group F).
//!
//! The fork is still moving: singular and path forms of earlier drafts are listed beside the present ones and are
//! native, because nodes of different months have different ones.

use super::base::{
    BLOCK_PUBLICATION, COLLECT, DENIED, GATING_READ, POOL_READ, PRODUCTION, PUBLICATION, STANDING, VIEW_READ,
};
use super::{Deadline, Hedge, Media, Method, Row, Scope};

pub(super) static GLOAS: &[Row] = &[
    Row {
        id: "F1",
        operation: "payload_attestation_data",
        path: "/eth/v1/validator/payload_attestation_data",
        class: "BEST+VIEW+MEMO",
        ..PAYLOAD_ATTESTATION
    },
    Row {
        id: "F2",
        operation: "payload_attestation_data_by_slot",
        path: "/eth/v1/validator/payload_attestation_data/{slot}",
        class: "TRANSLATE (alias)",
        successor: Some("payload_attestation_data"),
        ..PAYLOAD_ATTESTATION
    },
    Row {
        id: "F3",
        operation: "publish_payload_attestations",
        path: "/eth/v1/beacon/pool/payload_attestations",
        media: Media::SszRequest,
        ..PUBLICATION
    },
    Row {
        id: "F4",
        operation: "pool_payload_attestations",
        path: "/eth/v1/beacon/pool/payload_attestations",
        class: "FAILOVER",
        note: "",
        media: Media::SszAnswer,
        ..POOL_READ
    },
    Row {
        id: "F5",
        operation: "produced_envelope",
        path: "/eth/v1/validator/execution_payload_envelopes/{slot}/{beacon_block_root}",
        class: "SYNTHESIZE from memo, else PIN",
        note: "MEMO and PIN come later; until then all nodes are tried, the producer among them, own ones first",
        hedge: Some(Hedge::Quantile),
        // Only its producer has it, so the other nodes' 404 says nothing; it must be out before half of the slot.
        deadline: Deadline::IntoSlot { at: 5_000, at_least: 2_500 },
        ..PRODUCTION
    },
    Row {
        id: "F6",
        operation: "publish_envelope",
        path: "/eth/v1/beacon/execution_payload_envelopes",
        class: "BROADCAST when it carries blobs (or the proxy can add them), else PIN",
        note: "to all at once, the producer among them, whether or not it carries blobs",
        ..BLOCK_PUBLICATION
    },
    Row {
        id: "F7",
        operation: "payload_envelope",
        path: "/eth/v1/beacon/execution_payload_envelopes/{block_id}",
        media: Media::SszAnswer,
        ..VIEW_READ
    },
    Row {
        id: "F8",
        operation: "payload_envelope_alias",
        path: "/eth/v1/beacon/execution_payload_envelope/{block_id}",
        class: "TRANSLATE (alias) or 404",
        note: "native where a node has it, else 404",
        successor: Some("payload_envelope"),
        media: Media::SszAnswer,
        ..VIEW_READ
    },
    Row {
        id: "F9",
        operation: "publish_bid",
        method: Method::Post,
        path: "/eth/v1/beacon/execution_payload_bids",
        class: "DENY by default; BROADCAST if enabled",
        ..BUILDER
    },
    Row {
        id: "F10",
        operation: "publish_bid_alias",
        method: Method::Post,
        path: "/eth/v1/beacon/execution_payload_bid",
        successor: Some("publish_bid"),
        ..BUILDER
    },
    Row {
        id: "F11",
        operation: "produce_bid",
        path: "/eth/v1/validator/execution_payload_bids/{slot}/{builder_index}",
        class: "DENY by default; PIN if enabled",
        ..BUILDER
    },
    Row {
        id: "F12",
        operation: "produce_bid_alias",
        path: "/eth/v1/validator/execution_payload_bid/{slot}/{builder_index}",
        successor: Some("produce_bid"),
        ..BUILDER
    },
    Row {
        id: "F13",
        operation: "builders",
        method: Method::Post,
        path: "/eth/v1/beacon/states/{state_id}/builders",
        body: COLLECT,
        ..VIEW_READ
    },
    Row {
        id: "F14",
        operation: "builder_preferences",
        path: "/eth/v1/validator/builder_preferences/{pubkey}",
        class: "BROADCAST_AND_REMEMBER when enabled",
        note: "broadcast; not remembered, for no released validator client sends it",
        scope: Scope::Propose,
        media: Media::SszRequest,
        ..STANDING
    },
];

/// What was seen of a payload. 204 is an answer: no block in this slot.
const PAYLOAD_ATTESTATION: Row = Row {
    note: "BEST and MEMO come later; until then fails over inside the view",
    // Asked at three quarters of the slot; what is not there at its end is of no use.
    deadline: Deadline::Share(2_500),
    media: Media::SszAnswer,
    success: &[200, 204],
    ..GATING_READ
};

/// A builder's operations, not a validator's.
const BUILDER: Row =
    Row { note: "not served here: a builder's operation; ask the beacon node itself", media: Media::SszBoth, ..DENIED };
