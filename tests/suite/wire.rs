//! What goes over the wire: requests to nodes, answers to callers, and what becomes of both when one side misbehaves.
//!
//! The scenarios here need no validator client and no passing of slots. They judge Rangelight by what nodes received and
//! what callers got, never by what it says of itself, but for evidence and refusals, which are what it says.

use rangelight_sim::{Consensus, Execution, NodeSpec, World, WorldConfig};

mod modes;
mod publications;
mod stand_in;

/// Node names, in the order in which a world's nodes are configured.
const NAMES: [&str; 3] = ["attic", "cellar", "shed"];

/// A world of so many nodes, of different families.
async fn world(nodes: usize) -> World {
    let families = [
        (Consensus::Lighthouse, Execution::Geth),
        (Consensus::Lodestar, Execution::Nethermind),
        (Consensus::Teku, Execution::Besu),
    ];
    let spec = |(name, (consensus, execution)): (&str, _)| NodeSpec::new(name, consensus, execution);
    let nodes = NAMES.into_iter().zip(families).take(nodes).map(spec).collect();
    World::start(WorldConfig { slot_ms: 1_000, nodes, ..WorldConfig::default() }).await.expect("ports are free")
}
