//! Blocks are read right in every shape, and nothing else is read as a block.

use serde_json::{Value, json};

use super::forge::{FORKS, Forged};
use super::*;

const MAINNET: Sizes = Sizes { sync_committee: Some(512) };
const MINIMAL: Sizes = Sizes { sync_committee: Some(32) };
const UNKNOWN: Sizes = Sizes { sync_committee: None };

fn expected(forged: &Forged, told: Told) -> Block {
    Block {
        key: Key {
            slot: Slot(forged.slot),
            proposer: forged.proposer,
            parent: Root(forged.parent),
            state: Root(forged.state),
        },
        randao: forged.randao,
        blinded: forged.blinded,
        fee_recipient: Address(forged.fee_recipient),
        block_hash: Root(forged.block_hash),
        gas_limit: forged.gas_limit,
        told,
    }
}

fn json<'a>(body: &'a [u8]) -> Answer<'a> {
    Answer { body, ssz: false, version: None, blinded: None }
}

fn ssz<'a>(body: &'a [u8], version: &'a str) -> Answer<'a> {
    Answer { body, ssz: true, version: Some(version), blinded: None }
}

#[test]
fn every_fork_preset_and_encoding() {
    let told = Told { execution: Some(7_000), consensus: Some(300) };
    for fork in FORKS {
        for (sync_committee, sizes) in [(512, MAINNET), (32, MINIMAL)] {
            for blinded in [false, true] {
                let forged = Forged { fork, sync_committee, blinded, ..Forged::default() };
                let name = format!("{fork}, {sync_committee}, blinded: {blinded}");
                let text = forged.json().to_string();
                assert_eq!(read(&json(text.as_bytes()), sizes), Ok(expected(&forged, told)), "{name}, JSON");
                let bytes = forged.ssz();
                let block = expected(&forged, Told::default());
                for (what, version, sizes) in
                    [("both known", Some(fork), sizes), ("no version", None, sizes), ("no spec", Some(fork), UNKNOWN)]
                {
                    let answer = Answer { body: &bytes, ssz: true, version, blinded: Some(blinded) };
                    assert_eq!(read(&answer, sizes), Ok(block.clone()), "{name}, SSZ, {what}");
                }
                let neither = Answer { body: &bytes, ssz: true, version: None, blinded: None };
                assert!(read(&neither, UNKNOWN).is_err(), "{name}: nothing says where to look");
                for published in
                    [signed(forged.signed_json().to_string().as_bytes(), false), signed(&forged.signed_ssz(), true)]
                {
                    assert_eq!(published, Some(block.key), "{name}, signed");
                }
            }
        }
    }
}

#[test]
fn recorded_answers_of_a_real_node() {
    let recipient: Address = "0x00000000000000000000000000000000000000aa".parse().expect("an address");
    let reveal = |block: &Block| (block.randao[0], block.randao[1..].iter().all(|byte| *byte == 0));
    for (name, body, is_ssz, version, slot, proposer, blinded, consensus) in [
        (
            "v3",
            &include_bytes!("tests/v3-deneb-lodestar-1.22.0.json")[..],
            false,
            "deneb",
            62,
            15,
            false,
            Some(715_517_000_000_000),
        ),
        ("v3 in SSZ", include_bytes!("tests/v3-deneb-lodestar-1.22.0.ssz"), true, "deneb", 64, 12, false, None),
        ("v1 blinded", include_bytes!("tests/blinded-deneb-lodestar-1.22.0.json"), false, "deneb", 62, 15, true, None),
        ("v2", include_bytes!("tests/v2-lodestar-1.5.1.json"), false, "capella", 192, 6, false, None),
    ] {
        let answer = Answer { body, ssz: is_ssz, version: Some(version), blinded: None };
        let block = read(&answer, MINIMAL).unwrap_or_else(|unread| panic!("{name} {unread}"));
        assert_eq!((block.key.slot, block.key.proposer, block.blinded), (Slot(slot), proposer, blinded), "{name}");
        assert_eq!(reveal(&block), (0xc0, true), "{name}");
        assert_eq!(block.told.consensus, consensus, "{name}");
        assert!(block.gas_limit > 1_000_000, "{name}: {}", block.gas_limit);
        if version == "deneb" {
            assert_eq!(block.fee_recipient, recipient, "{name}");
        }
        if is_ssz {
            let wrong = read(&answer, MAINNET);
            assert!(matches!(wrong, Err(Unread::Broken(_))), "{name} by mainnet's sizes: {wrong:?}");
        }
    }
}

