//! Whose word moves the view.
//!
//! Of all nodes that may be read, the best class decides: own nodes that are ready; else friends' that are ready; else
//! own and then friends' that are behind; else own and then friends' that are optimistic. So a friend's word moves
//! nothing while an own node is ready, and an optimistic head is told only when nobody has another. Friends of the
//! deciding tier confirm: they count beside own nodes, never without one.
//!
//! A standby node, or one that its operator has cordoned, confirms and counts like any other of its class, but it
//! doesn't go first while a better one of its class is there: listening to it costs it nothing, and being read first,
//! which is what follows from leading the view, is what it was meant to be spared. Publish-only nodes are not here at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::family::ConsensusFamily;
use crate::node::{NodeId, Tier, Trust};

/// One node that may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Who.
    pub id: NodeId,
    /// Whose it is.
    pub trust: Trust,
    /// How usable it is.
    pub tier: Tier,
    /// Full participation, and not cordoned.
    pub preferred: bool,
    /// Its consensus client.
    pub family: ConsensusFamily,
    /// Who runs it, if it is a friend's.
    pub operator: Option<Arc<str>>,
}

/// How many stand behind a head: independent ones first, then nodes. More is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Support {
    /// Distinct consensus families; of friends, no more than distinct operators.
    pub independent: usize,
    /// Nodes.
    pub nodes: usize,
}

/// Who decides at one moment.
#[derive(Clone, Debug, Default)]
pub struct Electorate {
    voters: Vec<Voter>,
    class: Option<(Trust, Tier)>,
    needed: usize,
    preferred: bool,
}

/// Two independent friends are enough, and one if there are no two: they may stand in for the whole home, and none of
/// them is to steer it alone.
const FRIENDS_NEEDED: usize = 2;

impl Electorate {
    /// The electorate of these nodes, in configured order.
    #[must_use]
    pub fn new(voters: Vec<Voter>) -> Self {
        let class = voters
            .iter()
            .map(|voter| (voter.tier, voter.trust))
            .filter(|(tier, _)| *tier <= Tier::Optimistic)
            .min()
            .map(|(tier, trust)| (trust, tier));
        let mut it = Self { voters, class, needed: 1, preferred: false };
        let preferred = it.deciding().any(|voter| voter.preferred);
        it.preferred = preferred;
        if class.is_some_and(|(trust, _)| trust == Trust::Friend) {
            it.needed = FRIENDS_NEEDED.min(it.support(it.deciding().map(|voter| voter.id)).independent);
        }
        it
    }

    /// The nodes whose word decides.
    pub fn deciding(&self) -> impl Iterator<Item = &Voter> {
        self.voters.iter().filter(|voter| Some((voter.trust, voter.tier)) == self.class)
    }

    /// Does this node's word decide?
    #[must_use]
    pub fn decides(&self, id: NodeId) -> bool {
        self.deciding().any(|voter| voter.id == id)
    }

    /// Is this node's word worth asking for: it decides, or it is an own one?
    #[must_use]
    pub fn trusts(&self, id: NodeId) -> bool {
        self.decides(id) || self.voters.iter().any(|voter| voter.id == id && voter.trust == Trust::Own)
    }

    /// May it move the view first, before others have said the same?
    #[must_use]
    pub fn goes_first(&self, id: NodeId) -> bool {
        self.deciding().any(|voter| voter.id == id && (voter.preferred || !self.preferred))
    }

