//! The event stream's knowledge: topics, what makes two events the same, the few that we read whole.
//!
//! Rangelight merges the streams of all nodes into one. For that it needs, of each topic, whose word counts (its
//! [`Rule`]) and by which fields two nodes' events are recognised as the same one (its identity, `events/identity.rs`).
//! Both stand in one table here, one row a topic, so that a new topic of the Beacon API is one new row. Everything else
//! about an event passes as the bytes that came.
//!
//! A topic that the Beacon API knows but no node serves is still subscribable: validator clients take a `400` on the
//! stream as final. A topic that the Beacon API does not know is refused (`events/query.rs`). Which topics a *node*
//! knows is found out by asking (`events/plan.rs`).

use std::collections::BTreeSet;

mod heads;
mod identity;
mod plan;
mod query;
mod seen;
mod sse;

pub use heads::{Block, Finalized, Head, HeadV2, PayloadStatus, Reorg};
pub use identity::Identity;
pub use plan::{TopicPlan, refused_topic};
pub use query::{TopicsRefused, parse_topics};
pub use seen::{Admission, Seen};
pub use sse::{Frame, Framing, KEEP_ALIVE, MAX_EVENT, frame};

/// A topic of the Beacon API's event stream, in the order in which we ask a node for them.
///
/// The order matters once: when a node refuses a set without saying what it refuses, the first half is tried first,
/// and the heads must not wait for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named after its topic; the table below says the rest")]
pub enum Topic {
    Head,
    Block,
    FinalizedCheckpoint,
    ChainReorg,
    HeadV2,
    ExecutionPayloadAvailable,
    BlockGossip,
    ProposerSlashing,
    AttesterSlashing,
    VoluntaryExit,
    BlsToExecutionChange,
    PayloadAttributes,
    ContributionAndProof,
    LightClientFinalityUpdate,
    LightClientOptimisticUpdate,
    Attestation,
    SingleAttestation,
    BlobSidecar,
    DataColumnSidecar,
    ExecutionPayload,
    ExecutionPayloadGossip,
    ExecutionPayloadBid,
    PayloadAttestationMessage,
    ProposerPreferences,
    FastConfirmation,
}

/// A set of topics. Bounded by the number of topics there are.
pub type Topics = BTreeSet<Topic>;

/// Whose word counts for a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The view's state machine decides (`view.rs`).
    Head,
    /// Whoever says it first; the others' copies are dropped.
    FirstSeen,
    /// As first seen, and never backwards: an event older than the last told one is dropped.
    Monotone,
    /// Only the view's leader is heard. These topics flood, and differ from node to node without meaning anything.
    Leader,
}

/// How the identity of a topic's events is read.
#[derive(Clone, Copy, Debug)]
enum Key {
    /// The values at these paths, all of them needed. The first is the order for topics that never go backwards.
    Fields(&'static [&'static str]),
    /// The whole event, byte for byte.
    Whole,
    /// The validators slashed and the two votes (`events/identity.rs`).
    AttesterSlashing,
}

#[derive(Debug)]
struct Row {
    topic: Topic,
    name: &'static str,
    rule: Rule,
    key: Key,
    /// True if the first field of the key must not decrease from one event to the next.
    ordered: bool,
}

const fn row(topic: Topic, name: &'static str, rule: Rule, key: Key) -> Row {
    Row { topic, name, rule, key, ordered: matches!(rule, Rule::Monotone) }
}

/// Who voted, and the fields that make one attestation's vote, without the need to compute its tree root.
const VOTE: [&str; 8] = [
    "attester_index",
    "data/slot",
    "data/index",
    "data/beacon_block_root",
    "data/source/epoch",
    "data/source/root",
    "data/target/epoch",
    "data/target/root",
];

