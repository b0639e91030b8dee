//! Reads of states, blocks and headers, rewards, light client, debug, and the event stream (groups H, I, J).
//!
//! Reads of the head follow the view, so that what a caller reads fits to the head it was told. Whole validator sets
//! and blobs are hundreds of MiB: they stream, and a second node is asked late or never. Debug paths are refused: one
//! of them costs a node more than all duties together.

use super::base::{COLLECT, DENIED, LARGE, LATE, READ, VIEW_READ};
use super::{Deadline, Media, Method, Row, Scope, Strategy};

pub(super) static CHAIN: &[Row] = &[
    Row {
        id: "H1",
        operation: "validators",
        path: "/eth/v1/beacon/states/{state_id}/validators",
        note: SOME_VALIDATORS,
        ..LARGE_READ
    },
    Row {
        id: "H2",
        operation: "validators_post",
        method: Method::Post,
        path: "/eth/v1/beacon/states/{state_id}/validators",
        note: SOME_VALIDATORS,
        body: COLLECT,
        ..LARGE_READ
    },
    Row {
        id: "H3",
        operation: "validator",
        path: "/eth/v1/beacon/states/{state_id}/validators/{validator_id}",
        ..VIEW_READ
    },
    Row {
        id: "H4",
        operation: "validator_balances",
        path: "/eth/v1/beacon/states/{state_id}/validator_balances",
        media: Media::SszAnswer,
        ..LARGE_READ
    },
    Row {
        id: "H5",
        operation: "validator_balances_post",
        method: Method::Post,
        path: "/eth/v1/beacon/states/{state_id}/validator_balances",
        media: Media::SszAnswer,
        body: COLLECT,
        ..LARGE_READ
    },
    Row {
        id: "H6",
        operation: "validator_identities",
        method: Method::Post,
        path: "/eth/v1/beacon/states/{state_id}/validator_identities",
        media: Media::SszAnswer,
        body: COLLECT,
        ..LARGE_READ
    },
    Row { id: "H7", operation: "state_fork", path: "/eth/v1/beacon/states/{state_id}/fork", ..VIEW_READ },
    Row {
        id: "H8",
        operation: "finality_checkpoints",
        path: "/eth/v1/beacon/states/{state_id}/finality_checkpoints",
        class: "QUORUM(k=2)+VIEW for head, else FAILOVER",
        note: "QUORUM comes later; until then fails over inside the view",
        ..VIEW_READ
    },
    Row { id: "H9", operation: "state_root", path: "/eth/v1/beacon/states/{state_id}/root", ..VIEW_READ },
    Row { id: "H10", operation: "committees", path: "/eth/v1/beacon/states/{state_id}/committees", ..LARGE_READ },
    Row {
        id: "H11",
        operation: "sync_committees",
        path: "/eth/v1/beacon/states/{state_id}/sync_committees",
        ..VIEW_READ
    },
    Row { id: "H12", operation: "randao", path: "/eth/v1/beacon/states/{state_id}/randao", ..VIEW_READ },
    Row {
        id: "H13",
        operation: "pending_consolidations",
        path: "/eth/v1/beacon/states/{state_id}/pending_consolidations",
        media: Media::SszAnswer,
        ..VIEW_READ
    },
    Row {
        id: "H14",
        operation: "pending_deposits",
        path: "/eth/v1/beacon/states/{state_id}/pending_deposits",
        media: Media::SszAnswer,
        ..LARGE_READ
    },
    Row {
        id: "H15",
        operation: "pending_partial_withdrawals",
        path: "/eth/v1/beacon/states/{state_id}/pending_partial_withdrawals",
        media: Media::SszAnswer,
        ..LARGE_READ
    },
    Row {
        id: "H16",
        operation: "proposer_lookahead",
        path: "/eth/v1/beacon/states/{state_id}/proposer_lookahead",
        media: Media::SszAnswer,
        ..VIEW_READ
    },
    Row { id: "H17", operation: "headers", path: "/eth/v1/beacon/headers", ..VIEW_READ },
    Row { id: "H18", operation: "header", path: "/eth/v1/beacon/headers/{block_id}", ..VIEW_READ },
    Row {
        id: "H19",
        operation: "block_v2",
        path: "/eth/v2/beacon/blocks/{block_id}",
        media: Media::SszAnswer,
        ..VIEW_READ
    },
    Row {
        id: "H20",
        operation: "block_v1",
        path: "/eth/v1/beacon/blocks/{block_id}",
        class: "DENY (404)",
        note: "removed from the Beacon API; use /eth/v2/beacon/blocks/{block_id}",
        ..DENIED
    },
    Row {
        id: "H21",
        operation: "block_attestations_v2",
        path: "/eth/v2/beacon/blocks/{block_id}/attestations",
        ..READ
    },
    Row {
        id: "H22",
        operation: "block_attestations_v1",
        path: "/eth/v1/beacon/blocks/{block_id}/attestations",
        class: "FAILOVER over nodes that have it",
        successor: Some("block_attestations_v2"),
        ..READ
    },
    Row {
        id: "H23",
        operation: "blinded_block",
        path: "/eth/v1/beacon/blinded_blocks/{block_id}",
        media: Media::SszAnswer,
        ..READ
    },
    Row { id: "H24", operation: "blobs", path: "/eth/v1/beacon/blobs/{block_id}", ..BLOBS },
    Row {
        id: "H25",
        operation: "blob_sidecars",
        path: "/eth/v1/beacon/blob_sidecars/{block_id}",
        successor: Some("blobs"),
        ..BLOBS
    },
    Row { id: "H26", operation: "deposit_snapshot", path: "/eth/v1/beacon/deposit_snapshot", ..REMOVED },
    Row {
        id: "H27",
        operation: "expected_withdrawals",
        path: "/eth/v1/builder/states/{state_id}/expected_withdrawals",
        ..REMOVED
    },
];

