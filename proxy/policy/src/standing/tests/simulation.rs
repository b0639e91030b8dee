//! Nodes that forget and a validator client that talks, over many seeds, judged by an oracle that knows neither marks
//! nor numbers: it keeps what the validator client said last and what each node's own memory holds.
//!
//! Each way in which a node forgets shows in one sign only, so that a register that overlooks a sign is found out. What
//! is on its way to a node that restarts is lost. The oracle is itself tested: [`planted`] distorts what goes into the
//! register or comes out of it, one way at a time, and each way must be caught.
//!
//! `RANGELIGHT_SEED=n` runs one seed alone; a failure names it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::catalogue::Method;
use crate::standing::replay::BATCH;

mod planted;

/// How often the server looks.
const TICK_MS: u64 = 250;
const SLOTS: u64 = 160;
const SEEDS: u64 = 40;
const VALIDATORS: u64 = 12;
/// A replay is on its way for so many ticks at most.
const TRAVEL: u64 = 3;

/// What is judged wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A node that was ready for a slot lacks what the validator client said.
    Lacks { node: u16, kind: Kind },
    /// A replay told something else than the last word.
    Stale(Kind),
    /// A subscription whose duty is over.
    Over,
    /// A node that is not to be told.
    Unwanted,
    /// Two requests to one node, or one that is too large.
    Unbounded,
    /// More requests than there were reasons for.
    Floods { told: u64, reasons: u64 },
}

