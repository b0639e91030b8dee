//! EIP-3076 as cases: what is known, what wants to go out, and what is decided. No window: the rules alone.

use super::*;

/// What is expected of a message.
enum Expect {
    New,
    Known,
    Refused(fn(&Conflict) -> bool),
}

use Expect::{Known, New, Refused};

const DOUBLE_VOTE: fn(&Conflict) -> bool = |conflict| matches!(conflict, Conflict::DoubleVote(_));
const DOUBLE_PROPOSAL: fn(&Conflict) -> bool = |conflict| matches!(conflict, Conflict::DoubleProposal(_));
const SURROUNDS: fn(&Conflict) -> bool = |conflict| matches!(conflict, Conflict::Surrounds(_));
const SURROUNDED: fn(&Conflict) -> bool = |conflict| matches!(conflict, Conflict::Surrounded(_));
const BACKWARDS: fn(&Conflict) -> bool = |conflict| matches!(conflict, Conflict::SourceAfterTarget);
const WATERMARK: fn(&Conflict) -> bool = |conflict| matches!(conflict, Conflict::BelowWatermark(_));

const MARK: Named = Named::Watermark;
const NONE: Named = Named::Unknown;

fn check(cases: &[(&str, &[Record], Record, Expect)]) {
    for (name, known, message, expected) in cases {
        let history = history(known);
        let decision = history.judge(message, None, None);
        let fits = match (expected, &decision) {
            (New, Decision::New) | (Known, Decision::Known) => true,
            (Refused(fits), Decision::Refused(conflict)) => fits(conflict),
            _ => false,
        };
        assert!(fits, "{name}: {decision:?}");
        // The order in which records come in changes nothing.
        let backwards: Vec<Record> = known.iter().rev().copied().collect();
        let again = super::history(&backwards).judge(message, None, None);
        assert_eq!(std::mem::discriminant(&again), std::mem::discriminant(&decision), "{name}, backwards");
    }
}

#[test]
fn blocks() {
    check(&[
        ("nothing is known", &[], block(1, 10, signature(1)), New),
        ("slot 0", &[], block(1, 0, signature(1)), New),
        ("the next slot", &[block(1, 10, signature(1))], block(1, 11, signature(2)), New),
        ("an earlier slot", &[block(1, 10, signature(1))], block(1, 9, signature(2)), New),
        ("between two", &[block(1, 8, signature(1)), block(1, 10, signature(2))], block(1, 9, signature(3)), New),
        ("the same again", &[block(1, 10, signature(1))], block(1, 10, signature(1)), Known),
        (
            "the same again, later ones known",
            &[block(1, 10, signature(1)), block(1, 11, signature(2))],
            block(1, 10, signature(1)),
            Known,
        ),
        ("another of the slot", &[block(1, 10, signature(1))], block(1, 10, signature(2)), Refused(DOUBLE_PROPOSAL)),
        ("another validator's slot", &[block(1, 10, signature(1))], block(2, 10, signature(2)), New),
        ("same name, another slot", &[block(1, 10, signature(1))], block(1, 11, signature(1)), New),
        ("imported without a root", &[block(1, 10, NONE)], block(1, 10, signature(1)), Refused(DOUBLE_PROPOSAL)),
        ("neither has a root", &[block(1, 10, NONE)], block(1, 10, NONE), Refused(DOUBLE_PROPOSAL)),
        ("imported with the root", &[block(1, 10, root(1))], block(1, 10, root(1)), Known),
        ("imported with another root", &[block(1, 10, root(1))], block(1, 10, root(2)), Refused(DOUBLE_PROPOSAL)),
        ("a root is no signature", &[block(1, 10, root(1))], block(1, 10, signature(1)), Refused(DOUBLE_PROPOSAL)),
        ("imported twice, one is it", &[block(1, 10, root(1)), block(1, 10, root(2))], block(1, 10, root(2)), Known),
        (
            "sent, then imported without a root",
            &[block(1, 10, signature(1)), block(1, 10, NONE)],
            block(1, 10, signature(1)),
            Known,
        ),
        ("at the watermark", &[block(1, 10, MARK)], block(1, 10, signature(1)), Refused(WATERMARK)),
        ("below the watermark", &[block(1, 10, MARK)], block(1, 9, signature(1)), Refused(WATERMARK)),
        ("above the watermark", &[block(1, 10, MARK)], block(1, 11, signature(1)), New),
        ("known at the watermark", &[block(1, 10, MARK), block(1, 10, root(1))], block(1, 10, root(1)), Known),
        (
            "a lower mark does not lower it",
            &[block(1, 10, MARK), block(1, 5, MARK)],
            block(1, 7, signature(1)),
            Refused(WATERMARK),
        ),
        ("a mark at slot 0", &[block(1, 0, MARK)], block(1, 0, signature(1)), Refused(WATERMARK)),
        ("a mark at the end of time", &[block(1, u64::MAX, MARK)], block(1, 5, signature(1)), Refused(WATERMARK)),
        ("another validator's mark", &[block(1, 10, MARK)], block(2, 10, signature(1)), New),
        ("a vote's mark says nothing of blocks", &[vote(1, 9, 10, MARK)], block(1, 3, signature(1)), New),
    ]);
}

