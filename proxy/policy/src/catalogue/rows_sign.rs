//! What a validator signs or has signed: attestations, blocks, sync committee messages (groups A, B, C).
//!
//! Old forms (attestations v1, production v2) stay native where a node has them: their containers cannot be rewritten, and
//! a validator client that speaks them expects their answers. Nodes without them answer 404, which is only shown when no
//! other node did better. Blocks are the same in both forms, so each node gets the one that it has.

use super::base::{AGGREGATE, BLOCK_PUBLICATION, COLLECT, DENIED, GATING_READ, PRODUCTION, PUBLICATION, STANDING};
use super::{Media, Method, Row, Scope};

pub(super) static ATTESTATION: &[Row] = &[
    Row {
        id: "A1",
        operation: "attestation_data",
        path: "/eth/v1/validator/attestation_data",
        class: "BEST+VIEW+MEMO, checkpoints by QUORUM(k=2 distinct clients)",
        note: "all own nodes at once; friends confirm; withheld (503) where independent families contradict each other on \
               source and target",
        media: Media::SszAnswer,
        optimistic_is_bad: true,
        ..GATING_READ
    },
    Row {
        id: "A2",
        operation: "aggregate_attestation_v2",
        path: "/eth/v2/validator/aggregate_attestation",
        class: "BEST",
        note: BEST_BITS,
        deadline: AGGREGATE,
        media: Media::SszAnswer,
        ..GATING_READ
    },
    Row {
        id: "A3",
        operation: "aggregate_attestation_v1",
        path: "/eth/v1/validator/aggregate_attestation",
        class: "BEST (pre-Electra slots), else 404",
        note: BEST_BITS,
        successor: Some("aggregate_attestation_v2"),
        deadline: AGGREGATE,
        ..GATING_READ
    },
    Row {
        id: "A4",
        operation: "publish_aggregates_v2",
        path: "/eth/v2/validator/aggregate_and_proofs",
        media: Media::SszRequest,
        ..PUBLICATION
    },
    Row {
        id: "A5",
        operation: "publish_aggregates_v1",
        path: "/eth/v1/validator/aggregate_and_proofs",
        class: "BROADCAST to the nodes that still have it",
        successor: Some("publish_aggregates_v2"),
        ..PUBLICATION
    },
    Row {
        id: "A6",
        operation: "publish_attestations_v2",
        path: "/eth/v2/beacon/pool/attestations",
        media: Media::SszRequest,
        ..PUBLICATION
    },
    Row {
        id: "A7",
        operation: "publish_attestations_v1",
        path: "/eth/v1/beacon/pool/attestations",
        class: "BROADCAST to the nodes that still have it",
        successor: Some("publish_attestations_v2"),
        ..PUBLICATION
    },
];

/// What guarded mode makes of production.
const PRODUCED: &str = "all own nodes at once, the best block at 1.2 s or S + 2 s that the block guard lets pass; friends from \
                        0.6 s or S + 1 s without one, for whole blocks only; one answer per slot and reveal";

pub(super) static BLOCK: &[Row] = &[
    Row {
        id: "B1",
        operation: "produce_block_v3",
        path: "/eth/v3/validator/blocks/{slot}",
        class: "BEST+VIEW+MEMO; blinded answers PIN the publish",
        note: PRODUCED,
        ..PRODUCTION
    },
    Row { id: "B2", operation: "produce_block_v4", path: "/eth/v4/validator/blocks/{slot}", ..PRODUCTION },
    Row {
        id: "B3",
        operation: "produce_block_v4_post",
        method: Method::Post,
        path: "/eth/v4/validator/blocks/{slot}",
        media: Media::SszBoth,
        body: COLLECT,
        ..PRODUCTION
    },
    Row {
        id: "B4",
        operation: "produce_block_v2",
        path: "/eth/v2/validator/blocks/{slot}",
        class: "TRANSLATE to v3 (BEST), else native FAILOVER",
        note: "native where a node has it, else 404; as B1",
        successor: Some("produce_block_v3"),
        ..PRODUCTION
    },
    Row {
        id: "B5",
        operation: "produce_blinded_block",
        path: "/eth/v1/validator/blinded_blocks/{slot}",
        class: "native FAILOVER + PIN, else 404",
        note: "native where a node has it, else 404; as B1, own nodes only",
        successor: Some("produce_block_v3"),
        ..PRODUCTION
    },
    Row {
        id: "B6",
        operation: "produce_block_v1",
        path: "/eth/v1/validator/blocks/{slot}",
        class: "DENY (404)",
        note: "removed from the Beacon API; use /eth/v3/validator/blocks/{slot}",
        ..DENIED
    },
    Row {
        id: "B7",
        operation: "publish_block_v2",
        path: "/eth/v2/beacon/blocks",
        class: "BROADCAST (producer first)",
        note: "to all at once; with consensus_and_equivocation one own node checks it first",
        ..BLOCK_PUBLICATION
    },
    Row {
        id: "B8",
        operation: "publish_block_v1",
        path: "/eth/v1/beacon/blocks",
        class: "TRANSLATE to v2, BROADCAST",
        note: "as v2 at level gossip, with the version of the slot's fork; natively to a node without v2",
        successor: Some("publish_block_v2"),
        ..BLOCK_PUBLICATION
    },
    Row {
        id: "B9",
        operation: "publish_blinded_block_v2",
        path: "/eth/v2/beacon/blinded_blocks",
        class: "PIN then BROADCAST on failure",
        note: "to its producer, to the others when that one fails; to all own nodes while it is not known",
        ..BLOCK_PUBLICATION
    },
    Row {
        id: "B10",
        operation: "publish_blinded_block_v1",
        path: "/eth/v1/beacon/blinded_blocks",
        class: "TRANSLATE to v2, PIN then BROADCAST",
        note: "as B9, in the form of B8",
        successor: Some("publish_blinded_block_v2"),
        ..BLOCK_PUBLICATION
    },
];

/// What the rule of aggregates and contributions does.
const BEST_BITS: &str = "all own nodes at once, the answer with most bits; a friend's only if no own node has one";

pub(super) static SYNC: &[Row] = &[
    Row {
        id: "C1",
        operation: "block_root",
        path: "/eth/v1/beacon/blocks/{block_id}/root",
        class: "`head`: BEST+VIEW+MEMO; other ids: FAILOVER",
        note: "the head is answered from the view, the same for each caller once it has published with it; other blocks fail \
               over",
        scope: Scope::Read,
        optimistic_is_bad: true,
        ..GATING_READ
    },
    Row { id: "C2", operation: "publish_sync_messages", path: "/eth/v1/beacon/pool/sync_committees", ..PUBLICATION },
    Row {
        id: "C3",
        operation: "sync_contribution",
        path: "/eth/v1/validator/sync_committee_contribution",
        class: "BEST",
        note: BEST_BITS,
        deadline: AGGREGATE,
        ..GATING_READ
    },
    Row {
        id: "C4",
        operation: "publish_contributions",
        path: "/eth/v1/validator/contribution_and_proofs",
        ..PUBLICATION
    },
    Row {
        id: "C5",
        operation: "sync_committee_subscriptions",
        path: "/eth/v1/validator/sync_committee_subscriptions",
        note: "told again to a node that was added, came back or restarted, until `until_epoch`",
        ..STANDING
    },
];
