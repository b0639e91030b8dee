//! Attestation data and its tree root, and single votes as they are published: JSON and SSZ.
//!
//! Only what anybody here reads is read. A body that cannot be read is an error of its index, as a node would say.

use serde_json::{Value, json};

use crate::digest::{Root, hex, join};

/// A checkpoint: an epoch and the root of its first block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checkpoint {
    /// The epoch.
    pub epoch: u64,
    /// The last block at or before its first slot.
    pub root: Root,
}

/// `AttestationData` of the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttestationData {
    /// The slot voted in.
    pub slot: u64,
    /// The committee before Electra; 0 from then on.
    pub index: u64,
    /// The head.
    pub head: Root,
    /// The justified checkpoint.
    pub source: Checkpoint,
    /// The epoch's checkpoint.
    pub target: Checkpoint,
}

/// One validator's vote, of whichever container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// What is voted.
    pub data: AttestationData,
    /// Who votes.
    pub voter: Voter,
}

/// How a container names the voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voter {
    /// `SingleAttestation`: by validator index.
    Index(u64),
    /// The older container: by the position of the one bit set, within the committee of the data.
    Bit(u64),
}

/// Bytes of a `SingleAttestation` in SSZ.
pub const SINGLE_BYTES: usize = 240;
/// Bytes of an `AttestationData` in SSZ.
pub const DATA_BYTES: usize = 128;

/// A decimal of the Beacon API: a string, or a bare number as some write it.
#[must_use]
pub fn number(value: &Value) -> Option<u64> {
    value.as_str().map_or_else(|| value.as_u64(), |text| text.parse().ok())
}

fn root(value: &Value) -> Option<Root> {
    value.as_str().and_then(Root::parse)
}

fn leaf(number: u64) -> Root {
    let mut leaf = [0; 32];
    leaf[..8].copy_from_slice(&number.to_le_bytes());
    Root(leaf)
}

/// The lowest bit set in a bitlist, without its length bit; `None` if no bit is set.
fn first_bit(bits: &[u8]) -> Option<u64> {
    let last = bits.iter().rposition(|byte| *byte != 0)?;
    let length = last as u64 * 8 + u64::from(7 - bits[last].leading_zeros());
    (0..length).find(|i| usize::try_from(i / 8).is_ok_and(|byte| bits[byte] & (1 << (i % 8)) != 0))
}

impl Checkpoint {
    fn json(&self) -> Value {
        json!({"epoch": self.epoch.to_string(), "root": self.root.to_string()})
    }

    fn read(value: &Value) -> Option<Self> {
        Some(Self { epoch: number(&value["epoch"])?, root: root(&value["root"])? })
    }
}

impl AttestationData {
    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "slot": self.slot.to_string(),
            "index": self.index.to_string(),
            "beacon_block_root": self.head.to_string(),
            "source": self.source.json(),
            "target": self.target.json(),
        })
    }

    /// From JSON.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        Some(Self {
            slot: number(&value["slot"])?,
            index: number(&value["index"])?,
            head: root(&value["beacon_block_root"])?,
            source: Checkpoint::read(&value["source"])?,
            target: Checkpoint::read(&value["target"])?,
        })
    }

    /// As SSZ: 128 bytes.
    #[must_use]
    pub fn ssz(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(DATA_BYTES);
        out.extend(self.slot.to_le_bytes());
        out.extend(self.index.to_le_bytes());
        out.extend(self.head.0);
        for checkpoint in [self.source, self.target] {
            out.extend(checkpoint.epoch.to_le_bytes());
            out.extend(checkpoint.root.0);
        }
        out
    }

    /// From SSZ.
    #[must_use]
    pub fn from_ssz(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; DATA_BYTES] = bytes.try_into().ok()?;
        let number = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        let root = |at: usize| bytes[at..at + 32].try_into().map(Root).ok();
        Some(Self {
            slot: number(0)?,
            index: number(8)?,
            head: root(16)?,
            source: Checkpoint { epoch: number(48)?, root: root(56)? },
            target: Checkpoint { epoch: number(88)?, root: root(96)? },
        })
    }

    /// `hash_tree_root`: what `attestation_data_root` asks for.
    #[must_use]
    pub fn tree_root(&self) -> Root {
        let checkpoint = |c: &Checkpoint| join(leaf(c.epoch), c.root);
        let empty = Root::default();
        let slot_index = join(leaf(self.slot), leaf(self.index));
        let head_source = join(self.head, checkpoint(&self.source));
        let target = join(checkpoint(&self.target), empty);
        join(join(slot_index, head_source), join(target, join(empty, empty)))
    }
}

impl Vote {
    /// One item of `pool/attestations`, of either container.
    #[must_use]
    pub fn read(item: &Value) -> Option<Self> {
        let data = AttestationData::read(&item["data"])?;
        item["signature"].as_str()?;
        let voter = match number(&item["attester_index"]) {
            Some(index) => Voter::Index(index),
            None => Voter::Bit(first_bit(&crate::digest::unhex(item["aggregation_bits"].as_str()?)?)?),
        };
        Some(Self { data, voter })
    }

