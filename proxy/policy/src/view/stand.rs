//! How every other head stands to the view's: late, ahead, or on another branch, and since when.
//!
//! Votes for different checkpoints are a contradiction only if the chains under them really differ. A node that is late,
//! or stuck, says the checkpoints of an older head of the same chain, and a reorg makes two honest nodes differ for a
//! moment. So for each head that is not the view's it is kept up to date what it is, by the known links, and by header
//! reads where they do not reach: of the node whose head it is, and of the leader for the view's own side.
//!
//! A head's stand, once known, stays what it was while links are forgotten: a node that stood still a hundred slots ago
//! does so on the same block, and what is built on another branch is on it. What was never known is [`Stand::Settling`] while reads may bring it, then
//! [`Stand::Unknown`]. One thing is decided without proof: a head that no walk reaches any more ([`LONGEST_WALK`] slots
//! below the view) and that nothing was ever known of is late. Its node has had no block for two epochs, so it is stuck
//! wherever it is, and what is stuck must not stop the others.
//!
//! Only the word of a node that decides, or of an own one, is asked for: a friend's header could say anything. Cost: a
//! comparison for each node while all agree. At most one entry for each node is kept.

use std::collections::BTreeMap;

use super::blocks::{LONGEST_WALK, Relation};
use super::reads::{Hope, PATIENCE_MS};
use super::{Electorate, Turn, View};
use crate::chain::{Moment, Root, Slot};
use crate::node::{Branch, NodeId, Stand};

impl View {
    /// Every head that is not the view's, and how it stood to it when last looked at.
    #[must_use]
    pub fn branches(&self) -> &BTreeMap<Root, Branch> {
        &self.branches
    }

    /// Looks at them again. Reads that would tell more go into the turn.
    pub fn compare(&mut self, electorate: &Electorate, now: Moment, turn: &mut Turn) {
        let Some((view_slot, view, leader)) = self.at() else {
            self.branches.clear();
            return;
        };
        let mut others: BTreeMap<Root, (NodeId, Slot, Moment, Option<Root>)> = BTreeMap::new();
        for (&node, said) in self.heads.iter().filter(|(_, said)| said.head.block != view) {
            let asked = others.entry(said.head.block).or_insert((node, said.head.slot, said.at, said.on));
            if electorate.trusts(node) && !electorate.trusts(asked.0) {
                asked.0 = node;
            }
            asked.2 = asked.2.min(said.at);
        }
        let mut branches = BTreeMap::new();
        for (root, (node, slot, since, on)) in others {
            let reader = electorate.trusts(node).then_some(node);
            let before = |root: Root| self.branches.get(&root).map(|branch| branch.stand);
            let was = before(root).filter(|it| matches!(it, Stand::Late | Stand::Apart { .. }));
            let was = was.or_else(|| on.and_then(before).filter(|it| matches!(it, Stand::Apart { .. })));
            let readers = (reader, leader);
            let stand = self.stand((root, slot), (view, view_slot), readers, was.is_some(), now, turn).or(was);
            let stuck = slot.0.saturating_add(LONGEST_WALK as u64) < view_slot.0;
            let stand = stand.unwrap_or(match now.since(since) < PATIENCE_MS {
                _ if stuck => Stand::Late,
                true => Stand::Settling,
                false => Stand::Unknown,
            });
            branches.insert(root, Branch { slot, stand });
        }
        self.branches = branches;
    }

