//! What went out, for all validators.
//!
//! Complete records are needed only as far back as a message can be judged, since older ones can be told by their
//! greatest source and target alone: inside the [`Window`] a target is of this epoch or the last, so nothing below can be
//! its double or surround it, and whether it surrounds something below depends on the greatest source there. Two epochs
//! would do. [`KEPT_EPOCHS`] are kept, so that a clock that is set back, an export, and an import that overlaps still
//! meet records and not only marks; and so that a message that was published eight epochs ago can still be named.
//!
//! Bounds: between two prunings (one an epoch) a validator can add what the window admits; a pruning leaves at most
//! [`MOST_KEPT`](super::MOST_KEPT) votes and blocks each. There are at most [`MOST_VALIDATORS`]; a message of one
//! more is refused, because to let it pass unrecorded would be the one thing that the guard must not do. What is given
//! back by the store or an import is taken whatever it is, and is pruned like the rest.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::past::Past;
use super::{Conflict, Decision, Record, Validator, Window};
use crate::chain::{Epoch, Root};

/// Votes and blocks of so many epochs before the current one stay complete.
pub(super) const KEPT_EPOCHS: u64 = 8;

/// Validators of whom anything is kept. Far above what one home or cluster runs; with nothing but marks it is 25 MiB.
pub const MOST_VALIDATORS: usize = 131_072;

/// Everything that went out; see the module.
#[derive(Clone, Debug, Default)]
pub struct History {
    pasts: BTreeMap<Validator, Past>,
}

/// What a pruning changes in the store, to be done as one act: first add, then delete, if it must be two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Watermarks to add; at most two of one validator.
    pub marks: Vec<Record>,
    /// Records, and watermarks that were replaced, to delete. A watermark that several imports make up has no row of its
    /// own, and deleting it is no error; the lower ones that stay in the store change nothing when they are loaded.
    pub gone: Vec<Record>,
}

impl History {
    /// Whether a message may go out: looks, and changes nothing. `root` is its signing root, where it could be computed;
    /// it is compared with what an import named. Without a window (an import, a test of the rules alone) every epoch is
    /// judged.
    ///
    /// What may, and is [`Decision::New`], must be [inserted](Self::insert) and made durable before it goes.
    #[must_use]
    pub fn judge(&self, record: &Record, root: Option<Root>, window: Option<&Window>) -> Decision {
        if window.is_some_and(|window| !window.holds(&record.deed)) {
            return Decision::Refused(Conflict::OutsideWindow);
        }
        match self.pasts.get(&record.validator) {
            Some(past) => past.judge(record, root),
            None if self.pasts.len() >= MOST_VALIDATORS => Decision::Refused(Conflict::TooManyValidators),
            // The rules that need no past.
            None => Past::default().judge(record, root),
        }
    }

    /// Takes one record in, whatever it contradicts; a watermark raises the validator's.
    pub fn insert(&mut self, record: Record) {
        match self.pasts.entry(record.validator) {
            Entry::Occupied(past) => past.into_mut().insert(record.deed, record.named),
            Entry::Vacant(place) => place.insert(Past::default()).insert(record.deed, record.named),
        }
    }

    /// Takes in what the store or an import gives, in any order.
    pub fn load(&mut self, records: impl IntoIterator<Item = Record>) {
        records.into_iter().for_each(|record| self.insert(record));
    }

    /// Lets go of what is older than [`KEPT_EPOCHS`] or too much, and puts watermarks in its place. To be called once an
    /// epoch and after an import. Afterwards the history refuses all it refused before.
    pub fn prune(&mut self, window: &Window) -> Pruned {
        let epoch = Epoch(window.epoch().0.saturating_sub(KEPT_EPOCHS));
        let slot = window.clock.first_slot(epoch);
        let mut pruned = Pruned::default();
        for (validator, past) in &mut self.pasts {
            past.prune(*validator, epoch, slot, &mut pruned);
        }
        pruned
    }

    /// Everything, by validator: its watermarks, its blocks by slot, its votes by target.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.pasts.iter().flat_map(|(validator, past)| past.records(*validator))
    }

    /// Everything about one validator, in the same order.
    pub fn records_of(&self, validator: Validator) -> impl Iterator<Item = Record> + '_ {
        self.pasts.get(&validator).into_iter().flat_map(move |past| past.records(validator))
    }

    /// How many validators anything is known of.
    #[must_use]
    pub fn validators(&self) -> usize {
        self.pasts.len()
    }
}
