//! The other topics: one stream out of all nodes' streams.
//!
//! Heads are the view's. For the rest, each topic's rule says whose word counts, and the rule of trust stands above it:
//!
//! - While an own node decides, friends' events are dropped; the own node tells the same some milliseconds later, and
//!   nothing that a VC acts upon (some stop on a slashing) comes from a friend alone. When friends decide, what is serious
//!   (slashings, finality) needs as many independent ones as a head does.
//! - Slashings pass from own nodes always, whatever their tier: an operator who wants to stop on them wants to hear them.
//! - Finality needs a deciding node, more behind it than behind another root of its epoch, and an epoch that has begun.
//! - Optimistic events are dropped while a node with verified ones decides.
//!
//! Kept: the voices for the last [`EPOCHS`] epochs' finality and for the last [`OFFENCES`] slashings; the oldest are
//! forgotten first, which at worst means that a friend's old word does not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::chain::{Checkpoint, Clock, Epoch, Moment, Root, Slot};
use crate::events::{Admission, Finalized, Identity, Rule, Seen, Topic};
use crate::node::{NodeId, Tier, Trust};
use crate::view::Electorate;

use super::words::unreadable;
use super::{Effects, Fleet, Notice};

const EPOCHS: usize = 8;
const OFFENCES: usize = 256;

/// What was told, and who said what is not told yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Merge {
    seen: Seen,
    finality: BTreeMap<Epoch, BTreeMap<Root, BTreeSet<NodeId>>>,
    alarmed: BTreeSet<(Epoch, NodeId)>,
    offences: VecDeque<(Identity, BTreeSet<NodeId>)>,
}

/// What an event has to fit, read from whatever names its topic uses.
#[derive(serde::Deserialize)]
struct Common {
    #[serde(default)]
    slot: Option<Slot>,
    #[serde(default)]
    block_root: Option<Root>,
    #[serde(default)]
    execution_optimistic: Option<bool>,
}

impl Fleet {
    /// An event of a topic that is merely merged. Never needs a review, unless it shows that a lost node lives.
    pub(super) fn pass(&mut self, from: NodeId, topic: Topic, json: &str, now: Moment, effects: &mut Effects) -> bool {
        let Some(node) = self.nodes.iter_mut().find(|node| node.profile.id == from) else { return false };
        let (trust, tier) = (node.profile.trust, node.tier);
        let back = node.health.alive();
        if tier == Tier::Foreign {
            return back;
        }
        let Some(identity) = topic.identity(json) else {
            unreadable(from, topic, effects);
            return back;
        };
        let decides = self.electorate.decides(from);
        let told: Option<String> = match topic {
            Topic::ProposerSlashing | Topic::AttesterSlashing => {
                let believed = self.merge.offence(identity, from, &self.electorate);
                (believed || trust == Trust::Own).then(|| json.to_owned())
            }
            Topic::FinalizedCheckpoint => self.finalized(from, json, now, effects),
            _ if !decides => None,
            _ => {
                let leads = self.view.at().is_some_and(|(_, _, leader)| leader == from);
                let heard = topic.rule() != Rule::Leader || leads;
                (heard && self.fits(topic, json)).then(|| json.to_owned())
            }
        };
        if let Some(json) = told
            && self.merge.seen.admit(topic, &identity) == Admission::New
        {
            effects.events.push((topic, json.into()));
        }
        back
    }

    fn finalized(&mut self, from: NodeId, json: &str, now: Moment, effects: &mut Effects) -> Option<String> {
        let Some(said) = Finalized::read(json) else {
            unreadable(from, Topic::FinalizedCheckpoint, effects);
            return None;
        };
        let clock = self.schedule.as_ref()?.clock;
        let optimistic = said.execution_optimistic == Some(true) && !self.electorate.optimistic();
        if optimistic || !begun(said.epoch, &clock, now) {
            return None;
        }
        let alarm = self.merge.finality(from, Checkpoint { epoch: said.epoch, root: said.block });
        effects.notices.extend(alarm);
        self.merge.is_final(said.epoch, said.block, &self.electorate).then(|| said.write())
    }

    /// Does the event fit the view and what is known of the blocks?
    fn fits(&self, topic: Topic, json: &str) -> bool {
        let Ok(common) = serde_json::from_str::<Common>(json) else { return true };
        if common.execution_optimistic == Some(true) && !self.electorate.optimistic() {
            return false;
        }
        match (topic, self.view.at()) {
            // The VC votes on it at once, so it has to be of the chain that it was told.
            (Topic::ExecutionPayloadAvailable, Some((slot, root, _))) => {
                common.slot.is_some_and(|it| it < slot) || common.block_root == Some(root)
            }
            (Topic::ExecutionPayloadAvailable, None) => false,
            _ => true,
        }
    }
}

impl Merge {
    /// A node holds this to be final; its last word on an epoch counts. An alarm if others hold something else.
    pub(super) fn finality(&mut self, from: NodeId, says: Checkpoint) -> Option<Notice> {
        let roots = self.finality.entry(says.epoch).or_default();
        roots.retain(|root, nodes| {
            nodes.remove(&from);
            *root == says.root || !nodes.is_empty()
        });
        roots.entry(says.root).or_default().insert(from);
        let others = roots.keys().find(|root| **root != says.root).copied();
        if self.finality.len() > EPOCHS {
            self.finality.pop_first();
        }
        let others = others?;
        let news = self.alarmed.insert((says.epoch, from));
        if self.alarmed.len() > OFFENCES {
            self.alarmed.pop_first();
        }
        news.then_some(Notice::FinalityDiffers { node: from, says, others })
    }

    /// Do enough say that this is final, and more than say something else?
    fn is_final(&self, epoch: Epoch, root: Root, electorate: &Electorate) -> bool {
        let Some(roots) = self.finality.get(&epoch) else { return false };
        let support = |nodes: &BTreeSet<NodeId>| electorate.support(nodes.iter().copied());
        let behind = roots.get(&root).map(support).unwrap_or_default();
        let contradicted = roots.iter().any(|(it, nodes)| *it != root && support(nodes) >= behind);
        behind.nodes > 0 && behind.independent >= electorate.needed() && !contradicted
    }

    /// A node tells of a slashing. Are there enough that do?
    fn offence(&mut self, identity: Identity, from: NodeId, electorate: &Electorate) -> bool {
        if !self.offences.iter().any(|(it, _)| *it == identity) {
            if self.offences.len() == OFFENCES {
                self.offences.pop_front();
            }
            self.offences.push_back((identity, BTreeSet::new()));
        }
        let Some((_, nodes)) = self.offences.iter_mut().find(|(it, _)| *it == identity) else { return false };
        nodes.insert(from);
        let support = electorate.support(nodes.iter().copied());
        support.nodes > 0 && support.independent >= electorate.needed()
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> impl Iterator<Item = (&'static str, usize, usize)> {
        [
            ("finality", self.finality.len(), EPOCHS),
            ("alarmed", self.alarmed.len(), OFFENCES),
            ("offences", self.offences.len(), OFFENCES),
        ]
        .into_iter()
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.finality.values_mut().flat_map(BTreeMap::values_mut).for_each(|nodes| {
            nodes.remove(&node);
        });
        self.offences.iter_mut().for_each(|(_, nodes)| {
            nodes.remove(&node);
        });
        self.alarmed.retain(|(_, it)| *it != node);
    }
}

/// Has this epoch begun? Anything about a later one is false, whoever says it.
pub(super) fn begun(epoch: Epoch, clock: &Clock, now: Moment) -> bool {
    clock.slot(now).is_some_and(|slot| epoch <= clock.epoch(slot))
}
