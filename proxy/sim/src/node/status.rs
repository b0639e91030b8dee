//! What a node says of itself and of its network: genesis, spec, health, versions, peers.

use serde_json::{Map, Value, json};

use super::reply::{Reply, bare, json_reply};
use super::serve::Ask;
use crate::digest::{draw, hex};
use crate::fault::Fault;
use crate::fork::{FORKS, Fork};

/// Where deposits go on every simulated network.
const DEPOSIT_CONTRACT: &str = "0x1234567890123456789012345678901234567890";
/// The chain id of the simulated execution chain.
const CHAIN_ID: &str = "32382";

pub(crate) fn genesis(ask: &Ask<'_>) -> Reply {
    let ground = &ask.ground;
    json_reply(&json!({"data": {
        "genesis_time": ground.clock.genesis_time.to_string(),
        "genesis_validators_root": ground.validators_root().to_string(),
        "genesis_fork_version": hex(&Fork::Phase0.version(ground.network)),
    }}))
    .into()
}

pub(crate) fn spec(ask: &Ask<'_>) -> Reply {
    let ground = &ask.ground;
    let schedule = ask.node.schedule();
    let mut map = Map::new();
    let mut put = |key: &str, value: String| _ = map.insert(key.into(), Value::String(value));
    put("CONFIG_NAME", format!("sim-{}", ground.network));
    put("SECONDS_PER_SLOT", ground.clock.slot_ms.div_ceil(1000).to_string());
    put("SLOT_DURATION_MS", ground.clock.slot_ms.to_string());
    for (key, value) in ground.preset.keys() {
        put(key, value);
    }
    for fork in FORKS {
        let name = fork.name().to_uppercase();
        if fork == Fork::Phase0 {
            put("GENESIS_FORK_VERSION", hex(&fork.version(ground.network)));
        } else {
            put(&format!("{name}_FORK_VERSION"), hex(&fork.version(ground.network)));
            put(&format!("{name}_FORK_EPOCH"), schedule.epoch(fork).to_string());
        }
    }
    for (key, value) in [
        ("MIN_GENESIS_TIME", ground.clock.genesis_time.to_string().as_str()),
        ("DEPOSIT_CHAIN_ID", CHAIN_ID),
        ("DEPOSIT_NETWORK_ID", CHAIN_ID),
        ("DEPOSIT_CONTRACT_ADDRESS", DEPOSIT_CONTRACT),
        ("SYNC_COMMITTEE_SUBNET_COUNT", "4"),
        ("TARGET_AGGREGATORS_PER_COMMITTEE", "16"),
        ("TARGET_AGGREGATORS_PER_SYNC_SUBCOMMITTEE", "16"),
        ("ATTESTATION_DUE_BPS", "3333"),
        ("AGGREGATE_DUE_BPS", "6667"),
        ("SYNC_MESSAGE_DUE_BPS", "3333"),
        ("CONTRIBUTION_DUE_BPS", "6667"),
        ("PROPOSER_REORG_CUTOFF_BPS", "1667"),
        ("DOMAIN_BEACON_PROPOSER", "0x00000000"),
        ("DOMAIN_BEACON_ATTESTER", "0x01000000"),
        ("DOMAIN_RANDAO", "0x02000000"),
        ("DOMAIN_SYNC_COMMITTEE", "0x07000000"),
    ] {
        put(key, value.into());
    }
    map.insert("BLOB_SCHEDULE".into(), json!([]));
    json_reply(&json!({"data": map})).into()
}

pub(crate) fn fork_schedule(ask: &Ask<'_>) -> Reply {
    let schedule = ask.node.schedule();
    let network = ask.ground.network;
    let mut previous = Fork::Phase0;
    let mut rows = Vec::new();
    for fork in FORKS {
        rows.push(json!({
            "previous_version": hex(&previous.version(network)),
            "current_version": hex(&fork.version(network)),
            "epoch": schedule.epoch(fork).to_string(),
        }));
        previous = fork;
    }
    json_reply(&json!({"data": rows})).into()
}

pub(crate) fn deposit_contract() -> Reply {
    json_reply(&json!({"data": {"chain_id": CHAIN_ID, "address": DEPOSIT_CONTRACT}})).into()
}

pub(crate) fn health(ask: &Ask<'_>) -> Reply {
    let health = &ask.manner.health;
    let custom = ask.param("syncing_status").filter(|_| health.custom_status);
    let custom = match custom.map(str::parse::<u16>) {
        Some(Ok(status @ 100..=599)) => Some(status),
        Some(_) => return ask.bad("syncing_status must be between 100 and 599"),
        None => None,
    };
    let (_, syncing) = ask.node.sync_state(&ask.view);
    let when = |condition: bool, status: u16| condition.then_some(status).filter(|status| *status != 200);
    // The worst news first: an execution client that is away explains an optimistic head, not the other way round.
    let status = when(ask.node.has(&Fault::ElOffline), health.el_offline)
        .or_else(|| when(syncing, custom.unwrap_or(health.syncing)))
        .or_else(|| when(ask.node.has(&Fault::Optimistic), health.optimistic));
    bare(status.unwrap_or(200)).into()
}

pub(crate) fn syncing(ask: &Ask<'_>) -> Reply {
    let (distance, syncing) = ask.node.sync_state(&ask.view);
    let mut data = json!({
        "head_slot": ask.view.head.slot.to_string(),
        "sync_distance": distance.to_string(),
        "is_syncing": syncing,
    });
    if ask.manner.tells_optimistic {
        data["is_optimistic"] = json!(ask.node.has(&Fault::Optimistic));
    }
    if ask.manner.tells_el_offline {
        data["el_offline"] = json!(ask.node.has(&Fault::ElOffline));
    }
    json_reply(&json!({"data": data})).into()
}

pub(crate) fn version_v1(ask: &Ask<'_>) -> Reply {
    json_reply(&json!({"data": {"version": ask.manner.version}})).into()
}

pub(crate) fn version_v2(ask: &Ask<'_>) -> Reply {
    let (code, name) = ask.manner.code;
    let (el_code, el_name, el_version) = ask.node.spec.execution.version();
    json_reply(&json!({"data": {
        "beacon_node": {"code": code, "name": name, "version": ask.manner.version, "commit": "00000000"},
        "execution_client": {"code": el_code, "name": el_name, "version": el_version, "commit": "00000000"},
    }}))
    .into()
}

pub(crate) fn peer_count(ask: &Ask<'_>) -> Reply {
    let connected = 50 + draw(ask.ground.seed, &ask.node.spec.name, &[]) % 50;
    json_reply(&json!({"data": {
        "disconnected": "12", "connecting": "0", "connected": connected.to_string(), "disconnecting": "0",
    }}))
    .into()
}

pub(crate) fn identity(ask: &Ask<'_>) -> Reply {
    let peer = format!("16Uiu2HAm{:016x}", draw(ask.ground.seed, "peer id", &[u64::from(ask.node.address().port())]));
    json_reply(&json!({"data": {
        "peer_id": peer, "enr": "enr:-", "p2p_addresses": [], "discovery_addresses": [],
        "metadata": {"seq_number": "1", "attnets": "0x0000000000000000", "syncnets": "0x00"},
    }}))
    .into()
}
