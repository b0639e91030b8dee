//! Node, configuration and genesis, strays, and the rows that stand for every path not listed (groups G, K).
//!
//! What identifies the network or a node's health comes from our own knowledge: it must be the same whichever node is
//! alive, because validator clients compare it and stop when it changes. What would disclose one node's addresses or
//! reach its administration is refused, and the refusal names where to ask instead.

use super::base::{DENIED, READ, SYNTHESIZED};
use super::{BODY_LIMIT, Media, Method, Reading, Row, Scope, Strategy};

pub(super) static NODE: &[Row] = &[
    Row { id: "G1", operation: "genesis", path: "/eth/v1/beacon/genesis", ..PINNED },
    Row { id: "G2", operation: "spec", path: "/eth/v1/config/spec", ..PINNED },
    Row { id: "G3", operation: "fork_schedule", path: "/eth/v1/config/fork_schedule", ..PINNED },
    Row { id: "G4", operation: "deposit_contract", path: "/eth/v1/config/deposit_contract", ..PINNED },
    Row { id: "G5", operation: "health", path: "/eth/v1/node/health", success: &[200, 206], ..SYNTHESIZED },
    Row { id: "G6", operation: "syncing", path: "/eth/v1/node/syncing", ..SYNTHESIZED },
    Row {
        id: "G7",
        operation: "version_v1",
        path: "/eth/v1/node/version",
        class: "SYNTHESIZE (or passthrough)",
        successor: Some("version_v2"),
        ..SYNTHESIZED
    },
    Row {
        id: "G8",
        operation: "version_v2",
        path: "/eth/v2/node/version",
        class: "SYNTHESIZE (or passthrough)",
        ..SYNTHESIZED
    },
    Row { id: "G9", operation: "peer_count", path: "/eth/v1/node/peer_count", ..SYNTHESIZED },
    Row { id: "G10", operation: "identity", path: "/eth/v1/node/identity", ..PRIVATE },
    Row { id: "G11", operation: "peers", path: "/eth/v1/node/peers", ..PRIVATE },
    Row { id: "G12", operation: "peer", path: "/eth/v1/node/peers/{peer_id}", ..PRIVATE },
];

/// Taken from the network once and kept.
const PINNED: Row = Row { class: "SYNTHESIZE (pinned snapshot)", ..SYNTHESIZED };

/// A node's addresses and peers.
const PRIVATE: Row = Row {
    class: "DENY by default; FAILOVER to the leader if enabled",
    note: "not served here: it differs between nodes and discloses their addresses; ask the beacon node itself",
    ..DENIED
};

pub(super) static STRAY: &[Row] = &[
    Row {
        id: "K1",
        operation: "lighthouse_staking",
        path: "/lighthouse/staking",
        class: "SYNTHESIZE 200/404",
        note: "an empty 200: yes, a validator client may stake here",
        ..SYNTHESIZED
    },
    Row {
        id: "K2",
        operation: "teku_proposer_config",
        path: "/teku_proposer_config",
        class: "DENY (404)",
        note: "there is no proposer configuration here; configure the validator client itself",
        ..DENIED
    },
    Row {
        id: "K3",
        operation: "proposer_config",
        path: "/proposer_config",
        class: "DENY (404)",
        note: "there is no proposer configuration here; configure the validator client itself",
        ..DENIED
    },
];

/// Stands for every read that is not listed.
pub static UNLISTED_READ: Row = Row {
    id: "K4",
    operation: "unlisted_read",
    path: UNKNOWN_PATH,
    class: UNKNOWN_CLASS,
    note: "fails over without hedge; the status is passed on",
    scope: Scope::None,
    hedge: None,
    media: Media::SszAnswer,
    success: &[200, 202, 203, 204, 206],
    ..READ
};

/// Stands for every write that is not listed.
pub static UNLISTED_WRITE: Row = Row {
    id: "K4",
    operation: "unlisted_write",
    method: Method::Any,
    path: UNKNOWN_PATH,
    strategy: Strategy::Once,
    class: UNKNOWN_CLASS,
    note: "own validator client: once to the view's own node, never sent again; peers: 404",
    scope: Scope::None,
    hedge: None,
    media: Media::SszBoth,
    body: Reading::Stream { limit: BODY_LIMIT },
    retry_on_new_connection: false,
    success: &[200, 201, 202, 204],
    ..READ
};

/// Stands for every path of a node's or key manager's administration, and for debug paths not listed.
pub static ADMIN: Row = Row {
    id: "K5",
    operation: "admin",
    method: Method::Any,
    path: "/lighthouse/*, /prysm/*, /teku/*, /nimbus/*, /eth/v1/keystores, /eth/v1/remotekeys, /metrics",
    note: "never passed on: administration, key management and debugging; ask the beacon node itself",
    ..DENIED
};

const UNKNOWN_PATH: &str = "/eth/v*/... unknown";
const UNKNOWN_CLASS: &str = "GET/HEAD: FAILOVER to the leader if `allow_unknown`, POST: DENY (404)";
