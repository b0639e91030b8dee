//! Attestations and aggregates.

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::Core;
use super::duties::Attester;
use super::network::Network;
use super::profile::{Flavour, Profile};
use super::wire::{Call, Send};
use crate::assignment::{aggregates, sign};
use crate::digest::hex;
use crate::fork::Fork;
use crate::locked;
use crate::vote::{AttestationData, bitlist, single_json, single_ssz};

fn duties_of(core: &Core, network: &Network, slot: u64) -> Vec<Attester> {
    let duties = locked(&core.duties);
    let epoch = duties.attesters.get(&network.preset.epoch(slot));
    epoch.map_or_else(Vec::new, |epoch| epoch.duties.iter().filter(|duty| duty.slot == slot).copied().collect())
}

/// Votes for all validators that are on duty in this slot.
pub(super) async fn attest(core: &Core, network: &Network, slot: u64) {
    let duties = duties_of(core, network, slot);
    if duties.is_empty() {
        return;
    }
    let electra = network.fork(slot) >= Fork::Electra;
    // From Electra on the data is the same for every committee; before, it names the committee.
    let mut committees: Vec<u64> = duties.iter().map(|duty| if electra { 0 } else { duty.committee }).collect();
    committees.sort_unstable();
    committees.dedup();
    for committee in committees {
        if let Some(data) = core.heard(network, "attestation data", fetch(core, network, slot, committee).await) {
            let of_committee = duties.iter().filter(|duty| electra || duty.committee == committee);
            let duties: Vec<Attester> = of_committee.copied().collect();
            for duty in &duties {
                locked(&core.duties).voted.insert((slot, duty.committee), data);
            }
            core.heard(network, "publishing attestations", publish(core, network, &data, &duties).await);
        }
    }
}

async fn fetch(core: &Core, network: &Network, slot: u64, committee: u64) -> Result<AttestationData, String> {
    let path = format!("/eth/v1/validator/attestation_data?slot={slot}&committee_index={committee}");
    let call = Call {
        method: Method::GET,
        path: &path,
        body: Send::Nothing,
        version: None,
        wants_ssz: core.spec.profile.flavour == Flavour::Ssz,
        patience: Profile::patience(&network.clock, core.spec.profile.attestation_data),
    };
    let answer = core.wire.call(call).await?;
    let data = if answer.is_ssz() {
        AttestationData::from_ssz(&answer.body)
    } else {
        AttestationData::read(&answer.json()?["data"])
    };
    let data = data.ok_or("the attestation data cannot be read")?;
    let sane = data.slot == slot && data.target.epoch == network.preset.epoch(slot);
    if sane && data.source.epoch < data.target.epoch { Ok(data) } else { Err(format!("wrong data: {data:?}")) }
}

async fn publish(core: &Core, network: &Network, data: &AttestationData, duties: &[Attester]) -> Result<(), String> {
    let fork = network.fork(data.slot);
    let electra = fork >= Fork::Electra;
    let (mut list, mut ssz) = (Vec::new(), Vec::new());
    for duty in duties {
        let Some(key) = network.keys.get(&duty.index) else { continue };
        let signature = sign(&key.pubkey, "attestation", &data.ssz());
        if electra {
            list.push(single_json(duty.committee, duty.index, data, &signature));
            ssz.extend(single_ssz(duty.committee, duty.index, data, &signature));
        } else {
            let bits = bitlist(duty.length, [duty.position]);
            list.push(json!({"aggregation_bits": bits, "data": data.json(), "signature": hex(&signature)}));
        }
    }
    let patience = Profile::patience(&network.clock, core.spec.profile.publish);
    let flavour = core.spec.profile.flavour;
    let (path, version) = match flavour {
        Flavour::Legacy => ("/eth/v1/beacon/pool/attestations", None),
        Flavour::Json | Flavour::Ssz => ("/eth/v2/beacon/pool/attestations", Some(fork.name())),
    };
    let ssz = Some(ssz).filter(|_| electra && flavour == Flavour::Ssz);
    core.wire.publish(path, version, Value::Array(list), ssz, patience).await
}

/// Aggregates for all validators that are chosen to in this slot.
pub(super) async fn aggregate(core: &Core, network: &Network, slot: u64) {
    let duties = duties_of(core, network, slot);
    let signed = join_all(duties.iter().map(|duty| signed_aggregate(core, network, duty))).await;
    let signed: Vec<Value> = signed.into_iter().flatten().collect();
    if signed.is_empty() {
        return;
    }
    let patience = Profile::patience(&network.clock, core.spec.profile.publish);
    let (path, version) = match core.spec.profile.flavour {
        Flavour::Legacy => ("/eth/v1/validator/aggregate_and_proofs", None),
        Flavour::Json | Flavour::Ssz => ("/eth/v2/validator/aggregate_and_proofs", Some(network.fork(slot).name())),
    };
    let done = core.wire.publish(path, version, Value::Array(signed), None, patience).await;
    core.heard(network, "publishing aggregates", done);
}

async fn signed_aggregate(core: &Core, network: &Network, duty: &Attester) -> Option<Value> {
    let key = network.keys.get(&duty.index)?;
    let proof = sign(&key.pubkey, "selection", &duty.slot.to_le_bytes());
    if !aggregates(&proof, duty.length) {
        return None;
    }
    // Without a vote there is no root to ask for, and the missing vote was complained of already.
    let data = locked(&core.duties).voted.get(&(duty.slot, duty.committee)).copied()?;
    let fetched = fetch_aggregate(core, network, &data, duty.committee).await;
    let aggregate = core.heard(network, "aggregate", fetched)?;
    let message = json!({"aggregator_index": duty.index.to_string(), "aggregate": aggregate,
        "selection_proof": hex(&proof)});
    let signature = sign(&key.pubkey, "aggregate", message.to_string().as_bytes());
    Some(json!({"message": message, "signature": hex(&signature)}))
}

async fn fetch_aggregate(
    core: &Core,
    network: &Network,
    data: &AttestationData,
    committee: u64,
) -> Result<Value, String> {
    let (slot, root) = (data.slot, data.tree_root());
    let asked = format!("attestation_data_root={root}&slot={slot}");
    let path = match core.spec.profile.flavour {
        Flavour::Legacy => format!("/eth/v1/validator/aggregate_attestation?{asked}"),
        Flavour::Json | Flavour::Ssz => {
            format!("/eth/v2/validator/aggregate_attestation?{asked}&committee_index={committee}")
        }
    };
    let patience = Profile::patience(&network.clock, core.spec.profile.read);
    let mut answer = core.wire.get(&path, patience).await?;
    let aggregate = answer["data"].take();
    if AttestationData::read(&aggregate["data"]) == Some(*data) {
        Ok(aggregate)
    } else {
        Err("the aggregate is for other data".into())
    }
}
