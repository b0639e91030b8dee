//! The life of a validator client: start-up, then slot after slot.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::network::{Network, learn, refreshed_schedule};
use super::{Core, attest, duties, propose, stream, sync};

/// Attestations and sync messages are due at this part of a slot.
const ATTEST_AT: u64 = 3333;
/// Aggregates and contributions are due at this part of a slot.
const AGGREGATE_AT: u64 = 6667;

/// Lives until it is stopped.
pub(super) async fn live(core: Arc<Core>) {
    let mut network = Arc::new(learn(&core).await);
    let mut tasks = JoinSet::new();
    tasks.spawn(stream::follow(Arc::clone(&core), Arc::clone(&network)));
    let epoch = network.preset.epoch(network.clock.slot());
    while !duties::known(&core, epoch) || !duties::known(&core, epoch + 1) {
        duties::fetch_missing(&core, &network, network.clock.slot()).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    duties::tell_standing(&core, &network, epoch).await;
    let mut slot = network.clock.slot() + 1;
    core.ready.send_replace(Some(slot));
    loop {
        network.clock.until_ms(network.clock.start_ms(slot)).await;
        while tasks.try_join_next().is_some() {}
        if slot == network.preset.start(network.preset.epoch(slot))
            && let Ok(schedule) = refreshed_schedule(&core, &network).await
            && schedule != network.schedule
        {
            network = Arc::new(Network { schedule, ..(*network).clone() });
        }
        tasks.spawn(perform(Arc::clone(&core), Arc::clone(&network), slot));
        slot += 1;
    }
}

/// Everything one slot wants.
async fn perform(core: Arc<Core>, network: Arc<Network>, slot: u64) {
    let (core, network) = (&*core, &*network);
    tokio::join!(
        propose::propose(core, network, slot),
        keep_up(core, network, slot),
        vote(core, network, slot),
        later(core, network, slot),
    );
}

/// Keeps duties and standing submissions current, beside the duties of the slot.
async fn keep_up(core: &Core, network: &Network, slot: u64) {
    duties::drop_stale(core, network, slot);
    duties::fetch_missing(core, network, slot).await;
    let epoch = network.preset.epoch(slot);
    if slot == network.preset.start(epoch) {
        duties::tell_standing(core, network, epoch).await;
    }
}

/// Votes as soon as the head of this slot is announced, at a third of the slot at the latest.
async fn vote(core: &Core, network: &Network, slot: u64) {
    let mut heads = core.head.subscribe();
    let due = network.clock.start_ms(slot) + network.clock.part_ms(ATTEST_AT);
    tokio::select! {
        _ = heads.wait_for(|head| head.slot >= slot) => {}
        () = network.clock.until_ms(due) => {}
    }
    tokio::join!(attest::attest(core, network, slot), sync::message(core, network, slot));
}

async fn later(core: &Core, network: &Network, slot: u64) {
    network.clock.until_ms(network.clock.start_ms(slot) + network.clock.part_ms(AGGREGATE_AT)).await;
    tokio::join!(attest::aggregate(core, network, slot), sync::contribute(core, network, slot));
}
