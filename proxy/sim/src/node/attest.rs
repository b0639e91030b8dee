//! What is asked before a vote and before an aggregate.

use serde_json::{Value, json};

use super::reply::{Reply, json_reply, ssz_reply};
use super::serve::{Ask, not_ready};
use crate::assignment::SYNC_SUBCOMMITTEES;
use crate::digest::{Root, draw, hex, stretch, unhex};
use crate::fault::Fault;
use crate::fork::Fork;
use crate::locked;
use crate::vote::{AttestationData, bitlist, bitvector};

/// How far back attestation data can be asked for: what a node keeps block roots for in its head state.
const OLDEST_SLOTS: u64 = 64;
/// Of 100 simulated validators so many have voted in time.
const HONEST_PERCENT: u64 = 96;

/// Which container an aggregate is asked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// v1: without a version, for forks before Electra.
    Old,
    /// v2: with a version.
    Versioned,
}

pub(crate) fn attestation_data(ask: &Ask<'_>) -> Reply {
    let Some(slot) = ask.param("slot") else { return ask.bad("must have required property 'slot'") };
    let Ok(slot) = slot.parse::<u64>() else { return ask.bad("slot must be integer") };
    let index = ask.param("committee_index").unwrap_or("0").parse::<u64>();
    let Ok(index) = index else { return ask.bad("committee_index must be integer") };
    if let Some(refusal) = not_ready(ask) {
        return refusal.into();
    }
    if ask.node.has(&Fault::Optimistic) {
        let (status, message) = ask.manner.optimistic_data;
        return ask.manner.error(status, message).into();
    }
    let now = ask.node.clock_slot();
    if slot > now || slot + OLDEST_SLOTS < now {
        return ask.bad(&format!("Requested slot {slot} is not near the current slot {now}"));
    }
    let mut data = ask.ground.attestation_data(&ask.view, slot);
    if ask.node.fork(slot) < Fork::Electra {
        data.index = index;
    }
    ask.node.memory(|memory| memory.learn(data));
    if ask.wants_ssz_duties() { ssz_reply(data.ssz()).into() } else { json_reply(&json!({"data": data.json()})).into() }
}

pub(crate) fn aggregate(ask: &Ask<'_>, container: Container) -> Reply {
    let root = ask.param("attestation_data_root").and_then(Root::parse);
    let slot = ask.param("slot").and_then(|slot| slot.parse::<u64>().ok());
    let (Some(root), Some(slot)) = (root, slot) else { return ask.bad("attestation_data_root and slot are required") };
    if let Some(refusal) = not_ready(ask) {
        return refusal.into();
    }
    let fork = ask.node.fork(slot);
    let missing = || ask.manner.error(404, ask.manner.no_aggregate).into();
    if container == Container::Old && fork >= Fork::Electra {
        return missing();
    }
    let asked_index = ask.param("committee_index").and_then(|index| index.parse::<u64>().ok());
    let own_view = || Some(ask.ground.attestation_data(&ask.view, slot)).filter(|data| data.tree_root() == root);
    let Some(data) = ask.node.memory(|memory| memory.attestation_data(root)).or_else(own_view) else {
        return missing();
    };
    let committee = if fork >= Fork::Electra { asked_index.unwrap_or(0) } else { data.index };
    let duties = ask.ground.assignment.epoch(ask.ground.preset.epoch(slot));
    let Some(members) = duties.committees.get(&(slot, committee)) else { return missing() };
    let bits = voters(ask, members, &data, committee);
    if bits.is_empty() || data.slot != slot {
        return missing();
    }
    let signature = hex(&stretch::<96>(&[b"aggregate", &root.0, &committee.to_le_bytes()]));
    let list = bitlist(members.len() as u64, bits);
    let mut out = json!({"aggregation_bits": list, "data": data.json(), "signature": signature});
    if fork >= Fork::Electra {
        out["committee_bits"] = json!(bitvector(ask.ground.preset.max_committees_per_slot(), [committee]));
    }
    match container {
        Container::Old => json_reply(&json!({"data": out})).into(),
        Container::Versioned if ask.wants_ssz_duties() => {
            ssz_reply(aggregate_ssz(&out, &data)).header("eth-consensus-version", fork.name()).into()
        }
        Container::Versioned => json_reply(&json!({"version": fork.name(), "data": out}))
            .header("eth-consensus-version", fork.name())
            .into(),
    }
}

