//! The genesis and spec that we serve.
//!
//! They are one stable picture, whichever node is up: validator clients compare them over time, and some end when a
//! value changed. The only changes are those without which a validator client would miss a fork:
//!
//! - keys that are new, forks and blob limits that are still to come, as soon as one own ready node has them;
//! - a fork or limit that should be in force by now and that the picture lacks (Rangelight was off, or nobody was
//!   upgraded in time), once *every* own ready node has it: it changes what is signed at once, and a node without it
//!   stays behind the chain and is not ready for long;
//! - what is scheduled otherwise (a fork moved, a draft's value changed) once no own ready node has the old value.
//!
//! A value in force never changes. Of several own nodes the first configured one wins, so that equal nodes give equal
//! pictures.

use serde_json::{Value, json};

use super::compare::{same, shown};
use super::critical::belongs_to;
use super::spec::{BlobLimit, Fork, Spec};
use super::{Comparison, Genesis, compare};
use crate::chain::{Epoch, FAR_FUTURE_EPOCH, Moment};

/// What we tell of the network, and measure nodes against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The genesis; never changes.
    pub genesis: Genesis,
    /// The spec; changes only in [`Served::learn`].
    pub spec: Spec,
}

/// A change of what we serve, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// The value before; `None` if the key is new.
    pub from: Option<String>,
    /// The value from now on.
    pub to: String,
}

impl Served {
    /// The epoch at a moment; 0 before genesis.
    #[must_use]
    pub fn epoch(&self, now: Moment) -> Epoch {
        let clock = self.spec.clock(&self.genesis);
        clock.slot(now).map_or(Epoch(0), |slot| clock.epoch(slot))
    }

    /// Measures a node.
    #[must_use]
    pub fn compare(&self, genesis: &Genesis, spec: &Spec, now: Epoch) -> Comparison {
        compare((&self.genesis, &self.spec), (genesis, spec), now)
    }

    /// Takes what is new from the own nodes that are ready, in configured order. Foreign and behind nodes must not be
    /// among them, nor friends'. Empty if nothing changed; then every body is the same as before, byte for byte.
    pub fn learn(&mut self, own_ready: &[&Spec], now: Epoch) -> Vec<Change> {
        let mut next = self.spec.values.clone();
        for node in own_ready {
            for (key, value) in &node.values {
                if !is_scheduled_apart(node, key) {
                    next.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        for (key, value) in &mut next {
            self.update_draft(key, value, own_ready, now);
        }
        for fork in self.coming_forks(own_ready, now) {
            let key = fork.name.to_ascii_uppercase();
            next.insert(format!("{key}_FORK_EPOCH"), json!(fork.epoch.to_string()));
            next.insert(format!("{key}_FORK_VERSION"), json!(fork.version.to_string()));
        }
        if let Some(schedule) = self.coming_limits(own_ready, now) {
            next.insert("BLOB_SCHEDULE".to_owned(), schedule);
        }
        let changes: Vec<_> = next
            .iter()
            .filter(|(key, value)| self.spec.values.get(*key).is_none_or(|old| !same(old, value)))
            .map(|(key, value)| Change {
                key: key.clone(),
                from: self.spec.values.get(key).map(shown),
                to: shown(value),
            })
            .collect();
        if changes.is_empty() {
            return changes;
        }
        match Spec::from_values(next) {
            Ok(spec) => {
                self.spec = spec;
                changes
            }
            // Slot time and slots per epoch are in force and were not touched.
            Err(_) => Vec::new(),
        }
    }

    /// The value of a key that belongs to a fork not yet in force, once no own node has the old one.
    fn update_draft(&self, key: &str, value: &mut Value, own_ready: &[&Spec], now: Epoch) {
        let is_draft = belongs_to(key).is_some_and(|fork| !self.spec.has_reached(fork, now));
        if !is_draft || key.ends_with("_FORK_EPOCH") || key.ends_with("_FORK_VERSION") {
            return;
        }
        let mut told = own_ready.iter().filter_map(|node| node.values.get(key)).peekable();
        let Some(first) = told.peek().copied() else { return };
        if !told.any(|other| same(other, value)) {
            first.clone_into(value);
        }
    }

    /// Forks to take over.
    fn coming_forks(&self, own_ready: &[&Spec], now: Epoch) -> Vec<Fork> {
        let mut taken: Vec<Fork> = Vec::new();
        for fork in own_ready.iter().flat_map(|node| &node.forks) {
            let ours = self.spec.fork(&fork.name);
            if !fork.is_scheduled()
                || ours.is_some_and(|ours| ours.is_in_force(now))
                || taken.iter().any(|other| other.name == fork.name)
            {
                continue;
            }
            let has = |wanted: &Fork| own_ready.iter().filter(|node| node.fork(&wanted.name) == Some(wanted)).count();
            let take = match ours {
                _ if fork.is_in_force(now) => has(fork) == own_ready.len(),
                Some(ours) if ours.is_scheduled() => has(ours) == 0,
                _ => true,
            };
            if take {
                taken.push(fork.clone());
            }
        }
        taken
    }

    /// The blob schedule with the limits to take over; `None` if it stays as it is.
    fn coming_limits(&self, own_ready: &[&Spec], now: Epoch) -> Option<Value> {
        let ours = self.spec.blob_schedule.clone().unwrap_or_default();
        let told: Vec<&[BlobLimit]> = own_ready.iter().filter_map(|node| node.blob_schedule.as_deref()).collect();
        let mut next = ours.clone();
        for limit in told.iter().copied().flatten().filter(|limit| limit.epoch != FAR_FUTURE_EPOCH) {
            let has = |wanted: &BlobLimit| told.iter().filter(|schedule| schedule.contains(wanted)).count();
            let old = ours.iter().position(|ours| ours.epoch == limit.epoch);
            let added = next.iter().any(|next| next.epoch == limit.epoch);
            match old {
                None if added => {}
                None if limit.epoch > now => next.push(*limit),
                // What lies before a limit that we have in force is over.
                None if ours.iter().all(|ours| ours.epoch < limit.epoch || ours.epoch > now)
                    && has(limit) == told.len() =>
                {
                    next.push(*limit);
                }
                Some(at) if limit.epoch > now && next[at] == ours[at] && has(&ours[at]) == 0 => next[at] = *limit,
                None | Some(_) => {}
            }
        }
        next.sort();
        let entry = |limit: &BlobLimit| json!({"EPOCH": limit.epoch.to_string(), "MAX_BLOBS_PER_BLOCK": limit.max_blobs.to_string()});
        (next != ours).then(|| next.iter().map(entry).collect())
    }
}

/// Whether a key is not simply new: forks that have an epoch, and the blob schedule, have rules of their own.
fn is_scheduled_apart(node: &Spec, key: &str) -> bool {
    let fork = key.strip_suffix("_FORK_EPOCH").or_else(|| key.strip_suffix("_FORK_VERSION"));
    let scheduled = |name: &str| node.fork(&name.to_ascii_lowercase()).is_some_and(Fork::is_scheduled);
    key == "BLOB_SCHEDULE" && node.blob_schedule.as_ref().is_some_and(|it| !it.is_empty())
        || fork.is_some_and(scheduled)
}

#[cfg(test)]
mod tests;
