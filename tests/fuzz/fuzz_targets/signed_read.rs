//! Everything that the guard reads, from arbitrary bytes.
//!
//! The first byte chooses the reader. Nothing may panic; places count up; and a list without one of its items reads as the
//! list that it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rangelight_policy::chain::Root;
use rangelight_policy::interchange::Interchange;
use rangelight_policy::signed::{read, read_sync, without};

const OPERATIONS: [&str; 4] =
    ["publish_block_v2", "publish_blinded_block_v1", "publish_attestations_v1", "publish_attestations_v2"];

fuzz_target!(|bytes: &[u8]| {
    let Some((how, body)) = bytes.split_first() else { return };
    let ssz = how & 0x80 != 0;
    if how & 0x40 != 0 {
        let _ = (read_sync(ssz, body), Interchange::parse(body, Root::default(), None));
        return;
    }
    let operation = OPERATIONS[usize::from(how & 3)];
    let version = [None, Some("deneb"), Some("electra"), Some("")][usize::from(how >> 2 & 3)];
    let Ok(messages) = read(operation, ssz, version, body) else { return };
    assert!(messages.iter().enumerate().all(|(place, message)| message.place == place));
    if operation.contains("attestations") && !messages.is_empty() {
        let dropped = usize::from(how >> 4 & 3) % messages.len();
        if let Some(left) = without(body, ssz, messages.len(), &[dropped]) {
            let again = read(operation, ssz, version, &left).expect("what is left of a sound list is one");
            assert_eq!(again.len() + 1, messages.len());
        }
    }
});
