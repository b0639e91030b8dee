//! Who is alarmed of and who is not, and that a watch that is full still watches.

use super::*;
use crate::chain::{Clock, Moment};

const CLOCK: Clock = Clock { genesis: Moment(0), slot_ms: 12_000, slots_per_epoch: 32 };

fn window(slot: u64) -> Window {
    Window { now: Slot(slot), clock: CLOCK }
}

fn vote(validator: u64, target: u64, name: u8) -> Record {
    let deed = Deed::Vote { source: Epoch(target.saturating_sub(1)), target: Epoch(target) };
    Record { validator: Validator(validator), deed, named: Named::Signature(Root([name; 32])) }
}

fn block(slot: u64, name: u8) -> Record {
    let deed = Deed::Block { slot: Slot(slot) };
    Record { validator: Validator(1), deed, named: Named::Signature(Root([name; 32])) }
}

/// Plays messages of validator 1 (slot, caller, name; the vote of the slot's epoch) and counts the alarms.
fn play(sightings: &[(u64, &str, u8)]) -> Vec<Alarm> {
    let mut sentinel = Sentinel::default();
    let mut alarms = Vec::new();
    for (slot, caller, name) in sightings {
        let record = vote(1, slot / 32, *name);
        let head = Some(Root([*name; 32]));
        let sighting = Sighting { caller: &Arc::from(*caller), record, head, decision: Decision::New };
        alarms.extend(sentinel.saw(&sighting, &window(*slot)));
    }
    alarms
}

#[test]
fn turns_and_what_only_looks_like_them() {
    for (name, sightings, alarms) in [
        ("one caller", &[(320, "A", 1), (352, "A", 2), (384, "A", 3)][..], 0),
        ("moved once", &[(320, "A", 1), (352, "B", 2), (384, "B", 3)], 0),
        ("there and back again", &[(320, "A", 1), (352, "B", 2), (384, "A", 3)], 1),
        ("there and back again within the slot", &[(320, "A", 1), (320, "B", 2), (320, "A", 3)], 1),
        ("there, twice, and back again", &[(320, "A", 1), (340, "B", 2), (352, "B", 3), (384, "A", 4)], 1),
        ("back again after more than two epochs", &[(320, "A", 1), (352, "B", 2), (385, "A", 3)], 0),
        ("three callers in a row", &[(320, "A", 1), (352, "B", 2), (384, "C", 3)], 0),
        ("A, B, C, A", &[(320, "A", 1), (330, "B", 2), (340, "C", 3), (350, "A", 4)], 1),
        ("turns go on", &[(320, "A", 1), (325, "B", 2), (330, "A", 3), (335, "B", 4), (340, "A", 5)], 2),
        (
            "a cluster, the first one changes",
            &[(320, "A", 1), (320, "B", 1), (352, "B", 2), (352, "A", 2), (384, "A", 3), (384, "B", 3)],
            0,
        ),
        (
            "a cluster, one was away for an epoch",
            &[(320, "A", 1), (320, "B", 1), (352, "B", 2), (384, "A", 3), (384, "B", 3)],
            0,
        ),
        ("the other was first, once", &[(320, "A", 1), (352, "B", 2), (352, "A", 2), (384, "A", 3)], 0),
        ("retries by one caller", &[(320, "A", 1), (320, "A", 1), (352, "A", 2), (352, "A", 2)], 0),
    ] {
        assert_eq!(play(sightings).len(), alarms, "{name}");
    }
}

#[test]
fn an_alarm_of_turns_names_everything() {
    let alarm = &play(&[(320, "A (Lodestar)", 1), (352, "B (Teku)", 2), (384, "A (Lodestar)", 3)])[0];
    assert_eq!(alarm.sort, "alternating_callers");
    let heads = [1, 2, 3].map(|name| Root([name; 32]).to_string());
    let told = ["validator 1:", "A (Lodestar)", "B (Teku)", "slot 384", "epoch 10 ", "epoch 11 "];
    for part in told.into_iter().chain(heads.iter().map(String::as_str)) {
        assert!(alarm.message.contains(part), "{part} in: {}", alarm.message);
    }
}

