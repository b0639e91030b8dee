//! Named cases: which node is told what, when, and what counts as told.

use super::*;
use crate::standing::replay::{BATCH, RETRY_MS};

/// The kinds that are due at a moment, and ends them all as given.
fn play(register: &mut Register, how: Replayed, now: Moment) -> Vec<(NodeId, Kind, usize)> {
    let mut told = Vec::new();
    loop {
        let due = register.due(now);
        if due.is_empty() {
            return told;
        }
        for replay in due {
            told.push((replay.node, replay.kind, replay.items));
            register.ended(&replay, how, now);
        }
    }
}

/// Everything that may mean that a node has forgotten, and what only looks like it.
#[test]
fn a_node_that_may_have_forgotten_is_told_again() {
    let usual = sight(A);
    for (name, sights, again) in [
        ("nothing happened", vec![usual], false),
        ("its stream was cut", vec![Sight { feeds: 2, ..usual }], true),
        ("it was away", vec![Sight { tier: Tier::Away, ..usual }, usual], true),
        ("it is away still", vec![Sight { tier: Tier::Away, ..usual }], false),
        ("it was behind", vec![Sight { tier: Tier::Behind, ..usual }, usual], false),
        ("another version", vec![Sight { version: Some("a/2"), ..usual }], true),
        ("its version was not told for a while", vec![Sight { version: None, ..usual }, usual], false),
        ("its head fell back", vec![Sight { head: Some(Slot(SLOT - 9)), ..usual }], true),
        ("a reorganisation", vec![Sight { head: Some(Slot(SLOT - 3)), ..usual }], false),
        ("its head was not known for a while", vec![Sight { head: None, ..usual }, usual], false),
        ("it is not wanted, then it is", vec![Sight { wanted: false, ..usual }, usual], false),
        ("it was taken out of the configuration", vec![sight(B), usual], true),
    ] {
        let mut register = Register::default();
        say(&mut register, Kind::Preparations, &[preparation(5, 1)]);
        say(&mut register, Kind::Registrations, &[registration(1, 1)]);
        register.see(&[usual], Some(&CLOCK), NOW);
        assert!(!register.has_preparations(A), "{name}");
        let told = play(&mut register, Replayed::Taken, NOW);
        assert_eq!(told, [(A, Kind::Preparations, 1), (A, Kind::Registrations, 1)], "{name}: it is new");
        assert!(register.has_preparations(A), "{name}");
        let later = NOW.plus(CLOCK.slot_ms);
        for sight in sights {
            register.see(&[sight], Some(&CLOCK), later);
        }
        let told = play(&mut register, Replayed::Taken, later);
        assert_eq!(told.iter().any(|(node, ..)| *node == A), again, "{name}");
    }
}

#[test]
fn who_is_told_registrations() {
    let friend = Sight { trust: Trust::Friend, ..sight(B) };
    for (name, sights, told) in [
        ("own nodes", vec![sight(A), sight(B)], vec![A, B]),
        ("no friend beside an own node", vec![sight(A), friend], vec![A]),
        ("a friend when the own node is away", vec![Sight { tier: Tier::Away, ..sight(A) }, friend], vec![B]),
        ("nobody who is not wanted", vec![Sight { wanted: false, ..sight(A) }, sight(B)], vec![B]),
        ("also one that is not ready yet", vec![Sight { tier: Tier::Syncing, ..sight(A) }], vec![A]),
        ("no foreign one", vec![Sight { tier: Tier::Foreign, ..sight(A) }], vec![]),
    ] {
        let mut register = Register::default();
        say(&mut register, Kind::Registrations, &[registration(1, 1)]);
        register.see(&sights, Some(&CLOCK), NOW);
        let nodes: Vec<_> = play(&mut register, Replayed::Taken, NOW).into_iter().map(|(node, ..)| node).collect();
        assert_eq!(nodes, told, "{name}");
    }
}

#[test]
fn what_a_node_took_itself_counts_if_it_lacked_nothing_before() {
    let mut register = Register::default();
    let first = say(&mut register, Kind::Preparations, &[preparation(5, 1)]);
    register.see(&[sight(A), sight(B)], Some(&CLOCK), NOW);
    register.took(A, first);
    let second = say(&mut register, Kind::Preparations, &[preparation(6, 1)]);
    register.took(A, second);
    register.took(B, second);
    assert!(register.has_preparations(A) && !register.has_preparations(B));
    let due = register.due(NOW);
    assert_eq!(due.iter().map(|replay| (replay.node, replay.items)).collect::<Vec<_>>(), [(B, 2)]);
    let third = say(&mut register, Kind::Preparations, &[preparation(7, 1)]);
    register.took(B, third);
    register.ended(&due[0], Replayed::Taken, NOW);
    assert!(!register.has_preparations(B), "it changed while it was told");
    assert_eq!(play(&mut register, Replayed::Taken, NOW), [(A, Kind::Preparations, 1), (B, Kind::Preparations, 1)]);
}

#[test]
fn a_replay_to_a_node_that_restarted_meanwhile_counts_for_nothing() {
    let mut register = Register::default();
    say(&mut register, Kind::Preparations, &[preparation(5, 1)]);
    register.see(&[sight(A)], Some(&CLOCK), NOW);
    let due = register.due(NOW);
    register.see(&[Sight { feeds: 2, ..sight(A) }], Some(&CLOCK), NOW);
    assert!(!register.ended(&due[0], Replayed::Taken, NOW));
    assert!(!register.has_preparations(A));
    assert_eq!(
        register.due(NOW.plus(CLOCK.slot_ms / 2 - 1)),
        [],
        "a stream that is cut again and again costs twice a slot"
    );
    assert_eq!(register.due(NOW.plus(CLOCK.slot_ms / 2)).len(), 1);
}

