//! Faults drawn from a seed, with at least one good node at all times.
//!
//! A few seeds run with the suite, more with `RANGELIGHT_SEEDS=n`; `RANGELIGHT_SEED=s` plays one again. The script, the
//! chain and the duties come from the seed, time does not.
//!
//! Left out of what is drawn, because one good node is then no promise that anybody could keep: a minority fork beside
//! another fault (one against one, and nobody knows which), a node that changes its network without a restart, and one
//! whose head steps back in an instant (it would be asked for a block before it is seen).

use rangelight_sim::script::{Line, Mercy};
use rangelight_sim::{Fault, Preset, Script, WorldConfig};
use rangelight_tests::seeds;

use super::stage::{JSON, Stage, THREE, nodes, side_by_side};

const SLOT_MS: u64 = 600;
const EPOCHS: u64 = 3;

fn script(seed: u64) -> Script {
    let first = Preset::Minimal.start(4);
    // The validator client starts in fair weather.
    let slots = first + 8..first + 8 + EPOCHS * 8;
    let names = THREE.map(|(name, _, _)| name);
    let drawn = Script::drawn(seed, &names, &slots, SLOT_MS, Mercy::OneGood);
    let beside = |line: &Line| {
        let overlaps = |other: &Line| other.slots.start < line.slots.end + 2 && line.slots.start < other.slots.end + 2;
        drawn.lines.iter().any(|other| other.node != line.node && overlaps(other))
    };
    let fair = |line: &&Line| match line.fault {
        Fault::Fork(_) => !beside(line),
        Fault::Lag(_) | Fault::WrongNetwork => false,
        _ => true,
    };
    Script { lines: drawn.lines.iter().filter(fair).cloned().collect() }
}

#[tokio::test]
async fn nothing_is_lost_while_one_node_is_good() {
    side_by_side(seeds(2).map(one)).await;
}

async fn one(seed: u64) {
    let script = script(seed);
    let told: Vec<String> =
        script.lines.iter().map(|line| format!("  {:?} {} {:?}", line.slots, line.node, line.fault)).collect();
    let stalls = script.lines.iter().any(|line| line.fault == Fault::Stall);
    let config = WorldConfig { seed, slot_ms: SLOT_MS, script, nodes: nodes(&THREE), ..WorldConfig::default() };
    let stage = Stage::set(config, JSON).await;
    let from = stage.from.max(Preset::Minimal.start(5));
    let mut score = stage.judge(from..Preset::Minimal.start(5 + EPOCHS) + 2).await;
    if stalls {
        score = score.but_for_lateness();
    }
    let played = format!("replay with RANGELIGHT_SEED={seed}\n{}\n", told.join("\n"));
    assert!(score.judged.len() >= 6, "the machine was too busy\n{played}");
    score.nothing_lost(&played);
    stage.strike().await;
}
