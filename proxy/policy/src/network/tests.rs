//! Genesis and spec as nodes tell them, and what we serve of them. Holds the fixture of the other cases, too.

use serde_json::{Value, json};

use super::{ForkVersion, Genesis, MAX_BODY, Served, Spec};
use crate::chain::{Clock, Epoch, Moment, Root};

const SPEC: &[u8] = include_bytes!("tests/spec-lodestar-1.22.0.json");
const OLDER_SPEC: &[u8] = include_bytes!("tests/spec-lodestar-1.5.1.json");
const GENESIS: &[u8] = include_bytes!("tests/genesis-lodestar-1.22.0.json");
const FORK_SCHEDULE: &str = include_str!("tests/fork_schedule-lodestar-1.22.0.json");
const DEPOSIT_CONTRACT: &str = include_str!("tests/deposit_contract-lodestar-1.22.0.json");

/// A network somewhat like mainnet: Electra in force at 50, Fulu scheduled for 100.
pub(super) fn genesis() -> Genesis {
    Genesis { time: 1_600_000_000, validators_root: Root([7; 32]), fork_version: ForkVersion([0, 0, 0, 1]) }
}

/// Its spec, with changes: a value replaces, `null` removes.
pub(super) fn spec(changes: &[(&str, Value)]) -> Spec {
    let mut values = json!({
        "CONFIG_NAME": "testnet", "PRESET_BASE": "mainnet",
        "SECONDS_PER_SLOT": "12", "SLOTS_PER_EPOCH": "32", "MAX_ATTESTATIONS": "128",
        "GENESIS_FORK_VERSION": "0x00000001",
        "ALTAIR_FORK_VERSION": "0x01000001", "ALTAIR_FORK_EPOCH": "10",
        "ELECTRA_FORK_VERSION": "0x05000001", "ELECTRA_FORK_EPOCH": "50",
        "FULU_FORK_VERSION": "0x06000001", "FULU_FORK_EPOCH": "100",
        "SYNC_COMMITTEE_SIZE": "512", "MAX_ATTESTATIONS_ELECTRA": "8", "MAX_BLOBS_PER_BLOCK_ELECTRA": "9",
        "BLOB_SCHEDULE": [{"EPOCH": "120", "MAX_BLOBS_PER_BLOCK": "15"}],
        "DEPOSIT_CHAIN_ID": "17", "DEPOSIT_CONTRACT_ADDRESS": "0x00000000219ab540356cBB839Cbe05303d7705Fa",
        "DOMAIN_BEACON_ATTESTER": "0x01000000", "PTC_SIZE": "512", "MAX_REQUEST_BLOCKS": "1024",
    });
    for (key, value) in changes {
        values[*key] = value.clone();
    }
    let values = values.as_object().expect("it is one").clone();
    let values = values.into_iter().filter(|(_, value)| !value.is_null()).collect();
    Spec::from_values(values).expect("the fixture is a spec")
}

#[test]
fn a_recorded_network_is_read() {
    let genesis = Genesis::read(GENESIS).expect("a real node wrote it");
    assert_eq!(genesis.time, 1_795_197_533);
    assert_eq!(genesis.fork_version.to_string(), "0x00000001");
    let spec = Spec::read(SPEC).expect("a real node wrote it");
    let clock = Clock { genesis: Moment(1_795_197_533_000), slot_ms: 3_000, slots_per_epoch: 8 };
    assert_eq!(spec.clock(&genesis), clock);
    let names: Vec<_> = spec.forks.iter().map(|fork| fork.name.as_str()).collect();
    assert_eq!(names, ["phase0", "altair", "bellatrix", "capella", "deneb", "electra"]);
    assert_eq!(spec.fork_at(Epoch(0)).map(|fork| fork.name.as_str()), Some("deneb"), "the last of those at one epoch");
    assert_eq!(spec.fork_at(Epoch(u64::MAX)).map(|fork| fork.name.as_str()), Some("deneb"), "electra is never");
    assert_eq!(spec.blob_schedule, None, "this version does not tell it");
    let older = Spec::read(OLDER_SPEC).expect("a real node wrote it");
    assert_eq!(older.fork_at(Epoch(9)).map(|fork| fork.name.as_str()), Some("capella"));
}

#[test]
fn what_we_serve_of_it_is_what_the_node_served() {
    let (genesis, spec) = (Genesis::read(GENESIS).expect("real"), Spec::read(SPEC).expect("real"));
    let served = Served { genesis: genesis.clone(), spec: spec.clone() };
    assert_eq!(served.fork_schedule_body(), FORK_SCHEDULE.trim());
    let parsed = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_eq!(served.deposit_contract_body().map(|body| parsed(&body)), Some(parsed(DEPOSIT_CONTRACT)));
    // Both bodies are also how the picture is kept.
    assert_eq!(Genesis::read(served.genesis_body().as_bytes()), Ok(genesis));
    assert_eq!(Spec::read(served.spec_body().as_bytes()), Ok(spec));
    assert_eq!(parsed(&served.spec_body()), parsed(std::str::from_utf8(SPEC).expect("UTF-8")));
}

