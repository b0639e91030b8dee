//! What a rule reads of a request's query, of its place in time, and of the form of an answer.
//!
//! Parameters of duties are numbers and roots, which nobody encodes. One that is there twice is not read at all: nodes
//! differ in which of the two they take, so we cannot know what was asked, and the row alone decides.

use super::Brief;
use crate::chain::Slot;
use crate::merit::{self, Observed};

/// The value of a query parameter that is there once.
pub(super) fn parameter<'q>(query: Option<&'q str>, name: &str) -> Option<&'q str> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Whether the network is known to have a fork, or a later one, in force at a slot.
pub(super) fn in_force(brief: &Brief<'_>, fork: &str, slot: Slot) -> bool {
    let known = brief.network.zip(brief.clock);
    known.is_some_and(|(network, clock)| network.spec.has_reached(fork, clock.epoch(slot)))
}

/// Whether an answer says that it is SSZ.
pub(super) fn is_ssz(observed: &Observed<'_>) -> bool {
    merit::is_ssz(observed.content_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_counts_if_it_is_there_once() {
        for (query, value) in [
            (None, None),
            (Some(""), None),
            (Some("slot=7"), Some("7")),
            (Some("a=1&slot=7&slots=8"), Some("7")),
            (Some("slot=7&slot=8"), None),
            (Some("slot"), None),
            (Some("slot="), Some("")),
        ] {
            assert_eq!(parameter(query, "slot"), value, "{query:?}");
        }
    }
}
