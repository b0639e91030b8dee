//! The duties a validator client knows, and the standing submissions it makes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Core;
use super::network::Network;
use super::profile::Profile;
use crate::assignment::{SYNC_SUBCOMMITTEES, aggregates, contributes, sign};
use crate::digest::{Root, hex};
use crate::locked;
use crate::vote::{AttestationData, number};

/// An attester duty, as it was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attester {
    pub(super) index: u64,
    pub(super) slot: u64,
    pub(super) committee: u64,
    pub(super) length: u64,
    pub(super) position: u64,
    pub(super) committees_at_slot: u64,
}

/// Attester duties of an epoch, and where they hang.
#[derive(Clone, Debug)]
pub(super) struct Attesters {
    pub(super) root: Root,
    pub(super) duties: Vec<Attester>,
}

/// All duties known.
#[derive(Debug, Default)]
pub(super) struct Duties {
    pub(super) attesters: BTreeMap<u64, Attesters>,
    /// Own proposals by slot, by epoch.
    pub(super) proposers: BTreeMap<u64, BTreeMap<u64, u64>>,
    /// Positions by validator, by epoch.
    pub(super) sync: BTreeMap<u64, BTreeMap<u64, Vec<u64>>>,
    /// What was voted in a slot, by committee: asked for again when aggregating.
    pub(super) voted: BTreeMap<(u64, u64), AttestationData>,
    /// The root that sync messages of a slot were signed for.
    pub(super) synced: BTreeMap<u64, Root>,
}

/// Epochs of duties that are kept before the current one.
const KEPT_EPOCHS: u64 = 2;

pub(super) fn known(core: &Core, epoch: u64) -> bool {
    let duties = locked(&core.duties);
    duties.attesters.contains_key(&epoch) && duties.proposers.contains_key(&epoch) && duties.sync.contains_key(&epoch)
}

/// Forgets attester duties that hang on another root than the last head event says, and what is old.
pub(super) fn drop_stale(core: &Core, network: &Network, slot: u64) {
    let epoch = network.preset.epoch(slot);
    let head = *core.head.borrow();
    let mut duties = locked(&core.duties);
    let oldest = epoch.saturating_sub(KEPT_EPOCHS);
    duties.attesters.retain(|old, _| *old >= oldest);
    duties.proposers.retain(|old, _| *old >= oldest);
    duties.sync.retain(|old, _| *old >= oldest);
    duties.voted.retain(|(old, _), _| old + 2 >= slot);
    duties.synced.retain(|old, _| old + 2 >= slot);
    if network.preset.epoch(head.slot) == epoch && head.slot > 0 {
        let fits =
            |at: u64, root: Root| (at != epoch || root == head.current) && (at != epoch + 1 || root == head.next);
        duties.attesters.retain(|at, attesters| fits(*at, attesters.root));
    }
}

/// Fetches the duties of this epoch and the next that are not known.
pub(super) async fn fetch_missing(core: &Core, network: &Network, slot: u64) {
    let epoch = network.preset.epoch(slot);
    for epoch in [epoch, epoch + 1] {
        let (attesters, proposers, sync) = {
            let duties = locked(&core.duties);
            (
                duties.attesters.contains_key(&epoch),
                duties.proposers.contains_key(&epoch),
                duties.sync.contains_key(&epoch),
            )
        };
        tokio::join!(
            async {
                if !attesters
                    && let Some(found) = core.heard(network, "attester duties", attester(core, network, epoch).await)
                {
                    let fresh = found.clone();
                    locked(&core.duties).attesters.insert(epoch, found);
                    subscribe(core, network, &fresh.duties).await;
                }
            },
            async {
                if !proposers
                    && let Some(found) = core.heard(network, "proposer duties", proposer(core, network, epoch).await)
                {
                    locked(&core.duties).proposers.insert(epoch, found);
                }
            },
            async {
                if !sync
                    && let Some(found) = core.heard(network, "sync duties", sync_duties(core, network, epoch).await)
                {
                    locked(&core.duties).sync.insert(epoch, found);
                }
            },
        );
    }
}

fn indices(network: &Network) -> Value {
    network.keys.keys().map(u64::to_string).collect()
}

fn rows(answer: &Value) -> Result<&Vec<Value>, String> {
    if answer["execution_optimistic"].as_bool() == Some(true) {
        return Err("the answer is optimistic".into());
    }
    answer["data"].as_array().ok_or_else(|| "the duties are not a list".into())
}

async fn attester(core: &Core, network: &Network, epoch: u64) -> Result<Attesters, String> {
    let patience = Profile::patience(&network.clock, core.spec.profile.read);
    let path = format!("/eth/v1/validator/duties/attester/{epoch}");
    let answer = core.wire.ask(&path, indices(network), patience).await?;
    let root = answer["dependent_root"].as_str().and_then(Root::parse).ok_or("no dependent root")?;
    let read = |row: &Value| {
        Some(Attester {
            index: number(&row["validator_index"])?,
            slot: number(&row["slot"])?,
            committee: number(&row["committee_index"])?,
            length: number(&row["committee_length"])?,
            position: number(&row["validator_committee_index"])?,
            committees_at_slot: number(&row["committees_at_slot"])?,
        })
    };
    let duties: Option<Vec<Attester>> = rows(&answer)?.iter().map(read).collect();
    Ok(Attesters { root, duties: duties.ok_or("a duty cannot be read")? })
}

