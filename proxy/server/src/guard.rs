//! The guard: nothing that contradicts what already went out goes out.
//!
//! It stands before the broadcast and sees every slashable message of an own caller, whichever of his programs sent it:
//! two validator clients with the same keys meet here and nowhere else. Deciding and recording are one act. Under one
//! lock a message is judged against the history and becomes part of it, so of two at the same time the second is refused
//! though the first is not yet durable. Then it waits for the commit that contains it ([`writer`]), and only then is it
//! sent. A message that is known already waits too, if its first commit is still on its way.
//!
//! | state | guarded messages |
//! |---|---|
//! | on | judged; sent when durable |
//! | commits fail, or one has hung for [`HUNG`] | judged from memory, which is complete, for at most one epoch, with an alarm; then 503 |
//! | the store could not be read at the start, or is of another network | 503, until a person decides ([`place`]) |
//! | `store = "off"` | sent unjudged |
//!
//! Why an epoch: the danger that is accepted is a crash within it, after which a message that went out is unknown; a
//! validator client's own protection still knows it. For ever would be no guard, and not at all would cost every duty of
//! a home whose disk is full at night.
//!
//! Peers: their messages are looked at and leave nothing behind, so they cannot fill it, move it, or make it sync.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rangelight_policy::chain::{Epoch, Root};
use rangelight_policy::duty::Alarm;
use rangelight_policy::sentinel::{LastSigner, Sentinel, Sighting};
use rangelight_policy::signed::SyncMessage;
use rangelight_policy::slashing::{Decision, History, Record, Window};

use crate::config::GuardStore;
use crate::observe::Meters;
use crate::state::State;

use place::MemoryPlace;
use redb::Redb;
use store::{Changes, Store};
use writer::{News, Progress, Writer};

pub mod place;
pub mod redb;
pub mod store;
pub mod writer;

#[cfg(test)]
pub(crate) mod tests;

/// A commit that has not returned for so long counts as failed: duties have no more time.
pub const HUNG: Duration = Duration::from_secs(2);

/// Alarms of one request: a thousand keys at a second client say the same thing a thousand times.
const ALARMS: usize = 4;

/// One message that wants to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What it is.
    pub record: Record,
    /// Its signing root, where it could be computed.
    pub root: Option<Root>,
    /// The head that a vote names.
    pub head: Option<Root>,
}

/// When and where messages want to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// What the clock allows.
    pub window: Window,
    /// The network's genesis validators root.
    pub network: Root,
}

/// Why nothing can be decided; every message ends in a cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// The store could not be read.
    #[error(
        "the slashing guard's store cannot be used ({0}); bring it back from a backup, or if you are sure that exactly \
         one validator client has these keys: stop Rangelight, run `rangelight guard reset --yes-i-have-one-vc`, start it"
    )]
    Unusable(String),
    /// The records are of another network.
    #[error(
        "the slashing guard's records are of the network {kept} and the nodes are of {asked}; give this Rangelight a \
         `state` folder of its own, or if that network is gone: stop Rangelight, run `rangelight guard reset \
         --yes-i-have-one-vc`, start it"
    )]
    OtherNetwork {
        /// The records'.
        kept: Root,
        /// The nodes'.
        asked: Root,
    },
    /// Records have not become durable for an epoch.
    #[error(
        "the slashing guard has not been able to write its records for an epoch ({0}); free the disk or repair it, and \
         send this again"
    )]
    Undurable(String),
}

/// How the guard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Not in force.
    Off,
    /// Judges, records, and everything is durable.
    On,
    /// Judges from memory; why.
    FromMemory(String),
    /// Refuses; why.
    Refuses(String),
}

/// The guard.
pub struct Guard {
    at: At,
    meters: Arc<Meters>,
}

enum At {
    Off,
    Unusable(String),
    On(On),
}

struct On {
    ledger: Mutex<Ledger>,
    writer: Writer,
    /// The commit that was last said to hang.
    hung: Mutex<Option<Instant>>,
    sentinel: Mutex<Sentinel>,
}

