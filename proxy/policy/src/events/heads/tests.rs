//! Heads as real nodes wrote them, and as other families may.

use super::{Block, Finalized, Head, HeadV2, PayloadStatus, Reorg};
use crate::chain::{Clock, Epoch, Moment, Slot};

/// From a Lodestar v1.22.0 node on a development network.
const RECORDED: &str = r#"{"slot":"8","block":"0x62963aa15cac00b7961aa61c667646714c3d516c05aeef9b36f9511756d6a3aa","state":"0x17fd1683c0261faec07a0c5f78344534d22eb095e74f9b6fbf45d639a270d757","epoch_transition":true,"previous_duty_dependent_root":"0x165bbd32c3892339392a6f22b048e1dcec08068f71a69d08333d4758dca120be","current_duty_dependent_root":"0xc0b3d142ea6a61253ece43bfc515346f4f544ed921066e390521eae5d9642dbe","execution_optimistic":false}"#;

const CLOCK: Clock = Clock { genesis: Moment(0), slot_ms: 3_000, slots_per_epoch: 8 };

#[test]
fn a_recorded_head_is_read_and_written_as_it_came() {
    let head = Head::read(RECORDED).expect("a real node wrote it");
    assert_eq!(head.slot, Slot(8));
    assert_eq!(head.execution_optimistic, Some(false));
    assert_eq!(head.write().as_deref(), Some(RECORDED));
}