async fn proposer(core: &Core, network: &Network, epoch: u64) -> Result<BTreeMap<u64, u64>, String> {
    let patience = Profile::patience(&network.clock, core.spec.profile.read);
    let answer = core.wire.get(&format!("/eth/v1/validator/duties/proposer/{epoch}"), patience).await?;
    let all = rows(&answer)?.iter().map(|row| Some((number(&row["slot"])?, number(&row["validator_index"])?)));
    let all: Option<Vec<(u64, u64)>> = all.collect();
    let own = all.ok_or("a duty cannot be read")?.into_iter().filter(|(_, index)| network.keys.contains_key(index));
    Ok(own.collect())
}

async fn sync_duties(core: &Core, network: &Network, epoch: u64) -> Result<BTreeMap<u64, Vec<u64>>, String> {
    let patience = Profile::patience(&network.clock, core.spec.profile.read);
    let path = format!("/eth/v1/validator/duties/sync/{epoch}");
    let answer = core.wire.ask(&path, indices(network), patience).await?;
    let read = |row: &Value| {
        let positions = row["validator_sync_committee_indices"].as_array()?;
        Some((number(&row["validator_index"])?, positions.iter().map(number).collect::<Option<Vec<u64>>>()?))
    };
    rows(&answer)?.iter().map(read).collect::<Option<_>>().ok_or_else(|| "a duty cannot be read".into())
}

// === standing submissions ===

async fn subscribe(core: &Core, network: &Network, duties: &[Attester]) {
    let list: Vec<Value> = duties
        .iter()
        .filter_map(|duty| {
            let proof = sign(&network.keys.get(&duty.index)?.pubkey, "selection", &duty.slot.to_le_bytes());
            Some(json!({
                "validator_index": duty.index.to_string(),
                "committee_index": duty.committee.to_string(),
                "committees_at_slot": duty.committees_at_slot.to_string(),
                "slot": duty.slot.to_string(),
                "is_aggregator": aggregates(&proof, duty.length),
            }))
        })
        .collect();
    tell(core, network, "/eth/v1/validator/beacon_committee_subscriptions", list).await;
}

/// Tells the node what it keeps in memory only.
pub(super) async fn tell_standing(core: &Core, network: &Network, epoch: u64) {
    let recipient = core.spec.fee_recipient.to_string();
    let prepared = network.keys.keys();
    let prepared = prepared.map(|index| json!({"validator_index": index.to_string(), "fee_recipient": recipient}));
    tell(core, network, "/eth/v1/validator/prepare_beacon_proposer", prepared.collect()).await;
    let registered = network.keys.values().map(|key| {
        let message = json!({"fee_recipient": recipient, "gas_limit": "36000000",
            "timestamp": network.clock.genesis_time.to_string(), "pubkey": hex(&key.pubkey)});
        let signature = sign(&key.pubkey, "registration", message.to_string().as_bytes());
        json!({"message": message, "signature": hex(&signature)})
    });
    tell(core, network, "/eth/v1/validator/register_validator", registered.collect()).await;
    let sync = locked(&core.duties).sync.get(&epoch).cloned().unwrap_or_default();
    let sync = sync.into_iter().map(|(index, positions)| {
        let positions: Vec<String> = positions.iter().map(u64::to_string).collect();
        json!({"validator_index": index.to_string(), "sync_committee_indices": positions,
            "until_epoch": (epoch + 2).to_string()})
    });
    tell(core, network, "/eth/v1/validator/sync_committee_subscriptions", sync.collect()).await;
}

async fn tell(core: &Core, network: &Network, path: &str, list: Vec<Value>) {
    if !list.is_empty() {
        let patience = Profile::patience(&network.clock, core.spec.profile.read);
        core.heard(network, path, core.wire.tell(path, Value::Array(list), patience).await);
    }
}

/// The subcommittees in which a validator contributes in a slot, with its selection proofs.
pub(super) fn contributor(network: &Network, index: u64, positions: &[u64], slot: u64) -> Vec<(u64, [u8; 96])> {
    let Some(key) = network.keys.get(&index) else { return Vec::new() };
    let size = network.preset.sync_committee_size() / SYNC_SUBCOMMITTEES;
    let subcommittees: BTreeSet<u64> = positions.iter().map(|position| position / size).collect();
    let proof = |subcommittee: u64| {
        let message = [slot.to_le_bytes(), subcommittee.to_le_bytes()].concat();
        (subcommittee, sign(&key.pubkey, "sync selection", &message))
    };
    subcommittees.into_iter().map(proof).filter(|(_, proof)| contributes(proof, network.preset)).collect()
}