/// What the rule of some validators does.
const SOME_VALIDATORS: &str = "of up to 64 the missing ones are looked for at other own nodes; GET instead of POST and POST instead of GET where a node \
     lacks one";

/// Follows the view; may be hundreds of MiB when nothing narrows it.
const LARGE_READ: Row = Row { hedge: LATE, deadline: LARGE, ..VIEW_READ };

/// Rollups' reads. From Fulu on only supernodes must answer, so a 404 is often the node's, not the chain's.
const BLOBS: Row = Row {
    class: "FAILOVER (supernodes first)",
    note: "supernodes first comes later; until then in the usual order, all nodes before a 404",
    scope: Scope::None,
    hedge: None,
    deadline: LARGE,
    media: Media::SszAnswer,
    definite: &[414],
    ..READ
};

/// Removed from the API without a successor, still read by old tools.
const REMOVED: Row = Row {
    class: "FAILOVER over nodes that have it",
    note: "native where a node has it, else 404",
    scope: Scope::None,
    media: Media::SszAnswer,
    ..READ
};

pub(super) static EXTRA: &[Row] = &[
    Row {
        id: "I1",
        operation: "sync_committee_rewards",
        method: Method::Post,
        path: "/eth/v1/beacon/rewards/sync_committee/{block_id}",
        body: COLLECT,
        ..REWARDS
    },
    Row { id: "I2", operation: "block_rewards", path: "/eth/v1/beacon/rewards/blocks/{block_id}", ..REWARDS },
    Row {
        id: "I3",
        operation: "attestation_rewards",
        method: Method::Post,
        path: "/eth/v1/beacon/rewards/attestations/{epoch}",
        body: COLLECT,
        ..REWARDS
    },
    Row {
        id: "I4",
        operation: "light_client_bootstrap",
        path: "/eth/v1/beacon/light_client/bootstrap/{block_root}",
        ..LIGHT
    },
    Row { id: "I5", operation: "light_client_updates", path: "/eth/v1/beacon/light_client/updates", ..LIGHT },
    Row {
        id: "I6",
        operation: "light_client_finality_update",
        path: "/eth/v1/beacon/light_client/finality_update",
        ..LIGHT
    },
    Row {
        id: "I7",
        operation: "light_client_optimistic_update",
        path: "/eth/v1/beacon/light_client/optimistic_update",
        ..LIGHT
    },
    Row { id: "I8", operation: "debug_state_v2", path: "/eth/v2/debug/beacon/states/{state_id}", ..DEBUG },
    Row { id: "I9", operation: "debug_state_v1", path: "/eth/v1/debug/beacon/states/{state_id}", ..DEBUG },
    Row { id: "I10", operation: "debug_heads_v2", path: "/eth/v2/debug/beacon/heads", ..DEBUG },
    Row { id: "I11", operation: "debug_heads_v1", path: "/eth/v1/debug/beacon/heads", ..DEBUG },
    Row { id: "I12", operation: "debug_fork_choice_v1", path: "/eth/v1/debug/fork_choice", ..DEBUG },
    Row { id: "I13", operation: "debug_fork_choice_v2", path: "/eth/v2/debug/fork_choice", ..DEBUG },
    Row {
        id: "I14",
        operation: "debug_data_columns",
        path: "/eth/v1/debug/beacon/data_column_sidecars/{block_id}",
        ..DEBUG
    },
];

/// Expensive for a node: states are replayed for old ids.
const REWARDS: Row = Row { class: "FAILOVER (no hedge)", scope: Scope::None, hedge: None, deadline: LARGE, ..READ };

/// Nodes without the light client server answer 404.
const LIGHT: Row = Row { media: Media::SszAnswer, definite: &[414], ..READ };

/// Never passed on.
const DEBUG: Row = Row {
    class: "DENY by default; FAILOVER (no hedge) if enabled",
    note: "not served here: debug answers are hundreds of MiB of one node; ask the beacon node itself",
    media: Media::SszAnswer,
    ..DENIED
};

pub(super) static EVENTS: &[Row] = &[Row {
    id: "J1",
    operation: "events",
    path: "/eth/v1/events",
    strategy: Strategy::Events,
    class: "MERGE (section d)",
    note: "one stream merged from all nodes; it ends with no node's",
    scope: Scope::Events,
    hedge: None,
    deadline: Deadline::None,
    media: Media::Events,
    ..READ
}];