#[test]
fn a_conflict_names_both_callers_and_both_roots() {
    let mut sentinel = Sentinel::default();
    let (a, b): (Arc<str>, Arc<str>) = (Arc::from("A"), Arc::from("B"));
    let now = window(322);
    let first = vote(1, 10, 1);
    let saw = |caller, record, head: u8, decision| Sighting { caller, record, head: Some(Root([head; 32])), decision };
    assert_eq!(sentinel.saw(&saw(&a, first, 1, Decision::New), &now), None);
    let refused = Decision::Refused(Conflict::DoubleVote(first));
    let alarm = sentinel.saw(&saw(&b, vote(1, 10, 2), 2, refused), &now).expect("an alarm");
    assert_eq!(alarm.sort, "conflicting_message");
    let roots = [1, 2].map(|name| Root([name; 32]).to_string());
    for part in ["validator 1 ", "B sent", "A sent", "epoch 10", "slot 322", &roots[0], &roots[1]] {
        assert!(alarm.message.contains(part), "{part} in: {}", alarm.message);
    }
    // A proposer that signs again after a restart of ours: nobody knows who sent the first one.
    let unknown = Decision::Refused(Conflict::DoubleProposal(block(322, 8)));
    let sighting = Sighting { caller: &b, record: block(322, 9), head: None, decision: unknown };
    let alarm = sentinel.saw(&sighting, &now).expect("an alarm");
    assert!(alarm.message.contains("before our last start") && alarm.message.contains(&Root([9; 32]).to_string()));
    // What was refused did not go out, so it is no turn.
    assert_eq!(sentinel.saw(&saw(&a, vote(1, 11, 3), 3, Decision::New), &window(352)), None);
    let last: Vec<LastSigner> = sentinel.last_signers().collect();
    assert_eq!(last, [LastSigner { validator: Validator(1), caller: a, deed: vote(1, 11, 3).deed, at: Slot(352) }]);
}

#[test]
fn a_late_retry_is_no_alarm() {
    let mut sentinel = Sentinel::default();
    let decision = Decision::Refused(Conflict::OutsideWindow);
    let sighting = Sighting { caller: &Arc::from("A"), record: vote(1, 3, 1), head: None, decision };
    assert_eq!(sentinel.saw(&sighting, &window(320)), None);
    let retry = Sighting { decision: Decision::Known, ..sighting };
    assert_eq!(sentinel.saw(&retry, &window(320)), None);
    assert_eq!(sentinel.last_signers().count(), 0, "neither tells who signs now");
}

#[test]
fn two_sync_messages_of_a_slot() {
    let mut sentinel = Sentinel::default();
    let mut saw = |caller: &str, slot, name: u8| {
        let message = SyncMessage {
            slot: Slot(slot),
            validator: Validator(1),
            beacon_block_root: Root([name; 32]),
            signature: Root([name; 32]),
        };
        sentinel.saw_sync(&Arc::from(caller), &message, &window(slot))
    };
    assert_eq!(saw("A", 320, 1), None);
    assert_eq!(saw("B", 320, 1), None, "the same");
    assert_eq!(saw("A", 321, 2), None, "the next slot");
    let alarm = saw("B", 321, 3).expect("an alarm");
    let roots = [2, 3].map(|name| Root([name; 32]).to_string());
    for part in ["validator 1 ", "slot 321", "sent by A", "sent by B", &roots[0], &roots[1]] {
        assert!(alarm.message.contains(part), "{part} in: {}", alarm.message);
    }
}

#[test]
fn a_full_watch_forgets_the_silent_ones_and_keeps_the_others() {
    let mut sentinel = Sentinel::default();
    let caller: Arc<str> = Arc::from("A");
    let saw = |sentinel: &mut Sentinel, validator, slot: u64| {
        let record = vote(validator, slot / 32, 1);
        sentinel.saw(&Sighting { caller: &caller, record, head: None, decision: Decision::New }, &window(slot));
        sentinel.watched.contains_key(&Validator(validator))
    };
    let most = MOST_WATCHED as u64;
    assert!((0..most).all(|validator| saw(&mut sentinel, validator, 320)));
    assert!(!saw(&mut sentinel, most, 320), "no room: not watched");
    assert!(saw(&mut sentinel, 0, 384), "a watched one still is");
    assert!(saw(&mut sentinel, most, 400), "the silent ones made room");
    assert_eq!(sentinel.watched.len(), 2, "number 0 was heard of meanwhile");
    assert!((0..100).all(|epoch| saw(&mut sentinel, 0, 400 + 32 * epoch)));
    assert_eq!(sentinel.watched[&Validator(0)].recent.len(), RECENT);
}
