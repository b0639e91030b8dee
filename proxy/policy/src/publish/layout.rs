//! The published lists whose bytes we can read: how many items they have, and how SSZ becomes JSON.
//!
//! Some nodes take some lists in JSON only and answer 415 to SSZ (Prysm to attestations), and one misreads SSZ and
//! answers 400 (Nimbus). The validator client must not learn of it, for one 415 makes some of them leave SSZ for good,
//! and it need not: where every item has one fixed layout, JSON is the same fields in other letters. What is signed is
//! the value, not its encoding. A list whose items have variable parts is left to the nodes that can read it.
//!
//! A body whose length is no multiple of its item's is nothing that we know, and left alone too.

use std::fmt::Write;

#[cfg(test)]
mod tests;

/// A fixed layout: the fields in their order.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    fields: &'static [Field],
    /// Bytes of one item.
    pub bytes: usize,
}

/// One field, or the begin or end of an object within the item.
#[derive(Clone, Copy, Debug)]
enum Field {
    /// Eight bytes, little endian; a quoted decimal.
    Number(&'static str),
    /// One byte; `true` or `false`.
    Flag(&'static str),
    /// So many bytes; `0x` and hex.
    Hex(&'static str, usize),
    /// What follows belongs to this object.
    Open(&'static str),
    /// Its end.
    Close,
}

use Field::{Close, Flag, Hex, Number, Open};

/// `SingleAttestation`, Electra and later.
static SINGLE_ATTESTATION: Layout = Layout::of(&[
    Number("committee_index"),
    Number("attester_index"),
    Open("data"),
    Number("slot"),
    Number("index"),
    Hex("beacon_block_root", 32),
    Open("source"),
    Number("epoch"),
    Hex("root", 32),
    Close,
    Open("target"),
    Number("epoch"),
    Hex("root", 32),
    Close,
    Close,
    Hex("signature", 96),
]);

static PAYLOAD_ATTESTATION: Layout = Layout::of(&[
    Number("validator_index"),
    Open("data"),
    Hex("beacon_block_root", 32),
    Number("slot"),
    Flag("payload_present"),
    Flag("blob_data_available"),
    Close,
    Hex("signature", 96),
]);

static REGISTRATION: Layout = Layout::of(&[
    Open("message"),
    Hex("fee_recipient", 20),
    Number("gas_limit"),
    Number("timestamp"),
    Hex("pubkey", 48),
    Close,
    Hex("signature", 96),
]);

static PREFERENCES: Layout = Layout::of(&[
    Open("message"),
    Hex("dependent_root", 32),
    Number("proposal_slot"),
    Number("validator_index"),
    Hex("fee_recipient", 20),
    Number("target_gas_limit"),
    Close,
    Hex("signature", 96),
]);

/// The forks whose attestations are published with committee bits, not as `SingleAttestation`.
const OLD_ATTESTATIONS: [&str; 5] = ["phase0", "altair", "bellatrix", "capella", "deneb"];

/// The layout of an operation's items in SSZ, if they have a fixed one at this fork.
#[must_use]
pub fn layout(operation: &str, consensus_version: Option<&str>) -> Option<&'static Layout> {
    let old =
        consensus_version.is_none_or(|version| OLD_ATTESTATIONS.iter().any(|old| old.eq_ignore_ascii_case(version)));
    match operation {
        "publish_attestations_v2" if !old => Some(&SINGLE_ATTESTATION),
        "publish_payload_attestations" => Some(&PAYLOAD_ATTESTATION),
        "register_validators" => Some(&REGISTRATION),
        "proposer_preferences" => Some(&PREFERENCES),
        _ => None,
    }
}

/// How many items a list has; `None` if it cannot be told.
#[must_use]
pub fn count(operation: &str, consensus_version: Option<&str>, is_ssz: bool, body: &[u8]) -> Option<usize> {
    if !is_ssz {
        let items: Vec<serde::de::IgnoredAny> = serde_json::from_slice(body).ok()?;
        return Some(items.len());
    }
    match layout(operation, consensus_version) {
        Some(layout) => layout.count(body),
        // Items of variable length: the first offset is where the offsets end.
        None => {
            let first = u32::from_le_bytes(*body.first_chunk()?) as usize;
            (first <= body.len() && first.is_multiple_of(4)).then_some(first / 4)
        }
    }
}

impl Layout {
    const fn of(fields: &'static [Field]) -> Self {
        let (mut bytes, mut at) = (0, 0);
        while at < fields.len() {
            bytes += match fields[at] {
                Number(_) => 8,
                Flag(_) => 1,
                Hex(_, length) => length,
                Open(_) | Close => 0,
            };
            at += 1;
        }
        Self { fields, bytes }
    }

    fn count(&self, body: &[u8]) -> Option<usize> {
        body.len().is_multiple_of(self.bytes).then_some(body.len() / self.bytes)
    }

    /// A list in SSZ as JSON; `None` if the bytes are no such list.
    #[must_use]
    pub fn json(&self, body: &[u8]) -> Option<String> {
        self.count(body)?;
        // Hex doubles, and names stand between: three times is enough for all layouts but the smallest.
        let mut text = String::with_capacity(body.len().saturating_mul(3));
        text.push('[');
        for (place, item) in body.chunks_exact(self.bytes).enumerate() {
            if place > 0 {
                text.push(',');
            }
            self.item(item, &mut text)?;
        }
        text.push(']');
        Some(text)
    }

    fn item(&self, mut rest: &[u8], text: &mut String) -> Option<()> {
        text.push('{');
        let mut first = true;
        for field in self.fields {
            if let Number(name) | Flag(name) | Hex(name, _) | Open(name) = field {
                let comma = if first { "" } else { "," };
                write!(text, "{comma}\"{name}\":").ok()?;
            }
            first = matches!(field, Open(_));
            match *field {
                Number(_) => {
                    let (number, after) = rest.split_first_chunk()?;
                    write!(text, "\"{}\"", u64::from_le_bytes(*number)).ok()?;
                    rest = after;
                }
                Flag(_) => {
                    let (flag, after) = rest.split_first()?;
                    text.push_str(match flag {
                        0 => "false",
                        1 => "true",
                        _ => return None,
                    });
                    rest = after;
                }
                Hex(_, length) => {
                    let (bytes, after) = rest.split_at_checked(length)?;
                    text.push_str("\"0x");
                    for byte in bytes {
                        write!(text, "{byte:02x}").ok()?;
                    }
                    text.push('"');
                    rest = after;
                }
                Open(_) => text.push('{'),
                Close => text.push('}'),
            }
        }
        text.push('}');
        Some(())
    }
}
