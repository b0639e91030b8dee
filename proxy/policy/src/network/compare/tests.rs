//! Each sentence about who belongs to the network.

use serde_json::{Value, json};

use super::{Comparison, compare};
use crate::chain::{Epoch, Root};
use crate::network::tests::{genesis, spec};
use crate::network::{ForkVersion, Genesis};

/// What the comparison says, one word a finding, in its order.
fn findings(comparison: &Comparison) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(comparison.foreign.iter().map(|it| format!("foreign: {it}")));
    said.extend(comparison.behind.iter().map(|it| format!("behind: {it}")));
    said.extend(comparison.not_ready.iter().map(ToString::to_string));
    said.extend(comparison.notes.iter().map(|it| format!("note: {it}")));
    said
}

const FAR: &str = "18446744073709551615";

type Changes = Vec<(&'static str, Value)>;

fn fulu(epoch: &str) -> Changes {
    vec![("FULU_FORK_EPOCH", json!(epoch))]
}

fn no_fulu() -> Changes {
    vec![("FULU_FORK_EPOCH", Value::Null), ("FULU_FORK_VERSION", Value::Null), ("BLOB_SCHEDULE", Value::Null)]
}

fn gloas(epoch: &str) -> Changes {
    vec![("GLOAS_FORK_EPOCH", json!(epoch)), ("GLOAS_FORK_VERSION", json!("0x07000001"))]
}

fn limits(entries: &[(u64, u64)]) -> Changes {
    let entry =
        |(epoch, most): &(u64, u64)| json!({"EPOCH": epoch.to_string(), "MAX_BLOBS_PER_BLOCK": most.to_string()});
    vec![("BLOB_SCHEDULE", entries.iter().map(entry).collect())]
}

/// Runs cases through four epochs: well before a change, just before it, at it, and long after.
fn through_time(epochs: [u64; 4], cases: &[(&str, Changes, Changes, [&[&str]; 4])]) {
    for (name, reference, node, expected) in cases {
        let (reference, node) = (spec(reference), spec(node));
        for (now, expected) in epochs.into_iter().zip(expected) {
            let comparison = compare((&genesis(), &reference), (&genesis(), &node), Epoch(now));
            assert_eq!(&findings(&comparison), expected, "{name}, at epoch {now}");
        }
    }
}

#[test]
fn another_genesis_is_foreign_with_every_mismatch_named() {
    let other = Genesis { time: 5, validators_root: Root([8; 32]), fork_version: ForkVersion([9; 4]) };
    let comparison = compare(
        (&genesis(), &spec(&[])),
        (&other, &spec(&[("SECONDS_PER_SLOT", json!("5")), ("SLOTS_PER_EPOCH", json!("16"))])),
        Epoch(60),
    );
    let keys: Vec<_> = comparison.foreign.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(
        keys,
        ["genesis_validators_root", "genesis_time", "genesis_fork_version", "slot time in ms", "SLOTS_PER_EPOCH"]
    );
    assert_eq!(comparison.foreign[3].to_string(), "slot time in ms is 5000, should be 12000");
}

#[test]
fn what_a_node_may_differ_in() {
    for (name, reference, node, now, expected) in [
        ("nothing differs", vec![], vec![], 60, vec![]),
        (
            "the case of hex",
            vec![],
            vec![("DEPOSIT_CONTRACT_ADDRESS", json!("0x00000000219AB540356cbb839cbe05303d7705fa"))],
            60,
            vec![],
        ),
        ("a number for a string", vec![], vec![("MAX_ATTESTATIONS", json!(128))], 60, vec![]),
        (
            "slot time in the other unit",
            vec![],
            vec![("SLOT_DURATION_MS", json!("12000")), ("SECONDS_PER_SLOT", Value::Null)],
            60,
            vec![],
        ),
        (
            "keys that only one side has",
            vec![("NEW_A", json!("1"))],
            vec![("NEW_B", json!("2")), ("MAX_ATTESTATIONS", Value::Null)],
            60,
            vec![],
        ),
        (
            "a slot time",
            vec![],
            vec![("SECONDS_PER_SLOT", json!("5"))],
            60,
            vec!["foreign: slot time in ms is 5000, should be 12000"],
        ),
        (
            "a preset",
            vec![],
            vec![("MAX_ATTESTATIONS", json!("64"))],
            60,
            vec!["foreign: MAX_ATTESTATIONS is 64, should be 128"],
        ),
        (
            "a domain",
            vec![],
            vec![("DOMAIN_BEACON_ATTESTER", json!("0x02000000"))],
            60,
            vec!["foreign: DOMAIN_BEACON_ATTESTER is 0x02000000, should be 0x01000000"],
        ),
        (
            "the deposit chain",
            vec![],
            vec![("DEPOSIT_CHAIN_ID", json!("1"))],
            60,
            vec!["foreign: DEPOSIT_CHAIN_ID is 1, should be 17"],
        ),
        (
            "a preset of a fork in force",
            vec![],
            vec![("MAX_ATTESTATIONS_ELECTRA", json!("9"))],
            50,
            vec!["foreign: MAX_ATTESTATIONS_ELECTRA is 9, should be 8"],
        ),
        (
            "the same before that fork",
            vec![],
            vec![("MAX_ATTESTATIONS_ELECTRA", json!("9"))],
            49,
            vec!["note: MAX_ATTESTATIONS_ELECTRA is 9, should be 8"],
        ),
        (
            "a preset of a fork that was never scheduled",
            vec![],
            vec![("PTC_SIZE", json!("2"))],
            60,
            vec!["note: PTC_SIZE is 2, should be 512"],
        ),
        (
            "a preset of an old fork that the spec does not tell",
            vec![("ALTAIR_FORK_EPOCH", Value::Null)],
            vec![("ALTAIR_FORK_EPOCH", Value::Null), ("SYNC_COMMITTEE_SIZE", json!("32"))],
            60,
            vec!["foreign: SYNC_COMMITTEE_SIZE is 32, should be 512"],
        ),
        (
            "names",
            vec![],
            vec![("CONFIG_NAME", json!("other")), ("PRESET_BASE", json!("minimal"))],
            60,
            vec!["note: CONFIG_NAME is other, should be testnet", "note: PRESET_BASE is minimal, should be mainnet"],
        ),
        (
            "a networking limit",
            vec![],
            vec![("MAX_REQUEST_BLOCKS", json!("128"))],
            60,
            vec!["note: MAX_REQUEST_BLOCKS is 128, should be 1024"],
        ),
        (
            "the epoch of a fork in force",
            vec![],
            vec![("ELECTRA_FORK_EPOCH", json!("40"))],
            60,
            vec!["foreign: ELECTRA_FORK_EPOCH is 40, should be 50"],
        ),
        (
            "the version of a fork in force",
            vec![],
            vec![("ELECTRA_FORK_VERSION", json!("0x05000002"))],
            60,
            vec!["foreign: ELECTRA_FORK_VERSION is 0x05000002, should be 0x05000001"],
        ),
        (
            "the genesis version",
            vec![],
            vec![("GENESIS_FORK_VERSION", json!("0x00000002"))],
            60,
            vec!["foreign: PHASE0_FORK_VERSION is 0x00000002, should be 0x00000001"],
        ),
        (
            "a preset, before the first fork that is told",
            vec![("GENESIS_FORK_VERSION", Value::Null)],
            vec![("MAX_ATTESTATIONS", json!("64"))],
            5,
            vec!["foreign: MAX_ATTESTATIONS is 64, should be 128"],
        ),
        ("genesis version not told", vec![], vec![("GENESIS_FORK_VERSION", Value::Null)], 60, vec![]),
        (
            "an old fork not told",
            vec![],
            vec![("ALTAIR_FORK_EPOCH", Value::Null), ("ALTAIR_FORK_VERSION", Value::Null)],
            60,
            vec![],
        ),
        ("an old fork not told by the reference", vec![("ALTAIR_FORK_EPOCH", Value::Null)], vec![], 60, vec![]),
    ] {
        let comparison = compare((&genesis(), &spec(&reference)), (&genesis(), &spec(&node)), Epoch(now));
        assert_eq!(findings(&comparison), expected, "{name}");
    }
}

#[test]
fn forks_to_come_and_forks_that_came() {
    let lacks: &[&str] = &["not ready for fork fulu at epoch 100"];
    let behind: &[&str] = &["behind: not ready for fork fulu at epoch 100"];
    let unknown: &[&str] = &["ready for fork fulu at epoch 100, which no own ready node knows"];
    let otherwise: &[&str] = &["has fork fulu otherwise than the own nodes, at epoch 100"];
    through_time(
        [60, 99, 100, 300],
        &[
            ("both ready", vec![], vec![], [&[]; 4]),
            ("the node has not scheduled it", vec![], fulu(FAR), [lacks, lacks, behind, behind]),
            ("the node does not know it", vec![], no_fulu(), [lacks, lacks, behind, behind]),
            ("the reference has not scheduled it", fulu(FAR), vec![], [unknown; 4]),
            ("the reference does not know it", no_fulu(), vec![], [unknown; 4]),
            ("neither knows it", no_fulu(), no_fulu(), [&[]; 4]),
            (
                "the node has it later",
                vec![],
                fulu("110"),
                [otherwise, otherwise, behind, &["foreign: FULU_FORK_EPOCH is 110, should be 100"]],
            ),
            (
                "the node has it earlier",
                fulu("110"),
                fulu("100"),
                [otherwise, otherwise, unknown, &["foreign: FULU_FORK_EPOCH is 100, should be 110"]],
            ),
            (
                "the node has another version",
                vec![],
                vec![("FULU_FORK_VERSION", json!("0x06000002"))],
                [
                    otherwise,
                    otherwise,
                    &["foreign: FULU_FORK_VERSION is 0x06000002, should be 0x06000001"],
                    &["foreign: FULU_FORK_VERSION is 0x06000002, should be 0x06000001"],
                ],
            ),
            (
                "a draft's version, not scheduled",
                gloas(FAR),
                vec![("GLOAS_FORK_EPOCH", json!(FAR)), ("GLOAS_FORK_VERSION", json!("0x07000009"))],
                [&["note: GLOAS_FORK_VERSION is 0x07000009, should be 0x07000001"]; 4],
            ),
            (
                "the node does not tell it, but has the one after it",
                gloas("200"),
                [gloas("200"), no_fulu()].concat(),
                [lacks, lacks, behind, &[]],
            ),
        ],
    );
}

#[test]
fn blob_limits_to_come_and_that_came() {
    let lacks: &[&str] = &["not ready for blob limit at epoch 120"];
    let behind: &[&str] = &["behind: not ready for blob limit at epoch 120"];
    let otherwise: &[&str] = &["has blob limit otherwise than the own nodes, at epoch 120"];
    let foreign: &[&str] = &["foreign: BLOB_SCHEDULE at epoch 120 is 12, should be 15"];
    let unknown: &[&str] = &["ready for blob limit at epoch 400, which no own ready node knows"];
    through_time(
        [60, 119, 120, 300],
        &[
            ("the node has not scheduled it", vec![], limits(&[]), [lacks, lacks, behind, behind]),
            ("the node does not tell", vec![], vec![("BLOB_SCHEDULE", Value::Null)], [&[]; 4]),
            ("the node has another limit", vec![], limits(&[(120, 12)]), [otherwise, otherwise, foreign, foreign]),
            ("the reference lacks one", vec![], limits(&[(120, 15), (400, 20)]), [unknown; 4]),
            ("the node lists older limits, too", vec![], limits(&[(50, 9), (120, 15)]), [&[]; 4]),
            ("the reference lists older limits, too", limits(&[(50, 9), (120, 15)]), vec![], [&[]; 4]),
            (
                "the node forgot a limit that is over",
                limits(&[(120, 15), (200, 20)]),
                limits(&[(200, 20)]),
                [lacks, lacks, behind, &[]],
            ),
            ("the node says the same limit again", vec![], limits(&[(120, 15), (200, 15)]), [&[]; 4]),
            ("in another order", limits(&[(120, 15), (200, 20)]), limits(&[(200, 20), (120, 15)]), [&[]; 4]),
            ("never scheduled", [fulu(FAR), limits(&[(120, 9)])].concat(), fulu(FAR), [&[]; 4]),
        ],
    );
}

#[test]
fn a_hostile_value_is_cut_and_printable() {
    let node = spec(&[("MAX_ATTESTATIONS", json!(format!("\u{1b}[31m{}", "é".repeat(10_000))))]);
    let comparison = compare((&genesis(), &spec(&[])), (&genesis(), &node), Epoch(60));
    assert_eq!(comparison.foreign[0].node, format!("[31m{}", "é".repeat(76)));
}