#[test]
fn the_fork_schedule_chains_versions_and_deposit_contract_may_be_unknown() {
    let served = Served { genesis: genesis(), spec: spec(&[("DEPOSIT_CONTRACT_ADDRESS", Value::Null)]) };
    assert_eq!(
        served.fork_schedule_body(),
        r#"{"data":[{"previous_version":"0x00000001","current_version":"0x00000001","epoch":"0"},{"previous_version":"0x00000001","current_version":"0x01000001","epoch":"10"},{"previous_version":"0x01000001","current_version":"0x05000001","epoch":"50"},{"previous_version":"0x05000001","current_version":"0x06000001","epoch":"100"}]}"#
    );
    assert_eq!(served.deposit_contract_body(), None);
}

#[test]
fn slot_time_and_its_two_spellings() {
    for (name, changes, expected) in [
        ("seconds", vec![], 12_000),
        ("milliseconds before seconds", vec![("SLOT_DURATION_MS", json!("6000"))], 6_000),
        ("milliseconds alone", vec![("SLOT_DURATION_MS", json!("5000")), ("SECONDS_PER_SLOT", Value::Null)], 5_000),
        ("as a number", vec![("SECONDS_PER_SLOT", json!(5))], 5_000),
        ("milliseconds that are none", vec![("SLOT_DURATION_MS", json!("0"))], 12_000),
    ] {
        assert_eq!(spec(&changes).slot_ms, expected, "{name}");
    }
}

#[test]
fn bodies_that_are_no_spec_and_no_genesis() {
    let huge =
        format!(r#"{{"data":{{"SECONDS_PER_SLOT":"12","SLOTS_PER_EPOCH":"32","X":"{}"}}}}"#, "x".repeat(MAX_BODY));
    for body in [
        "",
        "<html>",
        "[]",
        r#"{"data":{}}"#,
        r#"{"data":{"SECONDS_PER_SLOT":"12"}}"#,
        r#"{"data":{"SECONDS_PER_SLOT":"12","SLOTS_PER_EPOCH":"0"}}"#,
        r#"{"data":{"SECONDS_PER_SLOT":"18446744073709551615","SLOTS_PER_EPOCH":"32"}}"#,
        r#"{"data":{"SECONDS_PER_SLOT":"twelve","SLOTS_PER_EPOCH":"32"}}"#,
        &huge,
    ] {
        let refused = Spec::read(body.as_bytes()).expect_err(&body[..body.len().min(60)]);
        assert!(refused.to_string().len() < 500);
    }
    let good = String::from_utf8_lossy(GENESIS).into_owned();
    for (name, body) in [
        ("a short root", good.replace("0xbe8b", "0xbe")),
        ("a long version", good.replace("0x00000001", "0x0000000101")),
        ("no time", good.replace("genesis_time", "time")),
        ("cut inside a character", "é".repeat(400)),
    ] {
        assert!(Genesis::read(body.as_bytes()).is_err(), "{name}");
    }
}

#[test]
fn an_odd_key_of_a_fork_does_not_cost_the_node() {
    for (name, changes) in [
        ("no version", vec![("FULU_FORK_VERSION", Value::Null)]),
        ("a version that is none", vec![("FULU_FORK_VERSION", json!("6"))]),
        ("an epoch that is none", vec![("FULU_FORK_EPOCH", json!("soon"))]),
    ] {
        assert_eq!(spec(&changes).forks.len(), 3, "{name}");
    }
    let older = spec(&[("ELECTRA_FORK_VERSION", json!("0x00000002"))]);
    assert_eq!(older.fork_at(Epoch(60)).map(|fork| fork.name.as_str()), Some("electra"), "versions need not ascend");
    let odd = spec(&[
        ("BLOB_SCHEDULE", json!([{"EPOCH": "1"}])),
        ("QUUX_FORK_EPOCH", json!("200")),
        ("QUUX_FORK_VERSION", json!("0x08000001")),
    ]);
    assert_eq!(odd.blob_schedule, None);
    assert_eq!(
        odd.fork_at(Epoch(200)).map(|fork| fork.name.as_str()),
        Some("quux"),
        "forks of the future have a name too"
    );
}

#[test]
fn deadlines_follow_the_fork_and_the_spec() {
    let gloas = [("GLOAS_FORK_EPOCH", json!("200")), ("GLOAS_FORK_VERSION", json!("0x07000001"))];
    let told = [
        gloas[0].clone(),
        gloas[1].clone(),
        ("ATTESTATION_DUE_BPS", json!("3000")),
        ("ATTESTATION_DUE_BPS_GLOAS", json!("2000")),
    ];
    let absurd = [gloas[0].clone(), gloas[1].clone(), ("ATTESTATION_DUE_BPS", json!("10001"))];
    for (name, changes, epoch, attestation, aggregate) in [
        ("not told, before Gloas", &gloas[..], 199, 3_333, 6_667),
        ("not told, from Gloas on", &gloas[..], 200, 2_500, 5_000),
        ("told, before Gloas", &told[..], 199, 3_000, 6_667),
        ("told, from Gloas on", &told[..], 200, 2_000, 5_000),
        ("later than the slot", &absurd[..], 199, 3_333, 6_667),
        ("no such fork", &[], 1_000_000, 3_333, 6_667),
    ] {
        let deadlines = spec(changes).deadlines(Epoch(epoch));
        assert_eq!((deadlines.attestation, deadlines.aggregate), (attestation, aggregate), "{name}");
        assert_eq!(
            (deadlines.sync_message, deadlines.contribution),
            if epoch == 200 { (2_500, 5_000) } else { (3_333, 6_667) },
            "{name}"
        );
        assert_eq!(deadlines.payload_attestation, 7_500, "{name}");
    }
}
