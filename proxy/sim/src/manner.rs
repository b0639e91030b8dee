//! How each consensus family answers, as one table.
//!
//! Eight clients implement one API and agree on the good case only. What differs is kept here as values, never as
//! branches on a family elsewhere, so that a family's whole behaviour is read in one place (`manner/families.rs`) and
//! another family is one more entry. Sources are the clients' code and the reports of their users.

use std::time::Duration;

mod families;

/// A consensus family that a node can play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Consensus {
    /// Lighthouse.
    Lighthouse,
    /// Teku.
    Teku,
    /// Nimbus.
    Nimbus,
    /// Lodestar.
    Lodestar,
    /// Prysm.
    Prysm,
    /// Grandine.
    Grandine,
    /// Erigon's Caplin.
    Caplin,
}

/// An execution family behind a node: only its name is visible, through `node/version` v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Execution {
    /// Geth.
    Geth,
    /// Nethermind.
    Nethermind,
    /// Besu.
    Besu,
    /// Reth.
    Reth,
    /// Erigon.
    Erigon,
    /// EthereumJS.
    EthereumJs,
}

/// All consensus families.
pub const FAMILIES: [Consensus; 7] = [
    Consensus::Lighthouse,
    Consensus::Teku,
    Consensus::Nimbus,
    Consensus::Lodestar,
    Consensus::Prysm,
    Consensus::Grandine,
    Consensus::Caplin,
];

/// Routes that not every family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optional {
    /// `GET node/version` v2.
    VersionV2,
    /// `GET duties/proposer` v2.
    ProposerV2,
    /// `GET validator/blocks` v2 and `blinded_blocks` v1.
    ProduceOld,
    /// `POST beacon/blocks` v1 and `blinded_blocks` v1.
    PublishV1,
    /// `pool/attestations` v1, `aggregate_attestation` v1, `aggregate_and_proofs` v1.
    AttestV1,
    /// `POST states/{id}/validators`.
    ValidatorsPost,
}

/// `node/health` by the node's state; 200 when nothing is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// While syncing.
    pub syncing: u16,
    /// While the head is optimistic.
    pub optimistic: u16,
    /// While the execution client is offline.
    pub el_offline: u16,
    /// Whether `syncing_status` replaces the code for syncing.
    pub custom_status: bool,
}

/// The shape of an error body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorShape {
    /// `{"code":404,"message":…}`.
    Plain,
    /// The same with an empty `stacktraces` list.
    Stacktraces,
    /// `{"code":"404","message":…}`, and string indices in failure lists.
    Strings,
}

/// What a node does with an SSZ body on the pool routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SszBody {
    /// Reads it.
    Reads,
    /// 415, in plain text.
    Refuses,
    /// Does not look at the media type, reads it as JSON, and answers 400.
    Misreads,
}

/// What a node does with a vote for a block that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownHead {
    /// Holds the request for up to a slot, in case the block comes.
    Holds(&'static str),
    /// Lists it as a failure at once.
    Lists(&'static str),
}

/// The event stream.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// What follows `event` and `data`: a colon, with or without a space.
    pub colon: &'static str,
    /// Pause between keep-alive comments on a network of 12 s slots; `None` = never one.
    pub keep_alive: Option<Duration>,
    /// The 400 for a topic it does not have; `{}` stands for the topic.
    pub unknown_topic: &'static str,
    /// Whether a topic named twice is refused.
    pub unique_topics: bool,
    /// Whether it sends `head_v2`.
    pub head_v2: bool,
    /// What it does with a subscriber that reads too slowly: a comment with this text, or it hangs up.
    pub lagged: Option<&'static str>,
}

/// Everything that differs.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The name and version in `node/version` v1.
    pub version: &'static str,
    /// Code and name in `node/version` v2.
    pub code: (&'static str, &'static str),
    /// `node/health`.
    pub health: Health,
    /// Whether `node/syncing` has `is_optimistic`.
    pub tells_optimistic: bool,
    /// Whether `node/syncing` has `el_offline`.
    pub tells_el_offline: bool,
    /// Beyond this distance it says that it is syncing.
    pub sync_tolerance: u64,
    /// Error bodies.
    pub errors: ErrorShape,
    /// 404 for a path it does not have; `{method}` and `{path}` are filled in.
    pub no_route: &'static str,
    /// The status for a known path with another method.
    pub wrong_method: u16,
    /// SSZ bodies on pool routes.
    pub ssz_body: SszBody,
    /// Whether attestation data and aggregates are answered in SSZ to those who prefer it.
    pub ssz_duties: bool,
    /// Callers whose `User-Agent` begins so get JSON for duties whatever they prefer.
    pub json_for: &'static [&'static str],
    /// Whether a body without `Content-Type` is answered with 415.
    pub demands_content_type: bool,
    /// Whether the consensus value of a block is told; an empty string if not.
    pub tells_consensus_value: bool,
    /// The event stream.
    pub stream: Stream,
    /// The body of an empty success.
    pub empty: &'static str,
    /// What a block that it already has is answered with.
    pub duplicate_block: (u16, &'static str),
    /// How votes it already has are listed as failures; `None` = not at all.
    pub duplicate_vote: Option<&'static str>,
    /// The same for sync committee messages.
    pub duplicate_sync: Option<&'static str>,
    /// Votes for an unknown block.
    pub unknown_head: UnknownHead,
    /// The status for a block that was broadcast and could not be imported.
    pub not_imported: u16,
    /// Attestation data while the head is optimistic.
    pub optimistic_data: (u16, &'static str),
    /// A blinded block that another node made.
    pub foreign_blinded: (u16, &'static str),
    /// A validator that is not there.
    pub no_validator: u16,
    /// No aggregate for that root.
    pub no_aggregate: &'static str,
    /// How long an idle connection is kept.
    pub idle: Duration,
    /// Whether `Keep-Alive: timeout=…` announces it.
    pub tells_idle: bool,
    /// What it does not have.
    pub lacks: &'static [Optional],
}

impl Consensus {
    /// Its name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lighthouse => "lighthouse",
            Self::Teku => "teku",
            Self::Nimbus => "nimbus",
            Self::Lodestar => "lodestar",
            Self::Prysm => "prysm",
            Self::Grandine => "grandine",
            Self::Caplin => "caplin",
        }
    }

    /// Its manner.
    #[must_use]
    pub fn manner(self) -> &'static Manner {
        match self {
            Self::Lighthouse => &families::LIGHTHOUSE,
            Self::Teku => &families::TEKU,
            Self::Nimbus => &families::NIMBUS,
            Self::Lodestar => &families::LODESTAR,
            Self::Prysm => &families::PRYSM,
            Self::Grandine => &families::GRANDINE,
            Self::Caplin => &families::CAPLIN,
        }
    }
}

impl Execution {
    /// Its name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Geth => "geth",
            Self::Nethermind => "nethermind",
            Self::Besu => "besu",
            Self::Reth => "reth",
            Self::Erigon => "erigon",
            Self::EthereumJs => "ethereumjs",
        }
    }

    /// Code, name and version in `node/version` v2.
    #[must_use]
    pub fn version(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Geth => ("GE", "Geth", "1.16.5"),
            Self::Nethermind => ("NM", "Nethermind", "1.35.0"),
            Self::Besu => ("BU", "Besu", "25.10.0"),
            Self::Reth => ("RH", "Reth", "1.8.2"),
            Self::Erigon => ("EG", "Erigon", "3.2.1"),
            Self::EthereumJs => ("EJ", "EthereumJS", "0.10.5"),
        }
    }
}
