//! What a validator client learns of its network at start-up.

use std::time::Duration;

use serde_json::{Value, json};

use super::profile::{Flavour, Profile};
use super::{Core, Key, Keys};
use crate::assignment::pubkey;
use crate::clock::Clock;
use crate::digest::hex;
use crate::fork::{FORKS, Fork, Schedule};
use crate::preset::Preset;
use crate::vote::number;

/// Patience before the slot length is known.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two tries at start-up.
const PAUSE: Duration = Duration::from_millis(100);

/// The network.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) clock: Clock,
    pub(super) preset: Preset,
    pub(super) schedule: Schedule,
    pub(super) keys: Keys,
}

impl Network {
    /// The fork in force at a slot.
    pub(super) fn fork(&self, slot: u64) -> Fork {
        self.schedule.at(self.preset.epoch(slot))
    }
}

/// Asks until everything is known.
pub(super) async fn learn(core: &Core) -> Network {
    loop {
        match ask(core).await {
            Ok(network) => return network,
            Err(why) => core.complain(None, "start-up", &why),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn ask(core: &Core) -> Result<Network, String> {
    let genesis = core.wire.get("/eth/v1/beacon/genesis", FIRST_PATIENCE).await?;
    let genesis_time = number(&genesis["data"]["genesis_time"]).ok_or("genesis has no genesis_time")?;
    let spec = core.wire.get("/eth/v1/config/spec", FIRST_PATIENCE).await?;
    let spec = &spec["data"];
    let slot_ms = match number(&spec["SLOT_DURATION_MS"]) {
        Some(ms) => ms,
        None => 1000 * number(&spec["SECONDS_PER_SLOT"]).ok_or("the spec has no slot length")?,
    };
    let preset = match number(&spec["SLOTS_PER_EPOCH"]) {
        Some(32) => Preset::Mainnet,
        Some(8) => Preset::Minimal,
        other => return Err(format!("the spec has {other:?} slots per epoch")),
    };
    core.wire.get("/eth/v1/node/version", FIRST_PATIENCE).await?;
    let keys = keys(core).await?;
    if keys.len() != core.spec.validators.len() {
        return Err(format!("only {} of {} validators are known", keys.len(), core.spec.validators.len()));
    }
    Ok(Network { clock: Clock::since(genesis_time, slot_ms), preset, schedule: schedule(spec), keys })
}

/// The fork schedule in a spec; forks it does not name never come.
pub(super) fn schedule(spec: &Value) -> Schedule {
    let epoch = |fork: Fork| number(&spec[format!("{}_FORK_EPOCH", fork.name().to_uppercase())]).unwrap_or(u64::MAX);
    debug_assert_eq!(FORKS.len(), 7, "a new fork needs its epoch here");
    Schedule { deneb: epoch(Fork::Deneb), electra: epoch(Fork::Electra), fulu: epoch(Fork::Fulu) }
}

/// Asks for the spec again, for forks that were decided since.
pub(super) async fn refreshed_schedule(core: &Core, network: &Network) -> Result<Schedule, String> {
    let patience = Profile::patience(&network.clock, core.spec.profile.read);
    core.wire.get("/eth/v1/config/spec", patience).await.map(|spec| schedule(&spec["data"]))
}

async fn keys(core: &Core) -> Result<Keys, String> {
    let keys: Vec<[u8; 48]> = core.spec.validators.iter().map(|number| pubkey(core.spec.seed, *number)).collect();
    let ids: Vec<String> = keys.iter().map(|key| hex(key)).collect();
    let path = "/eth/v1/beacon/states/head/validators";
    let answer = if core.spec.profile.flavour == Flavour::Legacy {
        core.wire.get(&format!("{path}?id={}", ids.join(",")), FIRST_PATIENCE).await?
    } else {
        core.wire.ask(path, json!({"ids": ids, "statuses": null}), FIRST_PATIENCE).await?
    };
    let rows = answer["data"].as_array().ok_or("the validators are not a list")?;
    let found = rows.iter().filter_map(|row| {
        let index = number(&row["index"])?;
        let key = row["validator"]["pubkey"].as_str()?;
        let position = ids.iter().position(|id| id.eq_ignore_ascii_case(key))?;
        Some((index, Key { pubkey: keys[position] }))
    });
    Ok(found.collect())
}