    /// How many independent nodes have to say a head before it is told.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.needed
    }

    /// Only optimistic nodes are left.
    #[must_use]
    pub fn optimistic(&self) -> bool {
        self.class.is_some_and(|(_, tier)| tier == Tier::Optimistic)
    }

    /// Nodes that count: those that decide, and friends of the same tier beside own ones.
    pub fn counting(&self) -> impl Iterator<Item = &Voter> {
        let class = self.class;
        self.voters.iter().filter(move |voter| {
            class.is_some_and(|(trust, tier)| voter.tier == tier && (voter.trust == trust || trust == Trust::Own))
        })
    }

    /// Does this node count? Those that do and are at the view's head are its members.
    #[must_use]
    pub fn counts(&self, id: NodeId) -> bool {
        self.counting().any(|voter| voter.id == id)
    }

    /// How many stand behind something that these nodes say. Nothing, unless one of them decides.
    #[must_use]
    pub fn support(&self, sayers: impl Iterator<Item = NodeId>) -> Support {
        let sayers: BTreeSet<NodeId> = sayers.collect();
        let (mut families, mut operators) = (BTreeSet::new(), BTreeSet::new());
        let (mut nodes, mut decides) = (0, false);
        let counting: Vec<&Voter> = self.counting().filter(|voter| sayers.contains(&voter.id)).collect();
        // Own nodes first, so that a friend never takes the place of an own node of his family.
        for trust in [Trust::Own, Trust::Friend] {
            for voter in counting.iter().filter(|voter| voter.trust == trust) {
                nodes += 1;
                decides |= Some((voter.trust, voter.tier)) == self.class;
                let stranger = trust == Trust::Own || !operators.contains(&voter.operator);
                if stranger && families.insert(voter.family) && trust == Trust::Friend {
                    operators.insert(voter.operator.clone());
                }
            }
        }
        if decides { Support { independent: families.len(), nodes } } else { Support::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConsensusFamily::{Lighthouse, Lodestar, Nimbus, Teku};
    use Tier::{Away, Behind, Optimistic, Ready, Syncing};
    use Trust::{Friend, Own};

    fn voter(id: u16, trust: Trust, tier: Tier, family: ConsensusFamily, operator: Option<&str>) -> Voter {
        Voter { id: NodeId(id), trust, tier, preferred: true, family, operator: operator.map(Into::into) }
    }

    #[test]
    fn the_best_class_decides() {
        for (name, nodes, deciding) in [
            ("own before friends", vec![(Friend, Ready), (Own, Ready), (Own, Behind)], vec![1]),
            ("ready friends before own ones behind", vec![(Own, Behind), (Friend, Ready), (Friend, Ready)], vec![1, 2]),
            ("own ones behind before friends behind", vec![(Friend, Behind), (Own, Behind)], vec![1]),
            ("behind before optimistic", vec![(Own, Optimistic), (Friend, Behind)], vec![1]),
            ("optimistic when nothing else is there", vec![(Own, Optimistic), (Friend, Syncing)], vec![0]),
            ("nobody", vec![(Own, Syncing), (Own, Away), (Friend, Tier::Foreign)], vec![]),
        ] {
            let voters = (0..).zip(nodes).map(|(id, (trust, tier))| voter(id, trust, tier, Teku, None)).collect();
            let electorate = Electorate::new(voters);
            assert_eq!(electorate.deciding().map(|voter| voter.id.0).collect::<Vec<_>>(), deciding, "{name}");
        }
    }

    #[test]
    fn support_counts_independent_families_and_operators() {
        let own = |id, family| voter(id, Own, Ready, family, None);
        let friend = |id, family, operator| voter(id, Friend, Ready, family, operator);
        for (name, nodes, sayers, expected) in [
            ("two families", vec![own(0, Teku), own(1, Nimbus)], vec![0, 1], (2, 2)),
            ("one family twice", vec![own(0, Teku), own(1, Teku)], vec![0, 1], (1, 2)),
            ("a friend beside an own node", vec![own(0, Teku), friend(1, Nimbus, None)], vec![0, 1], (2, 2)),
            ("a friend of the own family", vec![own(0, Teku), friend(1, Teku, None)], vec![0, 1], (1, 2)),
            ("a friend without an own node", vec![own(0, Teku), friend(1, Nimbus, None)], vec![1], (0, 0)),
            (
                "two friends of one operator count as one",
                vec![friend(0, Nimbus, Some("a")), friend(1, Lodestar, Some("a"))],
                vec![0, 1],
                (1, 2),
            ),
            (
                "friends without operator count as one",
                vec![friend(0, Nimbus, None), friend(1, Lodestar, None)],
                vec![0, 1],
                (1, 2),
            ),
            (
                "two friends of two operators",
                vec![friend(0, Nimbus, Some("a")), friend(1, Lighthouse, None)],
                vec![0, 1],
                (2, 2),
            ),
        ] {
            let support = Electorate::new(nodes).support(sayers.into_iter().map(NodeId));
            assert_eq!((support.independent, support.nodes), expected, "{name}");
        }
    }

    #[test]
    fn friends_need_two_of_them_where_two_are_there() {
        let friend = |id, family, operator| voter(id, Friend, Ready, family, Some(operator));
        assert_eq!(Electorate::new(vec![friend(0, Teku, "a")]).needed(), 1);
        assert_eq!(Electorate::new(vec![friend(0, Teku, "a"), friend(1, Nimbus, "a")]).needed(), 1);
        assert_eq!(Electorate::new(vec![friend(0, Teku, "a"), friend(1, Nimbus, "b")]).needed(), 2);
        assert_eq!(Electorate::new(vec![voter(0, Own, Ready, Teku, None), friend(1, Nimbus, "b")]).needed(), 1);
    }

    #[test]
    fn standby_goes_first_only_when_nothing_better_is_there() {
        let standby = |id| Voter { preferred: false, ..voter(id, Own, Ready, Teku, None) };
        let both = Electorate::new(vec![standby(0), voter(1, Own, Ready, Nimbus, None)]);
        assert!(both.decides(NodeId(0)) && !both.goes_first(NodeId(0)) && both.goes_first(NodeId(1)));
        let friend_too = Electorate::new(vec![standby(0), voter(1, Friend, Ready, Nimbus, None)]);
        assert!(friend_too.goes_first(NodeId(0)), "an own standby stands above a friend");
    }
}
