//! Many epochs of drawn faults, three ways: through Rangelight, through plain failover, and with the first node alone.
//!
//! Every seed makes one world and one script of faults, with at least one good own node at all times and a friend who
//! pays himself all the while. The same world is played with each of the three, so the columns differ by nothing but
//! what stands before the validator client. Plain failover is Rangelight's own pass-through mode: the next node on an
//! error, no rules.
//!
//!     cargo run --release -p rangelight-tests --bin epochs -- --epochs 1000
//!
//! Slots in which the machine gave a world no processor are not judged, and are counted. Exit code 1 if Rangelight lost
//! what a promise of the design covers: any proposal that paid a stranger, any two messages for one duty, and any duty
//! beyond `--spare`.
#![allow(clippy::print_stdout, reason = "the table is the point of the program")]
#![allow(clippy::panic, reason = "a world that cannot start is a finding")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use rangelight_sim::script::{Line, Mercy};
use rangelight_sim::vc::Flavour;
use rangelight_sim::{Consensus, Execution, Fault, NodeSpec, Preset, Profile, Report, Script, World, WorldConfig};
use rangelight_tests::{Home, PATIENCE, Wiring, pace, until};

/// Own nodes, then the friend.
const NODES: [(&str, Consensus, Execution); 4] = [
    ("attic", Consensus::Lighthouse, Execution::Geth),
    ("cellar", Consensus::Teku, Execution::Besu),
    ("shed", Consensus::Nimbus, Execution::Nethermind),
    ("mallory", Consensus::Lodestar, Execution::Reth),
];
const OWN: usize = 3;

/// The part of a slot, in per cent, that the machine may take from it before the slot is not judged.
const STOLEN_PER_CENT: u32 = 25;

/// Many epochs of drawn faults, three ways.
#[derive(Clone, Debug, Parser)]
struct Wanted {
    /// Epochs of eight slots, in all worlds together.
    #[arg(long, default_value_t = 1_000)]
    epochs: u64,
    /// Epochs of one world.
    #[arg(long, default_value_t = 50)]
    each: u64,
    /// Worlds at a time, each played three ways at once.
    #[arg(long, default_value_t = 4)]
    worlds: u64,
    /// Length of a slot.
    #[arg(long, default_value_t = 1_000)]
    slot_ms: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Of 10,000 duties so many may be lost without a verdict against us.
    #[arg(long, default_value_t = 0)]
    spare: u64,
}

/// What stands before the validator client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Guarded,
    Failover,
    Alone,
}

const WAYS: [(Way, &str); 3] =
    [(Way::Guarded, "Rangelight"), (Way::Failover, "plain failover"), (Way::Alone, "first node alone")];

/// What became of the duties of the judged slots.
#[derive(Clone, Debug, Default)]
struct Sum {
    slots: u64,
    unjudged: u64,
    votes: (u64, u64),
    heads: (u64, u64),
    targets: (u64, u64),
    syncs: (u64, u64),
    proposals: (u64, u64),
    aggregates: (u64, u64),
    contributions: (u64, u64),
    strangers_paid: u64,
    slashable: u64,
    /// The slots with losses, for a closer look.
    bad: Vec<String>,
}