/// What decides, under one lock.
#[derive(Default)]
struct Ledger {
    history: History,
    network: Option<Root>,
    pruned: Option<Epoch>,
}

/// What a waiting message may do now.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wait {
    /// It is durable.
    Over,
    /// It goes out although it is not durable; why.
    FromMemory(String),
    /// It must not go out; why.
    Refused(String),
    /// Look again when something changes, at the latest then.
    Until(Instant),
}

// === impl Guard ===

impl Guard {
    /// Opens the guard. Never fails: what is wrong is told to those whose messages are refused. Blocks while it reads.
    ///
    /// Without a state folder nothing survives this process.
    #[must_use]
    pub fn open(wanted: &GuardStore, state: Option<&State>, meters: &Arc<Meters>) -> Self {
        let at = match wanted {
            GuardStore::Off => Ok(At::Off),
            GuardStore::Redb(name) => opened(state, name).and_then(|store| On::start(store, meters)).map(At::On),
        };
        let at = at.unwrap_or_else(|why| {
            let message = Undecided::Unusable(why.clone()).to_string();
            meters.alarm(&Alarm { sort: "guard_unusable", message });
            At::Unusable(why)
        });
        Self { at, meters: Arc::clone(meters) }
    }

    /// A guard over this store.
    ///
    /// # Errors
    ///
    /// Why the store cannot be used.
    pub fn over(store: Box<dyn Store>, meters: &Arc<Meters>) -> Result<Self, String> {
        Ok(Self { at: At::On(On::start(store, meters)?), meters: Arc::clone(meters) })
    }

    /// Whether messages are judged at all.
    #[must_use]
    pub fn in_force(&self) -> bool {
        !matches!(self.at, At::Off)
    }

    /// Judges the messages of one request of an own caller and records those that may go, in their order, as one act.
    /// When this returns, each that may go out is durable, or the guard works from memory.
    ///
    /// # Errors
    ///
    /// If none of them may go, whatever it is.
    pub async fn decide_and_record(
        &self,
        caller: &Arc<str>,
        messages: &[Asked],
        scene: &Scene,
    ) -> Result<Vec<Decision>, Undecided> {
        let on = self.on()?;
        let (decisions, number) = on.decide(messages, scene)?;
        for alarm in on.saw(caller, messages, &decisions, scene).iter().take(ALARMS) {
            self.meters.alarm(alarm);
        }
        if decisions.iter().any(|decision| !matches!(decision, Decision::Refused(_))) {
            self.durable(on, number, epoch(scene)).await?;
        }
        Ok(decisions)
    }

    /// Whether a peer's message may go out: it must not be of a validator that an own caller serves, unless the very same
    /// went out already. Leaves nothing behind.
    ///
    /// # Errors
    ///
    /// If nothing can be decided.
    pub fn peers_may(&self, messages: &[Asked]) -> Result<Vec<bool>, Undecided> {
        if !self.in_force() {
            return Ok(vec![true; messages.len()]);
        }
        let ledger = self.on()?.ledger();
        let may = |asked: &Asked| {
            let ours = ledger.history.records_of(asked.record.validator).next().is_some();
            !ours || ledger.history.judge(&asked.record, asked.root, None) == Decision::Known
        };
        Ok(messages.iter().map(may).collect())
    }

    /// Looks at sync committee messages of an own caller: they cannot be slashed, but two for one slot are a sign.
    pub fn saw_sync(&self, caller: &Arc<str>, messages: &[SyncMessage], window: &Window) {
        let At::On(on) = &self.at else { return };
        let mut sentinel = on.sentinel();
        let alarms = messages.iter().filter_map(|message| sentinel.saw_sync(caller, message, window));
        alarms.take(ALARMS).for_each(|alarm| self.meters.alarm(&alarm));
    }

    /// Who published for whom last, since the start.
    #[must_use]
    pub fn last_signers(&self) -> Vec<LastSigner> {
        match &self.at {
            At::On(on) => on.sentinel().last_signers().collect(),
            At::Off | At::Unusable(_) => Vec::new(),
        }
    }

