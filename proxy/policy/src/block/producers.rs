//! Who made the blocks that were given away, and whom a block may pay by the owner's word.
//!
//! Only the node that made a blinded block is sure to have its payload, and a block that its own node made is published
//! there soonest. So the answer that went to the caller is remembered by the four fields that commit to it, and by the
//! request that it answered: who asks for the same slot again in another encoding asks the same node first.
//!
//! Bounded: the last [`REMEMBERED`] of each. A proposal is over within its slot, and a home makes one at a time; what is
//! forgotten costs only the order in which nodes are asked.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Address, Key};
use crate::chain::Slot;
use crate::node::NodeId;

/// How many blocks, and how many requests, are remembered.
pub const REMEMBERED: usize = 64;

/// Whether a block was given away whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With its payload.
    Whole,
    /// With the payload's header.
    Blinded,
}

/// One block that was given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// The node that made it.
    pub node: NodeId,
    /// How it was given away.
    pub kind: Kind,
}

/// What a caller asked for; answered once, it is answered by the same node again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Who asked.
    pub caller: Arc<str>,
    /// The slot.
    pub slot: Slot,
    /// The reveal that was sent with it.
    pub randao: [u8; 96],
}

/// The memory of produced blocks; one part of the books.
#[derive(Debug, Default)]
pub struct Producers {
    pins: Arc<[Address]>,
    made: VecDeque<(Key, Producer)>,
    answered: VecDeque<(Proposal, NodeId)>,
}

impl Producers {
    /// The only addresses that a block for an own caller may pay; empty = the configuration names none.
    #[must_use]
    pub fn pins(&self) -> &Arc<[Address]> {
        &self.pins
    }

    /// Takes over the addresses of a configuration.
    pub fn pin(&mut self, addresses: &[Address]) {
        self.pins = addresses.into();
    }

    /// A block was given to a caller.
    pub fn given(&mut self, proposal: Option<Proposal>, key: Key, producer: Producer) {
        self.made.retain(|(known, _)| *known != key);
        push(&mut self.made, (key, producer));
        if let Some(proposal) = proposal {
            self.answered.retain(|(known, _)| *known != proposal);
            push(&mut self.answered, (proposal, producer.node));
        }
    }

    /// Who made a block; `None` if it was not given away by us, or long ago.
    #[must_use]
    pub fn producer(&self, key: &Key) -> Option<Producer> {
        self.made.iter().find(|(known, _)| known == key).map(|(_, producer)| *producer)
    }

    /// Whose block answered the same request before.
    #[must_use]
    pub fn answered(&self, proposal: &Proposal) -> Option<NodeId> {
        self.answered.iter().find(|(known, _)| known == proposal).map(|(_, node)| *node)
    }
}

fn push<T>(list: &mut VecDeque<T>, one: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Root;

    fn key(slot: u64) -> Key {
        Key { slot: Slot(slot), proposer: 7, parent: Root([1; 32]), state: Root([2; 32]) }
    }

    fn proposal(caller: &str, slot: u64) -> Proposal {
        Proposal { caller: caller.into(), slot: Slot(slot), randao: [3; 96] }
    }

    #[test]
    fn the_last_ones_are_remembered_and_no_more() {
        let mut producers = Producers::default();
        for slot in 0..200 {
            let producer = Producer { node: NodeId(u16::try_from(slot).expect("small")), kind: Kind::Whole };
            producers.given(Some(proposal("vc", slot)), key(slot), producer);
        }
        assert_eq!((producers.made.len(), producers.answered.len()), (REMEMBERED, REMEMBERED));
        assert_eq!(producers.producer(&key(199)).map(|producer| producer.node), Some(NodeId(199)));
        assert_eq!(producers.producer(&key(100)), None);
        assert_eq!(producers.answered(&proposal("vc", 199)), Some(NodeId(199)));
        assert_eq!(producers.answered(&proposal("other", 199)), None, "callers do not share");
    }

    #[test]
    fn the_same_block_again_is_the_later_ones() {
        let mut producers = Producers::default();
        let by = |node, kind| Producer { node: NodeId(node), kind };
        producers.given(Some(proposal("vc", 1)), key(1), by(1, Kind::Whole));
        producers.given(Some(proposal("vc", 1)), key(1), by(2, Kind::Blinded));
        assert_eq!(producers.producer(&key(1)), Some(by(2, Kind::Blinded)));
        assert_eq!(producers.answered(&proposal("vc", 1)), Some(NodeId(2)));
        assert_eq!((producers.made.len(), producers.answered.len()), (1, 1));
        for other in [
            Key { slot: Slot(2), ..key(1) },
            Key { proposer: 8, ..key(1) },
            Key { parent: Root([9; 32]), ..key(1) },
            Key { state: Root([9; 32]), ..key(1) },
        ] {
            assert_eq!(producers.producer(&other), None, "{other:?}");
        }
    }
}
