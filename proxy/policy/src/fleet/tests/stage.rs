//! A stage for short stories: nodes, a few blocks with one-letter names, and words in a line of text.
//!
//! The blocks: `a` at slot 100, on it `b` (101), `c` (102), `d` (103), `e` (105, after an empty slot); beside `b` stands
//! `x` (101, on `a`), with `y` (102) on it; and a branch that left before `a`: `A` (100), `B` (101), `C` (102). `f` (112)
//! stands on `e` and comes from the future: it is slot 106.
//!
//! The words: `0b` node 0 says b; `0b?` it says so optimistically; `0>x` it says `chain_reorg` from where it was to x, then
//! x; `0^b` it answers a header read of its head with b; `-0` it refuses connections, `+0` it is back and synced; `~` a
//! twelfth of a slot passes; `=` a slot passes. A word takes ten milliseconds. What was told comes back in the same letters: `b`, `>x x` for a reorg and
//! its head, `b?` for an optimistic head.

use std::sync::Arc;

use crate::chain::{Moment, Root, Slot};
use crate::events::{Head, Reorg, Topic};
use crate::fleet::{Ask, Effects, Fleet, Notice, Signal};
use crate::health::{Exchange, NetworkStanding, Syncing};
use crate::node::{NodeId, Profile};
use crate::view::Header;

use super::world::{CLOCK, schedule};

/// Letter, slot, and the letter it stands on.
const BLOCKS: [(char, u64, char); 12] = [
    ('z', 99, '_'),
    ('a', 100, 'z'),
    ('b', 101, 'a'),
    ('c', 102, 'b'),
    ('d', 103, 'c'),
    ('e', 105, 'd'),
    ('f', 112, 'e'),
    ('x', 101, 'a'),
    ('y', 102, 'x'),
    ('A', 100, 'z'),
    ('B', 101, 'A'),
    ('C', 102, 'B'),
];

pub(super) struct Stage {
    pub fleet: Fleet,
    pub now: Moment,
    pub told: Vec<String>,
    pub others: Vec<(Topic, String)>,
    pub notices: Vec<Notice>,
    heads: Vec<char>,
    asks: Vec<Ask>,
}

pub(super) fn root(letter: char) -> Root {
    Root([letter as u8; 32])
}

fn letter(root: Root) -> char {
    char::from(root.0[0])
}

fn block(letter: char) -> (Slot, Root) {
    let (_, slot, on) = BLOCKS.iter().find(|(it, ..)| *it == letter).expect("the block is on the stage");
    (Slot(*slot), root(*on))
}

impl Stage {
    /// All nodes ready in slot 106; none has said a head.
    pub(super) fn new(profiles: Vec<Profile>) -> Self {
        let ids: Vec<NodeId> = profiles.iter().map(|profile| profile.id).collect();
        let mut it = Self {
            fleet: Fleet::new(),
            now: CLOCK.start(Slot(106)),
            told: Vec::new(),
            others: Vec::new(),
            notices: Vec::new(),
            heads: vec!['z'; ids.len()],
            asks: Vec::new(),
        };
        it.observe(Signal::Network(schedule()));
        it.observe(Signal::Configured(profiles.into_iter().map(Arc::new).collect()));
        for from in ids {
            it.observe(Signal::Compared { from, standing: NetworkStanding::Same });
            it.synced(from);
            it.observe(Signal::FeedConnected(from));
        }
        it
    }

    fn synced(&mut self, from: NodeId) {
        let no = Some(false);
        let said =
            Syncing { head_slot: Slot(99), sync_distance: 0, is_syncing: false, is_optimistic: no, el_offline: no };
        self.observe(Signal::Syncing { from, said });
    }

    pub(super) fn observe(&mut self, signal: Signal) {
        let effects = self.fleet.observe(signal, self.now);
        self.follow(effects);
    }

    /// Plays a line, and gives what was told during it.
    pub(super) fn play(&mut self, words: &str) -> String {
        let before = self.told.len();
        for word in words.split_whitespace() {
            self.now = self.now.plus(10);
            self.word(word);
            self.answer_reads();
        }
        self.told[before..].join(" ")
    }

