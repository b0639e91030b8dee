//! A world of a few nodes on one chain, in virtual time.
//!
//! The chain grows by a block in most slots, sometimes with a reorg. Every node imports blocks after its own delay and
//! tells what a beacon node would: events on its feed, answers to probes and header reads. A [`Fault`] bends that. The
//! world delivers it all to a [`Fleet`] as signals and keeps what the fleet told; it never looks inside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chain::{Checkpoint, Clock, Epoch, Moment, Root, Slot};
use crate::events::{Head, Reorg, Topic};
use crate::family::{ConsensusFamily, ExecutionFamily};
use crate::fleet::{Ask, Effects, Fleet, Notice, Signal};
use crate::health::{Exchange, Loss, NetworkStanding, Syncing};
use crate::node::{NodeId, Participation, Profile, Trust};
use crate::view::{Header, Schedule};

pub(super) const CLOCK: Clock = Clock { genesis: Moment(10_000_000), slot_ms: 12_000, slots_per_epoch: 8 };

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    Good,
    /// Its program is gone.
    Dead,
    /// It is stopped: connections stand, nothing comes.
    Hung,
    /// It imports every block three slots late.
    Lagging,
    /// Its execution client does not verify.
    Optimistic,
    /// Its execution client is gone; it says it is synced.
    Frozen,
    /// As frozen, but it admits it.
    ElOffline,
    /// It follows another branch.
    Fork,
    /// Its feed is down, it is well.
    Deaf,
    /// It makes heads up.
    Liar,
    /// It has the chain of another network.
    Foreign,
}

/// One node of the world.
#[derive(Clone, Debug)]
pub(super) struct Sim {
    pub profile: Profile,
    pub fault: Fault,
    pub was: Fault,
    /// The slot in which its fault last changed.
    pub since: Slot,
    pub head: Root,
    pub feed: bool,
    /// It does not know the fork of this epoch.
    pub lacks: Option<Epoch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub slot: Slot,
    pub parent: Root,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Slot,
    Import(usize, Root, Slot),
    Probe(usize),
    Feed(usize),
    Answer(Ask),
    Tick,
}

/// An event that the fleet told, and when.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub at: Moment,
    pub topic: Topic,
    pub json: Arc<str>,
}

pub(super) struct World {
    pub fleet: Fleet,
    pub now: Moment,
    pub rng: Rng,
    pub nodes: Vec<Sim>,
    pub blocks: BTreeMap<Root, Block>,
    pub head: Root,
    pub told: Vec<Told>,
    pub notices: Vec<Notice>,
    /// Roots that own nodes said with a verified head, in events or headers.
    pub own_said: BTreeSet<Root>,
    /// Shares of a hundred slots that have no block, and whose block leaves the last one behind.
    pub empty: u64,
    pub reorgs: u64,
    /// How much later than the first a node may have a block, in most slots.
    pub spread_ms: u64,
    /// Our clock, beside the world's.
    pub clock_error_ms: i64,
    /// The slot of the last block that left another behind.
    pub reorged: Slot,
    fork: Root,
    queue: BTreeMap<(Moment, u64), Step>,
    steps: u64,
}

/// SplitMix64: small, good enough, and the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Rng(pub u64);

impl Rng {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % bound
    }

    pub(super) fn root(&mut self) -> Root {
        let mut root = Root::default();
        root.0[..8].copy_from_slice(&self.below(u64::MAX).to_le_bytes());
        root
    }

    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

pub(super) fn schedule() -> Schedule {
    Schedule { clock: CLOCK, forks: vec![(Epoch(0), "electra".into()), (Epoch(1_000), "fulu".into())] }
}

pub(super) fn profile(id: u16, trust: Trust, family: ConsensusFamily) -> Profile {
    Profile {
        id: NodeId(id),
        name: format!("node{id}").into(),
        trust,
        participation: Participation::Full,
        operator: (trust == Trust::Friend).then(|| format!("operator{id}").into()),
        consensus: family,
        execution: ExecutionFamily::Geth,
    }
}

