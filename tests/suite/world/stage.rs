//! What every scenario needs: a world, a home before it, a validator client, and the verdict.
//!
//! Slots are much shorter here than on any network, while hedges (50 ms to 1 s) and the floor of deadlines (2 s) are
//! what they are. A validator client whose patience shrank with the slot would give up before a hedge, which no real
//! one does; so its patience is as long as on mainnet, and what is too late for a duty is decided by the chain.
//!
//! Slots in which the machine gave us no processor are not judged ([`pace`]); a scenario goes on until enough were.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use rangelight_sim::score::Tally;
use rangelight_sim::vc::Flavour;
use rangelight_sim::{Consensus, Execution, NodeSpec, Profile, Report, World, WorldConfig};
use rangelight_tests::{Home, PATIENCE, Wiring, pace};
use tokio::task::JoinHandle;

/// Worlds that one test may play at a time.
const AT_ONCE: usize = 3;

/// The part of a slot, in per cent, that the machine may take from it before the slot is not judged.
const STOLEN_PER_CENT: u32 = 25;

/// Of so many times the slots that a scenario wants to judge it must find enough in which the machine kept up.
const MOST: u64 = 8;

/// The slots for which profiles say how patient they are.
const MAINNET_SLOT_MS: u64 = 12_000;

/// Three nodes of different families on both sides.
pub(crate) const THREE: [(&str, Consensus, Execution); 3] = [
    ("attic", Consensus::Lighthouse, Execution::Geth),
    ("cellar", Consensus::Teku, Execution::Besu),
    ("shed", Consensus::Nimbus, Execution::Nethermind),
];

/// A world with a home before it and a validator client that knows only the home.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) home: Home,
    /// The first slot that is scored.
    pub(crate) from: u64,
    /// At the start of each slot: for how long the machine has let us wait so far.
    stolen: Arc<Mutex<BTreeMap<u64, Duration>>>,
    watch: JoinHandle<()>,
}

/// A validator client that speaks JSON and is patient. The impatient ones (500 ms for attestation data) are worse off
/// than with a node alone only when the first node hangs while its usual time is unknown or long, which a busy machine
/// makes it.
pub(crate) const JSON: Profile = Profile { flavour: Flavour::Json, ..Profile::LODESTAR };

/// Nodes with nothing special.
pub(crate) fn nodes(pairs: &[(&str, Consensus, Execution)]) -> Vec<NodeSpec> {
    pairs.iter().map(|(name, consensus, execution)| NodeSpec::new(name, *consensus, *execution)).collect()
}

/// Runs scenarios side by side: they wait most of the time, and [`AT_ONCE`] of them leave each other enough of it.
pub(crate) async fn side_by_side<F: Future<Output = ()>>(scenarios: impl IntoIterator<Item = F>) {
    futures_util::stream::iter(scenarios).for_each_concurrent(AT_ONCE, |scenario| scenario).await;
}

/// Starts a world.
pub(crate) async fn world(config: WorldConfig) -> World {
    World::start(config).await.expect("loopback has free ports")
}

/// A profile with the patience that it has on mainnet, whatever the slot.
pub(crate) fn patient(profile: Profile, slot_ms: u64) -> Profile {
    let unscaled = |patience: Duration| patience * u32::try_from(MAINNET_SLOT_MS / slot_ms).unwrap_or(1);
    Profile {
        attestation_data: unscaled(profile.attestation_data),
        produce: unscaled(profile.produce),
        publish: unscaled(profile.publish),
        read: unscaled(profile.read),
        ..profile
    }
}

/// Starts the validator client; the first slot that is scored.
pub(crate) async fn validator_client(world: &World, url: &str, profile: Profile) -> u64 {
    world.start_vc(url, patient(profile, world.ground.clock.slot_ms));
    let ready = world.vc_ready(PATIENCE).await;
    ready.unwrap_or_else(|| panic!("the validator client is not ready: {:#?}", world.report_of(0..0).errors))
}

/// Every slot in which the machine kept up, judged by itself.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Slots that were judged.
    pub(crate) judged: Vec<u64>,
    /// Slots in which something was lost, with their reports.
    pub(crate) bad: Vec<Report>,
    /// The whole of the judged slots, summed up.
    pub(crate) sum: Sum,
}

/// What was to be done in the judged slots, and what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) votes: u64,
    pub(crate) heads: u64,
    pub(crate) right_heads: u64,
    pub(crate) syncs: u64,
    pub(crate) proposals: u64,
    /// Slots in which somebody voted for an older head than the chain kept.
    pub(crate) older: u64,
}

impl Stage {
    /// Everything, over own nodes only; all of them ready.
    pub(crate) async fn set(config: WorldConfig, profile: Profile) -> Self {
        Self::wired(config, Wiring::all_own, profile).await
    }

    /// Everything; waits until all nodes are ready, for those scenarios in which they will be.
    pub(crate) async fn wired(config: WorldConfig, wiring: impl FnOnce(&World) -> Wiring, profile: Profile) -> Self {
        let world = world(config).await;
        let home = Home::start(&wiring(&world));
        home.ready(world.nodes().len()).await;
        let from = validator_client(&world, home.url(), profile).await;
        Self::of(world, home, from)
    }

    /// A stage made of parts that a scenario started by itself.
    pub(crate) fn of(world: World, home: Home, from: u64) -> Self {
        let stolen: Arc<Mutex<BTreeMap<u64, Duration>>> = Arc::default();
        let (clock, into) = (world.ground.clock, Arc::clone(&stolen));
        let watch = tokio::spawn(async move {
            for slot in clock.slot() + 1.. {
                clock.until_ms(clock.start_ms(slot)).await;
                into.lock().unwrap_or_else(PoisonError::into_inner).insert(slot, pace::kept_waiting());
            }
        });
        Self { world, home, from, stolen, watch }
    }