/// Positions of the committee's members whose vote for this data this node has: all that the network heard if it is
/// subscribed, otherwise only what was published here.
fn voters(ask: &Ask<'_>, members: &[u64], data: &AttestationData, committee: u64) -> Vec<u64> {
    let subscribed = ask.node.memory(|memory| memory.committees.contains(&(data.slot, committee)));
    let canonical = AttestationData { index: data.index, ..ask.ground.attestation_data(&ask.view, data.slot) } == *data;
    let ledger = locked(&ask.ground.ledger);
    let has = |validator: u64| {
        if ask.node.memory(|memory| memory.vote_of(data.slot, validator) == Some(data)) {
            return true;
        }
        if ask.ground.own.contains(&validator) {
            return subscribed && ledger.voted(data.target.epoch, validator).is_some_and(|(vote, _)| vote == data);
        }
        subscribed && canonical && draw(ask.ground.seed, "votes", &[data.slot, validator]) % 100 < HONEST_PERCENT
    };
    (0u64..).zip(members).filter(|(_, member)| has(**member)).map(|(position, _)| position).collect()
}

fn aggregate_ssz(aggregate: &Value, data: &AttestationData) -> Vec<u8> {
    let bytes = |key: &str| aggregate[key].as_str().and_then(unhex).unwrap_or_default();
    let (signature, committee_bits) = (bytes("signature"), bytes("committee_bits"));
    let fixed = u32::try_from(4 + data.ssz().len() + signature.len() + committee_bits.len()).unwrap_or(0);
    [fixed.to_le_bytes().to_vec(), data.ssz(), signature, committee_bits, bytes("aggregation_bits")].concat()
}

pub(crate) fn contribution(ask: &Ask<'_>) -> Reply {
    let slot = ask.param("slot").and_then(|slot| slot.parse::<u64>().ok());
    let subcommittee = ask.param("subcommittee_index").and_then(|index| index.parse::<u64>().ok());
    let root = ask.param("beacon_block_root").and_then(Root::parse);
    let (Some(slot), Some(subcommittee), Some(root)) = (slot, subcommittee, root) else {
        return ask.bad("slot, subcommittee_index and beacon_block_root are required");
    };
    if subcommittee >= SYNC_SUBCOMMITTEES {
        return ask.bad("subcommittee_index is out of range");
    }
    if let Some(refusal) = not_ready(ask) {
        return refusal.into();
    }
    let size = ask.ground.preset.sync_committee_size() / SYNC_SUBCOMMITTEES;
    let committee = ask.ground.assignment.sync_committee(ask.ground.preset.epoch(slot));
    let canonical = ask.ground.root_at(&ask.view, slot) == root;
    let ledger = locked(&ask.ground.ledger);
    let has = |validator: u64| {
        ask.node.memory(|memory| {
            let subscribed = !memory.sync_committees.is_empty();
            let heard = ledger.synced(slot, validator).is_some_and(|(voted, _)| *voted == root);
            let simulated = canonical && !ask.ground.own.contains(&validator);
            memory.sync_of(slot, validator) == Some(&root) || (subscribed && (heard || simulated))
        })
    };
    let bits: Vec<u64> = (0..size)
        .filter(|at| {
            usize::try_from(subcommittee * size + at).is_ok_and(|at| committee.get(at).is_some_and(|v| has(*v)))
        })
        .collect();
    if bits.is_empty() {
        return ask.manner.error(404, "no contribution found").into();
    }
    json_reply(&json!({"data": {
        "slot": slot.to_string(),
        "beacon_block_root": root.to_string(),
        "subcommittee_index": subcommittee.to_string(),
        "aggregation_bits": bitvector(size, bits),
        "signature": hex(&stretch::<96>(&[b"contribution", &root.0, &subcommittee.to_le_bytes()])),
    }}))
    .into()
}