#[test]
fn votes() {
    check(&[
        ("nothing is known", &[], vote(1, 9, 10, signature(1)), New),
        ("genesis", &[], vote(1, 0, 0, signature(1)), New),
        ("genesis again", &[vote(1, 0, 0, signature(1))], vote(1, 0, 0, signature(1)), Known),
        ("another at genesis", &[vote(1, 0, 0, NONE)], vote(1, 0, 0, signature(1)), Refused(DOUBLE_VOTE)),
        ("the next epoch", &[vote(1, 9, 10, signature(1))], vote(1, 10, 11, signature(2)), New),
        ("the next target, same source", &[vote(1, 9, 10, signature(1))], vote(1, 9, 11, signature(2)), New),
        ("the same again", &[vote(1, 9, 10, signature(1))], vote(1, 9, 10, signature(1)), Known),
        ("another of the target", &[vote(1, 9, 10, signature(1))], vote(1, 9, 10, signature(2)), Refused(DOUBLE_VOTE)),
        (
            "same target, another source",
            &[vote(1, 9, 10, signature(1))],
            vote(1, 8, 10, signature(1)),
            Refused(DOUBLE_VOTE),
        ),
        ("another validator's target", &[vote(1, 9, 10, signature(1))], vote(2, 9, 10, signature(2)), New),
        ("surrounds", &[vote(1, 5, 6, signature(1))], vote(1, 4, 7, signature(2)), Refused(SURROUNDS)),
        ("surrounds widely", &[vote(1, 5, 6, signature(1))], vote(1, 0, 90, signature(2)), Refused(SURROUNDS)),
        ("surrounded", &[vote(1, 4, 7, signature(1))], vote(1, 5, 6, signature(2)), Refused(SURROUNDED)),
        ("surrounds another's", &[vote(1, 5, 6, signature(1))], vote(2, 4, 7, signature(2)), New),
        ("same source, later target", &[vote(1, 4, 6, signature(1))], vote(1, 4, 7, signature(2)), New),
        ("same source, earlier target", &[vote(1, 4, 7, signature(1))], vote(1, 4, 6, signature(2)), New),
        ("later source, later target", &[vote(1, 4, 6, signature(1))], vote(1, 5, 7, signature(2)), New),
        ("earlier source, earlier target", &[vote(1, 5, 7, signature(1))], vote(1, 4, 6, signature(2)), New),
        ("touching", &[vote(1, 4, 5, signature(1))], vote(1, 5, 6, signature(2)), New),
        (
            "surrounds the older of two",
            &[vote(1, 5, 6, NONE), vote(1, 3, 7, NONE)],
            vote(1, 4, 8, signature(2)),
            Refused(SURROUNDS),
        ),
        (
            "surrounded by the later of two",
            &[vote(1, 6, 7, NONE), vote(1, 4, 9, NONE)],
            vote(1, 5, 6, signature(2)),
            Refused(SURROUNDED),
        ),
        (
            "surrounded, the later ones fit",
            &[vote(1, 4, 9, NONE), vote(1, 9, 10, NONE)],
            vote(1, 5, 6, signature(2)),
            Refused(SURROUNDED),
        ),
        ("source after target", &[], vote(1, 11, 10, signature(1)), Refused(BACKWARDS)),
        (
            "known with source after target",
            &[vote(1, 11, 10, signature(1))],
            vote(1, 11, 10, signature(1)),
            Refused(BACKWARDS),
        ),
        ("surrounds one that is backwards", &[vote(1, 9, 5, NONE)], vote(1, 6, 7, signature(1)), Refused(SURROUNDS)),
        ("imported with the root", &[vote(1, 9, 10, root(1))], vote(1, 9, 10, root(1)), Known),
        ("imported with another root", &[vote(1, 9, 10, root(1))], vote(1, 9, 10, root(2)), Refused(DOUBLE_VOTE)),
        ("imported root, another source", &[vote(1, 9, 10, root(1))], vote(1, 8, 10, root(1)), Refused(DOUBLE_VOTE)),
        ("imported without a root", &[vote(1, 9, 10, NONE)], vote(1, 9, 10, signature(1)), Refused(DOUBLE_VOTE)),
        (
            "sent, then imported without a root",
            &[vote(1, 9, 10, signature(1)), vote(1, 9, 10, NONE)],
            vote(1, 9, 10, signature(1)),
            Known,
        ),
    ]);
}

