//! Blocks for tests, written from the specification's containers: every fork that is read, any sync committee, JSON and SSZ.
//!
//! Nothing here is shared with the readers. Lists hold noise, so that nothing stands where it would stand if they were
//! empty, and every field has a value of its own, so that a reader that is off by a field is found out.

use serde_json::{Value, json};

/// What is in a block.
#[derive(Clone, Debug)]
pub(crate) struct Forged {
    pub(crate) fork: &'static str,
    pub(crate) sync_committee: usize,
    pub(crate) blinded: bool,
    pub(crate) slot: u64,
    pub(crate) proposer: u64,
    pub(crate) parent: [u8; 32],
    pub(crate) state: [u8; 32],
    pub(crate) randao: [u8; 96],
    pub(crate) fee_recipient: [u8; 20],
    pub(crate) block_hash: [u8; 32],
    pub(crate) gas_limit: u64,
    /// What JSON says beside the block.
    pub(crate) execution_value: &'static str,
    pub(crate) consensus_value: &'static str,
}

impl Default for Forged {
    fn default() -> Self {
        Self {
            fork: "electra",
            sync_committee: 512,
            blinded: false,
            slot: 1_234_567,
            proposer: 89,
            parent: [0x11; 32],
            state: [0x22; 32],
            randao: [0x33; 96],
            fee_recipient: [0x44; 20],
            block_hash: [0x55; 32],
            gas_limit: 36_000_000,
            execution_value: "7000",
            consensus_value: "300",
        }
    }
}

pub(crate) const FORKS: [&str; 5] = ["bellatrix", "capella", "deneb", "electra", "fulu"];

/// A container: fixed values, and variable parts with their offsets filled in at the end.
#[derive(Default)]
struct Container {
    fixed: Vec<u8>,
    parts: Vec<(usize, Vec<u8>)>,
}

impl Container {
    fn put(mut self, bytes: &[u8]) -> Self {
        self.fixed.extend(bytes);
        self
    }

    fn part(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.parts.push((self.fixed.len(), bytes.into()));
        self.put(&[0; 4])
    }

    fn bytes(self) -> Vec<u8> {
        let mut all = self.fixed;
        for (at, part) in self.parts {
            let offset = u32::try_from(all.len()).expect("tests forge small blocks");
            all[at..at + 4].copy_from_slice(&offset.to_le_bytes());
            all.extend(part);
        }
        all
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

impl Forged {
    fn since(&self, fork: &str) -> bool {
        let place = |name: &str| FORKS.iter().position(|known| *known == name);
        place(self.fork) >= place(fork)
    }

    pub(crate) fn with_blobs(&self) -> bool {
        self.since("deneb") && !self.blinded
    }

    /// The answer in JSON, with everything that a node says beside the block.
    pub(crate) fn json(&self) -> Value {
        let mut payload = json!({
            "parent_hash": hex(&[0x61; 32]), "fee_recipient": hex(&self.fee_recipient), "state_root": hex(&[0x62; 32]),
            "gas_limit": self.gas_limit.to_string(), "gas_used": "1", "extra_data": "0x6e6f697365",
            "block_hash": hex(&self.block_hash),
        });
        if self.blinded {
            payload["transactions_root"] = json!(hex(&[0x63; 32]));
        } else {
            payload["transactions"] = json!(["0x02f8"]);
            payload["withdrawals"] = json!([{"index": "1", "address": hex(&[0x64; 20])}]);
        }
        let name = if self.blinded { "execution_payload_header" } else { "execution_payload" };
        let block = json!({
            "slot": self.slot.to_string(), "proposer_index": self.proposer.to_string(),
            "parent_root": hex(&self.parent), "state_root": hex(&self.state),
            "body": {
                "randao_reveal": hex(&self.randao), "graffiti": hex(&[0; 32]), "attestations": [{"slot": "9"}],
                name: payload,
            },
        });
        let data = match self.with_blobs() {
            true => json!({"block": block, "kzg_proofs": ["0x01"], "blobs": ["0x02"]}),
            false => block,
        };
        json!({
            "version": self.fork, "execution_payload_blinded": self.blinded,
            "execution_payload_value": self.execution_value, "consensus_block_value": self.consensus_value, "data": data,
        })
    }

    /// The answer in SSZ.
    pub(crate) fn ssz(&self) -> Vec<u8> {
        let block = self.ssz_block();
        match self.with_blobs() {
            true => Container::default().part(block).part([7; 48]).part([8; 131]).bytes(),
            false => block,
        }
    }

    fn ssz_block(&self) -> Vec<u8> {
        Container::default()
            .put(&self.slot.to_le_bytes())
            .put(&self.proposer.to_le_bytes())
            .put(&self.parent)
            .put(&self.state)
            .part(self.ssz_body())
            .bytes()
    }

    fn ssz_body(&self) -> Vec<u8> {
        let mut body = Container::default()
            .put(&self.randao)
            .put(&[0x71; 72])
            .put(&[0x72; 32])
            .part([])
            .part([])
            .part([0x73; 77])
            .part([])
            .part([0x74; 112])
            .put(&vec![0xff; self.sync_committee / 8])
            .put(&[0x75; 96])
            .part(self.ssz_payload());
        if self.since("capella") {
            body = body.part([0x76; 172]);
        }
        if self.since("deneb") {
            body = body.part([0x77; 48]);
        }
        if self.since("electra") {
            body = body.part(Container::default().part([]).part([0x78; 76]).part([]).bytes());
        }
        body.bytes()
    }

    fn ssz_payload(&self) -> Vec<u8> {
        let mut payload = Container::default()
            .put(&[0x61; 32])
            .put(&self.fee_recipient)
            .put(&[0x62; 32])
            .put(&[0x65; 32])
            .put(&[0x66; 256])
            .put(&[0x67; 32])
            .put(&7u64.to_le_bytes())
            .put(&self.gas_limit.to_le_bytes())
            .put(&8u64.to_le_bytes())
            .put(&9u64.to_le_bytes())
            .part(*b"noise")
            .put(&[0x68; 32])
            .put(&self.block_hash);
        if self.blinded {
            payload = payload.put(&[0x63; 32]);
            if self.since("capella") {
                payload = payload.put(&[0x69; 32]);
            }
        } else {
            payload = payload.part(Container::default().part([2, 0xf8]).bytes());
            if self.since("capella") {
                payload = payload.part([0x6a; 44]);
            }
        }
        if self.since("deneb") {
            payload = payload.put(&[0x6b; 16]);
        }
        payload.bytes()
    }

    /// The published block: signed, in SSZ.
    pub(crate) fn signed_ssz(&self) -> Vec<u8> {
        let signed = [&100u32.to_le_bytes()[..], &[0x79; 96], &self.ssz_block()].concat();
        match self.with_blobs() {
            true => Container::default().part(signed).part([7; 48]).part([8; 131]).bytes(),
            false => signed,
        }
    }

    /// The published block: signed, in JSON.
    pub(crate) fn signed_json(&self) -> Value {
        let data = self.json()["data"].take();
        let signature = hex(&[0x79; 96]);
        match self.with_blobs() {
            true => json!({"signed_block": {"message": data["block"], "signature": signature}, "blobs": ["0x02"]}),
            false => json!({"message": data, "signature": signature}),
        }
    }
}