    /// One `SingleAttestation` in SSZ: committee index, attester index, data, signature.
    #[must_use]
    pub fn from_ssz(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SINGLE_BYTES] = bytes.try_into().ok()?;
        let index = u64::from_le_bytes(bytes[8..16].try_into().ok()?);
        Some(Self { data: AttestationData::from_ssz(&bytes[16..144])?, voter: Voter::Index(index) })
    }
}

/// A `SingleAttestation` in JSON.
#[must_use]
pub fn single_json(committee: u64, attester: u64, data: &AttestationData, signature: &[u8; 96]) -> Value {
    json!({
        "committee_index": committee.to_string(),
        "attester_index": attester.to_string(),
        "data": data.json(),
        "signature": hex(signature),
    })
}

/// A `SingleAttestation` in SSZ.
#[must_use]
pub fn single_ssz(committee: u64, attester: u64, data: &AttestationData, signature: &[u8; 96]) -> Vec<u8> {
    [&committee.to_le_bytes()[..], &attester.to_le_bytes(), &data.ssz(), signature].concat()
}

/// A bitlist of that length with those bits set, in hex.
#[must_use]
pub fn bitlist(length: u64, bits: impl IntoIterator<Item = u64>) -> String {
    let mut out = vec![0u8; usize::try_from(length / 8 + 1).unwrap_or(1)];
    for bit in bits.into_iter().filter(|bit| *bit < length).chain([length]) {
        if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| out.get_mut(at)) {
            *byte |= 1 << (bit % 8);
        }
    }
    hex(&out)
}

/// A bitvector of that length with those bits set, in hex.
#[must_use]
pub fn bitvector(length: u64, bits: impl IntoIterator<Item = u64>) -> String {
    let mut out = vec![0u8; usize::try_from(length.div_ceil(8)).unwrap_or(1)];
    for bit in bits.into_iter().filter(|bit| *bit < length) {
        if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| out.get_mut(at)) {
            *byte |= 1 << (bit % 8);
        }
    }
    hex(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data and root of a vote recorded on a real network, so that this is not only our own word.
    fn recorded() -> AttestationData {
        let text = r#"{"slot":"66","index":"0",
            "beacon_block_root":"0x300042fe0a8e04385a8d4b32a6981a8d46a38eb45f5871f193b5e1d60e2d29c5",
            "source":{"epoch":"7","root":"0xd224a0c10af29e446ecb84befd1fad6ffdc71d9ae042e2f75f1ced60e2f146fc"},
            "target":{"epoch":"8","root":"0x3f0151d7de0fb033d80ce050402ca2957c532e4ab45fcd6ee80392a587eb56be"}}"#;
        AttestationData::read(&serde_json::from_str(text).expect("recorded JSON")).expect("recorded data")
    }

    #[test]
    fn the_tree_root_is_the_one_a_real_node_knew() {
        let root = "0x330d6df5c6f011cee30a9429761d88c7583dbef03256de68bb777f18a5700a51";
        assert_eq!(recorded().tree_root().to_string(), root);
    }

    #[test]
    fn data_reads_back_from_both_encodings() {
        let data = recorded();
        assert_eq!(AttestationData::from_ssz(&data.ssz()), Some(data));
        assert_eq!(AttestationData::read(&data.json()), Some(data));
        assert_eq!(AttestationData::from_ssz(&data.ssz()[1..]), None);
        assert_eq!(AttestationData::read(&json!({"slot": "1"})), None);
    }

    #[test]
    fn votes_read_from_every_container() {
        let data = recorded();
        let single = Vote { data, voter: Voter::Index(9) };
        assert_eq!(Vote::read(&single_json(0, 9, &data, &[1; 96])), Some(single.clone()));
        assert_eq!(Vote::from_ssz(&single_ssz(0, 9, &data, &[1; 96])), Some(single));
        let older = json!({"aggregation_bits": bitlist(9, [8]), "data": data.json(), "signature": "0x"});
        assert_eq!(Vote::read(&older), Some(Vote { data, voter: Voter::Bit(8) }));
        for (name, bad) in [
            ("no bit", json!({"aggregation_bits": bitlist(9, []), "data": data.json(), "signature": "0x"})),
            ("no signature", json!({"aggregation_bits": bitlist(9, [1]), "data": data.json()})),
            ("nothing", json!(null)),
        ] {
            assert_eq!(Vote::read(&bad), None, "{name}");
        }
    }

    #[test]
    fn bits_are_where_the_specification_puts_them() {
        assert_eq!(bitlist(2, [0, 1]), "0x07");
        assert_eq!(bitlist(8, [0]), "0x0101");
        assert_eq!(bitvector(32, 0..32), "0xffffffff");
    }
}