impl World {
    /// A world at the start of slot 20, with these nodes, all well, and the network known.
    pub(super) fn new(seed: u64, profiles: Vec<Profile>) -> Self {
        let start = Slot(20);
        let (genesis, head) = (Root([1; 32]), Root([2; 32]));
        let blocks = [
            (genesis, Block { slot: Slot(0), parent: Root::default() }),
            (head, Block { slot: start.back(1), parent: genesis }),
        ];
        let nodes: Vec<Sim> = profiles
            .into_iter()
            .map(|profile| Sim {
                profile,
                fault: Fault::Good,
                was: Fault::Good,
                since: Slot(0),
                head,
                feed: false,
                lacks: None,
            })
            .collect();
        let mut world = Self {
            fleet: Fleet::new(),
            now: CLOCK.start(start),
            rng: Rng(seed),
            blocks: blocks.into(),
            head,
            fork: head,
            nodes,
            told: Vec::new(),
            notices: Vec::new(),
            own_said: BTreeSet::new(),
            empty: 10,
            reorgs: 5,
            spread_ms: 2_500,
            clock_error_ms: 0,
            reorged: Slot(0),
            queue: BTreeMap::new(),
            steps: 0,
        };
        world.at(1, Step::Slot);
        world.at(2, Step::Tick);
        for node in 0..world.nodes.len() {
            world.at(3, Step::Probe(node));
            world.at(5, Step::Feed(node));
        }
        world
    }

    /// Tells the fleet of the network and of the nodes as they are configured.
    pub(super) fn configure(&mut self) {
        self.signal(Signal::Network(schedule()));
        let profiles = self.nodes.iter().map(|node| Arc::new(node.profile.clone())).collect();
        self.signal(Signal::Configured(profiles));
    }

    fn at(&mut self, in_ms: u64, step: Step) {
        self.steps += 1;
        self.queue.insert((self.now.plus(in_ms), self.steps), step);
    }

    pub(super) fn slot(&self) -> Slot {
        CLOCK.slot(self.now).expect("the world begins after genesis")
    }

    /// Lets the world run to a moment of a slot.
    pub(super) fn run_to(&mut self, slot: u64, ms: u64) {
        let end = CLOCK.start(Slot(slot)).plus(ms).max(self.now);
        while let Some((&(at, _), _)) = self.queue.first_key_value()
            && at <= end
        {
            let ((at, _), step) = self.queue.pop_first().expect("it was just seen");
            self.now = at;
            self.step(step);
        }
        self.now = end;
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        let effects = self.fleet.observe(signal, self.our_now());
        self.effects(effects);
    }

    pub(super) fn our_now(&self) -> Moment {
        Moment(self.now.0.saturating_add_signed(self.clock_error_ms))
    }

    fn effects(&mut self, effects: Effects) {
        let at = self.now;
        self.told.extend(effects.events.into_iter().map(|(topic, json)| Told { at, topic, json }));
        self.notices.extend(effects.notices);
        for ask in effects.asks {
            let in_ms = 2 + self.rng.below(60);
            self.at(in_ms, Step::Answer(ask));
        }
    }

    pub(super) fn set(&mut self, node: usize, fault: Fault) {
        let was = std::mem::replace(&mut self.nodes[node].fault, fault);
        self.nodes[node].was = was;
        self.nodes[node].since = self.slot();
        let id = self.nodes[node].profile.id;
        if matches!(fault, Fault::Dead | Fault::Deaf) && self.nodes[node].feed {
            self.nodes[node].feed = false;
            self.signal(Signal::FeedLost(id));
        }
        if fault == Fault::Dead {
            // The VC asks something all the time.
            self.signal(Signal::Exchanged { from: id, exchange: Exchange::Refused });
        }
        if matches!(was, Fault::Dead | Fault::Deaf) || fault == Fault::Foreign {
            let in_ms = 100 + self.rng.below(3_000);
            self.at(in_ms, Step::Feed(node));
        }
        if was == Fault::Dead {
            self.nodes[node].head = self.head;
        }
        if fault == Fault::Fork && !self.nodes.iter().any(|it| it.fault == Fault::Fork && it.profile.id != id) {
            self.fork = self.blocks[&self.head].parent;
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Slot => self.begin_slot(),
            Step::Tick => {
                let effects = self.fleet.tick(self.our_now());
                self.effects(effects);
                self.at(1_000, Step::Tick);
            }
            Step::Probe(node) => {
                self.probe(node);
                let in_ms = CLOCK.slot_ms - 100 + self.rng.below(200);
                self.at(in_ms, Step::Probe(node));
            }
            Step::Feed(node) => {
                let sim = &mut self.nodes[node];
                if !sim.feed && !matches!(sim.fault, Fault::Dead | Fault::Deaf | Fault::Hung) {
                    sim.feed = true;
                    let id = sim.profile.id;
                    self.signal(Signal::FeedConnected(id));
                }
            }
            // What was on its way when the node changed is lost.
            Step::Import(node, _, from) if from < self.nodes[node].since => {}
            Step::Import(node, root, _) => self.import(node, root),
            Step::Answer(ask) => self.answer(ask),
        }
    }

