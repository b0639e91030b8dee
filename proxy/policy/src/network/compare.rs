//! Does a node belong to our network, and is it ready for what comes?
//!
//! A node is measured against the reference (what we serve). It is
//!
//! - *foreign* if genesis, slot time, a critical key (`network/critical.rs`), or a fork in force on both sides differs.
//!   It is never asked, so every mismatch is named: the operator has to see at once what is wrong;
//! - *behind* if a fork or blob limit is in force by the reference and the node has not scheduled it by now: it was not
//!   upgraded, and follows the chain no further;
//! - *not ready* for what the one side has scheduled and the other has not, or has otherwise: shown and alarmed, not
//!   punished. If it is the reference that lacks it, an own node will teach it (`network/served.rs`).
//!
//! A key that only one side has never matters by itself: versions tell more or fewer keys. Only a fork that one side
//! has scheduled and the other does not know counts, as the fork that it is. Whatever else differs is a note.
//!
//! Blob limits are compared by what they amount to, not entry by entry: some nodes list the limits of older forks, too.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::critical::critical_from;
use super::spec::{Fork, Spec};
use super::{BlobLimit, Genesis};
use crate::chain::{Epoch, FAR_FUTURE_EPOCH};

/// What a node is, measured against the reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Why it is foreign: every mismatch. Empty if it belongs to the network.
    pub foreign: Vec<Mismatch>,
    /// What is in force and the node has not: it is behind. Empty if it keeps up.
    pub behind: Vec<Gap>,
    /// What comes and one side is not ready for.
    pub not_ready: Vec<Gap>,
    /// What differs and does not matter.
    pub notes: Vec<Mismatch>,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The key, or the words for what is derived.
    pub key: String,
    /// The reference's value, at most 80 characters of it.
    pub reference: String,
    /// The node's value, at most 80 characters of it.
    pub node: String,
}

/// A change of the chain's rules that not everybody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What changes: `fork` and its name, or `blob limit`.
    pub change: String,
    /// When it comes or came, by the side that has it; the earlier if both have it.
    pub epoch: Epoch,
    /// Who has to be upgraded.
    pub lacks: Lacks,
}

/// Who lacks a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// The node.
    Node,
    /// The reference: all own nodes that were ready so far.
    Reference,
    /// Nobody, but they have it otherwise.
    Neither,
}

/// Measures a node against the reference.
#[must_use]
pub fn compare(reference: (&Genesis, &Spec), node: (&Genesis, &Spec), now: Epoch) -> Comparison {
    let mut result = Comparison::default();
    let foreign = &mut result.foreign;
    let (ours, theirs) = (reference.0, node.0);
    foreign.extend(Mismatch::unless_equal("genesis_validators_root", &ours.validators_root, &theirs.validators_root));
    foreign.extend(Mismatch::unless_equal("genesis_time", &ours.time, &theirs.time));
    foreign.extend(Mismatch::unless_equal("genesis_fork_version", &ours.fork_version, &theirs.fork_version));
    let (ours, theirs) = (reference.1, node.1);
    foreign.extend(Mismatch::unless_equal("slot time in ms", &ours.slot_ms, &theirs.slot_ms));
    compare_values(ours, theirs, now, &mut result);
    compare_forks(ours, theirs, now, &mut result);
    compare_blob_limits(ours, theirs, now, &mut result);
    result
}

fn compare_values(ours: &Spec, theirs: &Spec, now: Epoch, result: &mut Comparison) {
    for (key, our) in &ours.values {
        let Some(their) = theirs.values.get(key) else { continue };
        if same(our, their) || is_compared_elsewhere(key) {
            continue;
        }
        let mismatch = Mismatch::new(key, &shown(our), &shown(their));
        if critical_from(key).is_some_and(|fork| ours.has_reached(fork, now)) {
            result.foreign.push(mismatch);
        } else {
            result.notes.push(mismatch);
        }
    }
}

