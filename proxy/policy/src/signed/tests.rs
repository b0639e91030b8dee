//! Bodies as validator clients write them, in every encoding; and bodies as nobody should.

use super::*;

mod garbage;

const BLOCK_OPERATIONS: [&str; 4] =
    ["publish_block_v1", "publish_block_v2", "publish_blinded_block_v1", "publish_blinded_block_v2"];

const DATA_JSON: &str = r#"{"slot":"66","index":"0",
    "beacon_block_root":"0x300042fe0a8e04385a8d4b32a6981a8d46a38eb45f5871f193b5e1d60e2d29c5",
    "source":{"epoch":"7","root":"0xd224a0c10af29e446ecb84befd1fad6ffdc71d9ae042e2f75f1ced60e2f146fc"},
    "target":{"epoch":"8","root":"0x3f0151d7de0fb033d80ce050402ca2957c532e4ab45fcd6ee80392a587eb56be"}}"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn some_data() -> AttestationData {
    serde_json::from_str(DATA_JSON).expect("recorded data")
}

fn data_ssz(data: &AttestationData) -> Vec<u8> {
    let checkpoint = |c: &Checkpoint| [&c.epoch.0.to_le_bytes()[..], &c.root.0].concat();
    let numbers = [data.slot.0.to_le_bytes(), data.index.to_le_bytes()].concat();
    [numbers, data.beacon_block_root.0.to_vec(), checkpoint(&data.source), checkpoint(&data.target)].concat()
}

/// A signed block in SSZ with whatever follows the proposer.
fn block_ssz(slot: u64, proposer: u64, signature: u8, rest: &[u8]) -> Vec<u8> {
    let head = [&100_u32.to_le_bytes()[..], &[signature; 96]].concat();
    [&head[..], &slot.to_le_bytes(), &proposer.to_le_bytes(), rest].concat()
}

/// A container of variable parts.
fn container(parts: &[&[u8]]) -> Vec<u8> {
    let mut at = parts.len() * 4;
    let mut out = Vec::new();
    for part in parts {
        out.extend(u32::try_from(at).expect("small").to_le_bytes());
        at += part.len();
    }
    [out, parts.concat()].concat()
}

fn block_json(slot: u64, proposer: u64, signature: u8, body: &str) -> String {
    let signature = hex(&[signature; 96]);
    format!(
        r#"{{"message":{{"slot":"{slot}","proposer_index":"{proposer}","body":{body}}},"signature":"{signature}"}}"#
    )
}