    fn begin_slot(&mut self) {
        let slot = self.slot();
        self.at(CLOCK.slot_ms, Step::Slot);
        let root = self.rng.root();
        if !self.rng.percent(self.empty) {
            let parent = self.blocks[&self.head].parent;
            let leave = self.rng.percent(self.reorgs) && self.blocks[&self.head].slot == slot.back(1);
            if leave {
                self.reorged = slot;
            }
            let parent = if leave { parent } else { self.head };
            self.blocks.insert(root, Block { slot, parent });
            self.head = root;
        }
        if self.rng.percent(60) {
            let other = self.rng.root();
            self.blocks.insert(other, Block { slot, parent: self.fork });
            self.fork = other;
        }
        for node in 0..self.nodes.len() {
            let usual = 200 + self.rng.below(self.spread_ms);
            let in_ms = if self.rng.percent(4) { usual + 2_500 } else { usual };
            match self.nodes[node].fault {
                Fault::Fork => self.at(in_ms, Step::Import(node, self.fork, slot)),
                Fault::Lagging => self.at(in_ms + 3 * CLOCK.slot_ms, Step::Import(node, self.head, slot)),
                Fault::Liar => self.lie(node, slot),
                _ => self.at(in_ms, Step::Import(node, self.head, slot)),
            }
        }
    }

    /// The node has the block: it takes it as head, and tells so.
    fn import(&mut self, node: usize, root: Root) {
        let sim = &self.nodes[node];
        let old = sim.head;
        if old == root || matches!(sim.fault, Fault::Dead | Fault::Hung | Fault::Frozen | Fault::ElOffline) {
            return;
        }
        // A node on the way back from another branch, or up from far behind.
        if sim.fault != Fault::Fork
            && sim.fault != Fault::Lagging
            && self.blocks[&root].slot < self.blocks[&self.head].slot
        {
            return;
        }
        self.nodes[node].head = root;
        let sim = &self.nodes[node];
        if !sim.feed {
            return;
        }
        let (id, optimistic) = (sim.profile.id, sim.fault == Fault::Optimistic);
        let head = self.head_event(root, optimistic);
        let json = head.write().expect("the world knows its dependent roots");
        let mut events = vec![(Topic::Head, json)];
        if !self.descends(root, old) {
            let reorg = Reorg {
                slot: head.slot,
                depth: 1,
                old_head_block: old,
                new_head_block: root,
                old_head_state: old,
                new_head_state: root,
                epoch: CLOCK.epoch(head.slot),
                execution_optimistic: Some(optimistic),
            };
            let first = self.rng.below(2) as usize;
            events.insert(first, (Topic::ChainReorg, reorg.write()));
        }
        self.note_own(node, root);
        for (topic, json) in events {
            self.signal(Signal::Event { from: id, topic, json });
        }
        if self.rng.percent(50) {
            let ms = 5 + self.rng.below(90);
            self.signal(Signal::Exchanged { from: id, exchange: Exchange::Answered { ms } });
        }
    }

    fn note_own(&mut self, node: usize, root: Root) {
        if self.nodes[node].profile.trust == Trust::Own && self.nodes[node].fault != Fault::Optimistic {
            self.own_said.insert(root);
        }
    }

    /// A head that does not exist: at this slot, far ahead, or with another's name.
    fn lie(&mut self, node: usize, slot: Slot) {
        let id = self.nodes[node].profile.id;
        for _ in 0..1 + self.rng.below(3) {
            let far = if self.rng.percent(30) { 1 + self.rng.below(100) } else { 0 };
            let mut head = self.head_event(self.head, false);
            head.slot = Slot(slot.0 + far);
            head.block = self.rng.root();
            if self.rng.percent(50) {
                head.current_duty_dependent_root = Some(self.rng.root());
            }
            self.nodes[node].head = head.block;
            let json = head.write().expect("roots are set");
            self.signal(Signal::Event { from: id, topic: Topic::Head, json });
        }
        let finalized = Checkpoint { epoch: CLOCK.epoch(slot), root: self.rng.root() };
        self.signal(Signal::Finality { from: id, finalized });
    }

