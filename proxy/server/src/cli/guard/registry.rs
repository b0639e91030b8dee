//! Which public key has which index: the chain's registry, asked of the configured nodes.
//!
//! Nodes are asked in the order of the file, own ones first; the first that answers a question is believed. An index never
//! gets another key, so what one synced node says is true. Questions have at most [`AT_ONCE`] keys, so that they fit
//! every node's limits.

use std::sync::Arc;

use rangelight_policy::interchange::Pubkey;
use rangelight_policy::network::{Genesis, Served, Spec};
use rangelight_policy::node::Trust;
use rangelight_policy::slashing::Validator;
use serde::Deserialize;

use crate::config::Config;
use crate::nodes::control::Control;
use crate::nodes::network::{Chart, Network};
use crate::nodes::tls;
use crate::state::State;

/// Keys in one question: 3 KiB of them.
const AT_ONCE: usize = 32;

/// The nodes that can be asked.
pub(super) struct Registry {
    nodes: Vec<(Arc<str>, Control)>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(deserialize_with = "rangelight_policy::chain::decimal")]
    index: u64,
    validator: Keys,
}

#[derive(Deserialize)]
struct Keys {
    pubkey: Pubkey,
}

impl Registry {
    /// The nodes of this configuration.
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let mut nodes = Vec::new();
        for trust in [Trust::Own, Trust::Friend] {
            for node in config.nodes.iter().filter(|node| node.trust == trust) {
                let tls = tls::client_config(node).map_err(|error| error.to_string())?;
                let control = Control::new(node, tls).map_err(|error| error.to_string())?;
                nodes.push((Arc::clone(&node.name), control));
            }
        }
        Ok(Self { nodes })
    }

    /// The network: as it was kept, else as a node tells it. It must be the configured one.
    pub(super) async fn network(&self, config: &Config, state: &Arc<State>) -> Result<Arc<Network>, String> {
        let choice = config.network.as_ref().map(crate::config::NetworkChoice::policy).transpose();
        let choice = choice.map_err(|error| error.to_string())?;
        if let Some(kept) = Chart::new(choice, Some(Arc::clone(state))).network() {
            return Ok(Arc::clone(kept));
        }
        let genesis = self.ask("/eth/v1/beacon/genesis", |body| Genesis::read(body).ok()).await?;
        let spec = self.ask("/eth/v1/config/spec", |body| Spec::read(body).ok()).await?;
        match choice {
            Some(choice) if choice.0 != genesis.validators_root => {
                Err(format!("the nodes are of the network {} and `network` says {}", genesis.validators_root, choice.0))
            }
            _ => Ok(Arc::new(Network::new(Served { genesis, spec }))),
        }
    }

    /// Those of these keys that are validators.
    pub(super) async fn by_pubkey(&self, keys: &[Pubkey]) -> Result<Vec<(Validator, Pubkey)>, String> {
        self.look_up(&keys.iter().map(ToString::to_string).collect::<Vec<_>>()).await
    }

    /// The keys of those of these validators that there are.
    pub(super) async fn by_index(&self, validators: &[Validator]) -> Result<Vec<(Validator, Pubkey)>, String> {
        self.look_up(&validators.iter().map(|validator| validator.0.to_string()).collect::<Vec<_>>()).await
    }

    async fn look_up(&self, ids: &[String]) -> Result<Vec<(Validator, Pubkey)>, String> {
        let mut found = Vec::new();
        for ids in ids.chunks(AT_ONCE) {
            let path = format!("/eth/v1/beacon/states/head/validators?id={}", ids.join(","));
            let answer: Answer = self.ask(&path, |body| serde_json::from_slice(body).ok()).await?;
            found.extend(answer.data.into_iter().map(|entry| (Validator(entry.index), entry.validator.pubkey)));
        }
        Ok(found)
    }

    /// Asks one node after the other.
    async fn ask<T>(&self, path: &str, read: impl Fn(&[u8]) -> Option<T>) -> Result<T, String> {
        let mut reasons = Vec::new();
        for (name, control) in &self.nodes {
            match control.read(path).await {
                Ok(answer) if answer.status == 200 => match read(&answer.body) {
                    Some(read) => return Ok(read),
                    None => reasons.push(format!("{name} answers what cannot be understood")),
                },
                Ok(answer) => reasons.push(format!("{name} answers {}", answer.status)),
                Err(why) => reasons.push(format!("{name} {why}")),
            }
        }
        Err(format!(
            "no configured node can say which public key has which index ({}); start one, and do it again",
            reasons.join("; ")
        ))
    }
}
