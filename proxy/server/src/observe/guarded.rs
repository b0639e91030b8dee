//! What the guard counts, beside its alarms.
//!
//! A message that it withholds is an alarm, and is counted there. This is what it could not look at: a number that should
//! stay at 0, and that grows where a client still publishes attestations that name no validator.

use super::{Meters, Metric, counter};

const NAME: &str = "rangelight_guard_unjudged_total";

/// Messages that nobody could judge.
pub(super) const UNJUDGED: Metric = Metric {
    name: NAME,
    kind: "counter",
    labels: "",
    help: "Attestations that the guard let pass because nobody can say whose they are.",
};

impl Meters {
    /// The guard let so many messages pass because nobody can say whose they are.
    pub fn unjudged(&self, messages: usize) {
        if messages > 0 {
            counter(&self.recorder, NAME, vec![]).increment(messages as u64);
        }
    }
}