    fn word(&mut self, word: &str) {
        let letters: Vec<char> = word.chars().collect();
        let node = |at: usize| NodeId(letters[at].to_digit(10).expect("a node's number") as u16);
        match letters[..] {
            ['~'] => self.pass(CLOCK.slot_ms / 12),
            ['='] => self.pass(CLOCK.slot_ms),
            ['-', _] => self.observe(Signal::Exchanged { from: node(1), exchange: Exchange::Refused }),
            ['+', _] => {
                self.synced(node(1));
                self.observe(Signal::FeedConnected(node(1)));
            }
            [_, '^', it] => {
                self.heads[usize::from(node(0).0)] = it;
                self.observe(Signal::HeadHeader { from: node(0), header: header(it) });
            }
            [_, '>', it] => {
                let old = self.heads[usize::from(node(0).0)];
                self.observe(event(node(0), Topic::ChainReorg, reorg(old, it).write()));
                self.head(node(0), it, false);
            }
            [_, it] => self.head(node(0), it, false),
            [_, it, '?'] => self.head(node(0), it, true),
            _ => unreachable!("no such word: {word}"),
        }
    }

    fn head(&mut self, from: NodeId, it: char, optimistic: bool) {
        self.heads[usize::from(from.0)] = it;
        let head = Head { execution_optimistic: Some(optimistic), ..head(it) };
        self.observe(event(from, Topic::Head, head.write().expect("its roots are set")));
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
        let effects = self.fleet.tick(self.now);
        self.follow(effects);
    }

    fn follow(&mut self, effects: Effects) {
        for (topic, json) in effects.events {
            match topic {
                Topic::Head => {
                    let head = Head::read(&json).expect("it was written by us");
                    let doubt = if head.execution_optimistic == Some(true) { "?" } else { "" };
                    self.told.push(format!("{}{doubt}", letter(head.block)));
                }
                Topic::ChainReorg => {
                    let reorg = Reorg::read(&json).expect("it was written by us");
                    self.told.push(format!(">{}", letter(reorg.new_head_block)));
                }
                _ => self.others.push((topic, json.to_string())),
            }
        }
        self.asks.extend(effects.asks);
        self.notices.extend(effects.notices);
    }

    /// Header reads by root are answered truly and at once; others not at all.
    fn answer_reads(&mut self) {
        while let Some(ask) = self.asks.pop() {
            if let Ask::Header { from, root } = ask {
                self.observe(match letter(root) {
                    '_' => Signal::HeaderFailed { from, root },
                    it => Signal::Header { from, header: header(it) },
                });
            }
        }
    }

    /// The view's head, leader and members.
    pub(super) fn view(&self) -> Option<(char, u16, Vec<u16>)> {
        let snapshot = self.fleet.snapshot();
        let view = snapshot.view.as_ref()?;
        Some((letter(view.root), view.leader.0, view.members.iter().map(|id| id.0).collect()))
    }
}

pub(super) fn event(from: NodeId, topic: Topic, json: String) -> Signal {
    Signal::Event { from, topic, json }
}

/// The event of a block. All blocks of the stage have the same duties but those of epoch 13, which begins with slot 104.
pub(super) fn head(it: char) -> Head {
    let (slot, _) = block(it);
    let next = slot >= Slot(104);
    Head {
        slot,
        block: root(it),
        state: root(it),
        epoch_transition: false,
        previous_duty_dependent_root: Some(root(if next { '2' } else { '1' })),
        current_duty_dependent_root: Some(root(if next { 'd' } else { '2' })),
        execution_optimistic: Some(false),
    }
}

pub(super) fn header(it: char) -> Header {
    let (slot, parent) = block(it);
    Header { root: root(it), slot, parent, state: root(it), optimistic: Some(false) }
}

pub(super) fn reorg(old: char, new: char) -> Reorg {
    let (slot, _) = block(new);
    Reorg {
        slot,
        depth: 7,
        old_head_block: root(old),
        new_head_block: root(new),
        old_head_state: root(old),
        new_head_state: root(new),
        epoch: CLOCK.epoch(slot),
        execution_optimistic: Some(false),
    }
}
