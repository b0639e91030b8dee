//! Sync committee messages and contributions.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::network::Network;
use super::profile::Profile;
use super::{Core, duties};
use crate::assignment::sign;
use crate::digest::{Root, hex};
use crate::locked;

fn duties_of(core: &Core, network: &Network, slot: u64) -> BTreeMap<u64, Vec<u64>> {
    locked(&core.duties).sync.get(&network.preset.epoch(slot)).cloned().unwrap_or_default()
}

/// Sends a message for every validator in the sync committee.
pub(super) async fn message(core: &Core, network: &Network, slot: u64) {
    let duties = duties_of(core, network, slot);
    if duties.is_empty() {
        return;
    }
    let Some(root) = core.heard(network, "head root", head_root(core, network, slot).await) else { return };
    locked(&core.duties).synced.insert(slot, root);
    let messages = duties.keys().filter_map(|index| {
        let key = network.keys.get(index)?;
        let signature = sign(&key.pubkey, "sync message", &[&slot.to_le_bytes()[..], &root.0].concat());
        Some(json!({"slot": slot.to_string(), "beacon_block_root": root.to_string(),
            "validator_index": index.to_string(), "signature": hex(&signature)}))
    });
    publish(core, network, "/eth/v1/beacon/pool/sync_committees", messages.collect()).await;
}

async fn head_root(core: &Core, network: &Network, slot: u64) -> Result<Root, String> {
    let head = *core.head.borrow();
    if core.spec.profile.trusts_head_event && head.slot == slot {
        return Ok(head.root);
    }
    let patience = Profile::patience(&network.clock, core.spec.profile.attestation_data);
    let answer = core.wire.get("/eth/v1/beacon/blocks/head/root", patience).await?;
    if answer["execution_optimistic"].as_bool() != Some(false) {
        return Err("the head is optimistic, or nobody says that it is not".into());
    }
    answer["data"]["root"].as_str().and_then(Root::parse).ok_or_else(|| "the head root cannot be read".into())
}

/// Sends the contributions of validators that are chosen to in this slot.
pub(super) async fn contribute(core: &Core, network: &Network, slot: u64) {
    let Some(root) = locked(&core.duties).synced.get(&slot).copied() else { return };
    let mut chosen = Vec::new();
    for (index, positions) in duties_of(core, network, slot) {
        let of_index = duties::contributor(network, index, &positions, slot).into_iter();
        chosen.extend(of_index.map(|(subcommittee, proof)| (index, subcommittee, proof)));
    }
    // One contribution serves all that are chosen for its subcommittee.
    let subcommittees: BTreeSet<u64> = chosen.iter().map(|(_, subcommittee, _)| *subcommittee).collect();
    let fetched = subcommittees.into_iter().map(|subcommittee| fetch(core, network, slot, root, subcommittee));
    let contributions: BTreeMap<u64, Value> = join_all(fetched).await.into_iter().flatten().collect();
    let signed = chosen.into_iter().filter_map(|(index, subcommittee, proof)| {
        let key = network.keys.get(&index)?;
        let message = json!({"aggregator_index": index.to_string(), "contribution": contributions.get(&subcommittee)?,
            "selection_proof": hex(&proof)});
        let signature = sign(&key.pubkey, "contribution", message.to_string().as_bytes());
        Some(json!({"message": message, "signature": hex(&signature)}))
    });
    publish(core, network, "/eth/v1/validator/contribution_and_proofs", signed.collect()).await;
}

async fn fetch(core: &Core, network: &Network, slot: u64, root: Root, subcommittee: u64) -> Option<(u64, Value)> {
    let path = format!(
        "/eth/v1/validator/sync_committee_contribution?slot={slot}&subcommittee_index={subcommittee}\
         &beacon_block_root={root}"
    );
    let patience = Profile::patience(&network.clock, core.spec.profile.read);
    let mut answer = core.heard(network, "contribution", core.wire.get(&path, patience).await)?;
    Some((subcommittee, answer["data"].take()))
}

async fn publish(core: &Core, network: &Network, path: &str, list: Vec<Value>) {
    if !list.is_empty() {
        let patience = Profile::patience(&network.clock, core.spec.profile.publish);
        core.heard(network, path, core.wire.tell(path, Value::Array(list), patience).await);
    }
}
