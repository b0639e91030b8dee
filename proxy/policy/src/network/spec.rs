//! A node's spec (`GET /eth/v1/config/spec`), and what Rangelight reads out of it.
//!
//! The map is kept whole, sorted by key, because it is served again: validator clients want keys that mean nothing to
//! us. Read out of it are only slot time, forks, blob limits and deadlines. A value that should be a fork and cannot be
//! read is left in the map and otherwise passed over: one odd key of a coming fork must not cost the node.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{ForkVersion, Genesis, bounded};
use crate::chain::{Clock, Epoch, FAR_FUTURE_EPOCH, Malformed};

/// A spec map and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Length of a slot in milliseconds; never 0.
    pub slot_ms: u64,
    /// Slots per epoch; never 0.
    pub slots_per_epoch: u64,
    /// The forks in the order in which they happen.
    pub forks: Vec<Fork>,
    /// Limits of blobs per block from Fulu on, by epoch; `None` if the node does not tell its schedule.
    pub blob_schedule: Option<Vec<BlobLimit>>,
    pub(super) values: BTreeMap<String, Value>,
}

/// A fork of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Its name in lower case, as in `Eth-Consensus-Version`; the fork at genesis is `phase0`.
    pub name: String,
    /// Its version.
    pub version: ForkVersion,
    /// From which epoch on it is in force; [`FAR_FUTURE_EPOCH`] while it is not scheduled.
    pub epoch: Epoch,
}

/// One entry of `BLOB_SCHEDULE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobLimit {
    /// From which epoch on it holds.
    pub epoch: Epoch,
    /// The most blobs a block may have.
    pub max_blobs: u64,
}

/// When in a slot something is due, in basis points of the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Attestations.
    pub attestation: u64,
    /// Aggregates of attestations.
    pub aggregate: u64,
    /// Sync committee messages.
    pub sync_message: u64,
    /// Sync committee contributions.
    pub contribution: u64,
    /// Payload attestations (Gloas).
    pub payload_attestation: u64,
}

/// The forks by name, in order; for those that share an epoch, and to know which keys belong to which.
pub(super) const FORKS: [&str; 9] =
    ["phase0", "altair", "bellatrix", "capella", "deneb", "electra", "fulu", "gloas", "heze"];

impl Spec {
    /// Reads the body of `GET /eth/v1/config/spec`.
    ///
    /// # Errors
    ///
    /// Anything without slot time and slots per epoch, and more than [`super::MAX_BODY`] bytes.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        #[derive(Deserialize)]
        struct Body {
            data: BTreeMap<String, Value>,
        }