/// JSON with one thing changed: what becomes of it.
#[test]
fn odd_json() {
    type Change = fn(&mut Value);
    let good: [(&str, Change); 8] = [
        ("numbers for strings", |it| {
            it["data"]["block"]["slot"] = json!(1_234_567);
            it["data"]["block"]["body"]["execution_payload"]["gas_limit"] = json!(36_000_000);
            it["consensus_block_value"] = json!(300);
        }),
        ("strings for booleans", |it| it["execution_payload_blinded"] = json!("false")),
        ("keys that nobody knows", |it| {
            it["data"]["block"]["body"]["new_in_heze"] = json!({"fee_recipient": "0x00", "slot": []});
            it["extra"] = json!([1, {"a": null}]);
        }),
        ("no version", |it| drop(it.as_object_mut().expect("an object").remove("version"))),
        ("no version but null", |it| it["version"] = Value::Null),
        ("capitals in hex", |it| {
            it["data"]["block"]["body"]["execution_payload"]["fee_recipient"] = json!(format!("0x{}", "44".repeat(20)));
        }),
        ("empty values", |it| {
            it["execution_payload_value"] = json!("");
            it["consensus_block_value"] = Value::Null;
        }),
        ("values that are no numbers", |it| it["execution_payload_value"] = json!({"wei": 1})),
    ];
    let forged = Forged::default();
    for (name, change) in good {
        let mut value = forged.json();
        change(&mut value);
        let text = value.to_string();
        let block = read(&json(text.as_bytes()), MAINNET).unwrap_or_else(|unread| panic!("{name}: {unread}"));
        assert_eq!(Block { told: Told::default(), ..block }, expected(&forged, Told::default()), "{name}");
    }
    let bad: [(&str, Change); 12] = [
        ("no data", |it| drop(it.as_object_mut().expect("an object").remove("data"))),
        ("an error as data", |it| it["data"] = json!({"code": 500})),
        ("a list as data", |it| it["data"] = json!([])),
        ("a short address", |it| it["data"]["block"]["body"]["execution_payload"]["fee_recipient"] = json!("0x44")),
        ("no address", |it| it["data"]["block"]["body"]["execution_payload"]["fee_recipient"] = Value::Null),
        ("a long reveal", |it| it["data"]["block"]["body"]["randao_reveal"] = json!(format!("0x{}", "33".repeat(97)))),
        ("a negative slot", |it| it["data"]["block"]["slot"] = json!(-1)),
        ("no payload", |it| {
            drop(it["data"]["block"]["body"].as_object_mut().expect("one").remove("execution_payload"));
        }),
        ("a payload and a header", |it| {
            it["data"]["block"]["body"]["execution_payload_header"] =
                it["data"]["block"]["body"]["execution_payload"].clone();
        }),
        ("a block beside a block", |it| it["data"]["slot"] = json!("1")),
        ("a whole block that says it is blinded", |it| it["execution_payload_blinded"] = json!(true)),
        ("alone, where its fork has blobs", |it| it["data"] = it["data"]["block"].take()),
    ];
    for (name, change) in bad {
        let mut value = forged.json();
        change(&mut value);
        let unread = read(&json(value.to_string().as_bytes()), MAINNET);
        assert!(matches!(unread, Err(Unread::Broken(_))), "{name}: {unread:?}");
    }
    let text = forged.json().to_string();
    let answer = Answer { version: Some("fulu"), ..json(text.as_bytes()) };
    assert!(matches!(read(&answer, MAINNET), Err(Unread::Broken(_))), "another fork in the header");
    let answer = Answer { blinded: Some(true), ..json(text.as_bytes()) };
    assert!(matches!(read(&answer, MAINNET), Err(Unread::Broken(_))), "blinded by the header alone");
    let later = text.replace("\"electra\"", "\"gloas\"");
    assert_eq!(read(&json(later.as_bytes()), MAINNET), Err(Unread::Fork));
}

/// One JSON, two readings: what another reader would take for the recipient must not slip past.
#[test]
fn json_that_can_be_read_in_two_ways() {
    let text = Forged::default().json().to_string();
    let thief = format!("\"0x{}\"", "bd".repeat(20));
    let payload = "\"execution_payload\":{";
    assert!(text.contains(payload));
    for (name, key) in [
        ("twice", "fee_recipient"),
        ("twice, one escaped", "fee\\u005frecipient"),
        ("in other letters", "Fee_Recipient"),
        ("in letters that fold", "fee_recip\u{131}ent"),
    ] {
        let before = text.replace(payload, &format!("{payload}\"{key}\":{thief},"));
        assert_ne!(before, text, "{name}");
        assert!(matches!(read(&json(before.as_bytes()), MAINNET), Err(Unread::Broken(_))), "{name}");
    }
    let escaped = text.replacen("\"fee_recipient\"", "\"fee\\u005frecipient\"", 1);
    assert!(read(&json(escaped.as_bytes()), MAINNET).is_ok(), "escaped alone, it is what it says");
    let twice = text.replacen("\"data\":", "\"data\":{},\"data\":", 1);
    assert!(read(&json(twice.as_bytes()), MAINNET).is_err(), "two answers");
    assert!(read(&json(format!("{text}{text}").as_bytes()), MAINNET).is_err(), "one after another");
}