#[test]
fn watermarks_of_votes() {
    check(&[
        ("above", &[vote(1, 5, 10, MARK)], vote(1, 5, 11, signature(1)), New),
        ("at the target", &[vote(1, 5, 10, MARK)], vote(1, 5, 10, signature(1)), Refused(WATERMARK)),
        ("below the target", &[vote(1, 5, 10, MARK)], vote(1, 6, 9, signature(1)), Refused(WATERMARK)),
        ("below the source", &[vote(1, 5, 10, MARK)], vote(1, 4, 11, signature(1)), Refused(WATERMARK)),
        ("known at the target", &[vote(1, 5, 10, MARK), vote(1, 5, 10, root(1))], vote(1, 5, 10, root(1)), Known),
        ("a minimal import: source and target of two votes", &[vote(1, 9, 10, MARK)], vote(1, 9, 11, root(1)), New),
        (
            "two marks, each higher in one",
            &[vote(1, 5, 10, MARK), vote(1, 6, 7, MARK)],
            vote(1, 5, 11, signature(1)),
            Refused(WATERMARK),
        ),
        ("two marks, above both", &[vote(1, 5, 10, MARK), vote(1, 6, 7, MARK)], vote(1, 6, 11, signature(1)), New),
        ("a mark that is backwards", &[vote(1, 9, 5, MARK)], vote(1, 8, 9, signature(1)), Refused(WATERMARK)),
        ("a mark at genesis", &[vote(1, 0, 0, MARK)], vote(1, 0, 0, signature(1)), Refused(WATERMARK)),
        (
            "a mark at the end of time",
            &[vote(1, u64::MAX, u64::MAX, MARK)],
            vote(1, 5, 6, signature(1)),
            Refused(WATERMARK),
        ),
        ("another validator's", &[vote(1, 5, 10, MARK)], vote(2, 5, 10, signature(1)), New),
        ("a block's mark says nothing of votes", &[block(1, 900, MARK)], vote(1, 2, 3, signature(1)), New),
    ]);
}

#[test]
fn what_is_loaded_is_what_is_given_back() {
    let records = [
        block(1, 4, MARK),
        vote(1, 2, 3, MARK),
        block(1, 9, root(1)),
        block(1, 9, root(2)),
        vote(1, 4, 5, signature(1)),
        vote(1, 5, 6, NONE),
        vote(2, 5, 6, signature(1)),
    ];
    let mut shuffled = records;
    shuffled.reverse();
    let mut history = history(&shuffled);
    history.load(records);
    assert_eq!(history.records().collect::<Vec<_>>(), records, "in order, and nothing twice");
    assert_eq!(history.records_of(Validator(2)).collect::<Vec<_>>(), records[6..]);
    assert_eq!(history.validators(), 2);
}
