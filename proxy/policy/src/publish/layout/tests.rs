//! Lists in SSZ, read back from their JSON.

use serde_json::{Value, json};

use super::*;

const OPERATIONS: [(&str, usize); 4] = [
    ("publish_attestations_v2", 240),
    ("publish_payload_attestations", 146),
    ("register_validators", 180),
    ("proposer_preferences", 172),
];

fn hex(byte: u8, length: usize) -> String {
    format!("0x{}", format!("{byte:02x}").repeat(length))
}

#[test]
fn items_have_the_sizes_of_the_specification() {
    for (operation, bytes) in OPERATIONS {
        assert_eq!(layout(operation, Some("fulu")).expect(operation).bytes, bytes, "{operation}");
    }
}

#[test]
fn an_attestation_becomes_json_field_by_field() {
    let number = |number: u64| number.to_le_bytes().to_vec();
    let item = [
        number(3),
        number(71),
        number(9),
        number(0),
        vec![0x11; 32],
        number(1),
        vec![0x22; 32],
        number(2),
        vec![0x33; 32],
        vec![0x44; 96],
    ]
    .concat();
    let text = SINGLE_ATTESTATION.json(&[item.clone(), item].concat()).expect("a list");
    let one = json!({
        "committee_index": "3",
        "attester_index": "71",
        "data": {
            "slot": "9",
            "index": "0",
            "beacon_block_root": hex(0x11, 32),
            "source": {"epoch": "1", "root": hex(0x22, 32)},
            "target": {"epoch": "2", "root": hex(0x33, 32)},
        },
        "signature": hex(0x44, 96),
    });
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), json!([one, one]));
}

#[test]
fn the_other_layouts_are_json_too() {
    let numbers: Vec<u8> = (0..180).map(|byte| byte % 2).collect();
    let read = |operation: &str, bytes: usize| -> Value {
        let text = layout(operation, None).expect(operation).json(&numbers[..bytes]).expect(operation);
        serde_json::from_str(&text).expect("JSON")
    };
    let payload = read("publish_payload_attestations", 146);
    assert_eq!(payload[0]["data"]["payload_present"], json!(false));
    assert_eq!(payload[0]["data"]["blob_data_available"], json!(true));
    assert_eq!(payload[0]["signature"].as_str().map(str::len), Some(194));
    let registration = read("register_validators", 180);
    assert_eq!(registration[0]["message"]["fee_recipient"], json!(format!("0x{}", "0001".repeat(10))));
    assert_eq!(registration[0]["message"]["pubkey"].as_str().map(str::len), Some(98));
    let preferences = read("proposer_preferences", 172);
    assert_eq!(preferences[0]["message"]["proposal_slot"], json!(0x0100_0100_0100_0100_u64.to_string()));
}

#[test]
fn what_is_no_list_stays_as_it_is() {
    for (operation, bytes) in OPERATIONS {
        let layout = layout(operation, Some("electra")).expect(operation);
        assert_eq!(layout.json(&[]).as_deref(), Some("[]"), "{operation}");
        assert_eq!(layout.json(&vec![1; bytes - 1]), None, "{operation}");
        assert_eq!(layout.json(&vec![1; bytes + 1]), None, "{operation}");
    }
    assert_eq!(PAYLOAD_ATTESTATION.json(&[9; 146]), None, "a flag is 0 or 1");
    assert!(layout("publish_attestations_v2", Some("Deneb")).is_none(), "committee bits have no fixed length");
    assert!(layout("publish_attestations_v2", None).is_none(), "who knows");
    assert!(layout("publish_aggregates_v2", Some("electra")).is_none());
}

#[test]
fn items_are_counted() {
    for (name, operation, is_ssz, body, expected) in [
        ("JSON", "publish_attestations_v2", false, b" [ {\"a\":[1,2]} , {} ] ".to_vec(), Some(2)),
        ("an empty list", "publish_sync_messages", false, b"[]".to_vec(), Some(0)),
        ("JSON that is no list", "publish_sync_messages", false, b"{}".to_vec(), None),
        ("JSON that is cut off", "publish_sync_messages", false, b"[{}".to_vec(), None),
        ("SSZ of one size", "publish_attestations_v2", true, vec![0; 480], Some(2)),
        ("SSZ of another size", "publish_attestations_v2", true, vec![0; 481], None),
        ("SSZ by its first offset", "publish_aggregates_v2", true, [vec![8, 0, 0, 0], vec![0; 90]].concat(), Some(2)),
        ("an offset beyond the end", "publish_aggregates_v2", true, vec![8, 1, 0, 0], None),
        ("an odd offset", "publish_aggregates_v2", true, vec![6, 0, 0, 0, 0, 0, 0, 0], None),
        ("no offset", "publish_aggregates_v2", true, vec![8, 0], None),
    ] {
        assert_eq!(count(operation, Some("fulu"), is_ssz, &body), expected, "{name}");
    }
}
