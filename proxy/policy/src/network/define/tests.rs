//! Which network it is, for every mixture of own nodes.

use serde_json::{Value, json};

use super::{KNOWN, NetworkChoice, Told, Undefined, define};
use crate::chain::{Moment, Root};
use crate::network::tests::{genesis, spec};
use crate::network::{Genesis, Spec};

/// A moment in epoch 60 of the fixture's network.
fn now() -> Moment {
    genesis().moment().plus(60 * 32 * 12_000)
}

fn world(kind: &str) -> (Genesis, Spec) {
    let changes: Vec<(&str, Value)> = match kind {
        "not upgraded" => vec![("FULU_FORK_EPOCH", Value::Null)],
        "preset" => vec![("MAX_ATTESTATIONS", json!("64"))],
        _ => vec![],
    };
    let genesis = match kind {
        "other" => Genesis { validators_root: Root([8; 32]), ..genesis() },
        "third" => Genesis { validators_root: Root([9; 32]), ..genesis() },
        "restarted" => Genesis { time: 7, ..genesis() },
        _ => genesis(),
    };
    (genesis, spec(&changes))
}

/// The index of the node whose picture is served, or the beginning of the error.
fn decide(choice: Option<NetworkChoice>, kinds: &[&str]) -> Result<usize, String> {
    let worlds: Vec<_> = kinds.iter().map(|kind| world(kind)).collect();
    let names: Vec<_> = (0..kinds.len()).map(|index| format!("node{index}")).collect();
    let told: Vec<_> = worlds.iter().zip(&names).map(|((genesis, spec), node)| Told { node, genesis, spec }).collect();
    let served = define(choice, &told, now()).map_err(|error| error.to_string())?;
    let index = worlds.iter().position(|(genesis, spec)| (genesis, spec) == (&served.genesis, &served.spec));
    index.ok_or_else(|| "a picture that no node told".to_owned())
}

#[test]
fn majorities_and_ties_of_own_nodes() {
    let ours = Some(NetworkChoice(Root([7; 32])));
    for (name, choice, kinds, expected) in [
        ("one node", None, &["ours"][..], Ok(0)),
        ("all the same", None, &["ours", "ours", "ours"], Ok(0)),
        ("two to one", None, &["other", "ours", "ours"], Ok(1)),
        ("two to one of each other", None, &["other", "ours", "ours", "third"], Ok(1)),
        ("one to one", None, &["ours", "other"], Err("own nodes are on different networks")),
        ("two to two", None, &["ours", "other", "ours", "other"], Err("own nodes are on different networks")),
        ("three ways", None, &["ours", "other", "third"], Err("own nodes are on different networks")),
        ("one to one, and the configuration decides", ours, &["other", "ours"], Ok(1)),
        ("the configuration outvoted", ours, &["other", "other", "ours"], Ok(2)),
        (
            "the configuration alone",
            ours,
            &["other", "other"],
            Err("network is configured as genesis validators root 0x0707"),
        ),
        ("an upgraded node and one that is not", None, &["not upgraded", "ours"], Ok(0)),
        ("a preset divides as a genesis does", None, &["preset", "ours"], Err("own nodes are on different networks")),
        ("also under one root", ours, &["preset", "ours"], Err("own nodes are on different networks")),
        ("a preset outvoted", None, &["preset", "ours", "not upgraded"], Ok(1)),
        ("a test network that was started anew", None, &["restarted", "ours", "ours"], Ok(1)),
        ("nobody has answered", None, &[], Err("no own node has told")),
        ("nobody has answered, whatever is configured", ours, &[], Err("no own node has told")),
    ] {
        match (decide(choice, kinds), expected) {
            (Ok(index), Ok(expected)) => assert_eq!(index, expected, "{name}"),
            (Err(error), Err(beginning)) => assert!(error.starts_with(beginning), "{name}: {error}"),
            (decided, expected) => assert_eq!(decided, expected.map_err(str::to_owned), "{name}"),
        }
    }
}

#[test]
fn an_error_names_both_sides() {
    let error = decide(None, &["ours", "other"]).expect_err("a tie");
    for part in ["node0", "node1", "0x0707", "0x0808", "testnet", "`network`"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let (mainnet, spec) = (Genesis { validators_root: KNOWN[0].root.parse().expect("known"), ..genesis() }, spec(&[]));
    let told = [Told { node: "attic", genesis: &mainnet, spec: &spec }];
    let choice = "hoodi".parse().expect("known");
    let error = define(Some(choice), &told, now()).expect_err("elsewhere");
    assert!(matches!(error, Undefined::Elsewhere { .. }), "{error:?}");
    let error = error.to_string();
    assert!(error.starts_with("network is configured as hoodi, but attic is on mainnet"), "{error}");
}

#[test]
fn networks_by_name_and_by_root() {
    for known in KNOWN {
        let root: Root = known.root.parse().expect("the table holds roots");
        assert_eq!(known.name.parse(), Ok(NetworkChoice(root)), "{}", known.name);
        assert_eq!(known.name.to_uppercase().parse(), Ok(NetworkChoice(root)), "{}", known.name);
        assert_eq!(known.root.parse(), Ok(NetworkChoice(root)), "{}", known.name);
    }
    let mut roots: Vec<_> = KNOWN.iter().map(|known| known.root).collect();
    roots.sort_unstable();
    roots.dedup();
    assert_eq!(roots.len(), KNOWN.len(), "no root twice");
    for bad in ["", "goerli", "0x4b36", "main net"] {
        assert!(bad.parse::<NetworkChoice>().is_err(), "{bad}");
    }
}
