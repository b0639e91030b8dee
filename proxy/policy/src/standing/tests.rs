//! Named cases: what is read, what is kept, and what of it survives a restart.

use super::read::items;
use super::*;
use crate::chain::Root;
use crate::node::{Tier, Trust};

mod replays;
mod simulation;

pub(super) const CLOCK: Clock = Clock { genesis: Moment(0), slot_ms: 12_000, slots_per_epoch: 8 };
const NOW: Moment = Moment(120_000_000);
const SLOT: u64 = NOW.0 / CLOCK.slot_ms;
const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);

pub(super) fn preparation(validator: u64, recipient: u8) -> String {
    format!(r#"{{"validator_index":"{validator}","fee_recipient":"0x{}"}}"#, format!("{recipient:02x}").repeat(20))
}

pub(super) fn registration(key: u8, timestamp: u64) -> String {
    let key = format!("{key:02x}").repeat(48);
    let recipient = "11".repeat(20);
    format!(
        r#"{{"message":{{"fee_recipient":"0x{recipient}","gas_limit":"30000000","timestamp":"{timestamp}","pubkey":"0x{key}"}},"signature":"0x{}"}}"#,
        "22".repeat(96)
    )
}

pub(super) fn committee(slot: u64, validator: u64) -> String {
    format!(
        r#"{{"validator_index":"{validator}","committee_index":"1","committees_at_slot":"4","slot":"{slot}","is_aggregator":true}}"#
    )
}

fn preference(slot: u64, recipient: u8) -> String {
    let (root, recipient) = ("07".repeat(32), format!("{recipient:02x}").repeat(20));
    format!(
        r#"{{"message":{{"dependent_root":"0x{root}","proposal_slot":"{slot}","validator_index":"4","fee_recipient":"0x{recipient}","target_gas_limit":"1"}},"signature":"0x00"}}"#
    )
}

fn sync(validator: u64, until: u64) -> String {
    format!(r#"{{"validator_index":"{validator}","sync_committee_indices":["3"],"until_epoch":"{until}"}}"#)
}

fn ssz_registration(key: u8, timestamp: u64) -> Vec<u8> {
    let mut bytes = vec![0x11; 20];
    bytes.extend(30_000_000_u64.to_le_bytes());
    bytes.extend(timestamp.to_le_bytes());
    bytes.extend([key; 48]);
    bytes.extend([0x22; 96]);
    bytes
}

fn ssz_preference(slot: u64) -> Vec<u8> {
    let mut bytes = vec![7; 32];
    bytes.extend(slot.to_le_bytes());
    bytes.extend(4_u64.to_le_bytes());
    bytes.extend([0x11; 20 + 8 + 96]);
    bytes
}

pub(super) fn list(items: &[String]) -> Vec<u8> {
    format!("[{}]", items.join(",")).into_bytes()
}

pub(super) fn said(kind: Kind, body: &[u8]) -> Submission<'_> {
    Submission { kind, form: Form::Json, version: None, body }
}

fn say(register: &mut Register, kind: Kind, items: &[String]) -> Span {
    register.remember(&said(kind, &list(items)), Some(CLOCK), NOW)
}

pub(super) fn sight(node: NodeId) -> Sight<'static> {
    let tier = Tier::Ready;
    Sight { node, trust: Trust::Own, tier, wanted: true, feeds: 1, version: Some("a/1"), head: Some(Slot(SLOT)) }
}

