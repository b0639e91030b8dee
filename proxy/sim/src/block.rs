//! Blocks as nodes produce them and validators publish them: JSON, and SSZ with the true fixed-offset layout.
//!
//! The layout is the specification's for Capella to Fulu, in both presets. Lists are empty except the payload's
//! transactions, which carry as many bytes as one asks for, so that bodies of realistic size can be pushed through a
//! proxy. From Deneb on a full block travels with its (empty) blobs; a blinded block travels alone.

use serde_json::{Value, json};

use crate::digest::{Address, Root, hash, hex, unhex, unhex_array};
use crate::fork::Fork;
use crate::preset::Preset;
use crate::vote::number;

mod ssz;

/// What goes into a block when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The fork in force at its slot.
    pub fork: Fork,
    /// Sizes.
    pub preset: Preset,
    /// Whether the payload is only there as its header.
    pub blinded: bool,
    /// Its slot.
    pub slot: u64,
    /// Its proposer.
    pub proposer: u64,
    /// Its parent's root.
    pub parent: Root,
    /// The root of the state after it.
    pub state: Root,
    /// As the validator client asked.
    pub randao: [u8; 96],
    /// As the validator client asked.
    pub graffiti: [u8; 32],
    /// Whom the payload pays.
    pub fee_recipient: Address,
    /// Bytes of transactions.
    pub transactions: usize,
    /// The payload's timestamp, seconds since the Unix epoch.
    pub timestamp: u64,
}

/// What is read out of a block that was signed and published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its slot.
    pub slot: u64,
    /// Its proposer.
    pub proposer: u64,
    /// Its parent's root.
    pub parent: Root,
    /// Its state root.
    pub state: Root,
    /// As it was asked for.
    pub randao: [u8; 96],
    /// Whom its payload pays.
    pub fee_recipient: Address,
    /// The proposer's signature.
    pub signature: [u8; 96],
}

/// The message that a proposer signs, and whose hash is a published block's root: these four fields commit to the rest.
#[must_use]
pub fn message(slot: u64, proposer: u64, parent: Root, state: Root) -> Vec<u8> {
    [&slot.to_le_bytes()[..], &proposer.to_le_bytes(), &parent.0, &state.0].concat()
}

impl Signed {
    /// The block's root.
    #[must_use]
    pub fn root(&self) -> Root {
        hash(&[b"published block", &message(self.slot, self.proposer, self.parent, self.state)])
    }
}

/// Whether a full block of this fork travels together with its blobs.
#[must_use]
pub fn with_blobs(fork: Fork, blinded: bool) -> bool {
    fork >= Fork::Deneb && !blinded
}

// === JSON ===

impl Proposal {
    /// The `data` of a produced block.
    #[must_use]
    pub fn json(&self) -> Value {
        let block = json!({
            "slot": self.slot.to_string(),
            "proposer_index": self.proposer.to_string(),
            "parent_root": self.parent.to_string(),
            "state_root": self.state.to_string(),
            "body": self.body_json(),
        });
        if with_blobs(self.fork, self.blinded) { json!({"block": block, "kzg_proofs": [], "blobs": []}) } else { block }
    }

    fn body_json(&self) -> Value {
        let size = self.preset.sync_committee_size();
        let mut body = json!({
            "randao_reveal": hex(&self.randao),
            "eth1_data": {"deposit_root": Root::default().to_string(), "deposit_count": "0",
                "block_hash": Root::default().to_string()},
            "graffiti": hex(&self.graffiti),
            "proposer_slashings": [], "attester_slashings": [], "attestations": [], "deposits": [],
            "voluntary_exits": [],
            "sync_aggregate": {"sync_committee_bits": crate::vote::bitvector(size, 0..size),
                "sync_committee_signature": hex(&[0xc0; 96])},
            "bls_to_execution_changes": [],
        });
        let key = if self.blinded { "execution_payload_header" } else { "execution_payload" };
        body[key] = self.payload_json();
        if self.fork >= Fork::Deneb {
            body["blob_kzg_commitments"] = json!([]);
        }
        if self.fork >= Fork::Electra {
            body["execution_requests"] = json!({"deposits": [], "withdrawals": [], "consolidations": []});
        }
        body
    }

