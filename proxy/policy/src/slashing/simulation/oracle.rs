//! The oracle: all that ever went out or was imported, in one list, and the definition of what is slashable.

use super::{Conflict, Decision, Deed, Named, Record, Root, Window};

#[derive(Default)]
pub(super) struct Oracle {
    /// Everything that went out or was imported, with the signing root of the message where it was known.
    all: Vec<(Record, Option<Root>)>,
    /// Watermarks that were imported.
    marks: Vec<Record>,
}

impl Oracle {
    pub(super) fn import(&mut self, record: Record) {
        if record.named == Named::Watermark {
            self.marks.push(record);
        } else {
            self.all.push((record, None));
        }
    }

    /// Compares a decision with the truth, and remembers what went out.
    pub(super) fn check(
        &mut self,
        record: &Record,
        root: Option<Root>,
        window: &Window,
        decision: &Decision,
    ) -> Result<(), &'static str> {
        if !in_window(record, window) {
            return told(matches!(decision, Decision::Refused(Conflict::OutsideWindow)), "outside the window");
        }
        if backwards(record) {
            return told(matches!(decision, Decision::Refused(Conflict::SourceAfterTarget)), "source after target");
        }
        let identical = self.all.iter().any(|(other, _)| identical(other, record, root));
        let rival = self.all.iter().any(|(other, _)| slashable(other, record));
        let marked = self.marks.iter().any(|mark| below(mark, record));
        match decision {
            Decision::Known => told(identical, "called known, and never went out"),
            Decision::New if identical => Err("the same went out before, and is called new"),
            Decision::New if rival => Err("a slashable pair is out"),
            Decision::New if marked => Err("an imported watermark is ignored"),
            Decision::New => {
                self.all.push((*record, root));
                Ok(())
            }
            Decision::Refused(_) if identical => Err("refused what is identical"),
            Decision::Refused(conflict) => self.reason(record, conflict, rival || marked),
        }
    }

    /// Whether a refusal names something that is true.
    fn reason(&self, record: &Record, conflict: &Conflict, any: bool) -> Result<(), &'static str> {
        let named = match conflict {
            Conflict::DoubleProposal(other)
            | Conflict::DoubleVote(other)
            | Conflict::Surrounds(other)
            | Conflict::Surrounded(other) => other,
            _ => return told(any, "refused without a reason"),
        };
        let out = self.all.iter().any(|(other, _)| other == named);
        told(out && slashable(named, record), "refused for something that is not so")
    }
}

fn told(right: bool, rule: &'static str) -> Result<(), &'static str> {
    if right { Ok(()) } else { Err(rule) }
}

fn in_window(record: &Record, window: &Window) -> bool {
    let now = window.now.0;
    match record.deed {
        Deed::Block { slot } => slot.0 + 32 >= now && slot.0 <= now + 1,
        Deed::Vote { target, .. } => {
            let epoch = now / window.clock.slots_per_epoch;
            target.0 == epoch || target.0 + 1 == epoch
        }
    }
}

fn backwards(record: &Record) -> bool {
    matches!(record.deed, Deed::Vote { source, target } if source.0 > target.0)
}

fn identical(other: &Record, record: &Record, root: Option<Root>) -> bool {
    let name = other.named == record.named || root.is_some_and(|root| other.named == Named::Root(root));
    other.validator == record.validator && other.deed == record.deed && name && other.named != Named::Unknown
}

/// `is_slashable_attestation_data` both ways round, and two blocks of one slot (consensus-specs, phase0).
fn slashable(one: &Record, two: &Record) -> bool {
    one.validator == two.validator
        && match (one.deed, two.deed) {
            (Deed::Block { slot: one }, Deed::Block { slot: two }) => one == two,
            (Deed::Vote { source: s1, target: t1 }, Deed::Vote { source: s2, target: t2 }) => {
                t1 == t2 || (s1 < s2 && t2 < t1) || (s2 < s1 && t1 < t2)
            }
            _ => false,
        }
}

/// Conditions 2, 4 and 5 of EIP-3076.
fn below(mark: &Record, record: &Record) -> bool {
    mark.validator == record.validator
        && match (mark.deed, record.deed) {
            (Deed::Block { slot: mark }, Deed::Block { slot }) => slot <= mark,
            (Deed::Vote { source: low, target: least }, Deed::Vote { source, target }) => {
                target <= least || source < low
            }
            _ => false,
        }
}
