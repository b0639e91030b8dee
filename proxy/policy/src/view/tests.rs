//! Links, walks and reads; how the view moves is tested with the whole fleet around it (`fleet/tests/rules.rs`).

use crate::chain::{Clock, Moment, Root, Slot};
use crate::events::Head;
use crate::node::NodeId;

use super::Header;
use super::blocks::{Blocks, REMEMBERED, Relation};
use super::reads::{Hope, PATIENCE_MS, Reads};

const CLOCK: Clock = Clock { genesis: Moment(0), slot_ms: 12_000, slots_per_epoch: 8 };

fn root(n: u64) -> Root {
    let mut root = Root::default();
    root.0[..8].copy_from_slice(&n.to_le_bytes());
    root
}

fn head(n: u64, slot: u64, duties: Option<(u64, u64)>) -> Head {
    Head {
        slot: Slot(slot),
        block: root(n),
        state: root(n),
        epoch_transition: false,
        previous_duty_dependent_root: duties.map(|(previous, _)| root(previous)),
        current_duty_dependent_root: duties.map(|(_, current)| root(current)),
        execution_optimistic: None,
    }
}

fn header(n: u64, slot: u64, parent: u64) -> Header {
    Header { root: root(n), slot: Slot(slot), parent: root(parent), state: root(n), optimistic: None }
}

#[test]
fn walks_down_the_links() {
    let mut blocks = Blocks::default();
    // 1 (slot 10) is the parent of 2 (11), that of 3 (12). 4 (14) claims to descend from 3. 5 (12) stands on 1.
    blocks.say(&head(1, 10, None), Moment(0));
    for it in [header(2, 11, 1), header(3, 12, 2), header(5, 12, 1)] {
        blocks.header(&it, Moment(0));
    }
    blocks.say(&head(4, 14, None), Moment(0));
    blocks.claim(root(4), root(3));
    let unknown = |n| Relation::Unknown(root(n));
    for (name, high, low, slot, expected) in [
        ("itself", 3, 3, 12, Relation::Descends),
        ("its parent", 3, 2, 11, Relation::Descends),
        ("two below", 3, 1, 10, Relation::Descends),
        ("a sibling's child", 3, 5, 12, Relation::Apart),
        ("over a claim", 4, 1, 10, Relation::Descends),
        ("on the other branch of a claim", 4, 5, 12, Relation::Apart),
        ("in the gap that a claim leaps over", 4, 9, 13, unknown(4)),
        ("below what is known", 1, 9, 5, unknown(1)),
        ("a block that nobody said", 9, 1, 10, unknown(9)),
        ("a higher one", 1, 3, 12, Relation::Apart),
    ] {
        assert_eq!(blocks.relation(root(high), root(low), Slot(slot)), expected, "{name}");
    }
    assert_eq!(blocks.fork(root(3), root(5)), Ok(Slot(10)));
    assert_eq!(blocks.fork(root(3), root(2)), Ok(Slot(11)), "one on top of the other");
    assert_eq!(blocks.fork(root(4), root(5)), Err(root(4)), "a claim is no parent");

    blocks.dispute(root(4));
    assert_eq!(blocks.relation(root(4), root(1), Slot(10)), unknown(4), "a node said that it left a branch for it");
    blocks.claim(root(4), root(3));
    assert_eq!(blocks.relation(root(4), root(1), Slot(10)), unknown(4), "a claim does not help any more");
    blocks.header(&header(4, 14, 5), Moment(0));
    assert_eq!(blocks.relation(root(4), root(3), Slot(12)), Relation::Apart, "its header does");
    blocks.header(&header(8, 15, 7), Moment(0));
    assert_eq!(
        blocks.relation(root(8), root(4), Slot(14)),
        Relation::Apart,
        "no slot is left for its parent to be above"
    );
}

#[test]
fn duties_follow_from_blocks_below() {
    let mut blocks = Blocks::default();
    // Epoch 1 is slots 8 to 15.
    blocks.say(&head(1, 14, Some((100, 101))), Moment(0));
    for it in [header(2, 15, 1), header(3, 16, 2), header(4, 17, 3), header(5, 40, 4), header(7, 18, 6)] {
        blocks.header(&it, Moment(0));
    }
    for (name, block, expected) in [
        ("as said", 1, Ok((root(100), root(101)))),
        ("in the same epoch", 2, Ok((root(100), root(101)))),
        ("the first of the next epoch", 3, Ok((root(101), root(2)))),
        ("the second of the next epoch", 4, Ok((root(101), root(2)))),
        ("two epochs later", 5, Err(None)),
        ("a parent that is not known", 7, Err(Some(root(6)))),
        ("a block that is not known", 9, Err(None)),
    ] {
        assert_eq!(blocks.duties(root(block), &CLOCK), expected, "{name}");
    }
}

#[test]
fn blocks_are_forgotten_oldest_first() {
    let mut blocks = Blocks::default();
    for n in 0..REMEMBERED as u64 + 10 {
        blocks.say(&head(n + 1, n, None), Moment(0));
        assert!(blocks.len() <= REMEMBERED);
    }
    assert_eq!((blocks.slot(root(10)), blocks.slot(root(11))), (None, Some(Slot(10))));
}

#[test]
fn reads_are_made_once_and_not_too_many() {
    let mut reads = Reads::default();
    let node = NodeId(1);
    assert_eq!(reads.want(node, root(1), Moment(0)), Hope::Ask);
    assert_eq!(reads.want(node, root(1), Moment(1)), Hope::Wait);
    assert_eq!(reads.want(node, root(1), Moment(PATIENCE_MS)), Hope::None, "it takes too long");
    assert!(!reads.done(node, root(2)), "that was never asked");
    assert_eq!(reads.want(node, root(2), Moment(0)), Hope::Ask);
    assert!(reads.done(node, root(2)));
    assert_eq!(reads.want(node, root(2), Moment(1)), Hope::None, "it came, or failed");
    let asked = (3..100).filter(|n| reads.want(node, root(*n), Moment(2)) == Hope::Ask).count();
    assert_eq!((asked, reads.len()), (6, 8), "eight of one node");
    assert_eq!(reads.want(NodeId(2), root(1), Moment(2)), Hope::Ask, "another node has its own eight");
    reads.age(Moment(4 * 12_000 + 2), 12_000);
    assert_eq!(reads.want(node, root(200), Moment(48_003)), Hope::Ask, "after four slots there are new ones");
}
