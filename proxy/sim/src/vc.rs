//! A validator client: it performs every duty of its validators against one URL, as real ones do.
//!
//! It knows a URL, its keys and nothing else; genesis, sizes, forks and duties it asks for. It has no fallback and does
//! not repeat publications, so that what gets lost on the way is seen. Its signatures are no cryptography but always
//! the same for the same message. What it thinks of its own success is not asked: [`crate::score`] reads the chain.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::digest::Address;
use crate::locked;

mod attest;
mod duties;
mod network;
mod profile;
mod propose;
mod slots;
mod stream;
mod sync;
mod wire;

pub use profile::{Flavour, Profile};

use duties::Duties;
use network::Network;
use stream::Head;
use wire::Wire;

/// Complaints that are kept; later ones are counted by nobody, since so many already say it all.
const MAX_ERRORS: usize = 1000;

/// What a validator client is told.
#[derive(Clone, Debug)]
pub struct VcSpec {
    /// The beacon node, without a slash at the end.
    pub url: String,
    /// Which validator client it plays.
    pub profile: Profile,
    /// Where its keys come from.
    pub seed: u64,
    /// The numbers of its keys. It does not take them for validator indices: those it asks for.
    pub validators: Vec<u64>,
    /// Whom its blocks should pay.
    pub fee_recipient: Address,
}

/// A running validator client.
#[derive(Debug)]
pub struct ValidatorClient {
    core: Arc<Core>,
    tasks: Mutex<JoinSet<()>>,
}

/// What its tasks share.
#[derive(Debug)]
struct Core {
    spec: VcSpec,
    wire: Wire,
    errors: Mutex<Vec<String>>,
    ready: watch::Sender<Option<u64>>,
    head: watch::Sender<Head>,
    duties: Mutex<Duties>,
}

/// A validator of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    pubkey: [u8; 48],
}

/// Our keys by the index that the network gave them.
type Keys = BTreeMap<u64, Key>;

impl ValidatorClient {
    /// Starts one.
    #[must_use]
    pub fn start(spec: VcSpec) -> Self {
        let core = Arc::new(Core {
            wire: Wire::new(&spec.url, spec.profile),
            spec,
            errors: Mutex::default(),
            ready: watch::channel(None).0,
            head: watch::channel(Head::default()).0,
            duties: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(slots::live(Arc::clone(&core)));
        Self { core, tasks: Mutex::new(tasks) }
    }

    /// Resolves to the first slot that counts, as soon as start-up is over; `None` if it was stopped before.
    pub fn ready(&self) -> impl Future<Output = Option<u64>> + use<> {
        let mut ready = self.core.ready.subscribe();
        async move { ready.wait_for(Option::is_some).await.ok().and_then(|slot| *slot) }
    }

    /// The first slot that counts, once start-up is over.
    #[must_use]
    pub fn counted_from(&self) -> Option<u64> {
        *self.core.ready.borrow()
    }

    /// What it complained of, oldest first.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        locked(&self.core.errors).clone()
    }

    /// Stops it.
    pub fn stop(&self) {
        locked(&self.tasks).abort_all();
    }
}

impl Core {
    /// Writes a complaint down.
    fn complain(&self, network: Option<&Network>, what: &str, why: &str) {
        let slot = network.map_or(String::new(), |network| format!("slot {}: ", network.clock.slot()));
        let mut errors = locked(&self.errors);
        if errors.len() < MAX_ERRORS {
            errors.push(format!("{slot}{what}: {why}"));
        }
    }

    /// The result, or `None` after complaining.
    fn heard<T>(&self, network: &Network, what: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|why| self.complain(Some(network), what, &why)).ok()
    }
}

#[cfg(test)]
mod tests;
