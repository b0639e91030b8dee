//! One simulated node: a real HTTP server on loopback that speaks the Beacon API in its family's manner.
//!
//! A node owns its faults, its memory and its log; the chain it looks at is shared. What it answers follows from three
//! things only: the view it has now, what it remembers, and its manner. Its log keeps what it received, so that a test
//! can judge a proxy by what nodes got and not by what the proxy says it sent.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::digest::draw;
use crate::fault::Fault;
use crate::fork::{Fork, Schedule};
use crate::ground::{Ground, Sight, View};
use crate::locked;
use crate::manner::{Consensus, Execution, Manner};

mod attest;
mod damage;
mod duty;
mod events;
mod listen;
mod log;
mod pool;
mod propose;
mod publish;
mod reply;
mod route;
mod serve;
mod standing;
mod state;
mod status;

pub use log::Received;
pub use standing::Standing;

/// What a node is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its name, unique in the world.
    pub name: String,
    /// Its consensus family.
    pub consensus: Consensus,
    /// Its execution family.
    pub execution: Execution,
    /// Its port; 0 = any free one.
    pub port: u16,
    /// Its fork schedule, if it differs from the network's.
    pub schedule: Option<Schedule>,
    /// Whether it has a relay, so that it builds blinded blocks for registered validators and can unblind any.
    pub relay: bool,
    /// Bytes of transactions in the blocks it makes.
    pub transactions: usize,
    /// How many validators its whole-registry answer lists beyond those that exist; each is about 0.5 KiB.
    pub registry_padding: u64,
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    /// What it is.
    pub spec: NodeSpec,
    /// How it answers.
    pub(crate) manner: &'static Manner,
    home: Arc<Ground>,
    foreign: Arc<Ground>,
    address: SocketAddr,
    faults: watch::Sender<Vec<Active>>,
    memory: Mutex<Standing>,
    log: Mutex<log::Log>,
    hub: events::Hub,
    tasks: Mutex<JoinSet<()>>,
}

/// A fault that holds, with the slot where it began; for one that stops the head, the head's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Active {
    pub(crate) fault: Fault,
    pub(crate) since: u64,
}

impl NodeSpec {
    /// A node of these families, with nothing special.
    #[must_use]
    pub fn new(name: &str, consensus: Consensus, execution: Execution) -> Self {
        Self {
            name: name.into(),
            consensus,
            execution,
            port: 0,
            schedule: None,
            relay: false,
            transactions: 0,
            registry_padding: 0,
        }
    }
}

impl Node {
    /// Starts a node, inside a runtime, on the chain of `home`; `foreign` is what it serves while it is on a wrong network.
    ///
    /// # Errors
    ///
    /// When its port cannot be bound.
    pub fn start(spec: NodeSpec, home: Arc<Ground>, foreign: Arc<Ground>) -> io::Result<Arc<Self>> {
        let door = listen::Door::open(SocketAddr::from(([127, 0, 0, 1], spec.port)))?;
        let node = Arc::new(Self {
            manner: spec.consensus.manner(),
            spec,
            home,
            foreign,
            address: door.address(),
            faults: watch::channel(Vec::new()).0,
            memory: Mutex::default(),
            log: Mutex::default(),
            hub: events::Hub::default(),
            tasks: Mutex::default(),
        });
        let mut tasks = locked(&node.tasks);
        tasks.spawn(listen::keep(Arc::clone(&node), door));
        tasks.spawn(events::pump(Arc::clone(&node)));
        drop(tasks);
        Ok(node)
    }

    /// Where it answers, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a fault hold from now on, in place of one of the same kind.
    pub fn fault(&self, fault: Fault) {
        let now = self.home.clock.slot();
        let since = if fault == Fault::Frozen { self.view().head.slot } else { now };
        if fault == Fault::Restart {
            *locked(&self.memory) = Standing::default();
        }
        if let Fault::Fork(branch) = fault {
            self.home.chain(|chain| chain.branch_off(branch, now + 1));
        }
        self.faults.send_modify(|faults| {
            faults.retain(|active| !active.fault.same_kind(&fault));
            faults.push(Active { fault, since });
        });
    }

    /// Ends every fault.
    pub fn heal(&self) {
        self.faults.send_modify(Vec::clear);
    }

