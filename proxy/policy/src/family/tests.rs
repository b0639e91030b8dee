//! Version strings as the families write them.

use super::{CONSENSUS, ConsensusFamily, EXECUTION, ExecutionFamily, MAX_VERSION, Versions};

#[test]
fn v1_strings() {
    use ConsensusFamily::{Caplin, Charon, Grandine, Lighthouse, Lodestar, Nimbus, Prysm, Rangelight, Teku, Unknown};
    for (text, family, version) in [
        ("Lighthouse/v5.3.0-d6ba8c3/x86_64-linux", Lighthouse, "v5.3.0-d6ba8c3"),
        ("teku/v26.8.0/linux-x86_64/-eclipseadoptium-openjdk64bitservervm-java-21", Teku, "v26.8.0"),
        ("Nimbus/v24.9.0-0d1a7f-stateofus", Nimbus, "v24.9.0-0d1a7f-stateofus"),
        ("Prysm/v7.1.0 (linux amd64)", Prysm, "v7.1.0"),
        ("Prysm/v5.0.3/38f208d70dc95b12c08403f5c72009aaa10dfe2f", Prysm, "v5.0.3"),
        ("Lodestar/v1.5.1/2115aa7", Lodestar, "v1.5.1"),
        ("Lodestar/v1.22.0", Lodestar, "v1.22.0"),
        ("Grandine/0.4.1-5a1ec0b/x86_64-linux", Grandine, "0.4.1-5a1ec0b"),
        ("erigon/3.0.0/linux-amd64", Caplin, "3.0.0"),
        ("Caplin/3.1.0-dev linux/amd64", Caplin, "3.1.0-dev"),
        ("rangelight/v0.1.0", Rangelight, "v0.1.0"),
        ("obolnetwork/charon/v1.4.0-9f3e1c2/linux-amd64", Charon, "v1.4.0-9f3e1c2"),
        ("LIGHTHOUSE/v1", Lighthouse, "v1"),
        ("Lighthouse", Lighthouse, "Lighthouse"),
        ("SomethingNew/v1.0", Unknown, "v1.0"),
        // A name inside another string is no family: only its beginning counts.
        ("proxy-for-lighthouse/v1.0", Unknown, "v1.0"),
        ("", Unknown, ""),
        ("/", Unknown, "/"),
    ] {
        let versions = Versions::from_v1(text);
        assert_eq!((versions.consensus, versions.consensus_version.as_str()), (family, version), "{text}");
        assert_eq!((versions.execution, versions.execution_version.as_str()), (ExecutionFamily::Unknown, ""), "{text}");
    }
}

#[test]
fn a_hostile_version_is_bounded_and_printable() {
    let versions = Versions::from_v1(&format!("Teku/v1\u{1b}[31m\n{}", "é".repeat(10_000)));
    assert_eq!(versions.consensus, ConsensusFamily::Teku);
    assert!(versions.consensus_version.starts_with("v1[31mé"), "{}", versions.consensus_version);
    assert!(versions.consensus_version.chars().count() <= MAX_VERSION);
}

#[test]
fn v1_bodies() {
    let body = br#"{"data":{"version":"Lodestar/v1.22.0"}}"#;
    assert_eq!(Versions::from_v1_body(body).map(|it| it.consensus), Ok(ConsensusFamily::Lodestar));
    for bad in ["", "{}", r#"{"data":{}}"#, r#"{"data":{"version":1}}"#, "<html>"] {
        assert!(Versions::from_v1_body(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn v2_bodies() {
    let body = |node: &str, execution: &str| format!(r#"{{"data":{{"beacon_node":{node}{execution}}}}}"#);
    let lighthouse = r#"{"code":"LH","name":"Lighthouse","version":"v8.0.1","commit":"0xced49dd2"}"#;
    for (name, body, consensus, execution, versions) in [
        (
            "the example of the Beacon API",
            body(
                lighthouse,
                r#","execution_client":{"code":"NM","name":"Nethermind","version":"v1.35.8","commit":"0xc066aee2"}"#,
            ),
            ConsensusFamily::Lighthouse,
            ExecutionFamily::Nethermind,
            ("v8.0.1", "v1.35.8"),
        ),
        (
            "no execution client",
            body(lighthouse, ""),
            ConsensusFamily::Lighthouse,
            ExecutionFamily::Unknown,
            ("v8.0.1", ""),
        ),
        (
            "null in its place",
            body(lighthouse, r#","execution_client":null"#),
            ConsensusFamily::Lighthouse,
            ExecutionFamily::Unknown,
            ("v8.0.1", ""),
        ),
        (
            "one code for two floors",
            body(r#"{"code":"NB"}"#, r#","execution_client":{"code":"NB"}"#),
            ConsensusFamily::Nimbus,
            ExecutionFamily::NimbusEl,
            ("", ""),
        ),
        (
            "Erigon and its own consensus client",
            body(r#"{"code":"EG","name":"erigon"}"#, r#","execution_client":{"code":"eg","name":"erigon"}"#),
            ConsensusFamily::Caplin,
            ExecutionFamily::Erigon,
            ("", ""),
        ),
        (
            "by name, without a code",
            body(r#"{"name":"Teku"}"#, r#","execution_client":{"code":"","name":"Hyperledger Besu"}"#),
            ConsensusFamily::Teku,
            ExecutionFamily::Besu,
            ("", ""),
        ),
        (
            "by name, with a code that is not in the table",
            body(r#"{"code":"RL","name":"rangelight"}"#, r#","execution_client":{"code":"XX","name":"go-ethereum"}"#),
            ConsensusFamily::Rangelight,
            ExecutionFamily::Geth,
            ("", ""),
        ),
        (
            "code and name at odds",
            body(r#"{"code":"LH","name":"teku"}"#, r#","execution_client":{"code":"GE","name":"reth"}"#),
            ConsensusFamily::Lighthouse,
            ExecutionFamily::Geth,
            ("", ""),
        ),
        (
            "newer than the table",
            body(r#"{"code":"QQ","name":"quux"}"#, r#","execution_client":{"code":"EX","name":"ethrex"}"#),
            ConsensusFamily::Unknown,
            ExecutionFamily::Unknown,
            ("", ""),
        ),
    ] {
        let read = Versions::from_v2_body(body.as_bytes()).expect(name);
        assert_eq!((read.consensus, read.execution), (consensus, execution), "{name}");
        assert_eq!((read.consensus_version.as_str(), read.execution_version.as_str()), versions, "{name}");
    }
    for bad in ["", "{}", r#"{"data":{"version":"Lodestar/v1"}}"#, r#"{"data":{"beacon_node":"x"}}"#] {
        assert!(Versions::from_v2_body(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn labels_read_back() {
    for family in CONSENSUS.map(|row| row.0).into_iter().chain([ConsensusFamily::Unknown]) {
        assert_eq!(family.name().parse(), Ok(family));
        assert_eq!(family.name().to_uppercase().parse(), Ok(family));
    }
    for family in EXECUTION.map(|row| row.0).into_iter().chain([ExecutionFamily::Unknown]) {
        assert_eq!(family.name().parse(), Ok(family));
    }
    assert!("parity".parse::<ExecutionFamily>().is_err());
    let refused = "light house".parse::<ConsensusFamily>().expect_err("no such label");
    assert!(refused.to_string().contains("light house"), "{refused}");
}
