//! From signals to facts: what each signal changes, and what it makes us ask.
//!
//! Each returns whether others could see a difference, so that the review is spared for the signals that come by the
//! hundred. A failed exchange and a lost feed make us probe at once instead of at the next slot: that is how a dead node
//! is away within its first refused connection and a hung one within one probe.

use std::sync::Arc;

use crate::chain::Moment;
use crate::events::{Head, HeadV2, Reorg, Topic};
use crate::health::{Exchange, Loss, NetworkStanding, Syncing};
use crate::node::{NodeId, Profile, Tier};
use crate::view::{By, Header};

use super::merge::begun;
use super::{Ask, Effects, Fleet, Node, Notice, Signal};

/// A node is probed out of turn no more often than this.
const PROBE_GAP_MS: u64 = 1_000;

impl Fleet {
    /// Takes a signal in. True if the rest of the fleet has to be looked at.
    pub(super) fn learn(&mut self, signal: Signal, raw: Moment, effects: &mut Effects) -> bool {
        let now = self.timepiece.correct(raw);
        match signal {
            Signal::Network(schedule) => {
                self.schedule = Some(schedule);
                true
            }
            Signal::Configured(profiles) => {
                self.configure(profiles);
                self.reckon(effects);
                true
            }
            Signal::Cordoned { node, cordoned } => self.of(node, |it| it.cordoned = cordoned),
            Signal::Syncing { from, said } => self.probed(from, said, now, effects),
            Signal::SyncingFailed { from, loss, reason } => self.lost(from, loss, &reason),
            Signal::Versions { from, consensus, execution } => self.of(from, |it| {
                it.told = (consensus, execution);
                it.name_families();
            }),
            Signal::Compared { from, standing } => {
                if matches!(standing, NetworkStanding::Foreign(_)) {
                    self.view.forget(from);
                }
                let news = self.node(from).is_some_and(|node| *node.health.standing() != standing);
                self.of(from, |it| it.health.compared(standing)) && news
            }
            Signal::Peers { from, connected } => self.of(from, |it| it.health.peers(connected)),
            Signal::FeedConnected(from) => {
                let known = self.of(from, |it| {
                    it.feed = true;
                    it.feeds += 1;
                    it.head_asked = Some(now);
                    it.health.alive();
                });
                effects.asks.extend(known.then_some(Ask::HeadHeader { from }));
                known
            }
            Signal::FeedLost(from) => {
                self.view.forget(from);
                self.probe(from, now, effects);
                self.of(from, |it| {
                    it.feed = false;
                    it.health.feed_lost();
                })
            }
            Signal::Event { from, topic, json } => self.event(from, topic, &json, raw, effects),
            Signal::Header { from, header } => {
                self.view.header(from, header, now);
                true
            }
            Signal::HeaderFailed { from, root } => {
                self.view.header_failed(from, root);
                true
            }
            Signal::HeadHeader { from, header } => self.head_header(from, header, now),
            Signal::Exchanged { from, exchange } => self.exchanged(from, exchange, now, effects),
            Signal::Dated { from, date } => {
                self.timepiece.dated(from, date, raw);
                self.reckon(effects)
            }
            Signal::Finality { from, finalized } => {
                let clock = self.schedule.as_ref().map(|it| it.clock);
                let begun = clock.is_some_and(|clock| begun(finalized.epoch, &clock, now));
                if begun && self.node(from).is_some_and(|node| node.tier < Tier::Foreign) {
                    let alarm = self.merge.finality(from, finalized);
                    effects.notices.extend(alarm);
                }
                false
            }
        }
    }

    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.profile.id == id)
    }

    fn of(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) -> bool {
        self.nodes.iter_mut().find(|node| node.profile.id == id).map(change).is_some()
    }

    fn configure(&mut self, profiles: Vec<Arc<Profile>>) {
        let mut before = std::mem::take(&mut self.nodes);
        for profile in profiles {
            let known = before.iter().position(|node| node.profile.id == profile.id).map(|at| before.swap_remove(at));
            let mut node = known.unwrap_or_else(|| Node::new(Arc::clone(&profile)));
            node.configured = profile;
            node.name_families();
            self.nodes.push(node);
        }
        for gone in before {
            self.view.forget(gone.profile.id);
            self.heights.forget(gone.profile.id);
            self.timepiece.forget(gone.profile.id);
            self.merge.forget(gone.profile.id);
        }
    }

    fn probed(&mut self, from: NodeId, said: Syncing, now: Moment, effects: &mut Effects) -> bool {
        let known = self.of(from, |it| it.health.syncing(said));
        let head = self.view.head_of(from).map(|(slot, _)| slot);
        if known && !said.is_syncing && head.is_none_or(|slot| slot < said.head_slot) {
            // It has a head that no event told of.
            self.of(from, |it| it.head_asked = Some(now));
            effects.asks.push(Ask::HeadHeader { from });
        }
        known
    }

    fn lost(&mut self, from: NodeId, loss: Loss, reason: &str) -> bool {
        if loss == Loss::Refused {
            self.view.forget(from);
        }
        self.of(from, |it| it.health.lost(loss, reason))
    }

    fn exchanged(&mut self, from: NodeId, exchange: Exchange, now: Moment, effects: &mut Effects) -> bool {
        match exchange {
            Exchange::Answered { .. } => {}
            // A hung node loses races and never fails one: asking it is the way to find out.
            Exchange::Faulted | Exchange::Outlasted { .. } => self.probe(from, now, effects),
            Exchange::Refused => {
                self.view.forget(from);
                self.probe(from, now, effects);
            }
        }
        let mut seen = false;
        self.of(from, |it| seen = it.health.exchanged(exchange));
        seen
    }

    fn probe(&mut self, from: NodeId, now: Moment, effects: &mut Effects) {
        let mut ask = false;
        self.of(from, |it| {
            ask = it.probe_asked.is_none_or(|at| now.since(at) >= PROBE_GAP_MS);
            if ask {
                it.probe_asked = Some(now);
            }
        });
        effects.asks.extend(ask.then_some(Ask::Syncing { from }));
    }

    fn head_header(&mut self, from: NodeId, header: Header, now: Moment) -> bool {
        let Some(schedule) = &self.schedule else { return false };
        let Some(feed) = self.node(from).map(|node| node.feed) else { return false };
        let by = By { decides: self.electorate.decides(from), schedule, now };
        let news = self.view.said_by_header(from, header, feed, by);
        self.of(from, |it| {
            if news {
                it.health.head(header.slot, header.optimistic, None);
            } else {
                it.health.alive();
            }
        })
    }

    fn event(&mut self, from: NodeId, topic: Topic, json: &str, raw: Moment, effects: &mut Effects) -> bool {
        if self.schedule.is_none() || self.node(from).is_none() {
            return false;
        }
        let read = match topic {
            Topic::Head => Head::read(json).map(|head| (head, None)),
            Topic::HeadV2 => HeadV2::read(json).map(|v2| (v2.head.clone(), Some(v2))),
            Topic::ChainReorg => {
                let Some(reorg) = Reorg::read(json) else { return unreadable(from, topic, effects) };
                return self.reorg(from, reorg, self.timepiece.correct(raw));
            }
            _ => return self.pass(from, topic, json, self.timepiece.correct(raw), effects),
        };
        let Some((head, v2)) = read else { return unreadable(from, topic, effects) };
        self.head(from, head, v2, raw, effects);
        true
    }

    fn head(&mut self, from: NodeId, head: Head, v2: Option<HeadV2>, raw: Moment, effects: &mut Effects) {
        let Some(schedule) = &self.schedule else { return };
        self.timepiece.head(from, schedule.clock.start(head.slot), raw);
        self.reckon(effects);
        let Some(schedule) = &self.schedule else { return };
        let now = self.timepiece.correct(raw);
        let (slot, optimistic) = (head.slot, head.execution_optimistic);
        // An optimistic word does not count before others had their say on it.
        let decides = self.electorate.decides(from) && (optimistic != Some(true) || self.electorate.optimistic());
        let late = self.view.said(from, head, v2, By { decides, schedule, now });
        self.of(from, |it| it.health.head(slot, optimistic, late));
    }

    fn reorg(&mut self, from: NodeId, reorg: Reorg, now: Moment) -> bool {
        let vetted = reorg.execution_optimistic != Some(true) || self.electorate.optimistic();
        let counts = self.electorate.decides(from) && vetted;
        if counts {
            self.view.reorged(reorg, now);
        }
        counts
    }

    /// Counts our clock's error afresh.
    fn reckon(&mut self, effects: &mut Effects) -> bool {
        let own = self.nodes.iter().filter(|node| node.counts_as_own()).map(|node| node.profile.id).collect();
        let changed = self.timepiece.reckon(&own);
        if changed {
            let offset_ms = self.timepiece.offset_ms();
            let notice = if offset_ms == 0 { Notice::ClockRight } else { Notice::ClockOff { offset_ms } };
            effects.notices.push(notice);
        }
        changed
    }
}

pub(super) fn unreadable(from: NodeId, topic: Topic, effects: &mut Effects) -> bool {
    effects.notices.push(Notice::Unreadable { from, topic });
    false
}
