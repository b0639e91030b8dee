//! The slot of a published block, from the few bytes in which it stands.
//!
//! A block has megabytes, so JSON is not parsed: every client writes the slot first in the block's message, and the
//! block's message before all that has one inside. Where that is not so the slot is not known, and whoever asks does
//! without it. In SSZ the slot stands where the offsets say, in a block alone or beside its blobs.

use crate::chain::Slot;

/// Bytes of a signed block's offset and signature, after which its message stands.
const SIGNED: usize = 4 + 96;

/// Where the block stands beside its proofs and blobs: after three offsets.
const BESIDE: usize = 12;

/// The slot of a block that is published.
#[must_use]
pub(super) fn of_block(is_ssz: bool, body: &[u8]) -> Option<Slot> {
    if is_ssz { in_ssz(body) } else { in_json(body) }
}

fn in_json(body: &[u8]) -> Option<Slot> {
    const MESSAGE: &[u8] = b"\"message\"";
    let at = memchr::memmem::find(body, MESSAGE)?;
    let rest = then(&body[at + MESSAGE.len()..], b":")?;
    let rest = then(then(rest, b"{")?, b"\"slot\"")?;
    let rest = then(rest, b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok().map(Slot)
}

fn then<'a>(rest: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    rest.trim_ascii_start().strip_prefix(word)
}

fn in_ssz(body: &[u8]) -> Option<Slot> {
    let offset = |at: usize| Some(u32::from_le_bytes(*body.get(at..)?.first_chunk()?) as usize);
    let block = match offset(0)? {
        SIGNED => 0,
        BESIDE if offset(BESIDE)? == SIGNED => BESIDE,
        _ => return None,
    };
    Some(Slot(u64::from_le_bytes(*body.get(block + SIGNED..)?.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_read() {
        let block = |slot: u64| [vec![100, 0, 0, 0], vec![7; 96], slot.to_le_bytes().to_vec(), vec![9; 300]].concat();
        let beside = |block: Vec<u8>| [vec![12, 0, 0, 0], vec![1; 8], block].concat();
        for (name, is_ssz, body, expected) in [
            ("a block", false, br#"{"message":{"slot":"17","body":{"slot":"3"}},"signature":"0x"}"#.to_vec(), Some(17)),
            (
                "beside blobs, with blanks",
                false,
                b"{ \"signed_block\" :\n{\"message\" : { \"slot\" : \"17\" ,".to_vec(),
                Some(17),
            ),
            ("signature first", false, br#"{"signature":"0x","message":{"slot":"17"}}"#.to_vec(), Some(17)),
            ("an unquoted number", false, br#"{"message":{"slot":17,"#.to_vec(), Some(17)),
            ("another order", false, br#"{"message":{"proposer_index":"1","slot":"17"}}"#.to_vec(), None),
            ("no number", false, br#"{"message":{"slot":"x"}}"#.to_vec(), None),
            ("too large", false, br#"{"message":{"slot":"99999999999999999999"}}"#.to_vec(), None),
            ("no block", false, b"[]".to_vec(), None),
            ("cut off", false, br#"{"message":{"sl"#.to_vec(), None),
            ("SSZ", true, block(17), Some(17)),
            ("SSZ beside blobs", true, beside(block(17)), Some(17)),
            ("SSZ, cut off", true, block(17)[..104].to_vec(), None),
            ("SSZ, odd offsets", true, vec![13; 400], None),
            ("SSZ, nothing", true, vec![], None),
        ] {
            assert_eq!(of_block(is_ssz, &body), expected.map(Slot), "{name}");
        }
    }
}
