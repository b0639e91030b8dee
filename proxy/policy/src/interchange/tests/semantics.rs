//! EIP-3076 through a file: import, then messages; several imports; what is refused afterwards and what is not.
//!
//! A guard that keeps everything may refuse less than one that keeps only the last of each sort, and never anything that
//! the latter would let out; each case says what both agree on, or what the records allow beyond it.

use super::*;

/// What happens in a case, in order.
enum Step {
    Import(String),
    /// Validator, slot, name, whether it may go out.
    Block(u64, u64, u8, bool),
    /// Validator, source, target, name, whether it may go out.
    Vote(u64, u64, u64, u8, bool),
}

use Step::{Block, Import, Vote};

/// Plays a case. A message's name stands for its signature and its signing root; what may go out is recorded.
fn play(name: &str, steps: &[Step]) {
    let mut history = History::default();
    for (number, step) in steps.iter().enumerate() {
        let (record, named, may) = match step {
            Import(entries) => {
                history.load(imported(entries).records);
                continue;
            }
            Block(validator, slot, name, may) => (block(*validator, *slot, Named::Unknown), *name, *may),
            Vote(validator, source, target, name, may) => {
                (vote(*validator, *source, *target, Named::Unknown), *name, *may)
            }
        };
        let record = Record { named: Named::Signature(root(named)), ..record };
        let decision = history.judge(&record, Some(root(named)), None);
        if decision == Decision::New {
            history.insert(record);
        }
        assert_eq!(!matches!(decision, Decision::Refused(_)), may, "{name}, step {number}: {decision:?}");
    }
}

#[test]
fn one_import() {
    let minimal = || Import(entry(1, &[(10, 0)], &[(5, 9, 0)]));
    play("nothing but the import", &[Import(entry(1, &[], &[])), Block(1, 0, 1, true), Vote(1, 0, 0, 1, true)]);
    play("a minimal import, later messages", &[minimal(), Block(1, 11, 1, true), Vote(1, 5, 10, 1, true)]);
    play(
        "a minimal import, messages at it",
        &[minimal(), Block(1, 10, 1, false), Vote(1, 5, 9, 1, false), Vote(1, 6, 9, 1, false)],
    );
    play(
        "a minimal import, messages below it",
        &[minimal(), Block(1, 9, 1, false), Vote(1, 4, 10, 1, false), Vote(1, 5, 8, 1, false), Vote(1, 4, 8, 1, false)],
    );
    play("another validator is free", &[minimal(), Block(2, 3, 1, true), Vote(2, 1, 2, 1, true)]);
    play(
        "genesis",
        &[
            Import(entry(1, &[(0, 0)], &[(0, 0, 0)])),
            Block(1, 0, 1, false),
            Vote(1, 0, 0, 1, false),
            Vote(1, 0, 1, 2, true),
        ],
    );
    play(
        "the same message again, by its root",
        &[
            Import(entry(1, &[(10, 1)], &[(5, 9, 2)])),
            Block(1, 10, 1, true),
            Block(1, 10, 2, false),
            Vote(1, 5, 9, 2, true),
            Vote(1, 5, 9, 3, false),
            Vote(1, 6, 9, 2, false),
            Vote(1, 5, 8, 2, false),
        ],
    );
    play(
        "a complete import",
        &[
            Import(entry(1, &[(10, 1), (20, 2), (30, 3)], &[(3, 4, 1), (5, 6, 2), (6, 9, 3)])),
            Block(1, 20, 2, true),
            Block(1, 20, 9, false),
            Block(1, 10, 9, false),
            Block(1, 9, 9, false),
            Block(1, 31, 9, true),
            Vote(1, 4, 7, 9, false),
            Vote(1, 7, 8, 9, false),
            Vote(1, 5, 6, 9, false),
            Vote(1, 2, 10, 9, false),
            Vote(1, 6, 10, 9, true),
        ],
    );
    play(
        "a complete import lets out what lies between and contradicts nothing",
        &[
            Import(entry(1, &[(10, 1), (20, 2)], &[(3, 4, 1), (5, 8, 2)])),
            Block(1, 15, 9, true),
            Vote(1, 5, 7, 9, true),
        ],
    );
}

