//! Attestation data in the forms that nodes and validator clients use, and in broken ones.

use super::*;

fn sample() -> AttestationData {
    let checkpoint = |epoch, byte| Checkpoint { epoch: Epoch(epoch), root: Root([byte; 32]) };
    AttestationData {
        slot: Slot(353),
        index: 7,
        head: Root([0xaa; 32]),
        source: checkpoint(10, 1),
        target: checkpoint(11, 2),
    }
}

fn hex(byte: &str) -> String {
    format!("0x{}", byte.repeat(32))
}

#[test]
fn both_forms_come_back_as_they_went() {
    let data = sample();
    assert_eq!(AttestationData::from_ssz(&data.to_ssz()), Some(data));
    assert_eq!(AttestationData::from_json(&data.to_json()), Some(data));
    let expected = format!(
        r#"{{"data":{{"slot":"353","index":"7","beacon_block_root":"{}","source":{{"epoch":"10","root":"{}"}},"target":{{"epoch":"11","root":"{}"}}}}}}"#,
        hex("aa"),
        hex("01"),
        hex("02"),
    );
    assert_eq!(String::from_utf8(data.to_json()).expect("ASCII"), expected);
}

#[test]
fn json_is_read_as_nodes_write_it() {
    let (head, one, two) = (hex("AA"), hex("01"), hex("02"));
    for (name, body, good) in [
        (
            "reordered, extra fields, bare numbers",
            format!(
                r#"{{"execution_optimistic":false,"data":{{"target":{{"root":"{two}","epoch":11}},"source":{{"epoch":"10","root":"{one}","x":1}},"beacon_block_root":"{head}","index":7,"slot":353,"y":[]}}}}"#
            ),
            true,
        ),
        ("no envelope", r#"{"slot":"1"}"#.to_owned(), false),
        ("a list", "[]".to_owned(), false),
        ("null", r#"{"data":null}"#.to_owned(), false),
        ("nothing", String::new(), false),
        (
            "a slot below zero",
            format!(
                r#"{{"data":{{"slot":-1,"index":0,"beacon_block_root":"{head}","source":{{"epoch":1,"root":"{one}"}},"target":{{"epoch":1,"root":"{two}"}}}}}}"#
            ),
            false,
        ),
        (
            "a short root",
            format!(
                r#"{{"data":{{"slot":1,"index":0,"beacon_block_root":"0x12","source":{{"epoch":1,"root":"{one}"}},"target":{{"epoch":1,"root":"{two}"}}}}}}"#
            ),
            false,
        ),
    ] {
        assert_eq!(AttestationData::from_json(body.as_bytes()), good.then(sample), "{name}");
    }
}

#[test]
fn every_cut_and_every_wrong_length_is_no_data() {
    let (json, ssz) = (sample().to_json(), sample().to_ssz());
    assert!((0..json.len()).all(|end| AttestationData::from_json(&json[..end]).is_none()));
    assert!((0..ssz.len()).all(|end| AttestationData::from_ssz(&ssz[..end]).is_none()));
    assert_eq!(AttestationData::from_ssz(&[ssz, vec![0]].concat()), None);
}

/// The root of the sample was computed outside, layer by layer over the eight leaves of the specification.
#[test]
fn the_root_is_that_of_the_specification() {
    let expected = "0x48e50463a776426670e9f524cb1e7785c39709b4636b9d859fdb802eb759719b";
    assert_eq!(sample().tree_root().to_string(), expected);
    let change = |change: fn(&mut AttestationData)| {
        let mut data = sample();
        change(&mut data);
        data.tree_root()
    };
    let roots = [
        change(|_| {}),
        change(|data| data.slot.0 += 1),
        change(|data| data.index += 1),
        change(|data| data.head.0[31] ^= 1),
        change(|data| data.source.epoch.0 += 1),
        change(|data| data.source.root.0[0] ^= 1),
        change(|data| data.target.epoch.0 += 1),
        change(|data| data.target.root.0[0] ^= 1),
    ];
    let distinct: std::collections::BTreeSet<Root> = roots.into_iter().collect();
    assert_eq!(distinct.len(), roots.len(), "every field is in the root");
}

#[test]
fn the_pair_is_source_and_target_and_nothing_else() {
    let data = sample();
    let other = AttestationData { slot: Slot(1), index: 0, head: Root([9; 32]), ..data };
    assert_eq!(data.pair(), other.pair());
    let swapped = AttestationData { source: data.target, target: data.source, ..data };
    assert_ne!(data.pair(), swapped.pair());
}

#[test]
fn publications_tell_what_they_were_signed_with() {
    let data = sample();
    let other = AttestationData { index: 8, ..data };
    let single = |data: &AttestationData| [vec![1; 16], data.to_ssz(), vec![2; 96]].concat();
    let text = |data: &AttestationData| {
        let body = String::from_utf8(data.to_json()).expect("ASCII");
        body[r#"{"data":"#.len()..body.len() - 1].to_owned()
    };
    let (one, two) = (text(&data), text(&other));
    let vote = |data: &str| format!(r#"{{"committee_index":"1","attester_index":2,"data":{data},"signature":"0x"}}"#);
    for (name, body, is_ssz, expected) in [
        ("SSZ, one twice", [single(&data), single(&data), single(&other)].concat(), true, vec![data, other]),
        ("SSZ of another length", single(&data)[1..].to_vec(), true, vec![]),
        ("JSON", format!("[{},{},{}]", vote(&one), vote(&two), vote(&one)).into(), false, vec![data, other]),
        (
            "signed aggregates",
            format!(r#"[{{"message":{{"aggregator_index":"1","aggregate":{{"data":{one}}}}},"signature":"0x"}}]"#)
                .into(),
            false,
            vec![data],
        ),
        ("something else", br#"[{"message":{"slot":"1"}}]"#.to_vec(), false, vec![]),
        ("items without data", b"[{},{}]".to_vec(), false, vec![]),
        ("no list", b"{}".to_vec(), false, vec![]),
        ("nothing", Vec::new(), true, vec![]),
    ] {
        assert_eq!(published(&body, is_ssz), expected, "{name}");
    }
    let many: Vec<u8> = (0..200).flat_map(|index| single(&AttestationData { index, ..data })).collect();
    assert_eq!(published(&many, true).len(), DISTINCT);
}