#[test]
fn spellings_of_a_head() {
    let expected = Head::read(RECORDED).expect("a real node wrote it");
    let upper = RECORDED.replace(
        "0x62963aa15cac00b7961aa61c667646714c3d516c05aeef9b36f9511756d6a3aa",
        "0x62963AA15CAC00B7961AA61C667646714C3D516C05AEEF9B36F9511756D6A3AA",
    );
    for (name, json) in [
        ("a bare number", RECORDED.replace(r#""8""#, "8")),
        ("spaces", RECORDED.replace(',', ", ").replace(':', " : ")),
        ("capital hex", upper),
        ("something newer", RECORDED.replace('{', r#"{"finalized_hint":[{"a":1}],"#)),
    ] {
        assert_eq!(Head::read(&json), Some(expected.clone()), "{name}");
    }
    for (name, json) in [
        ("nothing", String::new()),
        ("no object", "[]".to_owned()),
        ("no slot", RECORDED.replace("slot", "spot")),
        ("a short root", RECORDED.replace("a3aa", "a3a")),
        ("a negative slot", RECORDED.replace(r#""8""#, "-8")),
        ("cut", RECORDED[..RECORDED.len() - 1].to_owned()),
    ] {
        assert_eq!(Head::read(&json), None, "{name}");
    }
}

#[test]
fn a_head_without_dependent_roots_is_read_but_never_told() {
    let json = RECORDED.replace("previous_duty_dependent_root", "unknown_one");
    let head = Head::read(&json).expect("the rest is there");
    assert_eq!(head.previous_duty_dependent_root, None);
    assert_eq!(head.write(), None);
    assert_eq!(head.to_v2("fulu").and_then(|head| head.write()), None);
}

#[test]
fn what_the_node_does_not_say_stays_unknown() {
    let head = Head::read(&RECORDED.replace("execution_optimistic", "unknown_one")).expect("the rest is there");
    assert_eq!(head.execution_optimistic, None);
}

#[test]
fn head_and_head_v2_translate_before_gloas_only() {
    let head = Head::read(RECORDED).expect("a real node wrote it");
    for fork in ["phase0", "altair", "bellatrix", "capella", "deneb", "electra", "fulu"] {
        let v2 = head.to_v2(fork).expect("the payload is inside the block");
        assert_eq!(v2.payload_status, PayloadStatus::Full, "{fork}");
        let json = v2.write().expect("the dependent roots are known");
        assert_eq!(HeadV2::read(&json), Some(v2.clone()), "{fork}");
        assert_eq!(v2.head.write().as_deref(), Some(RECORDED), "{fork}: back again");
    }
    for fork in ["gloas", "heze", "", "Fulu"] {
        assert_eq!(head.to_v2(fork), None, "{fork}");
    }
}

#[test]
fn the_dependent_roots_keep_their_values_under_the_other_names() {
    let json = Head::read(RECORDED).and_then(|head| head.to_v2("fulu")?.write()).expect("translates");
    assert_eq!(
        json,
        r#"{"version":"fulu","data":{"slot":"8","block":"0x62963aa15cac00b7961aa61c667646714c3d516c05aeef9b36f9511756d6a3aa","state":"0x17fd1683c0261faec07a0c5f78344534d22eb095e74f9b6fbf45d639a270d757","payload_status":"full","epoch_transition":true,"current_epoch_dependent_root":"0x165bbd32c3892339392a6f22b048e1dcec08068f71a69d08333d4758dca120be","next_epoch_dependent_root":"0xc0b3d142ea6a61253ece43bfc515346f4f544ed921066e390521eae5d9642dbe","execution_optimistic":false}}"#
    );
}

#[test]
fn head_v2_as_nodes_may_write_it() {
    let json = Head::read(RECORDED).and_then(|head| head.to_v2("fulu")?.write()).expect("translates");
    for (name, json, status) in [
        ("empty", json.replace("full", "empty"), Some(PayloadStatus::Empty)),
        ("pending", json.replace("full", "pending"), Some(PayloadStatus::Pending)),
        ("a bare number", json.replace(r#""8""#, "8"), Some(PayloadStatus::Full)),
        ("a fork that we do not know", json.replace("fulu", "heze"), Some(PayloadStatus::Full)),
        ("another status", json.replace("full", "half"), None),
        ("no version", json.replace("version", "virsion"), None),
        ("a version to break out of the line", json.replace("fulu", "fu\\nlu"), None),
        ("an endless version", json.replace("fulu", &"x".repeat(33)), None),
        ("a head", RECORDED.to_owned(), None),
    ] {
        assert_eq!(HeadV2::read(&json).map(|head| head.payload_status), status, "{name}");
    }
}

#[test]
fn the_epoch_transition_is_recomputed_for_the_caller() {
    for (name, slot, previous, node_says, expected) in [
        ("the first of an epoch", 8, Some(7), false, true),
        ("the second, though the node thinks it the first", 9, Some(8), true, false),
        ("an epoch without its first slots", 11, Some(6), false, true),
        ("two epochs later", 24, Some(7), false, true),
        ("back over the boundary", 7, Some(8), true, false),
        ("the first of the stream, by the node's word", 9, None, true, true),
        ("the first of the stream, by the node's word", 8, None, false, false),
    ] {
        let head = Head {
            slot: Slot(slot),
            epoch_transition: node_says,
            ..Head::read(RECORDED).expect("a real node wrote it")
        };
        assert_eq!(head.after(previous.map(Slot), &CLOCK).epoch_transition, expected, "{name}");
    }
}

#[test]
fn the_other_events_are_read_and_written() {
    let root = |digit: char| format!("0x{}", digit.to_string().repeat(64));
    let (a, b, c, d) = (root('a'), root('b'), root('c'), root('d'));
    let reorg = format!(
        r#"{{"slot":"200","depth":"50","old_head_block":"{a}","new_head_block":"{b}","old_head_state":"{c}","new_head_state":"{d}","epoch":"2","execution_optimistic":false}}"#
    );
    let read = Reorg::read(&reorg).expect("as in the Beacon API");
    assert_eq!((read.depth, read.epoch, read.new_head_block.to_string()), (50, Epoch(2), b.clone()));
    assert_eq!(read.write(), reorg);
    assert_eq!(Reorg::read(&reorg.replace(r#""50""#, "50")), Some(read), "depth as a number");
    assert_eq!(Reorg::read(&reorg.replace(r#""50""#, r#""x""#)), None);

    let finalized = format!(r#"{{"block":"{a}","state":"{b}","epoch":"2","execution_optimistic":true}}"#);
    let read = Finalized::read(&finalized).expect("as in the Beacon API");
    assert_eq!((read.epoch, read.execution_optimistic), (Epoch(2), Some(true)));
    assert_eq!(read.write(), finalized);

    let block = Block::read(&format!(r#"{{"slot":"10","block":"{a}"}}"#)).expect("as old nodes write it");
    assert_eq!((block.slot, block.execution_optimistic), (Slot(10), None));
}