    fn payload_json(&self) -> Value {
        let zero = Root::default().to_string();
        let mut payload = json!({
            "parent_hash": self.parent.to_string(),
            "fee_recipient": self.fee_recipient.to_string(),
            "state_root": zero, "receipts_root": zero, "logs_bloom": hex(&[0; 256]), "prev_randao": zero,
            "block_number": self.slot.to_string(),
            "gas_limit": "30000000", "gas_used": "0",
            "timestamp": self.timestamp.to_string(),
            "extra_data": "0x", "base_fee_per_gas": "7",
            "block_hash": self.block_hash().to_string(),
        });
        if self.blinded {
            payload["transactions_root"] = json!(zero);
            payload["withdrawals_root"] = json!(zero);
        } else {
            let bytes = vec![0xab; self.transactions];
            payload["transactions"] = if bytes.is_empty() { json!([]) } else { json!([hex(&bytes)]) };
            payload["withdrawals"] = json!([]);
        }
        if self.fork >= Fork::Deneb {
            payload["blob_gas_used"] = json!("0");
            payload["excess_blob_gas"] = json!("0");
        }
        payload
    }

    fn block_hash(&self) -> Root {
        hash(&[b"execution block", &self.state.0])
    }
}

/// Signs a produced block: the body to publish.
#[must_use]
pub fn sign_json(produced: &Value, fork: Fork, blinded: bool, signature: &[u8; 96]) -> Value {
    let signature = hex(signature);
    if with_blobs(fork, blinded) {
        json!({
            "signed_block": {"message": produced["block"], "signature": signature},
            "kzg_proofs": produced["kzg_proofs"],
            "blobs": produced["blobs"],
        })
    } else {
        json!({"message": produced, "signature": signature})
    }
}

/// The four fields that are signed, from a produced block.
#[must_use]
pub fn produced_json(produced: &Value, fork: Fork, blinded: bool) -> Option<(u64, u64, Root, Root)> {
    let block = if with_blobs(fork, blinded) { &produced["block"] } else { produced };
    Some((
        number(&block["slot"])?,
        number(&block["proposer_index"])?,
        Root::parse(block["parent_root"].as_str()?)?,
        Root::parse(block["state_root"].as_str()?)?,
    ))
}

/// Reads a published block.
#[must_use]
pub fn read_json(body: &Value, fork: Fork, blinded: bool) -> Option<Signed> {
    let signed = if with_blobs(fork, blinded) { &body["signed_block"] } else { body };
    let block = &signed["message"];
    let key = if blinded { "execution_payload_header" } else { "execution_payload" };
    let text = |value: &Value| value.as_str().and_then(unhex);
    Some(Signed {
        slot: number(&block["slot"])?,
        proposer: number(&block["proposer_index"])?,
        parent: Root::parse(block["parent_root"].as_str()?)?,
        state: Root::parse(block["state_root"].as_str()?)?,
        randao: text(&block["body"]["randao_reveal"])?.try_into().ok()?,
        fee_recipient: Address::parse(block["body"][key]["fee_recipient"].as_str()?)?,
        signature: unhex_array(signed["signature"].as_str()?)?,
    })
}

// === SSZ ===

impl Proposal {
    /// The produced block in SSZ.
    #[must_use]
    pub fn ssz(&self) -> Vec<u8> {
        ssz::produced(self)
    }
}

/// Signs a produced block: the body to publish. `None` if it is not a block.
#[must_use]
pub fn sign_ssz(produced: &[u8], fork: Fork, blinded: bool, signature: &[u8; 96]) -> Option<Vec<u8>> {
    ssz::sign(produced, with_blobs(fork, blinded), signature)
}

/// The four fields that are signed, from a produced block.
#[must_use]
pub fn produced_ssz(produced: &[u8], fork: Fork, blinded: bool) -> Option<(u64, u64, Root, Root)> {
    ssz::fields(ssz::bare(produced, with_blobs(fork, blinded))?)
}

/// Reads a published block.
#[must_use]
pub fn read_ssz(bytes: &[u8], fork: Fork, blinded: bool, preset: Preset) -> Option<Signed> {
    ssz::read_signed(bytes, with_blobs(fork, blinded), preset)
}

#[cfg(test)]
mod tests;
