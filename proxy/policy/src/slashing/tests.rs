//! The named cases of the guard, and the rules of EIP-3076 as a table.

use super::*;
use crate::chain::Moment;
use crate::signed::{self, AttestationData};

mod bounds;
mod rules;

/// Mainnet's arithmetic.
const CLOCK: Clock = Clock { genesis: Moment(0), slot_ms: 12_000, slots_per_epoch: 32 };

/// The window in the fourth slot of an epoch.
fn window(epoch: u64) -> Window {
    Window { now: Slot(epoch * 32 + 3), clock: CLOCK }
}

fn signature(number: u8) -> Named {
    Named::Signature(Root([number; 32]))
}

fn root(number: u8) -> Named {
    Named::Root(Root([number; 32]))
}

fn vote(validator: u64, source: u64, target: u64, named: Named) -> Record {
    let deed = Deed::Vote { source: Epoch(source), target: Epoch(target) };
    Record { validator: Validator(validator), deed, named }
}

fn block(validator: u64, slot: u64, named: Named) -> Record {
    Record { validator: Validator(validator), deed: Deed::Block { slot: Slot(slot) }, named }
}

fn history(records: &[Record]) -> History {
    let mut history = History::default();
    history.load(records.iter().copied());
    history
}

/// Reads a body and does what the server does with each message: judge, and record what is new.
fn publish(history: &mut History, operation: &str, ssz: bool, body: &[u8]) -> Vec<Decision> {
    let messages = signed::read(operation, ssz, Some("fulu"), body).expect("a sound body");
    let judge = |message: &Message| {
        let record = Record::of(message, message.resolve(|_, _, _| None).expect("named by index"));
        let decision = history.judge(&record, None, Some(&window(10)));
        if decision == Decision::New {
            history.insert(record);
        }
        decision
    };
    messages.iter().map(judge).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// An attestation of epoch 10 by validator 5, for a head, in both encodings.
fn attestation(head: u8, signature: u8) -> (Vec<u8>, Vec<u8>) {
    let (head, root) = (Root([head; 32]), Root([1; 32]));
    let json = format!(
        r#"[{{"committee_index":"0","attester_index":"5","signature":"{}","data":{{"slot":"322","index":"0","beacon_block_root":"{head}","source":{{"epoch":"9","root":"{root}"}},"target":{{"epoch":"10","root":"{root}"}}}}}}]"#,
        hex(&[signature; 96])
    );
    let numbers = [0_u64, 5, 322, 0].map(u64::to_le_bytes).concat();
    let checkpoints = [&9_u64.to_le_bytes()[..], &root.0, &10_u64.to_le_bytes(), &root.0].concat();
    (json.into_bytes(), [&numbers[..], &head.0, &checkpoints, &[signature; 96]].concat())
}

fn block_json(slot: u64, signature: u8, body: &str) -> Vec<u8> {
    let signature = hex(&[signature; 96]);
    let text =
        format!(r#"{{"message":{{"slot":"{slot}","proposer_index":"5","body":{body}}},"signature":"{signature}"}}"#);
    text.into_bytes()
}

#[test]
fn retry_in_the_other_encoding() {
    let mut history = History::default();
    let (json, ssz) = attestation(7, 1);
    assert_eq!(publish(&mut history, "publish_attestations_v2", false, &json), [Decision::New]);
    assert_eq!(publish(&mut history, "publish_attestations_v2", true, &ssz), [Decision::Known]);
    let (_, other) = attestation(8, 2);
    let known = history.records().next().expect("recorded");
    let refused = Decision::Refused(Conflict::DoubleVote(known));
    assert_eq!(publish(&mut history, "publish_attestations_v2", true, &other), [refused]);
}

#[test]
fn blinded_then_full() {
    let mut history = History::default();
    let blinded = block_json(323, 1, r#"{"execution_payload_header":{}}"#);
    let full = block_json(323, 1, r#"{"execution_payload":{}}"#);
    assert_eq!(publish(&mut history, "publish_blinded_block_v2", false, &blinded), [Decision::New]);
    assert_eq!(publish(&mut history, "publish_block_v2", false, &full), [Decision::Known]);
}

#[test]
fn retry_after_202() {
    // What a node answered is no part of the rules: the message may have gone out, so only the same may go again.
    let mut history = History::default();
    let block = block_json(323, 1, "{}");
    assert_eq!(publish(&mut history, "publish_block_v2", false, &block), [Decision::New]);
    assert_eq!(publish(&mut history, "publish_block_v2", false, &block), [Decision::Known]);
    assert_eq!(publish(&mut history, "publish_block_v1", false, &block), [Decision::Known]);
}

#[test]
fn the_same_message_from_two_charons() {
    // A cluster's operators put together the same threshold signature; each publishes it.
    let mut history = History::default();
    let (json, ssz) = attestation(7, 1);
    assert_eq!(publish(&mut history, "publish_attestations_v2", false, &json), [Decision::New]);
    assert_eq!(publish(&mut history, "publish_attestations_v2", false, &json), [Decision::Known]);
    assert_eq!(publish(&mut history, "publish_attestations_v2", true, &ssz), [Decision::Known]);
    assert_eq!(history.records().count(), 1, "one message, one record");
}

#[test]
fn a_reorged_proposer_re_signing() {
    let mut history = History::default();
    publish(&mut history, "publish_block_v2", false, &block_json(323, 1, "{}"));
    let known = history.records().next().expect("recorded");
    let again = publish(&mut history, "publish_block_v2", false, &block_json(323, 2, "{}"));
    assert_eq!(again, [Decision::Refused(Conflict::DoubleProposal(known))]);
    assert_eq!(history.records().count(), 1, "what is refused is not recorded");
}

#[test]
fn an_empty_store_at_first_start() {
    // Nothing is known, so the first message is the baseline; earlier epochs that do not contradict it are let out.
    let mut history = History::default();
    let (json, _) = attestation(7, 1);
    assert_eq!(publish(&mut history, "publish_attestations_v2", false, &json), [Decision::New]);
    let now = window(10);
    for (name, record, decision) in [
        ("the epoch before", vote(5, 8, 9, signature(2)), Decision::New),
        ("another validator", vote(6, 9, 10, signature(3)), Decision::New),
    ] {
        assert_eq!(history.judge(&record, None, Some(&now)), decision, "{name}");
    }
}

#[test]
fn the_window() {
    let history = History::default();
    let now = Slot(10 * 32 + 31);
    let window = Window { now, clock: CLOCK };
    let outside = Decision::Refused(Conflict::OutsideWindow);
    for (name, record, decision) in [
        ("this epoch", vote(1, 9, 10, signature(1)), Decision::New),
        ("the last", vote(1, 8, 9, signature(1)), Decision::New),
        ("the one before", vote(1, 7, 8, signature(1)), outside),
        ("the next", vote(1, 9, 11, signature(1)), outside),
        ("the end of time", vote(1, 9, u64::MAX, signature(1)), outside),
        ("the current slot", block(1, now.0, signature(1)), Decision::New),
        ("the next slot", block(1, now.0 + 1, signature(1)), Decision::New),
        ("the slot after", block(1, now.0 + 2, signature(1)), outside),
        ("32 slots ago", block(1, now.0 - 32, signature(1)), Decision::New),
        ("33 slots ago", block(1, now.0 - 33, signature(1)), outside),
        ("the last slot of all", block(1, u64::MAX, signature(1)), outside),
    ] {
        assert_eq!(history.judge(&record, None, Some(&window)), decision, "{name}");
    }
    let genesis = Window { now: Slot(0), clock: CLOCK };
    assert_eq!(history.judge(&vote(1, 0, 0, signature(1)), None, Some(&genesis)), Decision::New);
    assert_eq!(history.judge(&block(1, 0, signature(1)), None, Some(&genesis)), Decision::New);
    let end = Window { now: Slot(u64::MAX), clock: CLOCK };
    assert_eq!(history.judge(&block(1, u64::MAX, signature(1)), None, Some(&end)), Decision::New);
    assert_eq!(
        self::history(&[vote(1, 7, 8, signature(1))]).judge(&vote(1, 7, 8, signature(1)), None, Some(&window)),
        outside,
        "even what is known"
    );
}

#[test]
fn an_attestation_is_known_by_the_root_that_an_import_named() {
    let (json, _) = attestation(7, 1);
    let messages = signed::read("publish_attestations_v2", false, None, &json).expect("a sound body");
    let data: &AttestationData = messages[0].data.as_ref().expect("an attestation");
    let mainnet = Root([3; 32]);
    let signed = signed::signing_root(data, crate::network::ForkVersion([6, 0, 0, 0]), mainnet);
    let history = history(&[vote(5, 9, 10, Named::Root(signed)), block(5, 323, Named::Root(signed))]);
    let record = Record::of(&messages[0], Validator(5));
    let refused = Decision::Refused(Conflict::DoubleVote(vote(5, 9, 10, Named::Root(signed))));
    assert_eq!(history.judge(&record, Some(signed), Some(&window(10))), Decision::Known);
    assert_eq!(history.judge(&record, None, Some(&window(10))), refused, "no root, no way to tell");
    assert_eq!(history.judge(&record, Some(Root([9; 32])), Some(&window(10))), refused, "another root");
    // A block's root is never computed, so an imported block of the slot stands in the way.
    let block = block(5, 323, signature(1));
    assert!(matches!(history.judge(&block, None, Some(&window(10))), Decision::Refused(Conflict::DoubleProposal(_))));
}

#[test]
fn reasons_say_what_stands_in_the_way() {
    for (conflict, text) in [
        (Conflict::DoubleProposal(block(1, 7, Named::Unknown)), "another block of slot 7 already went out"),
        (
            Conflict::DoubleVote(vote(1, 2, 3, Named::Unknown)),
            "another vote for this target already went out: a vote from epoch 2 to epoch 3",
        ),
        (
            Conflict::Surrounds(vote(1, 2, 3, Named::Unknown)),
            "it surrounds a vote from epoch 2 to epoch 3 that already went out",
        ),
        (
            Conflict::BelowWatermark(Deed::Block { slot: Slot(9) }),
            "it is not later than the watermark: the block of slot 9",
        ),
    ] {
        assert_eq!(conflict.to_string(), text);
    }
}