#[test]
fn slashable_imports() {
    play(
        "two blocks of a slot",
        &[
            Import(entry(1, &[(10, 1), (10, 2), (8, 3)], &[])),
            Block(1, 10, 1, false),
            Block(1, 9, 9, false),
            Block(1, 11, 9, true),
        ],
    );
    play(
        "a surround",
        &[
            Import(entry(1, &[], &[(3, 4, 1), (2, 5, 2)])),
            Vote(1, 3, 5, 9, false),
            Vote(1, 2, 6, 9, false),
            Vote(1, 3, 6, 9, true),
        ],
    );
    play(
        "source after target, then a later vote",
        &[Import(entry(1, &[], &[(5, 2, 0), (6, 7, 0)])), Vote(1, 5, 8, 1, false), Vote(1, 6, 8, 1, true)],
    );
    play(
        "votes backwards are never let out",
        &[Vote(1, 5, 4, 1, false), Import(entry(1, &[], &[(1, 2, 0)])), Vote(1, 5, 4, 1, false)],
    );
}

#[test]
fn several_imports() {
    let twice = || Import([entry(1, &[(10, 1)], &[(5, 9, 2)]), entry(2, &[(7, 0)], &[])].join(","));
    play(
        "the same file twice",
        &[
            twice(),
            twice(),
            Block(1, 10, 1, true),
            Block(1, 10, 2, false),
            Block(1, 11, 2, true),
            Vote(1, 5, 9, 2, true),
        ],
    );
    play(
        "a stale file after a newer one lowers nothing",
        &[
            Import(entry(1, &[(40, 0)], &[(8, 9, 0)])),
            Import(entry(1, &[(20, 0)], &[(3, 4, 0)])),
            Block(1, 40, 1, false),
            Block(1, 30, 1, false),
            Block(1, 41, 1, true),
            Vote(1, 8, 9, 1, false),
            Vote(1, 7, 10, 1, false),
            Vote(1, 8, 10, 1, true),
        ],
    );
    play(
        "the second surrounds the first",
        &[
            Import(entry(1, &[], &[(10, 20, 0)])),
            Import(entry(1, &[], &[(9, 21, 0)])),
            Vote(1, 10, 20, 1, false),
            Vote(1, 9, 21, 1, false),
            Vote(1, 9, 22, 1, false),
            Vote(1, 10, 22, 1, true),
        ],
    );
    play(
        "the first surrounds the second",
        &[
            Import(entry(1, &[], &[(9, 21, 0)])),
            Import(entry(1, &[], &[(10, 20, 0)])),
            Vote(1, 9, 22, 1, false),
            Vote(1, 10, 21, 1, false),
            Vote(1, 10, 22, 1, true),
        ],
    );
    play(
        "a gap between two files",
        &[
            Import(entry(1, &[(10, 0)], &[(1, 2, 0)])),
            Block(1, 11, 1, true),
            Import(entry(1, &[(50, 0)], &[(8, 9, 0)])),
            Block(1, 11, 1, true),
            Block(1, 20, 1, false),
            Vote(1, 2, 3, 1, false),
            Vote(1, 7, 10, 1, false),
            Vote(1, 8, 10, 1, true),
        ],
    );
    play(
        "messages that went out, then an import that contradicts them",
        &[
            Block(1, 10, 1, true),
            Vote(1, 5, 6, 1, true),
            Import(entry(1, &[(10, 2)], &[(4, 7, 2)])),
            Block(1, 10, 1, true),
            Block(1, 10, 2, true),
            Block(1, 10, 3, false),
            Vote(1, 5, 8, 3, true),
        ],
    );
}

#[test]
fn what_was_exported_protects_as_before() {
    let mut history = History::default();
    history.load([block(1, 9, Named::Watermark), vote(1, 3, 5, Named::Watermark)]);
    history.load((6..20).map(|n| vote(1, n - 1, n, Named::Signature(root(1)))));
    history.load((10..30).map(|n| block(1, n, Named::Signature(root(1)))));
    let (text, _) = write(history.records(), OURS, pubkey);
    let mut again = History::default();
    again.load(Interchange::parse(text.as_bytes(), OURS, None).expect("our own").records(index).records);
    for slot in 0..40 {
        let message = block(1, slot, Named::Signature(root(2)));
        assert_eq!(
            history.judge(&message, None, None) == Decision::New,
            again.judge(&message, None, None) == Decision::New
        );
    }
    let before = |message: &Record| matches!(history.judge(message, None, None), Decision::Refused(_));
    for (source, target) in (0..25).flat_map(|source| (0..25).map(move |target| (source, target))) {
        let message = vote(1, source, target, Named::Signature(root(2)));
        let after = again.judge(&message, None, None);
        assert_eq!(before(&message), matches!(after, Decision::Refused(_)), "{source} to {target}: {after:?}");
    }
    let known = vote(1, 5, 6, Named::Signature(root(1)));
    assert!(
        matches!(again.judge(&known, None, None), Decision::Refused(Conflict::DoubleVote(_))),
        "roots are not exported"
    );
}