fn main() -> ExitCode {
    let wanted = Wanted::parse();
    let seeds: Vec<u64> = (wanted.seed..wanted.seed + wanted.epochs.div_ceil(wanted.each)).collect();
    let sums: Arc<Mutex<BTreeMap<Way, Sum>>> = Arc::default();
    for some in seeds.chunks(usize::try_from(wanted.worlds).unwrap_or(1).max(1)) {
        std::thread::scope(|scope| {
            for (seed, (way, _)) in some.iter().flat_map(|seed| WAYS.iter().map(move |way| (*seed, *way))) {
                let (sums, wanted) = (Arc::clone(&sums), wanted.clone());
                scope.spawn(move || {
                    // One thread for each, so that the time which the machine takes from it is known.
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    let sum = runtime.unwrap_or_else(|error| panic!("{error}")).block_on(play(seed, way, &wanted));
                    sums.lock().unwrap_or_else(PoisonError::into_inner).entry(way).or_default().add(sum);
                });
            }
        });
    }
    let sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
    let of = |way| sums.get(&way).cloned().unwrap_or_default();
    print(&wanted, &of);
    let ours = of(Way::Guarded);
    for line in &ours.bad {
        println!("{line}");
    }
    let sound = ours.strangers_paid == 0 && ours.slashable == 0;
    if sound && ours.lost() * 10_000 <= wanted.spare * ours.expected() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Faults of the own nodes, one of them good at all times. A minority fork comes only while nothing else is wrong: one
/// against one, nobody can know which is right.
fn script(seed: u64, wanted: &Wanted) -> Script {
    let first = Preset::Minimal.start(5);
    let slots = first..first + wanted.each * 8;
    let names: Vec<&str> = NODES[..OWN].iter().map(|(name, ..)| *name).collect();
    let drawn = Script::drawn(seed, &names, &slots, wanted.slot_ms, Mercy::OneGood);
    let beside = |line: &Line| {
        let overlaps = |other: &Line| other.slots.start < line.slots.end + 2 && line.slots.start < other.slots.end + 2;
        drawn.lines.iter().any(|other| other.node != line.node && overlaps(other))
    };
    // A head that steps back in an instant and a node that changes its network without a restart do not happen.
    let fair = |line: &&Line| match line.fault {
        Fault::Fork(_) => !beside(line),
        Fault::Lag(_) | Fault::WrongNetwork => false,
        _ => true,
    };
    let mut script = Script { lines: drawn.lines.iter().filter(fair).cloned().collect() };
    script.lines.push(Line {
        slots: first - 1..slots.end + 4,
        node: NODES[OWN].0.into(),
        fault: Fault::LyingFeeRecipient,
    });
    script
}

async fn play(seed: u64, way: Way, wanted: &Wanted) -> Sum {
    let nodes = NODES.iter().map(|(name, consensus, execution)| NodeSpec::new(name, *consensus, *execution)).collect();
    let script = script(seed, wanted);
    let config = WorldConfig { seed, slot_ms: wanted.slot_ms, script: script.clone(), nodes, ..WorldConfig::default() };
    let world = World::start(config).await.unwrap_or_else(|error| panic!("{error}"));
    let own: Vec<&str> = NODES[..OWN].iter().map(|(name, ..)| *name).collect();
    let home = match way {
        Way::Alone => None,
        Way::Guarded => Some(Home::start(&Wiring::own_and_friends(&world, &own))),
        Way::Failover => Some(Home::start(&Wiring::own_and_friends(&world, &own).top("mode = \"pass-through\""))),
    };
    let url = home.as_ref().map_or_else(|| world.node(own[0]).url(), |home| home.url().to_owned());
    if let Some(home) = &home {
        until("a node is ready", async || home.tier(own[0]) == "ready").await;
    }
    world.start_vc(&url, profile(wanted.slot_ms));
    let from = world.vc_ready(PATIENCE).await.unwrap_or_else(|| panic!("the validator client is not ready"));
    let from = from.max(Preset::Minimal.start(5) + 1);
    let mut sum = Sum::default();
    let mut before = (pace::kept_waiting(), true);
    let allowed = Duration::from_millis(wanted.slot_ms) * STOLEN_PER_CENT / 100;
    let mut pace_of = BTreeMap::new();
    for slot in from..Preset::Minimal.start(5) + wanted.each * 8 {
        world.wait_slot(slot + 1).await;
        let now = pace::kept_waiting();
        pace_of.insert(slot, now - before.0 <= allowed);
        before.0 = now;
        // Aggregates and contributions come in a slot's last third, lateness is inherited.
        let Some(old) = slot.checked_sub(3).filter(|old| *old >= from) else { continue };
        let kept_up =
            [old.saturating_sub(1), old, old + 1].iter().all(|slot| pace_of.get(slot).copied().unwrap_or(true));
        if kept_up {
            sum.take(&world.report_of(old..old + 1), || told(&script, seed, old));
        } else {
            sum.unjudged += 1;
        }
    }
    if let Some(home) = home {
        home.stop().await;
    }
    world.stop();
    sum
}

/// As patient as a validator client is on mainnet.
fn profile(slot_ms: u64) -> Profile {
    let factor = u32::try_from(12_000 / slot_ms.max(1)).unwrap_or(1).max(1);
    let usual = Profile { flavour: Flavour::Json, ..Profile::LODESTAR };
    Profile {
        attestation_data: usual.attestation_data * factor,
        produce: usual.produce * factor,
        publish: usual.publish * factor,
        read: usual.read * factor,
        ..usual
    }
}

fn told(script: &Script, seed: u64, slot: u64) -> String {
    let now = script.lines.iter().filter(|line| line.slots.contains(&slot) || line.slots.end + 1 == slot + 1);
    let faults: Vec<String> = now.map(|line| format!("{} {:?} {:?}", line.node, line.fault, line.slots)).collect();
    format!("seed {seed} slot {slot}: {}", faults.join("; "))
}

fn print(wanted: &Wanted, of: &impl Fn(Way) -> Sum) {
    println!(
        "{} epochs of 8 slots of {} ms, seeds from {}; own nodes attic, cellar, shed with drawn faults, one good at all times",
        wanted.epochs, wanted.slot_ms, wanted.seed
    );
    let ways: Vec<Sum> = WAYS.iter().map(|(way, _)| of(*way)).collect();
    let row = |name: &str, cells: Vec<String>| {
        println!("{name:<24}{}", cells.iter().map(|cell| format!("{cell:>22}")).collect::<String>());
    };
    let lost = |(expected, done): (u64, u64)| format!("{} of {expected}", expected - done.min(expected));
    row("lost or wrong", WAYS.iter().map(|(_, name)| (*name).to_owned()).collect());
    row("attestations", ways.iter().map(|sum| lost(sum.votes)).collect());
    row("  another head", ways.iter().map(|sum| lost(sum.heads)).collect());
    row("  another target", ways.iter().map(|sum| lost(sum.targets)).collect());
    row("sync messages", ways.iter().map(|sum| lost(sum.syncs)).collect());
    row("aggregates", ways.iter().map(|sum| lost(sum.aggregates)).collect());
    row("contributions", ways.iter().map(|sum| lost(sum.contributions)).collect());
    row("proposals", ways.iter().map(|sum| lost(sum.proposals)).collect());
    row("strangers paid", ways.iter().map(|sum| sum.strangers_paid.to_string()).collect());
    row("two messages, one duty", ways.iter().map(|sum| sum.slashable.to_string()).collect());
    row("slots judged", ways.iter().map(|sum| sum.slots.to_string()).collect());
    row("slots not judged", ways.iter().map(|sum| sum.unjudged.to_string()).collect());
}

impl Sum {
    fn take(&mut self, report: &Report, story: impl FnOnce() -> String) {
        let (votes, blocks) = (&report.attestations, &report.proposals);
        let add = |sum: &mut (u64, u64), expected: u64, done: u64| *sum = (sum.0 + expected, sum.1 + done);
        add(&mut self.votes, votes.expected, votes.included);
        add(&mut self.heads, votes.included, votes.head_ok);
        add(&mut self.targets, votes.included, votes.target_ok.min(votes.source_ok));
        add(&mut self.syncs, report.sync.expected, report.sync.done);
        add(&mut self.aggregates, report.aggregates.expected, report.aggregates.done);
        add(&mut self.contributions, report.contributions.expected, report.contributions.done);
        add(&mut self.proposals, blocks.expected, blocks.landed);
        self.strangers_paid += blocks.wrong_fee_recipient;
        self.slashable += report.slashable;
        self.slots += 1;
        if report.lost() > 0 {
            self.bad.push(format!("{}\n{report}", story()));
        }
    }

    fn add(&mut self, other: Self) {
        let add = |sum: &mut (u64, u64), more: (u64, u64)| *sum = (sum.0 + more.0, sum.1 + more.1);
        add(&mut self.votes, other.votes);
        add(&mut self.heads, other.heads);
        add(&mut self.targets, other.targets);
        add(&mut self.syncs, other.syncs);
        add(&mut self.aggregates, other.aggregates);
        add(&mut self.contributions, other.contributions);
        add(&mut self.proposals, other.proposals);
        self.strangers_paid += other.strangers_paid;
        self.slashable += other.slashable;
        self.slots += other.slots;
        self.unjudged += other.unjudged;
        self.bad.extend(other.bad);
    }

    fn expected(&self) -> u64 {
        self.votes.0 + self.syncs.0 + self.proposals.0
    }

    /// Duties that were not done, or for another target.
    fn lost(&self) -> u64 {
        [self.votes, self.targets, self.syncs, self.proposals].iter().map(|(expected, done)| expected - done).sum()
    }
}
