//! Duties, and the standing submissions that go with them.

use serde_json::{Value, json};

use super::reply::{Reply, json_reply};
use super::serve::{Ask, not_ready};
use crate::assignment::pubkey;
use crate::digest::{Address, Root, hex};
use crate::fault::Fault;
use crate::vote::number;

/// The epoch in the path, if duties may be asked for it now; otherwise the refusal.
fn epoch(ask: &Ask<'_>) -> Result<u64, Reply> {
    if let Some(refusal) = not_ready(ask) {
        return Err(refusal.into());
    }
    let epoch: u64 = ask.hole(0).parse().map_err(|_| ask.bad("epoch must be integer"))?;
    if epoch > ask.ground.preset.epoch(ask.node.clock_slot()) + 1 {
        return Err(ask.bad(&format!("Requested epoch {epoch} must not be more than one epoch in the future")));
    }
    Ok(epoch)
}

/// The validator indices in the body, or the refusal.
fn indices(ask: &Ask<'_>) -> Result<Vec<u64>, Reply> {
    let items = ask.items().ok_or_else(|| ask.bad("the body must be an array of validator indices"))?;
    items.iter().map(|item| number(item).ok_or_else(|| ask.bad("a validator index must be an integer"))).collect()
}

fn with_root(ask: &Ask<'_>, rows: &[Value], root: Root) -> Reply {
    json_reply(&json!({
        "data": rows,
        "dependent_root": root.to_string(),
        "execution_optimistic": ask.node.has(&Fault::Optimistic),
    }))
    .into()
}

pub(crate) fn attester(ask: &Ask<'_>) -> Reply {
    let (epoch, indices) = match (epoch(ask), indices(ask)) {
        (Ok(epoch), Ok(indices)) => (epoch, indices),
        (Err(refusal), _) | (_, Err(refusal)) => return refusal,
    };
    let duties = ask.ground.assignment.epoch(epoch);
    let known = indices.iter().filter_map(|index| duties.attesters.get(usize::try_from(*index).ok()?));
    let rows: Vec<Value> = known
        .map(|duty| {
            json!({
                "pubkey": hex(&pubkey(ask.ground.seed, duty.validator)),
                "validator_index": duty.validator.to_string(),
                "committee_index": duty.committee.to_string(),
                "committee_length": duty.length.to_string(),
                "committees_at_slot": duties.committees_per_slot.to_string(),
                "validator_committee_index": duty.position.to_string(),
                "slot": duty.slot.to_string(),
            })
        })
        .collect();
    with_root(ask, &rows, ask.ground.dependent_root(&ask.view, epoch))
}

/// `earlier`: how many epochs before its own start the dependent root lies (v1: 0, v2: 1).
pub(crate) fn proposer(ask: &Ask<'_>, earlier: u64) -> Reply {
    let epoch = match epoch(ask) {
        Ok(epoch) => epoch,
        Err(refusal) => return refusal,
    };
    let preset = ask.ground.preset;
    // Nobody proposes the genesis block.
    let slots = preset.start(epoch).max(1)..preset.start(epoch + 1);
    let rows: Vec<Value> = slots
        .map(|slot| {
            let index = ask.ground.assignment.proposer(slot);
            let key = hex(&pubkey(ask.ground.seed, index));
            json!({"pubkey": key, "validator_index": index.to_string(), "slot": slot.to_string()})
        })
        .collect();
    with_root(ask, &rows, ask.ground.dependent_root(&ask.view, epoch + 1 - earlier))
}

