//! Whether the answer that a signature depends on has the shape of its operation.
//!
//! A node in trouble, or a cache before it, can answer in good JSON that is something else. Where a validator client
//! signs what it got, that costs the duty although another node has the answer, so these few operations are looked at
//! one level deeper: are the keys there, and are they texts, objects or lists. Values are not judged here; an unknown
//! key is nobody's fault, and an operation without an entry is not looked at.
//!
//! SSZ has no keys. Of a produced block the outermost offsets are looked at: they have been the same on every fork, and
//! noise does not have them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    List,
    Object,
    /// A number as the API writes it; some nodes leave the quotes out.
    Number,
    Text,
}

/// What `data` is.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// An object with at least these keys.
    Keys(&'static [(&'static str, Kind)]),
    /// A list.
    List,
    /// A block, or a block with its blobs.
    Block,
}

/// The operations that are looked at.
fn shape_of(operation: &str) -> Option<Shape> {
    use Kind::{Number, Object, Text};
    Some(match operation {
        "attestation_data" => {
            Shape::Keys(&[("slot", Number), ("beacon_block_root", Text), ("source", Object), ("target", Object)])
        }
        "aggregate_attestation_v1" | "aggregate_attestation_v2" => {
            Shape::Keys(&[("aggregation_bits", Text), ("data", Object), ("signature", Text)])
        }
        "block_root" => Shape::Keys(&[("root", Text)]),
        "sync_contribution" => Shape::Keys(&[("beacon_block_root", Text), ("aggregation_bits", Text)]),
        "attester_duties" | "proposer_duties_v1" | "proposer_duties_v2" | "sync_duties" | "ptc_duties" => Shape::List,
        "produce_block_v2" | "produce_block_v3" | "produce_blinded_block" => Shape::Block,
        _ => return None,
    })
}

/// Whether the `data` of an answer in JSON has its operation's shape.
pub(super) fn fits(operation: &str, data: &RawValue) -> bool {
    match shape_of(operation) {
        None => true,
        Some(Shape::List) => is(data, Kind::List),
        Some(Shape::Keys(keys)) => keys_of(data).is_some_and(|found| has_all(&found, keys)),
        Some(Shape::Block) => keys_of(data).is_some_and(|found| {
            has_all(&found, &[("block", Kind::Object)])
                || has_all(&found, &[("slot", Kind::Number), ("body", Kind::Object)])
        }),
    }
}

/// Whether an answer in SSZ can be its operation's.
pub(super) fn fits_ssz(operation: &str, bytes: &[u8]) -> bool {
    match shape_of(operation) {
        Some(Shape::Block) => is_block(bytes) || is_block_with_blobs(bytes),
        _ => true,
    }
}

type Found<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

fn keys_of(data: &RawValue) -> Option<Found<'_>> {
    serde_json::from_str(data.get()).ok()
}

fn has_all(found: &Found<'_>, keys: &[(&str, Kind)]) -> bool {
    keys.iter().all(|(key, kind)| found.get(*key).is_some_and(|value| is(value, *kind)))
}

fn is(value: &RawValue, kind: Kind) -> bool {
    let first = value.get().bytes().next();
    match kind {
        Kind::List => first == Some(b'['),
        Kind::Object => first == Some(b'{'),
        Kind::Number => first.is_some_and(|byte| byte == b'"' || byte.is_ascii_digit()),
        Kind::Text => first == Some(b'"'),
    }
}

/// Slot, proposer, two roots, and the offset of the body, which is all that is of no fixed size.
fn is_block(bytes: &[u8]) -> bool {
    const FIXED: u32 = 84;
    offset(bytes, 80) == Some(FIXED) && bytes.len() > FIXED as usize
}

/// Three offsets: the block, the proofs and the blobs.
fn is_block_with_blobs(bytes: &[u8]) -> bool {
    const FIXED: usize = 12;
    let Some((block, proofs, blobs)) = offset(bytes, 0)
        .zip(offset(bytes, 4))
        .zip(offset(bytes, 8))
        .map(|((block, proofs), blobs)| (block, proofs, blobs))
    else {
        return false;
    };
    let end = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let ordered = block as usize == FIXED && block <= proofs && proofs <= blobs && blobs <= end;
    ordered && bytes.get(FIXED..proofs as usize).is_some_and(is_block)
}

fn offset(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json() {
        let root = format!("\"0x{}\"", "ab".repeat(32));
        let vote = format!(r#"{{"slot":"1","index":"0","beacon_block_root":{root},"source":{{}},"target":{{}}}}"#);
        let unquoted = vote.replace("\"1\"", "1");
        for (operation, data, good) in [
            ("attestation_data", vote.as_str(), true),
            ("attestation_data", unquoted.as_str(), true),
            ("attestation_data", r#"{"slot":{},"root":7,"head_slot":[]}"#, false),
            ("attestation_data", "[]", false),
            ("attestation_data", "\"text\"", false),
            ("block_root", r#"{"root":"0x33"}"#, true),
            ("block_root", r#"{"ro\u006ft":"0x33"}"#, true),
            ("block_root", r#"{"root":7}"#, false),
            ("block_root", "{}", false),
            ("attester_duties", "[]", true),
            ("attester_duties", "{}", false),
            ("produce_block_v3", r#"{"block":{},"kzg_proofs":[],"blobs":[]}"#, true),
            ("produce_block_v3", r#"{"slot":"1","proposer_index":"2","body":{}}"#, true),
            ("produce_block_v3", r#"{"slot":"1"}"#, false),
            ("produce_block_v3", r#"{"block":7}"#, false),
            ("validators", "7", true),
        ] {
            let raw: &RawValue = serde_json::from_str(data).expect("JSON");
            assert_eq!(fits(operation, raw), good, "{operation} {data}");
        }
    }

    #[test]
    fn ssz() {
        let mut block = vec![1; 80];
        block.extend(84u32.to_le_bytes());
        block.extend([7; 400]);
        let end = u32::try_from(12 + block.len()).expect("small");
        let with = |proofs: u32, blobs: u32| {
            let offsets: Vec<u8> = [12, proofs, blobs].into_iter().flat_map(u32::to_le_bytes).collect();
            [offsets, block.clone(), vec![9; 96]].concat()
        };
        for (name, bytes, good) in [
            ("a block", block.clone(), true),
            ("a block with blobs", with(end, end + 48), true),
            ("a block with blobs, cut off in the block", with(end, end + 48)[..200].to_vec(), false),
            ("a block with blobs, cut off in the blobs", with(end, end + 97), false),
            ("offsets backwards", with(end + 48, end), false),
            ("the head of a block", block[..84].to_vec(), false),
            ("noise", vec![0x5a; 4096], false),
            ("nothing", Vec::new(), false),
        ] {
            assert_eq!(fits_ssz("produce_block_v3", &bytes), good, "{name}");
        }
        assert!(fits_ssz("attestation_data", b"x"), "its length is looked at elsewhere");
    }
}
