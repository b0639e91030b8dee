//! Produced and published blocks from arbitrary bytes, in both encodings, by every fork and preset.
//!
//! The first byte chooses how the rest is read. Nothing may panic, and what is read must be what the answer says it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rangelight_policy::block::{Answer, Sizes, read, signed};

const VERSIONS: [Option<&str>; 8] = [
    None,
    Some("bellatrix"),
    Some("capella"),
    Some("deneb"),
    Some("electra"),
    Some("fulu"),
    Some("gloas"),
    Some(""),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((how, body)) = bytes.split_first() else { return };
    let blinded = [None, Some(false), Some(true), None][usize::from(how >> 5 & 3)];
    let sizes = Sizes { sync_committee: [Some(512), Some(32), None][usize::from(how >> 3 & 3) % 3] };
    let answer = Answer { body, ssz: how & 0x80 != 0, version: VERSIONS[usize::from(how & 7)], blinded };
    if let Ok(block) = read(&answer, sizes) {
        assert!(blinded.is_none_or(|blinded| blinded == block.blinded));
    }
    let _ = signed(body, answer.ssz);
});
