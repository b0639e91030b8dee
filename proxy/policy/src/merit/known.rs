//! A refusal that means success: the node has the message already.
//!
//! A message that goes to every node reaches some of them by gossip before our request does. These nodes refuse it as a
//! duplicate, each in its own words and with its own status; to the validator client it is published. A body counts
//! only if *everything* it complains of is a duplicate: the items that it does not list were taken.
//!
//! The words come from the clients' sources and from recorded traffic: Lighthouse `PriorAttestationKnown`,
//! `AggregatorAlreadyKnown`, `PriorSyncCommitteeMessageKnown`, `duplicate block`; Teku "Ignoring sync committee message
//! as a duplicate"; Lodestar `…_ALREADY_KNOWN` codes and, from gossip, `PublishError.Duplicate`.
//!
//! Equivocation is not among them, although a node that knows a block calls its second coming so: the words are the
//! same for another block of the same proposer, and that one is not published.

use super::body::Complaint;

/// Parts of messages that say so, lower case.
const KNOWN: [&str; 10] = [
    "aggregatoralreadyknown",
    "already known",
    "already_known",
    "already seen",
    "alreadyknown",
    "as a duplicate",
    "duplicate block",
    "priorattestationknown",
    "priorsynccommitteemessageknown",
    "publisherror.duplicate",
];

/// Parts of messages, lower case, by which a node says that it cannot judge an item now: the block or the target that it
/// is about has not come to it, it ran out of time, or its queue is full. Another node may have taken the item.
const NOT_NOW: [&str; 12] = [
    "unknown beacon block",
    "unknown head",
    "unknown target",
    "unknown_beacon_block",
    "unknown_or_prefinalized",
    "unknown_target",
    "unknownheadblock",
    "unknowntargetroot",
    "queue is full",
    "queuefull",
    "timed out",
    "timeout",
];

/// A message's first line that only announces the lines after it (Lodestar, when several items fail).
const ANNOUNCES: &str = "multiple errors on ";

/// Whether a refusal says only that the node has the message already.
pub(super) fn says_known(bytes: &[u8]) -> bool {
    let Ok(complaint) = serde_json::from_slice::<Complaint<'_>>(bytes) else { return false };
    if !complaint.failures.is_empty() {
        return complaint.failures.iter().all(|failure| failure.message.as_deref().is_some_and(is_known));
    }
    complaint.message.as_deref().is_some_and(all_lines_known)
}

fn all_lines_known(message: &str) -> bool {
    let mut lines = message.lines().filter(|line| !line.trim().is_empty()).peekable();
    let announced = lines.next_if(|line| line.trim_start().to_ascii_lowercase().starts_with(ANNOUNCES)).is_some();
    let several = lines.peek().is_some();
    // Without the announcement, more than one line is prose that we do not know.
    several && lines.by_ref().take(if announced { usize::MAX } else { 1 }).all(is_known) && lines.next().is_none()
}

/// Whether a node says of one item that it has it already.
#[must_use]
pub fn is_known(message: &str) -> bool {
    says(message, &KNOWN)
}

/// Whether a node says of one item that it cannot judge it now.
#[must_use]
pub fn is_not_now(message: &str) -> bool {
    says(message, &NOT_NOW)
}

fn says(message: &str, words: &[&str]) -> bool {
    let message = message.to_ascii_lowercase();
    words.iter().any(|word| message.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{is_not_now, says_known};

    #[test]
    fn only_duplicates_are_success() {
        for (name, body, known) in [
            (
                "Lodestar, several items by gossip",
                r#"{"statusCode":500,"error":"Internal Server Error","message":"Multiple errors on publishContributionAndProofs\nPublishError.Duplicate\nPublishError.Duplicate"}"#,
                true,
            ),
            ("Lodestar, one item by gossip", r#"{"statusCode":500,"message":"PublishError.Duplicate"}"#, true),
            (
                "Lodestar, one of them is not known",
                r#"{"message":"Multiple errors on publishAggregateAndProofs\nPublishError.Duplicate\nATTESTATION_ERROR_UNKNOWN_BEACON_BLOCK_ROOT"}"#,
                false,
            ),
            ("Lodestar announces nothing", r#"{"message":"Multiple errors on publishAggregateAndProofs"}"#, false),
            ("Lodestar's code", r#"{"message":"ATTESTATION_ERROR_ATTESTATION_ALREADY_KNOWN"}"#, true),
            (
                "Lighthouse, indexed",
                r#"{"code":400,"message":"BAD_REQUEST: error processing attestations","failures":[{"index":0,"message":"Verification: PriorAttestationKnown { validator_index: 7 }"}]}"#,
                true,
            ),
            (
                "Lighthouse, indexed, one bad",
                r#"{"failures":[{"index":0,"message":"PriorAttestationKnown"},{"index":1,"message":"InvalidSignature"}]}"#,
                false,
            ),
            ("Lighthouse, a block", r#"{"code":400,"message":"duplicate block"}"#, true),
            (
                "Teku, with strings for numbers",
                r#"{"code":"400","failures":[{"index":"0","message":"Ignoring sync committee message as a duplicate was processed during validation"}]}"#,
                true,
            ),
            ("a failure without words", r#"{"failures":[{"index":0}]}"#, false),
            ("no message", r#"{"code":500}"#, false),
            ("an invalid message", r#"{"code":400,"message":"invalid signature"}"#, false),
            ("two lines of prose", "{\"message\":\"already known\\nbut wrong\"}", false),
            ("no JSON", "already known", false),
        ] {
            assert_eq!(says_known(body.as_bytes()), known, "{name}");
        }
    }

    #[test]
    fn what_a_node_cannot_judge_now() {
        for (message, not_now) in [
            ("Verification: UnknownHeadBlock { beacon_block_root: 0x11 }", true),
            ("Attempt to send attestation for unknown target", true),
            ("ATTESTATION_ERROR_UNKNOWN_OR_PREFINALIZED_BEACON_BLOCK_ROOT", true),
            ("ATTESTATION_ERROR_UNKNOWN_BEACON_BLOCK_ROOT", true),
            ("unknown beacon block root", true),
            ("the request timed out", true),
            ("InvalidSignature", false),
            ("unknown validator", false),
            ("PriorAttestationKnown", false),
        ] {
            assert_eq!(is_not_now(message), not_now, "{message}");
        }
    }
}