/// The register, or one with a fault in it.
pub(super) trait Told {
    fn remember(&mut self, said: &Submission<'_>, now: Moment) -> Span;
    fn see(&mut self, sights: &[Sight<'_>], now: Moment);
    fn due(&mut self, now: Moment) -> Vec<Replay>;
    fn ended(&mut self, replay: &Replay, how: Replayed, now: Moment);
    fn took(&mut self, node: NodeId, span: Span);
}

impl Told for Register {
    fn remember(&mut self, said: &Submission<'_>, now: Moment) -> Span {
        Self::remember(self, said, Some(CLOCK), now)
    }
    fn see(&mut self, sights: &[Sight<'_>], now: Moment) {
        Self::see(self, sights, Some(&CLOCK), now);
    }
    fn due(&mut self, now: Moment) -> Vec<Replay> {
        Self::due(self, now)
    }
    fn ended(&mut self, replay: &Replay, how: Replayed, now: Moment) {
        Self::ended(self, replay, how, now);
    }
    fn took(&mut self, node: NodeId, span: Span) {
        Self::took(self, node, span);
    }
}

/// Numbers from a seed (splitmix64).
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % bound
    }

    fn once_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// Validator to recipient, key to timestamp, slot and validator.
type Words = (BTreeMap<u64, String>, BTreeMap<String, u64>, BTreeSet<(u64, u64)>);

struct Node {
    id: NodeId,
    tier: Tier,
    wanted: bool,
    feeds: u64,
    version: u64,
    head: u64,
    fails: bool,
    /// Changes when it restarts; what is on its way to an earlier one is lost.
    process: u64,
    memory: Words,
    /// Since when it could have been told everything.
    able: Moment,
    back_at: u64,
}

/// On its way.
enum Letter {
    Replay(Replay),
    /// From the validator client itself.
    Said(Span),
}

struct Post {
    arrives: u64,
    node: NodeId,
    process: u64,
    items: Vec<Value>,
    kind: Kind,
    letter: Letter,
}

struct World<'a> {
    register: &'a mut dyn Told,
    draw: Draw,
    tick: u64,
    now: Moment,
    nodes: Vec<Node>,
    post: Vec<Post>,
    /// What the validator client said last.
    words: Words,
    /// When it last said something new.
    spoke: [Moment; 3],
    told: u64,
    reasons: u64,
}

fn place(kind: Kind) -> usize {
    match kind {
        Kind::Preparations => 0,
        Kind::Registrations => 1,
        _ => 2,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn numeral(value: &Value) -> u64 {
    text(value).parse().unwrap_or_default()
}

/// Takes items in as a node does, or the validator client's own notebook. An older registration counts for nothing there.
fn learn(words: &mut Words, kind: Kind, items: &[Value]) -> bool {
    let before = words.clone();
    for item in items {
        match kind {
            Kind::Preparations => {
                words.0.insert(numeral(&item["validator_index"]), text(&item["fee_recipient"]).to_owned());
            }
            Kind::Registrations => {
                let message = &item["message"];
                let known = words.1.entry(text(&message["pubkey"]).to_owned()).or_default();
                *known = (*known).max(numeral(&message["timestamp"]));
            }
            _ => _ = words.2.insert((numeral(&item["slot"]), numeral(&item["validator_index"]))),
        }
    }
    *words != before
}

impl World<'_> {
    fn play(&mut self) -> Result<(), Wrong> {
        for tick in 0..SLOTS * CLOCK.slot_ms / TICK_MS {
            (self.tick, self.now) = (tick, NOW.plus(tick * TICK_MS));
            self.happen();
            self.speak();
            self.deliver();
            self.look();
            let due = self.register.due(self.now);
            due.into_iter().try_for_each(|replay| self.send(replay))?;
            self.judge()?;
        }
        // Five kinds, each once per reason, and what fails on the way.
        let (told, reasons) = (self.told, 4 * self.reasons);
        if told > reasons { Err(Wrong::Floods { told, reasons }) } else { Ok(()) }
    }

    fn slot(&self) -> u64 {
        self.now.0 / CLOCK.slot_ms
    }

    /// What befalls the nodes.
    fn happen(&mut self) {
        let (tick, now, slot) = (self.tick, self.now, self.slot());
        let (draw, reasons) = (&mut self.draw, &mut self.reasons);
        for node in &mut self.nodes {
            node.head = node.head.max(slot);
            if node.back_at == tick && (node.tier != Tier::Ready || node.fails) {
                (node.tier, node.fails, node.able) = (Tier::Ready, false, now);
                *reasons += 1;
            }
            if node.back_at > tick || !draw.once_in(90) {
                continue;
            }
            *reasons += 1;
            let mut restarts = true;
            match draw.below(8) {
                0 => node.feeds += 1,
                1 => node.version += 1,
                2 => node.head -= 20,
                3 => {
                    node.tier = Tier::Away;
                    node.back_at = tick + 1 + draw.below(60);
                }
                4 => {
                    // No restart, but nobody can know: it is told everything as after one.
                    (node.feeds, restarts) = (node.feeds + 1, false);
                    node.able = now;
                }
                5 => {
                    // It is behind and takes nothing for a while.
                    (node.tier, node.fails, restarts) = (Tier::Behind, true, false);
                    node.back_at = tick + 1 + draw.below(60);
                }
                6 => {
                    (node.wanted, restarts) = (!node.wanted, false);
                    node.able = now;
                }
                _ => {
                    (node.tier, restarts) = (Tier::Syncing, false);
                    node.back_at = tick + 1 + draw.below(60);
                }
            }
            if restarts {
                node.process += 1;
                node.memory = Words::default();
                node.able = now;
            }
        }
    }

    /// What the validator client says: everything once an epoch, changes now and then.
    fn speak(&mut self) {
        let slot = self.slot();
        let starts = self.now.0.is_multiple_of(CLOCK.slot_ms);
        let epoch = starts && slot.is_multiple_of(CLOCK.slots_per_epoch);
        if epoch || self.draw.once_in(200) {
            let items: Vec<_> = (0..VALIDATORS)
                .filter(|_| epoch || self.draw.once_in(4))
                .collect::<Vec<_>>()
                .into_iter()
                .map(|validator| {
                    let changed = u8::try_from(1 + self.draw.below(6)).expect("it is small");
                    let known = self.words.0.get(&validator).cloned();
                    let fresh = preparation(validator, changed);
                    known
                        .filter(|_| epoch)
                        .map_or(fresh, |to| format!(r#"{{"validator_index":"{validator}","fee_recipient":"{to}"}}"#))
                })
                .collect();
            self.say(Kind::Preparations, &items);
        }
        if epoch || self.draw.once_in(150) {
            // Sometimes an older one comes late.
            let base = 1 + self.tick / 8;
            let items: Vec<_> =
                (0..6).map(|key| registration(key, base.saturating_sub(self.draw.below(30)).max(1))).collect();
            self.say(Kind::Registrations, &items);
        }
        if starts {
            let ahead = 1 + self.draw.below(8);
            let items = [committee(slot + ahead, self.draw.below(VALIDATORS))];
            self.say(Kind::CommitteeSubscriptions, &items);
        }
    }

    fn say(&mut self, kind: Kind, items: &[String]) {
        if items.is_empty() {
            return;
        }
        let body = list(items);
        let read: Vec<Value> = serde_json::from_slice(&body).expect("it is JSON");
        if learn(&mut self.words, kind, &read) {
            self.spoke[place(kind)] = self.now;
            self.reasons += 1;
        }
        let span = self.register.remember(&said(kind, &body), self.now);
        for node in &self.nodes {
            if !node.wanted || node.tier == Tier::Away || node.fails || self.draw.once_in(5) {
                continue;
            }
            // The validator client's own words come in the order in which it says them.
            let earlier =
                self.post.iter().filter(|post| post.node == node.id && matches!(post.letter, Letter::Said(_)));
            let after = earlier.map(|post| post.arrives).max().unwrap_or_default();
            let arrives = after.max(self.tick + self.draw.below(TRAVEL));
            let letter = Letter::Said(span);
            let (items, process) = (read.clone(), node.process);
            self.post.push(Post { arrives, node: node.id, process, items, kind, letter });
        }
    }

    fn deliver(&mut self) {
        let tick = self.tick;
        for post in self.post.extract_if(.., |post| post.arrives <= tick) {
            let node = self.nodes.iter_mut().find(|node| node.id == post.node).expect("nodes stay");
            let taken = node.process == post.process && node.tier != Tier::Away && !node.fails;
            if taken {
                learn(&mut node.memory, post.kind, &post.items);
            }
            match post.letter {
                Letter::Replay(replay) => {
                    let how = if taken { Replayed::Taken } else { Replayed::Unanswered };
                    self.reasons += u64::from(!taken);
                    self.register.ended(&replay, how, self.now);
                }
                Letter::Said(span) if taken => self.register.took(post.node, span),
                Letter::Said(_) => {}
            }
        }
    }

    fn look(&mut self) {
        let versions: Vec<String> = self.nodes.iter().map(|node| format!("client/{}", node.version)).collect();
        let sights = self.nodes.iter().zip(&versions).map(|(node, version)| Sight {
            node: node.id,
            trust: Trust::Own,
            tier: node.tier,
            wanted: node.wanted,
            feeds: node.feeds,
            version: Some(version),
            head: Some(Slot(node.head)),
        });
        let sights: Vec<_> = sights.collect();
        self.register.see(&sights, self.now);
    }

    /// Sends a replay on its way, and judges what is in it.
    fn send(&mut self, replay: Replay) -> Result<(), Wrong> {
        self.told += 1;
        let node = self.nodes.iter().find(|node| node.id == replay.node).expect("nodes stay");
        if !node.wanted || node.tier == Tier::Away {
            return Err(Wrong::Unwanted);
        }
        let under_way = |post: &Post| post.node == replay.node && matches!(post.letter, Letter::Replay(_));
        let items: Vec<Value> = serde_json::from_slice(&replay.body).map_err(|_| Wrong::Stale(replay.kind))?;
        if self.post.iter().any(under_way) || items.len() > BATCH || items.len() != replay.items {
            return Err(Wrong::Unbounded);
        }
        assert_eq!(replay.kind.row().method, Method::Post);
        let over = |item: &Value| numeral(&item["slot"]) + 1 < self.slot();
        if replay.kind == Kind::CommitteeSubscriptions && items.iter().any(over) {
            return Err(Wrong::Over);
        }
        let mut words = Words::default();
        learn(&mut words, replay.kind, &items);
        let last = words.0.iter().all(|(validator, to)| self.words.0.get(validator) == Some(to))
            && words.1.iter().all(|(key, timestamp)| self.words.1.get(key) == Some(timestamp))
            && words.2.is_subset(&self.words.2);
        if !last {
            return Err(Wrong::Stale(replay.kind));
        }
        let arrives = self.tick + 1 + self.draw.below(TRAVEL);
        let (node, process, kind) = (replay.node, node.process, replay.kind);
        self.post.push(Post { arrives, node, process, items, kind, letter: Letter::Replay(replay) });
        Ok(())
    }

    /// Every node that was ready for a slot, undisturbed, has the last word.
    fn judge(&self) -> Result<(), Wrong> {
        let slot = self.slot();
        for node in self.nodes.iter().filter(|node| node.wanted && node.tier == Tier::Ready && !node.fails) {
            let rested = |kind: Kind| self.now.since(node.able.max(self.spoke[place(kind)])) > CLOCK.slot_ms;
            let lacks = |kind| Err(Wrong::Lacks { node: node.id.0, kind });
            if rested(Kind::Preparations) && self.words.0 != node.memory.0 {
                return lacks(Kind::Preparations);
            }
            if rested(Kind::Registrations) && self.words.1 != node.memory.1 {
                return lacks(Kind::Registrations);
            }
            let wanted = self.words.2.iter().filter(|(duty, _)| *duty > slot);
            if rested(Kind::CommitteeSubscriptions) && !wanted.clone().all(|duty| node.memory.2.contains(duty)) {
                return lacks(Kind::CommitteeSubscriptions);
            }
        }
        Ok(())
    }
}

/// Plays one seed.
pub(super) fn play(seed: u64, register: &mut dyn Told) -> Result<(), Wrong> {
    let mut draw = Draw(seed);
    let node = |id| Node {
        id: NodeId(id),
        tier: Tier::Ready,
        wanted: true,
        feeds: 1,
        version: 1,
        head: NOW.0 / CLOCK.slot_ms,
        fails: false,
        process: 0,
        memory: Words::default(),
        able: NOW,
        back_at: 0,
    };
    let nodes = (0..1 + u16::try_from(draw.below(4)).expect("it is small")).map(node).collect::<Vec<_>>();
    let epochs = SLOTS / CLOCK.slots_per_epoch + 1;
    let reasons = nodes.len() as u64 * epochs;
    let (words, spoke) = (Words::default(), [NOW; 3]);
    let post = Vec::new();
    World { register, draw, tick: 0, now: NOW, nodes, post, words, spoke, told: 0, reasons }.play()
}

#[test]
fn every_ready_node_has_the_last_word_within_a_slot() {
    let seeds = match std::env::var("RANGELIGHT_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("RANGELIGHT_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..SEEDS,
    };
    for seed in seeds {
        if let Err(wrong) = play(seed, &mut Register::default()) {
            panic!("RANGELIGHT_SEED={seed} replays this: {wrong:?}");
        }
    }
}
