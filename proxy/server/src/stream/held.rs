//! Which head each caller has voted for, so that his stream does not tell him another one of the same slot.
//!
//! When the vote is out it stays, and so does the data that aggregates are asked for with; a rival head of that slot would
//! only make a validator client doubt what it has signed. Heads of later slots, reorgs and everything else are told.
//!
//! One entry for each caller, at most [`CALLERS`]: beyond that the one with the oldest slot goes, who then hears all heads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rangelight_policy::chain::{Root, Slot};

/// Callers at one time; a home has a few.
const CALLERS: usize = 256;

/// The heads that were voted for.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<BTreeMap<Arc<str>, (Slot, Root)>>);

impl Held {
    /// The caller has voted for this head in this slot.
    pub(super) fn hold(&self, caller: &Arc<str>, slot: Slot, head: Root) {
        let mut held = self.lock();
        held.insert(Arc::clone(caller), (slot, head));
        if held.len() > CALLERS
            && let Some(oldest) = held.iter().min_by_key(|(_, (slot, _))| *slot).map(|(caller, _)| Arc::clone(caller))
        {
            held.remove(&oldest);
        }
    }

    /// May the caller hear of this head?
    pub(super) fn lets_pass(&self, caller: &Arc<str>, (slot, head): (Slot, Root)) -> bool {
        self.lock().get(caller).is_none_or(|(voted, root)| *voted != slot || *root == head)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, (Slot, Root)>> {
        // A holder only moves values.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rival_of_the_voted_slot_is_kept_from_its_caller() {
        let held = Held::default();
        let (vc, other) = (Arc::from("vc"), Arc::from("other"));
        let (voted, rival) = (Root([1; 32]), Root([2; 32]));
        held.hold(&vc, Slot(9), voted);
        for (name, caller, slot, head, passes) in [
            ("the one voted for", &vc, 9, voted, true),
            ("a rival", &vc, 9, rival, false),
            ("the next slot", &vc, 10, rival, true),
            ("an older one", &vc, 8, rival, true),
            ("somebody else", &other, 9, rival, true),
        ] {
            assert_eq!(held.lets_pass(caller, (Slot(slot), head)), passes, "{name}");
        }
        held.hold(&vc, Slot(10), voted);
        assert!(held.lets_pass(&vc, (Slot(9), rival)), "only the last vote holds");
    }

    #[test]
    fn callers_have_a_bound() {
        let held = Held::default();
        for number in 0..2 * CALLERS as u64 {
            held.hold(&number.to_string().into(), Slot(number), Root::default());
        }
        assert_eq!(held.lock().len(), CALLERS);
        assert!(held.lets_pass(&"0".into(), (Slot(0), Root([1; 32]))), "the oldest was forgotten");
        assert!(!held.lets_pass(&"300".into(), (Slot(300), Root([1; 32]))));
    }
}