/// Every topic, in the order of [`Topic`]. A path that is not found at the top is looked for below `data`, because the
/// newer topics wrap their content as `{version, data}` and some changed over when they became standard.
const TABLE: [Row; 25] = {
    use Key::{Fields, Whole};
    use Rule::{FirstSeen, Leader, Monotone};
    [
        row(Topic::Head, "head", Rule::Head, Fields(&["block"])),
        row(Topic::Block, "block", FirstSeen, Fields(&["block"])),
        row(Topic::FinalizedCheckpoint, "finalized_checkpoint", Monotone, Fields(&["epoch", "block"])),
        row(Topic::ChainReorg, "chain_reorg", Rule::Head, Fields(&["old_head_block", "new_head_block"])),
        // The second event of a root, from empty to full, is wanted.
        row(Topic::HeadV2, "head_v2", Rule::Head, Fields(&["block", "payload_status"])),
        row(Topic::ExecutionPayloadAvailable, "execution_payload_available", FirstSeen, Fields(&["block_root"])),
        // By root, not by slot: two roots for one slot are an equivocation, and both pass.
        row(Topic::BlockGossip, "block_gossip", FirstSeen, Fields(&["block"])),
        row(
            Topic::ProposerSlashing,
            "proposer_slashing",
            FirstSeen,
            Fields(&["signed_header_1/message/proposer_index", "signed_header_1/message/slot"]),
        ),
        row(Topic::AttesterSlashing, "attester_slashing", FirstSeen, Key::AttesterSlashing),
        row(Topic::VoluntaryExit, "voluntary_exit", FirstSeen, Fields(&["message/validator_index"])),
        row(Topic::BlsToExecutionChange, "bls_to_execution_change", FirstSeen, Fields(&["message/validator_index"])),
        // The fee recipient and the timestamp are the node's own; they do not make another event.
        row(
            Topic::PayloadAttributes,
            "payload_attributes",
            Leader,
            Fields(&["proposal_slot", "parent_block_root", "parent_block_hash"]),
        ),
        row(
            Topic::ContributionAndProof,
            "contribution_and_proof",
            Leader,
            Fields(&[
                "message/contribution/slot",
                "message/contribution/subcommittee_index",
                "message/aggregator_index",
                "message/contribution/beacon_block_root",
            ]),
        ),
        // More participants for the same attested slot are no news.
        row(
            Topic::LightClientFinalityUpdate,
            "light_client_finality_update",
            Monotone,
            Fields(&["attested_header/beacon/slot", "finalized_header/beacon/slot"]),
        ),
        row(
            Topic::LightClientOptimisticUpdate,
            "light_client_optimistic_update",
            Monotone,
            Fields(&["attested_header/beacon/slot", "signature_slot"]),
        ),
        row(Topic::Attestation, "attestation", Leader, Whole),
        row(Topic::SingleAttestation, "single_attestation", Leader, Fields(&VOTE)),
        row(Topic::BlobSidecar, "blob_sidecar", FirstSeen, Fields(&["block_root", "index"])),
        row(Topic::DataColumnSidecar, "data_column_sidecar", FirstSeen, Fields(&["block_root", "index"])),
        row(Topic::ExecutionPayload, "execution_payload", FirstSeen, Fields(&["block_root"])),
        row(Topic::ExecutionPayloadGossip, "execution_payload_gossip", FirstSeen, Fields(&["block_root"])),
        // With the value, because a builder may raise its bid.
        row(
            Topic::ExecutionPayloadBid,
            "execution_payload_bid",
            FirstSeen,
            Fields(&[
                "message/slot",
                "message/builder_index",
                "message/parent_block_root",
                "message/block_hash",
                "message/value",
            ]),
        ),
        row(
            Topic::PayloadAttestationMessage,
            "payload_attestation_message",
            Leader,
            Fields(&[
                "data/slot",
                "validator_index",
                "data/beacon_block_root",
                "data/payload_present",
                "data/blob_data_available",
            ]),
        ),
        row(
            Topic::ProposerPreferences,
            "proposer_preferences",
            FirstSeen,
            Fields(&["message/validator_index", "message/proposal_slot", "message/dependent_root"]),
        ),
        // Said at every run, changed or not; a leader that changes must not turn the clock back.
        Row {
            topic: Topic::FastConfirmation,
            name: "fast_confirmation",
            rule: Leader,
            key: Fields(&["current_slot", "block"]),
            ordered: true,
        },
    ]
};

impl Topic {
    /// Every topic there is.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.topic)
    }

    /// The topic of this name; `None` for a name that the Beacon API does not know.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.topic)
    }

    /// The name in `topics=…` and on the event line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whose word counts.
    #[must_use]
    pub fn rule(self) -> Rule {
        self.row().rule
    }

    /// What makes this event the same as another of its topic; `None` if it lacks the fields that say so, which no
    /// event of a sound node does.
    #[must_use]
    pub fn identity(self, json: &str) -> Option<Identity> {
        identity::read(self.row(), json)
    }

    fn row(self) -> &'static Row {
        // The table stands in the order of the enum; a test holds it to that.
        &TABLE[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum_and_names_no_topic_twice() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.topic as usize, index, "{}", row.name);
            assert_eq!(Topic::from_name(row.name), Some(row.topic));
        }
        assert_eq!(Topic::all().collect::<Topics>().len(), TABLE.len());
        assert_eq!(Topic::from_name("weather_forecast"), None);
    }

    #[test]
    fn the_topics_that_move_the_view_are_asked_for_first() {
        let first: Vec<_> = Topic::all().take(4).collect();
        assert_eq!(first, [Topic::Head, Topic::Block, Topic::FinalizedCheckpoint, Topic::ChainReorg]);
    }
}