pub(crate) fn sync(ask: &Ask<'_>) -> Reply {
    let indices = match (sync_epoch(ask), indices(ask)) {
        (Ok(epoch), Ok(indices)) => (epoch, indices),
        (Err(refusal), _) | (_, Err(refusal)) => return refusal,
    };
    let (epoch, indices) = indices;
    let rows: Vec<Value> = indices
        .into_iter()
        .filter(|index| *index < ask.ground.assignment.validators())
        .filter_map(|index| {
            let positions = ask.ground.assignment.sync_positions(epoch, index);
            let listed: Vec<String> = positions.iter().map(u64::to_string).collect();
            (!listed.is_empty()).then(|| {
                json!({
                    "pubkey": hex(&pubkey(ask.ground.seed, index)),
                    "validator_index": index.to_string(),
                    "validator_sync_committee_indices": listed,
                })
            })
        })
        .collect();
    json_reply(&json!({"data": rows, "execution_optimistic": ask.node.has(&Fault::Optimistic)})).into()
}

/// Sync duties may be asked for the whole next period, not only for the next epoch.
fn sync_epoch(ask: &Ask<'_>) -> Result<u64, Reply> {
    if let Some(refusal) = not_ready(ask) {
        return Err(refusal.into());
    }
    let epoch: u64 = ask.hole(0).parse().map_err(|_| ask.bad("epoch must be integer"))?;
    let period = ask.ground.preset.epochs_per_sync_period();
    if epoch / period > ask.ground.preset.epoch(ask.node.clock_slot()) / period + 1 {
        return Err(ask.bad("epoch is too far in the future"));
    }
    Ok(epoch)
}

pub(crate) fn liveness(ask: &Ask<'_>) -> Reply {
    let (epoch, indices) = match (epoch(ask), indices(ask)) {
        (Ok(epoch), Ok(indices)) => (epoch, indices),
        (Err(refusal), _) | (_, Err(refusal)) => return refusal,
    };
    let preset = ask.ground.preset;
    let slots = preset.start(epoch)..preset.start(epoch + 1);
    let ledger = crate::locked(&ask.ground.ledger);
    let rows: Vec<Value> = indices
        .into_iter()
        .map(|index| {
            let live = !ask.ground.own.contains(&index) || ledger.live(epoch, slots.clone(), index);
            json!({"index": index.to_string(), "is_live": live})
        })
        .collect();
    json_reply(&json!({"data": rows})).into()
}

// === standing submissions ===

/// Takes every item of a list, or refuses the whole body.
fn each(ask: &Ask<'_>, mut take: impl FnMut(&Value) -> Option<()>) -> Reply {
    let Some(items) = ask.items() else { return ask.bad("the body must be an array") };
    match items.iter().position(|item| take(item).is_none()) {
        Some(at) => ask.bad(&format!("item {at} cannot be read")),
        None => ask.manner.done().into(),
    }
}

pub(crate) fn committee_subscriptions(ask: &Ask<'_>) -> Reply {
    each(ask, |item| {
        let at = (number(&item["slot"])?, number(&item["committee_index"])?);
        if item["is_aggregator"].as_bool()? {
            ask.node.memory(|memory| memory.committees.insert(at));
        }
        Some(())
    })
}

pub(crate) fn sync_subscriptions(ask: &Ask<'_>) -> Reply {
    each(ask, |item| {
        let index = number(&item["validator_index"])?;
        number(&item["until_epoch"])?;
        ask.node.memory(|memory| memory.sync_committees.insert(index));
        Some(())
    })
}

pub(crate) fn prepare(ask: &Ask<'_>) -> Reply {
    each(ask, |item| {
        let index = number(&item["validator_index"])?;
        let recipient = Address::parse(item["fee_recipient"].as_str()?)?;
        ask.node.memory(|memory| memory.prepared.insert(index, recipient));
        Some(())
    })
}

pub(crate) fn register(ask: &Ask<'_>) -> Reply {
    each(ask, |item| {
        let message = &item["message"];
        let recipient = Address::parse(message["fee_recipient"].as_str()?)?;
        let key = message["pubkey"].as_str()?.to_lowercase();
        number(&message["timestamp"])?;
        ask.node.memory(|memory| memory.registered.insert(key, recipient));
        Some(())
    })
}
