//! Duties, standing submissions, liveness, selections, and the operation pools (groups D, E).

use super::base::{COLLECT, DUTIES, LARGE, POOL_READ, PUBLICATION, READ, STANDING, SYNTHESIZED, WHOLE};
use super::{Deadline, Media, Method, Reading, Row, Scope};

pub(super) static DUTY: &[Row] = &[
    Row {
        id: "D1",
        operation: "attester_duties",
        path: "/eth/v1/validator/duties/attester/{epoch}",
        class: "QUORUM(dependent_root)+VIEW+MEMO",
        ..DUTIES
    },
    Row {
        id: "D2",
        operation: "proposer_duties_v1",
        method: Method::Get,
        path: "/eth/v1/validator/duties/proposer/{epoch}",
        class: "QUORUM(duties equality)+VIEW+MEMO",
        note: "one node for each epoch, the next when it fails; clients differ in this form's dependent root, so it is not \
               compared",
        successor: Some("proposer_duties_v2"),
        // A wrong table costs a proposal, and a late one of our own does not.
        friends_last: true,
        body: Reading::None,
        ..DUTIES
    },
    Row {
        id: "D3",
        operation: "proposer_duties_v2",
        method: Method::Get,
        path: "/eth/v2/validator/duties/proposer/{epoch}",
        class: "QUORUM(dependent_root)+VIEW+MEMO",
        note: "as attester duties; from v1 and the view's dependent root where a node lacks it",
        friends_last: true,
        body: Reading::None,
        ..DUTIES
    },
    Row {
        id: "D4",
        operation: "sync_duties",
        path: "/eth/v1/validator/duties/sync/{epoch}",
        class: "FAILOVER+VIEW+MEMO",
        note: "all own nodes at once; entries before an empty list, which nobody's word alone makes",
        ..DUTIES
    },
    Row {
        id: "D5",
        operation: "ptc_duties",
        path: "/eth/v1/validator/duties/ptc/{epoch}",
        class: "QUORUM(dependent_root)+VIEW+MEMO",
        ..DUTIES
    },
    Row {
        id: "D6",
        operation: "committee_subscriptions",
        path: "/eth/v1/validator/beacon_committee_subscriptions",
        note: "told again to a node that was added, came back or restarted, until the duty's slot is over",
        ..STANDING
    },
    Row {
        id: "D7",
        operation: "prepare_proposers",
        path: "/eth/v1/validator/prepare_beacon_proposer",
        note: "told again to a node that was added, came back or restarted, and each epoch; the last ones are whom blocks have to \
               pay",
        scope: Scope::Propose,
        ..STANDING
    },
    Row {
        id: "D8",
        operation: "register_validators",
        path: "/eth/v1/validator/register_validator",
        class: "BROADCAST_AND_REMEMBER (config: primary only)",
        note: "told again to a node that was added, came back or restarted, never an older one after a newer; to friends' nodes only \
               when no own node is there",
        scope: Scope::Propose,
        media: Media::SszRequest,
        ..STANDING
    },
    Row {
        id: "D9",
        operation: "proposer_preferences",
        path: "/eth/v1/validator/proposer_preferences",
        class: "BROADCAST_AND_REMEMBER (byte identical)",
        note: "told again to a node that was added, came back or restarted, until their slot comes; the first of a slot and \
               dependent root are kept",
        scope: Scope::Propose,
        media: Media::SszRequest,
        ..STANDING
    },
    Row {
        id: "D10",
        operation: "liveness",
        method: Method::Post,
        path: "/eth/v1/validator/liveness/{epoch}",
        class: "MERGE (OR, fail safe)",
        note: "live if any own node has heard it; \"not live\" takes one that was ready during the whole epoch, else 503; friends are \
               asked only when no own node is ready or all that were have failed",
        // A friend's lie could let a validator start twice, or stop it.
        friends_last: true,
        // Asked in the last quarter of an epoch's last slot; later the answer would come after the duty it allows.
        deadline: Deadline::AfterMs(5_000),
        body: COLLECT,
        answer: WHOLE,
        ..READ
    },
    Row {
        id: "D11",
        operation: "committee_selections",
        path: "/eth/v1/validator/beacon_committee_selections",
        ..SELECTIONS
    },
    Row { id: "D12", operation: "sync_selections", path: "/eth/v1/validator/sync_committee_selections", ..SELECTIONS },
    Row {
        id: "D13",
        operation: "persistent_subnets",
        method: Method::Post,
        path: "/validator/persistent_subnets_subscription",
        class: "SYNTHESIZE 404",
        note: "not a path of the Beacon API; Teku reads the 404 as \"nothing to do\"",
        scope: Scope::None,
        ..SYNTHESIZED
    },
];