    /// Waits until so many slots from `from` on are over in which the machine kept up, and judges them. On a machine that
    /// is too busy there are fewer, which is said and is no finding: nothing is known then.
    pub(crate) async fn score(&self, from: u64, slots: u64) -> Score {
        let mut score = Score::default();
        for slot in from..from + slots * MOST {
            // Aggregates and contributions come in a slot's last third.
            self.world.wait_slot(slot + 3).await;
            if self.kept_up(slot) {
                let report = self.world.report_of(slot..slot + 1);
                score.take(slot, report);
            }
            if score.judged.len() as u64 == slots {
                return score;
            }
        }
        not_judged(&format!("{} of {} slots", score.judged.len(), slots * MOST));
        score
    }

    /// Waits for the start of the next slot.
    pub(crate) async fn next_slot(&self) -> u64 {
        let slot = self.world.slot() + 1;
        self.world.wait_slot(slot).await;
        slot
    }

    /// Lets so many slots pass from now, not counting those in which the machine did not keep up; which they were.
    pub(crate) async fn pass(&self, slots: u64) -> Range<u64> {
        let (from, mut good) = (self.world.slot(), 0);
        let mut before = pace::kept_waiting();
        for slot in from + 1..=from + slots * MOST {
            self.world.wait_slot(slot).await;
            let now = pace::kept_waiting();
            good += u64::from(now - before <= self.allowed());
            before = now;
            if good == slots {
                return from..slot;
            }
        }
        from..from + slots * MOST
    }

    /// Judges those of these slots, which must be over, in which the machine kept up.
    pub(crate) async fn judge(&self, slots: Range<u64>) -> Score {
        self.world.wait_slot(slots.end + 2).await;
        let mut score = Score::default();
        for slot in slots.filter(|slot| self.kept_up(*slot)) {
            score.take(slot, self.world.report_of(slot..slot + 1));
        }
        score
    }

    fn allowed(&self) -> Duration {
        Duration::from_millis(self.world.ground.clock.slot_ms) * STOLEN_PER_CENT / 100
    }

    /// Whether the machine kept up in a slot, in the one before it, whose lateness it would inherit, and in the next.
    fn kept_up(&self, slot: u64) -> bool {
        let stolen = self.stolen.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |slot: u64| stolen.get(&slot).copied();
        let slots = [slot.saturating_sub(1), slot, slot + 1];
        slots
            .into_iter()
            .all(|slot| at(slot + 1).zip(at(slot)).is_none_or(|(end, start)| end - start <= self.allowed()))
    }

    /// Fails unless every duty of so many slots from `from` on was done, and done right.
    pub(crate) async fn nothing_lost(&self, what: &str, from: u64, slots: u64) -> Sum {
        let score = self.score(from, slots).await;
        score.nothing_lost(what)
    }

    /// Stops both in order, so that the next world has the machine for itself.
    pub(crate) async fn strike(self) {
        self.watch.abort();
        self.home.stop().await;
        self.world.stop();
    }
}

impl Score {
    /// Takes back what was too late only because a node hangs: blocks, whose producer is waited for longer (2 s) than
    /// these slots are, and aggregates, when a hedge (up to 1 s) brought the vote after two thirds of such a slot.
    /// `faults.rs` has a hanging producer on longer slots.
    pub(crate) fn but_for_lateness(mut self) -> Self {
        self.bad.retain(|report| report.lost() > report.proposals.expected - report.proposals.landed);
        self
    }

    fn take(&mut self, slot: u64, report: Report) {
        self.judged.push(slot);
        let (votes, sum) = (&report.attestations, &mut self.sum);
        sum.votes += votes.expected;
        sum.heads += votes.included + report.sync.done;
        sum.right_heads += votes.head_ok + report.sync_head_ok;
        sum.syncs += report.sync.expected;
        sum.older += u64::from(votes.included + report.sync.done != votes.head_ok + report.sync_head_ok);
        sum.proposals += report.proposals.expected;
        if lost(&report) > 0 {
            self.bad.push(report);
        }
    }

    /// Fails unless every duty was done, and done right.
    pub(crate) fn nothing_lost(&self, what: &str) -> Sum {
        if self.judged.is_empty() {
            not_judged(what);
            return self.sum;
        }
        assert!(self.sum.votes + self.sum.syncs > 0, "{what}: nothing was to be done, so nothing is shown");
        assert!(self.bad.is_empty(), "{what}: {self}");
        self.sum
    }
}

/// The bad slots, with what the validator client complained of in each.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "duties were lost in {} of {} slots", self.bad.len(), self.judged.len())?;
        for report in &self.bad {
            writeln!(f, "{report}")?;
            let own = format!("slot {}:", report.slots.start);
            report
                .errors
                .iter()
                .filter(|error| error.starts_with(&own))
                .try_for_each(|error| writeln!(f, "  {error}"))?;
        }
        Ok(())
    }
}

/// Everything that was missed or done wrong, but for votes for an older head: those depend on when a block arrived.
fn lost(report: &Report) -> u64 {
    let undone = |tally: &Tally| tally.expected - tally.done;
    report.lost() + undone(&report.aggregates) + undone(&report.contributions)
}

/// Says that a busy machine left something unjudged.
pub(crate) fn not_judged(what: &str) {
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("NOT JUDGED, the machine is too busy: {what}\n"),
    );
}