#[test]
fn long_lists_go_in_batches_of_one_form() {
    let mut register = Register::default();
    let all: Vec<_> = (0..=2 * BATCH as u64).map(|validator| preparation(validator, 1)).collect();
    say(&mut register, Kind::Preparations, &all);
    say(&mut register, Kind::Registrations, &[registration(1, 1)]);
    let ssz = Submission { kind: Kind::Registrations, form: Form::Ssz, version: None, body: &ssz_registration(2, 1) };
    register.remember(&ssz, Some(CLOCK), NOW);
    register.see(&[sight(A)], Some(&CLOCK), NOW);
    let told = play(&mut register, Replayed::Taken, NOW);
    let sizes: Vec<_> = told.iter().map(|(_, _, items)| *items).collect();
    assert_eq!(sizes, [BATCH, BATCH, 1, 1, 1]);
    for (version, told) in [("gloas", 1), ("heze", 1), ("heze", 2)] {
        let before = register.shelf(Kind::Preferences).len() as u64;
        let bytes: Vec<_> = (0..told).flat_map(|slot| ssz_preference(SLOT + 3 + before + slot)).collect();
        let said = Submission { kind: Kind::Preferences, form: Form::Ssz, version: Some(version), body: &bytes };
        register.remember(&said, Some(CLOCK), NOW);
    }
    let due = register.due(NOW);
    assert_eq!((due[0].version.as_deref(), due[0].items, due[0].body.len()), (Some("gloas"), 1, 172));
    register.ended(&due[0], Replayed::Taken, NOW);
    let due = register.due(NOW);
    assert_eq!((due[0].version.as_deref(), due[0].items), (Some("heze"), 3));
}

#[test]
fn what_fails_is_tried_again_and_what_is_refused_is_left() {
    let refused = |status| Replayed::Refused { status };
    for (name, kind, how, left) in [
        ("no answer", Kind::Registrations, Replayed::Unanswered, false),
        ("not now", Kind::Registrations, refused(503), false),
        ("no builder", Kind::Registrations, refused(400), true),
        ("no builder, as a fault", Kind::Registrations, refused(500), true),
        ("too many requests", Kind::Registrations, refused(429), false),
        ("no such route", Kind::CommitteeSubscriptions, refused(404), true),
        ("a fault", Kind::CommitteeSubscriptions, refused(500), false),
        ("preparations are told on", Kind::Preparations, refused(400), false),
    ] {
        let mut register = Register::default();
        let item = match kind {
            Kind::Registrations => registration(1, 1),
            Kind::Preparations => preparation(1, 1),
            _ => committee(SLOT + 20, 1),
        };
        say(&mut register, kind, &[item]);
        register.see(&[sight(A)], Some(&CLOCK), NOW);
        let (mut now, mut pauses) = (NOW, Vec::new());
        while pauses.len() < 7 && now.since(NOW) < 2 * RETRY_MS * 7 {
            let due = register.due(now);
            if let Some(replay) = due.first() {
                pauses.push(now.since(NOW));
                register.ended(replay, how, now);
            }
            now = now.plus(500);
        }
        let expected = if left { vec![0] } else { vec![0, 1_000, 3_000, 7_000, 15_000, 31_000, 61_000] };
        assert_eq!(pauses, expected, "{name}");
        register.see(&[Sight { tier: Tier::Behind, ..sight(A) }], Some(&CLOCK), now);
        register.see(&[sight(A)], Some(&CLOCK), now);
        assert_eq!(register.due(now).len(), usize::from(!left), "{name}: it is ready now");
    }
}

#[test]
fn preparations_are_told_again_in_the_middle_of_each_epoch() {
    let mut register = Register::default();
    say(&mut register, Kind::Preparations, &[preparation(5, 1)]);
    say(&mut register, Kind::Registrations, &[registration(1, 1)]);
    let mut told = Vec::new();
    for slot in SLOT..SLOT + 24 {
        let now = CLOCK.start(Slot(slot));
        register.see(&[sight(A)], Some(&CLOCK), now);
        told.extend(play(&mut register, Replayed::Taken, now).into_iter().map(|(_, kind, _)| (slot % 8, kind)));
        assert!(register.has_preparations(A), "it has them all the while");
    }
    let middle = (4, Kind::Preparations);
    let start = [(SLOT % 8, Kind::Preparations), (SLOT % 8, Kind::Registrations)];
    assert_eq!(told, [&start[..], &[middle; 3]].concat());
}

#[test]
fn who_subscribed_for_a_slot() {
    let mut register = Register::default();
    let span = say(&mut register, Kind::CommitteeSubscriptions, &[committee(SLOT + 1, 1), committee(SLOT + 2, 2)]);
    register.see(&[sight(A), sight(B)], Some(&CLOCK), NOW);
    register.took(A, span);
    let at = |register: &Register, slot| [A, B].map(|node| register.subscribed(node, Slot(SLOT + slot)));
    assert_eq!(at(&register, 1), [true, false]);
    assert_eq!(at(&register, 3), [false, false], "nobody wanted anything");
    say(&mut register, Kind::CommitteeSubscriptions, &[committee(SLOT + 1, 3)]);
    assert_eq!(at(&register, 1), [false, false], "one more that it has not");
    assert_eq!(at(&register, 2), [true, false]);
    register.see(&[Sight { feeds: 2, ..sight(A) }], Some(&CLOCK), NOW);
    assert_eq!(at(&register, 2), [false, false], "it restarted");
}
