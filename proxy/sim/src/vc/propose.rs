//! Proposals.

use http::Method;
use serde_json::Value;

use super::Core;
use super::network::Network;
use super::profile::{Flavour, Profile};
use super::wire::{Answer, Call, Send};
use crate::assignment::sign;
use crate::block;
use crate::digest::hex;
use crate::fork::Fork;
use crate::locked;

/// Proposes, if a validator of ours is to in this slot.
pub(super) async fn propose(core: &Core, network: &Network, slot: u64) {
    let epoch = network.preset.epoch(slot);
    let proposer = locked(&core.duties).proposers.get(&epoch).and_then(|slots| slots.get(&slot)).copied();
    if let Some(proposer) = proposer {
        core.heard(network, "proposal", attempt(core, network, slot, proposer).await);
    }
}

async fn attempt(core: &Core, network: &Network, slot: u64, proposer: u64) -> Result<(), String> {
    let key = network.keys.get(&proposer).ok_or("the proposer is not ours")?;
    let epoch = network.preset.epoch(slot);
    let randao = hex(&sign(&key.pubkey, "randao", &epoch.to_le_bytes()));
    let profile = core.spec.profile;
    let legacy = profile.flavour == Flavour::Legacy;
    let path = match profile.flavour {
        Flavour::Legacy => format!("/eth/v2/validator/blocks/{slot}?randao_reveal={randao}"),
        Flavour::Json | Flavour::Ssz => {
            format!("/eth/v3/validator/blocks/{slot}?randao_reveal={randao}&builder_boost_factor=100")
        }
    };
    let call = Call {
        method: Method::GET,
        path: &path,
        body: Send::Nothing,
        version: None,
        wants_ssz: profile.flavour == Flavour::Ssz,
        patience: Profile::patience(&network.clock, profile.produce),
    };
    let answer = core.wire.call(call).await?;
    let fork = Fork::by_name(answer.header("eth-consensus-version")).unwrap_or_else(|| network.fork(slot));
    let blinded = answer.header("eth-execution-payload-blinded") == "true";
    let (json, ssz) = signed(&answer, fork, blinded, (slot, proposer), &key.pubkey)?;
    let path = match (legacy, blinded) {
        (true, _) => "/eth/v1/beacon/blocks",
        (false, false) => "/eth/v2/beacon/blocks?broadcast_validation=gossip",
        (false, true) => "/eth/v2/beacon/blinded_blocks?broadcast_validation=gossip",
    };
    let version = (!legacy).then(|| fork.name());
    let patience = Profile::patience(&network.clock, profile.publish);
    core.wire.publish(path, version, json, ssz, patience).await
}

/// Checks that the block is the one that was asked for, and signs it in the encoding it came in.
fn signed(
    answer: &Answer,
    fork: Fork,
    blinded: bool,
    wanted: (u64, u64),
    pubkey: &[u8; 48],
) -> Result<(Value, Option<Vec<u8>>), String> {
    let (fields, json) = if answer.is_ssz() {
        (block::produced_ssz(&answer.body, fork, blinded), Value::Null)
    } else {
        let produced = answer.json()?["data"].take();
        (block::produced_json(&produced, fork, blinded), produced)
    };
    let (slot, proposer, parent, state) = fields.ok_or("the block cannot be read")?;
    if (slot, proposer) != wanted {
        return Err(format!("a block of slot {slot} and proposer {proposer} was not asked for"));
    }
    let signature = sign(pubkey, "block", &block::message(slot, proposer, parent, state));
    if answer.is_ssz() {
        let ssz = block::sign_ssz(&answer.body, fork, blinded, &signature).ok_or("the block cannot be signed")?;
        return Ok((Value::Null, Some(ssz)));
    }
    Ok((block::sign_json(&json, fork, blinded, &signature), None))
}
