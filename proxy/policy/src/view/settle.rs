//! The decision: given what every node says now, does the view move?
//!
//! Called after every signal that could matter, so it is cheap when nothing moves: a look at each deciding node's head.
//! A move may allow another (a leader catches up by two blocks), so it runs until nothing moves, at most once for each
//! head there is.
//!
//! A move that leaves a branch needs the depth of the reorg, and that may need a header or two. It waits for them up to
//! [`PATIENCE_MS`], then goes with the least depth that is certain: a VC must hear of the reorg before it hears a head
//! that is not higher than the last.

use crate::chain::{Moment, Root, Slot};
use crate::events::Reorg;
use crate::node::NodeId;

use super::blocks::Relation;
use super::reads::{Hope, PATIENCE_MS};
use super::{DISPARITY_MS, Electorate, Move, Place, Said, Schedule, Support, Turn, View};

/// May a head move the view?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    /// Yes, forward.
    Forward,
    /// Yes, to another branch or back.
    Reorg,
    /// Not now.
    Stay,
    /// Not now, and it is on another branch.
    Astray,
}

/// The head of one deciding node, beside the view.
#[derive(Clone, Copy, Debug)]
struct Bid {
    from: NodeId,
    slot: Slot,
    root: Root,
    support: Support,
}

/// A head that may move the view: most behind it first, then the leader's, then the highest.
type Ranked = ((Support, bool, Slot), (Bid, Leave));

/// What a decision looks at.
#[derive(Clone, Copy)]
struct At<'a> {
    electorate: &'a Electorate,
    schedule: &'a Schedule,
    now: Moment,
}

impl View {
    /// Moves the view as far as it goes, and tells what there is to tell.
    pub fn settle(&mut self, electorate: &Electorate, schedule: &Schedule, now: Moment) -> Turn {
        let at = At { electorate, schedule, now };
        let mut turn = Turn::default();
        self.reads.age(now, schedule.clock.slot_ms);
        let heads = &self.heads;
        self.waiting.retain(|root, _| heads.values().any(|said| said.head.block == *root));
        for said in electorate.deciding().filter_map(|voter| self.heads.get(&voter.id)) {
            self.blocks.say(&said.head, now);
        }
        for _ in 0..=self.heads.len() {
            self.lead(electorate);
            let Some((bid, leave)) = self.choose(at, &mut turn) else { break };
            if leave == Leave::Reorg && !self.part(bid, at, &mut turn) {
                break;
            }
            self.go(bid, now, &mut turn);
            self.tell(electorate, schedule, now, &mut turn);
        }
        self.tell(electorate, schedule, now, &mut turn);
        turn
    }

    /// A leader that was lost is followed by another deciding node that is at the view.
    fn lead(&mut self, electorate: &Electorate) {
        let Some(place) = &mut self.place else { return };
        place.led &= electorate.decides(place.leader);
        if !place.led {
            let heads = &self.heads;
            let members = || {
                electorate.deciding().filter(|it| heads.get(&it.id).is_some_and(|said| said.head.block == place.root))
            };
            if let Some(next) = members().find(|it| electorate.goes_first(it.id)).or_else(|| members().next()) {
                (place.leader, place.led) = (next.id, true);
            }
        }
    }

    /// The head to go to, if any.
    fn choose(&mut self, at: At<'_>, turn: &mut Turn) -> Option<(Bid, Leave)> {
        let limit = at.schedule.clock.slot(at.now.plus(DISPARITY_MS))?;
        let mut best: Option<Ranked> = None;
        for voter in at.electorate.deciding() {
            let Some((slot, root)) = self.head_of(voter.id) else { continue };
            if slot > limit || self.place.as_ref().is_some_and(|place| place.root == root) {
                continue;
            }
            let bid = Bid { from: voter.id, slot, root, support: self.support(at.electorate, root) };
            let leave = self.may(bid, at, turn);
            match leave {
                Leave::Forward | Leave::Reorg => {
                    let rank = (bid.support, self.leads(bid.from), bid.slot);
                    if best.is_none_or(|(it, _)| it < rank) {
                        best = Some((rank, (bid, leave)));
                    }
                }
                Leave::Astray if self.astray.insert(bid.from, root) != Some(root) => {
                    turn.astray.push((bid.from, slot, root));
                }
                Leave::Astray | Leave::Stay => {}
            }
        }
        best.map(|(_, it)| it)
    }