    /// How the guard is.
    #[must_use]
    pub fn condition(&self) -> Condition {
        match &self.at {
            At::Off => Condition::Off,
            At::Unusable(why) => Condition::Refuses(why.clone()),
            At::On(on) => on.condition(),
        }
    }

    /// How many validators anything is known of.
    #[must_use]
    pub fn validators(&self) -> usize {
        match &self.at {
            At::On(on) => on.ledger().history.validators(),
            At::Off | At::Unusable(_) => 0,
        }
    }

    /// Makes what is queued durable and lets the store go. Afterwards nothing can be decided.
    pub async fn close(self: &Arc<Self>) {
        let guard = Arc::clone(self);
        // It ends when the disk lets it; a drain bounds its patience by itself.
        let _ = tokio::task::spawn_blocking(move || {
            if let At::On(on) = &guard.at {
                on.writer.close();
            }
        })
        .await;
    }

    fn on(&self) -> Result<&On, Undecided> {
        match &self.at {
            At::On(on) => Ok(on),
            At::Unusable(why) => Err(Undecided::Unusable(why.clone())),
            At::Off => Err(Undecided::Unusable("it is off".to_owned())),
        }
    }

    /// Waits until everything up to this number is durable, or may go out all the same.
    async fn durable(&self, on: &On, number: u64, epoch: Duration) -> Result<(), Undecided> {
        let mut progress = on.writer.progress();
        let begun = Instant::now();
        loop {
            let wait = wait(&progress.borrow_and_update(), number, epoch, begun, Instant::now());
            match wait {
                Wait::Over => return Ok(()),
                Wait::FromMemory(why) => {
                    on.say_once(&self.meters, progress.borrow().committing, &why);
                    return Ok(());
                }
                Wait::Refused(why) => return Err(Undecided::Undurable(why)),
                Wait::Until(then) => {
                    if let Ok(Err(_)) = tokio::time::timeout_at(then.into(), progress.changed()).await {
                        return Err(Undecided::Undurable("its writer has ended by a bug".to_owned()));
                    }
                }
            }
        }
    }
}

fn epoch(scene: &Scene) -> Duration {
    Duration::from_millis(scene.window.clock.slot_ms.saturating_mul(scene.window.clock.slots_per_epoch))
}

fn opened(state: Option<&State>, name: &std::path::Path) -> Result<Box<dyn Store>, String> {
    Ok(match state {
        Some(state) => Box::new(place::open(state, &state.path(name))?),
        None => Box::new(Redb::create(MemoryPlace).map_err(|fault| fault.to_string())?),
    })
}

/// What a message with this number may do now; it has waited since `begun`.
fn wait(progress: &Progress, number: u64, epoch: Duration, begun: Instant, now: Instant) -> Wait {
    if progress.durable >= number {
        return Wait::Over;
    }
    if progress.ended {
        return Wait::Refused("Rangelight is about to stop".to_owned());
    }
    let hung = progress.committing.filter(|since| now.duration_since(*since) >= HUNG);
    let trouble = match (&progress.failing, hung) {
        (Some((since, fault)), _) if hung.is_some() || progress.tried >= number => Some((*since, fault.to_string())),
        (_, Some(since)) => Some((since, "the disk does not answer".to_owned())),
        _ => None,
    };
    match trouble {
        Some((since, why)) if now.duration_since(since) < epoch => Wait::FromMemory(why),
        Some((_, why)) => Wait::Refused(why),
        // The commit that runs and the next one, which has this message, may each take their time.
        None => Wait::Until(progress.committing.unwrap_or(begun.max(now)) + HUNG),
    }
}

// === impl On ===

impl On {
    fn start(mut store: Box<dyn Store>, meters: &Arc<Meters>) -> Result<Self, String> {
        let mut ledger = Ledger::default();
        let kept = store.load(&mut |record| ledger.history.insert(record)).map_err(|fault| fault.to_string())?;
        ledger.network = kept.network;
        let meters = Arc::clone(meters);
        let writer =
            Writer::start(store, move |news| meters.alarm(&alarm(&news))).map_err(|cause| cause.to_string())?;
        Ok(Self { ledger: Mutex::new(ledger), writer, hung: Mutex::default(), sentinel: Mutex::default() })
    }

