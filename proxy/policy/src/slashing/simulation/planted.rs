//! Faults planted in a guard, one at a time, to test the oracle: one that does not catch them is none.
//!
//! A fault distorts what goes into the history or comes out of it, as a mistake in the rules would, so that production
//! code knows nothing of it.

use std::collections::BTreeSet;

use super::{Conflict, Decision, Deed, Epoch, History, Named, Record, Root, Slot, Validator, Window, run};
use crate::slashing::Pruned;

/// How many guards are drawn to catch one fault.
const TRIES: u64 = 400;

/// Ways in which a guard could be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    AllowsDoubleProposals,
    AllowsDoubleVotes,
    AllowsSourceAfterTarget,
    AllowsSurrounded,
    AllowsSurrounding,
    BelievesEveryRoot,
    DeletesTheYoungest,
    ForgetsAnEpochAtRestart,
    ForgetsBlocks,
    ForgetsMarksAtRestart,
    IgnoresRoots,
    IgnoresTheWindow,
    IgnoresWatermarks,
    KeepsNoMarks,
    KnowsByDeedAlone,
    KnowsByNameAlone,
    LeavesTheWindowLate,
    MixesValidators,
    PrunesYoungEpochs,
    RefusesRetries,
    RefusesEarlierBlocks,
}

const FAULTS: [Fault; 21] = [
    Fault::AllowsDoubleProposals,
    Fault::AllowsDoubleVotes,
    Fault::AllowsSourceAfterTarget,
    Fault::AllowsSurrounded,
    Fault::AllowsSurrounding,
    Fault::BelievesEveryRoot,
    Fault::DeletesTheYoungest,
    Fault::ForgetsAnEpochAtRestart,
    Fault::ForgetsBlocks,
    Fault::ForgetsMarksAtRestart,
    Fault::IgnoresRoots,
    Fault::IgnoresTheWindow,
    Fault::IgnoresWatermarks,
    Fault::KeepsNoMarks,
    Fault::KnowsByDeedAlone,
    Fault::KnowsByNameAlone,
    Fault::LeavesTheWindowLate,
    Fault::MixesValidators,
    Fault::PrunesYoungEpochs,
    Fault::RefusesRetries,
    Fault::RefusesEarlierBlocks,
];

pub(super) fn judge(
    fault: Option<Fault>,
    history: &History,
    record: &Record,
    root: Option<Root>,
    window: &Window,
) -> Decision {
    let right = |root, window| history.judge(record, root, window);
    let decision = right(root, Some(window));
    match (fault, decision) {
        (Some(Fault::AllowsDoubleProposals), Decision::Refused(Conflict::DoubleProposal(_)))
        | (Some(Fault::AllowsDoubleVotes), Decision::Refused(Conflict::DoubleVote(_)))
        | (Some(Fault::AllowsSourceAfterTarget), Decision::Refused(Conflict::SourceAfterTarget))
        | (Some(Fault::AllowsSurrounded), Decision::Refused(Conflict::Surrounded(_)))
        | (Some(Fault::AllowsSurrounding), Decision::Refused(Conflict::Surrounds(_)))
        | (Some(Fault::IgnoresWatermarks), Decision::Refused(Conflict::BelowWatermark(_))) => Decision::New,
        (
            Some(Fault::KnowsByDeedAlone),
            Decision::Refused(Conflict::DoubleProposal(other) | Conflict::DoubleVote(other)),
        ) if other.deed == record.deed => Decision::Known,
        (Some(Fault::BelievesEveryRoot), Decision::Refused(Conflict::DoubleVote(other)))
            if other.deed == record.deed && matches!(other.named, Named::Root(_)) =>
        {
            Decision::Known
        }
        (Some(Fault::KnowsByNameAlone), Decision::New | Decision::Refused(_))
            if history.records_of(record.validator).any(|other| other.named == record.named) =>
        {
            Decision::Known
        }
        (Some(Fault::RefusesRetries), Decision::Known) => Decision::Refused(Conflict::DoubleVote(*record)),
        (Some(Fault::RefusesEarlierBlocks), Decision::New) if is_before_another(history, record) => {
            Decision::Refused(Conflict::BelowWatermark(record.deed))
        }
        (Some(Fault::IgnoresRoots), _) => right(None, Some(window)),
        (Some(Fault::IgnoresTheWindow), _) => right(root, None),
        (Some(Fault::LeavesTheWindowLate), _) => right(root, Some(&Window { now: Slot(window.now.0 + 1), ..*window })),
        (Some(Fault::MixesValidators), _) => {
            let everyone = Record { validator: Validator(0), ..*record };
            history.judge(&everyone, root, Some(window))
        }
        _ => decision,
    }
}

fn is_before_another(history: &History, record: &Record) -> bool {
    let Deed::Block { slot } = record.deed else { return false };
    history.records_of(record.validator).any(|other| matches!(other.deed, Deed::Block { slot: later } if slot < later))
}

/// Whether a new message is let out and not recorded.
pub(super) fn forgets(fault: Option<Fault>, record: &Record) -> bool {
    fault == Some(Fault::ForgetsBlocks) && matches!(record.deed, Deed::Block { .. })
}

pub(super) fn prune(fault: Option<Fault>, history: &mut History, window: &Window) -> Pruned {
    let early = Window { now: Slot(window.now.0 + 8 * window.clock.slots_per_epoch), ..*window };
    let mut pruned = history.prune(if fault == Some(Fault::PrunesYoungEpochs) { &early } else { window });
    match fault {
        Some(Fault::KeepsNoMarks) => pruned.marks.clear(),
        Some(Fault::DeletesTheYoungest) => {
            let youngest = history.records().filter(|record| record.named != Named::Watermark).last();
            pruned.gone.extend(youngest);
        }
        _ => {}
    }
    pruned
}

/// What the store gives back at a restart.
pub(super) fn stored(fault: Option<Fault>, store: &BTreeSet<Record>) -> Vec<Record> {
    let newest = store.iter().filter_map(target).max();
    let kept = |record: &&Record| match fault {
        Some(Fault::ForgetsMarksAtRestart) => record.named != Named::Watermark,
        Some(Fault::ForgetsAnEpochAtRestart) => newest.is_none() || target(record) != newest,
        _ => true,
    };
    store.iter().filter(kept).copied().collect()
}

fn target(record: &Record) -> Option<Epoch> {
    match record.deed {
        Deed::Vote { target, .. } => Some(target),
        Deed::Block { .. } => None,
    }
}

#[test]
fn the_oracle_catches_every_planted_fault() {
    let missed: Vec<Fault> =
        FAULTS.into_iter().filter(|fault| (0..TRIES).all(|seed| run(seed, Some(*fault)).is_ok())).collect();
    assert_eq!(missed, [], "of {} faults", FAULTS.len());
}
