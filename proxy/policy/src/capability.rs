//! What nodes cannot do: routes that they lack, encodings that they do not read or write.
//!
//! The routes and encodings of eight clients differ, by version too. Whoever asks in vain loses a round trip each time,
//! and a validator client that hears of it may draw its own conclusions: one 415 makes some of them leave SSZ for good.
//! So what a node's refusal says about *it*, not about the request, is kept here by node, operation and aspect.
//!
//! It changes the order of reads and the form of publications, never whether a node is asked: a read goes to such a node
//! last, and a publication goes to every node in any case, in the form that it can read. A proxy before a node can answer
//! 404 for an hour, and nothing must depend on such a word.
//!
//! Bounds: one entry by node, listed operation and aspect. Each holds for [`HOLDS_MS`], after which the node is tried
//! again, and ends when the node says another version. Paths that no row lists are not remembered.

use std::collections::HashMap;

use crate::catalogue::{Row, Strategy, UNLISTED_READ, UNLISTED_WRITE};
use crate::chain::Moment;
use crate::family::{ConsensusFamily, Versions};
use crate::node::NodeId;
use crate::race::Candidate;

#[cfg(test)]
mod tests;

/// How long a lack is believed, in milliseconds: an epoch of mainnet. A node that can do it after all (its proxy was
/// down) is found out so soon, and one that cannot costs one vain round trip in an epoch.
pub const HOLDS_MS: u64 = 384_000;

/// In what a node lacks an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aspect {
    /// It writes no SSZ answer.
    Answer,
    /// It reads no SSZ body.
    Body,
    /// It has no such route.
    Route,
}

/// What was learnt. See the module.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    lacks: HashMap<(NodeId, &'static str, Aspect), Moment>,
    versions: HashMap<NodeId, (ConsensusFamily, String)>,
}

/// The words by which nodes say that they have no such route, lower case; each stands alone. Lighthouse, Prysm and Caplin,
/// Nimbus. A bare "not found" is not among them: Teku and Grandine say it of blocks and states too.
const NO_ROUTE: [&str; 3] = ["not_found", "404 page not found", "requested resource not found"];

/// Teku's and Lodestar's words: so they begin, a method and a path follow, and `not found` ends them.
const NO_ROUTE_BEGINS: [&str; 2] = ["endpoint ", "route "];

/// Whether a 404 says that the node has no such route, rather than no such block or state.
#[must_use]
pub fn says_no_route(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }

    // No node says it in more words than a path has; what is longer is not worth parsing.
    if body.len() > 4_096 {
        return false;
    }
    let said = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.message);
    let said = said.unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned()).to_ascii_lowercase();
    let said = said.trim();
    NO_ROUTE.contains(&said)
        || (NO_ROUTE_BEGINS.iter().any(|begin| said.starts_with(begin)) && said.ends_with(" not found"))
}

/// What an answer to a read says of its node, if anything.
#[must_use]
pub fn lack(row: &Row, status: u16, body: &[u8]) -> Option<Aspect> {
    let listed = row.id != UNLISTED_READ.id && row.id != UNLISTED_WRITE.id;
    if !listed || row.strategy == Strategy::Broadcast {
        return None;
    }
    match status {
        405 | 501 => Some(Aspect::Route),
        406 => Some(Aspect::Answer),
        415 => Some(Aspect::Body),
        404 if says_no_route(body) => Some(Aspect::Route),
        _ => None,
    }
}

impl Capabilities {
    /// A node lacks this, for all that it said at `now`.
    pub fn learn(&mut self, node: NodeId, operation: &'static str, aspect: Aspect, now: Moment) {
        self.lacks.retain(|_, until| *until > now);
        self.lacks.insert((node, operation, aspect), now.plus(HOLDS_MS));
    }

    /// It can do it after all.
    pub fn unlearn(&mut self, node: NodeId, operation: &'static str, aspect: Aspect) {
        self.lacks.remove(&(node, operation, aspect));
    }

    /// Whether a node is known to lack this.
    #[must_use]
    pub fn lacks(&self, node: NodeId, operation: &'static str, aspect: Aspect, now: Moment) -> bool {
        self.lacks.get(&(node, operation, aspect)).is_some_and(|until| *until > now)
    }

    /// The nodes' versions as they are known now: what was learnt of a node with another one is forgotten.
    pub fn versions(&mut self, known: &HashMap<NodeId, Versions>) {
        self.versions.retain(|node, _| known.contains_key(node));
        for (node, versions) in known {
            let is = (versions.consensus, &versions.consensus_version);
            match self.versions.get(node) {
                Some((family, version)) if (*family, version) == is => continue,
                Some(_) => self.lacks.retain(|(lacking, ..), _| lacking != node),
                None => {}
            }
            self.versions.insert(*node, (versions.consensus, versions.consensus_version.clone()));
        }
    }

    /// Puts nodes that lack a read last, in the order that they had. `wants_ssz`: the caller takes no other answer.
    pub fn order(&self, row: &Row, wants_ssz: bool, ask: &mut [Candidate], now: Moment) {
        if self.lacks.is_empty() || row.strategy == Strategy::Broadcast {
            return;
        }
        let cannot = |one: &Candidate| {
            let lacks = |aspect| self.lacks(one.node, row.operation, aspect, now);
            lacks(Aspect::Route) || (wants_ssz && lacks(Aspect::Answer))
        };
        ask.sort_by_key(cannot);
        for candidate in ask.iter_mut().filter(|one| cannot(one)) {
            candidate.why = "has no such route or form, asked last";
        }
    }
}
