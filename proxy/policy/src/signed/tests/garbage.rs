//! Noise, and sound bodies with damage, through every reader: an error or a reading, never a panic; and what is left of a
//! body after dropping items reads as what was left.

use super::*;
use crate::race::simulation::Dice;

const ROUNDS: u64 = 20_000;

/// Every operation that is read, with a version that chooses each container.
const WAYS: [(&str, Option<&str>); 4] = [
    ("publish_block_v2", None),
    ("publish_attestations_v1", None),
    ("publish_attestations_v2", Some("electra")),
    ("publish_attestations_v2", Some("deneb")),
];

fn sound(dice: &mut Dice) -> Vec<u8> {
    let bare = block_ssz(7, 1, 1, &[0; 40]);
    let old = older_ssz(&[4, 1], 1);
    match dice.below(9) {
        0 => bare,
        1 => container(&[&bare, &[1; 48], &[2; 9]]),
        2 => block_json(7, 1, 1, r#"{"a":["b"]}"#).into_bytes(),
        3 => format!(r#"{{"signed_block":{}}}"#, block_json(7, 1, 1, "{}")).into_bytes(),
        4 => [single_ssz(5, 1), single_ssz(6, 2)].concat(),
        5 => format!("[{},{}]", single_json(5, 1), single_json(6, 2)).into_bytes(),
        6 => older_json("0x0109", r#""committee_bits":"0x01","#).into_bytes(),
        7 => container(&[&old, &old]),
        _ => (0..dice.below(300)).map(|_| dice.below(256) as u8).collect(),
    }
}

/// Changes bytes, cuts, repeats, or puts the largest number somewhere.
fn damage(dice: &mut Dice, body: &mut Vec<u8>) {
    for _ in 0..dice.below(4) {
        let at = dice.below(body.len() as u64 + 1) as usize;
        match dice.below(5) {
            0 => body.truncate(at),
            1 => body.extend_from_within(at..),
            2 => body[at..].iter_mut().take(8).for_each(|byte| *byte = 0xff),
            3 => body[at..].iter_mut().take(1).for_each(|byte| *byte = br#"[]{},:"\09x"#[dice.below(11) as usize]),
            _ => body[at..].iter_mut().take(1).for_each(|byte| *byte = dice.below(256) as u8),
        }
    }
}

#[test]
fn no_body_is_worse_than_an_error() {
    let (mut read_well, mut refused) = (0, 0);
    for seed in 0..ROUNDS {
        let dice = &mut Dice::new(seed);
        let mut body = sound(dice);
        damage(dice, &mut body);
        for (operation, version) in WAYS {
            for ssz in [false, true] {
                let Ok(messages) = read(operation, ssz, version, &body) else {
                    refused += 1;
                    continue;
                };
                read_well += 1;
                assert!(messages.iter().enumerate().all(|(at, message)| message.place == at), "seed {seed}");
                drop_one(dice, seed, (operation, ssz, version), &body, &messages);
            }
        }
        let _ = (read_sync(false, &body), read_sync(true, &body), without(&body, false, 2, &[1]));
    }
    assert!(read_well > 10_000 && refused > 10_000, "both happen: {read_well} read, {refused} refused");
}

/// Drops one item of a list: the rest must read as before.
fn drop_one(
    dice: &mut Dice,
    seed: u64,
    (operation, ssz, version): (&str, bool, Option<&str>),
    body: &[u8],
    messages: &[Message],
) {
    if messages.is_empty() || operation == "publish_block_v2" {
        return;
    }
    let place = dice.below(messages.len() as u64) as usize;
    let Some(left) = without(body, ssz, messages.len(), &[place]) else {
        assert!(ssz, "seed {seed}: a JSON list that was read can be cut");
        return;
    };
    let again = read(operation, ssz, version, &left).expect("what is left can be read");
    let names = |messages: &[Message]| messages.iter().map(|message| message.signature).collect::<Vec<_>>();
    let mut kept = names(messages);
    kept.remove(place);
    assert_eq!(names(&again), kept, "seed {seed}");
}
