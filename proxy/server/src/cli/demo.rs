//! `rangelight demo`: the real proxy over a simulated world, with a validator client and a tour of faults.
//!
//! Four simulated pairs of different families serve the Beacon API over real sockets on loopback; the real proxy stands
//! before them; a simulated validator client knows only the proxy. The tour hurts one node after another, then two at
//! once. Each line is one slot, written when its duties are over; the score is read from the simulated chain, not from
//! what the validator client believes. Nothing is installed, nothing is kept, and it ends by itself.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rangelight_policy::node::{Participation, Snapshot, Tier, Trust};
use rangelight_sim::{Consensus, Execution, Fault, NodeSpec, Preset, Profile, Report, World, WorldConfig};

use super::{complain, say};
use crate::Rangelight;
use crate::config::{
    AdminConfig, Config, GuardStore, ListenAddress, ListenConfig, Mode, NodeConfig, SafeUrl, TlsConfig,
};
use crate::limits::Limits;

/// The length of a slot: long enough to read a line, short enough to watch the tour to its end.
const SLOT_MS: u64 = 2_000;

/// The validators of the simulated validator client.
const VALIDATORS: u64 = 12;

/// Slots that a duty has to reach the chain before its slot is scored.
const SETTLE: u64 = 2;

/// Shows the main job.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// How many slots of two seconds to show; the tour of faults takes 36.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    slots: u64,
    /// Where the simulated validator client connects.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: String,
    /// Where status, metrics and evidence are.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    admin: String,
    /// Everything random is drawn from it; the same seed gives the same chain.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// One stop of the tour.
struct Stop {
    /// Slots from the tour's beginning.
    slots: std::ops::Range<u64>,
    node: &'static str,
    fault: Fault,
    words: &'static str,
}

const PAIRS: [(&str, Consensus, Execution); 4] = [
    ("attic", Consensus::Lighthouse, Execution::Geth),
    ("cellar", Consensus::Teku, Execution::Besu),
    ("garage", Consensus::Nimbus, Execution::Nethermind),
    ("shed", Consensus::Lodestar, Execution::Reth),
];

fn tour() -> Vec<Stop> {
    let stop = |slots, node, fault, words| Stop { slots, node, fault, words };
    vec![
        stop(2..5, "attic", Fault::Refuse, "is switched off"),
        stop(7..10, "cellar", Fault::Stall, "hangs: takes connections, answers nothing"),
        stop(12..16, "attic", Fault::Frozen, "has lost its execution client and still says it is synced"),
        stop(17..19, "shed", Fault::Optimistic, "has a head that its execution client has not verified"),
        stop(20..23, "attic", Fault::Slow(Duration::from_millis(1_500)), "is slow, but all its lights are green"),
        stop(24..27, "garage", Fault::Fork(1), "follows another branch"),
        stop(28..30, "attic", Fault::Restart, "restarts and forgets what it was told"),
        stop(31..34, "attic", Fault::Garbage, "answers nonsense"),
        stop(31..34, "cellar", Fault::Refuse, "is switched off"),
        stop(31..34, "garage", Fault::Stall, "hangs: takes connections, answers nothing"),
    ]
}

/// Runs the demo.
pub(super) fn run(demo: &Demo) -> Result<ExitCode, ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let shown = runtime.map_err(|cause| cause.to_string()).and_then(|runtime| {
        let shown = runtime.block_on(show(demo));
        runtime.shutdown_timeout(Duration::from_millis(200));
        shown
    });
    shown.map_err(|reason| {
        complain(&reason);
        ExitCode::FAILURE
    })
}

