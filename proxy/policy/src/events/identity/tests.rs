//! Identities over the spellings of nodes.

use crate::events::{Identity, Topic};

const A: &str = "0x9a2fefd2fdb57f74993c7780ea5b9030d2897b615b89f808011ca5aebed54eaf";
const B: &str = "0x600e852a08c1200654ddf11025f1ceacb3c2e74bdd5c630cde0838b2591b69f9";

fn identity(topic: Topic, json: &str) -> Identity {
    let name = topic.name();
    topic.identity(json).expect(name)
}

/// One event of every topic, as the Beacon API shows it, and the same event as another node might write it.
fn twins() -> Vec<(Topic, String, String)> {
    let upper = format!("0x{}", A[2..].to_uppercase());
    let data = format!(
        r#"{{"slot":"1","index":"0","beacon_block_root":"{A}","source":{{"epoch":"1","root":"{A}"}},"target":{{"epoch":"2","root":"{B}"}}}}"#
    );
    let turned = format!(
        r#"{{"target":{{"root":"{B}","epoch":2}},"source":{{"root":"{A}","epoch":1}},"beacon_block_root":"{upper}","index":0,"slot":1}}"#
    );
    let (other, other_turned) =
        (data.replace(r#""epoch":"2""#, r#""epoch":"3""#), turned.replace(r#""epoch":2"#, r#""epoch":3"#));
    vec![
        (
            Topic::Head,
            format!(r#"{{"slot":"10","block":"{A}","execution_optimistic":false}}"#),
            format!(r#"{{ "execution_optimistic": true, "block": "{upper}", "slot": 10 }}"#),
        ),
        (
            Topic::HeadV2,
            format!(r#"{{"version":"gloas","data":{{"block":"{A}","payload_status":"empty"}}}}"#),
            format!(r#"{{"data":{{"payload_status":"empty","slot":1,"block":"{A}"}},"version":"gloas"}}"#),
        ),
        (
            Topic::Block,
            format!(r#"{{"slot":"10","block":"{A}"}}"#),
            format!(r#"{{"block":"{A}","x":[1,{{"block":"no"}}],"y":null,"z":-1,"f":1.5}}"#),
        ),
        (Topic::BlockGossip, format!(r#"{{"slot":"10","block":"{A}"}}"#), format!(r#"{{"block":"{upper}"}}"#)),
        (
            Topic::FinalizedCheckpoint,
            format!(r#"{{"block":"{A}","state":"{B}","epoch":"2"}}"#),
            format!(r#"{{"epoch":2,"block":"{A}"}}"#),
        ),
        (
            Topic::ChainReorg,
            format!(r#"{{"slot":"200","depth":"50","old_head_block":"{A}","new_head_block":"{B}"}}"#),
            format!(r#"{{"depth":3,"new_head_block":"{B}","old_head_block":"{A}"}}"#),
        ),
        (
            Topic::ExecutionPayloadAvailable,
            format!(r#"{{"slot":"10","block_root":"{A}"}}"#),
            format!(r#"{{"block_root":"{upper}","slot":10}}"#),
        ),
        (
            Topic::ExecutionPayload,
            format!(r#"{{"slot":"10","builder_index":"42","block_root":"{A}"}}"#),
            format!(r#"{{"block_root":"{A}"}}"#),
        ),
        (
            Topic::ExecutionPayloadGossip,
            format!(r#"{{"slot":"10","builder_index":"42","block_root":"{A}"}}"#),
            format!(r#"{{"block_root":"{A}"}}"#),
        ),
        (
            Topic::ProposerSlashing,
            r#"{"signed_header_1":{"message":{"slot":"7","proposer_index":"3"},"signature":"0x00"}}"#.to_owned(),
            r#"{"signed_header_2":{},"signed_header_1":{"message":{"proposer_index":3,"slot":7}}}"#.to_owned(),
        ),
        (
            Topic::AttesterSlashing,
            format!(
                r#"{{"attestation_1":{{"attesting_indices":["1","2","9"],"data":{data}}},"attestation_2":{{"attesting_indices":["9","2","5"],"data":{other}}}}}"#
            ),
            // The votes change places, the bystanders are others; 2 and 9 are slashed in both.
            format!(
                r#"{{"attestation_2":{{"data":{turned},"attesting_indices":[2,9]}},"attestation_1":{{"data":{other_turned},"attesting_indices":[9,2,77]}}}}"#
            ),
        ),
        (
            Topic::VoluntaryExit,
            r#"{"message":{"epoch":"1","validator_index":"12"},"signature":"0x1b"}"#.to_owned(),
            r#"{"message":{"validator_index":12,"epoch":2}}"#.to_owned(),
        ),
        (
            Topic::BlsToExecutionChange,
            r#"{"message":{"validator_index":"12","from_bls_pubkey":"0x93"}}"#.to_owned(),
            r#"{"message":{"validator_index":12}}"#.to_owned(),
        ),
        (
            Topic::PayloadAttributes,
            format!(
                r#"{{"version":"gloas","data":{{"proposal_slot":"10","parent_block_root":"{A}","parent_block_hash":"{B}","payload_attributes":{{"suggested_fee_recipient":"0x00"}}}}}}"#
            ),
            format!(r#"{{"data":{{"parent_block_hash":"{B}","parent_block_root":"{A}","proposal_slot":10}}}}"#),
        ),
        (
            Topic::ContributionAndProof,
            format!(
                r#"{{"message":{{"aggregator_index":"997","contribution":{{"slot":"1","beacon_block_root":"{A}","subcommittee_index":"0"}}}}}}"#
            ),
            format!(
                r#"{{"message":{{"contribution":{{"subcommittee_index":0,"beacon_block_root":"{A}","slot":1}},"aggregator_index":997}}}}"#
            ),
        ),
        (
            Topic::LightClientFinalityUpdate,
            r#"{"version":"gloas","data":{"attested_header":{"beacon":{"slot":"9"}},"finalized_header":{"beacon":{"slot":"1"}}}}"#
                .to_owned(),
            r#"{"finalized_header":{"beacon":{"slot":1}},"attested_header":{"beacon":{"slot":9}}}"#.to_owned(),
        ),
        (
            Topic::LightClientOptimisticUpdate,
            r#"{"version":"gloas","data":{"attested_header":{"beacon":{"slot":"9"}},"signature_slot":"10"}}"#.to_owned(),
            r#"{"signature_slot":10,"attested_header":{"beacon":{"slot":9}}}"#.to_owned(),
        ),
        (Topic::Attestation, format!(r#"{{"data":{data}}}"#), format!(r#"{{"data":{data}}}"#)),
        (
            Topic::SingleAttestation,
            format!(r#"{{"committee_index":"1","attester_index":"8","data":{data},"signature":"0x1b"}}"#),
            format!(r#"{{"data":{turned},"attester_index":8}}"#),
        ),
        (
            Topic::BlobSidecar,
            format!(r#"{{"block_root":"{A}","index":"1"}}"#),
            format!(r#"{{"index":1,"block_root":"{A}"}}"#),
        ),
        (
            Topic::DataColumnSidecar,
            format!(r#"{{"block_root":"{A}","index":"1","slot":"1"}}"#),
            format!(r#"{{"index":1,"kzg_commitments":[],"block_root":"{A}"}}"#),
        ),
        (
            Topic::ExecutionPayloadBid,
            format!(
                r#"{{"version":"gloas","data":{{"message":{{"slot":"1","builder_index":"2","parent_block_root":"{A}","block_hash":"{B}","value":"3"}}}}}}"#
            ),
            format!(
                r#"{{"data":{{"message":{{"value":3,"block_hash":"{B}","parent_block_root":"{A}","builder_index":2,"slot":1}}}}}}"#
            ),
        ),
        (
            Topic::PayloadAttestationMessage,
            format!(
                r#"{{"version":"gloas","data":{{"validator_index":"1","data":{{"beacon_block_root":"{A}","slot":"10","payload_present":true,"blob_data_available":true}}}}}}"#
            ),
            // The shape before it was wrapped.
            format!(
                r#"{{"validator_index":"1","data":{{"slot":"10","payload_present":true,"blob_data_available":true,"beacon_block_root":"{A}"}}}}"#
            ),
        ),
        (
            Topic::ProposerPreferences,
            format!(
                r#"{{"version":"gloas","data":{{"message":{{"dependent_root":"{A}","proposal_slot":"32","validator_index":"1"}}}}}}"#
            ),
            format!(r#"{{"data":{{"message":{{"validator_index":1,"proposal_slot":32,"dependent_root":"{A}"}}}}}}"#),
        ),
        (
            Topic::FastConfirmation,
            format!(r#"{{"block":"{A}","slot":"1","current_slot":"2"}}"#),
            format!(r#"{{"current_slot":2,"slot":1,"block":"{A}"}}"#),
        ),
    ]
}

#[test]
fn the_same_event_in_another_spelling_is_the_same() {
    let twins = twins();
    for topic in Topic::all() {
        assert!(twins.iter().any(|twin| twin.0 == topic), "{} has no case", topic.name());
    }
    for (topic, one, other) in twins {
        assert_eq!(identity(topic, &one), identity(topic, &other), "{}", topic.name());
    }
}

#[test]
fn another_event_is_another() {
    // In each twin, one value of the key changes.
    for (topic, from, to) in [
        (Topic::Head, A, B),
        (Topic::HeadV2, "empty", "full"),
        (Topic::FinalizedCheckpoint, r#""2""#, r#""3""#),
        (Topic::ChainReorg, B, A),
        (Topic::ProposerSlashing, r#""7""#, r#""8""#),
        (Topic::AttesterSlashing, r#""9","2","5""#, r#""9""#),
        (Topic::AttesterSlashing, r#""target":{"epoch":"2""#, r#""target":{"epoch":"3""#),
        (Topic::VoluntaryExit, r#""12""#, r#""13""#),
        (Topic::Attestation, r#""slot":"1""#, r#""slot":"2""#),
        (Topic::SingleAttestation, r#""8""#, r#""9""#),
        (Topic::SingleAttestation, r#""target":{"epoch":"2""#, r#""target":{"epoch":"3""#),
        (Topic::DataColumnSidecar, r#""index":"1""#, r#""index":"2""#),
        (Topic::ExecutionPayloadBid, r#""value":"3""#, r#""value":"4""#),
        (Topic::PayloadAttestationMessage, r#""payload_present":true"#, r#""payload_present":false"#),
        (Topic::FastConfirmation, r#""2""#, r#""3""#),
    ] {
        let (_, one, _) = twins().into_iter().find(|twin| twin.0 == topic).expect("every topic has twins");
        let other = one.replace(from, to);
        assert_ne!(one, other, "{}: the change must change something", topic.name());
        assert_ne!(identity(topic, &one).key, identity(topic, &other).key, "{}: {from} → {to}", topic.name());
    }
}

#[test]
fn what_does_not_belong_to_the_key_does_not_matter() {
    let one = identity(Topic::Block, &format!(r#"{{"slot":"10","block":"{A}"}}"#));
    assert_eq!(one, identity(Topic::Block, &format!(r#"{{"slot":"11","block":"{A}"}}"#)));
}

#[test]
fn only_ordered_topics_have_an_order() {
    for (topic, json, _) in twins() {
        let expected = match topic {
            Topic::FinalizedCheckpoint | Topic::FastConfirmation => Some(2),
            Topic::LightClientFinalityUpdate | Topic::LightClientOptimisticUpdate => Some(9),
            _ => None,
        };
        assert_eq!(identity(topic, &json).order, expected, "{}", topic.name());
    }
}

#[test]
fn an_event_without_its_key_has_no_identity() {
    for (name, topic, json) in [
        ("nothing", Topic::Head, String::new()),
        ("no JSON", Topic::Head, "head".to_owned()),
        ("no object", Topic::Head, "[]".to_owned()),
        ("no field", Topic::Head, r#"{"slot":"1"}"#.to_owned()),
        ("an object in place of the value", Topic::Head, r#"{"block":{"block":1}}"#.to_owned()),
        ("null", Topic::Head, r#"{"block":null}"#.to_owned()),
        ("cut", Topic::Head, format!(r#"{{"block":"{A}""#)),
        ("more after the end", Topic::Head, format!(r#"{{"block":"{A}"}}x"#)),
        ("no number to order by", Topic::FinalizedCheckpoint, format!(r#"{{"epoch":"x","block":"{A}"}}"#)),
        ("a deep nest", Topic::Head, "{\"data\":".repeat(100_000)),
        ("indices that are none", Topic::AttesterSlashing, r#"{"attestation_1":{},"attestation_2":{}}"#.to_owned()),
    ] {
        assert_eq!(topic.identity(&json), None, "{name}");
    }
}
