//! What was agreed in the last epochs, and what the owner was told of it.
//!
//! The pair of an epoch is asked for in every slot of it and changes only with a reorg across the epoch's start. So what
//! enough independent nodes said once holds for the epoch: later answers with this pair need no second voice, and cost
//! no wait. A reorg brings another pair, which has to be confirmed anew and then takes the place of the first.
//!
//! [`EPOCHS`] epochs are kept; an older one that is still asked for is confirmed again. Each node is alarmed of once in
//! an epoch for contradicting, and once for being stuck until it has caught up.

use std::collections::{BTreeMap, BTreeSet};

use super::Settings;
use crate::chain::{Epoch, Root};
use crate::node::{NodeId, Snapshot, Stand};

/// Epochs that are kept: votes are asked for the current one and, late, for the one before.
const EPOCHS: usize = 4;

/// A node whose head is the view's ancestor and so many slots below it is stuck, not late.
const STUCK_SLOTS: u64 = 4;

/// What was agreed, and how agreement is asked for.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    /// What the configuration says; the default until it is set.
    pub settings: Settings,
    confirmed: BTreeMap<Epoch, Root>,
    alarmed: BTreeSet<(Epoch, NodeId)>,
    stuck: BTreeSet<NodeId>,
}

impl Agreement {
    /// The pair that was confirmed in this epoch, if one was.
    #[must_use]
    pub fn confirmed(&self, epoch: Epoch) -> Option<Root> {
        self.confirmed.get(&epoch).copied()
    }

    /// Enough independent nodes say this pair.
    pub fn confirm(&mut self, epoch: Epoch, pair: Root) {
        self.confirmed.insert(epoch, pair);
        if self.confirmed.len() > EPOCHS {
            self.confirmed.pop_first();
        }
    }

    /// A node contradicts the others. True if that is news in this epoch.
    pub fn contradicts(&mut self, epoch: Epoch, node: NodeId) -> bool {
        let news = self.alarmed.insert((epoch, node));
        let epochs: BTreeSet<Epoch> = self.alarmed.iter().map(|(epoch, _)| *epoch).collect();
        if epochs.len() > EPOCHS
            && let Some(oldest) = epochs.first()
        {
            self.alarmed.retain(|(epoch, _)| epoch != oldest);
        }
        news
    }

    /// The nodes that are stuck, of whom that is news, each with how many slots it is behind.
    pub fn stuck(&mut self, snapshot: &Snapshot) -> Vec<(NodeId, u64)> {
        let Some(view) = &snapshot.view else { return Vec::new() };
        let behind = |root: &Root| {
            let branch = snapshot.branches.get(root).filter(|branch| branch.stand == Stand::Late)?;
            Some(view.slot.0.saturating_sub(branch.slot.0)).filter(|slots| *slots >= STUCK_SLOTS)
        };
        let heads = snapshot.nodes.iter().filter_map(|node| Some((node.profile.id, node.head?.1)));
        let now: BTreeMap<NodeId, u64> =
            heads.filter_map(|(node, root)| behind(&root).map(|slots| (node, slots))).collect();
        self.stuck.retain(|node| now.contains_key(node));
        now.into_iter().filter(|(node, _)| self.stuck.insert(*node)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Slot;
    use crate::node::Branch;
    use crate::quorum::tests::world;

    #[test]
    fn an_epoch_has_one_pair_and_old_epochs_are_forgotten() {
        let mut agreement = Agreement::default();
        agreement.confirm(Epoch(7), Root([1; 32]));
        agreement.confirm(Epoch(7), Root([2; 32]));
        assert_eq!(agreement.confirmed(Epoch(7)), Some(Root([2; 32])));
        (8..12).for_each(|epoch| agreement.confirm(Epoch(epoch), Root([3; 32])));
        assert_eq!(agreement.confirmed(Epoch(7)), None);
        assert_eq!(agreement.confirmed(Epoch(8)), Some(Root([3; 32])));
    }

    #[test]
    fn a_contradiction_is_news_once_an_epoch() {
        let mut agreement = Agreement::default();
        assert!(agreement.contradicts(Epoch(1), NodeId(0)));
        assert!(agreement.contradicts(Epoch(1), NodeId(1)));
        assert!(!agreement.contradicts(Epoch(1), NodeId(0)));
        for epoch in 2..100 {
            assert!(agreement.contradicts(Epoch(epoch), NodeId(0)));
        }
        assert!(agreement.alarmed.len() <= EPOCHS, "{}", agreement.alarmed.len());
    }

    #[test]
    fn a_stuck_node_is_news_once_until_it_moves() {
        let mut agreement = Agreement::default();
        // The view's slot there is 320; node 1 has another head.
        let world = |slot, stand| {
            let mut snapshot = world("own:lighthouse/geth own:teku/besu", "A A").0.snapshot.as_ref().clone();
            let head = Root([9; 32]);
            snapshot.nodes[1].head = Some((Slot(slot), head));
            snapshot.branches.insert(head, Branch { slot: Slot(slot), stand });
            snapshot
        };
        for (name, slot, stand, news) in [
            ("three slots behind: late", 317, Stand::Late, vec![]),
            ("four: stuck", 316, Stand::Late, vec![(NodeId(1), 4)]),
            ("still", 316, Stand::Late, vec![]),
            ("it moved", 319, Stand::Late, vec![]),
            ("stuck again", 310, Stand::Late, vec![(NodeId(1), 10)]),
            ("on another branch, which is another matter", 310, Stand::Apart { parted: Slot(300) }, vec![]),
        ] {
            assert_eq!(agreement.stuck(&world(slot, stand)), news, "{name}");
        }
    }
}