async fn show(demo: &Demo) -> Result<ExitCode, String> {
    let nodes = PAIRS.map(|(name, consensus, execution)| NodeSpec::new(name, consensus, execution)).to_vec();
    let world = WorldConfig {
        seed: demo.seed,
        preset: Preset::Minimal,
        slot_ms: SLOT_MS,
        own: 0..VALIDATORS,
        nodes,
        ..WorldConfig::default()
    };
    let world = World::start(world).await.map_err(|cause| format!("the simulated world cannot start: {cause}"))?;
    let config = config(demo, &world)?;
    let rangelight = Rangelight::start(&config, None, &Limits::default()).map_err(|unstarted| unstarted.to_string())?;
    let url = format!("http://{}", rangelight.addresses()[0]);
    say(&format!(
        "Four simulated nodes, the real proxy, one validator client with {VALIDATORS} keys. Slots of {} s.",
        SLOT_MS / 1_000
    ));
    for (name, consensus, execution) in PAIRS {
        say(&format!("  {name:<7} {consensus:?} + {execution:?}, at {}", world.node(name).url()));
    }
    say(&format!("  the validator client knows only {url}"));
    say(&format!("  status, metrics and evidence: http://{}/\n", rangelight.admin_address()));
    world.start_vc(&url, Profile::LIGHTHOUSE);
    let patience = Duration::from_secs(30);
    let ready = world.vc_ready(patience).await;
    let ready = ready.ok_or_else(|| format!("the validator client was not ready within {patience:?}"))?;
    guide(demo, &world, &rangelight, ready).await;
    world.wait_slot(ready + demo.slots + SETTLE).await;
    let report = world.report_of(ready..ready + demo.slots);
    say(&format!("\n{report}"));
    rangelight.drain(Duration::from_secs(2)).await;
    world.stop();
    let lost = report.lost();
    match lost {
        0 => say("\nNo duty was lost. The same with your own nodes: `rangelight run`; see the README."),
        _ => say(&format!(
            "\n{lost} duties were lost or wrong. A machine that is busy with other things can be the cause, since slots \
             of {} s leave little time: try again when it is idle. If duties are lost again, please report it with the \
             seed {}.",
            SLOT_MS / 1_000,
            demo.seed
        )),
    }
    Ok(if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays the tour and writes a line for each slot.
async fn guide(demo: &Demo, world: &World, rangelight: &Rangelight, ready: u64) {
    let tour = tour();
    for slot in ready..ready + demo.slots + SETTLE {
        world.wait_slot(slot).await;
        let at = slot - ready;
        for stop in &tour {
            if stop.slots.end == at {
                world.heal(stop.node);
                say(&format!("        {} is well again", stop.node));
            }
        }
        for stop in tour.iter().filter(|stop| stop.slots.start == at && stop.slots.end <= demo.slots) {
            world.fault(stop.node, stop.fault.clone());
            say(&format!("        {} {}", stop.node, stop.words));
        }
        if slot >= ready + SETTLE {
            let scored = slot - SETTLE;
            let snapshot = Arc::clone(&rangelight.nodes().picture().snapshot);
            say(&line(scored, &world.report_of(scored..scored + 1), &snapshot));
        }
    }
}

/// A slot's score, and the nodes as they stand when it is written.
fn line(slot: u64, report: &Report, snapshot: &Snapshot) -> String {
    let of =
        |done: u64, expected: u64| if expected == 0 { "  -  ".to_owned() } else { format!("{done:>2}/{expected:<2}") };
    let votes = &report.attestations;
    let block = match (report.proposals.expected, report.proposals.landed, report.proposals.wrong_fee_recipient) {
        (0, _, _) => "-",
        (_, 0, _) => "MISSED",
        (_, _, 0) => "made",
        _ => "WRONG RECIPIENT",
    };
    let nodes: Vec<String> = snapshot
        .nodes
        .iter()
        .map(|node| {
            let leads = snapshot.view.as_ref().is_some_and(|view| view.leader == node.profile.id);
            let mark = if leads { "*" } else { "" };
            let doubt = if node.doubtful && node.tier == Tier::Ready { "?" } else { "" };
            format!("{}{mark} {}{doubt}", node.profile.name, node.tier.name())
        })
        .collect();
    format!(
        "slot {slot:<4} attestations {} (head {}, target {})  sync {}  block {block:<6}  | {}",
        of(votes.included, votes.expected),
        of(votes.head_ok, votes.included),
        of(votes.target_ok, votes.included),
        of(report.sync.done, report.sync.expected),
        nodes.join(", "),
    )
}

fn config(demo: &Demo, world: &World) -> Result<Config, String> {
    let address =
        |text: &str| ListenAddress::parse(text, &std::env::temp_dir()).map_err(|error| format!("{text}: {error}"));
    let node = |(name, _, _): &(&str, Consensus, Execution)| {
        let (url, authorization) = SafeUrl::parse(&world.node(name).url())?;
        Ok(NodeConfig {
            name: (*name).into(),
            url,
            trust: Trust::Own,
            participation: Participation::Full,
            consensus: None,
            execution: None,
            operator: None,
            authorization,
            headers: Vec::new(),
            tls: TlsConfig::default(),
        })
    };
    let nodes = PAIRS.iter().map(node).collect::<Result<Vec<_>, String>>()?;
    Ok(Config {
        network: None,
        state: std::env::temp_dir(),
        mode: Mode::Guarded,
        attestation: rangelight_policy::quorum::Settings::default(),
        listens: vec![ListenConfig {
            address: address(&demo.listen)?,
            hosts: Vec::new(),
            origins: Vec::new(),
            token: None,
            budget: None,
        }],
        admin: AdminConfig { address: address(&demo.admin)?, hosts: Vec::new(), origins: Vec::new(), token: None },
        guard: GuardStore::Redb("guard.redb".into()),
        fee_recipients: Vec::new(),
        nodes,
    })
}