    /// Ends the faults of one kind.
    pub fn heal_kind(&self, kind: &Fault) {
        self.faults.send_modify(|faults| faults.retain(|active| !active.fault.same_kind(kind)));
    }

    /// The faults that hold.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.faults.borrow().iter().map(|active| active.fault.clone()).collect()
    }

    /// What it received so far, oldest first, as far as the log reaches back.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        locked(&self.log).all()
    }

    /// How many requests it received since it was started, also those the log has dropped.
    #[must_use]
    pub fn received_count(&self) -> u64 {
        locked(&self.log).count()
    }

    /// What it was told and has not forgotten.
    #[must_use]
    pub fn standing(&self) -> Standing {
        locked(&self.memory).clone()
    }

    /// Stops it: the listener and every connection close.
    pub fn stop(&self) {
        locked(&self.tasks).abort_all();
    }

    fn find<T>(&self, pick: impl Fn(&Active) -> Option<T>) -> Option<T> {
        self.faults.borrow().iter().find_map(pick)
    }

    pub(crate) fn has(&self, fault: &Fault) -> bool {
        self.find(|active| active.fault.same_kind(fault).then_some(())).is_some()
    }

    /// The network it serves.
    pub(crate) fn ground(&self) -> &Arc<Ground> {
        if self.has(&Fault::WrongNetwork) { &self.foreign } else { &self.home }
    }

    /// The forks it knows of.
    pub(crate) fn schedule(&self) -> Schedule {
        let network = self.ground().schedule;
        if self.has(&Fault::OldSpec) { network.without_last() } else { self.spec.schedule.unwrap_or(network) }
    }

    /// The fork in force at a slot, as far as it knows.
    pub(crate) fn fork(&self, slot: u64) -> Fork {
        self.schedule().at(self.ground().preset.epoch(slot))
    }

    /// The slot by its own clock.
    pub(crate) fn clock_slot(&self) -> u64 {
        let skew = self.find(|active| match active.fault {
            Fault::ClockSkew(ms) => Some(ms),
            _ => None,
        });
        let clock = &self.ground().clock;
        clock.now_ms().saturating_add_signed(skew.unwrap_or(0)) / clock.slot_ms
    }

    /// How it looks at the chain now.
    fn sight(&self) -> Sight {
        let ground = self.ground();
        let lag = self.find(|active| match active.fault {
            Fault::Lag(slots) | Fault::Syncing(slots) => Some(slots),
            _ => None,
        });
        let branch = self.find(|active| match active.fault {
            Fault::Fork(branch) => Some(branch),
            _ => None,
        });
        let frozen = self.find(|active| (active.fault == Fault::Frozen).then_some(active.since));
        // An unknown fork is where a node's chain ends, whatever it thinks of the blocks after it.
        let unknown_fork = self.schedule().parts_from(&ground.schedule);
        let unknown_fork = unknown_fork.map(|epoch| ground.preset.start(epoch).saturating_sub(1));
        let stopped_at = [frozen, unknown_fork].into_iter().flatten().min();
        let slot = ground.clock.slot();
        // Up to 3 % of a slot for a block to come through the network, another for every block.
        let delay = draw(ground.seed, &self.spec.name, &[slot]) % 300;
        Sight {
            delay_ms: ground.clock.part_ms(delay),
            lag: lag.unwrap_or(0),
            stopped_at,
            branch,
            name: self.spec.name.clone(),
        }
    }

    /// What it sees now.
    pub(crate) fn view(&self) -> View {
        self.ground().view(&self.sight())
    }

    /// Slots between its clock and its head as it reports them, and whether it calls that syncing.
    ///
    /// The distance is to its clock, as the API wants it; but it calls itself syncing only when its peers are ahead,
    /// so that a network without blocks does not look like one that everybody has yet to catch up with.
    pub(crate) fn sync_state(&self, view: &View) -> (u64, bool) {
        if self.has(&Fault::Frozen) {
            return (0, false);
        }
        let best = self.ground().view(&Sight::default()).head.slot;
        let behind = best.saturating_sub(view.head.slot);
        let distance = self.clock_slot().saturating_sub(view.head.slot);
        (distance, self.has(&Fault::Syncing(0)) || behind > self.manner.sync_tolerance)
    }

    pub(crate) fn memory<T>(&self, look: impl FnOnce(&mut Standing) -> T) -> T {
        look(&mut locked(&self.memory))
    }
}

#[cfg(test)]
mod tests;