#[test]
fn what_can_be_read_is_kept_and_nothing_else() {
    let json = |kind, items: &[&str]| (kind, Form::Json, format!("[{}]", items.join(",")).into_bytes());
    let raw = |kind, form, bytes: &[u8]| (kind, form, bytes.to_vec());
    let prepared = preparation(5, 1);
    let numeric = prepared.replace("\"5\"", "5");
    let extra = prepared.replace('{', "{\"more\":[1,{}],");
    let [registered, other] = [registration(1, 7), registration(2, 7)];
    let (subscribed, in_sync, preferred) = (committee(SLOT, 1), sync(1, u64::MAX), preference(SLOT + 3, 1));
    for (name, (kind, form, body), kept) in [
        ("one", json(Kind::Preparations, &[&prepared]), 1),
        ("a number for a string", json(Kind::Preparations, &[&numeric]), 1),
        ("a field that we do not know", json(Kind::Preparations, &[&extra]), 1),
        ("one that cannot be read beside one that can", json(Kind::Preparations, &["{}", &prepared, "7", "null"]), 1),
        ("a short address", json(Kind::Preparations, &[r#"{"validator_index":"1","fee_recipient":"0x11"}"#]), 0),
        ("a negative index", json(Kind::Preparations, &[&prepared.replace("\"5\"", "\"-5\"")]), 0),
        ("no list", raw(Kind::Preparations, Form::Json, prepared.as_bytes()), 0),
        ("cut off", raw(Kind::Preparations, Form::Json, b"[{\"validator_index\":\"1\""), 0),
        ("nothing", raw(Kind::Preparations, Form::Json, b""), 0),
        ("an empty list", raw(Kind::Preparations, Form::Json, b"[]"), 0),
        ("no text", raw(Kind::Preparations, Form::Json, &[0xff; 40]), 0),
        ("preparations have no SSZ", raw(Kind::Preparations, Form::Ssz, &[1; 28]), 0),
        ("two registrations", json(Kind::Registrations, &[&registered, &other]), 2),
        ("a key that is none", json(Kind::Registrations, &[&registered.replace("0x01", "0x0")]), 0),
        (
            "registrations in SSZ",
            raw(Kind::Registrations, Form::Ssz, &[ssz_registration(1, 7), ssz_registration(2, 7)].concat()),
            2,
        ),
        (
            "SSZ with a byte too many",
            raw(Kind::Registrations, Form::Ssz, &[ssz_registration(1, 7), vec![0]].concat()),
            0,
        ),
        ("a sync subscription", json(Kind::SyncSubscriptions, &[&in_sync]), 1),
        ("a committee subscription", json(Kind::CommitteeSubscriptions, &[&subscribed]), 1),
        ("preferences", json(Kind::Preferences, &[&preferred]), 1),
        ("preferences in SSZ", raw(Kind::Preferences, Form::Ssz, &ssz_preference(SLOT + 3)), 1),
        ("preferences whose slot is absurd", raw(Kind::Preferences, Form::Ssz, &[0xff; 172]), 0),
    ] {
        let mut register = Register::default();
        register.remember(&Submission { kind, form, version: None, body: &body }, Some(CLOCK), NOW);
        assert_eq!(register.shelf(kind).len(), kept, "{name}");
    }
}

#[test]
fn both_forms_of_a_registration_are_about_the_same_key() {
    let (json, ssz) = (list(&[registration(9, 77)]), ssz_registration(9, 77));
    let read = |form, body| {
        let read = items(&Submission { kind: Kind::Registrations, form, version: None, body });
        read.into_iter().map(|item| (item.key, item.fact)).collect::<Vec<_>>()
    };
    assert_eq!(read(Form::Json, &json), read(Form::Ssz, &ssz));
    let both = [(Form::Json, list(&[preference(SLOT + 3, 1)])), (Form::Ssz, ssz_preference(SLOT + 3))];
    let [json, ssz] = both.map(|(form, body)| {
        let read = items(&Submission { kind: Kind::Preferences, form, version: None, body: &body });
        read.into_iter().map(|item| (item.key, item.validator, item.fact)).collect::<Vec<_>>()
    });
    assert_eq!(json, ssz);
}

#[test]
fn an_older_registration_never_follows_a_newer_one() {
    let now = NOW.0 / 1_000;
    for (name, timestamps, kept) in [
        ("newer ones follow", vec![5, 6, 9], 9),
        ("an older one late", vec![9, 6], 9),
        ("the same again", vec![9, 9], 9),
        ("from the future, then right", vec![now + 500, 9], 9),
        ("right, then from the future", vec![9, now + 500], 9),
        ("nearly now counts as now", vec![now + 9, 9], now + 9),
        ("only from the future", vec![now + 500, now + 400], now + 400),
    ] {
        let mut register = Register::default();
        for timestamp in timestamps {
            say(&mut register, Kind::Registrations, &[registration(1, timestamp)]);
        }
        let item = register.shelf(Kind::Registrations).item(&Key::Pubkey([1; 48])).expect("it was said");
        assert_eq!(item.fact, Fact::Signed { timestamp: kept }, "{name}");
        assert!(register.is_registered(&[1; 48]) && register.registered_any() && !register.is_registered(&[2; 48]));
    }
}

#[test]
fn a_changed_preparation_is_named_and_the_zero_address_is_never_wanted() {
    let mut register = Register::default();
    let mut warned = |items: &[String]| {
        say(&mut register, Kind::Preparations, items);
        (register.warnings(), register.fee_recipient(5))
    };
    assert_eq!(warned(&[preparation(5, 1)]), (vec![], Some([1; 20])), "the first word");
    assert_eq!(warned(&[preparation(5, 1)]), (vec![], Some([1; 20])), "the same");
    let changed = Warning::Recipients { changed: vec![(5, [1; 20], [2; 20])], more: 0 };
    assert_eq!(warned(&[preparation(5, 2)]), (vec![changed], Some([2; 20])), "another one");
    let zero = vec![Warning::ZeroRecipient { validator: 5 }];
    assert_eq!(warned(&[preparation(5, 0)]), (zero, Some([2; 20])), "nobody");
    assert_eq!(warned(&[preparation(5, 0)]), (vec![], Some([2; 20])), "nobody, said before");
    let everybody: Vec<_> = (0..20).map(|validator| preparation(validator, 3)).collect();
    warned(&everybody);
    let others: Vec<_> = (0..20).map(|validator| preparation(validator, 4)).collect();
    let (warnings, _) = warned(&others);
    assert!(matches!(&warnings[..], [Warning::Recipients { changed, more: 12 }] if changed.len() == 8), "{warnings:?}");
    assert_eq!(register.fee_recipient(99), None);
}

#[test]
fn what_is_over_is_forgotten() {
    let epoch = CLOCK.epoch(Slot(SLOT)).0;
    let slots = |slots: u64| NOW.plus(slots * CLOCK.slot_ms);
    for (name, kind, item, last, gone) in [
        ("a duty's slot and one more", Kind::CommitteeSubscriptions, committee(SLOT + 2, 1), 3, 4),
        ("preferences until their slot comes", Kind::Preferences, preference(SLOT + 2, 1), 1, 2),
        ("a sync committee until its epoch", Kind::SyncSubscriptions, sync(1, epoch + 1), 7 - SLOT % 8, 8 - SLOT % 8),
    ] {
        let mut register = Register::default();
        say(&mut register, kind, &[item]);
        register.see(&[sight(A)], Some(&CLOCK), slots(last));
        assert_eq!(register.shelf(kind).len(), 1, "{name}");
        register.see(&[sight(A)], Some(&CLOCK), slots(gone));
        assert_eq!(register.shelf(kind).len(), 0, "{name}");
    }
    let mut register = Register::default();
    say(&mut register, Kind::CommitteeSubscriptions, &[committee(SLOT - 2, 1)]);
    assert_eq!(register.count(), 0, "one that comes too late is not kept");
}

#[test]
fn the_first_preferences_of_a_slot_are_the_ones() {
    let mut register = Register::default();
    say(&mut register, Kind::Preferences, &[preference(SLOT + 3, 1)]);
    say(&mut register, Kind::Preferences, &[preference(SLOT + 3, 2), preference(SLOT + 4, 2)]);
    assert_eq!(register.warnings(), vec![Warning::Preferences { slot: Slot(SLOT + 3) }]);
    register.see(&[sight(A)], Some(&CLOCK), NOW);
    let due = register.due(NOW);
    assert_eq!(due[0].body, list(&[preference(SLOT + 3, 1), preference(SLOT + 4, 2)]), "byte for byte");
}

#[test]
fn at_the_bound_the_oldest_go_with_one_warning() {
    let mut register = Register::default();
    let all: Vec<_> = (0..ITEMS as u64).map(|validator| preparation(validator, 1)).collect();
    say(&mut register, Kind::Preparations, &all);
    assert_eq!(register.warnings(), vec![]);
    say(&mut register, Kind::Preparations, &[preparation(1 << 40, 1), preparation(1 << 41, 1)]);
    assert_eq!(register.warnings(), vec![Warning::Full { kind: Kind::Preparations }]);
    assert_eq!(register.shelf(Kind::Preparations).len(), ITEMS);
    assert_eq!(
        [0, 1, 2, 1 << 41].map(|validator| register.fee_recipient(validator).is_some()),
        [false, false, true, true]
    );
}

#[test]
fn what_was_kept_is_known_again_on_the_same_network_only() {
    let network = Root([1; 32]);
    let mut before = Register::default();
    say(&mut before, Kind::Preparations, &[preparation(5, 1), preparation(6, 1)]);
    say(&mut before, Kind::SyncSubscriptions, &[sync(5, u64::MAX)]);
    say(&mut before, Kind::CommitteeSubscriptions, &[committee(SLOT, 5)]);
    say(&mut before, Kind::Registrations, &[registration(1, 7)]);
    let ssz = Submission { kind: Kind::Registrations, form: Form::Ssz, version: None, body: &ssz_registration(2, 7) };
    before.remember(&ssz, Some(CLOCK), NOW);
    let ssz = Submission {
        kind: Kind::Preferences,
        form: Form::Ssz,
        version: Some("gloas"),
        body: &ssz_preference(SLOT + 9),
    };
    before.remember(&ssz, Some(CLOCK), NOW);
    let written = serde_json::to_string(&before.kept(network)).expect("it can be written");
    let kept: Kept = serde_json::from_str(&written).expect("it can be read");
    let replays = |register: &mut Register| {
        register.see(&[sight(A)], Some(&CLOCK), NOW);
        let mut bodies = Vec::new();
        while let Some(replay) = register.due(NOW).pop() {
            register.ended(&replay, Replayed::Taken, NOW);
            bodies.push((replay.kind, replay.form, replay.version, replay.body));
        }
        bodies
    };
    let mut after = Register::default();
    assert_eq!(after.restore(&kept, network, Some(CLOCK), NOW), Ok(7));
    assert_eq!(replays(&mut after), replays(&mut before), "byte for byte, in the same order");

    let mut newer = Register::default();
    say(&mut newer, Kind::Preparations, &[preparation(5, 9)]);
    assert_eq!(newer.restore(&kept, network, Some(CLOCK), NOW.plus(5 * CLOCK.slot_ms)), Ok(5), "one is over");
    assert_eq!([5, 6].map(|validator| newer.fee_recipient(validator)), [Some([9; 20]), Some([1; 20])]);
    assert_eq!(newer.warnings(), vec![], "nothing changed, the validator client said it first");

    let mut other = Register::default();
    assert_eq!(other.restore(&kept, Root([2; 32]), Some(CLOCK), NOW), Err(Unusable::Network));
    let later: Kept = serde_json::from_str(&written.replace("\"version\":1", "\"version\":2")).expect("it can be read");
    assert_eq!(other.restore(&later, network, Some(CLOCK), NOW), Err(Unusable::Version));
    assert_eq!(other.count(), 0);
}

#[test]
fn what_is_kept_has_a_bound_and_the_newest_are_kept() {
    let mut register = Register::default();
    let all: Vec<_> = (0..ITEMS as u64).map(|validator| preparation(validator, 1)).collect();
    say(&mut register, Kind::Preparations, &all);
    say(&mut register, Kind::Registrations, &[registration(1, 7)]);
    let kept = register.kept(Root::default());
    assert!(serde_json::to_vec(&kept).expect("it can be written").len() < KEPT + KEPT / 10);
    let mut after = Register::default();
    let restored = after.restore(&kept, Root::default(), Some(CLOCK), NOW).expect("it is of use");
    assert!(restored > 20_000, "{restored}");
    assert_eq!([0, ITEMS as u64 - 1].map(|validator| after.fee_recipient(validator).is_some()), [false, true]);
}

#[test]
fn another_network_has_other_validators() {
    let mut register = Register::default();
    say(&mut register, Kind::Preparations, &[preparation(5, 1)]);
    register.see(&[sight(A)], Some(&CLOCK), NOW);
    register.forget();
    assert_eq!((register.fee_recipient(5), register.due(NOW).len()), (None, 0));
}
