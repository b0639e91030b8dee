//! Layouts against the numbers of the specification and against what was recorded on a real network.

use super::*;

fn proposal(fork: Fork, preset: Preset, blinded: bool) -> Proposal {
    Proposal {
        fork,
        preset,
        blinded,
        slot: 77,
        proposer: 5,
        parent: Root([1; 32]),
        state: Root([2; 32]),
        randao: [3; 96],
        graffiti: [4; 32],
        fee_recipient: Address([5; 20]),
        transactions: 1000,
        timestamp: 1_700_000_000,
    }
}

#[test]
fn a_signed_block_reads_back_in_both_encodings_forks_and_presets() {
    for fork in [Fork::Capella, Fork::Deneb, Fork::Electra, Fork::Fulu] {
        for preset in [Preset::Mainnet, Preset::Minimal] {
            for blinded in [false, true] {
                let made = proposal(fork, preset, blinded);
                let wanted = Signed {
                    slot: 77,
                    proposer: 5,
                    parent: Root([1; 32]),
                    state: Root([2; 32]),
                    randao: [3; 96],
                    fee_recipient: Address([5; 20]),
                    signature: [6; 96],
                };
                let name = format!("{fork:?} {preset:?} blinded {blinded}");
                let fields = Some((77, 5, Root([1; 32]), Root([2; 32])));
                let (ssz, json) = (made.ssz(), made.json());
                assert_eq!(produced_ssz(&ssz, fork, blinded), fields, "{name}");
                assert_eq!(produced_json(&json, fork, blinded), fields, "{name}");
                let signed = sign_ssz(&ssz, fork, blinded, &[6; 96]).expect("a block");
                assert_eq!(read_ssz(&signed, fork, blinded, preset), Some(wanted.clone()), "{name}");
                let signed = sign_json(&json, fork, blinded, &[6; 96]);
                assert_eq!(read_json(&signed, fork, blinded), Some(wanted), "{name}");
            }
        }
    }
}

#[test]
fn offsets_are_those_of_the_specification() {
    // (preset, where the payload's offset stands in the body, the body's fixed length in Deneb)
    for (preset, at, fixed) in [(Preset::Mainnet, 380, 392), (Preset::Minimal, 320, 332)] {
        let ssz = proposal(Fork::Deneb, preset, false).ssz();
        let at_block = u32::from_le_bytes(ssz[..4].try_into().expect("4 bytes"));
        assert_eq!(at_block, 12, "{preset:?}: three parts travel together");
        let body = &ssz[12 + 84..];
        let payload = u32::from_le_bytes(body[at..at + 4].try_into().expect("4 bytes"));
        assert_eq!(payload, fixed, "{preset:?}: empty lists before it take no room");
        assert_eq!(body[168..200], [4; 32], "{preset:?}: graffiti");
        let payload = &body[fixed as usize..];
        assert_eq!(payload[32..52], [5; 20], "{preset:?}: fee recipient");
    }
}

#[test]
fn what_is_not_a_block_is_none() {
    let ssz = sign_ssz(&proposal(Fork::Deneb, Preset::Minimal, false).ssz(), Fork::Deneb, false, &[6; 96]);
    let ssz = ssz.expect("a block");
    for length in [0, 3, 11, 12, 50, 111, 300] {
        assert_eq!(read_ssz(&ssz[..length], Fork::Deneb, false, Preset::Minimal), None, "{length} bytes");
    }
    assert_eq!(read_ssz(&[0xff; 900], Fork::Deneb, false, Preset::Minimal), None);
    assert_eq!(read_json(&json!({"signed_block": 7}), Fork::Deneb, false), None);
}