        let Body { data } = bounded(body, "a spec")?;
        Self::from_values(data)
    }

    pub(super) fn from_values(values: BTreeMap<String, Value>) -> Result<Self, Malformed> {
        let number = |key: &str| values.get(key).and_then(number).filter(|number| *number > 0);
        let seconds = || number("SECONDS_PER_SLOT").and_then(|seconds| seconds.checked_mul(1_000));
        let slot_ms = number("SLOT_DURATION_MS").or_else(seconds);
        let slots_per_epoch = number("SLOTS_PER_EPOCH");
        Ok(Self {
            slot_ms: slot_ms.ok_or_else(|| Malformed::new("a spec with a slot time", ""))?,
            slots_per_epoch: slots_per_epoch.ok_or_else(|| Malformed::new("a spec with slots per epoch", ""))?,
            forks: forks(&values),
            blob_schedule: values.get("BLOB_SCHEDULE").and_then(blob_schedule),
            values,
        })
    }

    /// The value of a key as text; `None` if it is not there or no plain value.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        match self.values.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The value of a key as a number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        self.values.get(key).and_then(number)
    }

    /// The network's clock.
    #[must_use]
    pub fn clock(&self, genesis: &Genesis) -> Clock {
        Clock { genesis: genesis.moment(), slot_ms: self.slot_ms, slots_per_epoch: self.slots_per_epoch }
    }

    /// The fork in force at an epoch; `None` only if the spec does not tell the fork at genesis.
    #[must_use]
    pub fn fork_at(&self, epoch: Epoch) -> Option<&Fork> {
        self.forks.iter().rev().find(|fork| fork.is_in_force(epoch))
    }

    /// The fork of this name.
    #[must_use]
    pub fn fork(&self, name: &str) -> Option<&Fork> {
        self.forks.iter().find(|fork| fork.name == name)
    }

    /// Whether the chain has come to this fork or a later one; not every node tells every old fork.
    pub(crate) fn has_reached(&self, name: &str, at: Epoch) -> bool {
        let later = |fork: &Fork| (rank(name)..FORKS.len()).contains(&rank(&fork.name));
        name == "phase0" || self.forks.iter().any(|fork| fork.is_in_force(at) && later(fork))
    }

    /// The deadlines at an epoch, for keys that the spec does not tell as the consensus specification has them.
    #[must_use]
    pub fn deadlines(&self, epoch: Epoch) -> Deadlines {
        let gloas = self.fork("gloas").is_some_and(|fork| fork.is_in_force(epoch));
        let due = |key: &str, before: u64, from_gloas: u64| {
            let (key, default) = if gloas { (format!("{key}_GLOAS"), from_gloas) } else { (key.to_owned(), before) };
            self.number(&key).filter(|points| *points <= 10_000).unwrap_or(default)
        };
        Deadlines {
            attestation: due("ATTESTATION_DUE_BPS", 3_333, 2_500),
            aggregate: due("AGGREGATE_DUE_BPS", 6_667, 5_000),
            sync_message: due("SYNC_MESSAGE_DUE_BPS", 3_333, 2_500),
            contribution: due("CONTRIBUTION_DUE_BPS", 6_667, 5_000),
            payload_attestation: self
                .number("PAYLOAD_ATTESTATION_DUE_BPS")
                .filter(|points| *points <= 10_000)
                .unwrap_or(7_500),
        }
    }
}

impl Fork {
    /// Whether it is in force at an epoch.
    #[must_use]
    pub fn is_in_force(&self, at: Epoch) -> bool {
        self.is_scheduled() && self.epoch <= at
    }

    /// Whether it has an epoch.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        self.epoch != FAR_FUTURE_EPOCH
    }

    /// Its place among forks: by epoch; those that share one (test networks begin with several) as they are known to
    /// follow, unknown ones last, by version.
    pub(super) fn place(&self) -> (Epoch, usize, ForkVersion) {
        (self.epoch, rank(&self.name), self.version)
    }
}

/// The place of a fork's name among the known ones; unknown ones are later than all of them.
fn rank(name: &str) -> usize {
    FORKS.iter().position(|fork| *fork == name).unwrap_or(FORKS.len())
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

fn forks(values: &BTreeMap<String, Value>) -> Vec<Fork> {
    let version = |key: &str| values.get(key)?.as_str()?.parse().ok();
    let genesis = version("GENESIS_FORK_VERSION");
    let mut forks: Vec<_> =
        genesis.map(|version| Fork { name: "phase0".to_owned(), version, epoch: Epoch(0) }).into_iter().collect();
    for (key, value) in values {
        let Some(name) = key.strip_suffix("_FORK_EPOCH") else { continue };
        if let (Some(epoch), Some(version)) = (number(value), version(&format!("{name}_FORK_VERSION"))) {
            forks.push(Fork { name: name.to_ascii_lowercase(), version, epoch: Epoch(epoch) });
        }
    }
    forks.sort_by_key(Fork::place);
    forks
}

fn blob_schedule(value: &Value) -> Option<Vec<BlobLimit>> {
    let entry = |entry: &Value| {
        let epoch = entry.get("EPOCH").and_then(number)?;
        Some(BlobLimit { epoch: Epoch(epoch), max_blobs: entry.get("MAX_BLOBS_PER_BLOCK").and_then(number)? })
    };
    let mut schedule = value.as_array()?.iter().map(entry).collect::<Option<Vec<_>>>()?;
    schedule.sort();
    schedule.dedup_by_key(|limit| limit.epoch);
    Some(schedule)
}
