//! The families, one entry each.
//!
//! Where a source says nothing about a family, it has the plainest behaviour of the others.

use std::time::Duration;

use super::{ErrorShape, Health, Manner, Optional, SszBody, Stream, UnknownHead};

const SECONDS_15: Option<Duration> = Some(Duration::from_secs(15));

/// The plainest behaviour: what the specification says, and nothing beside it.
const PLAIN: Manner = Manner {
    version: "Plain/v1.0.0",
    code: ("XX", "Plain"),
    health: Health { syncing: 206, optimistic: 206, el_offline: 206, custom_status: true },
    tells_optimistic: true,
    tells_el_offline: true,
    sync_tolerance: 8,
    errors: ErrorShape::Plain,
    no_route: "Not found",
    wrong_method: 405,
    ssz_body: SszBody::Reads,
    ssz_duties: true,
    json_for: &[],
    demands_content_type: false,
    tells_consensus_value: true,
    stream: Stream {
        colon: ": ",
        keep_alive: SECONDS_15,
        unknown_topic: "Invalid topic: {}",
        unique_topics: false,
        head_v2: false,
        lagged: None,
    },
    empty: "",
    duplicate_block: (202, ""),
    duplicate_vote: None,
    duplicate_sync: None,
    unknown_head: UnknownHead::Lists("unknown beacon block root"),
    not_imported: 202,
    optimistic_data: (503, "Node is syncing: the head is optimistic"),
    foreign_blinded: (500, "no payload known for this header"),
    no_validator: 404,
    no_aggregate: "no aggregate found",
    idle: Duration::from_secs(75),
    tells_idle: false,
    lacks: &[],
};

pub(super) const LIGHTHOUSE: Manner = Manner {
    version: "Lighthouse/v8.0.0-0000000/x86_64-linux",
    code: ("LH", "Lighthouse"),
    health: Health { syncing: 206, optimistic: 206, el_offline: 503, custom_status: true },
    errors: ErrorShape::Stacktraces,
    no_route: "NOT_FOUND",
    stream: Stream {
        colon: ":",
        unknown_topic: "BAD_REQUEST: invalid query: unable to parse topic {}",
        head_v2: true,
        lagged: Some("error - dropped messages"),
        ..PLAIN.stream
    },
    duplicate_block: (202, "duplicate block"),
    duplicate_vote: Some("PriorAttestationKnown"),
    duplicate_sync: Some("PriorSyncCommitteeMessageKnown"),
    unknown_head: UnknownHead::Holds("UnknownHeadBlock"),
    optimistic_data: (500, "UNHANDLED_ERROR: HeadBlockNotFullyVerified"),
    foreign_blinded: (500, "UNHANDLED_ERROR: NoPayloadBuilder"),
    no_aggregate: "NOT_FOUND: no matching aggregate found",
    ..PLAIN
};

pub(super) const TEKU: Manner = Manner {
    version: "teku/v26.8.0/linux-x86_64/-eclipseadoptium-openjdk64bitservervm-java-21",
    code: ("TK", "teku"),
    health: Health { syncing: 206, optimistic: 200, el_offline: 200, custom_status: true },
    errors: ErrorShape::Strings,
    no_route: "Endpoint {method} {path} not found",
    stream: Stream { unknown_topic: "Invalid topic: {}", head_v2: true, ..PLAIN.stream },
    duplicate_block: (200, ""),
    duplicate_sync: Some("Ignoring sync committee message as a duplicate was processed during validation"),
    foreign_blinded: (500, "No cached execution payload"),
    no_validator: 400,
    lacks: &[Optional::ProduceOld],
    ..PLAIN
};

pub(super) const NIMBUS: Manner = Manner {
    version: "Nimbus/v25.9.2-000000-stateofus",
    code: ("NB", "Nimbus"),
    health: Health { syncing: 206, optimistic: 200, el_offline: 200, custom_status: false },
    tells_el_offline: false,
    no_route: "Requested resource not found",
    ssz_body: SszBody::Misreads,
    ssz_duties: false,
    stream: Stream { keep_alive: None, unknown_topic: "Invalid topics value: {}", unique_topics: true, ..PLAIN.stream },
    duplicate_block: (202, "Block was broadcast, but could not be integrated"),
    unknown_head: UnknownHead::Lists("Attempt to send attestation for unknown target"),
    lacks: &[Optional::VersionV2, Optional::ProposerV2],
    ..PLAIN
};

pub(super) const LODESTAR: Manner = Manner {
    version: "Lodestar/v1.36.0/0000000",
    code: ("LS", "Lodestar"),
    no_route: "Route {method}:{path} not found",
    json_for: &["go-eth2-client", "Go-http-client", "Vouch"],
    wrong_method: 404,
    stream: Stream {
        keep_alive: None,
        unknown_topic: "topics/0 must be equal to one of the allowed values: {}",
        ..PLAIN.stream
    },
    duplicate_block: (200, ""),
    unknown_head: UnknownHead::Lists("ATTESTATION_ERROR_UNKNOWN_OR_PREFINALIZED_BEACON_BLOCK_ROOT"),
    optimistic_data: (503, "Node is syncing - Block's execution payload not yet validated"),
    not_imported: 500,
    no_aggregate: "No aggregated attestation for this data root",
    idle: Duration::from_secs(5),
    tells_idle: true,
    lacks: &[Optional::VersionV2, Optional::ProposerV2],
    ..PLAIN
};

pub(super) const PRYSM: Manner = Manner {
    version: "Prysm/v7.1.6 (linux amd64)",
    code: ("PM", "Prysm"),
    health: Health { syncing: 206, optimistic: 206, el_offline: 200, custom_status: true },
    no_route: "404 page not found",
    ssz_body: SszBody::Refuses,
    demands_content_type: true,
    tells_consensus_value: false,
    stream: Stream { keep_alive: Some(Duration::from_secs(12)), unknown_topic: "Invalid topic: {}", ..PLAIN.stream },
    duplicate_block: (200, ""),
    not_imported: 500,
    no_aggregate: "No matching attestations found",
    lacks: &[Optional::ProduceOld, Optional::PublishV1, Optional::AttestV1],
    ..PLAIN
};

pub(super) const GRANDINE: Manner = Manner {
    version: "Grandine/2.0.1-0000000/x86_64-linux",
    code: ("GD", "Grandine"),
    health: Health { syncing: 206, optimistic: 206, el_offline: 200, custom_status: true },
    no_route: "Not Found",
    stream: Stream { unknown_topic: "failed to deserialize query string: unknown variant `{}`", ..PLAIN.stream },
    foreign_blinded: (400, "unable to publish block"),
    lacks: &[Optional::VersionV2, Optional::ProposerV2],
    ..PLAIN
};

pub(super) const CAPLIN: Manner = Manner {
    version: "Caplin/v3.2.1",
    code: ("EG", "Caplin"),
    health: Health { syncing: 206, optimistic: 200, el_offline: 200, custom_status: true },
    tells_optimistic: false,
    tells_el_offline: false,
    no_route: "404 page not found",
    duplicate_block: (200, ""),
    lacks: &[Optional::VersionV2, Optional::ProposerV2, Optional::ProduceOld],
    ..PLAIN
};
