//! Which events were told already.
//!
//! Every node tells every event, so each but the first copy is dropped here. Per topic the last `MEMORY` identities are
//! kept, lazily; the oldest is forgotten when another comes. A copy that arrives after its identity was forgotten is told
//! twice, which every validator client forgives; that needs a node more than two epochs late even for the topic with
//! the most distinct events (data columns, 128 a slot).
//!
//! Topics with an order also never go backwards. That makes the first word on a far epoch the last word on all before
//! it, so whether an event is to be believed (trust, agreement, the clock) is decided *before* it is admitted here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Identity, Topic};

/// Identities kept for each topic: two epochs of data columns, twice.
const MEMORY: usize = 1 << 14;

/// What an event is after those told before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// News: tell it.
    New,
    /// Told before: drop it.
    Repeated,
    /// Older than the last told one, in a topic that never goes backwards: drop it.
    Backwards,
    /// In such a topic, another event at the same place as the last told one: drop it. Of a finalized checkpoint this
    /// means that two nodes hold different chains to be final, which is worth an alarm.
    Contradicts,
}

/// The events told so far, topic by topic.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    topics: BTreeMap<Topic, Told>,
}

#[derive(Clone, Debug, Default)]
struct Told {
    keys: BTreeSet<[u8; 16]>,
    by_age: VecDeque<[u8; 16]>,
    order: Option<u64>,
}

impl Seen {
    /// What this event is; if it is news, it counts as told from here on.
    pub fn admit(&mut self, topic: Topic, identity: &Identity) -> Admission {
        let told = self.topics.entry(topic).or_default();
        if told.keys.contains(&identity.key) {
            return Admission::Repeated;
        }
        if let (Some(order), Some(last)) = (identity.order, told.order) {
            if order < last {
                return Admission::Backwards;
            }
            if order == last {
                return Admission::Contradicts;
            }
        }
        told.order = identity.order.or(told.order);
        told.keys.insert(identity.key);
        told.by_age.push_back(identity.key);
        if told.by_age.len() > MEMORY
            && let Some(oldest) = told.by_age.pop_front()
        {
            told.keys.remove(&oldest);
        }
        Admission::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(n: usize, order: Option<u64>) -> Identity {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&n.to_le_bytes());
        Identity { key, order }
    }

    #[test]
    fn each_event_is_told_once_in_each_topic() {
        let mut seen = Seen::default();
        assert_eq!(seen.admit(Topic::Block, &identity(1, None)), Admission::New);
        assert_eq!(seen.admit(Topic::Block, &identity(1, None)), Admission::Repeated);
        assert_eq!(seen.admit(Topic::BlockGossip, &identity(1, None)), Admission::New, "another topic");
    }

    #[test]
    fn an_ordered_topic_never_goes_backwards() {
        let mut seen = Seen::default();
        for (name, key, order, expected) in [
            ("the first", 1, 10, Admission::New),
            ("its copy from another node", 1, 10, Admission::Repeated),
            ("another at the same place", 2, 10, Admission::Contradicts),
            ("an older one, from a late node", 3, 9, Admission::Backwards),
            ("the next", 4, 11, Admission::New),
            ("the first again", 1, 10, Admission::Repeated),
            ("one with a gap", 5, 20, Admission::New),
        ] {
            assert_eq!(seen.admit(Topic::FinalizedCheckpoint, &identity(key, Some(order))), expected, "{name}");
        }
    }

    #[test]
    fn the_oldest_is_forgotten_at_the_bound_and_only_the_oldest() {
        let mut seen = Seen::default();
        for n in 0..=MEMORY {
            assert_eq!(seen.admit(Topic::DataColumnSidecar, &identity(n, None)), Admission::New);
        }
        let told = &seen.topics[&Topic::DataColumnSidecar];
        assert_eq!((told.keys.len(), told.by_age.len()), (MEMORY, MEMORY));
        assert_eq!(seen.admit(Topic::DataColumnSidecar, &identity(1, None)), Admission::Repeated);
        assert_eq!(seen.admit(Topic::DataColumnSidecar, &identity(0, None)), Admission::New, "forgotten");
    }
}