    /// Judges and inserts; the number that the insertions become durable with.
    fn decide(&self, messages: &[Asked], scene: &Scene) -> Result<(Vec<Decision>, u64), Undecided> {
        let mut ledger = self.ledger();
        let mut changes = Changes::default();
        match ledger.network {
            Some(kept) if kept != scene.network => {
                return Err(Undecided::OtherNetwork { kept, asked: scene.network });
            }
            Some(_) => {}
            None => (ledger.network, changes.network) = (Some(scene.network), Some(scene.network)),
        }
        let mut decisions = Vec::with_capacity(messages.len());
        for asked in messages {
            let decision = ledger.history.judge(&asked.record, asked.root, Some(&scene.window));
            if decision == Decision::New {
                ledger.history.insert(asked.record);
                changes.insert.push(asked.record);
            }
            decisions.push(decision);
        }
        let number = self.writer.queue(changes);
        if ledger.pruned != Some(scene.window.epoch()) {
            ledger.pruned = Some(scene.window.epoch());
            let pruned = ledger.history.prune(&scene.window);
            self.writer.queue(Changes { insert: pruned.marks, remove: pruned.gone, ..Changes::default() });
        }
        Ok((decisions, number))
    }

    /// What the sentinel has to say of these.
    fn saw(&self, caller: &Arc<str>, messages: &[Asked], decisions: &[Decision], scene: &Scene) -> Vec<Alarm> {
        let mut sentinel = self.sentinel();
        let seen = messages.iter().zip(decisions);
        let sightings = seen.map(|(asked, decision)| Sighting {
            caller,
            record: asked.record,
            head: asked.head,
            decision: *decision,
        });
        sightings.filter_map(|sighting| sentinel.saw(&sighting, &scene.window)).collect()
    }

    fn condition(&self) -> Condition {
        let progress = self.writer.progress();
        let progress = progress.borrow();
        let hung = progress.committing.is_some_and(|since| since.elapsed() >= HUNG);
        match &progress.failing {
            _ if progress.ended => Condition::Refuses("it is closed".to_owned()),
            Some((_, fault)) => Condition::FromMemory(fault.to_string()),
            None if hung => Condition::FromMemory("the disk does not answer".to_owned()),
            None => Condition::On,
        }
    }

    /// A commit that hangs cannot raise its alarm by itself.
    fn say_once(&self, meters: &Meters, commit: Option<Instant>, why: &str) {
        let mut said = self.hung.lock().unwrap_or_else(PoisonError::into_inner);
        if commit.is_some() && *said != commit {
            *said = commit;
            meters.alarm(&Alarm {
                sort: "guard_from_memory",
                message: format!(
                    "the slashing guard decides from memory, for one epoch at most: {why}; look at the disk"
                ),
            });
        }
    }

    /// It only remembers; half a memory raises an alarm too many or too few.
    fn sentinel(&self) -> MutexGuard<'_, Sentinel> {
        self.sentinel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judging and inserting move whole values; whoever panicked between has left the history stricter at most.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn alarm(news: &News) -> Alarm {
    match news {
        News::Slow(took) => Alarm {
            sort: "guard_slow",
            message: format!("recording a signed message took {took:?}, and duties wait for it; look at the disk"),
        },
        News::Failed(fault) => Alarm {
            sort: "guard_from_memory",
            message: format!(
                "the slashing guard's records cannot be written ({fault}); it decides from memory for one epoch at most, \
                 then signed messages are refused: free the disk or repair it"
            ),
        },
        News::GaveRoom => Alarm {
            sort: "guard_gave_room",
            message:
                "the disk is full, and the slashing guard has given up the 16 MiB that it kept for this; free the \
                      disk and restart Rangelight"
                    .to_owned(),
        },
        News::Cured => {
            Alarm { sort: "guard_cured", message: "the slashing guard's records are durable again".to_owned() }
        }
    }
}
