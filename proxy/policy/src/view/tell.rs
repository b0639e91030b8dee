//! Telling the view's head: what is said to subscribers, and when.
//!
//! A head is told once, with the words of the deciding nodes that say it. If none of them has told its dependent roots
//! yet (the head came from a header, after a feed was lost), they are derived from blocks that are known, if need be
//! after a read of a header; until that works the view has moved and nothing is told, because a VC would recompute its
//! duties from roots that nobody gave. A later event of the same head fills the gap.
//!
//! `head_v2` follows the same rules. It is told a second time only when the payload arrives (empty, then full), never the
//! other way round: nodes that have not seen the payload yet are just late.

use std::sync::Arc;

use crate::chain::{Moment, Root};
use crate::events::{Head, HeadV2, PayloadStatus, Reorg, Topic};
use crate::node::NodeId;

use super::{Electorate, Said, Schedule, Support, Turn, View};

impl View {
    pub(super) fn tell_reorg(reorg: Reorg, turn: &mut Turn) {
        turn.events.push((Topic::ChainReorg, reorg.write().into()));
        turn.reorgs.push(reorg);
    }

    /// Tells whatever is there to tell of the head that the view is at.
    pub(super) fn tell(&mut self, electorate: &Electorate, schedule: &Schedule, now: Moment, turn: &mut Turn) {
        let Some(place) = &self.place else { return };
        let head = match &place.told {
            Some(told) => told.clone(),
            None => {
                let Some(head) = self.whole(electorate, schedule, now, turn) else { return };
                push(turn, Topic::Head, head.write());
                self.told = Some(head.slot);
                head
            }
        };
        let full = self.place.as_ref().is_some_and(|place| place.v2_told == Some(PayloadStatus::Full));
        let v2 = if full { None } else { self.v2(electorate, schedule, &head) };
        let Some(place) = &mut self.place else { return };
        if let Some(v2) = v2
            && place.v2_told.is_none_or(|_| v2.payload_status == PayloadStatus::Full)
        {
            place.v2_told = Some(v2.payload_status);
            push(turn, Topic::HeadV2, v2.write());
        }
        if place.told.is_none() {
            place.told = Some(head.clone());
        }
        self.tell_late_reorg(turn);
        self.note_differences(electorate, &head, turn);
    }

    /// The head with all that a VC wants to know of it; `None` as long as its dependent roots are not known.
    fn whole(&mut self, electorate: &Electorate, schedule: &Schedule, now: Moment, turn: &mut Turn) -> Option<Head> {
        let root = self.place.as_ref()?.root;
        let (from, said) = self.sayers(electorate, root).next()?;
        let head = said.head.clone();
        let (previous, current) = match self.agreed_duties(electorate, root) {
            Some(duties) => duties,
            None => match self.blocks.duties(root, &schedule.clock) {
                Ok(duties) => duties,
                Err(missing) => {
                    self.want(from, missing?, now, turn);
                    return None;
                }
            },
        };
        let head = Head {
            previous_duty_dependent_root: Some(previous),
            current_duty_dependent_root: Some(current),
            execution_optimistic: Some(electorate.optimistic()),
            ..head
        };
        Some(head.after(self.told, &schedule.clock))
    }

    /// The leader's own `chain_reorg` that came only after its head.
    fn tell_late_reorg(&mut self, turn: &mut Turn) {
        let Some(place) = self.place.as_ref().filter(|place| !place.reorg_told) else { return };
        let Some(said) = place.was.and_then(|(_, was)| self.said_reorg(was, place.root)).cloned() else { return };
        Self::tell_reorg(said, turn);
        if let Some(place) = &mut self.place {
            place.reorg_told = true;
        }
    }

    /// The dependent roots with most nodes behind them. Deciding nodes only have a say, others confirm.
    fn agreed_duties(&self, electorate: &Electorate, root: Root) -> Option<(Root, Root)> {
        let given: Vec<(NodeId, (Root, Root))> =
            electorate.counting().filter_map(|it| Some((it.id, duties(&self.saying(it.id, root)?.head)?))).collect();
        let mut best: Option<(Support, (Root, Root))> = None;
        for (_, duties) in &given {
            let support = electorate.support(given.iter().filter(|(_, other)| other == duties).map(|(id, _)| *id));
            if support > best.map_or(Support::default(), |(support, _)| support) {
                best = Some((support, *duties));
            }
        }
        best.map(|(_, duties)| duties)
    }

    fn note_differences(&mut self, electorate: &Electorate, told: &Head, turn: &mut Turn) {
        for voter in electorate.counting() {
            let given = self.saying(voter.id, told.block).and_then(|said| duties(&said.head));
            let differs = given.is_some() && given != duties(told);
            if differs && self.differ.insert(voter.id, told.block) != Some(told.block) {
                turn.differ.push((voter.id, told.slot, told.block));
            }
        }
    }

    /// The head with its payload status: as a deciding node says it, else translated where the fork allows it.
    fn v2(&self, electorate: &Electorate, schedule: &Schedule, head: &Head) -> Option<HeadV2> {
        let said: Vec<&(String, PayloadStatus)> =
            self.sayers(electorate, head.block).filter_map(|(_, said)| said.v2.as_ref()).collect();
        let best = said.iter().find(|(_, status)| *status == PayloadStatus::Full).or(said.first());
        match best {
            Some((version, status)) => {
                Some(HeadV2 { version: version.clone(), payload_status: *status, head: head.clone() })
            }
            None => head.to_v2(schedule.fork_at(head.slot)),
        }
    }

    /// The deciding nodes that say this head, its leader first.
    fn sayers<'a>(&'a self, electorate: &'a Electorate, root: Root) -> impl Iterator<Item = (NodeId, &'a Said)> {
        let leader = self.place.as_ref().map(|place| place.leader);
        let all = move || electorate.deciding().filter_map(move |it| Some((it.id, self.saying(it.id, root)?)));
        all().filter(move |(id, _)| Some(*id) == leader).chain(all().filter(move |(id, _)| Some(*id) != leader))
    }

    fn saying(&self, node: NodeId, root: Root) -> Option<&Said> {
        self.heads.get(&node).filter(|said| said.head.block == root)
    }
}

/// The roots that the duties of a head's epoch and of the next depend on.
pub(super) fn duties(head: &Head) -> Option<(Root, Root)> {
    head.previous_duty_dependent_root.zip(head.current_duty_dependent_root)
}

fn push(turn: &mut Turn, topic: Topic, json: Option<String>) {
    if let Some(json) = json {
        turn.events.push((topic, Arc::from(json)));
    }
}