    /// As far as it is known; a guess only if nothing was known before.
    fn stand(
        &mut self,
        (root, slot): (Root, Slot),
        (view, view_slot): (Root, Slot),
        (reader, leader): (Option<NodeId>, NodeId),
        known: bool,
        now: Moment,
        turn: &mut Turn,
    ) -> Option<Stand> {
        let higher = slot > view_slot;
        let relation =
            if higher { self.blocks.relation(root, view, view_slot) } else { self.blocks.relation(view, root, slot) };
        match relation {
            Relation::Descends if higher => Some(Stand::Ahead),
            Relation::Descends => Some(Stand::Late),
            Relation::Apart => Some(match self.blocks.parted(root, view) {
                Ok(parted) => Stand::Apart { parted },
                Err((missing, ours)) => {
                    let reader = if ours { Some(leader) } else { reader };
                    match reader.map(|reader| self.want(reader, missing, now, turn)) {
                        Some(Hope::Ask | Hope::Wait) => return None,
                        _ if known => return None,
                        // The earliest there is: what moved since then has moved there.
                        Some(Hope::None) | None => Stand::Apart { parted: slot.min(view_slot) },
                    }
                }
            }),
            Relation::Unknown(missing) => {
                let reader = if higher { reader } else { Some(leader) };
                if let Some(reader) = reader {
                    self.want(reader, missing, now, turn);
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{Clock, Epoch};
    use crate::events::Head;
    use crate::family::ConsensusFamily;
    use crate::node::{Tier, Trust};
    use crate::view::{By, Header, Schedule, Voter};

    /// Two own nodes, the first of which leads, and the blocks that were read so far.
    struct Stage {
        view: View,
        schedule: Schedule,
        electorate: Electorate,
        now: Moment,
        /// What heads say that their duties depend on.
        duties: Option<Root>,
        /// Headers that the view asked for by itself.
        reads: Vec<(NodeId, Root)>,
    }

    fn root(n: u8) -> Root {
        Root([n; 32])
    }

    impl Stage {
        fn new() -> Self {
            let clock = Clock { genesis: Moment(0), slot_ms: 12_000, slots_per_epoch: 32 };
            let voter = |id| Voter {
                id: NodeId(id),
                trust: Trust::Own,
                tier: Tier::Ready,
                preferred: true,
                family: ConsensusFamily::Teku,
                operator: None,
            };
            let schedule = Schedule { clock, forks: vec![(Epoch(0), "fulu".to_owned())] };
            let now = clock.start(Slot(500));
            Self {
                view: View::default(),
                schedule,
                electorate: Electorate::new(vec![voter(0), voter(1)]),
                now,
                duties: None,
                reads: Vec::new(),
            }
        }

        fn say(&mut self, node: u16, block: u8, slot: u64) {
            let head = Head {
                slot: Slot(slot),
                block: root(block),
                state: root(block),
                epoch_transition: false,
                previous_duty_dependent_root: self.duties,
                current_duty_dependent_root: self.duties,
                execution_optimistic: Some(false),
            };
            let by = By { decides: true, schedule: &self.schedule, now: self.now };
            self.view.said(NodeId(node), head, None, by);
            self.reads.extend(self.view.settle(&self.electorate, &self.schedule, self.now).reads);
        }

        /// What all heads are, after every header that was asked for came from a chain of (block, slot, parent).
        fn stands(&mut self, chain: &[(u8, u64, u8)]) -> Vec<(u8, Stand)> {
            for _ in 0..10 {
                let mut turn = Turn { reads: std::mem::take(&mut self.reads), ..Turn::default() };
                self.view.compare(&self.electorate, self.now, &mut turn);
                for (from, asked) in turn.reads {
                    match chain.iter().find(|(block, ..)| root(*block) == asked) {
                        Some(&(block, slot, parent)) => {
                            let (root, state, parent) = (root(block), root(block), root(parent));
                            let header = Header { root, slot: Slot(slot), parent, state, optimistic: Some(false) };
                            self.view.header(from, header, self.now);
                        }
                        None => self.view.header_failed(from, asked),
                    }
                }
            }
            self.view.branches.iter().map(|(root, branch)| (root.0[0], branch.stand)).collect()
        }
    }

    #[test]
    fn heads_stand_as_their_chains_do() {
        let chain = [(1, 490, 0), (2, 491, 1), (3, 492, 2), (4, 493, 3), (12, 491, 1), (13, 492, 12)];
        for (name, other, expected) in [
            ("the same", (4, 493), vec![]),
            ("the parent: late", (3, 492), vec![(3, Stand::Late)]),
            ("three below: late", (1, 490), vec![(1, Stand::Late)]),
            ("a branch of one block", (12, 491), vec![(12, Stand::Apart { parted: Slot(491) })]),
            ("a branch of two", (13, 492), vec![(13, Stand::Apart { parted: Slot(491) })]),
        ] {
            let mut stage = Stage::new();
            stage.say(0, 4, 493);
            stage.say(1, other.0, other.1);
            assert_eq!(stage.stands(&chain), expected, "{name}");
        }
    }

    #[test]
    fn branches_part_with_the_later_of_their_first_blocks() {
        // The view built around block 12, three slots later.
        let chain = [(1, 490, 0), (12, 491, 1), (2, 494, 1), (3, 495, 2)];
        let mut stage = Stage::new();
        stage.say(0, 3, 495);
        stage.say(1, 12, 491);
        assert_eq!(stage.stands(&chain), [(12, Stand::Apart { parted: Slot(494) })]);
    }

    #[test]
    fn what_stands_on_another_branch_is_on_it_before_its_header_is_read() {
        let chain = [(1, 490, 0), (2, 491, 1), (3, 492, 2), (12, 491, 1)];
        let parted = Stand::Apart { parted: Slot(491) };
        let mut stage = Stage::new();
        stage.duties = Some(root(77));
        stage.say(0, 3, 492);
        stage.say(1, 12, 491);
        assert_eq!(stage.stands(&chain), [(12, parted)]);
        stage.say(1, 13, 492);
        assert_eq!(stage.stands(&[]), [(13, parted)], "their duties do");
    }

    #[test]
    fn what_no_header_tells_settles_and_then_is_unknown() {
        let mut stage = Stage::new();
        stage.say(0, 4, 493);
        stage.say(1, 3, 480);
        assert_eq!(stage.stands(&[]), [(3, Stand::Settling)]);
        stage.now = stage.now.plus(PATIENCE_MS);
        assert_eq!(stage.stands(&[]), [(3, Stand::Unknown)]);
    }

    #[test]
    fn a_node_that_stands_still_stays_late_when_its_links_are_forgotten() {
        let mut stage = Stage::new();
        stage.say(0, 2, 300);
        stage.say(1, 1, 299);
        assert_eq!(stage.stands(&[(2, 300, 1)]), [(1, Stand::Late)]);
        // Far above, and no link to there.
        stage.say(0, 9, 350);
        assert_eq!(stage.stands(&[]), [(1, Stand::Late)], "known from before");
        let mut fresh = Stage::new();
        fresh.say(0, 9, 400);
        fresh.say(1, 1, 299);
        assert_eq!(fresh.stands(&[]), [(1, Stand::Late)], "too far below to be anything else");
    }
}