/// Partial selection proofs of a distributed validator: one exchange between its operators, never doubled.
const SELECTIONS: Row = Row {
    method: Method::Post,
    class: "PIN (DVT middleware only)",
    note: "to the one node whose client is Charon, once; 501 where none is",
    scope: Scope::Attest,
    hedge: None,
    // The middleware holds the call until enough operators have answered: it needs a whole slot.
    deadline: Deadline::AfterMs(12_000),
    body: COLLECT,
    answer: WHOLE,
    retry_on_new_connection: false,
    definite: &[400, 404, 414, 501],
    ..READ
};

pub(super) static POOL: &[Row] = &[
    Row { id: "E1", operation: "publish_exit", path: "/eth/v1/beacon/pool/voluntary_exits", ..PUBLICATION },
    Row {
        id: "E2",
        operation: "publish_bls_changes",
        path: "/eth/v1/beacon/pool/bls_to_execution_changes",
        ..PUBLICATION
    },
    Row {
        id: "E3",
        operation: "publish_proposer_slashing",
        path: "/eth/v1/beacon/pool/proposer_slashings",
        ..PUBLICATION
    },
    Row {
        id: "E4",
        operation: "publish_attester_slashing_v2",
        path: "/eth/v2/beacon/pool/attester_slashings",
        ..PUBLICATION
    },
    Row {
        id: "E5",
        operation: "publish_attester_slashing_v1",
        path: "/eth/v1/beacon/pool/attester_slashings",
        class: "BROADCAST to nodes that have it",
        successor: Some("publish_attester_slashing_v2"),
        ..PUBLICATION
    },
    Row {
        id: "E6",
        operation: "pool_attestations_v2",
        path: "/eth/v2/beacon/pool/attestations",
        class: "FAILOVER",
        note: "tens of MiB: streamed, no hedge",
        hedge: None,
        deadline: LARGE,
        ..POOL_READ
    },
    Row {
        id: "E7",
        operation: "pool_attestations_v1",
        path: "/eth/v1/beacon/pool/attestations",
        class: "FAILOVER",
        note: "tens of MiB: streamed, no hedge",
        successor: Some("pool_attestations_v2"),
        hedge: None,
        deadline: LARGE,
        ..POOL_READ
    },
    Row {
        id: "E8",
        operation: "pool_attester_slashings_v2",
        path: "/eth/v2/beacon/pool/attester_slashings",
        ..POOL_READ
    },
    Row {
        id: "E9",
        operation: "pool_attester_slashings_v1",
        path: "/eth/v1/beacon/pool/attester_slashings",
        successor: Some("pool_attester_slashings_v2"),
        ..POOL_READ
    },
    Row {
        id: "E10",
        operation: "pool_proposer_slashings",
        path: "/eth/v1/beacon/pool/proposer_slashings",
        ..POOL_READ
    },
    Row { id: "E11", operation: "pool_exits", path: "/eth/v1/beacon/pool/voluntary_exits", ..POOL_READ },
    Row { id: "E12", operation: "pool_bls_changes", path: "/eth/v1/beacon/pool/bls_to_execution_changes", ..POOL_READ },
];