    fn may(&mut self, bid: Bid, at: At<'_>, turn: &mut Turn) -> Leave {
        if bid.support.independent < at.electorate.needed() {
            let since = *self.waiting.entry(bid.root).or_insert(at.now);
            if at.now.since(since) < at.schedule.soon_ms() {
                return Leave::Stay;
            }
        }
        let first = at.electorate.goes_first(bid.from);
        let Some(place) = &self.place else { return if first { Leave::Forward } else { Leave::Stay } };
        let holds = self.holds(at.electorate, place.root);
        let more = bid.support > holds;
        let leads = self.leads(bid.from);
        if bid.slot > place.slot {
            match self.blocks.relation(bid.root, place.root, place.slot) {
                Relation::Descends if first || more => Leave::Forward,
                Relation::Descends => Leave::Stay,
                Relation::Unknown(_) if leads && self.said_reorg(place.root, bid.root).is_some() => Leave::Reorg,
                Relation::Unknown(_) if leads => Leave::Forward,
                Relation::Unknown(root) => match self.want(bid.from, root, at.now, turn) {
                    Hope::Ask | Hope::Wait => Leave::Stay,
                    Hope::None if more => Leave::Forward,
                    Hope::None => Leave::Astray,
                },
                Relation::Apart if leads || more => Leave::Reorg,
                Relation::Apart => Leave::Astray,
            }
        } else {
            let more = self.moved_there(bid, place, holds, at) > holds;
            let stood = at.now.since(place.since);
            match self.blocks.relation(place.root, bid.root, bid.slot) {
                Relation::Descends if leads && holds.nodes == 0 => Leave::Reorg,
                Relation::Descends => Leave::Stay,
                _ if leads => Leave::Reorg,
                Relation::Apart if more => Leave::Reorg,
                Relation::Apart => Leave::Astray,
                // Late, or on another branch: a header decides which, and only if the head has a chance.
                Relation::Unknown(root) if more => match self.want(bid.from, root, at.now, turn) {
                    // Nobody who decides is at the view, nor knows what it stands on: a word that has come to nothing.
                    Hope::None if holds.nodes == 0 && stood >= at.schedule.clock.slot_ms => Leave::Reorg,
                    _ => Leave::Stay,
                },
                Relation::Unknown(_) => Leave::Stay,
            }
        }
    }

    /// Tells the reorg. False = not yet.
    fn part(&mut self, bid: Bid, at: At<'_>, turn: &mut Turn) -> bool {
        let Some(place) = &self.place else { return true };
        let (old_slot, old) = (place.slot, place.root);
        let reorg = if let Some(said) = self.said_reorg(old, bid.root) {
            said.clone()
        } else {
            let depth = match self.blocks.fork(old, bid.root) {
                Ok(fork) => old_slot.0.saturating_sub(fork.0),
                Err(root) => {
                    let since = match self.leaving {
                        Some((to, since)) if to == bid.root => since,
                        _ => self.leaving.insert((bid.root, at.now)).1,
                    };
                    let patient = at.now.since(since) < PATIENCE_MS;
                    if patient && self.want(bid.from, root, at.now, turn) != Hope::None {
                        return false;
                    }
                    // The branches part below the lower of the two heads.
                    (old_slot.0 + 1).saturating_sub(bid.slot.0)
                }
            };
            Reorg {
                slot: bid.slot,
                depth: depth.max(1),
                old_head_block: old,
                new_head_block: bid.root,
                old_head_state: self.blocks.state(old).unwrap_or_default(),
                new_head_state: self.blocks.state(bid.root).unwrap_or_default(),
                epoch: at.schedule.clock.epoch(bid.slot),
                execution_optimistic: Some(at.electorate.optimistic()),
            }
        };
        Self::tell_reorg(reorg, turn);
        true
    }

    fn go(&mut self, bid: Bid, now: Moment, turn: &mut Turn) {
        let was = self.place.as_ref().map(|place| (place.slot, place.root));
        let reorg_told = turn.reorgs.last().is_some_and(|reorg| reorg.new_head_block == bid.root);
        self.place = Some(Place {
            slot: bid.slot,
            root: bid.root,
            leader: bid.from,
            led: true,
            since: now,
            was,
            reorg_told,
            told: None,
            v2_told: None,
        });
        self.leaving = None;
        turn.moves.push(Move { was, is: (bid.slot, bid.root), leader: bid.from });
    }

    /// How many stand behind a head.
    fn support(&self, electorate: &Electorate, root: Root) -> Support {
        electorate.support(self.heads.iter().filter(|(_, said)| said.head.block == root).map(|(id, _)| *id))
    }

    /// How many hold the view where it is: those that are there, and those that are a block ahead of it.
    fn holds(&self, electorate: &Electorate, root: Root) -> Support {
        let holds = |said: &Said| said.head.block == root || said.on == Some(root);
        electorate.support(self.heads.iter().filter(|(_, said)| holds(said)).map(|(id, _)| *id))
    }

    /// How many stand behind a head that have moved there, and aren't just late in leaving it.
    fn moved_there(&self, bid: Bid, place: &Place, holds: Support, at: At<'_>) -> Support {
        let settling = if holds.nodes == 0 { at.schedule.soon_ms() } else { at.schedule.clock.slot_ms };
        let late = bid.slot < place.slot || place.was.is_some_and(|(_, was)| was == bid.root);
        let settled = !late || at.now.since(place.since) >= settling;
        let there = self.heads.iter().filter(|(_, said)| said.head.block == bid.root);
        at.electorate.support(there.filter(|(_, said)| settled || said.at > place.since).map(|(id, _)| *id))
    }

    /// The `chain_reorg` between these heads, if a node whose word counts said one.
    pub(super) fn said_reorg(&self, old: Root, new: Root) -> Option<&Reorg> {
        self.reorgs.iter().rev().find(|it| it.old_head_block == old && it.new_head_block == new)
    }

    fn leads(&self, node: NodeId) -> bool {
        self.place.as_ref().is_some_and(|place| place.led && place.leader == node)
    }

    pub(super) fn want(&mut self, from: NodeId, root: Root, now: Moment, turn: &mut Turn) -> Hope {
        let hope = self.reads.want(from, root, now);
        if hope == Hope::Ask {
            turn.reads.push((from, root));
        }
        hope
    }
}
