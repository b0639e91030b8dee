//! What is let go, what stands for it, and what happens at the bounds.

use super::*;
use crate::slashing::history::KEPT_EPOCHS;

fn mark_of_votes(source: u64, target: u64) -> Record {
    vote(1, source, target, Named::Watermark)
}

#[test]
fn old_records_become_watermarks() {
    let old = [vote(1, 7, 9, signature(1)), vote(1, 8, 10, signature(2))];
    let old_blocks = [block(1, 11 * 32 - 1, signature(3))];
    let kept = [block(1, 11 * 32, signature(4)), vote(1, 10, 11, signature(5))];
    let mut history = history(&[&old[..], &old_blocks, &kept].concat());
    let pruned = history.prune(&window(11 + KEPT_EPOCHS));
    assert_eq!(pruned.marks, [mark_of_votes(8, 10), block(1, 11 * 32 - 1, Named::Watermark)]);
    assert_eq!(pruned.gone, [old[0], old[1], old_blocks[0]]);
    assert_eq!(history.prune(&window(11 + KEPT_EPOCHS)), Pruned::default(), "once");

    let pruned = history.prune(&window(12 + KEPT_EPOCHS));
    assert_eq!(pruned.marks, [mark_of_votes(10, 11), block(1, 11 * 32, Named::Watermark)]);
    let replaced = [mark_of_votes(8, 10), block(1, 11 * 32 - 1, Named::Watermark)];
    assert_eq!(pruned.gone, [replaced[0], kept[1], replaced[1], kept[0]], "the marks before, too");
    assert_eq!(history.records().count(), 2);
}

#[test]
fn a_young_chain_lets_nothing_go() {
    let mut history = history(&[vote(1, 0, 0, signature(1)), block(1, 0, signature(1))]);
    assert_eq!(history.prune(&window(KEPT_EPOCHS)), Pruned::default());
}

#[test]
fn a_mark_that_is_higher_already_stays() {
    let mut history = history(&[mark_of_votes(50, 60), vote(1, 1, 2, signature(1))]);
    let pruned = history.prune(&window(100));
    assert_eq!((pruned.marks, pruned.gone), (vec![], vec![vote(1, 1, 2, signature(1))]));
    assert_eq!(history.records().collect::<Vec<_>>(), [mark_of_votes(50, 60)]);
}

#[test]
fn more_than_a_window_can_hold_is_let_go_from_the_oldest() {
    let many = MOST_KEPT as u64 + 3;
    let mut history = History::default();
    history.load((0..many).map(|n| vote(1, 100 + n, 101 + n, signature(1))));
    history.load((0..many).map(|n| block(1, 10_000 + n, signature(1))));
    let pruned = history.prune(&window(100));
    assert_eq!(pruned.marks, [mark_of_votes(102, 103), block(1, 10_002, Named::Watermark)]);
    assert_eq!(pruned.gone.len(), 6);
    assert_eq!(history.records().count(), 2 * MOST_KEPT + 2);
}

#[test]
fn a_validator_too_many_is_refused_and_the_known_ones_are_not() {
    let mut history = History::default();
    history.load((0..MOST_VALIDATORS as u64).map(|n| vote(n, 8, 9, signature(1))));
    let now = window(10);
    let judge = |validator| history.judge(&vote(validator, 9, 10, signature(2)), None, Some(&now));
    assert_eq!(judge(7), Decision::New);
    assert_eq!(judge(MOST_VALIDATORS as u64), Decision::Refused(Conflict::TooManyValidators));
}