fn single_json(attester: u64, signature: u8) -> String {
    let signature = hex(&[signature; 96]);
    format!(r#"{{"committee_index":"3","attester_index":"{attester}","data":{DATA_JSON},"signature":"{signature}"}}"#)
}

fn single_ssz(attester: u64, signature: u8) -> Vec<u8> {
    let numbers = [3_u64.to_le_bytes(), attester.to_le_bytes()].concat();
    [numbers, data_ssz(&some_data()), vec![signature; 96]].concat()
}

fn older_json(bits: &str, more: &str) -> String {
    let signature = hex(&[9; 96]);
    format!(r#"[{{"aggregation_bits":"{bits}",{more}"data":{DATA_JSON},"signature":"{signature}"}}]"#)
}

fn older_ssz(bits: &[u8], signature: u8) -> Vec<u8> {
    [&228_u32.to_le_bytes()[..], &data_ssz(&some_data()), &[signature; 96], bits].concat()
}

#[test]
fn a_block_is_the_same_message_however_it_is_sent() {
    let bare = block_ssz(7, 11, 1, &[0xaa; 300]);
    let message = |body: &[u8], ssz: bool| {
        let mut messages = read("publish_block_v2", ssz, Some("fulu"), body).expect("a block");
        messages.pop().expect("one message")
    };
    let known = message(&bare, true);
    assert_eq!(known.deed, Deed::Block { slot: Slot(7) });
    assert_eq!(known.resolve(|_, _, _| None), Some(Validator(11)));
    let text = |body: &str| block_json(7, 11, 1, body);
    let reordered = format!(
        r#"{{"signature": "{}", "x": [{{}}], "message": {{"body": 1, "proposer_index": 11, "slot": 7}}}}"#,
        hex(&[1; 96]).to_uppercase().replace("0X", "0x")
    );
    for (name, ssz, body) in [
        ("bare, blinded, shorter", true, block_ssz(7, 11, 1, &[])),
        ("with proofs and blobs", true, container(&[&bare, &[1; 48], &[2; 9]])),
        ("with four parts", true, container(&[&bare, &[3; 10], &[], &[2; 9]])),
        ("JSON", false, text(r#"{"graffiti":"0x"}"#).into_bytes()),
        ("JSON, blinded", false, text(r#"{"execution_payload_header":{}}"#).into_bytes()),
        ("JSON, nested", false, format!(r#"{{"blobs":["0x00"],"signed_block":{}}}"#, text("{}")).into_bytes()),
        (
            "JSON, reordered, bare numbers, upper case, an escaped key",
            false,
            reordered.replace("slot", "sl\\u006ft").into(),
        ),
    ] {
        assert_eq!(message(&body, ssz), known, "{name}");
    }
    let other = message(&block_ssz(7, 11, 2, &[]), true);
    assert_ne!(other.signature, known.signature, "another signature, another message");
    for operation in BLOCK_OPERATIONS {
        assert_eq!(read(operation, true, None, &bare).as_deref(), Ok(&[known.clone()][..]), "{operation}");
    }
}

#[test]
fn blocks_that_cannot_be_read() {
    let bare = block_ssz(7, 11, 1, &[0; 100]);
    let mut wrong_inside = container(&[&bare, &[], &[]]);
    wrong_inside[12] = 99;
    let mut beyond = container(&[&bare, &[], &[]]);
    beyond[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let end = 13 + u32::try_from(bare.len()).expect("small");
    let odd = [&13_u32.to_le_bytes()[..], &end.to_le_bytes(), &[0; 5], &bare].concat();
    let mut backwards = container(&[&bare, &[], &[]]);
    backwards[4..8].copy_from_slice(&4_u32.to_le_bytes());
    for (name, body) in [
        ("nothing", Vec::new()),
        ("cut in the slot", bare[..105].to_vec()),
        ("cut in the proposer", bare[..115].to_vec()),
        ("an odd first offset", [&[13, 0, 0, 0], &bare[..]].concat()),
        ("an odd first offset, and a block there", odd),
        ("one part", container(&[&bare])),
        ("too many parts", container(&[&bare, &[], &[], &[], &[], &[], &[], &[], &[]])),
        ("no signed block inside", wrong_inside),
        ("an offset beyond the end", beyond),
        ("offsets backwards", backwards),
    ] {
        assert!(matches!(read("publish_block_v2", true, None, &body), Err(Unreadable::Ssz(_))), "{name}");
    }
    let block = block_json(7, 11, 1, "{}");
    for (name, body) in [
        ("nothing", String::new()),
        ("a list", format!("[{block}]")),
        ("cut", block[..block.len() - 1].to_owned()),
        ("no signature", r#"{"message":{"slot":"7","proposer_index":"1"}}"#.to_owned()),
        ("a short signature", block.replace("0x0101", "0x01")),
        ("two slots", block.replace(r#""slot":"7""#, r#""slot":"7","slot":"8""#)),
        ("two messages", block.replacen('{', r#"{"message":{"slot":"9","proposer_index":"1"},"#, 1)),
        ("bare and nested", block.replacen('{', &format!(r#"{{"signed_block":{block},"#), 1)),
        ("an absurd slot", block.replace("\"7\"", "\"18446744073709551616\"")),
    ] {
        let error = read("publish_block_v2", false, None, body.as_bytes());
        assert!(matches!(error, Err(Unreadable::Json(_))), "{name}: {error:?}");
    }
}

#[test]
fn attestations_of_every_container() {
    let known = |place, signer, signature: u8| Message {
        place,
        signer,
        deed: Deed::Vote { source: Epoch(7), target: Epoch(8) },
        signature: name_of(&[signature; 96]),
        data: Some(some_data()),
    };
    let index = |index| Signer::Index(Validator(index));
    let seat = |committee, position| Signer::Seat { slot: Slot(66), committee, position };
    let two = vec![known(0, index(5), 1), known(1, index(6), 2)];
    let fourth = older_json("0x0108", "").replace("\"index\":\"0\"", "\"index\":\"4\"");
    let in_fourth = Message { data: Some(AttestationData { index: 4, ..some_data() }), ..known(0, seat(4, 0), 9) };
    let untold = vec![known(0, Signer::Untold, 9)];
    let numbers = single_json(5, 1).replace("\"66\"", "66").replace("\"5\"", "5");
    let electra = |bits: &str| older_json("0x18", &format!(r#""committee_bits":"{bits}","#));
    let v2 = "publish_attestations_v2";
    let v1 = "publish_attestations_v1";
    let json = |text: String| (false, text.into_bytes());
    for (name, operation, version, (ssz, body), messages) in [
        ("single, JSON", v2, "electra", json(format!("[{}, {}]", single_json(5, 1), single_json(6, 2))), two.clone()),
        ("single, SSZ", v2, "fulu", (true, [single_ssz(5, 1), single_ssz(6, 2)].concat()), two.clone()),
        ("single, SSZ, a fork to come", v2, "later", (true, single_ssz(5, 1)), two[..1].to_vec()),
        ("single, JSON, bare numbers", v2, "electra", json(format!("[{numbers}]")), two[..1].to_vec()),
        ("none, JSON", v2, "electra", json(" [ ] ".to_owned()), vec![]),
        ("none, SSZ", v2, "electra", (true, vec![]), vec![]),
        ("none, older SSZ", v2, "deneb", (true, vec![]), vec![]),
        ("one bit", v1, "deneb", json(older_json("0x0108", "")), vec![known(0, seat(0, 0), 9)]),
        ("the last seat", v1, "deneb", json(older_json("0x0006", "")), vec![known(0, seat(0, 9), 9)]),
        ("another committee", v1, "deneb", json(fourth), vec![in_fourth]),
        ("two bits", v1, "deneb", json(older_json("0x0308", "")), untold.clone()),
        ("two bits apart", v1, "deneb", json(older_json("0x0105", "")), untold.clone()),
        ("no bit", v1, "deneb", json(older_json("0x0008", "")), untold.clone()),
        ("a committee bit", v1, "electra", json(electra("0x20")), vec![known(0, seat(5, 3), 9)]),
        ("two committee bits", v1, "electra", json(electra("0x21")), untold.clone()),
        ("no committee bit", v1, "electra", json(electra("0x00")), untold.clone()),
        (
            "older SSZ",
            v2,
            "Deneb",
            (true, container(&[&older_ssz(&[4, 8], 1), &older_ssz(&[2, 1], 2)])),
            vec![known(0, seat(0, 2), 1), known(1, seat(0, 1), 2)],
        ),
    ] {
        assert_eq!(read(operation, ssz, Some(version), &body), Ok(messages), "{name}");
    }
}

#[test]
fn attestations_that_cannot_be_read() {
    let single = single_json(5, 1);
    let old = older_ssz(&[4], 1);
    let mut beyond = container(&[&old, &old]);
    beyond[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut wrong_item = container(&[&old]);
    wrong_item[4] = 227;
    for (name, version, ssz, body) in [
        ("an object", "electra", false, single.clone().into_bytes()),
        ("cut", "electra", false, format!("[{}", &single[..90]).into_bytes()),
        ("no data", "electra", false, br#"[{"attester_index":"1","signature":"0x"}]"#.to_vec()),
        ("neither index nor bits", "electra", false, format!("[{}]", single.replace("attester_", "x_")).into_bytes()),
        ("index and bits", "electra", false, older_json("0x09", r#""attester_index":"1","#).into_bytes()),
        ("bits without a length", "deneb", false, older_json("0x0100", "").into_bytes()),
        ("no bits", "deneb", false, older_json("0x", "").into_bytes()),
        ("half a byte", "deneb", false, older_json("0x123", "").into_bytes()),
        ("far too many bits", "deneb", false, older_json(&hex(&[1; 131_072 / 8 + 2]), "").into_bytes()),
        ("one byte short", "electra", true, single_ssz(5, 1)[1..].to_vec()),
        ("a first offset of 0", "deneb", true, vec![0; 300]),
        ("an odd first offset", "deneb", true, vec![5; 300]),
        ("an offset beyond the end", "deneb", true, beyond),
        ("not an attestation", "deneb", true, wrong_item),
        ("far too many bits, SSZ", "deneb", true, container(&[&older_ssz(&[1; 131_072 / 8 + 2], 1)])),
        ("an item without bits", "deneb", true, container(&[&older_ssz(&[], 1)])),
    ] {
        let read = read("publish_attestations_v2", ssz, Some(version), &body);
        assert!(matches!(read, Err(Unreadable::Json(_) | Unreadable::Ssz(_))), "{name}: {read:?}");
    }
}

#[test]
fn too_many_items_are_one_error_and_not_much_memory() {
    let single = single_json(5, 1);
    let json = format!("[{}]", vec![single.as_str(); MOST_ITEMS + 1].join(","));
    let ssz = vec![0; 240 * (MOST_ITEMS + 1)];
    let offsets = u32::try_from((MOST_ITEMS + 1) * 4).expect("small").to_le_bytes();
    let v2 = "publish_attestations_v2";
    assert_eq!(read(v2, false, None, json.as_bytes()), Err(Unreadable::TooMany));
    assert_eq!(read(v2, true, None, &ssz), Err(Unreadable::TooMany));
    assert_eq!(read(v2, true, Some("deneb"), &offsets), Err(Unreadable::TooMany));
    assert_eq!(read_sync(true, &vec![0; 144 * (MOST_ITEMS + 1)]), Err(Unreadable::TooMany));
    assert_eq!(read(v2, true, None, &ssz[240..]).map(|messages| messages.len()), Ok(MOST_ITEMS));
}

#[test]
fn sync_messages_of_both_encodings() {
    let (root, signature) = (Root([7; 32]), [3; 96]);
    let known =
        SyncMessage { slot: Slot(9), validator: Validator(4), beacon_block_root: root, signature: name_of(&signature) };
    let text = format!(
        r#"[{{"slot":"9","beacon_block_root":"{root}","validator_index":"4","signature":"{}"}}]"#,
        hex(&signature)
    );
    let ssz = [&9_u64.to_le_bytes()[..], &root.0, &4_u64.to_le_bytes(), &signature].concat();
    assert_eq!(read_sync(false, text.as_bytes()), Ok(vec![known]));
    assert_eq!(read_sync(true, &[&ssz[..], &ssz].concat()), Ok(vec![known; 2]));
    assert!(read_sync(true, &ssz[1..]).is_err());
    assert!(read_sync(false, b"{}").is_err());
}

#[test]
fn what_cannot_be_slashed_is_not_read() {
    for operation in ["publish_aggregates_v2", "publish_contributions", "publish_sync_messages", "prepare_proposers"] {
        assert_eq!(read(operation, false, None, b"anything"), Ok(vec![]), "{operation}");
    }
}

#[test]
fn a_json_body_without_some_items_keeps_the_others_bytes() {
    let tricky = r#" [ {"a":"],[\"}{\\"} ,	[1,[2]], "x,\\\"y", 7 ] "#;
    for (name, body, items, drop, left) in [
        ("the first", tricky, 4, &[0][..], Some(r#"[[1,[2]],"x,\\\"y",7]"#)),
        ("the last two", tricky, 4, &[2, 3], Some(r#"[{"a":"],[\"}{\\"},[1,[2]]]"#)),
        ("one named twice", tricky, 4, &[1, 1], Some(r#"[{"a":"],[\"}{\\"},"x,\\\"y",7]"#)),
        ("all", tricky, 4, &[0, 1, 2, 3], Some("[]")),
        ("none of none", "[]", 0, &[], Some("[]")),
        ("another count", tricky, 3, &[0], None),
        ("a place that is not there", "[1]", 1, &[1], None),
        ("no list", r#"{"a":1}"#, 1, &[0], None),
        ("an empty element", "[1,,2]", 3, &[0], None),
        ("an open text", r#"["a]"#, 1, &[0], None),
        ("closed too often", "[1]]", 1, &[0], None),
        ("never closed", "[[1]", 1, &[0], None),
    ] {
        let got = without(body.as_bytes(), false, items, drop);
        assert_eq!(got.as_deref(), left.map(str::as_bytes), "{name}");
    }
}

#[test]
fn an_ssz_body_without_some_items() {
    let (one, two) = (single_ssz(5, 1), single_ssz(6, 2));
    let both = [&one[..], &two].concat();
    assert_eq!(without(&both, true, 2, &[0]), Some(two));
    assert_eq!(without(&both, true, 2, &[1]), Some(one));
    assert_eq!(without(&both, true, 2, &[0, 1]), Some(vec![]));
    assert_eq!(without(&vec![0; 144 * 3], true, 3, &[1]).map(|left| left.len()), Some(288));
    assert_eq!(without(&both, true, 3, &[0]), None, "another count");
    assert_eq!(without(&both[1..], true, 2, &[0]), None, "an odd length");
    assert_eq!(without(&container(&[&older_ssz(&[4, 8], 1)]), true, 1, &[0]), None, "items of no fixed size");
}