#[test]
fn ssz_that_is_something_else() {
    let forged = Forged::default();
    let good = forged.ssz();
    assert!(read(&ssz(&good, "electra"), MAINNET).is_ok());
    assert!(read(&ssz(&good, "fulu"), MAINNET).is_ok(), "both have the same layout");
    for version in ["bellatrix", "capella", "deneb"] {
        assert!(matches!(read(&ssz(&good, version), MAINNET), Err(Unread::Broken(_))), "as {version}");
    }
    assert_eq!(read(&ssz(&good, "gloas"), MAINNET), Err(Unread::Fork));
    assert!(read(&ssz(&good, "electra"), MINIMAL).is_err(), "by another preset");
    let body = 12 + 84;
    for (name, at, value) in [
        ("the block begins elsewhere", 0, 16),
        ("the proofs begin before the block", 4, 8),
        ("the blobs begin past the end", 8, u32::MAX),
        ("the body begins elsewhere", 12 + 80, 80),
        ("another fixed part", body + 200, 392),
        ("a payload in the fixed part", body + 380, 4),
        ("a payload past the end", body + 380, 1 << 30),
        ("a payload that ends before it begins", body + 384, 396),
    ] {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        let unread = read(&ssz(&bytes, "electra"), MAINNET);
        assert!(matches!(unread, Err(Unread::Broken(_))), "{name}: {unread:?}");
    }
    let extra = Forged { blinded: true, ..Forged::default() };
    assert!(
        read(&Answer { blinded: Some(false), ..ssz(&extra.ssz(), "electra") }, MAINNET).is_err(),
        "blinded in secret"
    );
    // A lone block whose slot looks like the offset of contents.
    let alone = Forged { fork: "capella", slot: 12, ..Forged::default() };
    let block = read(&ssz(&alone.ssz(), "capella"), MAINNET).expect("a block alone");
    assert_eq!(block.key.slot, Slot(12));
}

#[test]
fn nothing_cut_off_is_read_as_whole() {
    for fork in FORKS {
        let forged = Forged { fork, sync_committee: 32, ..Forged::default() };
        let bytes = forged.ssz();
        let end = bytes.len();
        for length in 0..end {
            if let Ok(block) = read(&ssz(&bytes[..length], fork), MINIMAL) {
                // Only what follows the payload can be missing unnoticed, and what was read is right.
                assert_eq!(block, expected(&forged, Told::default()), "{fork}, {length} of {end}");
            }
        }
        let text = forged.json().to_string();
        for length in 0..text.len() {
            assert!(read(&json(&text.as_bytes()[..length]), MINIMAL).is_err(), "{fork}, {length}");
        }
    }
}

/// Garbage by seed: never a panic, and what is read was there.
#[test]
fn seeded_garbage() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("below fits")
    };
    let mut whole = 0;
    for round in 0..20_000 {
        let fork = FORKS[draw(5)];
        let forged = Forged { fork, sync_committee: [32, 512][draw(2)], blinded: draw(2) == 0, ..Forged::default() };
        let is_ssz = draw(2) == 0;
        let mut bytes = if is_ssz { forged.ssz() } else { forged.json().to_string().into_bytes() };
        for _ in 0..draw(4) {
            let at = draw(bytes.len());
            match draw(4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = u8::try_from(draw(256)).expect("a byte"),
                2 => bytes.insert(at, b'"'),
                _ => {
                    let to = (at + draw(64)).min(bytes.len());
                    bytes.drain(at..to.min(bytes.len() - 1).max(at));
                }
            }
        }
        let version = [None, Some(fork), Some("deneb"), Some("zzz")][draw(4)];
        let sizes = [MAINNET, MINIMAL, UNKNOWN, Sizes { sync_committee: Some(u64::MAX) }][draw(4)];
        let answer = Answer { body: &bytes, ssz: is_ssz, version, blinded: [None, Some(true), Some(false)][draw(3)] };
        if let Ok(block) = read(&answer, sizes) {
            whole += 1;
            let told = answer.blinded;
            assert!(told.is_none_or(|told| told == block.blinded), "round {round}");
        }
        let _ = signed(&bytes, is_ssz);
    }
    assert!(whole > 500, "only {whole} of the blocks were still readable: the garbage is too coarse to find anything");
}
