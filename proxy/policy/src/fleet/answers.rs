//! Answers that must not flap: health, syncing, peer count (rows G5, G6, G9).
//!
//! Some VCs stop their runner at one `206` and go back to the start; others drop a node that has `is_syncing` for a
//! second. So these answers are made from what the fleet knows, are good as long as one node that may be read is ready,
//! and are held for a slot or two after that. After the hold they tell the truth: a VC that has a second URL must get to
//! use it.

use crate::chain::{Moment, Slot};
use crate::health::Syncing;
use crate::node::{Participation, Tier};

use super::{Fleet, Node, USUAL_SLOT_MS};

/// How long `200` is held after the last ready node was lost.
const HEALTH_HOLD_SLOTS: u64 = 2;
/// How long "synced" is held.
const SYNCING_HOLD_SLOTS: u64 = 1;

/// The last good answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    ready: Option<(Moment, Option<Slot>)>,
    peers: Option<u64>,
}

impl Fleet {
    /// The status of `GET /eth/v1/node/health`: 200 ready, 206 syncing, 503 neither.
    #[must_use]
    pub fn health_status(&self, now: Moment) -> u16 {
        let readable = || self.nodes.iter().filter(|node| node.readable());
        if readable().any(|node| node.tier == Tier::Ready) || self.held_for(HEALTH_HOLD_SLOTS, now) {
            200
        } else if readable().any(|node| node.tier < Tier::Away) {
            206
        } else {
            503
        }
    }

    /// The answer of `GET /eth/v1/node/syncing`, all five fields known; `None` if no node has said anything yet.
    #[must_use]
    pub fn syncing(&self, now: Moment) -> Option<Syncing> {
        let clock = self.schedule.as_ref().map(|it| it.clock);
        let slot = clock.and_then(|clock| clock.slot(self.timepiece.correct(now)));
        let answer = |head: Option<Slot>, said: Option<Syncing>| {
            let head = head.unwrap_or_default();
            let head_slot = slot.map_or(head, |slot| head.min(slot));
            let distance = said.map_or(0, |said| said.sync_distance);
            Syncing {
                head_slot,
                sync_distance: slot.map_or(distance, |slot| slot.0 - head_slot.0),
                is_syncing: said.is_some_and(|said| said.is_syncing),
                is_optimistic: Some(said.is_some_and(|said| said.is_optimistic == Some(true))),
                el_offline: Some(said.is_some_and(|said| said.el_offline == Some(true))),
            }
        };
        if let Some(head) = self.ready_head() {
            return Some(answer(head, None));
        }
        if self.held_for(SYNCING_HOLD_SLOTS, now) {
            return Some(answer(self.held.ready.and_then(|(_, head)| head), None));
        }
        let best = self.nodes.iter().filter(|node| node.readable() && node.health.said().is_some());
        let best = best.min_by_key(|node| (node.tier, node.profile.trust))?;
        Some(answer(best.health.slot(), best.health.said()))
    }

    /// `connected` of `GET /eth/v1/node/peer_count`: the most that a ready node has, else the last number known; `None`
    /// before the first.
    #[must_use]
    pub fn peer_count(&self) -> Option<u64> {
        self.ready_peers().or(self.held.peers)
    }

    /// Keeps the good answers of now for when there are none.
    pub(super) fn hold(&mut self, now: Moment) {
        if let Some(head) = self.ready_head() {
            self.held.ready = Some((now, head));
        }
        self.held.peers = self.ready_peers().or(self.held.peers);
    }

    fn held_for(&self, slots: u64, now: Moment) -> bool {
        let slot_ms = self.schedule.as_ref().map_or(USUAL_SLOT_MS, |it| it.clock.slot_ms);
        let now = self.timepiece.correct(now);
        self.held.ready.is_some_and(|(at, _)| now.since(at) < slots * slot_ms)
    }

    /// The highest head of ready nodes, of own ones if there are any; the outer `None` = nobody is ready.
    fn ready_head(&self) -> Option<Option<Slot>> {
        let ready = || self.nodes.iter().filter(|node| node.readable() && node.tier == Tier::Ready);
        let trust = ready().map(|node| node.profile.trust).min()?;
        Some(ready().filter(|node| node.profile.trust == trust).filter_map(|node| node.health.slot()).max())
    }

    fn ready_peers(&self) -> Option<u64> {
        let ready = self.nodes.iter().filter(|node| node.readable() && node.tier == Tier::Ready);
        ready.filter_map(|node| node.health.connected()).max()
    }
}

impl Node {
    pub(super) fn readable(&self) -> bool {
        self.profile.participation != Participation::PublishOnly && self.tier != Tier::Foreign
    }
}