    fn probe(&mut self, node: usize) {
        let sim = &self.nodes[node];
        let from = sim.profile.id;
        let standing = match (sim.fault, sim.lacks) {
            (Fault::Foreign, _) => NetworkStanding::Foreign(vec!["genesis_validators_root".into()]),
            (_, Some(epoch)) => NetworkStanding::Lacks { change: "fork fulu".into(), epoch, also: Vec::new() },
            (_, None) => NetworkStanding::Same,
        };
        let failed = |loss| Signal::SyncingFailed { from, loss, reason: "the probe failed".into() };
        match sim.fault {
            Fault::Dead => self.signal(failed(Loss::Refused)),
            Fault::Hung => self.signal(failed(Loss::Silent)),
            fault => {
                let slot = self.slot();
                let head_slot = self.blocks.get(&sim.head).map_or(slot, |block| block.slot);
                let is_optimistic = Some(fault == Fault::Optimistic);
                let el_offline = Some(fault == Fault::ElOffline);
                let said = Syncing { head_slot, sync_distance: 0, is_syncing: false, is_optimistic, el_offline };
                let date = Moment(self.now.0 / 1_000 * 1_000);
                self.signal(Signal::Dated { from, date });
                self.signal(Signal::Compared { from, standing });
                self.signal(Signal::Syncing { from, said });
            }
        }
    }

    fn answer(&mut self, ask: Ask) {
        let (Ask::Header { from, .. } | Ask::HeadHeader { from } | Ask::Syncing { from }) = ask;
        let Some(node) = self.nodes.iter().position(|node| node.profile.id == from) else { return };
        if let Ask::Syncing { .. } = ask {
            return self.probe(node);
        }
        let sim = self.nodes[node].clone();
        if matches!(sim.fault, Fault::Dead | Fault::Hung) {
            if let Ask::Header { root, .. } = ask {
                self.signal(Signal::HeaderFailed { from, root });
            }
            return;
        }
        let root = if let Ask::Header { root, .. } = ask { root } else { sim.head };
        let optimistic = Some(sim.fault == Fault::Optimistic);
        let known = self.blocks.get(&root).copied();
        let block = match (known, sim.fault) {
            // It says that what it made up stands on our head.
            (None, Fault::Liar) => Some(Block { slot: self.slot(), parent: self.head }),
            (known, _) => known,
        };
        match (ask, block) {
            (Ask::Header { .. }, Some(Block { slot, parent })) => {
                let header = Header { root, slot, parent, state: root, optimistic };
                self.signal(Signal::Header { from, header });
            }
            (Ask::Header { .. }, None) => self.signal(Signal::HeaderFailed { from, root }),
            (_, Some(Block { slot, parent })) => {
                self.note_own(node, root);
                self.signal(Signal::HeadHeader {
                    from,
                    header: Header { root, slot, parent, state: root, optimistic },
                });
            }
            (_, None) => {}
        }
    }

    pub(super) fn descends(&self, mut high: Root, low: Root) -> bool {
        while high != low {
            match self.blocks.get(&high) {
                Some(block) => high = block.parent,
                None => return false,
            }
        }
        true
    }

    /// The event that an honest node sends for this block.
    pub(super) fn head_event(&self, root: Root, optimistic: bool) -> Head {
        let slot = self.blocks[&root].slot;
        let epoch = CLOCK.epoch(slot);
        let before = |first: u64| {
            let mut at = root;
            while self.blocks[&at].slot.0 >= first && self.blocks[&at].slot.0 > 0 {
                at = self.blocks[&at].parent;
            }
            at
        };
        Head {
            slot,
            block: root,
            state: root,
            epoch_transition: self.rng.0.is_multiple_of(2),
            previous_duty_dependent_root: Some(before(epoch.0.saturating_sub(1) * CLOCK.slots_per_epoch)),
            current_duty_dependent_root: Some(before(epoch.0 * CLOCK.slots_per_epoch)),
            execution_optimistic: Some(optimistic),
        }
    }
}