fn compare_forks(ours: &Spec, theirs: &Spec, now: Epoch, result: &mut Comparison) {
    let names: BTreeSet<&str> = ours.forks.iter().chain(&theirs.forks).map(|fork| fork.name.as_str()).collect();
    let latest_common = ours
        .forks
        .iter()
        .rfind(|fork| fork.is_in_force(now) && theirs.fork(&fork.name).is_some_and(|their| their.is_in_force(now)));
    // Who agrees on a later fork in force has this one too, whatever keys it tells.
    let is_past = |fork: &Fork| latest_common.is_some_and(|later| fork.place() < later.place());
    let gap = |fork: &Fork, lacks| Gap { change: format!("fork {}", fork.name), epoch: fork.epoch, lacks };
    for name in names {
        match (ours.fork(name), theirs.fork(name)) {
            (Some(our), Some(their)) => match (our.is_in_force(now), their.is_in_force(now)) {
                (true, true) => {
                    let key = name.to_ascii_uppercase();
                    result.foreign.extend(Mismatch::unless_equal(
                        &format!("{key}_FORK_EPOCH"),
                        &our.epoch,
                        &their.epoch,
                    ));
                    let versions = Mismatch::unless_equal(&format!("{key}_FORK_VERSION"), &our.version, &their.version);
                    result.foreign.extend(versions);
                }
                (true, false) => result.behind.push(gap(our, Lacks::Node)),
                (false, true) => result.not_ready.push(gap(their, Lacks::Reference)),
                (false, false) if our == their => {}
                (false, false) => match (our.is_scheduled(), their.is_scheduled()) {
                    (true, false) => result.not_ready.push(gap(our, Lacks::Node)),
                    (false, true) => result.not_ready.push(gap(their, Lacks::Reference)),
                    (true, true) => {
                        let earlier = if our.epoch <= their.epoch { our } else { their };
                        result.not_ready.push(gap(earlier, Lacks::Neither));
                    }
                    (false, false) => {
                        let key = format!("{}_FORK_VERSION", name.to_ascii_uppercase());
                        result.notes.extend(Mismatch::unless_equal(&key, &our.version, &their.version));
                    }
                },
            },
            (Some(our), None) if our.is_scheduled() && !is_past(our) && name != "phase0" => {
                let list = if our.is_in_force(now) { &mut result.behind } else { &mut result.not_ready };
                list.push(gap(our, Lacks::Node));
            }
            (None, Some(their)) if their.is_scheduled() && !is_past(their) && name != "phase0" => {
                result.not_ready.push(gap(their, Lacks::Reference));
            }
            _ => {}
        }
    }
}

fn compare_blob_limits(ours: &Spec, theirs: &Spec, now: Epoch, result: &mut Comparison) {
    let (Some(our), Some(their)) = (&ours.blob_schedule, &theirs.blob_schedule) else { return };
    let fulu = [ours, theirs].iter().filter_map(|spec| spec.fork("fulu")).map(|fork| fork.epoch).min();
    let epochs: BTreeSet<Epoch> =
        our.iter().chain(their).map(|limit| limit.epoch).filter(|epoch| *epoch != FAR_FUTURE_EPOCH).collect();
    let current = epochs.range(..=now).next_back();
    for epoch in current.into_iter().chain(epochs.range(Epoch(now.0.saturating_add(1))..)) {
        if limit_at(ours, our, *epoch) == limit_at(theirs, their, *epoch) || fulu.is_none_or(|fulu| *epoch < fulu) {
            continue;
        }
        let tells = |schedule: &[BlobLimit]| schedule.iter().any(|limit| limit.epoch == *epoch);
        let gap = |lacks| Gap { change: "blob limit".to_owned(), epoch: *epoch, lacks };
        match (tells(our), tells(their)) {
            (true, true) if *epoch <= now => {
                let shown = |limit: Option<u64>| limit.map_or_else(String::new, |limit| limit.to_string());
                let (our, their) = (shown(limit_at(ours, our, *epoch)), shown(limit_at(theirs, their, *epoch)));
                result.foreign.push(Mismatch::new(&format!("BLOB_SCHEDULE at epoch {epoch}"), &our, &their));
            }
            (true, true) => result.not_ready.push(gap(Lacks::Neither)),
            (true, false) if *epoch <= now => result.behind.push(gap(Lacks::Node)),
            (true, false) => result.not_ready.push(gap(Lacks::Node)),
            (false, _) => result.not_ready.push(gap(Lacks::Reference)),
        }
    }
}

/// The limit in force at an epoch: the last entry before it, else what Electra brought.
fn limit_at(spec: &Spec, schedule: &[BlobLimit], epoch: Epoch) -> Option<u64> {
    let entry = schedule.iter().rfind(|limit| limit.epoch <= epoch).map(|limit| limit.max_blobs);
    entry.or_else(|| spec.number("MAX_BLOBS_PER_BLOCK_ELECTRA"))
}

/// Slot time, forks and blob limits are compared by what they mean.
fn is_compared_elsewhere(key: &str) -> bool {
    matches!(key, "SECONDS_PER_SLOT" | "SLOT_DURATION_MS" | "BLOB_SCHEDULE")
        || key.ends_with("_FORK_EPOCH")
        || key.ends_with("_FORK_VERSION")
}

/// Hex is written in either case, and numbers as strings or bare.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    one == other || shown(one).eq_ignore_ascii_case(&shown(other))
}

pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
}

impl Mismatch {
    fn new(key: &str, reference: &str, node: &str) -> Self {
        let cut = |text: &str| text.chars().filter(|it| !it.is_control()).take(80).collect();
        Self { key: cut(key), reference: cut(reference), node: cut(node) }
    }

    fn unless_equal<T: PartialEq + fmt::Display>(key: &str, reference: &T, node: &T) -> Option<Self> {
        (reference != node).then(|| Self::new(key, &reference.to_string(), &node.to_string()))
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, should be {}", self.key, self.node, self.reference)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { change, epoch, lacks } = self;
        match lacks {
            Lacks::Node => write!(f, "not ready for {change} at epoch {epoch}"),
            Lacks::Reference => write!(f, "ready for {change} at epoch {epoch}, which no own ready node knows"),
            Lacks::Neither => write!(f, "has {change} otherwise than the own nodes, at epoch {epoch}"),
        }
    }
}

#[cfg(test)]
mod tests;
