//! What goes over the wire: requests to nodes, answers to callers, and what becomes of both when one side misbehaves.
//!
//! The scenarios here need no validator client and no passing of slots. They judge Rangelight by what nodes received and
//! what callers got, never by what it says of itself, but for evidence and refusals, which are what it says.

use rangelight_sim::{Consensus, Execution, NodeSpec, World, WorldConfig};

mod bodies;
mod broken;
mod guard;
mod headers;
mod listeners;
mod log;
mod modes;
mod program;
mod publications;
mod publications_forms;
mod publications_merged;
mod refusals;
mod stable;
mod stand_in;
mod tls;

/// Node names, in the order in which a world's nodes are configured.
const NAMES: [&str; 3] = ["attic", "cellar", "shed"];

/// For tests whose messages nobody could have signed: what is said of them is not about the guard.
const GUARD_OFF: &str = "guard.store = \"off\"";

/// A world of so many nodes, of different families, with short slots.
async fn world(nodes: usize) -> World {
    world_of(nodes, 1_000).await
}

/// A world of so many nodes with slots of this length.
async fn world_of(nodes: usize, slot_ms: u64) -> World {
    let families = [
        (Consensus::Lighthouse, Execution::Geth),
        (Consensus::Lodestar, Execution::Nethermind),
        (Consensus::Teku, Execution::Besu),
    ];
    let spec = |(name, (consensus, execution)): (&str, _)| NodeSpec::new(name, consensus, execution);
    let nodes = NAMES.into_iter().zip(families).take(nodes).map(spec).collect();
    World::start(WorldConfig { slot_ms, nodes, ..WorldConfig::default() }).await.expect("ports are free")
}

/// These bytes with the beginning of a signed block of this slot, as much as the guard reads of it.
fn signed_block(slot: u64, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[..4].copy_from_slice(&100_u32.to_le_bytes());
    bytes[100..108].copy_from_slice(&slot.to_le_bytes());
    bytes[108..116].copy_from_slice(&7_u64.to_le_bytes());
    bytes
}
